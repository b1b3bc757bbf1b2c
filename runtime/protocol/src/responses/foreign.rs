//! Takes out of a request to OpenAI's Responses API what another provider thought in the same conversation, and the gateway
//! wrote into its answer: OpenAI refuses a reasoning item that it did not make, and the client cannot know whose it is.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::seal::FOREIGN;
use crate::asked::place;

/// Begins the ids of reasoning items that the gateway has written: their kind's prefix and that of its requests.
const OWN_ID: &str = "rs_pai_";

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    encrypted_content: Option<Cow<'a, str>>,
}

/// The body without such items; `None` where there are none, and for a body that cannot be read, which is the provider's
/// to refuse. All else keeps its bytes.
pub fn without_reasoning(body: &Bytes) -> Option<Bytes> {
    // Most conversations have never left OpenAI.
    let has = |needle: &str| memchr::memmem::find(body, needle.as_bytes()).is_some();
    if !has(FOREIGN) && !has(OWN_ID) {
        return None;
    }
    let input = serde_json::from_slice::<Body<'_>>(body).ok()?.input;
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).ok()?;
    let kept: Vec<&str> = items.iter().map(|item| item.get()).filter(|item| !is_foreign(item)).collect();
    let at = place(body, input.get()).filter(|_| kept.len() < items.len())?;
    let kept = format!("[{}]", kept.join(","));
    Some([body.get(..at.start)?, kept.as_bytes(), body.get(at.end..)?].concat().into())
}

fn is_foreign(item: &str) -> bool {
    let begins = |text: Option<Cow<'_, str>>, with| text.is_some_and(|text| text.starts_with(with));
    serde_json::from_str::<Item<'_>>(item).is_ok_and(|item| {
        item.kind == "reasoning" && (begins(item.id, OWN_ID) || begins(item.encrypted_content, FOREIGN))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(body: &str) -> Option<String> {
        let body = without_reasoning(&Bytes::from(body.to_owned()))?;
        Some(String::from_utf8(body.to_vec()).expect("text"))
    }

    #[test]
    fn only_thoughts_of_others_are_taken_out() {
        let body = concat!(
            r#"{ "model":"m", "input" : [ {"role":"user","content":"pai: rs_pai_?"}, "#,
            r#"{"type":"reasoning","id":"rs_pai_00aa_0","summary":[]}, "#,
            r#"{"type":"reasoning","id":"rs_68","encrypted_content":"gAAA","summary":[]},"#,
            r#"{"id":null,"summary":[],"encrypted_content":"pai:call:gemini:s","type":"reasoning"},"#,
            r#"{"type":"function_call","id":"fc_pai_1_1","call_id":"c","name":"t","arguments":"{}"} ], "x":1.0}"#,
        );
        let expected = concat!(
            r#"{ "model":"m", "input" : [{"role":"user","content":"pai: rs_pai_?"},"#,
            r#"{"type":"reasoning","id":"rs_68","encrypted_content":"gAAA","summary":[]},"#,
            r#"{"type":"function_call","id":"fc_pai_1_1","call_id":"c","name":"t","arguments":"{}"}], "x":1.0}"#,
        );
        assert_eq!(without(body).as_deref(), Some(expected));
    }

    #[test]
    fn all_other_bodies_stay_as_they_are() {
        for body in [
            r#"{"input":"rs_pai_ and pai:"}"#,
            r#"{"input":[{"role":"user","content":"pai:"}]}"#,
            r#"{"input":[{"type":"reasoning","id":"rs_1 rs_pai_","encrypted_content":"x pai:"}]}"#,
            r#"{"input":5,"x":"pai:"}"#,
            "pai: {",
        ] {
            assert_eq!(without(body), None, "{body}");
        }
    }
}
