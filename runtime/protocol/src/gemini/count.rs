//! Asks how many tokens a prompt has: `/v1beta/models/{model}:countTokens`, which is free
//! (<https://ai.google.dev/api/tokens>).
//!
//! It counts instructions and tools only within a whole request, and that names its model, unlike the request itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body that asks how many tokens this one of `generateContent` has; `None` where it is no object.
pub fn body(model: &str, generate_content: &[u8]) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        generate_content_request: Request<'a>,
    }
    #[derive(Serialize)]
    struct Request<'a> {
        model: String,
        #[serde(flatten)]
        members: BTreeMap<String, &'a RawValue>,
    }
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_slice(generate_content).ok()?;
    members.remove("model");
    let model = model.strip_prefix("models/").unwrap_or(model);
    let request = Request { model: format!("models/{model}"), members };
    serde_json::to_vec(&Body { generate_content_request: request }).ok()
}

/// What the answer says.
pub fn answer(document: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        total_tokens: u64,
    }
    let is_object = document.trim_ascii_start().first() == Some(&b'{');
    serde_json::from_slice::<Document>(document)
        .ok()
        .filter(|_| is_object)
        .map(|counted| counted.total_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_request_is_counted_under_its_models_name() {
        let request = br#"{"contents":[{"parts":[{"text":"hi"}]}],"tools":[{"b":1,"a":2.50}]}"#;
        for model in ["gemini-2.5-pro", "models/gemini-2.5-pro"] {
            assert_eq!(
                String::from_utf8(body(model, request).expect("an object")).expect("text"),
                r#"{"generateContentRequest":{"model":"models/gemini-2.5-pro","contents":[{"parts":[{"text":"hi"}]}],"tools":[{"b":1,"a":2.50}]}}"#
            );
        }
        assert_eq!(body("m", b"[]"), None);
    }

    #[test]
    fn the_total_is_read_and_nothing_else_is_taken_for_one() {
        let counted = br#"{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT","tokenCount":31}]}"#;
        assert_eq!(answer(counted), Some(31));
        for odd in [&b"{}"[..], b"[31]", br#"{"totalTokens":-1}"#, br#"{"error":{"code":429}}"#] {
            assert_eq!(answer(odd), None);
        }
    }
}
