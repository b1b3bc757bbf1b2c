//! What is read of plain answers.

use super::*;

#[test]
fn all_that_a_model_says_is_read_in_order() {
    let table: &[(Dialect, &str, &str)] = &[
        (
            Dialect::Messages,
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","stop_reason":"tool_use","content":[
                {"type":"thinking","thinking":"Hm.","signature":"EqQB"},{"type":"redacted_thinking","data":"EmwK"},
                {"type":"text","text":"Look:","citations":[{"type":"char_location","cited_text":"quoted"}]},
                {"type":"server_tool_use","id":"srv_1","name":"web_search","input":{"query":"q"}},
                {"type":"web_search_tool_result","tool_use_id":"srv_1","content":[
                  {"type":"web_search_result","title":"t","url":"https://e.com","encrypted_content":"Eqgf"}]},
                {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"ls\n"}}],"usage":{"output_tokens":1}}"#,
            "Hm.\nLook:\nquoted\nweb_search\nq\nt\nhttps://e.com\nBash\nls\n",
        ),
        (Dialect::Messages, r#"{"input_tokens":7}"#, ""),
        (Dialect::Messages, r#"{"type":"message","content":[]}"#, ""),
        (
            Dialect::Chat,
            r#"{"id":"c","object":"chat.completion","model":"m","system_fingerprint":"never read","choices":[
                {"index":0,"finish_reason":"stop","logprobs":{"content":[{"token":"never"}]},"message":{"role":"assistant",
                 "reasoning":"Hm.","reasoning_details":[{"type":"reasoning.text","text":"Hm.","signature":"s"}],
                 "content":"Yes","refusal":null,"annotations":[]}},
                {"index":1,"message":{"role":"assistant","content":null,"reasoning_content":"Ho.","tool_calls":[
                  {"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}},
                {"index":2,"message":{"role":"assistant","content":[{"type":"text","text":"part"}],"refusal":"No",
                  "function_call":{"name":"g","arguments":"{}"},"audio":{"id":"a","data":"AAAA","transcript":"said"}}}]}"#,
            "Hm.\nYes\nHo.\nf\n{\"a\":1}\npart\nNo\ng\n{}\nsaid",
        ),
        (Dialect::Completions, r#"{"choices":[{"index":0,"text":"a"},{"index":1,"text":"b"}]}"#, "a\nb"),
        (
            Dialect::Responses,
            r#"{"id":"resp_1","object":"response","instructions":"never read","output":[
                {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"gAAA"},
                {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
                  {"type":"output_text","text":"Yes","annotations":[],"logprobs":[{"token":"never"}]},
                  {"type":"refusal","refusal":"No"}]},
                {"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{\"a\":1}"}]}"#,
            "Hm.\nYes\nNo\nf\n{\"a\":1}",
        ),
        (Dialect::Embeddings, r#"{"object":"list","data":[{"embedding":[0.5]}]}"#, ""),
    ];
    for (dialect, document, text) in table {
        assert_eq!(answer(*dialect, document.as_bytes()).as_deref(), Some(*text), "{document}");
    }
}

#[test]
fn what_is_no_answer_has_no_text() {
    let error = r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#;
    for document in
        ["", "[]", "null", "not json", "{", "\u{1f}\u{8b}", error, r#"{"choices":null,"content":null}"#]
    {
        for dialect in Dialect::ALL {
            assert_eq!(answer(dialect, document.as_bytes()), None, "{dialect:?}: {document}");
        }
    }
    assert_eq!(answer(Dialect::Gemini, br#"{"candidates":[],"content":[]}"#), None);
}

#[test]
fn a_repeated_key_of_an_answer_hides_nothing() {
    let twice = br#"{"choices":[{"message":{"content":"a","content":"b"},"message":{"content":"c"}}],"choices":[{"text":"d"}]}"#;
    assert_eq!(answer(Dialect::Chat, twice).as_deref(), Some("a\nb\nc\nd"));
}
