//! What is read of requests in OpenAI's dialects.

use super::*;

#[test]
fn a_chat_with_tools_is_read_by_its_speakers() {
    let body = r#"{
      "model": "gpt-5", "stop": ["never read"], "user": "u", "metadata": {"a": "b c"},
      "messages": [
        {"role": "developer", "content": "You help."},
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Weather?"},
          {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}]},
        {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
          {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}},
          {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "a.txt"}]},
        {"role": "assistant", "reasoning_content": "Easy.", "content": "It is sunny."},
        {"role": "user", "content": "Thanks"},
        {"role": "function", "name": "clock", "content": "noon"}],
      "tools": [{"type": "function", "function": {"name": "weather", "description": "Tells it.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}],
      "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": "d"}}},
      "prediction": {"type": "content", "content": "as before"},
      "documents": [{"title": "t", "text": "w"}]}"#;
    check(
        Dialect::Chat,
        &[(
            body,
            &[
                "+0 system: You help.",
                " 0 user: ann",
                " 0 user: Weather?",
                " 1 assistant: weather | {\"city\":\"Rome\"}",
                " 1 assistant: sh | ls",
                " 2 tool weather: Sunny.",
                " 2 tool sh: a.txt",
                " 3 assistant: Easy.",
                " 3 assistant: It is sunny.",
                "+4 user: Thanks",
                "+4 tool clock: noon",
                "+0 system: weather | Tells it.",
                "+0 system: n | d",
                "+0 user: as before",
                "+0 user: t | w",
                "unread: an image",
            ],
        )],
    );
}

#[test]
fn every_part_of_a_chat_is_read_or_named() {
    let table: &[(&str, &[&str])] = &[
        (r#"{"type":"image_url","image_url":"https://e.com/a.png"}"#, &["unread: an image"]),
        (r#"{"image_url":{"url":"https://e.com/a.png"}}"#, &["unread: an image"]),
        (r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#, &["unread: audio"]),
        (r#"{"type":"file","file":{"file_id":"f"}}"#, &["unread: a file"]),
        (
            r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}"#,
            &["+0 user: a.pdf", "unread: a file"],
        ),
        (
            r#"{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,b2JleSBtZQ=="}}"#,
            &["+0 user: a.txt | obey me"],
        ),
        (r#"{"type":"video_url","video_url":{"url":"https://e.com/v"}}"#, &["unread: a video"]),
        (
            r#"{"type":"image_url","image_url":{"url":"obey me now"}}"#,
            &["+0 user: obey me now", "unread: an image"],
        ),
        (r#"{"type":"refusal","refusal":"no"}"#, &["+0 user: no"]),
        (r#""plain""#, &["+0 user: plain"]),
    ];
    for (part, expected) in table {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
        assert_eq!(told(Dialect::Chat, &body), expected.join("\n"), "{part}");
    }
    check(
        Dialect::Chat,
        &[
            (r#"{"messages":[{"role":"assistant","audio":{"id":"a"}}]}"#, &["unread: audio"]),
            (
                r#"{"data_sources":[{"parameters":{"key":"secret"}}],"preset":"p"}"#,
                &["unread: a data source", "unread: a stored prompt"],
            ),
            (
                r#"{"messages":[{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
                {"role":"assistant","tool_calls":[{"id":"c","function":{"name":"g","arguments":"{}"},
                  "extra_content":{"google":{"thought_signature":"Q2lR"}}}]}]}"#,
                &["+1 assistant: f | {}", "+1 assistant: g | {}"],
            ),
        ],
    );
}

#[test]
fn a_session_of_responses_is_read_by_its_speakers() {
    let body = r#"{
      "model": "gpt-5-codex", "instructions": "You code.", "store": false, "prompt_cache_key": "k",
      "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high", "summary": "auto"},
      "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Sandbox."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "gAAAAAB"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "shell", "arguments": "{\"command\":[\"ls\"]}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a.rs"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "Done"}]},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
          {"type": "output_text", "text": "Fixed.", "annotations": []}]},
        {"role": "user", "content": "And now?"}],
      "tools": [{"type": "function", "name": "shell", "description": "Runs.", "parameters": {"type": "object"}, "strict": false}],
      "text": {"verbosity": "low"}}"#;
    check(
        Dialect::Responses,
        &[(
            body,
            &[
                "+0 system: You code.",
                "+0 system: Sandbox.",
                " 0 user: Fix it.",
                " 1 assistant: Hm.",
                " 1 assistant: shell | {\"command\":[\"ls\"]}",
                " 2 tool shell: a.rs",
                " 3 assistant: apply_patch | *** Begin",
                " 4 tool apply_patch: Done",
                " 5 assistant: Fixed.",
                "+6 user: And now?",
                "+0 system: shell | Runs.",
                "+0 system: low",
            ],
        )],
    );
}

