//! The constants that authors' rules compare a request with: between two of them nothing changes, so one request on
//! each side of each is enough. What is compared in another way is named, since no list of requests covers it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, PatternElem, UnaryOp, Var};
use ipnet::IpNet;
use pai_bundle::name::PolicyId;
use pai_bundle::pattern::Pattern;
use pai_bundle::policy::Policy;

use super::moment::{self, Milliseconds};
use crate::author::expression;

/// What the rules of some bundles compare with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Constants {
    pub(super) tokens: BTreeSet<i64>,
    pub(super) after_provider: Option<BTreeSet<i64>>,
    pub(super) after_external: Option<BTreeSet<i64>>,
    pub(super) after_principal: Option<BTreeSet<i64>>,
    pub(super) models: BTreeSet<Pattern>,
    pub(super) networks: BTreeSet<IpNet>,
    pub(super) instants: BTreeSet<Milliseconds>,
    /// Since midnight UTC.
    pub(super) times_of_day: BTreeSet<Milliseconds>,
    /// Whether a rule is about one action and not another.
    pub(super) names_actions: bool,
    /// Whether a rule is about a model itself, and not about its id in the request.
    pub(super) names_models: bool,
    /// Rules that compare otherwise, with what they compare.
    pub(super) others: BTreeSet<(PolicyId, &'static str)>,
}

/// Of [`Constants::others`]: verdicts and flags.
pub(super) const GUARD: &str = "what guards found";

/// What is asked of a request in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Tokens,
    AfterProvider,
    AfterExternal,
    AfterPrincipal,
    Model,
    Address,
    Now,
    NowSeconds,
    Day,
    /// In units of so many milliseconds.
    TimeOfDay(Milliseconds),
}

