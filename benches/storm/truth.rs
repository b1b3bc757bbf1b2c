//! What was really spent: the sum of what the simulator reported to whoever asked it, read from its own log.

use std::io::{Error, Result};

use reqwest::{Client, Url};
use serde_json::Value;

/// The simulator's log.
pub(crate) struct Truth {
    client: Client,
    log: Url,
}

impl Truth {
    /// Of a simulator with this base URL.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let log = format!("{}/__simulator/log", url.trim_end_matches('/')).parse().map_err(Error::other)?;
        let client = Client::builder().no_proxy().build().map_err(Error::other)?;
        Ok(Self { client, log })
    }

    /// Forgets what was before.
    pub(crate) async fn forget(&self) -> Result<()> {
        self.client
            .delete(self.log.clone())
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map(drop)
            .map_err(Error::other)
    }

    /// Tokens of all classes since then.
    pub(crate) async fn tokens(&self) -> Result<u64> {
        let asked = self.client.get(self.log.clone()).send().await;
        let response = asked.and_then(reqwest::Response::error_for_status).map_err(Error::other)?;
        let entries: Vec<Value> = response.json().await.map_err(Error::other)?;
        let reported = entries.iter().filter_map(|entry| entry.get("reported")?.as_object());
        Ok(reported.flat_map(serde_json::Map::values).filter_map(Value::as_u64).sum())
    }
}
