//! A provider's slice: the few forbids that a decision about its models is given on top of base and authors' rules.
//! They have no `resource in` scope, because the slice is only ever asked about this provider.

use pai_bundle::limit::{Limit, Scope};
use pai_bundle::name::QualifiedName;
use pai_bundle::pattern::Pattern;
use pai_bundle::provider::Provider;
use pai_bundle::unit::Tokens;
use pai_policies::attached::Bindings;
use pai_policies::vocabulary::{action, annotation, code, context, entity, kind};

use super::attached;
use super::policy::{Built, Forbid, LowerError, When, Who, day_above, day_has, model_matches, request_above};
use crate::diagnostic::nearest::list;

/// The slice of a provider, its policies sorted by id.
#[derive(Debug)]
pub(crate) struct BuiltSlice {
    pub(crate) provider: QualifiedName,
    pub(crate) policies: Vec<Built>,
}

/// From the provider's own record, so that a changed record can be lowered again without its manifest.
pub(crate) fn lower(
    provider: &Provider,
    bindings: Bindings<'_>,
    limits: &mut Vec<Limit>,
) -> Result<BuiltSlice, LowerError> {
    let part = Part { provider };
    let budgets = [part.per_day(), part.external_per_day()];
    let mut policies = Vec::new();
    for (forbid, limit) in budgets.into_iter().flatten() {
        limits.push(limit);
        policies.push(forbid.build()?);
    }
    for forbid in [part.allowed_models(), part.denied_models(), part.per_request()].into_iter().flatten() {
        policies.push(forbid.build()?);
    }
    for forbid in attached::refusals(provider, bindings)? {
        policies.push(forbid.build()?);
    }
    policies.sort_by(|a, b| a.policy.id.cmp(&b.policy.id));
    Ok(BuiltSlice { provider: provider.name.clone(), policies })
}

struct Part<'a> {
    provider: &'a Provider,
}

/// What a refusal says.
struct Says {
    code: &'static str,
    kind: &'static str,
    reason: String,
    help: String,
}

impl Part<'_> {
    fn allowed_models(&self) -> Option<Forbid> {
        let patterns = &self.provider.allowed_models;
        let shown: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
        let says = Says {
            code: code::MODEL_NOT_ALLOWED,
            kind: kind::PERMISSION,
            reason: "provider {provider} does not allow model {model}".to_owned(),
            help: format!(
                "ask for one of {}, or add the model to spec.allowedModels of the provider",
                list(&shown)
            ),
        };
        let clause = When::NotAny(patterns.iter().map(|pattern| model_matches(pattern.as_str())).collect());
        (!patterns.is_empty()).then(|| self.forbid("/spec/allowedModels", action::USE, clause, says))
    }

    fn denied_models(&self) -> Option<Forbid> {
        let patterns = &self.provider.denied_models;
        let says = Says {
            code: code::MODEL_DENIED,
            kind: kind::PERMISSION,
            reason: "provider {provider} denies model {model}".to_owned(),
            help: "ask for another model, or change spec.deniedModels of the provider".to_owned(),
        };
        let clause = When::Any(patterns.iter().map(|pattern| model_matches(pattern.as_str())).collect());
        (!patterns.is_empty()).then(|| self.forbid("/spec/deniedModels", action::USE, clause, says))
    }

    fn per_request(&self) -> Option<Forbid> {
        let cap = self.provider.max_tokens_per_request?;
        let says = Says {
            code: code::REQUEST_TOO_LARGE,
            kind: kind::SIZE,
            reason: format!(
                "the request can use up to {{tokens}} tokens, and provider {{provider}} allows {} in one request",
                grouped(cap)
            ),
            help: "send a shorter prompt or a smaller max_tokens, or raise spec.maxTokensPerRequest of the provider".to_owned(),
        };
        let clause = When::All(vec![request_above(cap.as_cedar_long())]);
        Some(self.forbid("/spec/maxTokensPerRequest", action::SPEND, clause, says))
    }

    fn per_day(&self) -> Option<(Forbid, Limit)> {
        let cap = self.provider.max_tokens_per_day?;
        let field = "/spec/maxTokensPerDay";
        let says = Says {
            code: code::BUDGET_EXHAUSTED,
            kind: kind::BUDGET,
            reason: format!(
                "the daily budget of provider {{provider}} has no room: {{used}} of {} tokens are used or held, and this \
                 request can use up to {{tokens}}",
                grouped(cap)
            ),
            help: "wait for 00:00 UTC, send a smaller request, or raise spec.maxTokensPerDay of the provider"
                .to_owned(),
        };
        let clause = When::All(vec![day_above(context::AFTER_PROVIDER, cap.as_cedar_long())]);
        let forbid = self.forbid(field, action::SPEND, clause, says);
        let limit = self.limit(&forbid, Scope::Provider, cap);
        Some((forbid, limit))
    }

    fn external_per_day(&self) -> Option<(Forbid, Limit)> {
        let cap = self.provider.external_access.max_tokens_per_day?;
        let field = "/spec/externalAccess/maxTokensPerDay";
        let says = Says {
            code: code::BUDGET_EXHAUSTED,
            kind: kind::BUDGET,
            reason: format!(
                "the daily budget for external use of provider {{provider}} has no room: {{used}} of {} tokens are used or \
                 held, and this request can use up to {{tokens}}",
                grouped(cap)
            ),
            help: "wait for 00:00 UTC, send a smaller request, or raise spec.externalAccess.maxTokensPerDay of the provider"
                .to_owned(),
        };
        let external = context::AFTER_PROVIDER_EXTERNAL;
        let clause = When::All(vec![day_has(external), day_above(external, cap.as_cedar_long())]);
        let mut forbid = self.forbid(field, action::SPEND, clause, says);
        forbid.principal = Who::Every(entity::ACCESS_KEY);
        let limit = self.limit(&forbid, Scope::ProviderExternal, cap);
        Some((forbid, limit))
    }

    fn forbid(&self, field: &str, action: &'static str, clause: When, says: Says) -> Forbid {
        let origin = self.provider.places.of(field);
        let field_name = field.trim_start_matches("/spec/").replace('/', ".");
        Forbid {
            id: format!("{}/{}/{field_name}", entity::MODEL_PROVIDER, self.provider.name),
            annotations: vec![
                (annotation::CODE, says.code.to_owned()),
                (annotation::KIND, says.kind.to_owned()),
                (annotation::REASON, says.reason),
                (annotation::HELP, says.help),
                (annotation::SOURCE, origin.to_string()),
                (annotation::FIELD, field.to_owned()),
            ],
            origin,
            principal: Who::Anyone,
            action,
            within: None,
            clause,
        }
    }

    fn limit(&self, forbid: &Forbid, scope: Scope, cap: Tokens) -> Limit {
        Limit {
            scope,
            name: self.provider.name.clone(),
            tokens_per_day: cap,
            policy: pai_bundle::name::PolicyId::new(&forbid.id),
            origin: forbid.origin.clone(),
        }
    }
}

/// `5000000` as `5,000,000`.
fn grouped(tokens: Tokens) -> String {
    let digits = tokens.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
