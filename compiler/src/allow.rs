//! Comments that allow a warning where it stands: `# pai: allow PAI0310 why`, behind the line or above it; in Cedar
//! files `// pai: allow …`. What such a comment does not do is a finding too.

use std::collections::{BTreeMap, BTreeSet};

use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity, reference};
use crate::source::tree::{Content, Node};
use crate::source::{File, FileId, Sources, Span, chunk, yaml};
use crate::surroundings::Surroundings;

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
        "A comment `# pai: allow CODE` hides a warning of that code on its own line, or on the line below if it stands alone. \
         Nothing was found there, so the comment only hides what somebody may do later. Remove it.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a} # pai: allow PAI0310 one provider is enough\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    UNKNOWN: "PAI0502" "unknown-allow" "a comment allows a code that there is not",
        "After `pai: allow` come codes such as PAI0310, and then the reason in words. `pai explain` lists all codes.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a} # pai: allow PAI9999\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    ERROR: "PAI0503" "error-allow" "a comment allows an error",
        "Errors keep a bundle from being built, because what they find cannot work or would let through what it should not. \
         Only warnings can be allowed.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a} # pai: allow PAI0205 later\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
}

/// One word of a comment that stands for a code.
struct Allow<'a> {
    /// Empty where the comment names none.
    code: &'a str,
    span: Span,
    /// The line that it is about.
    line: u32,
}

/// A file's line, and what is allowed there.
type Place = (FileId, u32, &'static str);

/// Takes out what comments allow, and adds what is to be said about the comments.
pub(crate) fn apply(mut found: Diagnostics, sources: &Sources, surroundings: &Surroundings) -> Diagnostics {
    let mut about = Vec::new();
    let mut allowed: BTreeMap<Place, Vec<Span>> = BTreeMap::new();
    for (id, file) in sources.files().filter(|(_, file)| file.text().contains(WORD)) {
        for allow in allows(id, file, sources) {
            match check::rule(allow.code) {
                None => about.push(unknown(&allow)),
                Some(rule) if rule.severity == Severity::Error => about.push(error(&allow, rule)),
                Some(rule) => allowed.entry((id, allow.line, rule.code)).or_default().push(allow.span),
            }
        }
    }
    let files: BTreeSet<FileId> = allowed.keys().map(|(file, ..)| *file).collect();
    let mut used = BTreeSet::new();
    found.retain(|diagnostic| {
        let span = diagnostic.primary.span;
        if !files.contains(&span.file) {
            return true;
        }
        let place = (span.file, sources.position(span).0, diagnostic.code());
        let is_allowed = allowed.contains_key(&place);
        if is_allowed {
            used.insert(place);
        }
        !is_allowed
    });
    // With errors about, checks may not have come as far as the warning.
    if !found.has_errors() {
        let idle =
            allowed.iter().filter(|(place, _)| !used.contains(place) && is_looked_for(place.2, surroundings));
        about.extend(
            idle.flat_map(|((_, line, code), spans)| spans.iter().map(|span| self::idle(*span, code, *line))),
        );
    }
    if about.is_empty() {
        return found;
    }
    found.extend(about);
    found.sorted()
}

/// Whether the warning would be found here if it were there: some depend on what is known of time and place.
fn is_looked_for(code: &str, surroundings: &Surroundings) -> bool {
    (code != check::expired_key::RULE.code || surroundings.now.is_some())
        && (code != check::missing_secret::RULE.code || surroundings.secrets.is_some())
}

fn unknown(allow: &Allow<'_>) -> Diagnostic {
    if allow.code.is_empty() {
        return Diagnostic::new(&UNKNOWN, allow.span, "the comment names no code")
            .label("which finding is allowed?")
            .help("write the code and the reason: `pai: allow PAI0310 one provider is enough`");
    }
    let near = reference::nearest(allow.code);
    let help = match near.first() {
        Some(rule) => format!("did you mean {}, {}?", rule.code, rule.title),
        None => "`pai explain` lists all codes".to_owned(),
    };
    Diagnostic::new(&UNKNOWN, allow.span, format!("there is no finding `{}`", allow.code))
        .label("no code of pai's")
        .help(help)
}

fn error(allow: &Allow<'_>, rule: &Rule) -> Diagnostic {
    Diagnostic::new(&ERROR, allow.span, format!("{} is an error, and errors cannot be allowed", rule.code))
        .label(rule.title)
        .help("mend what it finds, and remove the comment")
}

fn idle(span: Span, code: &str, line: u32) -> Diagnostic {
    Diagnostic::new(&IDLE, span, format!("{code} is not found on line {line}"))
        .label("allows nothing")
        .help("remove it")
}

/// Every code of every comment of a file.
fn allows<'a>(id: FileId, file: &'a File, sources: &Sources) -> Vec<Allow<'a>> {
    let text = file.text();
    let mark = if file.is_cedar() { "//" } else { "#" };
    let inside = if file.is_cedar() { cedar_strings(id, text) } else { texts(id, file) };
    let mut allows = Vec::new();
    for (at, _) in text.match_indices(WORD) {
        let line_start =
            text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let before = text.get(line_start..at).unwrap_or_default();
        let Some(comment) = before.trim_end().strip_suffix(mark) else { continue };
        let start = line_start + comment.len();
        let last = inside.partition_point(|span| span.start <= start).checked_sub(1);
        if last.and_then(|last| inside.get(last)).is_some_and(|span| start < span.end) {
            continue;
        }
        let stands_alone = comment.trim().is_empty();
        // YAML has no comment without a space before its mark.
        if !stands_alone && !file.is_cedar() && !comment.ends_with([' ', '\t']) {
            continue;
        }
        let mut line = sources.position(Span::new(id, at, at)).0;
        if stands_alone {
            line = line.saturating_add(1).saturating_add(comments_below(text, at, mark));
        }
        let rest = text.get(at + WORD.len()..).unwrap_or_default();
        let rest = rest.split(['\n', '\r']).next().unwrap_or_default();
        let span = |start: usize, length: usize| Span::new(id, start, start + length);
        let codes = codes(rest);
        if codes.is_empty() {
            allows.push(Allow { code: "", span: span(at, WORD.len()), line });
        }
        for (offset, code) in codes {
            allows.push(Allow { code, span: span(at + WORD.len() + offset, code.len()), line });
        }
    }
    allows
}

