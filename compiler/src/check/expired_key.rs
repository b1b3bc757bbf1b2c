//! Access keys and credentials whose time is over.

use pai_bundle::unit::UnixSeconds;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::credential::Credential;
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0318",
    name: "expired-key",
    title: "the access key has expired",
    severity: Severity::Warning,
    explanation: "From the day or time in `expires` on, the gateway refuses the key. A key that has expired can be removed, or given \
                  a later day. A principal whose every credential has expired can identify itself to nobody; one old credential \
                  beside a new one is how rotation ends, and is not reported. This is a warning, because a workspace that was right \
                  yesterday must still build today.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], expires: 2020-01-31}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], expires: 2099-01-31}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    let Some(now) = graph.surroundings.now else { return };
    for key in graph.access_keys.values() {
        if key.spec.expires.is_some_and(|expires| expires.0 <= now) {
            let message = format!("access key `{}` has expired", key.name.name);
            found.push(
                Diagnostic::new(&RULE, key.at("/spec/expires"), message)
                    .label("this time is over")
                    .help("remove the key, or give it a later day"),
            );
        } else {
            credentials(key, &key.spec.credentials, now, found);
        }
    }
    for agent in graph.agents.values() {
        credentials(agent, &agent.spec.credentials, now, found);
    }
}

fn credentials<S: Spec>(of: &Resource<S>, all: &[Credential], now: UnixSeconds, found: &mut Diagnostics) {
    let over = |credential: &Credential| credential.expires.is_some_and(|expires| expires.0 <= now);
    if all.is_empty() || !all.iter().all(over) {
        return;
    }
    let message = format!("every credential of {} `{}` has expired", S::NAME, of.name.name);
    let mut diagnostic = Diagnostic::new(&RULE, of.at("/spec/credentials"), message)
        .label("none of these is accepted any more")
        .help("make a new one, or remove the manifest");
    for at in 0..all.len() {
        diagnostic = diagnostic.also(of.at(&format!("/spec/credentials/{at}/expires")), "this time is over");
    }
    found.push(diagnostic);
}

#[cfg(test)]
mod tests {
    use pai_bundle::unit::UnixSeconds;

    use crate::{Sources, Surroundings, check_within};

    fn at(now: Option<i64>, fields: &str) -> Vec<&'static str> {
        let text = format!(
            "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: alice}}\nspec: {{providers: [a]{fields}}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, endpoint: 'http://a/v1', externalAccess: {{enabled: true}}}}\n"
        );
        let surroundings = Surroundings { now: now.map(UnixSeconds), ..Surroundings::default() };
        let found = check_within(&Sources::new([("a.yaml", text)]), &surroundings);
        found.iter().map(crate::Diagnostic::code).collect()
    }

    fn credential(id: char, expires: &str) -> String {
        format!("{{id: {}, digest: 'hmac-sha256:{:0>8}:{:0>64}'{expires}}}", id.to_string().repeat(12), 1, 2)
    }

    /// 2026-11-23T00:00:00Z.
    const DAY: i64 = 1_795_392_000;

    #[test]
    fn a_key_expires_at_the_start_of_its_day() {
        let fields = ", expires: 2026-11-23";
        assert_eq!(at(Some(DAY - 1), fields), [] as [&str; 0]);
        assert_eq!(at(Some(DAY), fields), ["PAI0318"]);
        assert_eq!(at(None, fields), [] as [&str; 0], "without a time nothing is said");
    }

    #[test]
    fn one_credential_that_is_accepted_is_enough() {
        let old = credential('a', ", expires: 2026-11-22");
        let new = credential('b', "");
        assert_eq!(at(Some(DAY), &format!(", credentials: [{old}, {new}]")), [] as [&str; 0]);
        assert_eq!(at(Some(DAY), &format!(", credentials: [{old}]")), ["PAI0318"]);
        assert_eq!(at(Some(DAY), &format!(", expires: 2026-11-01, credentials: [{old}]")), ["PAI0318"]);
    }
}
