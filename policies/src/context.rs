//! A request's facts as a Cedar context: only the fields that the policies at hand read, since each costs.

use std::collections::BTreeSet;

use cedar_policy::{Context, RestrictedExpression};
use pai_bundle::unit::UnixSeconds;
use serde_json::Value;

use crate::facts::{Facts, Principal};
use crate::guard::{GuardFacts, GuardVerdict};
use crate::vocabulary::context as field;

/// What the principal's own record says of this request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restrictions {
    pub(crate) ip_allowed: bool,
    pub(crate) model_allowed: bool,
}

/// Which fields of the context a set of policies reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    fields: BTreeSet<String>,
    all: bool,
}

impl Needs {
    /// Every field.
    pub(crate) fn everything() -> Self {
        Self { fields: BTreeSet::new(), all: true }
    }

    /// What policies read that only ask what guards found.
    pub(crate) fn of_guards() -> Self {
        Self { fields: BTreeSet::from([field::GUARD.to_owned()]), all: false }
    }

    /// Adds what an expression of a policy's JSON form reads.
    pub(crate) fn read(&mut self, expression: &Value) {
        let is_context = |value: &Value| value.get("Var").and_then(Value::as_str) == Some("context");
        match expression {
            Value::Object(members) => {
                for operator in [".", "has"] {
                    let Some(access) = members.get(operator) else { continue };
                    let attribute = access.get("attr").and_then(Value::as_str);
                    if let (Some(left), Some(attribute)) = (access.get("left"), attribute)
                        && is_context(left)
                    {
                        self.fields.insert(attribute.to_owned());
                        return;
                    }
                }
                if is_context(expression) {
                    self.all = true;
                }
                members.values().for_each(|value| self.read(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.read(value)),
            _ => {}
        }
    }

    /// What either reads.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self { fields: self.fields.union(&other.fields).cloned().collect(), all: self.all || other.all }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.fields.contains(name)
    }
}

/// The context, with sums saturated: a client chooses `max_tokens`, and must not choose an overflow with it.
/// `None` where a value is none that Cedar can hold, which the caller takes for a refusal.
pub(crate) fn build(facts: &Facts<'_>, restrictions: Restrictions, needs: &Needs) -> Option<Context> {
    let mut pairs: Vec<(String, RestrictedExpression)> = Vec::with_capacity(8);
    let mut put = |name: &str, value: &dyn Fn() -> RestrictedExpression| {
        if needs.has(name) {
            pairs.push((name.to_owned(), value()));
        }
    };
    put(field::MODEL, &|| RestrictedExpression::new_string(facts.model.to_string()));
    put(field::TOKENS_REQUESTED, &|| RestrictedExpression::new_long(facts.tokens.as_cedar_long()));
    put(field::NANO_USD_REQUESTED, &|| RestrictedExpression::new_long(facts.cost.as_cedar_long()));
    put(field::AFTER, &|| after(facts));
    put(field::SOURCE_IP, &|| RestrictedExpression::new_ip(facts.address.to_canonical().to_string()));
    put(field::IP_ALLOWED, &|| RestrictedExpression::new_bool(restrictions.ip_allowed));
    put(field::MODEL_ALLOWED, &|| RestrictedExpression::new_bool(restrictions.model_allowed));
    put(field::NOW_SECONDS, &|| RestrictedExpression::new_long(facts.now.0));
    put(field::NOW, &|| RestrictedExpression::new_datetime(rfc3339(facts.now)));
    put(field::EXTERNAL, &|| RestrictedExpression::new_bool(is_external(facts)));
    put(field::GUARD, &|| guard(facts.guard));
    Context::from_pairs(pairs).ok()
}

/// Whether it came in as external use.
pub(crate) fn is_external(facts: &Facts<'_>) -> bool {
    matches!(facts.principal, Principal::AccessKey(_))
}

fn after(facts: &Facts<'_>) -> RestrictedExpression {
    let sum = |used: pai_bundle::unit::Tokens| {
        RestrictedExpression::new_long(used.saturating_add(facts.tokens).as_cedar_long())
    };
    let mut sums = vec![
        (field::AFTER_PROVIDER.to_owned(), sum(facts.used.provider)),
        (field::AFTER_PRINCIPAL.to_owned(), sum(facts.used.principal)),
        (
            field::AFTER_PRINCIPAL_NANO_USD.to_owned(),
            RestrictedExpression::new_long(
                facts.used.principal_cost.saturating_add(facts.cost).as_cedar_long(),
            ),
        ),
    ];
    if is_external(facts) {
        sums.push((field::AFTER_PROVIDER_EXTERNAL.to_owned(), sum(facts.used.provider_external)));
    }
    record(sums)
}

/// Its only error is a repeated key, and each caller's are different ones; a set in place of the record would make every
/// policy that reads it err, which refuses.
fn record(fields: Vec<(String, RestrictedExpression)>) -> RestrictedExpression {
    RestrictedExpression::new_record(fields)
        .unwrap_or_else(|_| RestrictedExpression::new_set(std::iter::empty()))
}

fn guard(facts: &GuardFacts) -> RestrictedExpression {
    let flags = |flags: &BTreeSet<String>| {
        RestrictedExpression::new_set(flags.iter().cloned().map(RestrictedExpression::new_string))
    };
    record(vec![
        (field::GUARD_PROMPTS.to_owned(), verdict(&facts.prompts)),
        (field::GUARD_SYSTEM.to_owned(), verdict(&facts.system)),
        (field::GUARD_TOOL_RESULTS.to_owned(), verdict(&facts.tool_results)),
        (field::GUARD_RESPONSES.to_owned(), verdict(&facts.responses)),
        (field::GUARD_HITS.to_owned(), flags(&facts.hits)),
        (field::GUARD_FAILURES.to_owned(), flags(&facts.failures)),
        (field::GUARD_UNREAD.to_owned(), RestrictedExpression::new_bool(facts.unread)),
    ])
}

fn verdict(of: &GuardVerdict) -> RestrictedExpression {
    record(vec![
        (field::VERDICT_LABEL.to_owned(), RestrictedExpression::new_string(of.label.clone())),
        (field::VERDICT_SCORE.to_owned(), RestrictedExpression::new_long(i64::from(of.score.0))),
    ])
}

/// An instant as Cedar's `datetime` reads it; one that no calendar has becomes the last that Cedar knows, so
/// that nothing is valid by mistake.
fn rfc3339(at: UnixSeconds) -> String {
    match jiff::Timestamp::from_second(at.0) {
        Ok(instant) => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => "9999-12-31T23:59:59Z".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_policies_read_is_found_in_their_json() {
        let policy: cedar_policy::Policy = "forbid (principal, action, resource) when {
            context.tokensRequested > 5 && context.after has providerExternal && principal.name == \"now\" };"
            .parse()
            .expect("a policy");
        let mut needs = Needs::default();
        needs.read(&policy.to_json().expect("json"));
        assert!(needs.has(field::TOKENS_REQUESTED) && needs.has(field::AFTER));
        assert!(!needs.has(field::NOW) && !needs.has(field::MODEL));
    }

    #[test]
    fn a_context_used_whole_needs_everything() {
        let policy: cedar_policy::Policy =
            "forbid (principal, action, resource) when { context == {} };".parse().expect("a policy");
        let mut needs = Needs::default();
        needs.read(&policy.to_json().expect("json"));
        assert!(needs.has(field::NOW));
    }
}
