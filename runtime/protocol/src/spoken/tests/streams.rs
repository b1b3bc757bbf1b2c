//! What is read of streams, and that none of their bytes are lost.

use proptest::prelude::*;

use super::*;

/// Takes a stream apart that comes in these pieces.
fn taken(dialect: Dialect, parts: &[&[u8]]) -> (Vec<Piece>, Vec<u8>, bool) {
    let mut pieces = Pieces::new(dialect);
    let mut found = Vec::new();
    for part in parts {
        pieces.feed(part, &mut found);
    }
    let rest = pieces.rest();
    (found, rest, pieces.is_lost())
}

/// What is said by each event of a stream.
fn texts(dialect: Dialect, stream: &str) -> Vec<String> {
    let (found, rest, is_lost) = taken(dialect, &[stream.as_bytes()]);
    assert!(rest.is_empty() && !is_lost, "{stream}");
    found.into_iter().map(|piece| piece.text).filter(|text| !text.is_empty()).collect()
}

/// Events whose names are the types in their data.
fn named_events(events: &[&str]) -> String {
    let event = |data: &&str| {
        let kind: serde_json::Value = serde_json::from_str(data).expect("json");
        format!("event: {}\ndata: {data}\n\n", kind["type"].as_str().expect("a type"))
    };
    events.iter().map(event).collect()
}

const MESSAGES: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"msg_1","role":"assistant","model":"never","content":[],"usage":{"input_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m."}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hel"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"lo \ud83d\ude00"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"Bash","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
    r#"{"type":"content_block_start","index":3,"content_block":{"type":"web_fetch_tool_result","tool_use_id":"s","content":{"type":"web_fetch_result","content":{"type":"document","source":{"type":"text","data":"page"}}}}}"#,
    r#"{"type":"yet_unknown","words":"read"}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":"never"},"usage":{"output_tokens":9}}"#,
    r#"{"type":"error","error":{"type":"overloaded_error","message":"never"}}"#,
    r#"{"type":"message_stop"}"#,
];

#[test]
fn every_delta_of_messages_is_read() {
    let said = texts(Dialect::Messages, &named_events(MESSAGES));
    let expected = ["Hm", "m.", "\nHel", "lo \u{1f600}", "\nBash", "\n{\"a\":", "1}", "\npage", "\nread"];
    assert_eq!(said, expected);
}

#[test]
fn every_delta_of_chats_is_read() {
    let chunk =
        |delta: &str| format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n");
    let stream = [
        chunk(r#"{"role":"assistant","content":""}"#),
        ": OPENROUTER PROCESSING\n\n".to_owned(),
        chunk(r#"{"reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm","format":"anthropic-claude-v1"}]}"#),
        chunk(r#"{"reasoning_content":"Ho"}"#),
        chunk(r#"{"content":"Hel"}"#),
        chunk(r#"{"content":"lo","refusal":null}"#),
        chunk(r#"{"refusal":"No"}"#),
        chunk(r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"name":"g"}}]}"#),
        chunk("{}"),
        "data: {\"choices\":[],\"usage\":{\"total_tokens\":9},\"obfuscation\":\"never read\"}\n\ndata: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let expected = ["Hm", "\nHo", "\nHel", "lo", "\nNo", "\nf", "\n{\"a\"", ":1}\ng"];
    assert_eq!(texts(Dialect::Chat, &stream), expected);
    let completion =
        "data: {\"choices\":[{\"index\":0,\"text\":\" a\"}]}\n\ndata: {\"choices\":[{\"text\":\"b\"}]}\n\n";
    assert_eq!(texts(Dialect::Completions, completion), [" a", "b"]);
}

#[test]
fn a_piece_says_whose_text_it_has() {
    let chunk = |index: u8, text: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let stream = [chunk(0, "a"), chunk(1, "b"), chunk(0, "c")].concat();
    let (found, _, _) = taken(Dialect::Chat, &[stream.as_bytes()]);
    let said: Vec<(u64, &str)> = found.iter().map(|piece| (piece.choice, piece.text.as_str())).collect();
    assert_eq!(said, [(0, "a"), (1, "\nb"), (0, "\nc")]);
}

const RESPONSES: &[&str] = &[
    r#"{"type":"response.created","response":{"instructions":"never","output":[]}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"item_id":"rs_1","delta":"H"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"item_id":"rs_1","delta":"m"}"#,
    r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"Hm"}"#,
    r#"{"type":"response.reasoning_summary_part.done","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"Hm"}}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","role":"assistant","content":[]}}"#,
    r#"{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}"#,
    r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Ye","logprobs":[],"obfuscation":"zxcv"}"#,
    r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"s"}"#,
    r#"{"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Yes"}"#,
    r#"{"type":"response.content_part.done","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Yes"}}"#,
    r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"type":"output_text","text":"Yes"}]}}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\""}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":":1}"}"#,
    r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"a\":1}"}"#,
    r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#,
    r#"{"type":"response.refusal.done","output_index":3,"content_index":0,"refusal":"No"}"#,
    r#"{"type":"response.completed","response":{"instructions":"never","output":[
        {"type":"message","content":[{"type":"output_text","text":"Yes"},{"type":"refusal","refusal":"No"}]},
        {"type":"function_call","name":"f","arguments":"{\"a\":1}"},
        {"type":"message","content":[{"type":"output_text","text":"never in a delta"}]}]}}"#,
];

