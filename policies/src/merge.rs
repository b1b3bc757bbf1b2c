//! The fast form of a policy set, for one sort of principal and of action: rules as trees over numbers, and what those
//! cannot say as one long forbid that Cedar is asked.
//!
//! Cedar visits every policy of a set for every request, about a microsecond each, and wants a context made for it; a tree
//! is decided in a tenth of that, rules and all. The readable policies stay the meaning: they are asked again to explain a
//! denial. `agreement.rs` here holds the trees to Cedar, `tests/agreement.rs` of the workspace the two forms together.
//!
//! What only objects to something that guards flagged is left out: the fast form is for requests without a flag, of which
//! there are next to none others, and they do not pay for the guards of anybody.

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use serde_json::{Value, json};

use crate::context::Needs;
use crate::evaluate::Gate;
use crate::expression::Expression;
use crate::finding::Finding;
use crate::load::LoadError;
use crate::numbered::Numbered;
use crate::parse;
use crate::vocabulary::{action, entity};

/// What is known of a request before its policies are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) principal: SortOfPrincipal,
    pub(crate) spends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortOfPrincipal {
    Agent,
    AccessKey,
}

impl Sort {
    pub(crate) const ALL: [Self; 4] = [
        Self { principal: SortOfPrincipal::Agent, spends: false },
        Self { principal: SortOfPrincipal::Agent, spends: true },
        Self { principal: SortOfPrincipal::AccessKey, spends: false },
        Self { principal: SortOfPrincipal::AccessKey, spends: true },
    ];

    /// Its place in [`Self::ALL`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.spends) + if self.principal == SortOfPrincipal::AccessKey { 2 } else { 0 }
    }

    fn type_name(self) -> &'static str {
        match self.principal {
            SortOfPrincipal::Agent => entity::AGENT,
            SortOfPrincipal::AccessKey => entity::ACCESS_KEY,
        }
    }
}

/// The fast form of a policy set, or of a part of one.
#[derive(Debug)]
pub(crate) struct Merged {
    /// What is decided without Cedar.
    pub(crate) gate: Gate,
    /// What Cedar is asked beside it.
    pub(crate) rest: Rest,
    /// Whether the gate has every rule, so that there is nothing to ask Cedar.
    pub(crate) is_whole: bool,
}

/// The forbids that the gate does not have, as one; and the permits, without which Cedar refuses everything.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) policies: Vec<Policy>,
    /// Which facts they read.
    pub(crate) needs: Needs,
}

/// The fast form of a provider's slice.
#[derive(Debug)]
pub(crate) struct Fast {
    pub(crate) gate: Gate,
    /// What Cedar is asked, of the slice and of base and authors' rules, where gates do not have everything; and which facts
    /// that reads.
    pub(crate) rest: Option<(PolicySet, Needs)>,
}

impl Fast {
    /// One for each sort of request. The shared policies are counted references, so a thousand providers have them once.
    pub(crate) fn all(shared: &[Merged; 4], slice: &[Merged; 4]) -> Result<[Self; 4], LoadError> {
        let [a, b, c, d] = Sort::ALL.map(|sort| Self::of(&shared[sort.index()], &slice[sort.index()]));
        Ok([a?, b?, c?, d?])
    }

    fn of(shared: &Merged, slice: &Merged) -> Result<Self, LoadError> {
        let gate = slice.gate.clone();
        if shared.is_whole && slice.is_whole {
            return Ok(Self { gate, rest: None });
        }
        let (shared, slice) = (&shared.rest, &slice.rest);
        let policies = shared.policies.iter().chain(&slice.policies).cloned();
        Ok(Self { gate, rest: Some((parse::set(policies)?, shared.needs.and(&slice.needs))) })
    }
}

/// The merged forms of these policies, by [`Sort::index`]. `id` names the forbid, and is another one for each part of
/// a set.
pub(crate) fn merge(
    policies: &[Policy],
    id: &str,
    numbered: &mut Numbered,
) -> Result<[Merged; 4], LoadError> {
    let jsons: Result<Vec<Value>, LoadError> = policies.iter().map(to_json).collect();
    let jsons = jsons?;
    let written: Vec<(&Policy, &Value)> = policies.iter().zip(&jsons).collect();
    let [a, b, c, d] = Sort::ALL.map(|sort| merge_for(&written, id, sort, numbered));
    Ok([a?, b?, c?, d?])
}

