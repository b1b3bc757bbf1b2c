//! The simulator over real sockets: it answers as the real API does, and breaks as ordered.

use std::time::Duration;

use pai_simulator::{Cut, Fault, Reported, Scenario, Settings, Simulator, UsageReport};
use serde_json::{Value, json};

async fn simulator() -> Simulator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Simulator::start(Settings::default()).await.expect("a simulator")
}

fn post(simulator: &Simulator, body: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/v1/messages?beta=true", simulator.url()))
        .header("x-api-key", "simulated")
        .header("anthropic-version", "2023-06-01")
        .json(body)
}

fn hello(stream: bool) -> Value {
    json!({ "model": "claude-haiku-4-5", "max_tokens": 100, "stream": stream,
            "messages": [{ "role": "user", "content": "Hello there" }] })
}

async fn text(request: reqwest::RequestBuilder) -> String {
    request.send().await.expect("an answer").text().await.expect("a body")
}

#[tokio::test]
async fn a_plain_answer_is_marked_and_counted() {
    let simulator = simulator().await;
    let response = post(&simulator, &hello(false)).send().await.expect("an answer");
    assert_eq!(response.headers()["x-pai-simulated"], "true");
    assert!(response.headers().contains_key("set-cookie"));
    let message: Value = response.json().await.expect("json");
    assert!(message["content"][0]["text"].as_str().expect("text").starts_with("[simulated]"));
    assert_eq!(message["model"], "claude-haiku-4-5");
    assert_eq!(message["usage"]["output_tokens"], 12);
    let entry = &simulator.log().entries()[0];
    assert_eq!(entry.target, "/v1/messages?beta=true");
    assert_eq!(entry.reported.map(|reported| reported.output), Some(12));
    assert!(entry.finished);
}

#[tokio::test]
async fn a_stream_has_the_documented_grammar() {
    let simulator = simulator().await;
    simulator.push(Scenario { cache_write_1h: 3, cache_read: 2, ..Scenario::default() });
    let stream = text(post(&simulator, &hello(true))).await;
    let names: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names.first(), Some(&"message_start"));
    assert_eq!(names.last(), Some(&"message_stop"));
    let delta = stream.lines().find(|line| line.contains("\"message_delta\"")).expect("a delta");
    assert!(delta.contains("\"output_tokens\":12") && !delta.contains("ephemeral"), "{delta}");
    let reported = simulator.log().entries()[0].reported.expect("usage");
    assert_eq!((reported.cache_write_1h, reported.cache_read, reported.output), (3, 2, 12));
}

#[tokio::test]
async fn wrong_requests_are_refused_as_the_api_refuses_them() {
    let simulator = simulator().await;
    let mut body = hello(false);
    body.as_object_mut().expect("an object").remove("max_tokens");
    let refused: Value = serde_json::from_str(&text(post(&simulator, &body)).await).expect("json");
    assert_eq!(refused["error"]["type"], "invalid_request_error");
    assert_eq!(refused["error"]["message"], "max_tokens: Field required");
    let unauthenticated =
        reqwest::Client::new().post(format!("{}/v1/messages", simulator.url())).json(&hello(false));
    assert_eq!(unauthenticated.send().await.expect("an answer").status(), 401);
}

#[tokio::test]
async fn statuses_are_answered_on_order() {
    let simulator = simulator().await;
    for status in [400, 401, 403, 404, 413, 429, 500, 529] {
        simulator.push(Scenario {
            fault: Some(Fault::Status { status, retry_after: Some(3) }),
            ..Scenario::default()
        });
        let response = post(&simulator, &hello(false)).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.json::<Value>().await.expect("json")["type"], "error");
    }
}

#[tokio::test]
async fn a_cut_breaks_the_connection() {
    let simulator = simulator().await;
    for cut in [Cut::Events(3), Cut::Bytes(300)] {
        simulator.push(Scenario { cut: Some(cut), ..Scenario::default() });
        let response = post(&simulator, &hello(true)).send().await.expect("headers");
        assert!(response.text().await.is_err(), "{cut:?}");
    }
    simulator.push(Scenario { fault: Some(Fault::Hangup), ..Scenario::default() });
    let ended = post(&simulator, &hello(true)).send().await;
    let broken = match ended {
        Ok(response) => response.text().await.is_err(),
        Err(_) => true,
    };
    assert!(broken);
}

