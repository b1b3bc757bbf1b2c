//! What Azure, OpenRouter and vLLM do in their own way.

use pai_simulator::{Fault, Scenario};
use serde_json::{Value, json};

use crate::support::{document, events, post, simulator, text};

const AZURE: &str = "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21";
const AZURE_KEY: &str = "api-key: simulated";
const OPENROUTER: &str = "/api/v1/chat/completions";
const BEARER: &str = "authorization: Bearer simulated";
const VLLM: &str = "/vllm/v1/chat/completions";
const NO_KEY: &str = "accept: */*";

fn hello(stream: bool) -> Value {
    json!({ "model": "a/model", "stream": stream, "messages": [{ "role": "user", "content": "Hello there" }] })
}

fn with_options(options: &Value) -> Value {
    let mut body = hello(true);
    body["stream_options"] = options.clone();
    body
}

#[tokio::test]
async fn azure_begins_a_stream_with_what_its_filters_say() {
    let simulator = simulator().await;
    let chunks = events(&text(post(&simulator, AZURE, AZURE_KEY, &hello(true))).await);
    assert_eq!((&chunks[0]["choices"], chunks[0].get("usage")), (&json!([]), None));
    assert_eq!(chunks[0]["prompt_filter_results"][0]["content_filter_results"]["hate"]["filtered"], false);
    assert_eq!(chunks[1]["model"], "my-gpt", "the deployment's name, whatever the body says");
    assert!(chunks[1]["choices"][0]["content_filter_results"].is_object());
    let (_, answer) =
        document(post(&simulator, "/openai/v1/chat/completions", AZURE_KEY, &hello(false))).await;
    assert_eq!(answer["model"], "a/model");
    assert!(answer["prompt_filter_results"].is_array());
    let embeddings = "/openai/deployments/my-ada/embeddings?api-version=2024-10-21";
    let (_, answer) = document(post(&simulator, embeddings, AZURE_KEY, &json!({ "input": "one" }))).await;
    assert_eq!(answer["model"], "my-ada");
}

#[tokio::test]
async fn azure_wants_its_own_header_and_a_version() {
    let simulator = simulator().await;
    for (path, credential, status) in [
        (AZURE, BEARER, 401),
        (AZURE, "authorization: Bearer eyJhbGciOiJub25lIn0.e30.", 200),
        ("/openai/v1/chat/completions", BEARER, 401),
        (AZURE.trim_end_matches("?api-version=2024-10-21"), AZURE_KEY, 404),
    ] {
        let (found, answer) = document(post(&simulator, path, credential, &hello(false))).await;
        assert_eq!(found, status, "{path} {credential}");
        if status != 200 {
            assert_eq!(answer["error"]["code"], status.to_string());
        }
    }
    simulator.push(Scenario { prompt_blocked: true, ..Scenario::default() });
    let (status, refused) = document(post(&simulator, AZURE, AZURE_KEY, &hello(true))).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!("content_filter")));
    assert_eq!(refused["error"]["innererror"]["content_filter_result"]["violence"]["filtered"], true);
}

#[tokio::test]
async fn openrouter_comments_and_says_what_it_costs() {
    let simulator = simulator().await;
    let response = post(&simulator, OPENROUTER, BEARER, &hello(true)).send().await.expect("an answer");
    assert_eq!(response.headers()["x-generation-id"], "gen-simulated0001");
    let stream = response.text().await.expect("a body");
    assert!(stream.starts_with(": OPENROUTER PROCESSING\n\ndata: "), "{stream}");
    assert_eq!(stream.matches(": OPENROUTER PROCESSING\n\n").count(), 2);
    let chunks = events(&stream);
    let last = chunks.last().expect("chunks");
    assert_eq!((&last["choices"], &last["usage"]["cost"]), (&json!([]), &json!(0.000_024)));
    assert!(last["usage"]["cost_details"].is_object());
    assert_eq!(simulator.log().entries()[0].reported.map(|reported| reported.total()), Some(24));
    simulator.push(Scenario { error_after_events: Some(3), ..Scenario::default() });
    let stream = text(post(&simulator, OPENROUTER, BEARER, &hello(true))).await;
    let last = events(&stream).pop().expect("chunks");
    assert_eq!(
        (&last["choices"][0]["finish_reason"], &last["error"]["code"]),
        (&json!("error"), &json!(502))
    );
    assert_eq!((&last["choices"][0]["error"]["code"], &last["model"]), (&json!(502), &json!("a/model")));
    let (status, refused) = document(post(&simulator, OPENROUTER, AZURE_KEY, &hello(false))).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!(401)));
}

