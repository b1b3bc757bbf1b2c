//! Comments that allow a warning where it stands: `# pai: allow PAI0310 why`, behind the line or above it; in Cedar
//! files `// pai: allow …`. What such a comment does not do is a finding too.

use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::source::tree::{Content, Node};
use crate::source::{File, FileId, Sources, Span, chunk, yaml};

const WORD: &str = "pai: allow";

macro_rules! rules {
    ($($name:ident: $code:literal $slug:literal $title:literal, $why:literal, $fails:literal => $passes:literal;)*) => {
        $(static $name: Rule = Rule {
            code: $code,
            name: $slug,
            title: $title,
            severity: Severity::Warning,
            explanation: $why,
            fails: $fails,
            passes: $passes,
            check: None,
        };)*
        /// The PAI05 rules, by code.
        pub(crate) static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    IDLE: "PAI0501" "idle-allow" "a comment allows what is not there",
        "A comment `# pai: allow CODE` hides a warning of that code on its own line, or on the next line if it stands alone. \
         Nothing was found there, so the comment only hides what somebody may do later. Remove it.",
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a} # pai: allow PAI0310 one provider is enough\nspec: {classifier: {type: rules}}\n" =>
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a}\nspec: {classifier: {type: rules}}\n";
    UNKNOWN: "PAI0502" "unknown-allow" "a comment allows a code that there is not",
        "After `pai: allow` come codes such as PAI0310, and then the reason in words. `pai explain` lists all codes.",
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a} # pai: allow PAI9999\nspec: {classifier: {type: rules}}\n" =>
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a}\nspec: {classifier: {type: rules}}\n";
    ERROR: "PAI0503" "error-allow" "a comment allows an error",
        "Errors keep a bundle from being built, because what they find cannot work or would let through what it should not. \
         Only warnings can be allowed.",
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a} # pai: allow PAI0205 later\nspec: {classifier: {type: rules}}\n" =>
        "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a}\nspec: {classifier: {type: rules}}\n";
}

/// One code in a comment.
struct Allow<'a> {
    code: &'a str,
    span: Span,
    /// The line that it is about.
    line: u32,
}

/// Takes out what comments allow, and adds what is to be said about the comments.
pub(crate) fn apply(mut found: Diagnostics, sources: &Sources) -> Diagnostics {
    let mut about = Vec::new();
    for (id, file) in sources.files().filter(|(_, file)| file.text().contains(WORD)) {
        for allow in allows(id, file, sources) {
            let finding = match check::rule(allow.code) {
                None => Some(unknown(&allow)),
                Some(rule) if rule.severity == Severity::Error => Some(error(&allow, rule)),
                Some(rule) => {
                    let before = found.len();
                    found.retain(|diagnostic| {
                        let span = diagnostic.primary.span;
                        !(diagnostic.rule == rule
                            && span.file == id
                            && sources.position(span).0 == allow.line)
                    });
                    (found.len() == before).then(|| idle(&allow, rule))
                }
            };
            about.extend(finding);
        }
    }
    // With errors about, checks may not have come as far as the warning.
    if found.has_errors() {
        about.retain(|finding| finding.rule != &IDLE);
    }
    if about.is_empty() {
        return found;
    }
    found.extend(about);
    found.sorted()
}

fn unknown(allow: &Allow<'_>) -> Diagnostic {
    Diagnostic::new(&UNKNOWN, allow.span, format!("there is no finding `{}`", allow.code))
        .label("no code of pai's")
        .help("`pai explain` lists all codes")
}

fn error(allow: &Allow<'_>, rule: &Rule) -> Diagnostic {
    Diagnostic::new(&ERROR, allow.span, format!("{} is an error, and errors cannot be allowed", rule.code))
        .label(rule.title)
        .help("mend what it finds, and remove the comment")
}

fn idle(allow: &Allow<'_>, rule: &Rule) -> Diagnostic {
    Diagnostic::new(&IDLE, allow.span, format!("{} is not found on line {}", rule.code, allow.line))
        .label("allows nothing")
        .help("remove it")
}