#[test]
fn every_text_of_responses_is_read_once() {
    let stream = format!("data: {}\n\n", RESPONSES.join("\n\ndata: ").replace("\n    ", " "));
    let expected = ["H", "m", "\nYe", "s", "\nf", "\n{\"a\"", ":1}", "\nNo", "\nnever in a delta"];
    assert_eq!(texts(Dialect::Responses, &stream), expected);
}

#[test]
fn a_done_text_that_is_not_its_deltas_is_read() {
    let events = [
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Yes"}"#,
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Yes, obey"}"#,
    ];
    assert_eq!(texts(Dialect::Responses, &named_events(&events)), ["Yes", "\nYes, obey"]);
    // Parts that are written side by side are told apart.
    let side_by_side = [
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"x"}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"b"}"#,
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"ab"}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"y"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"content":[{"type":"output_text","text":"xy"}]}}"#,
    ];
    assert_eq!(texts(Dialect::Responses, &named_events(&side_by_side)), ["a", "\nx", "\nb", "\ny"]);
}

#[test]
fn each_piece_has_the_bytes_of_its_event() {
    let stream = b"\xef\xbb\xbf\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\r\n\r\n: ping\n\n\r\ndata:{\"choices\":\ndata:[{\"text\":\"b\"}]}\r\rdata: [DONE]\n\ndata: {\"cut";
    let (found, rest, is_lost) = taken(Dialect::Completions, &[stream]);
    let bytes: Vec<&[u8]> = found.iter().map(|piece| &*piece.bytes).collect();
    let expected: [&[u8]; 4] = [
        b"\xef\xbb\xbf\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\r\n\r\n",
        b": ping\n\n",
        b"\r\ndata:{\"choices\":\ndata:[{\"text\":\"b\"}]}\r\r",
        b"data: [DONE]\n\n",
    ];
    assert_eq!(bytes, expected);
    let said: Vec<&str> = found.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!((said, rest.as_slice(), is_lost), (vec!["a", "", "b", ""], &b"data: {\"cut"[..], false));
}

#[test]
fn what_cannot_be_read_is_lost_and_its_bytes_are_not() {
    for data in ["no json", "[1]", "7", "{\"a\":}"] {
        let stream = format!("data: {data}\n\n");
        assert!(taken(Dialect::Chat, &[stream.as_bytes()]).2, "{data}");
    }
    for data in ["", " ", "[DONE]", "{}"] {
        let stream = format!("data: {data}\n\n");
        assert!(!taken(Dialect::Chat, &[stream.as_bytes()]).2, "{data}");
    }
    assert!(taken(Dialect::Gemini, &[b"data: {}\n\n"]).2);
}

#[test]
fn an_endless_event_passes_and_is_not_kept() {
    for unit in ["data: ", "x", "\n", ": ping\n"] {
        let mut pieces = Pieces::new(Dialect::Chat);
        let mut passed = 0;
        let unit = unit.repeat(65_536 / unit.len());
        let mut fed = 0;
        for _ in 0..128 {
            let mut found = Vec::new();
            pieces.feed(unit.as_bytes(), &mut found);
            fed += unit.len();
            passed += found.iter().map(|piece| piece.bytes.len()).sum::<usize>();
            assert!(fed - passed <= 2 * 1024 * 1024 + 65_536, "{fed} {passed}");
        }
        assert!(pieces.is_lost());
        let mut found = Vec::new();
        pieces.feed(b"\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\n", &mut found);
        assert_eq!(found.last().map(|piece| piece.text.as_str()), Some("a"));
    }
}

#[test]
fn an_event_at_the_limit_is_read_or_not_whatever_the_pieces() {
    for over in 0..4 {
        let event =
            format!("data: {{\"choices\":[{{\"text\":\"{}\"}}]}}", "x".repeat(1024 * 1024 - 34 + over));
        let stream = format!("{event}\n\n");
        let bytes = stream.as_bytes();
        let whole = taken(Dialect::Completions, &[bytes]);
        assert_eq!(whole.2, event.len() > 1024 * 1024, "{over}");
        for cut in [1, 5, 7, event.len() - 1, event.len(), event.len() + 1] {
            let split = taken(Dialect::Completions, &[&bytes[..cut], &bytes[cut..]]);
            let said = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.clone()).collect::<String>();
            assert_eq!((said(&split.0), split.2), (said(&whole.0), whole.2), "{over} {cut}");
        }
    }
}

/// Streams of events, comments, empty lines and nonsense, with every kind of line end.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let data: Vec<&'static str> = MESSAGES.iter().chain(&["[DONE]", "no json", "ü"]).copied().collect();
    let line = prop_oneof![
        4 => prop::sample::select(data).prop_map(|data| format!("data: {data}")),
        1 => Just(": comment".to_owned()),
        1 => Just("event: content_block_delta".to_owned()),
        3 => Just(String::new()),
    ];
    let line = (line, prop::sample::select(vec!["\n", "\r\n", "\r"])).prop_map(|(line, end)| line + end);
    prop::collection::vec(line, 0..24).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_byte_is_lost_and_every_split_says_the_same(
        stream in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        let whole = taken(Dialect::Messages, &[&stream]);
        for parts in [&parts, &single] {
            let split = taken(Dialect::Messages, parts);
            let bytes: Vec<u8> = split.0.iter().flat_map(|piece| piece.bytes.to_vec()).chain(split.1).collect();
            prop_assert_eq!(bytes, stream.clone());
            let said = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.clone()).collect::<Vec<_>>();
            prop_assert_eq!(said(&split.0), said(&whole.0));
            prop_assert_eq!(split.2, whole.2);
        }
    }
}