fn merge_for(
    policies: &[(&Policy, &Value)],
    id: &str,
    sort: Sort,
    numbered: &mut Numbered,
) -> Result<Merged, LoadError> {
    let mut gate = Gate::default();
    let mut rest = Rest::default();
    let mut objections: Option<Value> = None;
    let mut is_whole = true;
    for (policy, json) in policies {
        if Finding::read(json).is_some() {
            continue;
        }
        let Some(condition) = condition(json, sort) else { continue };
        let tree = Expression::read(&condition, numbered);
        match (policy.effect(), tree) {
            (Effect::Forbid, Some(tree)) => gate.objections.push(tree),
            (Effect::Forbid, None) => {
                rest.needs.read(&condition);
                objections = Some(match objections {
                    Some(before) => json!({ "||": { "left": before, "right": condition } }),
                    None => condition,
                });
            }
            (Effect::Permit, tree) => {
                rest.needs.read(json);
                rest.policies.push((*policy).clone());
                is_whole &= tree.is_some();
                gate.permits.extend(tree);
            }
        }
    }
    if let Some(body) = objections {
        is_whole = false;
        let merged = json!({
            "effect": "forbid",
            "principal": { "op": "All" },
            "action": { "op": "All" },
            "resource": { "op": "All" },
            "conditions": [{ "kind": "when", "body": body }],
        });
        let id = PolicyId::new(id);
        let merged =
            Policy::from_json(Some(id), merged).map_err(|cause| LoadError::Merge(cause.to_string()))?;
        rest.policies.push(merged);
    }
    Ok(Merged { gate, rest, is_whole })
}

fn to_json(policy: &Policy) -> Result<Value, LoadError> {
    policy.to_json().map_err(|cause| LoadError::Merge(cause.to_string()))
}

/// When a forbid applies, as an expression; `None` when it never does for this sort of request.
fn condition(policy: &Value, sort: Sort) -> Option<Value> {
    let mut terms = Vec::new();
    match scope(policy, "principal", sort) {
        Scope::Never => return None,
        Scope::Always => {}
        Scope::When(term) => terms.push(term),
    }
    match scope(policy, "action", sort) {
        Scope::Never => return None,
        Scope::Always => {}
        Scope::When(term) => terms.push(term),
    }
    if let Scope::When(term) = scope(policy, "resource", sort) {
        terms.push(term);
    }
    for clause in policy.get("conditions").and_then(Value::as_array).into_iter().flatten() {
        let body = clause.get("body").cloned().unwrap_or(Value::Null);
        terms.push(match clause.get("kind").and_then(Value::as_str) {
            Some("unless") => json!({ "!": { "arg": body } }),
            _ => body,
        });
    }
    let all = terms.into_iter().reduce(|left, right| json!({ "&&": { "left": left, "right": right } }));
    Some(all.unwrap_or_else(|| json!({ "Value": true })))
}

/// What a policy's scope says of a variable.
enum Scope {
    Always,
    Never,
    When(Value),
}

fn scope(policy: &Value, variable: &str, sort: Sort) -> Scope {
    let Some(constraint) = policy.get(variable) else { return Scope::Always };
    let subject = json!({ "Var": variable });
    let value = |entity: &Value| json!({ "Value": { "__entity": entity } });
    let entity = constraint.get("entity");
    match (constraint.get("op").and_then(Value::as_str), entity) {
        (Some("=="), Some(entity)) => {
            Scope::When(json!({ "==": { "left": subject, "right": value(entity) } }))
        }
        (Some("in"), Some(entity)) if variable == "action" => {
            match entity.get("id").and_then(Value::as_str) {
                Some(action::USE) => Scope::Always,
                Some(action::SPEND) if sort.spends => Scope::Always,
                Some(action::SPEND) => Scope::Never,
                _ => Scope::When(json!({ "in": { "left": subject, "right": value(entity) } })),
            }
        }
        (Some("in"), Some(entity)) => {
            Scope::When(json!({ "in": { "left": subject, "right": value(entity) } }))
        }
        (Some("in"), None) => {
            let entities = constraint.get("entities").and_then(Value::as_array).into_iter().flatten();
            let set: Vec<Value> = entities.map(value).collect();
            Scope::When(json!({ "in": { "left": subject, "right": { "Set": set } } }))
        }
        (Some("is"), _) => {
            let of = constraint.get("entity_type").cloned().unwrap_or(Value::Null);
            let within = constraint.get("in").and_then(|within| within.get("entity"));
            match (variable, within) {
                ("principal", _) if of != sort.type_name() => Scope::Never,
                ("principal", None) => Scope::Always,
                (_, None) => Scope::When(json!({ "is": { "left": subject, "entity_type": of } })),
                (_, Some(entity)) => {
                    Scope::When(json!({ "is": { "left": subject, "entity_type": of, "in": value(entity) } }))
                }
            }
        }
        _ => Scope::Always,
    }
}
