//! Every way to say no. How each is said is in `refusal/wording.rs`, and put into an answer here: the one place where
//! causes become responses.

mod wording;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use pai_bundle::limit::Scope;
use pai_bundle::name::QualifiedName;
use pai_bundle::origin::Origin;
use pai_bundle::unit::UnixSeconds;
use pai_ledger::Unit;
use pai_policies::{Denial, Kind};
use pai_protocol::Family;
use serde_json::{Value, json};

use crate::token::TokenKind;
use wording::{Retry, Wording};

/// Why a request is refused by the gateway itself.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// No credential at all.
    NoCredential,
    /// Unknown, mismatched or mistyped; not told apart on purpose.
    UnknownCredential,
    /// More than one.
    TwoCredentials,
    /// Past its end.
    ExpiredCredential {
        /// Its public id.
        id: String,
    },
    /// Good somewhere else.
    WrongSurface {
        /// What was shown.
        given: TokenKind,
        /// What this path takes.
        wanted: TokenKind,
    },
    /// No such path.
    NoRoute,
    /// Another method than the path has.
    Method,
    /// The body is over the limit.
    BodyTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// The body ended early.
    BodyUnreadable,
    /// The body did not come in time.
    BodyTooSlow {
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// The body is not a request that could be forwarded.
    Malformed {
        /// What is wrong.
        message: String,
    },
    /// No provider of the caller has such a model.
    NoProvider {
        /// What was asked for.
        model: String,
        /// What can be asked for.
        known: Vec<String>,
    },
    /// The provider's kind has no way to say what is asked.
    Untranslatable {
        /// The provider.
        provider: QualifiedName,
        /// Its kind.
        kind: &'static str,
        /// What cannot be said.
        what: String,
    },
    /// Nobody could meter it.
    Unmetered {
        /// What.
        what: &'static str,
    },
    /// A policy refuses.
    Denied(Box<Denial>),
    /// Policies agreed and the ledger has no room: another request was faster.
    OverBudget(Box<OverBudget>),
    /// It would fit, were it not for what requests under way hold; waiting for them has not helped.
    HeldByOthers(Box<OverBudget>),
    /// Something in it cannot be bounded, and a budget applies.
    Unbounded {
        /// What.
        what: String,
    },
    /// Too many requests.
    Rate {
        /// In words: how many, of what.
        limit: String,
        /// Seconds until it makes sense to come back.
        retry_after: u64,
        /// Where the limit was written.
        origin: Origin,
    },
    /// The ledger cannot be used.
    LedgerUnavailable,
    /// The provider's key is nowhere to be found.
    KeyMissing {
        /// The provider.
        provider: QualifiedName,
    },
    /// The provider could not be reached, or broke off before an answer.
    UpstreamFailed {
        /// The provider.
        provider: QualifiedName,
        /// What happened, without addresses or keys.
        cause: String,
    },
}

/// In the unit beside it: tokens or nano-dollars.
type Amount = u64;

/// A hold that did not fit.
#[derive(Debug, Clone)]
pub(crate) struct OverBudget {
    /// Whose budget.
    pub(crate) scope: Scope,
    /// Which provider, agent or key.
    pub(crate) name: QualifiedName,
    /// What of: tokens, or money.
    pub(crate) unit: Unit,
    /// The cap.
    pub(crate) limit: Amount,
    /// Spent for good.
    pub(crate) settled: Amount,
    /// Set aside for requests under way.
    pub(crate) held: Amount,
    /// Asked for.
    pub(crate) asked: Amount,
    /// The policy that says the same, and where the cap was written.
    pub(crate) rule: Option<(String, Origin)>,
}

impl Refusal {
    /// The policies' kind of cause, for the caller that decides whether another candidate may help.
    pub(crate) fn is_about_budget(&self) -> bool {
        match self {
            Self::OverBudget(_) | Self::HeldByOthers(_) => true,
            Self::Denied(denial) => denial.first.kind == Kind::Budget,
            _ => false,
        }
    }

    /// Whether a smaller upper bound could help, now or once others have ended.
    pub(crate) fn is_about_amount(&self) -> bool {
        match self {
            Self::OverBudget(_) => true,
            Self::Denied(denial) => {
                denial.causes().all(|cause| matches!(cause.kind, Kind::Budget | Kind::Size))
            }
            _ => false,
        }
    }

    /// Machine-readable cause, as in the record.
    pub(crate) fn code(&self) -> String {
        self.wording(UnixSeconds(0)).code
    }

    /// In words.
    pub(crate) fn message(&self, now: UnixSeconds) -> String {
        self.wording(now).message
    }

    /// HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.wording(UnixSeconds(0)).status
    }

    /// The answer, as the clients of a family read errors.
    pub(crate) fn respond(&self, family: Family, request_id: &str, now: UnixSeconds) -> Response {
        let wording = self.wording(now);
        let mut details = wording.details;
        if let Value::Object(members) = &mut details {
            members.insert("error_code".to_owned(), Value::String(wording.code.clone()));
        }
        let body = match family {
            Family::Anthropic | Family::Google => json!({
                "type": "error",
                "error": { "type": wording.error_type, "message": wording.message, "details": details },
                "request_id": request_id,
            }),
            Family::OpenAi => json!({
                "error": {
                    "message": wording.message, "type": wording::openai_type(wording.error_type), "param": null,
                    "code": wording.code, "details": details,
                },
            }),
        };
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = wording.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(if family == Family::OpenAi { "x-request-id" } else { "request-id" }, id);
        }
        // Without x-should-retry the SDKs sleep for whatever retry-after says, a day included (measured).
        let (again, after) = match wording.retry {
            Retry::No => (Some("false"), None),
            Retry::NoUntil(seconds) => (Some("false"), Some(seconds)),
            Retry::After(seconds) => (None, Some(seconds)),
            Retry::Unsaid => (None, None),
        };
        if let Some(again) = again {
            headers.insert("x-should-retry", HeaderValue::from_static(again));
        }
        if let Some(seconds) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn wording(&self, now: UnixSeconds) -> Wording {
        wording::of(self, now)
    }
}
