//! A ledger of two days, written by hand, which a test changes before it reaches the disk.

use std::path::Path;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::{Account, Quantity, SledStore, Store, StoredAccount, Totals, Usage, record};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::MANIFESTS;

/// 2026-11-22.
pub(crate) const DAY: UtcDay = UtcDay(20_779);

/// An account, with all that its record has.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    scope: Scope,
    name: &'static str,
    /// From [`DAY`] on.
    day: u32,
    pub(crate) requests: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) estimated: u64,
    pub(crate) cost: u64,
    /// In tokens.
    pub(crate) mark: u64,
    /// How far the mark in money is ahead.
    pub(crate) ahead: u64,
}

impl Entry {
    /// Another request, or one less, with its mark.
    pub(crate) fn add(&mut self, requests: i64, input: i64, cost: i64) {
        let add = |number: &mut u64, more: i64| *number = number.checked_add_signed(more).expect("a count");
        add(&mut self.requests, requests);
        add(&mut self.input, input);
        add(&mut self.mark, input);
        add(&mut self.cost, cost);
    }

    /// Whether it is this account.
    pub(crate) fn is(&self, scope: Scope, name: &str, day: u32) -> bool {
        (self.scope, self.name, self.day) == (scope, name, day)
    }

    fn stored(&self) -> (Account, StoredAccount) {
        let account = Account {
            scope: self.scope,
            name: format!("default/{}", self.name).into(),
            day: UtcDay(DAY.0 + self.day),
        };
        let usage = Usage { input: Tokens(self.input), output: Tokens(self.output), ..Usage::default() };
        let noon = UnixSeconds(i64::from(account.day.0) * 86_400 + 43_200);
        let totals = Totals {
            requests: self.requests,
            usage,
            cost: NanoUsd(self.cost),
            estimated: Tokens(self.estimated),
            last_used: Some(noon),
            ..Totals::default()
        };
        let mark = Quantity { tokens: Tokens(self.mark), cost: NanoUsd(self.cost + self.ahead) };
        (account, StoredAccount { sequence: 1, mark, totals })
    }
}

/// Manifests, accounts and decision records that agree.
pub(crate) struct Books {
    pub(crate) manifests: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) records: Vec<Value>,
    /// Half a record at the end of the file.
    pub(crate) torn: bool,
    /// An account whose record has a wrong bit.
    pub(crate) damaged: Option<(Scope, &'static str, u32)>,
    /// A record under a key that no account has.
    pub(crate) stray_key: bool,
}

impl Books {
    /// Two requests of `coder` and one of `laptop` on the first day, one of `coder` and one of `laptop` on the second.
    pub(crate) fn sound() -> Self {
        let mut books = Self {
            manifests: MANIFESTS.to_owned(),
            entries: Vec::new(),
            records: Vec::new(),
            torn: false,
            damaged: None,
            stray_key: false,
        };
        books.request(Scope::Agent, "coder", 0, 30);
        books.request(Scope::Agent, "coder", 0, 50);
        books.request(Scope::AccessKey, "laptop", 0, 20);
        books.request(Scope::Agent, "coder", 1, 60);
        books.request(Scope::AccessKey, "laptop", 1, 10);
        books
    }

    /// So many tokens of input at three dollars a million, counted and recorded.
    fn request(&mut self, scope: Scope, name: &'static str, day: u32, input: i64) {
        let mut charged = vec![(Scope::Provider, "anthropic"), (scope, name)];
        if scope == Scope::AccessKey {
            charged.insert(1, (Scope::ProviderExternal, "anthropic"));
        }
        for (scope, name) in &charged {
            self.entry(*scope, name, day).add(1, input, 3_000 * input);
        }
        let limit = |scope: Scope| match scope {
            Scope::Provider => 1_000_000,
            Scope::ProviderExternal => 500_000,
            Scope::Agent => 400_000,
            Scope::AccessKey => 300_000,
        };
        let accounts = charged.iter().map(|(scope, name)| {
            json!({ "scope": scope, "name": format!("default/{name}"), "settled": 0, "held": 0, "limit": limit(*scope) })
        });
        self.records.push(json!({
            "day": UtcDay(DAY.0 + day).to_string(),
            "attempts": [{ "candidate": "default/anthropic/m", "result": "answered" }],
            "settled": { "input": input, "total": input, "cost_usd": NanoUsd(3_000 * input.unsigned_abs()).in_dollars(), "estimated": false },
            "accounts": accounts.collect::<Vec<_>>(),
        }));
    }

    /// The account, which is opened if it is not there.
    pub(crate) fn entry(&mut self, scope: Scope, name: &'static str, day: u32) -> &mut Entry {
        let at = self.entries.iter().position(|entry| entry.is(scope, name, day)).unwrap_or_else(|| {
            let (requests, input, output, estimated, cost, mark, ahead) = (0, 0, 0, 0, 0, 0, 0);
            self.entries.push(Entry {
                scope,
                name,
                day,
                requests,
                input,
                output,
                estimated,
                cost,
                mark,
                ahead,
            });
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }

    /// As if all requests had been admitted under these limits.
    pub(crate) fn admitted_under(&mut self, tokens: u64, dollars: f64) {
        for record in &mut self.records {
            for account in record["accounts"].as_array_mut().expect("accounts") {
                account["limit"] = json!(tokens);
                account["limit_usd"] = json!(dollars);
            }
        }
    }

    /// A workspace with its state folder.
    pub(crate) fn write(&self) -> TempDir {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("pai.yaml"), &self.manifests).expect("written");
        let state = folder.path().join(".pai");
        std::fs::create_dir(&state).expect("a folder");
        let mut lines: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        lines.push(if self.torn { "{\"day\":\"2026-1" } else { "" }.to_owned());
        std::fs::write(state.join("records.jsonl"), lines.join("\n")).expect("written");
        let mut store = SledStore::open(state.join("ledger")).expect("a ledger");
        let batch: Vec<_> = self.entries.iter().map(Entry::stored).collect();
        store.commit(&batch).expect("committed");
        store.close().expect("closed");
        drop(store);
        self.damage(&state.join("ledger/sled"), &batch);
        folder
    }

    /// What no store of ours would write.
    fn damage(&self, database: &Path, batch: &[(Account, StoredAccount)]) {
        if self.damaged.is_none() && !self.stray_key {
            return;
        }
        let database = reopened(database);
        if let Some((scope, name, day)) = self.damaged {
            let is_it = |(account, _): &&(Account, StoredAccount)| {
                (account.scope, account.day.0 - DAY.0) == (scope, day) && account.name.ends_with(name)
            };
            let (account, stored) = batch.iter().find(is_it).expect("an account");
            let mut value = record::value(account, stored);
            value[30] ^= 1;
            database.insert(record::key(account), value).expect("written");
        }
        if self.stray_key {
            database.insert(b"20", b"no account").expect("written");
        }
        database.flush().expect("flushed");
    }
}

/// sled's threads let go of the lock a moment after the last handle is gone.
fn reopened(database: &Path) -> sled::Db {
    for _ in 0..500 {
        match sled::open(database) {
            Ok(database) => return database,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
    panic!("the database stays locked")
}
