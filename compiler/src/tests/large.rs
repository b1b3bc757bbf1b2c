//! A large workspace compiles whole.

use crate::{Sources, compile};

/// A thousand manifests in files of their own: fifty providers, nine hundred agents, fifty keys.
fn workspace() -> Sources {
    let providers = (0..50).map(|n| {
        let text = format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: p{n}}}\nspec:\n  provider: anthropic\n  \
             apiKeySecretRef: {{name: key}}\n  maxTokensPerDay: 5_000_000\n  maxTokensPerRequest: 200000\n  \
             allowedModels: [claude-*]\n  deniedModels: [\"*-opus-*\"]\n  externalAccess: {{enabled: true, maxTokensPerDay: 1000}}\n"
        );
        (format!("providers/p{n}.yaml"), text)
    });
    let agents = (0..900).map(|n| {
        let text = format!(
            "apiVersion: pai.io/v1\nkind: Agent\nmetadata:\n  name: a{n}\n  labels: {{team: blue}}\nspec:\n  models:\n    \
             - p{}/claude-sonnet-4-6\n    - p{}/claude-haiku-4-5\n  tokens: {{maxPerDay: 100000, maxPerRequest: 5000}}\n  \
             rateLimits: {{maxRequestsPerMinute: 60}}\n  env: [{{name: A, value: b}}, {{name: C, value: d}}]\n",
            n % 50,
            (n + 1) % 50
        );
        (format!("agents/a{n}.yaml"), text)
    });
    let keys = (0..50).map(|n| {
        let text = format!(
            "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: k{n}}}\nspec:\n  providers: [p{n}]\n  \
             allowedCidrs: [10.0.0.0/8]\n  expires: 2027-01-31\n"
        );
        (format!("keys/k{n}.yaml"), text)
    });
    Sources::new(providers.chain(agents).chain(keys))
}

#[test]
fn a_thousand_manifests_compile() {
    let compiled = compile(&workspace());
    assert!(compiled.diagnostics.is_empty());
    let bundle = compiled.bundle.unwrap();
    assert_eq!((bundle.providers.len(), bundle.agents.len(), bundle.access_keys.len()), (50, 900, 50));
}
