//! Takes out of a request to Anthropic what another provider thought in the same conversation, and the gateway wrote into
//! its answer: Anthropic refuses a thinking block that it has not signed, and the client cannot know whose it is.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::signature::FOREIGN;
use crate::asked::place;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    messages: &'a RawValue,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    signature: Cow<'a, str>,
}

/// The body without such blocks, and without messages that had nothing else; `None` where there are none, and for a body
/// that cannot be read, which is the provider's to refuse. All else keeps its bytes.
pub fn without_thinking(body: &Bytes) -> Option<Bytes> {
    // Most conversations have never left Anthropic.
    memchr::memmem::find(body, FOREIGN.as_bytes())?;
    let messages = serde_json::from_slice::<Body<'_>>(body).ok()?.messages;
    let mut kept = Vec::new();
    let mut found = false;
    for message in serde_json::from_str::<Vec<&RawValue>>(messages.get()).ok()? {
        match without(message.get()) {
            Some(Left::All) => kept.push(Cow::Borrowed(message.get())),
            Some(Left::Some(rest)) => {
                found = true;
                kept.push(Cow::Owned(rest));
            }
            Some(Left::Nothing) => found = true,
            None => return None,
        }
    }
    let at = place(body, messages.get()).filter(|_| found)?;
    let kept = format!("[{}]", kept.join(","));
    Some([body.get(..at.start)?, kept.as_bytes(), body.get(at.end..)?].concat().into())
}

/// What is left of a message.
enum Left {
    All,
    Some(String),
    Nothing,
}

/// `None` where it cannot be read.
fn without(message: &str) -> Option<Left> {
    let content = serde_json::from_str::<Message<'_>>(message).ok()?.content.get();
    if content.starts_with('"') {
        return Some(Left::All);
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(content).ok()?;
    let own: Vec<&str> = blocks.iter().map(|block| block.get()).filter(|block| !is_foreign(block)).collect();
    if own.len() == blocks.len() {
        return Some(Left::All);
    }
    if own.is_empty() {
        return Some(Left::Nothing);
    }
    let at = place(message.as_bytes(), content)?;
    Some(Left::Some(format!("{}[{}]{}", message.get(..at.start)?, own.join(","), message.get(at.end..)?)))
}

fn is_foreign(block: &str) -> bool {
    serde_json::from_str::<Block<'_>>(block)
        .is_ok_and(|block| block.kind == "thinking" && block.signature.starts_with(FOREIGN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(body: &str) -> Option<String> {
        let body = without_thinking(&Bytes::from(body.to_owned()))?;
        Some(String::from_utf8(body.to_vec()).expect("text"))
    }

    #[test]
    fn only_thoughts_of_others_are_taken_out() {
        let body = concat!(
            r#"{ "model":"m", "messages" : [ {"role":"user","content":"pai: what?"}, "#,
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"pai:unsealed"}, "#,
            r#"{"type":"thinking","thinking":"b","signature":"EqQB"},"#,
            r#"{"type":"thinking","thinking":"","signature":"pai:call:c:pai:gemini:s"},"#,
            r#"{"type":"tool_use","id":"c","name":"t","input":{"z":1.0,"a":2}}]},"#,
            r#"{"content":[{"type":"thinking","thinking":"c","signature":"pai:openai:s"}],"role":"assistant"} ], "x":1}"#,
        );
        let expected = concat!(
            r#"{ "model":"m", "messages" : [{"role":"user","content":"pai: what?"},"#,
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"EqQB"},"#,
            r#"{"type":"tool_use","id":"c","name":"t","input":{"z":1.0,"a":2}}]}], "x":1}"#,
        );
        assert_eq!(without(body).as_deref(), Some(expected));
    }

    #[test]
    fn all_other_bodies_stay_as_they_are() {
        for body in [
            r#"{"messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"pai:unsealed"}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","signature":"EqQB pai:"}]}]}"#,
            r#"{"messages":"pai:"}"#,
            "pai: {",
        ] {
            assert_eq!(without(body), None, "{body}");
        }
    }
}
