//! The schemas, compiled once in a process.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::{formats, generate};
use crate::manifest::text::format;
use crate::manifest::{AccessKey, Agent, GuardBinding, Kind, ModelProvider, Spec};

/// A kind's schema in both forms: to check with, and to look up what was wanted.
pub(super) struct Checker {
    pub(super) schema: Value,
    pub(super) validator: Validator,
}

static MODEL_PROVIDER: LazyLock<Option<Checker>> = LazyLock::new(build::<ModelProvider>);
static AGENT: LazyLock<Option<Checker>> = LazyLock::new(build::<Agent>);
static ACCESS_KEY: LazyLock<Option<Checker>> = LazyLock::new(build::<AccessKey>);
static GUARD_BINDING: LazyLock<Option<Checker>> = LazyLock::new(build::<GuardBinding>);

/// The checker of a kind; `None` only if its schema does not compile, which a test excludes.
pub(super) fn of(kind: Kind) -> Option<&'static Checker> {
    match kind {
        Kind::ModelProvider => MODEL_PROVIDER.as_ref(),
        Kind::Agent => AGENT.as_ref(),
        Kind::AccessKey => ACCESS_KEY.as_ref(),
        Kind::GuardBinding => GUARD_BINDING.as_ref(),
    }
}

fn build<S: Spec>() -> Option<Checker> {
    let schema = generate::schema::<S>();
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_format(format::CIDR, formats::is_cidr)
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
    }
}
