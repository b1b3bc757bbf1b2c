//! The documentation of one kind of finding; `crate::check::RULES` is the table of all of them.

use super::Severity;
use crate::check::Check;

/// One kind of finding, as `pai explain CODE` and the reference show it.
#[derive(Debug)]
pub struct Rule {
    /// Stable code: PAI01 YAML, PAI02 schema, PAI03 links and meaning, PAI04 authors' Cedar, PAI05 comments,
    /// PAI06 policy tests.
    pub code: &'static str,
    /// A name for people, which never changes either: `unknown-provider`.
    pub name: &'static str,
    /// One line: what is wrong.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Why it matters and how to mend it.
    pub explanation: &'static str,
    /// An input that it finds: a manifest, or Cedar for PAI04 codes.
    pub fails: &'static str,
    /// The same input, mended.
    pub passes: &'static str,
    /// The function over the resource graph, for rules that are one; `None` for what reading itself finds.
    pub(crate) check: Option<Check>,
}

impl Rule {
    /// The name of a file that the examples can stand in.
    pub fn example_file(&self) -> &'static str {
        if self.code.starts_with("PAI06") {
            "example.test.yaml"
        } else if self.code.starts_with("PAI04") {
            "policies/example.cedar"
        } else {
            "example.yaml"
        }
    }

    /// Files that the examples are about, with their names.
    pub fn companions(&self) -> Option<(&'static str, &'static str)> {
        let is_about_manifests =
            self.code.starts_with("PAI06") || ["PAI0409", "PAI0410"].contains(&self.code);
        is_about_manifests.then_some(("manifests.yaml", TESTED))
    }
}

/// What the examples of policy tests, and of policies that name something, are about: one agent and its provider.
const TESTED: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: anthropic-key}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: reviewer}
spec: {models: [anthropic/claude-sonnet-4-6]}
";

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Rule {}
