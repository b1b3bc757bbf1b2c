//! The schemas, compiled once in a process.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::{formats, generate};
use crate::manifest::text::format;
use crate::manifest::{AccessKey, Agent, GuardBinding, Kind, ModelProvider};

/// A kind's schema in both forms: to check with, and to look up what was wanted.
pub(super) struct Checker {
    pub(super) schema: Value,
    pub(super) validator: Validator,
}

impl Checker {
    /// What a value without a name is called in messages.
    pub(super) fn whole(&self) -> &'static str {
        if self.schema.pointer("/properties/cases").is_some() { "the file" } else { "the manifest" }
    }
}

type Lazy = LazyLock<Option<Checker>>;

static MODEL_PROVIDER: Lazy = LazyLock::new(|| build(generate::schema::<ModelProvider>()));
static AGENT: Lazy = LazyLock::new(|| build(generate::schema::<Agent>()));
static ACCESS_KEY: Lazy = LazyLock::new(|| build(generate::schema::<AccessKey>()));
static GUARD_BINDING: Lazy = LazyLock::new(|| build(generate::schema::<GuardBinding>()));
static CASES: Lazy = LazyLock::new(|| build(generate::cases()));

/// The checker of a kind; `None` only if its schema does not compile, which a test excludes.
pub(super) fn of(kind: Kind) -> Option<&'static Checker> {
    match kind {
        Kind::ModelProvider => MODEL_PROVIDER.as_ref(),
        Kind::Agent => AGENT.as_ref(),
        Kind::AccessKey => ACCESS_KEY.as_ref(),
        Kind::GuardBinding => GUARD_BINDING.as_ref(),
    }
}

/// The checker of files of cases.
pub(super) fn of_cases() -> Option<&'static Checker> {
    CASES.as_ref()
}

fn build(schema: Value) -> Option<Checker> {
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_format(format::CIDR, formats::is_cidr)
        .with_format(format::ADDRESS, formats::is_address)
        .with_format(format::MOMENT, formats::is_moment)
        .with_format(format::HTTP_URL, formats::is_http_url)
        .should_validate_formats(true)
        .build(&schema)
        .ok()?;
    Some(Checker { schema, validator })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_compiles() {
        for kind in Kind::ALL {
            assert!(of(kind).is_some(), "{kind:?}");
        }
        assert!(of_cases().is_some());
    }
}
