//! Comments and what they stand at: a layout may move neither.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::LayoutError;

/// A comment, and how much of the text stands before it.
///
/// Letters and digits are counted, because a layout changes spaces, quotes, brackets and commas, and none of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    pub(super) before: usize,
    pub(super) line: usize,
}

/// The comments of a text, given as its parts in order: each a comment or not.
pub(super) fn of<'a>(parts: impl Iterator<Item = (Part, &'a str)>) -> Vec<Comment<'a>> {
    let (mut found, mut before, mut line) = (Vec::new(), 0, 1);
    for (part, text) in parts {
        match part {
            Part::Comment => found.push(Comment { text: text.trim_end(), before, line }),
            Part::Other => before += text.chars().filter(|c| c.is_alphanumeric()).count(),
        }
        line += text.matches('\n').count();
    }
    found
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Comment,
    Other,
}

/// Whether the same comments stand at the same things.
pub(super) fn same(old: &[Comment<'_>], new: &[Comment<'_>]) -> Result<(), LayoutError> {
    let differs =
        |(old, new): &(&Comment<'_>, &Comment<'_>)| (old.text, old.before) != (new.text, new.before);
    let moved = old.iter().zip(new).find(differs).map(|(old, _)| old);
    match moved.or_else(|| old.get(new.len())) {
        Some(comment) => Err(LayoutError::Comment { line: comment.line }),
        // A comment more than there was is a change of meaning somewhere.
        None if new.len() > old.len() => {
            Err(LayoutError::Meaning { line: old.last().map_or(1, |last| last.line) })
        }
        None => Ok(()),
    }
}

/// The new text, with each comment that stood in line with what follows it standing so again.
///
/// Behind a list whose dashes are not indented, a comment of the next key could as well be the list's last line; and
/// that is where a layout would put it.
pub(super) fn beside_what_follows(
    old: &[Comment<'_>],
    old_text: &str,
    new: &[Comment<'_>],
    new_text: &str,
) -> String {
    let (before, after) = (Page::of(old, old_text), Page::of(new, new_text));
    let mut lines: Vec<Cow<'_, str>> = after.lines.iter().map(|line| Cow::Borrowed(*line)).collect();
    for (old, new) in old.iter().zip(new) {
        let (Some((at, follower)), Some((now, new_follower))) = (before.own(old.line), after.own(new.line))
        else {
            continue;
        };
        if at <= follower
            && now > new_follower
            && let Some(line) = lines.get_mut(new.line - 1)
        {
            *line = Cow::Owned(format!("{}{}", " ".repeat(new_follower), new.text));
        }
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// The lines of a text, and for each the column of the first thing below it that is no comment.
struct Page<'a> {
    lines: Vec<&'a str>,
    below: Vec<Option<usize>>,
}

impl<'a> Page<'a> {
    fn of(comments: &[Comment<'_>], text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let comments: BTreeSet<usize> = comments.iter().map(|comment| comment.line).collect();
        let (mut below, mut first) = (Vec::with_capacity(lines.len()), None);
        for (at, line) in lines.iter().enumerate().rev() {
            below.push(first);
            let is_left_out =
                line.trim().is_empty() || (comments.contains(&(at + 1)) && starts_with_mark(line));
            if !is_left_out {
                first = Some(column(line));
            }
        }
        below.reverse();
        Self { lines, below }
    }

    /// The columns of a comment that has a line of its own, and of what follows it.
    fn own(&self, line: usize) -> Option<(usize, usize)> {
        let at = line.checked_sub(1)?;
        let comment = self.lines.get(at).filter(|line| starts_with_mark(line))?;
        Some((column(comment), (*self.below.get(at)?)?))
    }
}

fn column(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn starts_with_mark(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