impl Constants {
    /// Adds what a rule compares with.
    pub(super) fn read(&mut self, policy: &Policy) {
        let parsed = cedar_policy::Policy::parse(None, &policy.text).ok();
        let Some(tree) = parsed.and_then(|parsed| parsed.to_pst().ok()) else {
            self.others.insert((policy.id.clone(), "text that cannot be read"));
            return;
        };
        // In Cedar's JSON every use of a variable and every entity is written alike.
        let json = policy_json(&policy.text);
        self.names_actions |=
            !json.contains(r#""action":{"op":"All"}"#) || json.contains(r#"{"Var":"action"}"#);
        self.names_models |= json.contains(r#"{"Var":"resource"}"#)
            || json.contains(r#""type":"Model""#)
            || json.contains(r#"{"Var":"principal"}"#);
        for clause in tree.body().clauses() {
            let (Clause::When(condition) | Clause::Unless(condition)) = clause;
            self.walk(condition, &policy.id);
        }
    }

    fn walk(&mut self, condition: &Expr, id: &PolicyId) {
        let mut open = vec![condition];
        while let Some(expr) = open.pop() {
            if self.comparison(expr) {
                continue;
            }
            if let Some(quantity) = quantity(expr) {
                self.others.insert((id.clone(), quantity.name()));
                continue;
            }
            if is_guard(expr) {
                self.others.insert((id.clone(), GUARD));
                continue;
            }
            match expr {
                Expr::Var(Var::Context) => {
                    self.others.insert((id.clone(), "the whole context"));
                }
                // Of the other fields each has two values, and both are tried.
                Expr::GetAttr { expr, .. } | Expr::HasAttr { expr, .. }
                    if is_context(expr) || is_after(expr) => {}
                other => open.extend(expression::parts(other)),
            }
        }
    }

    /// Whether this compares a request's quantity with constants, which are taken note of.
    fn comparison(&mut self, expr: &Expr) -> bool {
        match expr {
            Expr::Like { expr, pattern } => {
                if quantity(expr) != Some(Quantity::Model) {
                    return false;
                }
                let text: String = pattern
                    .iter()
                    .map(|element| match element {
                        PatternElem::Char(c) => *c,
                        PatternElem::Wildcard => '*',
                    })
                    .collect();
                self.models.insert(Pattern::new(text));
                true
            }
            Expr::UnaryOp { op, expr } if quantity(expr) == Some(Quantity::Address) => {
                let networks: &[&str] = match op {
                    UnaryOp::IsLoopback => &["127.0.0.0/8", "::1/128"],
                    UnaryOp::IsMulticast => &["224.0.0.0/4", "ff00::/8"],
                    // One address of each sort is always tried.
                    UnaryOp::IsIPv4 | UnaryOp::IsIPV6 => &[],
                    _ => return false,
                };
                self.networks.extend(networks.iter().filter_map(|network| network.parse::<IpNet>().ok()));
                true
            }
            Expr::BinaryOp { op: BinaryOp::Contains, left, right } => match (&**left, quantity(right)) {
                (Expr::Set(items), Some(quantity)) => items.iter().all(|item| self.note(quantity, item)),
                _ => false,
            },
            Expr::BinaryOp { op, left, right } if is_comparison(*op) => {
                match (quantity(left), quantity(right)) {
                    (Some(quantity), None) => self.note(quantity, right),
                    (None, Some(quantity)) => self.note(quantity, left),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Takes note of a constant; false where the other side is none.
    fn note(&mut self, quantity: Quantity, other: &Expr) -> bool {
        match quantity {
            Quantity::Tokens => number(other, &mut self.tokens),
            Quantity::AfterProvider => number(other, self.after_provider.get_or_insert_default()),
            Quantity::AfterExternal => number(other, self.after_external.get_or_insert_default()),
            Quantity::AfterPrincipal => number(other, self.after_principal.get_or_insert_default()),
            Quantity::Model => match other {
                Expr::Literal(Literal::String(text)) => {
                    // Equality takes a star for a star, and model ids have none.
                    self.models.insert(Pattern::new(text.as_str()));
                    true
                }
                _ => false,
            },
            Quantity::Address => constructor(other, UnaryOp::Ip).and_then(network).is_some_and(|network| {
                self.networks.insert(network);
                true
            }),
            Quantity::Now | Quantity::Day => {
                constructor(other, UnaryOp::Datetime).and_then(moment::instant).is_some_and(|instant| {
                    self.instants.insert(instant);
                    if quantity == Quantity::Day {
                        self.instants.extend([moment::midnight(instant), moment::next_midnight(instant)]);
                    }
                    true
                })
            }
            Quantity::NowSeconds => match other {
                Expr::Literal(Literal::Long(seconds)) => {
                    self.instants.insert(seconds.saturating_mul(1000));
                    true
                }
                // A key's own expiry is tried anyway.
                _ => is_attribute(other),
            },
            Quantity::TimeOfDay(unit) => {
                let count = match other {
                    Expr::Literal(Literal::Long(count)) => Some(count.saturating_mul(unit)),
                    _ => constructor(other, UnaryOp::Duration).and_then(moment::duration),
                };
                count.is_some_and(|at| {
                    self.times_of_day.extend([at, at.saturating_add(unit)]);
                    true
                })
            }
        }
    }
}

fn policy_json(text: &str) -> String {
    let parsed = cedar_policy::Policy::parse(None, text).ok();
    parsed.and_then(|parsed| parsed.to_json().ok()).map(|json| json.to_string()).unwrap_or_default()
}

/// A number, or a principal's own cap, which is tried anyway.
fn number(expr: &Expr, numbers: &mut BTreeSet<i64>) -> bool {
    match expr {
        Expr::Literal(Literal::Long(number)) => {
            numbers.insert(*number);
            true
        }
        other => is_attribute(other),
    }
}

fn is_attribute(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr, .. } if matches!(&**expr, Expr::Var(Var::Principal)))
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Greater, GreaterEq, IsInRange, Less, LessEq, NotEq};
    matches!(op, Eq | NotEq | Less | LessEq | Greater | GreaterEq | IsInRange)
}

/// The text that an extension value is made from.
fn constructor(expr: &Expr, wanted: UnaryOp) -> Option<&str> {
    match expr {
        Expr::UnaryOp { op, expr } if *op == wanted => match &**expr {
            Expr::Literal(Literal::String(text)) => Some(text.as_str()),
            _ => None,
        },
        _ => None,
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Context))
}

/// `context.guard`: which verdicts and flags rules tell apart is not enumerated.
fn is_guard(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr, attr } if attr == "guard" && is_context(expr))
}

fn is_after(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr, attr } if attr == "after" && is_context(expr))
}

