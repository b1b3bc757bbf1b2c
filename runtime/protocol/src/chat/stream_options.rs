//! How a stream of chat completions, or of completions, is asked to say what it used.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::asked::{StreamUsage, as_written, place};
use crate::edit::first_member;

#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    include_usage: Option<&'a RawValue>,
}

/// Whether the client asked, and if not, the edit that does. Without `stream` nothing needs asking, and OpenAI refuses
/// the member then.
pub(crate) fn usage(
    body: &[u8],
    stream: bool,
    options: Option<&RawValue>,
) -> Result<StreamUsage, serde_json::Error> {
    if !stream {
        return Ok(StreamUsage::Reported);
    }
    let Some(written) = options else {
        let (at, text) = first_member(body, "\"stream_options\":{\"include_usage\":true}");
        return Ok(StreamUsage::Ask { at, text });
    };
    let Some(at) = place(body, written.get()) else { return Ok(StreamUsage::Reported) };
    let Some(options) = serde_json::from_str::<Option<Options<'_>>>(written.get())? else {
        return Ok(StreamUsage::Ask { at, text: "{\"include_usage\":true}".to_owned() });
    };
    let Some(value) = options.include_usage else {
        let (within, text) = first_member(written.get().as_bytes(), "\"include_usage\":true");
        let at = at.start + within.start..at.start + within.end;
        return Ok(StreamUsage::Ask { at, text });
    };
    match (serde_json::from_str::<Option<bool>>(value.get())?, place(body, value.get())) {
        (Some(false) | None, Some(at)) => Ok(StreamUsage::Ask { at, text: "true".to_owned() }),
        _ => Ok(StreamUsage::Reported),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::asked::Asked;
    use crate::dialect::Dialect;
    use crate::edit::{Wanted, rewritten};

    fn asking(text: &str) -> String {
        let body = Bytes::from(text.to_owned());
        let asked = Asked::read(Dialect::Chat, &body).expect("a request");
        let wanted = Wanted { model: &asked.model, stream_usage: true, ..Wanted::default() };
        String::from_utf8(rewritten(&body, &asked, &wanted).to_vec()).expect("text")
    }

    #[test]
    fn a_stream_is_asked_for_its_usage_by_the_smallest_edit() {
        let table = [
            (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
            (
                r#"{"stream":true, "stream_options" : null}"#,
                r#"{"stream":true, "stream_options" : {"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options": { } ,"stream":true}"#,
                r#"{"stream_options": {"include_usage":true } ,"stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_obfuscation":false},"stream":true}"#,
                r#"{"stream_options":{"include_usage":true,"include_obfuscation":false},"stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_usage": false},"stream":true}"#,
                r#"{"stream_options":{"include_usage": true},"stream":true}"#,
            ),
            (
                r#"{"stream_options":{"include_usage":null},"stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"stream":true}"#,
            ),
        ];
        for (before, after) in table {
            assert_eq!(asking(before), after);
            assert!(serde_json::from_str::<serde_json::Value>(after).is_ok());
        }
    }

    #[test]
    fn who_asked_himself_or_wants_no_stream_is_left_alone() {
        for text in [
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"stream":false,"stream_options":{"include_usage":false}}"#,
            r#"{"model":"m"}"#,
        ] {
            assert_eq!(asking(text), text);
        }
    }

    #[test]
    fn options_that_say_two_things_are_refused() {
        for options in [r#"{"include_usage":true,"include_usage":false}"#, "5", r#"{"include_usage":"yes"}"#]
        {
            let body = Bytes::from(format!(r#"{{"stream":true,"stream_options":{options}}}"#));
            assert!(Asked::read(Dialect::Chat, &body).is_err(), "{options}");
        }
    }
}
