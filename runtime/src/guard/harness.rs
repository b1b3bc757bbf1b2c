//! What Claude Code puts into its user's turns beside what the user says: reminders of its own, each a block of text by
//! itself. They are the program's instructions, as much as what it sends as `system`: lists of its tools' skills, "from now
//! on" and all, in which rules for users' words find an attack in every request (measured with 2.1.332).
//!
//! Whoever can forge the header below can write instructions of their own, so nothing is opened by believing it: a guard
//! that has to see those reads `system`. In a tool's result the same tags mean nothing.

use http::HeaderMap;
use http::header::USER_AGENT;
use pai_protocol::spoken::{Passage, Source};

use super::subject::Client;

/// How Claude Code names itself: `claude-cli/2.1.332 (external, sdk-cli)`.
const CLAUDE_CODE: &str = "claude-cli/";
const OPEN: &str = "<system-reminder>";
const CLOSE: &str = "</system-reminder>";

/// Whose the request says that it is.
pub(super) fn client(headers: &HeaderMap) -> Client {
    let is_its =
        headers.get(USER_AGENT).is_some_and(|name| name.as_bytes().starts_with(CLAUDE_CODE.as_bytes()));
    if is_its { Client::ClaudeCode } else { Client::Any }
}

/// Whether a passage is one reminder, and nothing beside it. One within another's words ends where the first end stands, so
/// that nobody's text is taken along.
pub(super) fn is_reminder(passage: &Passage<'_>) -> bool {
    let inner = passage.text.trim().strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    passage.source == Source::User && inner.is_some_and(|inner| !inner.contains(CLOSE))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn a_reminder_is_a_block_by_itself() {
        for (source, text, expected) in [
            (Source::User, "<system-reminder>\nToday's date.\n</system-reminder>\n", true),
            (Source::User, "<system-reminder>a</system-reminder> and more", false),
            (Source::User, "before <system-reminder>a</system-reminder>", false),
            (
                Source::User,
                "<system-reminder>a</system-reminder>b<system-reminder>c</system-reminder>",
                false,
            ),
            (Source::User, "<system-reminder>a", false),
            (Source::Tool("web_fetch".into()), "<system-reminder>a</system-reminder>", false),
        ] {
            let passage = Passage { source, is_new: true, turn: 0, text: Cow::Borrowed(text) };
            assert_eq!(is_reminder(&passage), expected, "{text}");
        }
    }
}
