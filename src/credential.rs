//! Tokens of access keys and agents in their manifests: made, rotated, revoked. A manifest has digests; the token is
//! shown once.

use std::path::PathBuf;

use clap::Args;
use miette::miette;
use pai_bundle::unit::UnixSeconds;
use pai_runtime::arguments::SecretArguments;
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Token, TokenKind};
use serde_json::{Value, json};

/// Where a gateway's secrets are, and the pepper among them, which digests are made with.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// The gateway's state folder [default: .pai in the workspace].
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    secrets: SecretArguments,
}

impl Places {
    /// The secrets of the workspace in this folder.
    pub(crate) fn secrets(&self, workspace: &std::path::Path) -> Secrets {
        let state = self.state.clone().unwrap_or_else(|| crate::workspace::state(workspace));
        self.secrets.open(&state)
    }
}

/// A new token, and its line for the manifest.
pub(crate) fn minted(kind: TokenKind, secrets: &Secrets) -> miette::Result<(Token, Value)> {
    let pepper = secrets.pepper().map_err(|cause| miette!("{cause}"))?;
    let token = Token::mint(kind).map_err(|cause| miette!("{cause}"))?;
    let line = json!({ "id": token.id(), "digest": pepper.digest(&token) });
    Ok((token, line))
}

/// Adds a credential to a manifest.
pub(crate) fn add(manifest: &mut Value, line: Value) {
    let mut all = listed(manifest);
    all.push(line);
    manifest["spec"]["credentials"] = Value::Array(all);
}

/// Puts a credential in the place of all others, which are accepted for `grace_seconds` more; those that have ended
/// go.
pub(crate) fn rotate(manifest: &mut Value, line: Value, now: UnixSeconds, grace_seconds: i64) {
    let end = now.0.saturating_add(grace_seconds);
    let mut all = listed(manifest);
    all.retain(|old| grace_seconds > 0 && ends(old).is_none_or(|at| at > now.0));
    for old in &mut all {
        if ends(old).is_none_or(|at| at > end) {
            old["expires"] = json!(moment(end));
        }
    }
    all.push(line);
    manifest["spec"]["credentials"] = Value::Array(all);
}

/// Takes credentials away: all, or the one of this id. How many went.
pub(crate) fn revoke(manifest: &mut Value, id: Option<&str>) -> usize {
    let mut all = listed(manifest);
    let before = all.len();
    all.retain(|credential| id.is_some_and(|id| credential["id"] != id));
    let gone = before - all.len();
    if gone > 0 {
        manifest["spec"]["credentials"] = Value::Array(all);
    }
    gone
}

/// The credentials of a manifest.
pub(crate) fn listed(manifest: &Value) -> Vec<Value> {
    manifest.pointer("/spec/credentials").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// When one ends; a day ends at its start.
fn ends(credential: &Value) -> Option<i64> {
    let text = credential.get("expires")?.as_str()?;
    let day = || Some(format!("{}T00:00:00Z", text.parse::<jiff::civil::Date>().ok()?));
    let instant: jiff::Timestamp = text.parse().ok().or_else(|| day()?.parse().ok())?;
    Some(instant.as_second())
}

/// As a manifest writes it: `2026-11-27T12:00:00Z`.
pub(crate) fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}

/// How long, as typed: `24h`, `90m`, `7d`, `0`.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a length of time, such as 30m, 24h or 7d");
    if text == "0" {
        return Ok(0);
    }
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let factor: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(i64::from(number).saturating_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_795_435_200);

    #[expect(clippy::needless_pass_by_value, reason = "what `json!` makes has no other owner")]
    fn with(credentials: Value) -> Value {
        json!({ "spec": { "providers": ["a"], "credentials": credentials } })
    }

    #[test]
    fn a_rotated_secret_ends_with_its_grace_and_no_later_than_before() {
        let mut manifest = with(json!([
            { "id": "old" },
            { "id": "ended", "expires": "2026-11-23" },
            { "id": "soon", "expires": "2026-11-23T13:00:00Z" },
            { "id": "later", "expires": "2027-01-01" },
        ]));
        rotate(&mut manifest, json!({ "id": "new" }), NOW, 86_400);
        let end = "2026-11-24T12:00:00Z";
        let expected = json!([
            { "id": "old", "expires": end },
            { "id": "soon", "expires": "2026-11-23T13:00:00Z" },
            { "id": "later", "expires": end },
            { "id": "new" },
        ]);
        assert_eq!(manifest, with(expected));
        rotate(&mut manifest, json!({ "id": "newer" }), NOW, 0);
        assert_eq!(manifest, with(json!([{ "id": "newer" }])));
    }

    #[test]
    fn all_are_revoked_or_one() {
        let mut manifest = with(json!([{ "id": "a" }, { "id": "b" }]));
        assert_eq!(revoke(&mut manifest, Some("c")), 0);
        assert_eq!(revoke(&mut manifest, Some("a")), 1);
        assert_eq!(manifest, with(json!([{ "id": "b" }])));
        assert_eq!(revoke(&mut manifest, None), 1);
        assert_eq!(manifest, with(json!([])));
        assert_eq!(revoke(&mut json!({ "spec": {} }), None), 0);
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, expected) in [("0", 0), ("90s", 90), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(expected));
        }
        for wrong in ["", "7", "d", "-1h", "1w", "1.5h", "ü"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
