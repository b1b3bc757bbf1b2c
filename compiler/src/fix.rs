//! Corrections that findings carry, made in the text: as many as do not overlap, from the end of each file.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostics, Edit, Safety};
use crate::source::{FileId, Sources};

/// A file with corrections made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Its path, as in the sources.
    pub path: String,
    /// Its whole text.
    pub text: String,
    /// How many corrections.
    pub edits: usize,
}

/// The files that corrections up to this safety change. Findings after a correction may bring more: check again.
pub fn fix(found: &Diagnostics, sources: &Sources, up_to: Safety) -> Vec<Fixed> {
    let mut by_file: BTreeMap<FileId, Vec<&Edit>> = BTreeMap::new();
    let wanted = found.iter().filter_map(|diagnostic| diagnostic.edit.as_ref());
    for edit in wanted.filter(|edit| edit.safety <= up_to) {
        by_file.entry(edit.span.file).or_default().push(edit);
    }
    by_file
        .into_iter()
        .filter_map(|(id, mut edits)| {
            edits.sort_by_key(|edit| edit.span);
            edits.dedup_by_key(|edit| edit.span);
            let file = sources.file(id)?;
            let mut text = file.text().to_owned();
            let (mut upper, mut made) = (text.len(), 0);
            for edit in edits.into_iter().rev() {
                let range = edit.span.start..edit.span.end;
                if range.end <= upper && text.get(range.clone()).is_some() {
                    upper = range.start;
                    text.replace_range(range, &edit.text(sources));
                    made += 1;
                }
            }
            (text != file.text()).then(|| Fixed { path: file.path().to_owned(), text, edits: made })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sources;

    const WRONG: &str = "apiVersion: pai.io/v1\nkind: Agnet\nmetadata: {name: a}\nspec: {models: ['b/x']}\n---\napiVersion: pai.io/v1\n\
                         kind: ModelProvider\nmetadata: {name: bb}\nspec:\n  provider: vllm\n  endpoint: 'http://b/v1'\n  \
                         \"maxTokenPerDay\": 5 # why\n";

    fn fixed(text: &str, up_to: Safety) -> String {
        let mut text = text.to_owned();
        loop {
            let sources = Sources::new([("a.yaml", text.as_str())]);
            match fix(&crate::check(&sources), &sources, up_to).pop() {
                Some(fixed) => text = fixed.text,
                None => return text,
            }
        }
    }

    #[test]
    fn safe_corrections_keep_quotes_and_comments_and_leave_guesses_alone() {
        let text = fixed(WRONG, Safety::Safe);
        assert!(text.contains("kind: Agent\n") && text.contains("\"maxTokensPerDay\": 5 # why\n"), "{text}");
        assert!(text.contains("['b/x']"), "{text}");
    }

    #[test]
    fn guesses_are_made_when_asked_for() {
        let text = fixed(WRONG, Safety::Unsafe);
        assert!(text.contains("['bb/x']"), "{text}");
        let sources = Sources::new([("a.yaml", text)]);
        assert!(crate::check(&sources).is_empty());
    }
}
