//! Orders to misbehave, whichever the API.

use std::time::Duration;

use pai_simulator::{Fault, Scenario, Simulator};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

/// A streaming request in every dialect.
fn all(simulator: &Simulator) -> Vec<(&'static str, RequestBuilder)> {
    let messages = json!([{ "role": "user", "content": "Hello there" }]);
    let chat = json!({ "model": "a", "stream": true, "max_tokens": 100, "messages": messages,
                       "stream_options": { "include_usage": true } });
    let mut anthropic = chat.clone();
    anthropic.as_object_mut().expect("an object").remove("stream_options");
    let responses = json!({ "model": "a", "stream": true, "input": "Hello there" });
    let gemini = json!({ "contents": [{ "parts": [{ "text": "Hello there" }] }] });
    let bearer = "authorization: Bearer simulated";
    let stream = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse";
    vec![
        (
            "messages",
            post(simulator, "/v1/messages", "x-api-key: a", &anthropic).header("anthropic-version", "1"),
        ),
        ("chat", post(simulator, "/v1/chat/completions", bearer, &chat)),
        ("openrouter", post(simulator, "/api/v1/chat/completions", bearer, &chat)),
        ("azure", post(simulator, "/openai/v1/chat/completions", "api-key: a", &chat)),
        ("responses", post(simulator, "/v1/responses", bearer, &responses)),
        ("gemini", post(simulator, stream, "x-goog-api-key: a", &gemini)),
    ]
}

#[tokio::test]
async fn garbage_stands_in_the_middle_and_the_stream_goes_on() {
    let simulator = simulator().await;
    let whole: Vec<usize> = {
        let mut counts = Vec::new();
        for (_, request) in all(&simulator) {
            counts.push(events(&text(request).await).len());
        }
        counts
    };
    simulator.scenario(Scenario { garbage_after_events: Some(2), ..Scenario::default() });
    for ((name, request), count) in all(&simulator).into_iter().zip(whole) {
        let bytes = request.send().await.expect("an answer").bytes().await.expect("a body");
        let place = bytes.iter().position(|byte| *byte == 0xff).expect("garbage");
        assert!(place > 0 && !bytes[place..].ends_with(b"not json\n\n"), "{name}");
        assert_eq!(events(&String::from_utf8_lossy(&bytes)).len(), count, "{name}");
    }
}

#[tokio::test]
async fn a_huge_event_means_what_a_small_one_does() {
    const BYTES: u64 = 1024 * 1024;
    let simulator = simulator().await;
    for gzip_unasked in [false, true] {
        for (name, request) in all(&simulator) {
            simulator.log().clear();
            let small = text(request.try_clone().expect("a copy")).await;
            simulator.push(Scenario { huge_event_bytes: Some(BYTES), gzip_unasked, ..Scenario::default() });
            let sent = request.send().await.expect("an answer").bytes().await.expect("a body");
            let stream =
                if gzip_unasked { unpacked(&sent) } else { String::from_utf8_lossy(&sent).into_owned() };
            assert_eq!(stream.len() as u64, small.len() as u64 + BYTES, "{name}");
            assert_eq!(events(&stream), events(&small), "{name}");
            let entries = simulator.log().entries();
            assert!(entries[1].reported.is_some() && entries[1].reported == entries[0].reported, "{name}");
            assert_eq!(entries[1].sent_events, entries[0].sent_events, "{name}");
        }
    }
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut reader = flate2::read::GzDecoder::new(bytes);
    std::io::Read::read_to_string(&mut reader, &mut text).expect("gzip");
    text
}

#[tokio::test]
async fn a_huge_document_has_its_length_in_the_head() {
    let simulator = simulator().await;
    let body = json!({ "model": "a", "messages": [{ "role": "user", "content": "Hello there" }] });
    let request = || post(&simulator, "/v1/chat/completions", "authorization: Bearer a", &body);
    let small = text(request()).await;
    simulator.push(Scenario { huge_event_bytes: Some(100_000), ..Scenario::default() });
    let response = request().send().await.expect("an answer");
    assert_eq!(response.content_length(), Some(small.len() as u64 + 100_000));
    assert_eq!(response.json::<Value>().await.ok(), serde_json::from_str(&small).ok());
    assert!(simulator.log().entries()[1].finished);
}

