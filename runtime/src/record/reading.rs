//! Decision records read back, as far as reports and audits want them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UtcDay};
use pai_ledger::{Caps, Quantity, Usage};
use serde::{Deserialize, Deserializer};

/// One record.
#[derive(Debug, Clone, Deserialize)]
pub struct Past {
    /// The provider that answered or was refused.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model that answered or was refused.
    #[serde(default)]
    pub model: Option<String>,
    /// The UTC day whose accounts it counts in; `None` where nothing was held.
    #[serde(default)]
    pub day: Option<UtcDayText>,
    /// What it used, of all attempts together.
    #[serde(default)]
    pub settled: Option<PastSettled>,
    #[serde(default)]
    attempts: Vec<PastAttempt>,
    /// The accounts that the last attempt was counted in.
    #[serde(default)]
    pub accounts: Vec<PastAccount>,
}

impl Past {
    /// At least so many holds were settled for it.
    pub fn settlements_at_least(&self) -> u64 {
        let charged = self.attempts.iter().filter(|attempt| attempt.charged).count();
        let has_other_end = self.settled.is_some() && self.attempts.last().is_none_or(|last| !last.charged);
        u64::try_from(charged).unwrap_or(u64::MAX).saturating_add(u64::from(has_other_end))
    }
}

#[derive(Debug, Clone, Deserialize)]
struct PastAttempt {
    #[serde(default)]
    charged: bool,
}

/// A day as records write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcDayText(pub UtcDay);

impl<'de> Deserialize<'de> for UtcDayText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// What a request used.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct PastSettled {
    /// By class.
    #[serde(flatten)]
    pub usage: Usage,
    #[serde(default)]
    cost_usd: f64,
    /// Whether part of it is a bound of ours.
    #[serde(default)]
    pub estimated: bool,
}

impl PastSettled {
    /// What it cost.
    pub fn cost(&self) -> NanoUsd {
        nano_usd(self.cost_usd)
    }

    /// Tokens and their price.
    pub fn quantity(&self) -> Quantity {
        Quantity { tokens: self.usage.total(), cost: self.cost() }
    }
}

/// An account that a request was counted in.
#[derive(Debug, Clone, Deserialize)]
pub struct PastAccount {
    /// Whose tokens.
    pub scope: Scope,
    /// Which provider, agent or key.
    pub name: String,
    #[serde(default)]
    limit: Option<Tokens>,
    #[serde(default)]
    limit_usd: Option<f64>,
}

impl PastAccount {
    /// The caps under which the request was admitted.
    pub fn caps(&self) -> Caps {
        Caps { tokens: self.limit, cost: self.limit_usd.map(nano_usd) }
    }
}

/// Hands every record of a file to `each`, in order. A line that is none is left out, since a kill can leave half a
/// line; how many there were is the answer.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(path: &Path, mut each: impl FnMut(Past)) -> io::Result<u64> {
    let mut unreadable = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        match serde_json::from_slice(&line?) {
            Ok(record) => each(record),
            Err(_) => unreadable += 1,
        }
    }
    Ok(unreadable)
}

/// Back from what is written for eyes; exact up to nine million dollars a request.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is no balance")]
fn nano_usd(dollars: f64) -> NanoUsd {
    NanoUsd((dollars * 1e9).round() as u64)
}
