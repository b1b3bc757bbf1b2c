//! A policy's text without its comments: they are for whoever reads the file, mean nothing to a decision, and may hold
//! what does not belong in a bundle.

use super::snippet::string_length;

/// The text as it is, but for comments, and for lines that had nothing else.
pub(super) fn uncommented(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| rest.get(end..).unwrap_or_default());
                let line = kept.trim_end_matches([' ', '\t']).len();
                kept.truncate(line);
                // The line's own end goes with it where nothing else stood there.
                if kept.is_empty() || kept.ends_with('\n') {
                    rest = rest.strip_prefix('\n').unwrap_or(rest);
                }
                continue;
            }
            other => other.len_utf8(),
        };
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        kept.push_str(word);
        rest = behind;
    }
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_everything_else_stays() {
        let text = "@id(\"a // no comment\") // one\n// two\nforbid (\n  // three\n  principal, /* not Cedar */\n  action,\n  resource // four\n); // five";
        let expected =
            "@id(\"a // no comment\")\nforbid (\n  principal, /* not Cedar */\n  action,\n  resource\n);";
        assert_eq!(uncommented(text), expected);
        assert_eq!(uncommented(expected), expected);
    }
}