fn quantity(expr: &Expr) -> Option<Quantity> {
    use pai_policies::vocabulary::context as field;
    match expr {
        Expr::GetAttr { expr, attr } if is_context(expr) => match attr.as_str() {
            field::MODEL => Some(Quantity::Model),
            field::TOKENS_REQUESTED => Some(Quantity::Tokens),
            field::SOURCE_IP => Some(Quantity::Address),
            field::NOW => Some(Quantity::Now),
            field::NOW_SECONDS => Some(Quantity::NowSeconds),
            _ => None,
        },
        Expr::GetAttr { expr, attr } if is_after(expr) => match attr.as_str() {
            field::AFTER_PROVIDER => Some(Quantity::AfterProvider),
            field::AFTER_PROVIDER_EXTERNAL => Some(Quantity::AfterExternal),
            field::AFTER_PRINCIPAL => Some(Quantity::AfterPrincipal),
            _ => None,
        },
        Expr::UnaryOp { op, expr } => match (op, quantity(expr)?) {
            (UnaryOp::ToTime, Quantity::Now) => Some(Quantity::TimeOfDay(1)),
            (UnaryOp::ToDate, Quantity::Now) => Some(Quantity::Day),
            (op, Quantity::TimeOfDay(1)) => Some(Quantity::TimeOfDay(match op {
                UnaryOp::ToMilliseconds => 1,
                UnaryOp::ToSeconds => 1_000,
                UnaryOp::ToMinutes => 60_000,
                UnaryOp::ToHours => 3_600_000,
                UnaryOp::ToDays => 86_400_000,
                _ => return None,
            })),
            _ => None,
        },
        _ => None,
    }
}

impl Quantity {
    fn name(self) -> &'static str {
        match self {
            Self::Tokens => "context.tokensRequested",
            Self::AfterProvider => "context.after.provider",
            Self::AfterExternal => "context.after.providerExternal",
            Self::AfterPrincipal => "context.after.principal",
            Self::Model => "context.model",
            Self::Address => "context.sourceIp",
            Self::Now | Self::Day | Self::TimeOfDay(_) => "context.now",
            Self::NowSeconds => "context.nowSeconds",
        }
    }
}

#[cfg(test)]
mod tests {
    use pai_bundle::origin::Origin;

    use super::*;

    fn constants(condition: &str) -> Constants {
        let mut found = Constants::default();
        found.read(&Policy {
            id: PolicyId::new("p"),
            origin: Origin { file: String::new(), line: 1, column: 1, field: String::new() },
            text: format!("forbid (principal, action, resource) when {{ {condition} }};"),
        });
        found
    }

    #[test]
    fn every_constant_of_a_comparison_is_found() {
        let found = constants(
            "context.tokensRequested > 100000 || 7 == context.after.principal || context.model like \"a*\"
             || [\"b\", \"c\"].contains(context.model) || context.sourceIp.isInRange(ip(\"10.0.0.0/8\"))
             || context.now.toTime() < duration(\"8h30m\") || context.now.toTime().toHours() >= 20
             || context.now < datetime(\"2027-01-01\")",
        );
        assert_eq!(found.tokens, [100_000].into());
        assert_eq!(found.after_principal, Some([7].into()));
        assert_eq!(found.models, ["a*", "b", "c"].map(Pattern::new).into());
        assert_eq!(found.networks, ["10.0.0.0/8".parse().expect("a network")].into());
        assert_eq!(found.times_of_day, [30_600_000, 30_600_001, 72_000_000, 75_600_000].into());
        assert_eq!(found.instants, [1_798_761_600_000].into());
        assert_eq!(found.others, [].into());
    }

    #[test]
    fn what_cannot_be_enumerated_is_named() {
        for (condition, name) in [
            ("context.tokensRequested > context.after.provider", "context.after.provider"),
            ("context.model == resource.provider.name", "context.model"),
            ("context == {}", "the whole context"),
            ("[context.now] == []", "context.now"),
            ("context.guard.toolResults.score > 900", GUARD),
            ("context.guard.hits.contains(\"a/b/prompts\")", GUARD),
        ] {
            assert!(constants(condition).others.iter().any(|(_, what)| *what == name), "{condition}");
        }
    }
}
