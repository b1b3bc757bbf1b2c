//! Secrets that stand in a manifest, comments included.

use crate::diagnostic::{Diagnostic, Rule, Severity, mask};
use crate::source::chunk::Chunk;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0305",
    name: "literal-secret",
    title: "a secret stands in the manifest",
    severity: Severity::Error,
    explanation: "Manifests are read by many and kept in git for ever. Store an API key with `pai add secret` and name it in \
                  `apiKeySecretRef`; of access keys and agent tokens, manifests hold digests. A secret that was ever committed \
                  should be revoked at its issuer. Its value is never printed, here or elsewhere.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiKeySecretRef: {name: a, key: sk-ant-api03-0123456789}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiKeySecretRef: {name: a, key: api-key}}\n",
    check: None,
};

/// The secrets in a chunk of a manifest's file.
pub(crate) fn find(chunk: Chunk<'_>) -> Vec<Diagnostic> {
    find_in(chunk, "manifest")
}

/// The secrets in a chunk of some file: a comment in a policy is in git as well.
pub(crate) fn find_in(chunk: Chunk<'_>, place: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(secret) = mask::find(chunk.text, from) {
        from = secret.end;
        let (what, help) = match secret.prefix {
            "pak_" => (
                "an access key",
                "keep its digest only: `pai access-key create` prints the lines for `credentials`",
            ),
            "pai_agt_" => (
                "an agent token",
                "keep its digest only: `pai agent token create` prints the lines for `credentials`",
            ),
            "pai_tok_" => ("a token of the admin API", "keep it out of manifests altogether"),
            _ => (
                "an API key",
                "store it with `pai add secret NAME --from-literal api-key=…` and name it in `apiKeySecretRef`",
            ),
        };
        found.push(
            Diagnostic::new(
                &RULE,
                chunk.span(secret.start, secret.end),
                format!("{what} stands in the {place}"),
            )
            .label("revoke it: whoever reads this file has it")
            .help(help),
        );
    }
    found
}
