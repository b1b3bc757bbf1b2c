//! OpenAI's responses.

use pai_simulator::{Reported, Scenario};
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

const PATH: &str = "/v1/responses";
const KEY: &str = "authorization: Bearer simulated";

fn hello(stream: bool) -> Value {
    json!({ "model": "gpt-4o", "stream": stream, "input": "Hello there" })
}

fn kinds(stream: &str) -> Vec<String> {
    events(stream).iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn a_stream_has_the_documented_grammar() {
    let simulator = simulator().await;
    simulator.push(Scenario { output_tokens: 5, thinking_tokens: 2, cache_read: 3, ..Scenario::default() });
    let stream = text(post(&simulator, PATH, KEY, &hello(true))).await;
    let wanted = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&stream), wanted);
    let names: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, wanted);
    let events = events(&stream);
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["sequence_number"].as_u64()).collect();
    assert_eq!(numbers, (0..12).collect::<Vec<_>>());
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(deltas, "[simulated] This is");
    let last = &events[11]["response"];
    assert_eq!(last["output"][1]["content"][0]["text"], deltas);
    assert_eq!(
        last["usage"],
        json!({
            "input_tokens": 11,
            "input_tokens_details": { "cached_tokens": 3 },
            "output_tokens": 5,
            "output_tokens_details": { "reasoning_tokens": 2 },
            "total_tokens": 16,
        })
    );
    assert_eq!(events[0]["response"]["usage"], Value::Null);
    let reported = Reported { input: 8, cache_read: 3, output: 5, ..Reported::default() };
    assert_eq!(simulator.log().entries()[0].reported, Some(reported));
}

#[tokio::test]
async fn an_event_is_what_the_api_sends_byte_for_byte() {
    let simulator = simulator().await;
    let stream = text(post(&simulator, PATH, KEY, &hello(true))).await;
    assert_eq!(
        stream.split_inclusive("\n\n").nth(4),
        Some(
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\
             \"sequence_number\":4,\"item_id\":\"msg_simulated0001\",\"output_index\":0,\"content_index\":0,\
             \"delta\":\"[simulated] This\",\"logprobs\":[]}\n\n"
        )
    );
}

#[tokio::test]
async fn functions_are_called_and_their_outputs_answered() {
    let simulator = simulator().await;
    let mut body = hello(true);
    body["input"] =
        json!([{ "role": "user", "content": [{ "type": "input_text", "text": "use the tools twice" }] }]);
    body["tools"] = json!([{ "type": "function", "name": "look_up", "parameters": {} }]);
    let stream = text(post(&simulator, PATH, KEY, &body)).await;
    let events = events(&stream);
    let arguments: String = events
        .iter()
        .filter(|event| {
            event["type"] == "response.function_call_arguments.delta" && event["output_index"] == 1
        })
        .filter_map(|event| event["delta"].as_str())
        .collect();
    let calls = &events.last().expect("events")["response"]["output"];
    assert_eq!(calls[1]["arguments"], arguments);
    let output =
        |call: &Value| json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "x" });
    body["stream"] = json!(false);
    body["input"] = json!([body["input"][0], calls[0], calls[1], output(&calls[0]), output(&calls[1])]);
    let (status, answer) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!((status, &answer["output"][0]["type"]), (200, &json!("message")));
    body["input"].as_array_mut().expect("items").pop();
    let (status, refused) = document(post(&simulator, PATH, KEY, &body)).await;
    let message = "No tool output found for function call call_simulated_0002.";
    assert_eq!((status, &refused["error"]["message"]), (400, &json!(message)));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_incomplete() {
    let simulator = simulator().await;
    let mut body = hello(true);
    body["max_output_tokens"] = json!(16);
    simulator.push(Scenario { output_tokens: 17, ..Scenario::default() });
    let stream = text(post(&simulator, PATH, KEY, &body)).await;
    let last = events(&stream).pop().expect("events");
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(last["response"]["usage"]["output_tokens"], 16);
    simulator.push(Scenario { finish: Some("failed".to_owned()), ..Scenario::default() });
    let stream = text(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!(kinds(&stream).pop().as_deref(), Some("response.failed"));
    simulator.push(Scenario { finish: Some("refusal".to_owned()), ..Scenario::default() });
    assert!(
        kinds(&text(post(&simulator, PATH, KEY, &body)).await).contains(&"response.refusal.done".to_owned())
    );
    simulator.push(Scenario { error_after_events: Some(3), ..Scenario::default() });
    let last = events(&text(post(&simulator, PATH, KEY, &body)).await).pop().expect("events");
    assert_eq!((&last["type"], &last["sequence_number"]), (&json!("error"), &json!(3)));
}

#[tokio::test]
async fn thoughts_that_the_client_keeps_are_checked() {
    let simulator = simulator().await;
    let mut body = hello(false);
    body["include"] = json!(["reasoning.encrypted_content"]);
    simulator.push(Scenario { thinking_tokens: 3, ..Scenario::default() });
    let (_, answer) = document(post(&simulator, PATH, KEY, &body)).await;
    let mut thoughts = answer["output"][0].clone();
    let with = |thoughts: &Value| json!([thoughts, { "role": "user", "content": "on" }]);
    body["input"] = with(&thoughts);
    assert_eq!(document(post(&simulator, PATH, KEY, &body)).await.0, 200);
    thoughts["encrypted_content"] = json!("made by somebody else");
    body["input"] = with(&thoughts);
    let (status, refused) = document(post(&simulator, PATH, KEY, &body)).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("invalid_encrypted_content")));
}

#[tokio::test]
async fn wrong_requests_are_refused_as_the_api_refuses_them() {
    let simulator = simulator().await;
    for (field, value, status, code) in [
        ("input", Value::Null, 400, "missing_required_parameter"),
        ("max_output_tokens", json!(15), 400, "integer_below_min_value"),
        ("previous_response_id", json!("resp_1"), 404, "previous_response_not_found"),
    ] {
        let mut body = hello(false);
        body[field] = value;
        let (found, refused) = document(post(&simulator, PATH, KEY, &body)).await;
        assert_eq!(
            (found, &refused["error"]["code"], &refused["error"]["param"]),
            (status, &json!(code), &json!(field))
        );
    }
    assert_eq!(document(post(&simulator, PATH, "api-key: simulated", &hello(false))).await.0, 401);
}
