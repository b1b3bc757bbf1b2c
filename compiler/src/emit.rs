//! The bundle in canonical order, after a last look: every policy in it passes strict validation.

use std::sync::LazyLock;

use cedar_policy::{PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use pai_bundle::Bundle;
use pai_bundle::policy::{Policy, Slice};
use pai_policies::vocabulary::SCHEMA;

use crate::author::rules::INTERNAL;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::Graph;
use crate::lower::lower;
use crate::source::{Sources, Span};

static VALIDATOR: LazyLock<Option<Validator>> =
    LazyLock::new(|| Schema::from_cedarschema_str(SCHEMA).ok().map(|(schema, _)| Validator::new(schema)));

/// The validator of the vocabulary; `None` only if the shipped schema is broken, which a test excludes.
pub(crate) fn validator() -> Option<&'static Validator> {
    VALIDATOR.as_ref()
}

/// Lowers a graph without errors and puts the bundle together. What fails here is a mistake of ours.
pub(crate) fn bundle(
    graph: &Graph,
    sources: &Sources,
    authored: Vec<Policy>,
    found: &mut Diagnostics,
) -> Option<Bundle> {
    match put_together(graph, sources, authored) {
        Ok(bundle) => Some(bundle),
        Err(what) => {
            // It has no place in the workspace; the first file stands for all.
            let (file, _) = sources.files().next()?;
            let place = Span::new(file, 0, 0);
            found.push(
                Diagnostic::new(&INTERNAL, place, what).help("this is a mistake in pai; please report it"),
            );
            None
        }
    }
}

fn put_together(graph: &Graph, sources: &Sources, authored: Vec<Policy>) -> Result<Bundle, String> {
    let lowered = lower(graph, sources).map_err(|error| error.to_string())?;
    let base_policies = BASE.clone()?;
    let lowered_policies = lowered.slices.iter().flat_map(|slice| &slice.policies).chain(&lowered.audits);
    validate(lowered_policies.map(|built| built.parsed.clone()))?;
    let slices = lowered.slices.into_iter().map(|slice| Slice {
        provider: slice.provider,
        policies: slice.policies.into_iter().map(|built| built.policy).collect(),
    });
    Ok(Bundle {
        providers: lowered.providers,
        agents: lowered.agents,
        access_keys: lowered.access_keys,
        guards: lowered.guards,
        limits: lowered.limits,
        cost_limits: lowered.cost_limits,
        cedar_schema: SCHEMA.to_owned(),
        base_policies,
        slices: slices.collect(),
        authored_policies: authored,
        audits: lowered.audits.into_iter().map(|built| built.policy).collect(),
    })
}

/// The base rules, read and validated once in a process: they are the same in every bundle.
static BASE: LazyLock<Result<Vec<Policy>, String>> = LazyLock::new(|| {
    let base = pai_policies::base::policies().map_err(|error| error.to_string())?;
    let mut parsed = Vec::new();
    for policy in &base {
        let id = cedar_policy::PolicyId::new(policy.id.as_str());
        let read = cedar_policy::Policy::parse(Some(id), &policy.text);
        parsed.push(read.map_err(|error| error.to_string())?);
    }
    validate(parsed)?;
    Ok(base)
});

/// Strictly, and none that can never apply. Cedar also warns of strings in mixed scripts, which are names of users.
fn validate(policies: impl IntoIterator<Item = cedar_policy::Policy>) -> Result<(), String> {
    let set = PolicySet::from_policies(policies).map_err(|error| error.to_string())?;
    let validator = validator().ok_or("the Cedar schema cannot be read")?;
    let result = validator.validate(&set, ValidationMode::Strict);
    let error = result.validation_errors().next().map(ToString::to_string);
    let impossible = |warning: &&ValidationWarning| matches!(warning, ValidationWarning::ImpossiblePolicy(_));
    match error.or_else(|| result.validation_warnings().find(impossible).map(ToString::to_string)) {
        Some(complaint) => Err(format!("a generated policy is not valid: {complaint}")),
        None => Ok(()),
    }
}
