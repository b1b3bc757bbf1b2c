//! Rules that policy authors write in `*.cedar`: parsed file by file, validated strictly, and only ever narrowing.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use cedar_policy::{Effect, PolicySet, ValidationMode, ValidationWarning};
use pai_bundle::name::PolicyId;
use pai_bundle::policy::Policy;
use pai_policies::vocabulary::annotation;

pub(crate) mod expression;
pub(crate) mod arithmetic;
mod size;
pub(crate) mod rules;
mod snippet;
mod annotations;
mod equality;
mod absent;
mod uncommented;
mod advice;

use crate::check::literal_secret;
use crate::diagnostic::mask::shown;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule};
use crate::emit::validator;
use crate::graph::Graph;
use crate::source::chunk::Chunk;
use crate::source::{File, FileId, Sources, Span};
use absent::Present;
use snippet::{Snippet, snippets};

pub(crate) use snippet::string_length;

/// Ids that belong to rules of ours.
const RESERVED: &[&str] =
    &["base/", "ModelProvider/", "Agent/", "AccessKey/", "GuardBinding/", "built-in/", "merged"];

/// The authors' policies, sorted by id; those with errors are left out and reported.
pub(crate) fn read(sources: &Sources, graph: &Graph, found: &mut Diagnostics) -> Vec<Policy> {
    let mut policies = BTreeMap::new();
    let present = LazyCell::new(|| Present::of(graph));
    for (id, file) in sources.files().filter(|(_, file)| file.is_cedar()) {
        found.extend(literal_secret::find_in(Chunk { file: id, text: file.text(), start: 0 }, "policy file"));
        for rule in file_rules(id, file, &present, found) {
            if let Some((_, first)) = policies.get(&rule.id) {
                found.push(
                    Diagnostic::new(
                        &rules::DUPLICATE_ID,
                        rule.span,
                        format!("there are two policies with the id {}", shown(rule.id.as_str())),
                    )
                    .label("again here")
                    .also(*first, "first here")
                    .help("give each policy an @id of its own"),
                );
                continue;
            }
            let policy = Policy {
                id: rule.id.clone(),
                origin: sources.origin(rule.span, ""),
                text: uncommented::uncommented(rule.text),
            };
            policies.insert(rule.id, (policy, rule.span));
        }
    }
    policies.into_values().map(|(policy, _)| policy).collect()
}

/// One policy of a file.
struct Authored<'a> {
    id: PolicyId,
    text: &'a str,
    span: Span,
}

/// The policies of a file, read and not checked; `None` where the text is not Cedar, which is reported.
pub(crate) fn parse(id: FileId, file: &File, found: &mut Diagnostics) -> Option<PolicySet> {
    if let Some(too_large) = size::find(id, file.text()) {
        found.push(too_large);
        return None;
    }
    let errors = match file.text().parse() {
        Ok(set) => return Some(set),
        Err(errors) => errors,
    };
    let errors: cedar_policy::ParseErrors = errors;
    let whole = Snippet { text: file.text(), start: 0 };
    let findings =
        errors.iter().map(|error| advice::semicolon(from_cedar(&rules::SYNTAX, error, id, whole), whole));
    found.extend(findings);
    None
}

fn file_rules<'a>(
    id: FileId,
    file: &'a File,
    present: &LazyCell<Option<Present>, impl FnOnce() -> Option<Present>>,
    found: &mut Diagnostics,
) -> Vec<Authored<'a>> {
    let Some(set) = parse(id, file, found) else { return Vec::new() };
    let mut authored = Vec::new();
    for (number, (snippet, policy)) in snippets(&set, file.text()).into_iter().enumerate() {
        let span = Span::new(id, snippet.start, snippet.start + snippet.text.len());
        let Some(policy) = policy else {
            let (start, end) = snippet
                .word("?principal")
                .or_else(|| snippet.word("?resource"))
                .unwrap_or((span.start, span.end));
            found.push(
                Diagnostic::new(
                    &rules::TEMPLATE,
                    Span::new(id, start, end),
                    "a policy template is never used",
                )
                .label("a slot that nothing fills")
                .help("name the principal or resource, or write a policy for all of them"),
            );
            continue;
        };
        let name = policy.annotation(annotation::ID).map(ToOwned::to_owned);
        let name = name.unwrap_or_else(|| format!("{}#{}", file.path(), number + 1));
        let mut own = Diagnostics::default();
        check(&policy, &name, id, snippet, &mut own);
        if own.is_empty()
            && let Ok(tree) = policy.to_pst()
        {
            equality::find(&policy, &tree, id, snippet, &mut own);
            if own.is_empty()
                && let Some(present) = &**present
            {
                absent::find(&policy, &tree, present, id, snippet, &mut own);
            }
        }
        // What is warned of applies all the same: a rule that is left out would let through what it forbids.
        if !own.has_errors() {
            authored.push(Authored { id: PolicyId::new(name), text: snippet.text, span });
        }
        found.extend(own);
    }
    authored
}

