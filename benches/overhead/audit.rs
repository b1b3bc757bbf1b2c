//! Whether the gateway did all of its work: every request recorded, every token in every account.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, Result};
use std::path::Path;

use pai_bundle::limit::Scope;
use pai_bundle::unit::UtcDay;
use pai_ledger::store::sled::SledStore;
use pai_ledger::{Ledger, Settings};
use serde_json::Value;

use crate::provider::TOKENS_PER_ANSWER;

/// Compares what a stopped gateway has left behind with the number of requests that it was sent.
pub(crate) async fn check(state: &Path, requests: u64) -> Result<()> {
    let tokens = requests * TOKENS_PER_ANSWER;
    let (mut served, mut settled) = (0_u64, 0_u64);
    for line in BufReader::new(File::open(state.join("records.jsonl"))?).lines() {
        let record: Value = serde_json::from_str(&line?)?;
        let total = record.pointer("/settled/total").and_then(Value::as_u64);
        let estimated = record.pointer("/settled/estimated").and_then(Value::as_bool);
        if record.get("outcome").and_then(Value::as_str) != Some("served") || estimated != Some(false) {
            return Err(Error::other(format!("a request was not served and metered: {record}")));
        }
        served += 1;
        settled += total.unwrap_or_default();
    }
    expect("recorded requests", served, requests)?;
    expect("recorded tokens", settled, tokens)?;

    let store = SledStore::open(state.join("ledger")).map_err(Error::other)?;
    let ledger = Ledger::open(Box::new(store), Settings::default()).map_err(Error::other)?;
    // Over all days: the run may go past midnight.
    let days = ledger.totals(UtcDay(0)..=UtcDay(u32::MAX));
    for scope in [Scope::Provider, Scope::ProviderExternal, Scope::AccessKey] {
        let of_scope = days.iter().filter(|(account, _)| account.scope == scope);
        let settled = of_scope.map(|(_, totals)| totals.tokens().0).sum();
        expect(&format!("tokens that the ledger has in scope {scope}"), settled, tokens)?;
    }
    ledger.close().await.map_err(Error::other)
}

fn expect(what: &str, found: u64, expected: u64) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::other(format!("{what}: {found}, and {expected} were expected")))
}
