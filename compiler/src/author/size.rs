//! How large a policy may be: Cedar reads, checks, lays out and evaluates by recursion, and so does whoever drops a tree.

use super::rules;
use super::snippet::string_length;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

/// Deepest nesting of brackets. With [`LINKS_MAX`] inside, it is followed without optimisation on the eight megabytes
/// of stack that the first thread of a program has; three times as deep it is not.
const DEPTH_MAX: usize = 32;

/// Most operators and dots in one policy: a chain of them is a tree as deep as it is long.
const LINKS_MAX: usize = 150;

/// The first place where a policy becomes too large.
pub(super) fn find(id: FileId, text: &str) -> Option<Diagnostic> {
    let (mut depth, mut links, mut at) = (0_usize, 0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next()?;
        let length = match first {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        match first {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' => (depth, links) = (0, 0),
            // Two characters or one: `||` and `&&` once each.
            '|' | '&' if rest.get(1..).is_some_and(|next| next.starts_with(first)) => links += 1,
            '.' | '!' | '-' | '+' | '*' => links += 1,
            'e' if rest.starts_with("else") => links += 1,
            _ => {}
        }
        if depth > DEPTH_MAX || links > LINKS_MAX {
            let place = Span::new(id, at, at + length);
            let text = format!(
                "a policy with more than {DEPTH_MAX} brackets in each other, or {LINKS_MAX} operators, can fail"
            );
            let help =
                "write several policies, as each forbid stands for itself, or `[…].contains(…)` for a list";
            return Some(
                Diagnostic::new(&rules::CAN_FAIL, place, text).label("too large from here on").help(help),
            );
        }
        at += length.max(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::{Sources, check};

    fn codes(condition: &str) -> Vec<&'static str> {
        let policy = format!("forbid (principal, action, resource) when {{ {condition} }};");
        let sources = Sources::new([("a.cedar", policy)]);
        crate::format::format(&sources);
        check(&sources).iter().map(crate::Diagnostic::code).collect()
    }

    /// On a stack as the command has it; that of a test's thread is a quarter.
    fn with_stack(test: fn()) {
        let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(test).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn policies_as_large_as_allowed_are_read_and_larger_ones_are_refused() {
        with_stack(large);
    }

    fn large() {
        let external = "context.external";
        let deep = |levels: usize| format!("{}{external}{}", "(".repeat(levels), ")".repeat(levels));
        let long = |terms: usize| vec![external; terms].join(" || ");
        assert_eq!(codes(&deep(31)), [""; 0]);
        assert_eq!(codes(&deep(32)), ["PAI0403"]);
        assert_eq!(codes(&long(75)), [""; 0]);
        assert_eq!(codes(&long(76)), ["PAI0403"]);
        assert_eq!(codes(&deep(31).replace(external, &long(75))), [""; 0]);
        // None of these may bring the process down.
        for (open, close) in [
            ("(", ")"),
            ("[", "]"),
            ("{a:", "}"),
            ("!", ""),
            ("-", ""),
            ("if true then true else ", ""),
            ("context.", ""),
        ] {
            let condition = format!("{}{external}{}", open.repeat(100_000), close.repeat(100_000));
            assert_eq!(codes(&condition), ["PAI0403"], "{open}");
        }
    }
}
