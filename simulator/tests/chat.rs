//! OpenAI's chat completions.

use pai_simulator::{Reported, Scenario, UsageReport};
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

const PATH: &str = "/v1/chat/completions";
const KEY: &str = "authorization: Bearer simulated";

fn hello(stream: bool) -> Value {
    json!({ "model": "gpt-4o", "stream": stream, "messages": [{ "role": "user", "content": "Hello there" }] })
}

fn with_usage() -> Value {
    let mut body = hello(true);
    body["stream_options"] = json!({ "include_usage": true });
    body
}

#[tokio::test]
async fn a_stream_is_what_the_api_sends_byte_for_byte() {
    let simulator = simulator().await;
    simulator.push(Scenario { output_tokens: 5, cache_read: 2, ..Scenario::default() });
    let start = r#"data: {"id":"chatcmpl-simulated0001","object":"chat.completion.chunk","created":1770163200,"model":"gpt-4o","service_tier":"default","system_fingerprint":"fp_simulated","choices":["#;
    let chunk = |delta: &str, finish: &str| {
        format!(
            "{start}{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let wanted = [
        chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null"),
        chunk(r#"{"content":"[simulated] This is not"}"#, "null"),
        chunk(r#"{"content":" a"}"#, "null"),
        chunk("{}", "\"stop\""),
        format!(
            "{start}],\"usage\":{{\"prompt_tokens\":12,\"completion_tokens\":5,\"total_tokens\":17,\
             \"prompt_tokens_details\":{{\"cached_tokens\":2,\"audio_tokens\":0}},\
             \"completion_tokens_details\":{{\"reasoning_tokens\":0,\"audio_tokens\":0,\
             \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}}}\n\n"
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(text(post(&simulator, PATH, KEY, &with_usage())).await, wanted.concat());
    let reported = Reported { input: 10, cache_read: 2, output: 5, ..Reported::default() };
    assert_eq!(simulator.log().entries()[0].reported, Some(reported));
}

#[tokio::test]
async fn a_stream_tells_usage_only_if_asked() {
    let simulator = simulator().await;
    let stream = text(post(&simulator, PATH, KEY, &hello(true))).await;
    assert!(!stream.contains("usage") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
    assert_eq!(simulator.log().entries()[0].reported, None);
    simulator.push(Scenario { usage: UsageReport::Twice, ..Scenario::default() });
    let stream = text(post(&simulator, PATH, KEY, &with_usage())).await;
    assert_eq!(events(&stream).iter().filter(|chunk| chunk["choices"] == json!([])).count(), 2);
    simulator.push(Scenario { usage: UsageReport::Omitted, ..Scenario::default() });
    assert!(!text(post(&simulator, PATH, KEY, &with_usage())).await.contains("usage"));
}

#[tokio::test]
async fn a_document_counts_what_every_choice_costs() {
    let simulator = simulator().await;
    let mut body = hello(false);
    body["n"] = json!(3);
    body["max_completion_tokens"] = json!(4);
    simulator.push(Scenario { thinking_tokens: 1, ..Scenario::default() });
    let (status, answer) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!(status, 200);
    assert_eq!(answer["choices"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["choices"][2]["finish_reason"], "length");
    assert_eq!(answer["choices"][0]["message"]["content"], "[simulated] This is");
    assert_eq!(answer["usage"]["completion_tokens"], 12);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
    assert_eq!(simulator.log().entries()[0].reported.map(|reported| reported.output), Some(12));
}

#[tokio::test]
async fn tools_are_called_in_pieces_and_two_at_once_on_order() {
    let simulator = simulator().await;
    let mut body = hello(true);
    body["tools"] = json!([{ "type": "function", "function": { "name": "look_up", "parameters": {} } }]);
    body["messages"][0]["content"] = json!("use the tools twice");
    let stream = text(post(&simulator, PATH, KEY, &body)).await;
    let mut arguments = [String::new(), String::new()];
    for chunk in events(&stream) {
        for call in chunk["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::from(call["index"] == 1);
            arguments[index] += call["function"]["arguments"].as_str().expect("text");
        }
    }
    assert_eq!(serde_json::from_str::<Value>(&arguments[0]).expect("json")["query"], "wörld");
    assert_eq!(serde_json::from_str::<Value>(&arguments[1]).expect("json")["again"], 2);
    assert!(stream.contains("\"finish_reason\":\"tool_calls\""));
    body["parallel_tool_calls"] = json!(false);
    assert!(!text(post(&simulator, PATH, KEY, &body)).await.contains("call_simulated_0002"));
    body["stream"] = json!(false);
    let (_, called) = document(post(&simulator, PATH, KEY, &body)).await;
    let call = called["choices"][0]["message"].clone();
    let result = json!({ "role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "found" });
    body["messages"] = json!([body["messages"][0], call, result]);
    let (_, answered) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!(answered["choices"][0]["finish_reason"], "stop");
    body["messages"] = json!([body["messages"][0], call]);
    let (status, refused) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("messages.[2].role")));
}

#[tokio::test]
async fn json_of_a_schema_is_answered_where_it_is_asked_for() {
    let simulator = simulator().await;
    let mut body = hello(false);
    body["response_format"] = json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": {
        "type": "object", "properties": { "city": { "type": "string" }, "size": { "type": "integer" } } } } });
    let (_, answer) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!(answer["choices"][0]["message"]["content"], r#"{"city":"[simulated]","size":1}"#);
}

#[tokio::test]
async fn images_count_as_images_and_not_as_their_bytes() {
    let simulator = simulator().await;
    let mut body = hello(false);
    let image = |detail| {
        json!([{ "type": "image_url", "image_url": {
            "url": format!("data:image/png;base64,{}", "A".repeat(90_000)), "detail": detail } }])
    };
    let mut counts = Vec::new();
    for detail in ["low", "high"] {
        body["messages"][0]["content"] = image(detail);
        let (_, answer) = document(post(&simulator, PATH, KEY, &body)).await;
        counts.push(answer["usage"]["prompt_tokens"].as_u64().expect("a number"));
    }
    assert_eq!(counts, [94, 774]);
}

#[tokio::test]
async fn wrong_requests_are_refused_as_the_api_refuses_them() {
    let simulator = simulator().await;
    let client = reqwest::Client::new();
    let request = client.post(format!("{}{PATH}", simulator.url())).header("x-api-key", "simulated");
    let (status, refused) = document(request.json(&hello(false))).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("invalid_api_key")));
    for (change, param, code) in [
        (json!({ "messages": null }), "messages", "missing_required_parameter"),
        (json!({ "messages": [] }), "messages", "empty_array"),
        (json!({ "max_tokens": "many" }), "max_tokens", "invalid_type"),
        (json!({ "max_tokens": 0 }), "max_tokens", "integer_below_min_value"),
        (json!({ "model": "o4-mini", "max_tokens": 9 }), "max_tokens", "unsupported_parameter"),
        (
            json!({ "stream": true, "stream_options": { "continuous_usage_stats": true } }),
            "stream_options.continuous_usage_stats",
            "unknown_parameter",
        ),
    ] {
        let mut body = hello(false);
        for (name, value) in change.as_object().expect("members") {
            body[name] = value.clone();
        }
        let (status, refused) = document(post(&simulator, PATH, KEY, &body)).await;
        assert_eq!((status, &refused["error"]["type"]), (400, &json!("invalid_request_error")), "{change}");
        assert_eq!(refused["error"]["param"], param);
        assert_eq!(refused["error"]["code"], code);
    }
}

#[tokio::test]
async fn a_stream_that_fails_says_so_and_is_never_done() {
    let simulator = simulator().await;
    simulator.push(Scenario { error_after_events: Some(2), ..Scenario::default() });
    let stream = text(post(&simulator, PATH, KEY, &hello(true))).await;
    let events = events(&stream);
    assert_eq!(events.last().expect("an event")["error"]["type"], "server_error");
    assert!(!stream.contains("[DONE]"));
}

#[tokio::test]
async fn an_answer_ends_for_the_reason_that_is_ordered() {
    let simulator = simulator().await;
    simulator.push(Scenario { finish: Some("content_filter".to_owned()), ..Scenario::default() });
    let (_, answer) = document(post(&simulator, PATH, KEY, &hello(false))).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
    simulator.push(Scenario { finish: Some("refusal".to_owned()), ..Scenario::default() });
    let (_, answer) = document(post(&simulator, PATH, KEY, &hello(false))).await;
    assert_eq!(answer["choices"][0]["message"]["content"], Value::Null);
    assert!(answer["choices"][0]["message"]["refusal"].as_str().expect("text").starts_with("[simulated]"));
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_whoever_asks() {
    let simulator = simulator().await;
    let client = reqwest::Client::new();
    let list = |name, value| client.get(format!("{}/v1/models", simulator.url())).header(name, value);
    let (_, openai) = document(list("authorization", "Bearer simulated")).await;
    assert_eq!((&openai["object"], &openai["data"][0]["object"]), (&json!("list"), &json!("model")));
    let (_, anthropic) =
        document(list("x-api-key", "simulated").header("anthropic-version", "2023-06-01")).await;
    assert_eq!(anthropic["data"][0]["type"], "model");
}