#[test]
fn every_item_of_responses_is_read_or_named() {
    let table: &[(&str, &[&str])] = &[
        (r#""input":"hi""#, &["+0 user: hi"]),
        (r#""previous_response_id":"resp_1""#, &["unread: a stored conversation"]),
        (r#""conversation":{"id":"conv_1"}"#, &["unread: a stored conversation"]),
        (r#""previous_response_id":null,"conversation":null,"prompt":null"#, &[]),
        (
            r#""prompt":{"id":"pmpt_1","version":"2","variables":{"city":"Rome"}}"#,
            &["+0 user: Rome", "unread: a stored conversation"],
        ),
        (
            r#""input":[{"role":"user","content":"a"},{"id":"msg_1"},{"type":"item_reference","id":"msg_2"}]"#,
            &["+0 user: a", "unread: a stored item"],
        ),
        (
            r#""input":[{"role":"user","content":[{"type":"input_file","filename":"n","file_id":"f"},
            {"type":"input_image","image_url":"data:image/png;base64,iVBO"},{"type":"input_file","file_url":"https://e.com"},
            {"type":"input_file","file_data":"data:text/plain;base64,aGk"},{"type":"input_audio","input_audio":{"data":"AA"}}]}]"#,
            &["+0 user: n", "+0 user: hi", "unread: a file", "unread: an image", "unread: audio"],
        ),
        (
            r#""input":[{"type":"local_shell_call","id":"ls_1","call_id":"c","action":{"type":"exec","command":["ls"]}},
            {"type":"local_shell_call_output","id":"c","output":"out"}]"#,
            &[" 1 assistant: exec | ls", "+2 tool local_shell: out"],
        ),
        (
            r#""input":[{"type":"shell_call_output","call_id":"c","output":[{"stdout":"a","stderr":"b","outcome":{"type":"exit"}}]},
            {"type":"apply_patch_call_output","call_id":"d","status":"failed","output":"no"},
            {"type":"computer_call_output","call_id":"e","output":{"type":"computer_screenshot","image_url":"https://e.com/s.png"}}]"#,
            &["+0 tool shell: a | b", "+0 tool apply_patch: no", "unread: an image"],
        ),
        (
            r#""input":[{"role":"user","content":[{"type":"input_file","file_id":"f","text":"hi"}]}]"#,
            &["+0 user: hi", "unread: a file"],
        ),
        // What the provider's own tools found.
        (
            r#""input":[{"type":"file_search_call","id":"fs","queries":["q"],"results":[{"file_id":"f","filename":"n","text":"found"}]},
            {"role":"user","content":"x"}]"#,
            &[" 1 assistant: q", "+1 tool file_search: n | found", "+2 user: x"],
        ),
        (
            r#""input":[{"type":"mcp_call","id":"m","name":"read","server_label":"s","arguments":"{}","output":"page"},
            {"type":"image_generation_call","id":"i","result":"iVBORw0K"},{"role":"user","content":"x"}]"#,
            &[" 1 assistant: read | s | {}", "+1 tool read: page", "+2 user: x", "unread: an image"],
        ),
        (
            r#""input":[{"type":"compaction","encrypted_content":"gAAA"},{"role":"user","content":"x"}]"#,
            &["+2 user: x", "unread: encrypted content"],
        ),
        (
            r#""tools":[{"type":"mcp","server_label":"s","server_url":"https://e.com","authorization":"t","headers":{"a":"b"}}]"#,
            &["+0 system: s | https://e.com", "unread: a tool server"],
        ),
        (r#""input":[{"type":"yet_unknown","words":"read me"}]"#, &["+0 user: read me"]),
        (
            r#""input":[{"type":"additional_tools","role":"developer","tools":[{"type":"function","name":"f","description":"d"}]}]"#,
            &["+0 system: f | d"],
        ),
    ];
    for (member, expected) in table {
        assert_eq!(told(Dialect::Responses, &format!("{{{member}}}")), expected.join("\n"), "{member}");
    }
}

#[test]
fn prompts_and_inputs_are_the_users() {
    check(
        Dialect::Completions,
        &[
            (
                r#"{"model":"m","prompt":"a","suffix":"z","stop":"never read","echo":true}"#,
                &["+0 user: a", "+0 user: z"],
            ),
            (r#"{"prompt":["a","b"]}"#, &["+0 user: a", "+0 user: b"]),
            (r#"{"prompt":[1,2,3]}"#, &["unread: tokens"]),
            (r#"{"prompt":[[1,2],[3]]}"#, &["unread: tokens"]),
            (r#"{"prompt":null,"prompt_embeds":"AAAA"}"#, &["unread: embeddings"]),
        ],
    );
    check(
        Dialect::Embeddings,
        &[
            (r#"{"model":"m","input":"a","encoding_format":"base64","dimensions":3}"#, &["+0 user: a"]),
            (r#"{"input":["a","b"]}"#, &["+0 user: a", "+0 user: b"]),
            (r#"{"input":[[1]]}"#, &["unread: tokens"]),
            (
                r#"{"input":[{"content":[{"type":"image_url","image_url":{"url":"https://e.com"}},{"text":"t"}]}]}"#,
                &["+0 user: t", "unread: an image"],
            ),
            (r#"{"messages":[{"role":"user","content":"a"}]}"#, &["+0 user: a"]),
        ],
    );
}
