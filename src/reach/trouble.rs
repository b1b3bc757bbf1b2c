//! What can be wrong on the way to a model, in the words of somebody who wants to use it: what happened, and what to do.

use std::error::Error;
use std::io;

use pai_runtime::token::TokenKind;
use reqwest::StatusCode;
use serde_json::Value;

use crate::context::{Address, kind_in_words};

/// How far it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Name, address and port.
    Address,
    /// The encrypted connection.
    Tls,
    /// Something that answers as a gateway does.
    Gateway,
    /// The credential.
    Key,
    /// The model and its provider.
    Answer,
    /// Room for the request.
    Budget,
}

/// It does not work, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{what}")]
#[diagnostic(help("{help}"))]
pub(crate) struct Trouble {
    /// How far it went.
    pub(crate) stage: Stage,
    /// What happened.
    pub(crate) what: String,
    /// What to do.
    pub(crate) help: String,
}

fn trouble(stage: Stage, what: impl Into<String>, help: impl Into<String>) -> Trouble {
    Trouble { stage, what: what.into(), help: help.into() }
}

/// No answer at all.
pub(super) fn unanswered(address: &Address, error: &reqwest::Error) -> Trouble {
    let causes: Vec<&(dyn Error + 'static)> =
        std::iter::successors(error.source(), |cause| (**cause).source()).collect();
    let host = address.host();
    if let Some(tls) = causes.iter().find_map(|cause| tls_error(*cause)) {
        return no_tls(address, tls);
    }
    if causes.iter().any(|cause| cause.to_string().starts_with("dns error")) {
        return trouble(
            Stage::Address,
            format!("there is no host `{host}`: its name leads to no address"),
            "look for a slip in the URL; inside a company, a VPN may be needed",
        );
    }
    let kind = causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => trouble(
            Stage::Address,
            format!("nothing listens at {}", address.authority()),
            "is the port right, and does the gateway run? `pai serve` says where it listens",
        ),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => trouble(
            Stage::Address,
            format!("there is no way to {} from here", address.authority()),
            "is this machine connected, also to the VPN if there is one?",
        ),
        _ if error.is_timeout() && error.is_connect() => trouble(
            Stage::Address,
            format!("{} does not answer: a firewall may drop what is sent there", address.authority()),
            "ask the gateway's operator whether this network may connect",
        ),
        _ if error.is_timeout() => trouble(
            Stage::Gateway,
            format!("{} took the request and did not answer in time", address.authority()),
            "try again; if it stays so, tell the gateway's operator",
        ),
        _ => trouble(
            Stage::Gateway,
            format!(
                "{address} did not answer: {}",
                causes.last().map_or_else(|| error.to_string(), ToString::to_string)
            ),
            if address.is_encrypted() {
                "is it https that is spoken there? Try http:// if it is on this machine"
            } else {
                "is it http that is spoken there? Try https://"
            },
        ),
    }
}

fn tls_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    // An I/O error shows what caused its cause, not what it wraps; and it may wrap another one.
    tls_error(cause.downcast_ref::<io::Error>()?.get_ref()?)
}

fn no_tls(address: &Address, error: &rustls::Error) -> Trouble {
    use rustls::CertificateError as Wrong;
    let host = address.host();
    let (what, help) = match error {
        rustls::Error::InvalidCertificate(Wrong::Expired | Wrong::ExpiredContext { .. }) => (
            format!("the certificate of {host} is out of date"),
            "look at this machine's clock; if it is right, tell the gateway's operator",
        ),
        rustls::Error::InvalidCertificate(Wrong::NotValidYet | Wrong::NotValidYetContext { .. }) => (
            format!("the certificate of {host} is not valid yet"),
            "look at this machine's clock; if it is right, tell the gateway's operator",
        ),
        rustls::Error::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => (
            format!("the certificate is not for {host}"),
            "use the name that the certificate has, or tell the gateway's operator",
        ),
        rustls::Error::InvalidCertificate(Wrong::UnknownIssuer) => (
            format!("nobody that this machine trusts has signed the certificate of {host}"),
            "put the issuer's certificate into the system's store, or into a file that SSL_CERT_FILE names; Claude Code \
             reads NODE_EXTRA_CA_CERTS",
        ),
        rustls::Error::InvalidMessage(_) => (
            format!("{} does not speak TLS", address.authority()),
            "write http:// if the gateway has no certificate",
        ),
        other => (format!("no encrypted connection to {host}: {other}"), "tell the gateway's operator"),
    };
    trouble(Stage::Tls, what, help)
}

/// Something answers, and it is no gateway.
pub(super) fn no_gateway(address: &Address, status: StatusCode) -> Trouble {
    trouble(
        Stage::Gateway,
        format!("{address} is no pai gateway: it answered with {status}"),
        "look for a slip in the URL; if the gateway lies below a path, write it as well",
    )
}

/// Clients would not follow either.
pub(super) fn redirected(address: &Address, to: Option<&str>) -> Trouble {
    let to = to.unwrap_or("elsewhere");
    trouble(
        Stage::Gateway,
        format!("{address} leads on to {to}, and clients do not follow with a key"),
        "log in with the URL that it leads to",
    )
}

/// A gateway has an address for callers and one for operators.
pub(super) fn other_side(address: &Address, credential: TokenKind) -> Trouble {
    let credential = kind_in_words(credential);
    let (is, wanted) = if credential == kind_in_words(TokenKind::Admin) {
        ("where callers connect", "the gateway's admin address, where operators ask")
    } else {
        ("the admin address, where operators ask", "the address where callers connect")
    };
    trouble(
        Stage::Gateway,
        format!("{address} is {is}; an {credential} is not used there"),
        format!("log in at {wanted}"),
    )
}

/// The gateway, or a provider behind it, says no.
pub(super) fn refused(status: StatusCode, retry_after: Option<&str>, body: &Value) -> Trouble {
    let error = &body["error"];
    let message = error["message"].as_str().or_else(|| error.as_str());
    let said = message.map_or_else(|| format!("it answered with {status}"), str::to_owned);
    let code = error["details"]["error_code"].as_str().unwrap_or_default();
    let help = |help: &str| help.to_owned();
    let (stage, help) = match (status.as_u16(), code) {
        (401, "expired_credential") => (Stage::Key, help("log in with the new one: pai login")),
        (401, _) => (Stage::Key, help("ask the gateway's administrator for a new one, then: pai login")),
        (429, "budget_exhausted") => {
            (Stage::Budget, help("wait for the reset, or ask the administrator for more"))
        }
        (429, "budget_held" | "rate_limited") => {
            (Stage::Budget, format!("try again in {} seconds", retry_after.unwrap_or("a few")))
        }
        (403, "unknown_model") => (Stage::Answer, help("choose one of these with --model")),
        (403, _) => (
            Stage::Answer,
            help("ask the administrator, who finds the line there, or choose another --model"),
        ),
        (503, "provider_key_missing") => {
            (Stage::Answer, help("the operator stores it with `pai add secret`"))
        }
        (503, "ledger_unavailable") => (Stage::Answer, help("`pai status` tells the operator more")),
        (500.., _) => (Stage::Answer, help("the provider has trouble: try again, or another --model")),
        _ => (Stage::Answer, help("choose another --model; if it stays so, tell the gateway's operator")),
    };
    trouble(stage, said, help)
}
