//! The same body for one candidate, in the same dialect: nothing but the values that must change does, and nothing at
//! all where they are right already.

use std::ops::Range;

use bytes::Bytes;

use crate::asked::{Asked, StreamUsage};

/// What must be so in the body that goes out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The provider's own name of the model.
    pub model: &'a str,
    /// At most so many tokens of output, under that name, where the client said nothing.
    pub max_output: Option<(&'static str, u64)>,
    /// Whether a stream must say what it used.
    pub stream_usage: bool,
}

/// The body that goes out.
pub fn rewritten(body: &Bytes, asked: &Asked, wanted: &Wanted<'_>) -> Bytes {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut members: Vec<String> = Vec::new();
    if asked.model != wanted.model {
        let model = serde_json::Value::String(wanted.model.to_owned()).to_string();
        match &asked.model_at {
            Some(at) => edits.push((at.clone(), model)),
            // Unsaid, it would be the provider's to choose.
            None => members.push(format!("\"model\":{model}")),
        }
    }
    if let Some((name, most)) = wanted.max_output {
        match &asked.max_output_at {
            Some(at) => edits.push((at.clone(), most.to_string())),
            None => members.push(format!("\"{name}\":{most}")),
        }
    }
    if !members.is_empty() {
        edits.push(first_member(body, &members.join(",")));
    }
    if let StreamUsage::Ask { at, text } = &asked.stream_usage
        && wanted.stream_usage
    {
        edits.push((at.clone(), text.clone()));
    }
    if edits.is_empty() {
        return body.clone();
    }
    // Stable: what is written in one place stands in the order of the lines above.
    edits.sort_by_key(|(at, _)| at.start);
    let mut text = Vec::with_capacity(body.len() + 128);
    let mut copied = 0;
    for (at, new) in edits {
        text.extend_from_slice(body.get(copied..at.start).unwrap_or_default());
        text.extend_from_slice(new.as_bytes());
        copied = at.end;
    }
    text.extend_from_slice(body.get(copied..).unwrap_or_default());
    text.into()
}

/// A member put in front of an object's others.
pub(crate) fn first_member(object: &[u8], member: &str) -> (Range<usize>, String) {
    let open = object.iter().position(|&byte| byte == b'{').map_or(0, |at| at + 1);
    let is_empty = object.get(open..).unwrap_or_default().trim_ascii_start().first() == Some(&b'}');
    (open..open, if is_empty { member.to_owned() } else { format!("{member},") })
}

#[cfg(test)]
mod tests {
    use crate::dialect::Dialect;

    use super::*;

    #[test]
    fn a_model_that_was_not_said_is_said_to_the_provider() {
        for dialect in
            [Dialect::Messages, Dialect::Chat, Dialect::Responses, Dialect::Completions, Dialect::Embeddings]
        {
            for (text, expected) in [
                ("{}", r#"{"model":"m"}"#),
                (r#" { "user":"u"}"#, r#" {"model":"m", "user":"u"}"#),
                (r#"{"user":"u","model": null }"#, r#"{"user":"u","model": "m" }"#),
            ] {
                let body = Bytes::from(text);
                let asked = Asked::read(dialect, &body).expect("a request");
                assert_eq!(asked.model, "", "{dialect:?}");
                let wanted = Wanted { model: "m", ..Wanted::default() };
                assert_eq!(rewritten(&body, &asked, &wanted), expected, "{dialect:?}");
            }
        }
    }

    #[test]
    fn what_was_not_said_stands_in_front_in_one_piece() {
        let body = Bytes::from_static(b"{}");
        let asked = Asked::read(Dialect::Messages, &body).expect("a request");
        let wanted = Wanted { model: "m", max_output: Some(("max_tokens", 9)), ..Wanted::default() };
        assert_eq!(rewritten(&body, &asked, &wanted), r#"{"model":"m","max_tokens":9}"#);
    }
}
