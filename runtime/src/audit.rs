//! Whether the ledger's numbers agree: each account with its limit and its mark, the accounts of a day with each other,
//! all of them with the decision records. Rows and records go in, what does not hold comes out.

mod accounts;
mod sums;
pub mod recorded;
mod wording;

use std::collections::{BTreeMap, BTreeSet};

use pai_ledger::{CorruptRecord, Settings, Unit};

use self::recorded::Recorded;
use crate::report::Row;

/// What an audit came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// What does not hold.
    pub violations: Vec<Violation>,
    /// What differs for a reason that is no mistake.
    pub tolerated: Vec<Tolerated>,
    /// How many accounts were looked at, an account being one day's.
    pub accounts: usize,
    /// So many of them have a limit.
    pub limited: usize,
    /// Of how many days they are.
    pub days: usize,
}

/// Something that must hold and does not. [`Violation::expected`], [`Violation::found`] and [`Violation::help`] say the
/// rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A record on the disk is torn or changed, or counts more than its own mark.
    Corrupt(CorruptRecord),
    /// More is settled and held than the limit allows.
    OverLimit {
        /// The account, for people.
        who: String,
        /// Of what.
        unit: Unit,
        /// The largest limit that was in force that day, as far as anybody knows.
        limit: u64,
        /// What has ended.
        settled: u64,
        /// What is under way.
        held: u64,
    },
    /// More is settled than was promised to the disk: a kill would forget it.
    BeyondMark {
        /// The account, for people.
        who: String,
        /// Of what.
        unit: Unit,
        /// What has ended.
        settled: u64,
        /// What would be counted after a kill.
        mark: u64,
    },
    /// The estimated part is larger than the whole.
    EstimatedBeyondAll {
        /// The account, for people.
        who: String,
        /// The part.
        estimated: u64,
        /// The whole.
        settled: u64,
    },
    /// Accounts that count the same requests count them differently.
    Sums {
        /// Which.
        pair: Pair,
        /// What of them differs.
        number: &'static str,
        /// That of the first.
        left: u64,
        /// That of the second.
        right: u64,
    },
    /// Decision records show more than the ledger counts.
    MoreRecorded {
        /// The account, for people.
        who: String,
        /// Of what.
        unit: Unit,
        /// By the records.
        recorded: u64,
        /// By the ledger, with all that a kill made it count.
        counted: u64,
    },
    /// Every request has a decision record, and together they show less than the ledger counts.
    LessRecorded {
        /// The account, for people.
        who: String,
        /// Of what.
        unit: Unit,
        /// By the records.
        recorded: u64,
        /// By the ledger.
        counted: u64,
    },
    /// There is no account at all, and there are records of use.
    NothingCounted {
        /// So many.
        records: u64,
    },
}

/// Two sides that count the same requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pair {
    /// Agents and keys on one, providers on the other.
    Providers {
        /// The day.
        day: String,
    },
    /// Keys on one, external use of providers on the other.
    External {
        /// The day.
        day: String,
    },
    /// External use of a provider, which is a part of its use.
    WithinProvider {
        /// The day.
        day: String,
        /// Which provider.
        name: String,
    },
}

/// Something that differs for a known reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerated {
    /// Nobody said what the limits are.
    NoLimits,
    /// Nobody has decision records.
    NoRecords,
    /// The use was within the limit of its time, which was lowered since.
    LimitLowered {
        /// The account, for people.
        who: String,
        /// Of what.
        unit: Unit,
        /// Settled and held.
        used: u64,
        /// The limit now.
        now: u64,
        /// The limit then.
        then: u64,
    },
    /// Tokens that are counted from marks, and in no class.
    Recovered {
        /// The day.
        day: String,
        /// So many, in the account that has most.
        tokens: u64,
    },
    /// Tokens without a decision record.
    Unrecorded {
        /// The day.
        day: String,
        /// So many.
        tokens: u64,
        /// Of so many agents and keys.
        accounts: usize,
    },
    /// Recorded under a day, counted in the next.
    PastMidnight {
        /// The account, for people.
        who: String,
        /// So much.
        amount: String,
    },
    /// Lines of the file of records that are none.
    UnreadableRecords {
        /// So many.
        lines: u64,
    },
    /// Not compared, because a record that cannot be trusted is missing in it.
    NotCompared {
        /// The day; `None` for all of them.
        day: Option<String>,
    },
}

/// Looks at all accounts of a ledger. Of `corrupt` ones nothing is said but that they are.
pub fn audit(rows: &[Row], corrupt: Vec<CorruptRecord>, records: Option<&Recorded>) -> Audit {
    let days = kept_days(rows);
    let rows: Vec<&Row> = rows.iter().filter(|row| days.contains(row.day.as_str())).collect();
    let gaps = Gaps::of(&corrupt);
    let mut audit = Audit {
        violations: corrupt.into_iter().map(Violation::Corrupt).collect(),
        accounts: rows.len(),
        limited: rows.iter().filter(|row| row.caps().is_some()).count(),
        days: days.len(),
        ..Audit::default()
    };
    accounts::check(&rows, records, &mut audit);
    for (day, rows) in by_day(&rows) {
        if gaps.touch(day) {
            continue;
        }
        sums::check(day, &rows, &mut audit);
    }
    match records {
        Some(records) => recorded::check(&rows, records, &gaps, &mut audit),
        None => audit.tolerated.push(Tolerated::NoRecords),
    }
    audit.tolerated.extend(gaps.tolerated());
    audit
}

/// The days that a ledger keeps. Older ones are being forgotten, not all accounts at once, so that a kill may leave
/// some of theirs.
fn kept_days(rows: &[Row]) -> BTreeSet<&str> {
    let days: BTreeSet<&str> = rows.iter().map(|row| row.day.as_str()).collect();
    days.into_iter().rev().take(Settings::default().keep_days).collect()
}

fn by_day<'a>(rows: &[&'a Row]) -> BTreeMap<&'a str, Vec<&'a Row>> {
    let mut days: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for &row in rows {
        days.entry(&row.day).or_default().push(row);
    }
    days
}

/// Where records that cannot be trusted leave holes: what else is wrong there would only follow from it.
#[derive(Debug, Default)]
struct Gaps {
    days: BTreeSet<String>,
    /// A record whose key cannot be read may be of any day.
    anywhere: bool,
}

impl Gaps {
    fn of(corrupt: &[CorruptRecord]) -> Self {
        let known = corrupt.iter().filter_map(|record| record.account.as_ref());
        Self {
            days: known.map(|account| account.day.to_string()).collect(),
            anywhere: corrupt.iter().any(|record| record.account.is_none()),
        }
    }

    fn is_any(&self) -> bool {
        self.anywhere || !self.days.is_empty()
    }

    fn touch(&self, day: &str) -> bool {
        self.anywhere || self.days.contains(day)
    }

    fn tolerated(self) -> Vec<Tolerated> {
        if self.anywhere {
            return vec![Tolerated::NotCompared { day: None }];
        }
        self.days.into_iter().map(|day| Tolerated::NotCompared { day: Some(day) }).collect()
    }
}

/// An account of one day, for people.
fn who(row: &Row) -> String {
    format!("{} `{}` on {}", row.scope, row.name, row.day)
}
