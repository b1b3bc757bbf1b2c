//! A simulator, and requests to it over a real socket.

use pai_simulator::{Settings, Simulator};
use reqwest::RequestBuilder;
use serde_json::Value;

pub(crate) async fn simulator() -> Simulator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Simulator::start(Settings::default()).await.expect("a simulator")
}

/// A request with this credential, `name: value`.
pub(crate) fn post(simulator: &Simulator, path: &str, credential: &str, body: &Value) -> RequestBuilder {
    let (name, value) = credential.split_once(": ").expect("a header");
    reqwest::Client::new().post(format!("{}{path}", simulator.url())).header(name, value).json(body)
}

pub(crate) async fn text(request: RequestBuilder) -> String {
    request.send().await.expect("an answer").text().await.expect("a body")
}

/// Status and document.
pub(crate) async fn document(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("json"))
}

/// The data of a stream's events, those that are JSON.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}
