//! Mistakes that people make, and the first line of what they are told.

use crate::diagnostic::render::short;
use crate::{Sources, compile};

const PROVIDER: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: anthropic
spec:
  provider: anthropic
  apiKeySecretRef: {name: anthropic-key}
";
const AGENT: &str = "\
---
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: coder
spec:
  models:
    - anthropic/claude-sonnet-4-6
";
const KEY: &str = "\
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: alice}
spec:
  providers: [anthropic]
";

/// What is printed for a file, a finding a line.
fn said(text: &str) -> Vec<String> {
    let sources = Sources::new([("a.yaml", text)]);
    short(&compile(&sources).diagnostics, &sources).lines().map(ToOwned::to_owned).collect()
}

#[track_caller]
fn provider(from: &str, to: &str, expected: &[&str]) {
    let text = if from.is_empty() { format!("{PROVIDER}{to}") } else { PROVIDER.replace(from, to) };
    assert_ne!(text, PROVIDER);
    assert_eq!(said(&text), expected, "{text}");
}

#[track_caller]
fn all(from: &str, to: &str, expected: &[&str]) {
    let text = format!("{PROVIDER}{AGENT}");
    let changed = if from.is_empty() { format!("{text}{to}") } else { text.replace(from, to) };
    assert_ne!(changed, text);
    assert_eq!(said(&changed), expected, "{changed}");
}

#[track_caller]
fn key(more: &str, expected: &[&str]) {
    let open = "  externalAccess: {enabled: true}\n";
    let text = format!("{PROVIDER}{open}{KEY}{more}");
    assert_eq!(said(&text), expected, "{text}");
}

#[test]
fn yaml_is_read_strictly() {
    provider(
        "name: anthropic\n",
        "name: anthropic\n  name: b\n",
        &["a.yaml:5:3: error[PAI0102]: key `name` is there twice"],
    );
    provider(
        "",
        "  maxTokensPerDay: 0777\n",
        &["a.yaml:8:20: error[PAI0107]: YAML readers do not agree on `0777`"],
    );
    provider(
        "",
        "  externalAccess: {enabled: yes}\n",
        &["a.yaml:8:29: error[PAI0107]: YAML readers do not agree on `yes`"],
    );
    provider(
        "provider: anthropic",
        "<<: {provider: anthropic}",
        &["a.yaml:6:3: error[PAI0104]: merge keys are not read"],
    );
}

#[test]
fn fields_are_checked_by_the_schema() {
    provider(
        "",
        "  maxTokenPerDay: 5\n",
        &["a.yaml:8:3: error[PAI0205]: `spec` has no field `maxTokenPerDay`"],
    );
    provider(
        "",
        "  maxTokensPerDay: 5 million\n",
        &["a.yaml:8:20: error[PAI0207]: `spec.maxTokensPerDay` must be an integer, not text"],
    );
    provider(
        "",
        "  maxTokensPerDay:\n",
        &["a.yaml:8:3: error[PAI0207]: `spec.maxTokensPerDay` has no value"],
    );
    provider(
        "",
        "  maxTokensPerDay: 0\n",
        &["a.yaml:8:20: error[PAI0210]: `spec.maxTokensPerDay` must be at least 1"],
    );
    provider(
        "",
        "  endpoint: api.anthropic.com\n",
        &["a.yaml:8:13: error[PAI0209]: `spec.endpoint` cannot be `api.anthropic.com`"],
    );
    provider(
        "",
        "  apiVersion: '2024-10-21'\n",
        &["a.yaml:8:3: error[PAI0211]: `spec.apiVersion` has no effect here"],
    );
    provider(
        "",
        "  retry: {maxAttempts: 20}\n",
        &["a.yaml:8:24: error[PAI0210]: `spec.retry.maxAttempts` must be at most 10"],
    );
    provider(
        "",
        "  allowedModels: claude-*\n",
        &["a.yaml:8:18: error[PAI0207]: `spec.allowedModels` must be a list, not text"],
    );
    provider(
        "provider: anthropic",
        "provider: antropic",
        &["a.yaml:6:13: error[PAI0208]: `spec.provider` cannot be `antropic`"],
    );
    provider(
        "  apiKeySecretRef: {name: anthropic-key}\n",
        "",
        &["a.yaml:5:1: error[PAI0206]: `spec` lacks the field `apiKeySecretRef`"],
    );
    provider(
        "name: anthropic\n",
        "name: Anthropic\n",
        &["a.yaml:4:9: error[PAI0209]: `metadata.name` cannot be `Anthropic`"],
    );
    provider(
        "kind: ModelProvider",
        "kind: ModelProvidr",
        &["a.yaml:2:7: error[PAI0201]: kind `ModelProvidr` is not known"],
    );
    provider(
        "pai.io/v1",
        "pai.io/v1beta1",
        &["a.yaml:1:13: error[PAI0203]: apiVersion `pai.io/v1beta1` is not known"],
    );
    provider(
        "apiVersion: pai.io/v1\n",
        "",
        &["a.yaml:1:1: error[PAI0203]: the manifest has no `apiVersion`"],
    );
}

