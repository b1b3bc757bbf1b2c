//! One request through the gateway, with all four messages: as the client asked, as the provider was asked, as it
//! answered, and as the client was answered.

use std::sync::LazyLock;

use bytes::Bytes;
use futures_util::StreamExt;
use pai_simulator::{Entry, Scenario};
use regex::Regex;
use serde_json::Value;

use super::client::Client;
use super::token;
use crate::support::{PROVIDER_KEY, World};

/// A message of HTTP, as far as it says something.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Method and target, or status.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The connection broke in the middle.
    pub(crate) broke: bool,
}

/// The four messages.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) client_asks: Said,
    pub(crate) provider_is_asked: Said,
    pub(crate) provider_answers: Said,
    pub(crate) client_is_answered: Said,
}

/// Asks through the gateway, and then the provider once more what it was asked: it answers the same again.
pub(crate) async fn exchange(
    world: &World,
    client: Client,
    kind: &str,
    body: Bytes,
    scenario: &Scenario,
) -> Exchange {
    world.simulator.log().clear();
    world.simulator.push(scenario.clone());
    let client_asks = asking(world, client, kind, body);
    let client_is_answered = post(world, &world.url(client.path()), &client_asks).await;
    world.settled().await;

    let mut entries = world.simulator.log().entries();
    assert_eq!(entries.len(), 1, "the provider is asked once: {client_is_answered:?}");
    let provider_is_asked = said_in(entries.remove(0));
    world.simulator.push(scenario.clone());
    let target = provider_is_asked.line.strip_prefix("POST ").expect("a POST");
    let url = format!("{}{target}", world.simulator.url());
    let provider_answers = post(world, &url, &provider_is_asked).await;

    let has = |said: &Said, secret: &str| {
        said.headers.iter().any(|(_, value)| value.contains(secret))
            || String::from_utf8_lossy(&said.body).contains(secret)
    };
    assert!(!has(&provider_is_asked, token(world, kind)), "the client's credential went upstream");
    assert!(!has(&client_is_answered, PROVIDER_KEY), "the provider's key came back");
    Exchange { client_asks, provider_is_asked, provider_answers, client_is_answered }
}

/// Asks through the gateway.
pub(crate) async fn ask(world: &World, client: Client, kind: &str, body: Bytes) -> Said {
    post(world, &world.url(client.path()), &asking(world, client, kind, body)).await
}

fn asking(world: &World, client: Client, kind: &str, body: Bytes) -> Said {
    let headers = client.headers(token(world, kind));
    Said { line: format!("POST {}", client.path()), headers, body, broke: false }
}

fn said_in(entry: Entry) -> Said {
    let Entry { method, target, headers, body, .. } = entry;
    Said { line: format!("{method} {target}"), headers, body, broke: false }
}

/// Sends it, and reads the answer as far as it comes.
async fn post(world: &World, url: &str, said: &Said) -> Said {
    let mut request = world.client.post(url).body(said.body.clone());
    for (name, value) in
        said.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
    {
        request = request.header(name, value);
    }
    read(request.send().await.expect("an answer")).await
}

/// The whole answer.
async fn read(response: reqwest::Response) -> Said {
    let line = response.status().as_u16().to_string();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let (mut body, mut broke) = (Vec::new(), false);
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(_) => broke = true,
        }
    }
    Said { line, headers, body: body.into(), broke }
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// As the golden files have it: headers sorted, without those that every connection has or that are of the day;
    /// documents indented, streams as they are, with carriage returns that can be seen.
    fn shown(&self, token: &str) -> String {
        const OF_THE_CONNECTION: [&str; 6] =
            ["host", "content-length", "date", "transfer-encoding", "connection", "keep-alive"];
        let mut headers: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        headers.sort();
        let body = match serde_json::from_slice::<Value>(&self.body) {
            Ok(document) => serde_json::to_string_pretty(&document).expect("text"),
            Err(_) => String::from_utf8_lossy(&self.body).replace('\r', RETURN),
        };
        let end = if self.broke { "\n== and the connection breaks off" } else { "" };
        let text = format!("{}\n{}\n{body}{end}", self.line, headers.concat());
        fixed(&text.replace(token, "THE-CLIENTS-TOKEN").replace(PROVIDER_KEY, "THE-PROVIDERS-KEY"))
    }
}

/// A carriage return, to be seen.
pub(crate) const RETURN: &str = "␍";

impl Exchange {
    /// As the golden files have it.
    pub(crate) fn shown(&self, token: &str) -> String {
        let parts = [
            ("the client asks", &self.client_asks),
            ("the provider is asked", &self.provider_is_asked),
            ("the provider answers", &self.provider_answers),
            ("the client is answered", &self.client_is_answered),
        ];
        parts.map(|(title, said)| format!("== {title}\n{}\n", said.shown(token))).concat()
    }
}

/// Words in place of what is different every time: names of requests, and the version.
pub(crate) fn fixed(text: &str) -> String {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new("pai_[0-9a-f]{24}").expect("a pattern"));
    static VERSION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"user-agent: pai/[0-9.]+").expect("a pattern"));
    VERSION.replace_all(&NAME.replace_all(text, "pai_NAME"), "user-agent: pai/VERSION").into_owned()
}
