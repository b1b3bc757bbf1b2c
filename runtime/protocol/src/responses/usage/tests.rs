//! What is read of answers, and what is passed over.

use proptest::prelude::*;

use super::*;
use crate::dialect::Dialect;
use crate::sse::Splitter;

fn usage(input: u64, [shorter, longer]: [u64; 2], read: u64, output: u64) -> Usage {
    Usage {
        input: Tokens(input),
        cache_write_5m: Tokens(shorter),
        cache_write_1h: Tokens(longer),
        cache_read: Tokens(read),
        output: Tokens(output),
        web_searches: 0,
    }
}

fn nothing() -> Reading {
    Reading::new(Dialect::Responses)
}

fn reading(events: &[&str]) -> Reading {
    let mut reading = nothing();
    for data in events {
        // A name that says something else does not matter.
        reading.event(&Event { name: "message", data: data.as_bytes() });
    }
    reading
}

const CREATED: &str =
    r#"{"type":"response.created","response":{"status":"in_progress","usage":null},"sequence_number":0}"#;
const USED: &str = r#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,
    "cache_write_tokens_details":{"ttl_12h_tokens":10,"ttl_30m_tokens":20}},
    "output_tokens":9,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":109}"#;

fn last(kind: &str, status: &str) -> String {
    format!(r#"{{"type":"{kind}","response":{{"status":"{status}","usage":{USED}}},"sequence_number":9}}"#)
}

#[test]
fn cached_input_is_taken_out_of_the_input() {
    let reading = reading(&[CREATED, &last("response.completed", "completed")]);
    assert_eq!(reading.usage, Some(usage(10, [20, 10], 60, 9)));
    assert!(reading.stopped && reading.output_is_final && !reading.failed && !reading.has_content);
}

#[test]
fn every_end_is_told_from_the_others_and_reports_usage() {
    let table = [
        ("response.completed", "completed", true, false),
        ("response.incomplete", "incomplete", true, false),
        ("response.failed", "failed", false, true),
    ];
    for (kind, status, stopped, failed) in table {
        let reading = reading(&[&last(kind, status)]);
        assert_eq!((reading.stopped, reading.failed), (stopped, failed), "{kind}");
        assert!(reading.usage.is_some() && reading.output_is_final, "{kind}");
    }
}

#[test]
fn errors_of_every_form_are_noticed() {
    for data in [
        r#"{"type":"error","code":"server_error","message":"m","param":null,"sequence_number":3}"#,
        r#"{"type":"error","sequence_number":3,"error":{"type":"too_many_requests","message":"m"}}"#,
        r#"{"error":{"message":"m","type":"server_error"}}"#,
    ] {
        let reading = reading(&[CREATED, data]);
        assert!(reading.failed && !reading.stopped && reading.usage.is_none(), "{data}");
    }
    let mut named = nothing();
    named.event(&Event { name: "error", data: b"{\"message\":\"m\"}" });
    assert!(named.failed);
}

#[test]
fn whatever_tells_of_the_answer_is_content_and_what_announces_it_is_not() {
    for data in [CREATED, r#"{"type":"response.in_progress"}"#, r#"{"type":"response.queued"}"#, "{}", "x"] {
        let reading = reading(&[data]);
        assert!(!reading.has_content && !reading.failed, "{data}");
    }
    for data in [
        r#"{"type":"response.output_item.added","item":{"type":"function_call"}}"#,
        r#"{"type":"response.content_part.added"}"#,
        r#"{"type":"response.output_text.delta","delta":"ü"}"#,
        r#"{"type":"response.refusal.delta","delta":"ü"}"#,
        r#"{"type":"response.reasoning_text.delta","delta":"ü"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","delta":"ü"}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#,
        r#"{"type":"response.custom_tool_call_input.delta","delta":"ü"}"#,
        r#"{"type":"response.audio.delta","delta":{"odd":1}}"#,
    ] {
        assert!(reading(&[data]).has_content, "{data}");
    }
}

#[test]
fn delivered_bytes_are_those_of_the_answer_and_count_once() {
    let reading = reading(&[
        r#"{"type":"response.output_text.delta","delta":"grüezi","obfuscation":"xxxxxxxx"}"#,
        r#"{"type":"response.output_text.done","text":"grüezi"}"#,
        r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"text":"grüezi"}]}}"#,
        r#"{"type":"response.output_item.done","item":{"type":"reasoning","encrypted_content":"gAAA"}}"#,
    ]);
    assert_eq!(reading.delivered_bytes, 7 + 4);
}