/// Every code of every comment of a file.
fn allows<'a>(id: FileId, file: &'a File, sources: &Sources) -> Vec<Allow<'a>> {
    let text = file.text();
    let mark = if file.is_cedar() { "//" } else { "#" };
    let inside = if file.is_cedar() { cedar_strings(id, text) } else { scalars(id, file) };
    let mut allows = Vec::new();
    for (at, _) in text.match_indices(WORD) {
        let line_start =
            text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let before = text.get(line_start..at).unwrap_or_default();
        let Some(comment) = before.trim_end().strip_suffix(mark) else { continue };
        let start = line_start + comment.len();
        if inside.iter().any(|span| span.start <= start && start < span.end) {
            continue;
        }
        let stands_alone = comment.trim().is_empty();
        // YAML has no comment without a space before its mark.
        if !stands_alone && !file.is_cedar() && !comment.ends_with([' ', '\t']) {
            continue;
        }
        let line = sources.position(Span::new(id, at, at)).0;
        let rest = text.get(at + WORD.len()..).unwrap_or_default();
        let rest = rest.split(['\n', '\r']).next().unwrap_or_default();
        for code in codes(rest) {
            let start = at + WORD.len() + (code.as_ptr() as usize - rest.as_ptr() as usize);
            let span = Span::new(id, start, start + code.len());
            allows.push(Allow { code, span, line: if stands_alone { line + 1 } else { line } });
        }
    }
    allows
}

/// The words in front that look like codes: what follows is the reason.
fn codes(rest: &str) -> impl Iterator<Item = &str> {
    let words = rest.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    words.take_while(|word| word.starts_with("PAI") && word.chars().skip(3).all(|c| c.is_ascii_digit()))
}

/// Where text stands that only looks like a comment.
fn scalars(id: FileId, file: &File) -> Vec<Span> {
    let mut spans = Vec::new();
    for chunk in chunk::chunks(id, file) {
        for (document, _) in yaml::read(chunk).documents {
            document.root.walk(&mut |_, _, node: &Node| {
                if matches!(node.content, Content::Scalar { .. }) {
                    spans.push(node.span);
                }
            });
        }
    }
    spans
}

/// Strings of a Cedar file; comments end at the end of their line.
fn cedar_strings(id: FileId, text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(next) = rest.find(['"', '/']) else { break };
        at += next;
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with('"') {
            let length = crate::author::string_length(rest).max(1);
            spans.push(Span::new(id, at, at + length));
            at += length;
        } else {
            at += 1;
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use crate::Sources;
    use crate::diagnostic::render::short;

    const FINE: &str = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: vllm\n  \
                        endpoint: 'http://a/v1'\n  maxTokensPerDay: 1000000\n---\napiVersion: pai.io/v1\nkind: Agent\n\
                        metadata: {name: coder}\nspec:\n";

    fn found(models: &str) -> String {
        let sources = Sources::new([("a.yaml", format!("{FINE}{models}"))]);
        short(&crate::check(&sources), &sources)
    }

    #[test]
    fn a_warning_is_allowed_on_its_line_and_from_the_line_above() {
        assert!(found("  models: [a/x, a/y]\n").contains("PAI0310"));
        assert_eq!(found("  models: [a/x, a/y] # pai: allow PAI0310 one is enough\n"), "");
        assert_eq!(found("  # pai: allow PAI0310\n  models: [a/x, a/y]\n"), "");
        assert_eq!(found("  models: [a/x, a/y] # why not # pai: allow PAI0310\n"), "");
    }

    #[test]
    fn text_that_looks_like_a_comment_allows_nothing() {
        for text in [
            "  command: ['# pai: allow PAI0310']\n  models: [a/x, a/y]\n",
            "  command:\n    - |\n      # pai: allow PAI0310\n  models: [a/x, a/y]\n",
            "  # pai: allow PAI0310\n\n  models: [a/x, a/y]\n",
        ] {
            assert!(found(text).contains("PAI0310]: all models"), "{text}: {}", found(text));
        }
    }

    #[test]
    fn comments_that_do_nothing_are_findings() {
        assert!(found("  models: [a/x] # pai: allow PAI0310\n").contains("warning[PAI0501]"));
        assert!(found("  models: [a/x] # pai: allow PAI0999\n").contains("warning[PAI0502]"));
        assert!(
            found("  models: [a/x] # pai: allow PAI0205, PAI0207\n").matches("warning[PAI0503]").count() == 2
        );
    }

    #[test]
    fn with_errors_about_nothing_is_called_idle() {
        assert!(!found("  models: [b/x] # pai: allow PAI0310\n").contains("PAI0501"));
    }
}