#[tokio::test]
async fn vllm_needs_no_key_and_tells_usage_on_every_chunk_on_order() {
    let simulator = simulator().await;
    let response = post(&simulator, VLLM, NO_KEY, &hello(false)).send().await.expect("an answer");
    assert!(response.headers().keys().all(|name| !name.as_str().contains("ratelimit")));
    let silent = text(post(&simulator, VLLM, NO_KEY, &with_options(&json!({ "include_usage": true })))).await;
    assert_eq!(silent.matches("\"usage\"").count(), 1, "{silent}");
    let options = json!({ "include_usage": true, "continuous_usage_stats": true });
    let by_request = text(post(&simulator, VLLM, NO_KEY, &with_options(&options))).await;
    simulator.push(Scenario { continuous_usage: true, ..Scenario::default() });
    let by_order = text(post(&simulator, VLLM, NO_KEY, &hello(true))).await;
    assert_eq!(by_request, by_order);
    let counts: Vec<u64> =
        events(&by_order).iter().filter_map(|chunk| chunk["usage"]["completion_tokens"].as_u64()).collect();
    assert_eq!(counts, [0, 4, 8, 12, 12, 12]);
    simulator.push(Scenario { thinking_tokens: 3, ..Scenario::default() });
    let (_, answer) = document(post(&simulator, VLLM, NO_KEY, &hello(false))).await;
    assert_eq!(answer["choices"][0]["message"]["reasoning_content"], "[simulated] This is");
    simulator.push(Scenario {
        fault: Some(Fault::Status { status: 401, retry_after: None }),
        ..Scenario::default()
    });
    let (status, refused) = document(post(&simulator, VLLM, NO_KEY, &hello(false))).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!(401)));
}

#[tokio::test]
async fn a_cut_continuous_stream_has_reported_what_was_handed_over() {
    let simulator = simulator().await;
    let cut = Some(pai_simulator::Cut::Events(2));
    simulator.push(Scenario { continuous_usage: true, cut, ..Scenario::default() });
    let response = post(&simulator, VLLM, NO_KEY, &hello(true)).send().await.expect("headers");
    assert!(response.text().await.is_err());
    assert_eq!(simulator.log().entries()[0].reported.map(|reported| reported.output), Some(4));
}

#[tokio::test]
async fn every_base_url_has_a_model_list_of_its_kind() {
    let simulator = simulator().await;
    for (kind, path, credential, list) in [
        ("anthropic", "/v1/models", "x-api-key: simulated", "data"),
        ("openai", "/models", BEARER, "data"),
        ("gemini", "/v1beta/models", "x-goog-api-key: simulated", "models"),
        ("openrouter", "/models", BEARER, "data"),
        ("azure-openai", "/openai/v1/models", AZURE_KEY, "data"),
        ("vllm", "/models", NO_KEY, "data"),
    ] {
        let (name, value) = credential.split_once(": ").expect("a header");
        let url = format!("{}{path}", simulator.base_url(kind).expect("a kind"));
        let mut request = reqwest::Client::new().get(url).header(name, value);
        if kind == "anthropic" {
            request = request.header("anthropic-version", "2023-06-01");
        }
        let (status, found) = document(request).await;
        assert!(status == 200 && found[list].is_array(), "{kind}: {found}");
    }
    assert_eq!(simulator.base_url("bedrock"), None);
}