#[test]
fn what_tools_at_the_provider_used_counts_as_well() {
    let mut reading = nothing();
    read_plain(
        br#"{"status":"completed","usage":{"input_tokens":10,"output_tokens":5},"tool_usage":{
            "image_gen":{"input_tokens":7,"output_tokens":1000},"web_search":{"num_requests":2}}}"#,
        &mut reading,
    );
    assert_eq!(reading.usage, Some(Usage { web_searches: 2, ..usage(17, [0, 0], 0, 1005) }));
}

#[test]
fn documents_are_read_by_their_status() {
    let table = [
        ("completed", true, false),
        ("incomplete", true, false),
        ("failed", true, true),
        ("queued", false, false),
    ];
    for (status, is_final, failed) in table {
        let mut reading = nothing();
        reading.document(format!(r#"{{"status":"{status}","usage":{USED}}}"#).as_bytes());
        assert_eq!((reading.output_is_final, reading.failed), (is_final, failed), "{status}");
        assert_eq!(reading.usage, Some(usage(10, [20, 10], 60, 9)), "{status}");
    }
}

#[test]
fn nonsense_is_passed_over() {
    let reading =
        reading(&[CREATED, r#"{"type":7}"#, "not json", "[]", r#"{"type":"thread.message","delta":"x"}"#]);
    assert!(reading.usage.is_none() && !reading.stopped && !reading.failed && !reading.has_content);
}

#[test]
fn an_end_without_counters_that_can_be_read_is_an_end() {
    for response in [r#"{"usage":{"output_tokens":-7}}"#, r#"{"usage":null}"#, "7"] {
        let data = format!(r#"{{"type":"response.completed","response":{response}}}"#);
        let reading = reading(&[&data]);
        assert!(reading.stopped && reading.usage.is_none(), "{data}");
    }
}

#[test]
fn counters_that_contradict_each_other_do_not_wrap_around() {
    let mut reading = nothing();
    read_plain(
        br#"{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":9,"cache_write_tokens":1,
            "cache_write_tokens_details":{"ttl_12h_tokens":18446744073709551615}},"output_tokens":1}}"#,
        &mut reading,
    );
    assert_eq!(reading.usage, Some(usage(0, [0, 1], 9, 1)));
}
proptest! {
    #[test]
    fn any_split_of_the_bytes_reads_the_same(cuts in prop::collection::vec(0_usize..2_000, 0..8)) {
        let events = [
            CREATED,
            r#"{"type":"response.output_item.added","item":{"type":"message"}}"#,
            r#"{"type":"response.output_text.delta","delta":"grüezi"}"#,
            &last("response.incomplete", "incomplete"),
        ];
        let mut stream = String::new();
        for data in events {
            stream += &format!("event: x\ndata: {}\n\n", data.replace('\n', ""));
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let [mut pieces, mut whole] = [nothing(), nothing()];
        let mut splitter = Splitter::default();
        for pair in cuts.windows(2) {
            splitter.feed(&stream.as_bytes()[pair[0]..pair[1]], |event| pieces.event(&event));
        }
        Splitter::default().feed(stream.as_bytes(), |event| whole.event(&event));
        prop_assert_eq!(format!("{pieces:?}"), format!("{whole:?}"));
        prop_assert!(whole.stopped && whole.usage.is_some());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(data in "[\\[\\]{}\"a-z:,0-9.-]{0,60}") {
        let mut reading = nothing();
        reading.event(&Event { name: "error", data: data.as_bytes() });
        reading.document(data.as_bytes());
    }
}
