//! The layout of Cedar policies: that of `cedar format`, so that both tools agree on a file.

use cedar_policy::PolicySet;
use cedar_policy_formatter::{Config, policies_str_to_pretty};

use super::LayoutError;
use super::comments::{self, Comment, Part};

/// The same policies, laid out.
pub(super) fn format(old: &PolicySet, text: &str) -> Result<String, LayoutError> {
    // A file of comments has nothing to lay out but its end.
    if old.is_empty() {
        let written = text.trim_end();
        return Ok(if written.is_empty() { String::new() } else { format!("{written}\n") });
    }
    let new = policies_str_to_pretty(text, &Config::default()).map_err(|_| LayoutError::Form { line: 1 })?;
    if new != text {
        comments::same(&comments_of(text), &comments_of(&new))?;
        let again: PolicySet = new.parse().map_err(|_| LayoutError::Meaning { line: 1 })?;
        if written(old) != written(&again) {
            return Err(LayoutError::Meaning { line: 1 });
        }
    }
    Ok(new)
}

/// Policies and templates by id, in Cedar's JSON form: scopes, conditions and annotations without their layout.
fn written(set: &PolicySet) -> Option<serde_json::Value> {
    set.clone().to_json().ok()
}

fn comments_of(text: &str) -> Vec<Comment<'_>> {
    comments::of(Parts { rest: text })
}

/// A text cut into strings, comments, and what is between them.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Parts<'a> {
    type Item = (Part, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest;
        let first = rest.chars().next()?;
        let (part, length) = if rest.starts_with("//") {
            (Part::Comment, rest.find('\n').unwrap_or(rest.len()))
        } else if first == '"' {
            (Part::Other, crate::author::string_length(rest))
        } else {
            let next = rest.char_indices().skip(1).find(|(at, c)| {
                *c == '"' || (*c == '/' && rest.get(*at..).is_some_and(|rest| rest.starts_with("//")))
            });
            (Part::Other, next.map_or(rest.len(), |(at, _)| at))
        };
        let (piece, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
        self.rest = rest;
        Some((part, piece))
    }
}
