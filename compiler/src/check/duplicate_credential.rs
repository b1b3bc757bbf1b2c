//! Two credentials with one public id.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::credential::Credential;
use crate::manifest::{Resource, Spec};
use crate::source::Span;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0324",
    name: "duplicate-credential",
    title: "two credentials have one id",
    severity: Severity::Error,
    explanation: "A credential's `id` is the public part of a token, by which the gateway knows whose it is. With one id twice it \
                  could not tell two principals apart, and it refuses to load such a bundle. This happens when a manifest is copied \
                  with its credentials: make a new one for the copy.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], credentials: [{id: aaaaaaaaaaaa, digest: 'hmac-sha256:00000001:0000000000000000000000000000000000000000000000000000000000000001'}]}\n---\n\
            apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: bob}\nspec: {providers: [a], credentials: [{id: aaaaaaaaaaaa, digest: 'hmac-sha256:00000001:0000000000000000000000000000000000000000000000000000000000000001'}]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], credentials: [{id: aaaaaaaaaaaa, digest: 'hmac-sha256:00000001:0000000000000000000000000000000000000000000000000000000000000001'}]}\n---\n\
             apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: bob}\nspec: {providers: [a], credentials: [{id: bbbbbbbbbbbb, digest: 'hmac-sha256:00000001:0000000000000000000000000000000000000000000000000000000000000002'}]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    let mut places: Vec<(Span, &str)> = Vec::new();
    for agent in graph.agents.values() {
        places.extend(ids(agent, &agent.spec.credentials));
    }
    for key in graph.access_keys.values() {
        places.extend(ids(key, &key.spec.credentials));
    }
    places.sort();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for (span, id) in places {
        match seen.get(id) {
            Some(first) => found.push(
                Diagnostic::new(&RULE, span, format!("credential id `{id}` is used twice"))
                    .label("again here")
                    .also(*first, "first here")
                    .help("make a new credential for one of them"),
            ),
            None => {
                seen.insert(id, span);
            }
        }
    }
}

fn ids<'a, S: Spec>(
    of: &'a Resource<S>,
    credentials: &'a [Credential],
) -> impl Iterator<Item = (Span, &'a str)> {
    let place = |at| of.at(&format!("/spec/credentials/{at}/id"));
    credentials.iter().enumerate().map(move |(at, credential)| (place(at), credential.id.as_str()))
}