#[test]
fn fields_of_agents_and_keys_are_checked_by_the_schema() {
    all("", "  runAsUser: 0\n", &["a.yaml:16:14: error[PAI0210]: `spec.runAsUser` must be at least 1"]);
    all(
        "",
        "  longRunning: true\n  harness: custom\n  image: a\n  triggers: []\n",
        &["a.yaml:19:3: error[PAI0211]: `spec.triggers` has no effect here"],
    );
    all(
        "",
        "  env: [{name: A}, {name: B, value: b, secretRef: {name: s}}]\n",
        &[
            "a.yaml:16:9: error[PAI0210]: `spec.env[0]` needs 2 fields",
            "a.yaml:16:20: error[PAI0210]: `spec.env[1]` may have at most 2 fields",
        ],
    );
    provider(
        "",
        "  externalAccess: {enabled: false, maxTokensPerDay: 5}\n",
        &["a.yaml:8:36: error[PAI0211]: `spec.externalAccess.maxTokensPerDay` has no effect here"],
    );
    all(
        "kind: ModelProvider",
        "kind: Provider",
        &["a.yaml:2:7: error[PAI0201]: kind `Provider` is not known"],
    );
    all(
        "- anthropic/",
        "- ",
        &["a.yaml:15:7: error[PAI0209]: `spec.models[0]` cannot be `claude-sonnet-4-6`"],
    );
    key(
        "  allowedCidrs: [10.0.0.1]\n",
        &["a.yaml:15:18: error[PAI0209]: `spec.allowedCidrs[0]` cannot be `10.0.0.1`"],
    );
    key("  expires: tomorrow\n", &["a.yaml:15:12: error[PAI0209]: `spec.expires` cannot be `tomorrow`"]);
    key(
        "  credentials: [{id: abc, digest: x}]\n",
        &[
            "a.yaml:15:22: error[PAI0209]: `spec.credentials[0].id` cannot be `abc`",
            "a.yaml:15:35: error[PAI0209]: `spec.credentials[0].digest` cannot be `x`",
        ],
    );
}

#[test]
fn references_are_followed_across_documents() {
    all(
        "- anthropic/",
        "- antropic/",
        &["a.yaml:15:7: error[PAI0301]: there is no provider `antropic` in namespace `default`"],
    );
    all(
        "name: anthropic\n",
        "name: claude\n",
        &["a.yaml:15:7: error[PAI0301]: there is no provider `anthropic` in namespace `default`"],
    );
    all(
        "name: coder",
        "namespace: team\n  name: coder",
        &["a.yaml:16:7: error[PAI0301]: there is no provider `anthropic` in namespace `team`"],
    );
    all(
        "---",
        "  deniedModels: [claude-sonnet-*]\n---",
        &["a.yaml:16:7: error[PAI0304]: provider `anthropic` denies model `claude-sonnet-4-6`"],
    );
    all(
        "sonnet-4-6",
        "sonnet-4-7",
        &["a.yaml:15:7: warning[PAI0311]: `claude-sonnet-4-7` is not a known model of kind `anthropic`"],
    );
    all(
        "---",
        "  guards: [{binding: g, scan: {prompts: true}}]\n---",
        &["a.yaml:8:22: error[PAI0303]: there is no guard binding `g` in namespace `default`"],
    );
    all(
        "---",
        "  fallbacks: [anthropic/claude-haiku-4-5]\n---",
        &["a.yaml:8:15: error[PAI0306]: provider `anthropic` falls back to itself"],
    );
    all("---\n", "---\n---\n", &[] as &[&str]);
    let closed = format!("{PROVIDER}{KEY}");
    assert_eq!(
        said(&closed),
        [
            "a.yaml:13:3: error[PAI0308]: access key `alice` opens nothing: none of its providers allows external access",
        ]
    );
}

#[test]
fn the_seed_pages_own_forms_pass() {
    let seed = PROVIDER.replace(
        "  apiKeySecretRef",
        "  maxTokensPerDay: 5_000_000\n  maxTokensPerRequest: 200_000\n  apiKeySecretRef",
    );
    assert_eq!(said(&format!("{seed}{AGENT}")), [] as [&str; 0]);
    let two = format!("{PROVIDER}{AGENT}    - anthropic/claude-haiku-4-5\n");
    assert_eq!(said(&two), [] as [&str; 0]);
}
