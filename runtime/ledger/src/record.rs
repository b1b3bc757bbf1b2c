//! An account as bytes on disk: the one format that every store of ours writes.
//!
//! The key is the day (big-endian, so that old days are one range), the scope and the name. The value is a
//! version, numbers and a CRC-32 over key and value: a record that lies under the wrong key is found out.

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};

use crate::account::Account;
use crate::quantity::Quantity;
use crate::usage::{Totals, Usage};

/// What is written. A record of a version that is not known is an error, never a guess.
const VERSION: u8 = 2;
/// Before money was counted: as version 2, without costs and searches.
const WITHOUT_COSTS: u8 = 1;
const NUMBERS: usize = 15;
const NUMBERS_WITHOUT_COSTS: usize = 11;
const CHECKSUM_BYTES: usize = 4;
const VALUE_BYTES: usize = bytes(NUMBERS);

const fn bytes(numbers: usize) -> usize {
    1 + numbers * 8 + CHECKSUM_BYTES
}

/// What a store keeps of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredAccount {
    /// The write that this record was part of; grows over the life of a store.
    pub sequence: u64,
    /// What may have been used. Equal to what `totals` count after a clean stop.
    pub mark: Quantity,
    /// What was settled when the record was written.
    pub totals: Totals,
}

/// Bytes that are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Torn or changed.
    #[error("its checksum does not match")]
    Checksum,
    /// Too short or too long.
    #[error("it has {bytes} bytes instead of {VALUE_BYTES}")]
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// Written by another version of this program.
    #[error("it has version {found}, this program reads {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// Not a day, scope and name.
    #[error("its key is not that of an account")]
    Key,
    /// More is settled than the mark allows.
    #[error("it counts {} tokens for {} USD, more than its mark of {} for {}", settled.tokens, settled.cost, mark.tokens, mark.cost)]
    BeyondMark {
        /// What its totals come to.
        settled: Quantity,
        /// Its mark.
        mark: Quantity,
    },
}

/// The key of an account.
pub fn key(account: &Account) -> Vec<u8> {
    let mut key = day_prefix(account.day).to_vec();
    key.push(match account.scope {
        Scope::Provider => 0,
        Scope::ProviderExternal => 1,
        Scope::Agent => 2,
        Scope::AccessKey => 3,
    });
    key.extend_from_slice(account.name.as_bytes());
    key
}

/// All keys of days before `day` are smaller than this.
pub fn day_prefix(day: UtcDay) -> [u8; 4] {
    day.0.to_be_bytes()
}

/// The value of an account.
pub fn value(account: &Account, stored: &StoredAccount) -> Vec<u8> {
    let Totals { requests, usage, cost, estimated, recovered, recovered_cost, last_used } = stored.totals;
    let mut value = Vec::with_capacity(VALUE_BYTES);
    value.push(VERSION);
    for number in [
        stored.sequence,
        stored.mark.tokens.0,
        stored.mark.cost.0,
        requests,
        usage.input.0,
        usage.cache_write_5m.0,
        usage.cache_write_1h.0,
        usage.cache_read.0,
        usage.output.0,
        usage.web_searches,
        cost.0,
        estimated.0,
        recovered.0,
        recovered_cost.0,
    ] {
        value.extend_from_slice(&number.to_be_bytes());
    }
    value.extend_from_slice(&last_used.map_or(i64::MIN, |at| at.0).to_be_bytes());
    value.extend_from_slice(&checksum(&key(account), &value).to_be_bytes());
    value
}

/// The account that key and value describe, if nothing about them is wrong.
pub fn read(key: &[u8], value: &[u8]) -> Result<(Account, StoredAccount), RecordError> {
    let account = read_key(key)?;
    let version = *value.first().ok_or(RecordError::Length { bytes: 0 })?;
    let length = match version {
        VERSION => VALUE_BYTES,
        WITHOUT_COSTS => bytes(NUMBERS_WITHOUT_COSTS),
        _ => VALUE_BYTES.min(value.len()).max(CHECKSUM_BYTES),
    };
    if value.len() != length {
        return Err(RecordError::Length { bytes: value.len() });
    }
    let (body, sum) = value.split_at(value.len().saturating_sub(CHECKSUM_BYTES));
    if sum != checksum(key, body).to_be_bytes() {
        return Err(RecordError::Checksum);
    }
    let with_costs = match version {
        VERSION => true,
        WITHOUT_COSTS => false,
        found => return Err(RecordError::Version { found }),
    };
    let (_, numbers) = body.split_first().ok_or(RecordError::Length { bytes: 0 })?;
    let mut numbers = numbers.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes));
    let mut next = || numbers.next().unwrap_or_default();
    let (sequence, tokens) = (next(), Tokens(next()));
    let mark = Quantity { tokens, cost: NanoUsd(if with_costs { next() } else { 0 }) };
    let requests = next();
    let usage = Usage {
        input: Tokens(next()),
        cache_write_5m: Tokens(next()),
        cache_write_1h: Tokens(next()),
        cache_read: Tokens(next()),
        output: Tokens(next()),
        web_searches: if with_costs { next() } else { 0 },
    };
    let cost = NanoUsd(if with_costs { next() } else { 0 });
    let (estimated, recovered) = (Tokens(next()), Tokens(next()));
    let recovered_cost = NanoUsd(if with_costs { next() } else { 0 });
    let last_used = Some(next().cast_signed()).filter(|&at| at != i64::MIN).map(UnixSeconds);
    let totals = Totals { requests, usage, cost, estimated, recovered, recovered_cost, last_used };
    if !totals.quantity().is_within(mark) {
        return Err(RecordError::BeyondMark { settled: totals.quantity(), mark });
    }
    Ok((account, StoredAccount { sequence, mark, totals }))
}