/// How many lines right below that of byte `at` are comments too: several may stand above one line.
fn comments_below(text: &str, at: usize, mark: &str) -> u32 {
    let below = text.get(at..).unwrap_or_default().lines().skip(1);
    let comments = below.take_while(|line| line.trim_start().starts_with(mark)).count();
    u32::try_from(comments).unwrap_or(u32::MAX)
}

/// The words in front that are codes or names of rules, or look like codes, and where they start: what follows is the
/// reason.
fn codes(rest: &str) -> Vec<(usize, &str)> {
    let mut codes = Vec::new();
    let mut at = 0;
    for piece in rest.split_inclusive([' ', '\t', ',']) {
        let word = piece.trim_end_matches([' ', '\t', ',']);
        let digits = word.strip_prefix("PAI").unwrap_or_default();
        let is_code = digits.starts_with(|c: char| c.is_ascii_digit()) || check::rule(word).is_some();
        if is_code {
            codes.push((at, word));
        } else if !word.is_empty() {
            break;
        }
        at += piece.len();
    }
    codes
}

/// Where text stands that only looks like a comment: values and keys of every document, in order. None overlap.
fn texts(id: FileId, file: &File) -> Vec<Span> {
    let mut spans = Vec::new();
    for chunk in chunk::chunks(id, file).into_iter().filter(|chunk| chunk.text.contains(WORD)) {
        for (document, _) in yaml::read(chunk).documents {
            document.root.walk(&mut |_, key, node: &Node| {
                spans.extend(key);
                if matches!(node.content, Content::Scalar { .. }) {
                    spans.push(node.span);
                }
            });
        }
    }
    spans.sort_unstable();
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
    use pai_bundle::secret::SecretNames;

    use super::Surroundings;
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
        assert_eq!(found("  models: [a/x, a/y] # pai: allow single-budget one is enough\n"), "");
    }

    #[test]
    fn several_comments_may_stand_above_one_line() {
        let both = "  models: [a/x, a/y, a/x]\n";
        assert!(found(both).contains("PAI0310") && found(both).contains("PAI0325"), "{}", found(both));
        for comments in [
            "  # pai: allow PAI0310 one is enough\n  # pai: allow PAI0325 later\n",
            "# pai: allow PAI0325, PAI0310\n  # and a word about it\n",
            "  # pai: allow PAI0325 PAI0310 both\n",
        ] {
            assert_eq!(found(&format!("{comments}{both}")), "", "{comments}");
        }
    }

    #[test]
    fn a_comment_behind_a_block_of_text_is_a_comment() {
        let block = "  command:\n    - |\n      echo '# pai: allow PAI0325'\n  # pai: allow PAI0310\n  models: [a/x, a/y]\n";
        assert_eq!(found(block), "");
    }

    #[test]
    fn what_cannot_be_looked_for_here_is_not_called_idle() {
        let key = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: anthropic\n  \
                   apiKeySecretRef: {name: k} # pai: allow PAI0322 mounted in production only\n";
        let sources = Sources::new([("a.yaml", key)]);
        assert_eq!(short(&crate::check(&sources), &sources), "");
        let surroundings = Surroundings { secrets: Some(SecretNames::default()), ..Surroundings::default() };
        assert_eq!(short(&crate::check_within(&sources, &surroundings), &sources), "");
    }

    #[test]
    fn a_policy_file_has_comments_of_its_own() {
        let policy = |end: &str| {
            let text = format!(
                "forbid (principal, action, resource) when {{ context.model == \"cl\u{430}ude\" }};{end}\n"
            );
            let sources = Sources::new([("policies/a.cedar", text)]);
            short(&crate::check(&sources), &sources)
        };
        assert!(policy("").contains("PAI0408"), "{}", policy(""));
        assert_eq!(policy(" // pai: allow PAI0408 a test"), "");
        assert!(policy(" // pai: allow PAI0404").contains("PAI0503"));
    }

    #[test]
    fn many_comments_cost_no_more_than_one_each() {
        let models = (0..20_000).map(|at| format!("    - a/m{at} # pai: allow PAI0325 some reason\n"));
        let text = format!("{FINE}  models:\n{}", models.collect::<String>());
        let sources = Sources::new([("a.yaml", text)]);
        assert!(crate::check(&sources).len() >= 20_000);
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
            found("  models: [a/x] # pai: allow everything\n")
                .contains("warning[PAI0502]: the comment names no code")
        );
        assert!(
            found("  models: [a/x] # pai: allow PAI0205, PAI0207\n").matches("warning[PAI0503]").count() == 2
        );
    }

    #[test]
    fn with_errors_about_nothing_is_called_idle() {
        assert!(!found("  models: [b/x] # pai: allow PAI0310\n").contains("PAI0501"));
    }
}