fn check(
    policy: &cedar_policy::Policy,
    name: &str,
    id: FileId,
    snippet: Snippet<'_>,
    found: &mut Diagnostics,
) {
    let place = |word: &str| {
        let (start, end) = snippet.word(word).unwrap_or((snippet.start, snippet.start + snippet.text.len()));
        Span::new(id, start, end)
    };
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
        found.push(
            Diagnostic::new(
                &rules::DUPLICATE_ID,
                place("@id"),
                format!("the id {} belongs to rules that pai makes", shown(name)),
            )
            .label("a reserved id")
            .help("choose an id that does not begin like one of ours"),
        );
    }
    if policy.effect() == Effect::Permit {
        found.push(
            Diagnostic::new(
                &rules::PERMIT,
                place("permit"),
                "a permit has no effect: manifests grant, policies can only narrow",
            )
            .label("grants nothing")
            .help(
                "write the opposite as `forbid … unless { … }`, or change the manifest that should grant it",
            ),
        );
        return;
    }
    match policy.to_pst() {
        Ok(tree) => {
            if let Some(operator) = arithmetic::find(&tree) {
                let (start, end) =
                    snippet.word(operator).unwrap_or((snippet.start, snippet.start + snippet.text.len()));
                found.push(
                    Diagnostic::new(
                        &rules::CAN_FAIL,
                        Span::new(id, start, end),
                        format!("`{operator}` can overflow, and a policy that fails refuses everything"),
                    )
                    .label("can overflow")
                    .help("compare without computing: `context.after` has the sums already"),
                );
                return;
            }
        }
        Err(error) => found.push(from_cedar(&rules::SYNTAX, &error, id, snippet)),
    }
    annotations::find(policy, id, snippet, found);
    validate(policy, name, id, snippet, found);
}

fn validate(
    policy: &cedar_policy::Policy,
    name: &str,
    id: FileId,
    snippet: Snippet<'_>,
    found: &mut Diagnostics,
) {
    // Parsed anew so that the places in findings count from the policy's own text, under its own name.
    let policy_id = cedar_policy::PolicyId::new(name);
    let named = cedar_policy::Policy::parse(Some(policy_id.clone()), snippet.text)
        .unwrap_or_else(|_| policy.new_id(policy_id));
    let (Ok(set), Some(validator)) = (PolicySet::from_policies([named]), validator()) else { return };
    let result = validator.validate(&set, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| from_cedar(&rules::INVALID, error, id, snippet));
    let errors = one_per_place(errors.collect());
    // A wrong name brings warnings about its consequences along.
    if !errors.is_empty() {
        found.extend(errors);
        return;
    }
    let warnings = result.validation_warnings().map(|warning| {
        let rule = match warning {
            ValidationWarning::ImpossiblePolicy(_) => &rules::NEVER,
            _ => &rules::SUSPICIOUS,
        };
        from_cedar(rule, warning, id, snippet)
    });
    found.extend(one_per_place(warnings.collect()));
}

/// Cedar says everything once for each sort of principal and action.
fn one_per_place(mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.sort_by(|a, b| (a.primary.span, &a.message).cmp(&(b.primary.span, &b.message)));
    findings.dedup_by_key(|finding| finding.primary.span);
    findings
}

/// Cedar's own words and label, at our place.
fn from_cedar(
    rule: &'static Rule,
    error: &dyn miette::Diagnostic,
    id: FileId,
    snippet: Snippet<'_>,
) -> Diagnostic {
    let mut labels = error.labels().into_iter().flatten();
    let label = labels.next();
    let whole = (snippet.start, snippet.start + snippet.text.len());
    let (start, end) = label.as_ref().map_or_else(
        || snippet.last_word().unwrap_or(whole),
        |label| (snippet.start + label.offset(), snippet.start + label.offset() + label.len()),
    );
    let end = end.min(whole.1);
    let start = start.min(end);
    let text = error.to_string();
    let message = without_policy(&text).trim_end_matches('.');
    let diagnostic = Diagnostic::new(rule, Span::new(id, start, end), message);
    let words = label.and_then(|label| label.label().map(ToOwned::to_owned));
    let diagnostic = match words {
        Some(words) => diagnostic.label(words),
        None => diagnostic.label("here"),
    };
    let help = error.help().map(|help| without_policy(&help.to_string()).to_owned());
    advice::own(diagnostic.maybe_help(help), snippet)
}

/// Cedar names the policy by its number, which the place says better.
fn without_policy(text: &str) -> &str {
    text.split_once("`, ")
        .filter(|(before, _)| before.starts_with("for policy `"))
        .map_or(text, |(_, rest)| rest)
}
