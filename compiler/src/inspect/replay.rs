//! A question as the command line that asks it.

use pai_bundle::name::DEFAULT_NAMESPACE;
use pai_policies::Action;

use super::diff::moment;
use super::found;
use super::question::{Question, Who};
use super::suite::cases;

/// What `pai explain` takes to ask the same; `--in` is left to say of what.
pub(super) fn arguments(question: &Question) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut put = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    let name = question.who.name();
    match question.who {
        Who::Agent(_) => put("agent", name.name.to_string()),
        Who::AccessKey(_) => put("key", name.name.to_string()),
    }
    put("model", question.model.clone());
    put("tokens", question.tokens.to_string());
    match question.action {
        Action::Invoke => {}
        Action::Embed => put("action", "embed".to_owned()),
        Action::CountTokens => put("action", "count-tokens".to_owned()),
        Action::List => put("action", "list".to_owned()),
    }
    put("address", question.address.to_string());
    put("at", moment::written(question.at));
    for ((scope, account), tokens) in &question.used.0 {
        put("used", format!("{}/{}={tokens}", cases::word(*scope), account.name));
    }
    for ((scope, account), spent) in &question.spent.0 {
        put("spent", format!("{}/{}={spent}", cases::word(*scope), account.name));
    }
    for (name, value) in found::arguments(&question.guard, &name.namespace) {
        words.push(format!("--{name}"));
        words.extend(value);
    }
    let mut put = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    if name.namespace.as_str() != DEFAULT_NAMESPACE {
        put("namespace", name.namespace.to_string());
    }
    words
}

/// The command line, with `--in` for a bundle, a workspace or a revision.
pub(super) fn command(arguments: &[String], of: &str) -> String {
    let words = arguments.iter().map(String::as_str).chain(["--in", of]);
    let words: Vec<String> = words.map(quoted).collect();
    format!("pai explain {}", words.join(" "))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@~+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