#[tokio::test]
async fn a_stall_keeps_the_connection_and_a_leaving_client_is_noticed() {
    let simulator = simulator().await;
    simulator.push(Scenario { stall_after_events: Some(2), ..Scenario::default() });
    let response = post(&simulator, &hello(true)).send().await.expect("headers");
    let all = tokio::time::timeout(Duration::from_millis(200), response.text()).await;
    assert!(all.is_err(), "still open");
    let mut gone = false;
    for _ in 0..100 {
        gone = simulator.log().entries()[0].client_gone;
        if gone {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone);
}

#[tokio::test]
async fn orders_in_a_prompt_concern_that_request() {
    let simulator = simulator().await;
    let mut body = hello(true);
    body["messages"][0]["content"] = json!("[[simulate: error_at_event=3 pieces=1 unknown_parts]]");
    let stream = text(post(&simulator, &body)).await;
    assert!(stream.contains("overloaded_error") && !stream.contains("message_stop"));
    assert!(text(post(&simulator, &hello(true))).await.contains("message_stop"));
}

#[tokio::test]
async fn usage_is_withheld_or_repeated_on_order() {
    let simulator = simulator().await;
    simulator.push(Scenario { usage: UsageReport::Omitted, ..Scenario::default() });
    assert!(!text(post(&simulator, &hello(true))).await.contains("output_tokens"));
    assert_eq!(simulator.log().entries()[0].reported, None::<Reported>);
    simulator.push(Scenario { usage: UsageReport::Twice, ..Scenario::default() });
    assert_eq!(text(post(&simulator, &hello(true))).await.matches("event: message_delta").count(), 2);
    simulator.push(Scenario { input_raised_by: 30, ..Scenario::default() });
    assert!(text(post(&simulator, &hello(true))).await.contains("server_tool_use"));
    let [.., raised] = &simulator.log().entries()[..] else { unreachable!("three requests") };
    assert_eq!(raised.reported.map(|reported| reported.input), Some(12 + 30));
}

#[tokio::test]
async fn tools_are_called_and_their_results_answered() {
    let simulator = simulator().await;
    let mut body = hello(true);
    body["tools"] = json!([{ "name": "look_up", "input_schema": { "type": "object" } }]);
    body["messages"][0]["content"] = json!("use the tool");
    let stream = text(post(&simulator, &body)).await;
    assert!(stream.contains("input_json_delta") && stream.contains("\"stop_reason\":\"tool_use\""));
    body["max_tokens"] = json!(5);
    let stream = text(post(&simulator, &body)).await;
    assert!(stream.contains("\"stop_reason\":\"max_tokens\"") && stream.contains("\"output_tokens\":5"));
    body["max_tokens"] = json!(100);
    body["messages"] = json!([{ "role": "user", "content": [
        { "type": "tool_result", "tool_use_id": "toolu_simulated_0001", "content": "found by the tool" }] }]);
    assert!(text(post(&simulator, &body)).await.contains("end_turn"));
}

#[tokio::test]
async fn tokens_are_counted_and_models_listed() {
    let simulator = simulator().await;
    let client = reqwest::Client::new();
    let with_key = |request: reqwest::RequestBuilder| {
        request.header("x-api-key", "simulated").header("anthropic-version", "2023-06-01")
    };
    let count =
        with_key(client.post(format!("{}/v1/messages/count_tokens", simulator.url()))).json(&hello(false));
    let counted: Value = serde_json::from_str(&text(count).await).expect("json");
    let plain: Value = serde_json::from_str(&text(post(&simulator, &hello(false))).await).expect("json");
    assert_eq!(counted["input_tokens"], plain["usage"]["input_tokens"]);
    let page =
        with_key(client.get(format!("{}/v1/models?limit=1&after_id=claude-opus-4-6", simulator.url())));
    let page: Value = serde_json::from_str(&text(page).await).expect("json");
    assert_eq!((&page["first_id"], &page["has_more"]), (&json!("claude-sonnet-4-6"), &json!(true)));
}
