//! The base rules as policies of a bundle, each placed in the file of `policies/base/` that has it.

use cedar_policy::PolicySet;
use pai_bundle::name::PolicyId;
use pai_bundle::origin::Origin;
use pai_bundle::policy::Policy;

use crate::vocabulary::annotation;

/// The files, in the order in which a reader should meet them.
const FILES: &[(&str, &str)] = &[
    ("base/everyone.cedar", include_str!("../base/everyone.cedar")),
    ("base/agents.cedar", include_str!("../base/agents.cedar")),
    ("base/access_keys.cedar", include_str!("../base/access_keys.cedar")),
];

/// A base rule file is wrong; shipped ones are tested, so this is a mistake in this crate.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// Not Cedar.
    #[error("base rules in `{file}` are not Cedar: {cause}")]
    Syntax {
        /// The file.
        file: &'static str,
        /// What Cedar says.
        cause: Box<cedar_policy::ParseErrors>,
    },
    /// No `@id`.
    #[error("a base rule in `{file}` has no @id")]
    Unnamed {
        /// The file.
        file: &'static str,
    },
}

/// The base rules, sorted by id.
pub fn policies() -> Result<Vec<Policy>, BaseError> {
    let mut rules = Vec::new();
    for &(file, text) in FILES {
        let set: PolicySet =
            text.parse().map_err(|cause| BaseError::Syntax { file, cause: Box::new(cause) })?;
        for policy in set.policies() {
            let id = policy.annotation(annotation::ID).ok_or(BaseError::Unnamed { file })?;
            rules.push(Policy {
                id: PolicyId::new(id),
                origin: Origin {
                    file: file.to_owned(),
                    line: line_of(text, id),
                    column: 1,
                    field: String::new(),
                },
                text: policy.to_string(),
            });
        }
    }
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(rules)
}

/// The line of a rule's `@id`: the parser keeps no positions of policies.
fn line_of(text: &str, id: &str) -> u32 {
    let marker = format!("@id(\"{id}\")");
    let line = text.lines().position(|line| line.contains(&marker)).unwrap_or(0);
    u32::try_from(line + 1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use cedar_policy::{Schema, ValidationMode, Validator};

    use super::*;
    use crate::vocabulary::{self, SCHEMA};

    fn schema() -> Schema {
        Schema::from_cedarschema_str(SCHEMA).expect("the schema").0
    }

    #[test]
    fn base_rules_pass_strict_validation_without_a_warning() {
        for rule in policies().expect("base rules") {
            let set: PolicySet = rule.text.parse().expect("a policy");
            let result = Validator::new(schema()).validate(&set, ValidationMode::Strict);
            let findings: Vec<String> = result
                .validation_errors()
                .map(ToString::to_string)
                .chain(result.validation_warnings().map(ToString::to_string))
                .collect();
            assert_eq!(findings, Vec::<String>::new(), "{}", rule.id);
        }
    }

    #[test]
    fn every_refusal_can_be_shown() {
        for rule in policies().expect("base rules") {
            let set: PolicySet = rule.text.parse().expect("a policy");
            for policy in set.policies() {
                if policy.effect() == cedar_policy::Effect::Permit {
                    continue;
                }
                for key in [annotation::CODE, annotation::REASON, annotation::HELP] {
                    assert!(policy.annotation(key).is_some(), "{} lacks @{key}", rule.id);
                }
                let kind = policy.annotation(annotation::KIND).unwrap_or_default();
                assert!(vocabulary::kind::ALL.contains(&kind), "{}: kind {kind}", rule.id);
            }
        }
    }

    #[test]
    fn a_rule_is_placed_at_its_line() {
        let rules = policies().expect("base rules");
        let expired = rules.iter().find(|rule| rule.id.as_str() == "base/key-expired").expect("the rule");
        assert_eq!(expired.origin.to_string(), "base/access_keys.cedar:3:1");
    }

    #[test]
    fn the_vocabulary_is_the_schema() {
        use crate::vocabulary::{action, attribute, context, entity};
        let words = [
            entity::NAMESPACE,
            entity::MODEL_PROVIDER,
            entity::MODEL,
            entity::AGENT,
            entity::ACCESS_KEY,
            attribute::NAME,
            attribute::KIND,
            attribute::EXTERNAL_ACCESS,
            attribute::PROVIDER,
            attribute::MODELS,
            attribute::PROVIDERS,
            attribute::EXPIRES,
            attribute::PER_REQUEST,
            attribute::PER_DAY,
            attribute::NANO_USD_PER_DAY,
            attribute::GUARD_HITS,
            attribute::GUARD_FAILURES,
            context::MODEL,
            context::TOKENS_REQUESTED,
            context::NANO_USD_REQUESTED,
            context::AFTER,
            context::AFTER_PROVIDER,
            context::AFTER_PROVIDER_EXTERNAL,
            context::AFTER_PRINCIPAL,
            context::AFTER_PRINCIPAL_NANO_USD,
            context::SOURCE_IP,
            context::IP_ALLOWED,
            context::MODEL_ALLOWED,
            context::NOW,
            context::NOW_SECONDS,
            context::EXTERNAL,
            context::GUARD,
            context::GUARD_PROMPTS,
            context::GUARD_SYSTEM,
            context::GUARD_TOOL_RESULTS,
            context::GUARD_RESPONSES,
            context::GUARD_HITS,
            context::GUARD_FAILURES,
            context::GUARD_UNREAD,
            context::VERDICT_LABEL,
            context::VERDICT_SCORE,
            action::USE,
            action::SPEND,
            action::INVOKE,
            action::EMBED,
            action::COUNT_TOKENS,
            action::LIST,
        ];
        let in_schema: Vec<&str> = SCHEMA
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()))
            .collect();
        for word in words {
            assert!(in_schema.contains(&word), "{word}");
        }
    }
}