#[tokio::test]
async fn a_line_without_an_end_goes_on_until_the_client_leaves() {
    let simulator = simulator().await;
    simulator.push(Scenario { huge_event_bytes: Some(u64::MAX), ..Scenario::default() });
    let (_, request) = all(&simulator).remove(1);
    let mut response = request.send().await.expect("an answer");
    let mut received = 0;
    while received < 10_000_000 {
        received += response.chunk().await.expect("more").expect("no end").len();
    }
    drop(response);
    for _ in 0..500 {
        if simulator.log().entries()[0].client_gone {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("nobody noticed");
}

#[tokio::test]
async fn a_standing_fault_waits_for_its_turn() {
    let simulator = simulator().await;
    let fault = Some(Fault::Status { status: 429, retry_after: Some(2) });
    simulator.scenario(Scenario { fault: fault.clone(), fault_after_requests: 2, ..Scenario::default() });
    let mut statuses = Vec::new();
    for (_, request) in all(&simulator).into_iter().take(4) {
        statuses.push(request.send().await.expect("an answer").status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
    simulator.scenario(Scenario { fault, fault_after_requests: 1, ..Scenario::default() });
    let (_, request) = all(&simulator).remove(0);
    assert_eq!(request.send().await.expect("an answer").status(), 200, "it counts anew");
}

#[tokio::test]
async fn redirects_and_wrong_content_types_are_sent_on_order() {
    let simulator = simulator().await;
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    for (name, request) in all(&simulator) {
        let location = "http://169.254.169.254/latest".to_owned();
        let fault = Fault::Redirect { status: 302, location: location.clone() };
        simulator.push(Scenario { fault: Some(fault), ..Scenario::default() });
        let response =
            client.execute(request.try_clone().and_then(|request| request.build().ok()).expect("a copy"));
        let response = response.await.expect("an answer");
        assert_eq!(response.status(), 302, "{name}");
        assert_eq!(response.headers()["location"], location.as_str(), "{name}");
        simulator.push(Scenario { content_type: Some("text/plain".to_owned()), ..Scenario::default() });
        assert_eq!(
            request.send().await.expect("an answer").headers()["content-type"],
            "text/plain",
            "{name}"
        );
    }
}

#[tokio::test]
async fn silence_is_kept_until_the_client_leaves() {
    let simulator = simulator().await;
    simulator.push(Scenario { fault: Some(Fault::Silence), ..Scenario::default() });
    let (_, request) = all(&simulator).remove(1);
    assert!(request.timeout(Duration::from_millis(200)).send().await.is_err());
    for _ in 0..500 {
        let entry = simulator.log().entries().remove(0);
        if entry.client_gone {
            assert_eq!((entry.status, entry.sent_bytes), (0, 0));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("nobody noticed");
}

#[tokio::test]
async fn an_error_is_sent_as_the_test_wrote_it() {
    let simulator = simulator().await;
    let body = r#"{"error":{"type":"insufficient_quota","code":"credit_balance_exhausted"}}"#;
    for (name, request) in all(&simulator) {
        simulator.push(Scenario {
            fault: Some(Fault::Verbatim {
                status: 429,
                headers: vec![("x-should-retry".to_owned(), "false".to_owned())],
                body: body.into(),
            }),
            ..Scenario::default()
        });
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 429, "{name}");
        assert_eq!(response.headers()["x-should-retry"], "false", "{name}");
        assert_eq!(response.text().await.expect("a body"), body);
    }
}

#[tokio::test]
async fn thinking_has_to_come_back_as_it_was_thought() {
    let simulator = simulator().await;
    simulator.push(Scenario { thinking_tokens: 6, ..Scenario::default() });
    let mut body = json!({ "model": "claude-opus-4-6", "max_tokens": 100,
                           "messages": [{ "role": "user", "content": "Hello there" }] });
    let ask = |body: &Value| {
        post(&simulator, "/v1/messages", "x-api-key: a", body).header("anthropic-version", "1")
    };
    let (_, answer) = document(ask(&body)).await;
    assert_eq!(
        (&answer["content"][0]["type"], &answer["usage"]["output_tokens"]),
        (&json!("thinking"), &json!(12))
    );
    let go_on = |content: &Value| {
        json!([{ "role": "user", "content": "Hello there" }, { "role": "assistant", "content": content },
               { "role": "user", "content": "Go on" }])
    };
    body["messages"] = go_on(&answer["content"]);
    assert_eq!(document(ask(&body)).await.0, 200);
    for field in ["signature", "thinking"] {
        let mut changed = answer["content"].clone();
        changed[0][field] = json!("of somebody else");
        body["messages"] = go_on(&changed);
        let (status, refused) = document(ask(&body)).await;
        assert_eq!(status, 400);
        assert_eq!(
            refused["error"]["message"],
            "messages.1.content.0: Invalid `signature` in `thinking` block"
        );
    }
    simulator.push(Scenario { thinking_tokens: 6, ..Scenario::default() });
    let (_, request) = all(&simulator).remove(0);
    let stream = text(request).await;
    let signed = events(&stream).into_iter().find(|event| event["delta"]["type"] == "signature_delta");
    assert_eq!(signed.expect("a signature")["delta"]["signature"], answer["content"][0]["signature"]);
}
