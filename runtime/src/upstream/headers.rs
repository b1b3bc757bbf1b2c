//! Which headers pass, either way. The lists are of what is held back: everything else is forwarded, so that betas
//! and versions that do not exist yet work.

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use pai_protocol::Dialect;

use crate::identify::CREDENTIAL_HEADERS;

/// Between two neighbours only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];

/// The client's headers as the provider gets them: no credential of ours, nothing about the way to us.
pub(crate) fn to_upstream(client: &HeaderMap, stream: bool) -> HeaderMap {
    let named = named_in_connection(client);
    let mut headers = HeaderMap::with_capacity(client.len() + 2);
    for (name, value) in client {
        let text = name.as_str();
        let held_back = HOP_BY_HOP.contains(name)
            || [HOST, CONTENT_LENGTH, EXPECT, COOKIE, FORWARDED, ACCEPT_ENCODING].contains(name)
            || CREDENTIAL_HEADERS.contains(&text)
            || text == "keep-alive"
            || text == "x-real-ip"
            || text.starts_with("x-forwarded-")
            || text.starts_with("x-pai-")
            || named.contains(name);
        if !held_back {
            headers.append(name.clone(), value.clone());
        }
    }
    // Only what the meter can read is asked for; streams stay unpacked, so that no event waits in a compressor.
    let accepts_gzip = client
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("gzip"));
    let encoding = if accepts_gzip && !stream { "gzip" } else { "identity" };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    headers
}

/// The version of Anthropic's API that translated requests are written for; clients of that API choose their own.
const ANTHROPIC_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// Headers of a request that was translated: the client's own are about another protocol.
pub(crate) fn translated(dialect: Dialect, stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let accept = if stream { "text/event-stream" } else { "application/json" };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("pai/", env!("CARGO_PKG_VERSION"))));
    if dialect == Dialect::Messages {
        headers.insert("anthropic-version", ANTHROPIC_VERSION);
    }
    headers
}

/// Headers of an answer that was translated: of the provider's, only those that mean the same in any protocol.
pub(crate) fn of_translated(upstream: &HeaderMap, stream: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = if stream { "text/event-stream; charset=utf-8" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    for name in ["retry-after", "retry-after-ms", "x-should-retry", "cache-control"] {
        if let Some(value) = upstream.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    headers
}

/// The provider's headers as the client gets them: no cookies, and no quota of the key that everybody shares.
pub(crate) fn to_client(upstream: &HeaderMap) -> HeaderMap {
    let named = named_in_connection(upstream);
    let mut headers = HeaderMap::with_capacity(upstream.len() + 3);
    for (name, value) in upstream {
        let text = name.as_str();
        let held_back = HOP_BY_HOP.contains(name)
            || *name == SET_COOKIE
            || CREDENTIAL_HEADERS.contains(&text)
            || text == "keep-alive"
            // Of two lengths the chunks are right (RFC 9112, 6.3).
            || (*name == CONTENT_LENGTH && upstream.contains_key(TRANSFER_ENCODING))
            // Ours, but for the simulator's own mark: no answer of it may be taken for a real one.
            || (text.starts_with("x-pai-") && text != "x-pai-simulated")
            || text.starts_with("anthropic-ratelimit-")
            || text.starts_with("x-ratelimit-")
            || named.contains(name);
        if !held_back {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

/// A sender may name further headers that are for its neighbour only.
fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn open_lists_pass_in_order_and_credentials_do_not() {
        let sent = to_upstream(
            &map(&[
                ("anthropic-version", "2026-10-21"),
                ("anthropic-beta", "b"),
                ("anthropic-beta", "a"),
                ("anthropic-future", "x"),
                ("x-app", "cli"),
                ("authorization", "Bearer pak_x"),
                ("x-api-key", "pak_x"),
                ("api-key", "pak_x"),
                ("x-goog-api-key", "pak_x"),
                ("cookie", "a=b"),
                ("x-forwarded-for", "10.0.0.1"),
                ("x-pai-anything", "1"),
                ("connection", "close, x-secret"),
                ("x-secret", "1"),
            ]),
            true,
        );
        let betas: Vec<_> = sent.get_all("anthropic-beta").iter().collect();
        assert_eq!(betas, ["b", "a"]);
        let names: Vec<&str> = sent.keys().map(HeaderName::as_str).collect();
        assert_eq!(
            names,
            ["anthropic-version", "anthropic-beta", "anthropic-future", "x-app", "accept-encoding"]
        );
    }

    #[test]
    fn cookies_and_shared_quotas_stay_here() {
        let got = to_client(&map(&[
            ("request-id", "req_1"),
            ("retry-after", "3"),
            ("x-should-retry", "true"),
            ("set-cookie", "a=b"),
            ("anthropic-ratelimit-tokens-remaining", "5"),
            ("content-length", "3"),
        ]));
        let names: Vec<&str> = got.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["request-id", "retry-after", "x-should-retry", "content-length"]);
    }

    #[test]
    fn streams_are_asked_for_unpacked() {
        let client = map(&[("accept-encoding", "gzip, deflate, br, zstd")]);
        assert_eq!(to_upstream(&client, true)["accept-encoding"], "identity");
        assert_eq!(to_upstream(&client, false)["accept-encoding"], "gzip");
        assert_eq!(to_upstream(&map(&[]), false)["accept-encoding"], "identity");
    }
}
