//! Embeddings, and completions of old.

use pai_simulator::{Reported, Scenario};
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

const KEY: &str = "authorization: Bearer simulated";

#[tokio::test]
async fn numbers_and_base64_are_the_same_embedding() {
    let simulator = simulator().await;
    let mut body = json!({ "model": "text-embedding-3-small", "input": ["one", "another"], "dimensions": 2 });
    let (_, floats) = document(post(&simulator, "/v1/embeddings", KEY, &body)).await;
    assert_eq!(floats["data"][1]["embedding"], json!([f32::from(b'a') / 256.0, f32::from(b'n') / 256.0]));
    assert_eq!(floats["usage"], json!({ "prompt_tokens": 3, "total_tokens": 3 }));
    body["encoding_format"] = json!("base64");
    let (_, packed) = document(post(&simulator, "/v1/embeddings", KEY, &body)).await;
    // 97/256 and 110/256 as little-endian f32: 3ec20000 and 3edc0000.
    assert_eq!(packed["data"][1]["embedding"], "AADCPgAA3D4=");
    let reported = Reported { input: 3, ..Reported::default() };
    assert!(simulator.log().entries().iter().all(|entry| entry.reported == Some(reported)));
}

#[tokio::test]
async fn lists_of_tokens_are_counted_by_their_length() {
    let simulator = simulator().await;
    for (input, count, tokens) in [(json!([1, 2, 3]), 1, 3), (json!([[1, 2], [3]]), 2, 3)] {
        let body = json!({ "model": "text-embedding-3-small", "input": input });
        let (_, answer) = document(post(&simulator, "/v1/embeddings", KEY, &body)).await;
        assert_eq!(answer["data"].as_array().map(Vec::len), Some(count));
        assert_eq!(answer["data"][0]["embedding"].as_array().map(Vec::len), Some(1_536));
        assert_eq!(answer["usage"]["prompt_tokens"], tokens);
    }
    let (status, refused) =
        document(post(&simulator, "/v1/embeddings", KEY, &json!({ "model": "a", "input": [] }))).await;
    assert_eq!((status, &refused["error"]["param"]), (400, &json!("input")));
}

#[tokio::test]
async fn googles_compatible_embeddings_want_a_bearer() {
    let simulator = simulator().await;
    let body = json!({ "model": "gemini-embedding-001", "input": "one" });
    let path = "/v1beta/openai/embeddings";
    assert_eq!(document(post(&simulator, path, KEY, &body)).await.0, 200);
    let (status, refused) = document(post(&simulator, path, "x-goog-api-key: simulated", &body)).await;
    assert_eq!((status, &refused["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
}

#[tokio::test]
async fn a_completion_is_text_and_sixteen_tokens_at_most_unless_said() {
    let simulator = simulator().await;
    let mut body = json!({ "model": "gpt-3.5-turbo-instruct", "prompt": ["one", "two"] });
    simulator.push(Scenario { output_tokens: 40, ..Scenario::default() });
    let (_, answer) = document(post(&simulator, "/v1/completions", KEY, &body)).await;
    assert_eq!(
        (&answer["object"], &answer["choices"][1]["finish_reason"]),
        (&json!("text_completion"), &json!("length"))
    );
    assert_eq!(
        (&answer["usage"]["prompt_tokens"], &answer["usage"]["completion_tokens"]),
        (&json!(2), &json!(32))
    );
    body["stream"] = json!(true);
    body["stream_options"] = json!({ "include_usage": true });
    let stream = text(post(&simulator, "/v1/completions", KEY, &body)).await;
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let chunks = events(&stream);
    assert!(chunks[0]["choices"][0]["text"].as_str().expect("text").starts_with("[simulated]"));
    let last = chunks.last().expect("chunks");
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(24)));
    assert_eq!(chunks[0].get("usage"), Some(&Value::Null));
    assert_eq!(simulator.log().entries()[1].reported.map(|reported| reported.output), Some(24));
}
