//! Google's native API.

use pai_simulator::{Reported, Scenario};
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

const PLAIN: &str = "/v1beta/models/gemini-3-pro-preview:generateContent";
const STREAM: &str = "/v1beta/models/gemini-3-pro-preview:streamGenerateContent?alt=sse";
const KEY: &str = "x-goog-api-key: simulated";

fn hello() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello there" }] }] })
}

#[tokio::test]
async fn a_stream_is_what_the_api_sends_byte_for_byte() {
    let simulator = simulator().await;
    simulator.push(Scenario { output_tokens: 5, thinking_tokens: 2, cache_read: 3, ..Scenario::default() });
    let part = |parts: &str, finish: &str, candidates: u64| {
        let total = 12 + 2 + candidates;
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{parts}],\"role\":\"model\"}}{finish},\"index\":0}}],\
             \"usageMetadata\":{{\"promptTokenCount\":12,\"candidatesTokenCount\":{candidates},\
             \"cachedContentTokenCount\":3,\"totalTokenCount\":{total},\
             \"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":12}}],\"thoughtsTokenCount\":2}},\
             \"modelVersion\":\"gemini-3-pro-preview\",\"responseId\":\"simulated0001\"}}\r\n\r\n"
        )
    };
    let stream = text(post(&simulator, STREAM, KEY, &hello())).await;
    let signature = stream.split("\"thoughtSignature\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let last = format!(r#"{{"text":"","thoughtSignature":"{}"}}"#, signature.expect("a signature"));
    let wanted =
        [part(r#"{"text":"[simulated] This is"}"#, "", 3), part(&last, ",\"finishReason\":\"STOP\"", 3)];
    assert_eq!(stream, wanted.concat());
    let reported = Reported { input: 9, cache_read: 3, output: 5, ..Reported::default() };
    assert_eq!(simulator.log().entries()[0].reported, Some(reported));
}

#[tokio::test]
async fn without_sse_a_stream_is_one_list() {
    let simulator = simulator().await;
    let path = STREAM.trim_end_matches("?alt=sse");
    let list: Value = serde_json::from_str(&text(post(&simulator, path, KEY, &hello())).await).expect("json");
    assert_eq!(
        list.as_array().and_then(|all| all.last()).expect("parts")["candidates"][0]["finishReason"],
        "STOP"
    );
}

#[tokio::test]
async fn thoughts_are_shown_only_if_asked_and_counted_always() {
    let simulator = simulator().await;
    simulator.scenario(Scenario { thinking_tokens: 5, ..Scenario::default() });
    let (_, hidden) = document(post(&simulator, PLAIN, KEY, &hello())).await;
    assert_eq!(hidden["candidates"][0]["content"]["parts"].as_array().map(Vec::len), Some(1));
    let mut body = hello();
    body["generationConfig"] = json!({ "thinkingConfig": { "includeThoughts": true } });
    let (_, shown) = document(post(&simulator, PLAIN, KEY, &body)).await;
    assert_eq!(shown["candidates"][0]["content"]["parts"][0]["thought"], true);
    for answer in [hidden, shown] {
        let usage = &answer["usageMetadata"];
        assert_eq!((&usage["thoughtsTokenCount"], &usage["candidatesTokenCount"]), (&json!(5), &json!(7)));
    }
    let stream = text(post(&simulator, STREAM, KEY, &body)).await;
    let counts: Vec<u64> = events(&stream)
        .iter()
        .filter_map(|part| part["usageMetadata"]["thoughtsTokenCount"].as_u64())
        .collect();
    assert_eq!(counts, [4, 5, 5, 5, 5], "{stream}");
}

/// A call, and the conversation that goes on after it.
fn after(call: &Value) -> Value {
    json!({ "contents": [
        { "role": "user", "parts": [{ "text": "use the tool" }] },
        { "role": "model", "parts": [call] },
        { "role": "user", "parts": [{ "functionResponse": { "name": "look_up", "response": { "found": 1 } } }] },
    ] })
}

#[tokio::test]
async fn a_call_has_to_come_back_with_its_signature() {
    let simulator = simulator().await;
    let mut body = hello();
    body["contents"][0]["parts"][0]["text"] = json!("use the tools twice");
    body["tools"] = json!([{ "functionDeclarations": [{ "name": "look_up" }] }]);
    let (_, answer) = document(post(&simulator, PLAIN, KEY, &body)).await;
    let parts = answer["candidates"][0]["content"]["parts"].clone();
    assert!(
        parts[0]["thoughtSignature"].is_string() && parts[1].get("thoughtSignature").is_none(),
        "{parts}"
    );
    let call = &parts[0];
    assert_eq!(document(post(&simulator, PLAIN, KEY, &after(call))).await.0, 200);
    let mut changed = call.clone();
    changed["functionCall"]["args"]["query"] = json!("else");
    let mut unsigned = call.clone();
    unsigned.as_object_mut().expect("a part").remove("thoughtSignature");
    for (call, words) in [(&changed, "Corrupted"), (&unsigned, "missing a thought_signature")] {
        let (status, refused) = document(post(&simulator, PLAIN, KEY, &after(call))).await;
        assert_eq!((status, &refused["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
        assert!(refused["error"]["message"].as_str().expect("words").contains(words), "{refused}");
    }
    // In turns that are over, signatures may be missing; and Gemini 2.5 does without.
    let mut over = after(&unsigned);
    let more = [
        json!({ "role": "model", "parts": [{ "text": "a" }] }),
        json!({ "role": "user", "parts": [{ "text": "b" }] }),
    ];
    over["contents"].as_array_mut().expect("contents").extend(more);
    assert_eq!(document(post(&simulator, PLAIN, KEY, &over)).await.0, 200);
    let older = "/v1beta/models/gemini-2.5-pro:generateContent";
    assert_eq!(document(post(&simulator, older, KEY, &after(&unsigned))).await.0, 200);
}

#[tokio::test]
async fn a_prompt_is_blocked_on_order() {
    let simulator = simulator().await;
    simulator.push(Scenario { prompt_blocked: true, ..Scenario::default() });
    let stream = events(&text(post(&simulator, STREAM, KEY, &hello())).await);
    assert_eq!(stream.len(), 1);
    assert_eq!(stream[0]["promptFeedback"]["blockReason"], "SAFETY");
    assert!(stream[0].get("candidates").is_none());
    assert_eq!(simulator.log().entries()[0].reported.map(|reported| reported.output), Some(0));
}

#[tokio::test]
async fn credentials_of_others_and_unknown_fields_are_refused_in_googles_shape() {
    let simulator = simulator().await;
    for (credential, status, word) in [
        ("x-api-key: simulated", 403, "PERMISSION_DENIED"),
        ("authorization: Bearer x", 401, "UNAUTHENTICATED"),
    ] {
        let (found, refused) = document(post(&simulator, PLAIN, credential, &hello())).await;
        assert_eq!((found, &refused["error"]["status"]), (status, &json!(word)));
        assert_eq!(refused["error"]["code"], status);
    }
    for (field, value) in [
        ("max_tokens", json!(5)),
        ("generationConfig", json!({ "maxTokens": 5 })),
        ("tools", json!([{ "functionDeclarations": [{ "name": "a", "parameters": { "$schema": "x" } }] }])),
    ] {
        let mut body = hello();
        body[field] = value;
        let (status, refused) = document(post(&simulator, PLAIN, KEY, &body)).await;
        assert!(
            status == 400 && refused["error"]["message"].as_str().expect("words").contains("Unknown name")
        );
    }
}

#[tokio::test]
async fn tokens_are_counted_for_nothing() {
    let simulator = simulator().await;
    let path = "/v1beta/models/gemini-3-pro-preview:countTokens";
    let (_, counted) = document(post(&simulator, path, KEY, &hello())).await;
    let (_, inner) =
        document(post(&simulator, path, KEY, &json!({ "generateContentRequest": hello() }))).await;
    let (_, answer) = document(post(&simulator, PLAIN, KEY, &hello())).await;
    assert_eq!(counted["totalTokens"], answer["usageMetadata"]["promptTokenCount"]);
    assert_eq!(counted, inner);
    assert_eq!(simulator.log().entries()[0].reported, None);
}
