//! Status, type, headers and words of each refusal, as Anthropic's API words errors. The statuses are those that
//! the SDKs and Claude Code, measured, neither retry nor hide.

use http::StatusCode;
use pai_bundle::limit::Scope;
use pai_bundle::origin::Origin;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::Unit;
use pai_policies::{Denial, Kind};
use serde_json::{Value, json};

use super::{OverBudget, Refusal};
use crate::token::TokenKind;

/// How a refusal is said.
pub(super) struct Wording {
    pub(super) status: StatusCode,
    /// Anthropic's error type.
    pub(super) error_type: &'static str,
    /// Machine-readable cause.
    pub(super) code: String,
    pub(super) message: String,
    pub(super) details: Value,
    pub(super) retry: Retry,
}

/// OpenAI's word for one of Anthropic's types.
pub(super) fn openai_type(anthropic: &'static str) -> &'static str {
    match anthropic {
        // What OpenAI calls a bad key.
        "authentication_error" | "request_too_large" => "invalid_request_error",
        "billing_error" => "insufficient_quota",
        "api_error" => "server_error",
        same => same,
    }
}

/// What the client should do.
pub(super) enum Retry {
    /// It would be refused again.
    No,
    /// After so many seconds.
    After(u64),
    /// It would be refused until the budget is fresh again, in so many seconds.
    NoUntil(u64),
    /// As it likes.
    Unsaid,
}

/// How a refusal is said at that time.
#[expect(clippy::too_many_lines, reason = "one exhaustive match: a new refusal cannot be forgotten here")]
pub(super) fn of(refusal: &Refusal, now: UnixSeconds) -> Wording {
    match refusal {
        Refusal::NoCredential => unauthenticated(
            "no_credential",
            "no credential was sent; send an access key (pak_…) or an agent token (pai_agt_…) as \
                 `Authorization: Bearer …` or `x-api-key: …`"
                .to_owned(),
        ),
        // Not "invalid x-api-key": Claude Code replaces that wording by "Please run /login" (measured, 2.1.330).
        Refusal::UnknownCredential => unauthenticated(
            "unknown_credential",
            "this credential is not known here: it is mistyped, revoked, or of another gateway".to_owned(),
        ),
        Refusal::TwoCredentials => Wording {
            status: StatusCode::BAD_REQUEST,
            error_type: "invalid_request_error",
            code: "two_credentials".to_owned(),
            message: "the request carries two different credentials; send one".to_owned(),
            details: json!({}),
            retry: Retry::No,
        },
        Refusal::ExpiredCredential { id } => unauthenticated(
            "expired_credential",
            format!("credential {id} was replaced and its time is over; use the new one"),
        ),
        Refusal::WrongSurface { given, wanted } => {
            let place = match given {
                TokenKind::AccessKey => "under /ext/v1",
                TokenKind::Agent => "under /v1",
                TokenKind::Admin => "on the admin address",
            };
            unauthenticated(
                "wrong_surface",
                format!(
                    "a {}… credential is used {place}; this path takes {}…",
                    given.prefix(),
                    wanted.prefix()
                ),
            )
        }
        Refusal::NoRoute => Wording {
            status: StatusCode::NOT_FOUND,
            error_type: "not_found_error",
            code: "no_route".to_owned(),
            message: "the gateway has no such path".to_owned(),
            details: json!({}),
            retry: Retry::No,
        },
        Refusal::Method => Wording {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error_type: "invalid_request_error",
            code: "method_not_allowed".to_owned(),
            message: "this path does not take that method".to_owned(),
            details: json!({}),
            retry: Retry::No,
        },
        Refusal::BodyTooLarge { max_bytes } => Wording {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            error_type: "request_too_large",
            code: "body_too_large".to_owned(),
            message: format!("the request is larger than {max_bytes} bytes"),
            details: json!({ "limit_bytes": max_bytes }),
            retry: Retry::No,
        },
        Refusal::BodyUnreadable => malformed("the request's body ended before it was complete".to_owned()),
        Refusal::BodyTooSlow { seconds } => Wording {
            status: StatusCode::REQUEST_TIMEOUT,
            error_type: "timeout_error",
            code: "body_too_slow".to_owned(),
            message: format!(
                "the request's body had not arrived after {seconds} seconds; send it again, or send less"
            ),
            details: json!({ "waited_seconds": seconds }),
            // SDKs send it again by themselves; a line that was interrupted may be better then.
            retry: Retry::Unsaid,
        },
        Refusal::Malformed { message } => malformed(message.clone()),
        Refusal::NoProvider { model, known } => forbidden(
            "unknown_model",
            format!(
                "no provider that this credential may use has a model `{model}`; it may ask for: {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ),
            json!({ "model": model, "models": known }),
        ),
        Refusal::Untranslatable { provider, kind, what } => forbidden(
            "untranslatable",
            format!(
                "{what} cannot be asked of provider {provider}, which is of kind {kind}; ask a model of another provider, or leave it out"
            ),
            json!({ "provider": provider.to_string(), "kind": kind, "what": what }),
        ),
        Refusal::Unmetered { what } => forbidden(
            "unmetered",
            format!(
                "{what} are not available through this gateway: nobody could count what they use before it is spent; send the requests one by one"
            ),
            json!({ "what": what }),
        ),
        Refusal::Denied(denial) => denied(denial, now),
        Refusal::OverBudget(over) => over_budget(over, now),
        Refusal::HeldByOthers(over) => held_by_others(over),
        Refusal::Unbounded { what } => forbidden(
            "unbounded_request",
            format!(
                "{what} can use more tokens than any bound says beforehand, and a token budget applies to \
                     this request; leave it out, or set spec.unboundedRequests: allow on the provider"
            ),
            json!({ "what": what }),
        ),
        Refusal::Rate { limit, retry_after, origin } => Wording {
            status: StatusCode::TOO_MANY_REQUESTS,
            error_type: "rate_limit_error",
            code: "rate_limited".to_owned(),
            message: format!("{limit} (set at {origin})"),
            details: json!({ "source": origin.to_string(), "field": origin.field }),
            retry: Retry::After(*retry_after),
        },
        Refusal::LedgerUnavailable => Wording {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error_type: "api_error",
            code: "ledger_unavailable".to_owned(),
            message: "the gateway cannot write its ledger, and sends nothing that it cannot count; tell its \
                          operator"
                .to_owned(),
            details: json!({}),
            retry: Retry::No,
        },
        Refusal::KeyMissing { provider } => Wording {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error_type: "api_error",
            code: "provider_key_missing".to_owned(),
            message: format!("the gateway has no key for provider {provider}; tell its operator"),
            details: json!({ "provider": provider.to_string() }),
            retry: Retry::No,
        },
        Refusal::UpstreamFailed { provider, cause } => Wording {
            status: StatusCode::BAD_GATEWAY,
            error_type: "api_error",
            code: "upstream_failed".to_owned(),
            message: format!("provider {provider} did not answer: {cause}"),
            details: json!({ "provider": provider.to_string() }),
            retry: Retry::Unsaid,
        },
    }
}

fn unauthenticated(code: &str, message: String) -> Wording {
    Wording {
        status: StatusCode::UNAUTHORIZED,
        error_type: "authentication_error",
        code: code.to_owned(),
        message,
        details: json!({}),
        retry: Retry::No,
    }
}

fn malformed(message: String) -> Wording {
    Wording {
        status: StatusCode::BAD_REQUEST,
        error_type: "invalid_request_error",
        code: "malformed_request".to_owned(),
        message,
        details: json!({}),
        retry: Retry::No,
    }
}

fn forbidden(code: &str, message: String, details: Value) -> Wording {
    Wording {
        status: StatusCode::FORBIDDEN,
        error_type: "permission_error",
        code: code.to_owned(),
        message,
        details,
        retry: Retry::No,
    }
}

fn denied(denial: &Denial, now: UnixSeconds) -> Wording {
    let first = &denial.first;
    let help = first.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let mut details = json!({
        "policy": first.policy,
        "source": first.origin.to_string(),
        "field": first.origin.field,
        "help": first.help,
    });
    if let Value::Object(members) = &mut details
        && !denial.others.is_empty()
    {
        let others: Vec<Value> = denial
            .others
            .iter()
            .map(|cause| json!({ "policy": cause.policy, "source": cause.origin.to_string(), "reason": cause.reason }))
            .collect();
        members.insert("also".to_owned(), Value::Array(others));
    }
    let rule = format!("(policy {}, {})", first.policy, first.origin);
    match first.kind {
        Kind::Credential => {
            Wording { details, ..unauthenticated(&first.code, format!("{} {rule}{help}", first.reason)) }
        }
        Kind::Permission | Kind::Size => {
            forbidden(&first.code, format!("{} {rule}{help}", first.reason), details)
        }
        Kind::Budget => {
            let mut wording =
                budget(&first.reason, Some((first.policy.as_str(), &first.origin)), details, now);
            wording.code.clone_from(&first.code);
            wording
        }
    }
}

fn over_budget(over: &OverBudget, now: UnixSeconds) -> Wording {
    let OverBudget { scope, name, unit, limit, settled, held, asked, rule } = over;
    let reason = format!(
        "the daily budget of {} {name} has no room: {} of {} are used, {} held, and this request can use up to {}",
        scope_in_words(*scope),
        unit.show(*settled),
        unit.show(*limit),
        unit.show(*held),
        unit.show(*asked),
    );
    let rule = rule.as_ref().map(|(policy, origin)| (policy.as_str(), origin));
    budget(&reason, rule, shortage(over), now)
}

/// Seconds after which it makes sense to come back while others hold what is missing: they settle all the time.
const HELD_RETRY_SECONDS: u64 = 2;

/// Not the same as a budget that is used up: it is worth coming back, and SDKs do.
fn held_by_others(over: &OverBudget) -> Wording {
    let OverBudget { scope, name, unit, limit, settled, held, asked, rule } = over;
    let rule_text =
        rule.as_ref().map(|(policy, origin)| format!(" (policy {policy}, {origin})")).unwrap_or_default();
    let mut details = shortage(over);
    if let (Value::Object(members), Some((policy, origin))) = (&mut details, rule) {
        members.insert("policy".to_owned(), Value::String(policy.clone()));
        members.insert("source".to_owned(), Value::String(origin.to_string()));
    }
    Wording {
        status: StatusCode::TOO_MANY_REQUESTS,
        error_type: "rate_limit_error",
        code: "budget_held".to_owned(),
        message: format!(
            "what is left of the daily budget of {} {name} is held by requests in flight: {} of {} are used, {} held, and \
             this request can use up to {}{rule_text}; try again shortly",
            scope_in_words(*scope),
            unit.show(*settled),
            unit.show(*limit),
            unit.show(*held),
            unit.show(*asked),
        ),
        details,
        retry: Retry::After(HELD_RETRY_SECONDS),
    }
}

fn shortage(over: &OverBudget) -> Value {
    let OverBudget { scope, name, unit, limit, settled, held, asked, rule: _ } = over;
    let unit = match unit {
        Unit::Tokens => "tokens",
        Unit::NanoUsd => "nano_usd",
    };
    json!({
        "scope": scope.as_str(), "name": name.to_string(), "unit": unit, "limit": limit, "settled": settled,
        "held": held, "asked": asked,
    })
}

fn budget(reason: &str, rule: Option<(&str, &Origin)>, mut details: Value, now: UnixSeconds) -> Wording {
    let day = UtcDay::containing(now);
    let rule_text = rule.map(|(policy, origin)| format!(" (policy {policy}, {origin})")).unwrap_or_default();
    if let Value::Object(members) = &mut details {
        members.insert("resets_at".to_owned(), Value::String(format!("{}T00:00:00Z", UtcDay(day.0 + 1))));
        if let Some((policy, origin)) = rule {
            members.insert("policy".to_owned(), Value::String(policy.to_owned()));
            members.insert("source".to_owned(), Value::String(origin.to_string()));
        }
    }
    Wording {
        status: StatusCode::TOO_MANY_REQUESTS,
        error_type: "billing_error",
        code: "budget_exhausted".to_owned(),
        message: format!("{reason}{rule_text}; resets {} 00:00 UTC", UtcDay(day.0 + 1)),
        details,
        retry: Retry::NoUntil(day.seconds_left(now)),
    }
}

fn scope_in_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Provider => "provider",
        Scope::ProviderExternal => "external use of provider",
        Scope::Agent => "agent",
        Scope::AccessKey => "access key",
    }
}
