//! What an audit says to people: what is wrong, what was expected, what was found, what to do.

use std::fmt;

use pai_ledger::{CorruptRecord, RecordError};

use super::{Pair, Tolerated, Violation};

/// What is never right, whoever reads it.
const KEEP_AND_REPORT: &str = "stop the gateway and keep a copy of its state folder: this is a changed file, or a mistake in pai to report";

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(record) => write!(f, "the record of {} cannot be trusted", record.name),
            Self::OverLimit { who, unit, limit, settled, held } => {
                let over = settled.saturating_add(*held).saturating_sub(*limit);
                write!(f, "{who} is over its limit by {}", unit.show(over))
            }
            Self::BeyondMark { who, unit, settled, mark } => {
                write!(f, "{who} is beyond its mark by {}", unit.show(settled.saturating_sub(*mark)))
            }
            Self::EstimatedBeyondAll { who, .. } => write!(f, "{who} has more estimated than it has"),
            Self::Sums { pair, number, left, right } => {
                write!(f, "{pair} differ by {} {number}", left.abs_diff(*right))
            }
            Self::MoreRecorded { who, unit, recorded, counted } => {
                write!(f, "{who} lacks {} that were used", unit.show(recorded.saturating_sub(*counted)))
            }
            Self::LessRecorded { who, unit, recorded, counted } => {
                write!(f, "{who} has {} that no request used", unit.show(counted.saturating_sub(*recorded)))
            }
            Self::NothingCounted { .. } => f.write_str("the ledger is empty"),
        }
    }
}

impl Violation {
    /// What must hold.
    pub fn expected(&self) -> String {
        match self {
            Self::Corrupt(CorruptRecord { cause: RecordError::BeyondMark { .. }, .. }) => {
                "a mark of at least what is settled".to_owned()
            }
            Self::Corrupt(_) => "a record as pai wrote it".to_owned(),
            Self::OverLimit { unit, limit, .. } => format!("at most {} settled and held", unit.show(*limit)),
            Self::BeyondMark { unit, settled, .. } => format!("a mark of at least {}", unit.show(*settled)),
            Self::EstimatedBeyondAll { settled, .. } => format!("at most {settled} estimated tokens"),
            Self::Sums { pair: Pair::WithinProvider { .. }, number, right, .. } => {
                format!("at most {right} {number}, which its provider has")
            }
            Self::Sums { pair: Pair::Providers { .. }, number, right, .. } => {
                format!("{right} {number}, as all providers have")
            }
            Self::Sums { pair: Pair::External { .. }, number, right, .. } => {
                format!("{right} {number}, as all external use has")
            }
            Self::MoreRecorded { unit, recorded, .. } | Self::LessRecorded { unit, recorded, .. } => {
                format!("{}, as its decision records add up to", unit.show(*recorded))
            }
            Self::NothingCounted { records } => format!("the use that {records} decision records tell of"),
        }
    }

    /// What is there.
    pub fn found(&self) -> String {
        match self {
            Self::Corrupt(record) => record.cause.to_string(),
            Self::OverLimit { unit, settled, held, .. } => {
                format!("{} settled and {} held", unit.show(*settled), unit.show(*held))
            }
            Self::BeyondMark { unit, mark, .. } => unit.show(*mark),
            Self::EstimatedBeyondAll { estimated, .. } => format!("{estimated} estimated tokens"),
            Self::Sums { number, left, .. } => format!("{left} {number}"),
            Self::MoreRecorded { unit, counted, .. } | Self::LessRecorded { unit, counted, .. } => {
                unit.show(*counted)
            }
            Self::NothingCounted { .. } => "no account".to_owned(),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Corrupt(_) => {
                "no gateway starts with it: put the folder `ledger` back from a copy; without one, move it and \
                 `records.jsonl` away, and the budgets of today begin at nothing"
            }
            Self::OverLimit { .. } => {
                "look for `ledger.breach` in the gateway's log: an answer that used more than its hold counts in full. Or \
                 was the limit lowered that day? Otherwise report it, with a copy of the state folder"
            }
            Self::BeyondMark { .. } => {
                "check again: after an answer that used more than its hold (`ledger.breach` in the log) it is so for a \
                 moment. If it stays so, stop the gateway, which writes all that it knows, and report it"
            }
            Self::EstimatedBeyondAll { .. } | Self::Sums { .. } | Self::LessRecorded { .. } => {
                KEEP_AND_REPORT
            }
            Self::MoreRecorded { .. } | Self::NothingCounted { .. } => {
                "if the ledger was moved away or put back from a copy, move `records.jsonl` away as well; otherwise stop \
                 the gateway and keep a copy of its state folder: this is a mistake in pai to report"
            }
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Providers { day } => write!(f, "agents and keys, and providers on {day}"),
            Self::External { day } => write!(f, "keys, and external use of providers on {day}"),
            Self::WithinProvider { day, name } => {
                write!(f, "external use of provider `{name}`, and all its use on {day}")
            }
        }
    }
}

impl fmt::Display for Tolerated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLimits => {
                f.write_str("no limits are known: give the workspace or the bundle that is served")
            }
            Self::NoRecords => f.write_str("there are no decision records to compare with"),
            Self::LimitLowered { who, unit, used, now, then } => {
                let show = |amount: &u64| unit.show(*amount);
                let then = if *then == u64::MAX { "none".to_owned() } else { show(then) };
                write!(f, "{who} has used {}; its limit is {}, and was {then} then", show(used), show(now))
            }
            Self::Recovered { day, tokens } => write!(
                f,
                "accounts of {day} count up to {tokens} tokens from marks, because the gateway was killed; their sums \
                 agree within those"
            ),
            Self::Unrecorded { day, tokens, accounts } => {
                let of = if *accounts == 1 { "one agent or key" } else { "agents and keys" };
                write!(
                    f,
                    "{tokens} tokens of {of} on {day} have no decision record: it follows by some milliseconds, \
                     which a kill cuts short, or the file was moved away"
                )
            }
            Self::PastMidnight { who, amount } => {
                write!(f, "{amount} of {who} are counted in the next day: they waited past midnight")
            }
            Self::UnreadableRecords { lines: 1 } => {
                f.write_str("one line of the decision records cannot be read: a kill can cut one")
            }
            Self::UnreadableRecords { lines } => {
                write!(f, "{lines} lines of the decision records cannot be read: a kill can cut one")
            }
            Self::NotCompared { day: None } => {
                f.write_str("sums and records are not compared: an account is missing")
            }
            Self::NotCompared { day: Some(day) } => {
                write!(f, "sums and records of {day} are not compared: an account is missing")
            }
        }
    }
}
