//! The accounts of a day against each other. A request is counted in its provider's account and in its agent's or key's,
//! and by a key in the provider's external account as well: in one step, so that the sums of one moment are equal.
//!
//! After a kill each account counts up to its own mark. What was used then lies between an account's settlements and
//! that, so that two sums agree where these ranges meet; without a kill the ranges are numbers, and must be equal.

use pai_bundle::limit::Scope;
use pai_ledger::Quantity;

use super::{Audit, Pair, Tolerated, Violation};
use crate::report::{Counts, Row};

/// Some accounts of a day, added up.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    counts: Counts,
    held: Quantity,
}

pub(super) fn check(day: &str, rows: &[&Row], audit: &mut Audit) {
    let of = |scopes: &[Scope]| sum(rows.iter().filter(|row| scopes.contains(&row.scope)));
    let providers = of(&[Scope::Provider]);
    let external = of(&[Scope::ProviderExternal]);
    let keys = of(&[Scope::AccessKey]);
    let principals = of(&[Scope::Agent, Scope::AccessKey]);
    let mut compare = |pair: Pair, difference: Option<(&'static str, u64, u64)>| {
        if let Some((number, left, right)) = difference {
            audit.violations.push(Violation::Sums { pair, number, left, right });
        }
    };
    compare(Pair::Providers { day: day.to_owned() }, difference(&principals, &providers, Relation::Same));
    compare(Pair::External { day: day.to_owned() }, difference(&keys, &external, Relation::Same));
    for row in rows.iter().filter(|row| row.scope == Scope::ProviderExternal) {
        let of_provider =
            rows.iter().filter(|other| other.scope == Scope::Provider && other.name == row.name);
        let pair = Pair::WithinProvider { day: day.to_owned(), name: row.name.clone() };
        compare(pair, difference(&sum([row].into_iter()), &sum(of_provider), Relation::Part));
    }
    let most = rows.iter().map(|row| row.counts.recovered_tokens).max().unwrap_or(0);
    if most > 0 {
        audit.tolerated.push(Tolerated::Recovered { day: day.to_owned(), tokens: most });
    }
}

fn sum<'a>(rows: impl Iterator<Item = &'a &'a Row>) -> Side {
    rows.fold(Side::default(), |mut side, row| {
        side.counts.add(&row.counts);
        side.held = side.held.saturating_add(row.held());
        side
    })
}

/// How the first side stands to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    /// At most as much.
    Part,
}

/// The first number that contradicts the relation, with both values.
fn difference(left: &Side, right: &Side, relation: Relation) -> Option<(&'static str, u64, u64)> {
    let (of_left, of_right) = (left.numbers(), right.numbers());
    of_left.into_iter().zip(of_right).find_map(|(left, right)| {
        let beyond = |a: &Number, b: &Number| a.least > b.most;
        let contradicts = beyond(&left, &right) || (relation == Relation::Same && beyond(&right, &left));
        contradicts.then_some((left.name, left.least, right.least))
    })
}

/// A sum as far as it is known.
struct Number {
    name: &'static str,
    least: u64,
    most: u64,
}

impl Side {
    fn numbers(&self) -> [Number; 11] {
        let counts = &self.counts;
        let tokens =
            |name, least: u64| Number { name, least, most: least.saturating_add(counts.recovered_tokens) };
        let recovered_cost = counts.recovered_nano_usd.0;
        let all = counts.cost_nano_usd.0;
        // How many requests a kill made the ledger forget, nobody knows.
        let was_killed = counts.recovered_tokens > 0 || recovered_cost > 0;
        let plain = |name, least| Number { name, least, most: if was_killed { u64::MAX } else { least } };
        let exact = |name, least| Number { name, least, most: least };
        [
            tokens("tokens", counts.total().saturating_sub(counts.recovered_tokens)),
            tokens("input tokens", counts.input_tokens),
            tokens("tokens written to five-minute caches", counts.cache_write_5m_tokens),
            tokens("tokens written to one-hour caches", counts.cache_write_1h_tokens),
            tokens("tokens read from caches", counts.cache_read_tokens),
            tokens("output tokens", counts.output_tokens),
            Number { name: "nano-dollars", least: all.saturating_sub(recovered_cost), most: all },
            plain("requests", counts.requests),
            plain("web searches", counts.web_searches),
            exact("tokens held", self.held.tokens.0),
            exact("nano-dollars held", self.held.cost.0),
        ]
    }
}