pub(crate) fn read_key(key: &[u8]) -> Result<Account, RecordError> {
    let (day, rest) = key.split_first_chunk::<4>().ok_or(RecordError::Key)?;
    let (scope, name) = rest.split_first().ok_or(RecordError::Key)?;
    let scope = match scope {
        0 => Scope::Provider,
        1 => Scope::ProviderExternal,
        2 => Scope::Agent,
        3 => Scope::AccessKey,
        _ => return Err(RecordError::Key),
    };
    let name = std::str::from_utf8(name).map_err(|_| RecordError::Key)?.to_owned();
    Ok(Account { scope, name: name.into(), day: UtcDay(u32::from_be_bytes(*day)) })
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Account, StoredAccount) {
        let account = Account { scope: Scope::Agent, name: "team/coder".into(), day: UtcDay(20_780) };
        let usage = Usage { input: Tokens(1), output: Tokens(5), web_searches: 2, ..Usage::default() };
        let totals = Totals {
            requests: 1,
            usage,
            cost: NanoUsd(77),
            recovered_cost: NanoUsd(3),
            last_used: Some(UnixSeconds(-3)),
            ..Totals::default()
        };
        let mark = Quantity { tokens: Tokens(100), cost: NanoUsd(1_000) };
        (account, StoredAccount { sequence: 9, mark, totals })
    }

    #[test]
    fn a_record_reads_back() {
        let (account, stored) = example();
        assert_eq!(read(&key(&account), &value(&account, &stored)), Ok((account, stored)));
    }

    #[test]
    fn a_record_from_before_money_was_counted_reads_without_costs() {
        let (account, _) = example();
        let mut old = vec![WITHOUT_COSTS];
        // Sequence, mark, requests, five classes, estimated, recovered, last used.
        for number in [9, 100, 1, 10, 0, 0, 20, 5, 4, 3, 7_u64] {
            old.extend_from_slice(&number.to_be_bytes());
        }
        old.extend_from_slice(&checksum(&key(&account), &old).to_be_bytes());
        let (_, stored) = read(&key(&account), &old).expect("reads");
        assert_eq!((stored.mark, stored.totals.cost), (Tokens(100).into(), NanoUsd::ZERO));
        let usage = stored.totals.usage;
        assert_eq!((usage.input, usage.cache_read, usage.output), (Tokens(10), Tokens(20), Tokens(5)));
        assert_eq!((stored.totals.recovered, stored.totals.last_used), (Tokens(3), Some(UnixSeconds(7))));
    }

    #[test]
    fn a_record_of_a_later_version_is_an_error() {
        let (account, stored) = example();
        let mut later = value(&account, &stored);
        later[0] = VERSION + 1;
        let body = later.len() - CHECKSUM_BYTES;
        let sum = checksum(&key(&account), &later[..body]).to_be_bytes();
        later[body..].copy_from_slice(&sum);
        assert_eq!(read(&key(&account), &later), Err(RecordError::Version { found: VERSION + 1 }));
    }

    #[test]
    fn a_changed_bit_anywhere_is_an_error() {
        let (account, stored) = example();
        let (key, value) = (key(&account), value(&account, &stored));
        for bit in 0..value.len() * 8 {
            let mut torn = value.clone();
            torn[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&key, &torn).is_err(), "bit {bit}");
        }
        for bytes in 0..value.len() {
            assert!(read(&key, &value[..bytes]).is_err(), "{bytes} bytes");
        }
    }

    #[test]
    fn a_record_under_another_key_is_an_error() {
        let (account, stored) = example();
        let other = Account { name: "team/other".into(), ..account.clone() };
        assert_eq!(read(&key(&other), &value(&account, &stored)), Err(RecordError::Checksum));
        assert_eq!(read(b"20", &value(&account, &stored)), Err(RecordError::Key));
    }

    #[test]
    fn keys_sort_by_day() {
        let (account, _) = example();
        let tomorrow = Account { day: UtcDay(20_781), name: "".into(), scope: Scope::Provider };
        assert!(key(&account) < key(&tomorrow));
        assert!(key(&account).as_slice() < day_prefix(UtcDay(20_781)).as_slice());
    }
}
