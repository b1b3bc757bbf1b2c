//! Secrets that someone pasted into a manifest, kept out of messages and excerpts.

use std::borrow::Cow;

/// What known secrets begin with, and how many more characters make one.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-ant-", 8),
    ("sk-or-", 8),
    ("sk-proj-", 8),
    ("sk-svcacct-", 8),
    ("pak_", 8),
    ("pai_agt_", 8),
    ("pai_tok_", 8),
    ("AIza", 30),
    ("nvapi-", 16),
    ("gsk_", 20),
    ("ghp_", 20),
    ("sk-", 32),
];

/// A secret within a text, as a range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) prefix: &'static str,
}

/// The first secret at or behind byte `from`.
pub(crate) fn find(text: &str, from: usize) -> Option<Secret> {
    let found = PREFIXES.iter().filter_map(|(prefix, more)| find_one(text, from, prefix, *more));
    found.min_by_key(|secret| secret.start)
}

fn find_one(text: &str, from: usize, prefix: &'static str, more: usize) -> Option<Secret> {
    let mut at = from;
    while let Some(hit) = text.get(at..).and_then(|rest| rest.find(prefix)) {
        let start = at + hit;
        let body = start + prefix.len();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let inside = text.get(..start).and_then(|before| before.chars().next_back()).is_some_and(word);
        let rest = text.get(body..).unwrap_or_default();
        let length = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
        if length >= more && !inside {
            return Some(Secret { start, end: body + length, prefix });
        }
        at = body;
    }
    None
}

/// What a credential's digest begins with, before the name of its pepper.
const DIGEST: &str = "hmac-sha256:";

/// The text with the secret part of every secret as asterisks, byte for byte as long as it was. So are user, password
/// and query of every URL: no field takes them, and the finding that says so must not repeat them. So are digests of
/// credentials, which open nothing, and of which an excerpt in a log need not tell either.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(text);
    for mask in [urls, digests] {
        if let Some(done) = mask(&masked) {
            masked = Cow::Owned(done);
        }
    }
    match masked {
        Cow::Borrowed(text) => prefixed(text),
        Cow::Owned(text) => Cow::Owned(prefixed(&text).into_owned()),
    }
}

/// The text without its digests, their peppers' names left; `None` where there are none.
fn digests(text: &str) -> Option<String> {
    let mut masked: Option<String> = None;
    for (at, _) in text.match_indices(DIGEST) {
        let start = at + DIGEST.len();
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c: char| !c.is_ascii_hexdigit() && c != ':').unwrap_or(rest.len());
        let pepper = rest.get(..length).and_then(|run| run.find(':')).map_or(0, |colon| colon + 1);
        let hidden = start + pepper..start + length;
        if !hidden.is_empty() {
            masked
                .get_or_insert_with(|| text.to_owned())
                .replace_range(hidden.clone(), &"*".repeat(hidden.len()));
        }
    }
    masked
}

/// The text without what stands in its URLs before `@` and behind `?`; `None` where there is nothing of the kind.
fn urls(text: &str) -> Option<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let mut masked: Option<String> = None;
    for (scheme, _) in text.match_indices("://") {
        let start = scheme + "://".len();
        let rest = text.get(start..).unwrap_or_default();
        let url = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        let host = url.get(..url.find(['/', '?', '#']).unwrap_or(url.len())).unwrap_or_default();
        let user = host.rfind('@').map(|at| start..start + at);
        let query = url.find('?').map(|at| start + at + 1..start + url.len());
        for hidden in [user, query].into_iter().flatten().filter(|hidden| !hidden.is_empty()) {
            masked
                .get_or_insert_with(|| text.to_owned())
                .replace_range(hidden.clone(), &"*".repeat(hidden.len()));
        }
    }
    masked
}

fn prefixed(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut done = 0;
    while let Some(secret) = find(text, done) {
        let shown = secret.start + secret.prefix.len();
        masked.push_str(text.get(done..shown).unwrap_or_default());
        masked.push_str(&"*".repeat(secret.end - shown));
        done = secret.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}

/// The longest input that a message repeats, in characters.
const SHOWN_CHARS: usize = 80;

/// Input as messages show it: in backticks, masked, on one line, cut where it is long, and with nothing that cannot be
/// seen or that would turn the line around.
pub(crate) fn shown(input: &str) -> String {
    let masked = text(input);
    let mut line = String::new();
    for c in masked.chars().take(SHOWN_CHARS) {
        match c {
            ' '..='~' => line.push(c),
            '\u{a0}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                line.extend(c.escape_unicode());
            }
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    if masked.chars().count() > SHOWN_CHARS {
        line.push('…');
    }
    format!("`{line}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_keeps_its_length_and_loses_its_value() {
        let given = "key: sk-ant-api03-abcdefgh # and pak_0123456789abcdef";
        let masked = text(given);
        assert_eq!(masked.len(), given.len());
        assert_eq!(masked, "key: sk-ant-************** # and pak_****************");
    }

    #[test]
    fn a_url_keeps_its_host_and_loses_user_password_and_query() {
        for (given, masked) in [
            ("https://me:hunter2@host/v1", "https://**********@host/v1"),
            ("'http://host/v1?key=abc&x=1', more", "'http://host/v1?***********', more"),
            ("{endpoint: http://me:a,b@host/v1}", "{endpoint: http://******@host/v1}"),
            ("https://a@b/x?y https://c/d@e", "https://*@b/x?* https://c/d@e"),
            ("https://host/v1 and é://ü:ä@h", "https://host/v1 and é://*****@h"),
        ] {
            assert_eq!(text(given), masked);
            assert_eq!(text(given).len(), given.len());
        }
    }

    #[test]
    fn a_digest_keeps_its_peppers_name() {
        for (given, masked) in [
            ("digest: hmac-sha256:5a013d27:00ff, x", "digest: hmac-sha256:5a013d27:****, x"),
            ("'hmac-sha256:00ff'", "'hmac-sha256:****'"),
            ("hmac-sha256: and hmac-sha256:5a:é", "hmac-sha256: and hmac-sha256:5a:é"),
        ] {
            assert_eq!(text(given), masked);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(shown("na\u{200b}me"), "`na\\u{200b}me`");
        assert_eq!(shown("\u{a0}é\n\u{202e}x"), "`\\u{a0}é \\u{202e}x`");
    }

    #[test]
    fn names_are_no_secrets() {
        for given in [
            "anthropic-key",
            "sk-ant-",
            "task-anthropic",
            "risk-proj-management",
            "claude-sonnet-4-6",
            "sk-ant-...",
        ] {
            assert_eq!(text(given), given);
        }
    }
}
