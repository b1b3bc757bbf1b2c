//! The control: a proxy that keeps budgets as many do. It reads a counter, calls the provider if the request would fit, and
//! adds what the answer says. Its check is as careful as can be: the request's bytes and `max_tokens`, which no answer here
//! exceeds. All that it lacks is to set these tokens aside while the answer is under way.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpSocket;

/// Connections that the kernel keeps until they are accepted: nobody is to fail for what is not the point here.
const BACKLOG: u32 = 4_096;

struct Proxy {
    client: Client,
    messages: String,
    limit: u64,
    /// Tokens by key.
    spent: Mutex<HashMap<String, u64>>,
}

/// Serves until dropped.
pub(crate) async fn serve(listen: SocketAddr, upstream: SocketAddr, limit: u64) -> Result<()> {
    let proxy = Proxy {
        client: Client::builder().no_proxy().build().map_err(Error::other)?,
        messages: format!("http://{upstream}/v1/messages"),
        limit,
        spent: Mutex::default(),
    };
    let router = Router::new().route("/v1/messages", post(answer)).with_state(Arc::new(proxy));
    let socket = TcpSocket::new_v4()?;
    socket.bind(listen)?;
    axum::serve(socket.listen(BACKLOG)?, router).await
}

async fn answer(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    if proxy.spent(key, 0) + most(&body) > proxy.limit {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    match proxy.call(body).await {
        Ok((kind, text)) => {
            proxy.spent(key, number(&text, "\"input_tokens\":") + number(&text, "\"output_tokens\":"));
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Proxy {
    /// Adds to what a key has spent; all of it.
    fn spent(&self, key: &str, more: u64) -> u64 {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = spent.entry(key.to_owned()).or_default();
        *tokens += more;
        *tokens
    }

    /// The answer's type and the whole of it, plain or as events.
    async fn call(&self, body: Bytes) -> reqwest::Result<(String, String)> {
        let request = self.client.post(&self.messages).header("x-api-key", "not-a-real-key");
        let response = request.header("anthropic-version", "2023-06-01").body(body).send().await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        Ok((kind, response.text().await?))
    }
}

/// The most tokens that a request can use.
fn most(body: &[u8]) -> u64 {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    body.len() as u64 + asked.get("max_tokens").and_then(Value::as_u64).unwrap_or_default()
}

/// What stands behind the last of these names: the total, in a stream too.
fn number(text: &str, name: &str) -> u64 {
    let after = text.rfind(name).map_or("", |at| text[at + name.len()..].trim_start());
    let end = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().unwrap_or_default()
}
