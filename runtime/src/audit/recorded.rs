//! The ledger against the decision records, agent by agent and key by key. The ledger counts durably; records follow it
//! by some milliseconds, and a kill loses those. So records may show less, and must never show more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use pai_bundle::limit::Scope;
use pai_bundle::unit::UtcDay;
use pai_ledger::{Caps, Quantity, Unit};

use super::{Audit, Gaps, Tolerated, Violation};
use crate::record::reading::{self, Past, PastAccount};
use crate::report::Row;

/// One account of one day.
type Key = (UtcDay, Scope, String);

/// What a file of decision records adds up to.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    tallies: BTreeMap<Key, Tally>,
    /// The largest limits under which requests were admitted; more than any number where there was none.
    limits: BTreeMap<Key, Quantity>,
    /// Records of requests that used something.
    pub records: u64,
    unreadable: u64,
}

/// The records of an agent or key.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    used: Quantity,
    /// At least so many holds were settled.
    settlements: u64,
}

impl Recorded {
    /// Adds up a file. For a ledger at work, before the ledger is asked: then it counts all that is recorded.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut recorded = Self::default();
        recorded.unreadable = reading::read(path, |record| recorded.add(&record))?;
        Ok(recorded)
    }

    fn add(&mut self, record: &Past) {
        let Some(day) = record.day.map(|day| day.0) else { return };
        for account in &record.accounts {
            let limit = self.limits.entry(key(day, account)).or_default();
            let then = admitted_under(account.caps());
            *limit = Quantity { tokens: limit.tokens.max(then.tokens), cost: limit.cost.max(then.cost) };
        }
        let Some(settled) = &record.settled else { return };
        self.records = self.records.saturating_add(1);
        let is_principal = |account: &&PastAccount| matches!(account.scope, Scope::Agent | Scope::AccessKey);
        for account in record.accounts.iter().filter(is_principal) {
            let tally = self.tallies.entry(key(day, account)).or_default();
            tally.used = tally.used.saturating_add(settled.quantity());
            tally.settlements = tally.settlements.saturating_add(record.settlements_at_least());
        }
    }

    /// The largest limit under which a request of the account was admitted, where there is a record of one.
    pub(super) fn limit(&self, row: &Row) -> Option<Quantity> {
        self.limits.get(&key_of(row)?).copied()
    }
}

fn key(day: UtcDay, account: &PastAccount) -> Key {
    (day, account.scope, account.name.clone())
}

fn key_of(row: &Row) -> Option<Key> {
    Some((row.day.parse().ok()?, row.scope, row.name.clone()))
}

fn admitted_under(caps: Caps) -> Quantity {
    Quantity {
        tokens: caps.tokens.unwrap_or(Quantity::MAX.tokens),
        cost: caps.cost.unwrap_or(Quantity::MAX.cost),
    }
}

/// What the ledger counts for an agent or key.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    /// By settlements.
    least: Quantity,
    /// With what a kill made it count.
    most: Quantity,
    requests: u64,
}

pub(super) fn check(rows: &[&Row], records: &Recorded, gaps: &Gaps, audit: &mut Audit) {
    if records.unreadable > 0 {
        audit.tolerated.push(Tolerated::UnreadableRecords { lines: records.unreadable });
    }
    let counted: BTreeMap<Key, Counted> = rows
        .iter()
        .filter(|row| matches!(row.scope, Scope::Agent | Scope::AccessKey))
        .filter_map(|row| Some((key_of(row)?, count(row))))
        .collect();
    let Some(first) = rows.iter().filter_map(|row| row.day.parse().ok()).min() else {
        if records.records > 0 && !gaps.is_any() {
            audit.violations.push(Violation::NothingCounted { records: records.records });
        }
        return;
    };
    let keys: BTreeSet<&Key> = counted.keys().chain(records.tallies.keys()).collect();
    let mut unrecorded: BTreeMap<UtcDay, (u64, usize)> = BTreeMap::new();
    // Earlier days are forgotten in the ledger, not in the records.
    for key in keys.into_iter().filter(|(day, ..)| *day >= first && !gaps.touch(&day.to_string())) {
        let comparison = Comparison { key, counted: &counted, recorded: &records.tallies };
        let missing = match comparison.violation(audit) {
            Some(violation) => {
                audit.violations.push(violation);
                0
            }
            None => comparison.missing(),
        };
        if missing > 0 {
            let (tokens, accounts) = unrecorded.entry(key.0).or_default();
            *tokens = tokens.saturating_add(missing);
            *accounts = accounts.saturating_add(1);
        }
    }
    let said = unrecorded.into_iter();
    audit.tolerated.extend(said.map(|(day, (tokens, accounts))| Tolerated::Unrecorded {
        day: day.to_string(),
        tokens,
        accounts,
    }));
}

fn count(row: &Row) -> Counted {
    let (most, recovered) = (row.settled(), row.recovered());
    Counted { least: most.saturating_sub(recovered), most, requests: row.counts.requests }
}

/// One agent or key on one day.
struct Comparison<'a> {
    key: &'a Key,
    counted: &'a BTreeMap<Key, Counted>,
    recorded: &'a BTreeMap<Key, Tally>,
}

impl Comparison<'_> {
    /// The first thing that is wrong: with the tokens, or else with the money.
    fn violation(&self, audit: &mut Audit) -> Option<Violation> {
        let (counted, tally) = self.on(self.key);
        let was_killed = counted.least != counted.most;
        let has_all_records = !was_killed && tally.settlements >= counted.requests;
        for unit in Unit::ALL {
            let (recorded, least, most) =
                (tally.used.of(unit), counted.least.of(unit), counted.most.of(unit));
            let surplus = recorded.saturating_sub(most);
            if surplus > self.missing_next_day(unit) {
                return Some(Violation::MoreRecorded { who: self.who(), unit, recorded, counted: most });
            }
            if surplus > 0 {
                audit.tolerated.push(Tolerated::PastMidnight { who: self.who(), amount: unit.show(surplus) });
            }
            if recorded < least && has_all_records {
                return Some(Violation::LessRecorded { who: self.who(), unit, recorded, counted: least });
            }
        }
        None
    }

    /// Tokens without a record.
    fn missing(&self) -> u64 {
        let (counted, tally) = self.on(self.key);
        counted.least.tokens.0.saturating_sub(tally.used.tokens.0)
    }

    /// A request that waits at midnight may be counted in the new day while its record names the old one.
    fn missing_next_day(&self, unit: Unit) -> u64 {
        let (day, scope, name) = self.key;
        let (counted, tally) = self.on(&(UtcDay(day.0.saturating_add(1)), *scope, name.clone()));
        counted.most.of(unit).saturating_sub(tally.used.of(unit))
    }

    fn on(&self, key: &Key) -> (Counted, Tally) {
        let counted = self.counted.get(key).copied().unwrap_or_default();
        (counted, self.recorded.get(key).copied().unwrap_or_default())
    }

    fn who(&self) -> String {
        let (day, scope, name) = self.key;
        format!("{scope} `{name}` on {day}")
    }
}
