//! A gateway under a storm: all but the last hundredth of a budget is spent in order, then everybody comes at once.

use std::io::{Error, Result};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pai_bundle::unit::UtcDay;
use pai_ledger::{Clock, SystemClock};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::crowd::MODEL;
use crate::truth::Truth;

/// No answer takes this long; whoever waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is left for the storm.
const HUNDREDTHS_LEFT: u64 = 1;
/// The most that the model answers at once.
const MOST_OUTPUT: u64 = 64_000;

/// Where storms go.
pub(crate) struct Gateway {
    client: Client,
    messages: Url,
}

/// What a storm is about.
pub(crate) struct Budget<'a> {
    pub(crate) key: &'a str,
    /// Of the key, for the day.
    pub(crate) tokens: u64,
}

/// What came of one.
pub(crate) struct Storm {
    pub(crate) seed: u64,
    /// Tokens that were reported before it.
    pub(crate) before: u64,
    /// Tokens of the budget that were left for it.
    pub(crate) left: u64,
    /// Tokens that it used, as reported.
    pub(crate) used: u64,
    pub(crate) served: u64,
    pub(crate) refused: u64,
    /// Neither: no answer, or an error that is no refusal.
    pub(crate) failed: u64,
    pub(crate) took: Duration,
}

impl Storm {
    /// Tokens above the budget.
    pub(crate) fn over(&self) -> u64 {
        self.used.saturating_sub(self.left)
    }

    /// How much of what was left was used; above 1 beyond the budget.
    pub(crate) fn share(&self) -> f64 {
        self.used as f64 / self.left as f64
    }
}

/// Whether a URL is of this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl Gateway {
    /// `url` is what comes before `/v1/messages`.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let messages = format!("{}/v1/messages", url.trim_end_matches('/')).parse().map_err(Error::other)?;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().map_err(Error::other)?;
        Ok(Self { client, messages })
    }

    /// Calm, then a storm.
    pub(crate) async fn weather(
        &self,
        seed: u64,
        budget: &Budget<'_>,
        crowd: Vec<Value>,
        truth: &Truth,
    ) -> Result<Storm> {
        let day = today();
        truth.forget().await?;
        self.spend(budget.key, budget.tokens - budget.tokens * HUNDREDTHS_LEFT / 100).await?;
        let before = truth.tokens().await?;
        let left = budget.tokens.saturating_sub(before);
        if left == 0 {
            return Err(Error::other(format!("the budget was used up before storm {seed}")));
        }
        let began = Instant::now();
        let statuses = self.storm(budget.key, crowd).await;
        let took = began.elapsed();
        let used = truth.tokens().await? - before;
        if today() != day {
            return Err(Error::other("a new day of budgets began in the middle of a storm; run this again"));
        }
        let count =
            |of: fn(&StatusCode) -> bool| statuses.iter().flatten().filter(|status| of(status)).count();
        let served = count(StatusCode::is_success) as u64;
        let refused = count(StatusCode::is_client_error) as u64;
        let failed = statuses.len() as u64 - served - refused;
        Ok(Storm { seed, before, left, used, served, refused, failed, took })
    }

    /// Uses so many tokens, or a few less, with large answers one after another.
    async fn spend(&self, key: &str, tokens: u64) -> Result<()> {
        // Of one length whatever the number, so that each has as many tokens of input as the first.
        let ask = |output: u64| {
            let prompt = format!("[[simulate: output={output:06}]]");
            json!({ "model": MODEL, "max_tokens": output, "messages": [{ "role": "user", "content": prompt }] })
        };
        let (mut spent, mut input) = (0, 0);
        while tokens > spent + input {
            let output = if input == 0 { 1 } else { MOST_OUTPUT.min(tokens - spent - input) };
            let response = self.send(key, &ask(output)).await.map_err(Error::other)?;
            let status = response.status();
            let text = response.text().await.map_err(Error::other)?;
            if !status.is_success() {
                return Err(Error::other(format!(
                    "{spent} of {tokens} were spent when {status} came: {text}"
                )));
            }
            let answer: Value = serde_json::from_str(&text)?;
            let tokens = |name: &str| answer.pointer(name).and_then(Value::as_u64).unwrap_or_default();
            input = tokens("/usage/input_tokens");
            if input == 0 {
                return Err(Error::other(format!("an answer has no usage to go by: {text}")));
            }
            spent += input + tokens("/usage/output_tokens");
        }
        Ok(())
    }

    /// Everybody at once: the status of each, where there was a whole answer.
    async fn storm(&self, key: &str, crowd: Vec<Value>) -> Vec<Option<StatusCode>> {
        let start = Arc::new(Barrier::new(crowd.len()));
        let mut requests = JoinSet::new();
        for body in crowd {
            let (start, client, request) = (start.clone(), self.client.clone(), self.request(key, &body));
            requests.spawn(async move {
                let request = request.build().ok()?;
                start.wait().await;
                let response = client.execute(request).await.ok()?;
                let status = response.status();
                response.bytes().await.ok().map(|_| status)
            });
        }
        requests.join_all().await
    }

    async fn send(&self, key: &str, body: &Value) -> reqwest::Result<Response> {
        self.request(key, body).send().await
    }

    fn request(&self, key: &str, body: &Value) -> reqwest::RequestBuilder {
        self.client
            .post(self.messages.clone())
            .header("x-api-key", key)
            .header("anthropic-version", "2023-06-01")
            .json(body)
    }
}

fn today() -> UtcDay {
    UtcDay::containing(SystemClock.now())
}
