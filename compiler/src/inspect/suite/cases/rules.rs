//! What can be wrong with a file of cases that its schema does not see: the PAI06 rules.

use crate::diagnostic::{Rule, Severity};

/// Every rule about cases.
pub(crate) static RULES: &[&Rule] = &[&WRONG_CASE, &UNKNOWN_SUBJECT, &MISPLACED];

pub(super) static WRONG_CASE: Rule = Rule {
    code: "PAI0601",
    name: "wrong-case",
    title: "a policy test does not say what it tests",
    severity: Severity::Error,
    explanation: "A case says who asks (`agent` or `key`), for which `model`, and what must become of it (`expect: allowed` or \
                  `expect: refused`). `by` goes with `refused`: it is what must refuse. `servedBy` goes with `allowed`: it is the \
                  model that must be asked. What cases have in common can stand in `defaults`, except names.",
    fails: "cases:\n  - name: reviewers use sonnet\n    agent: reviewer\n    model: claude-sonnet-4-6\n",
    passes: "cases:\n  - name: reviewers use sonnet\n    agent: reviewer\n    model: claude-sonnet-4-6\n    expect: allowed\n",
    check: None,
};

pub(super) static UNKNOWN_SUBJECT: Rule = Rule {
    code: "PAI0602",
    name: "unknown-subject",
    title: "a policy test is about nothing that is there",
    severity: Severity::Error,
    explanation: "A case names an agent, an access key or an account by the metadata.name of its manifest. The name of one that is \
                  not there would be refused whatever the manifests say, so a slip of the fingers would look like a rule that works.",
    fails: "cases:\n  - agent: reviewr\n    model: claude-sonnet-4-6\n    expect: refused\n",
    passes: "cases:\n  - agent: reviewer\n    model: claude-opus-4-1\n    expect: refused\n",
    check: None,
};

pub(super) static MISPLACED: Rule = Rule {
    code: "PAI0603",
    name: "misplaced-manifest",
    title: "a manifest stands in a file of policy tests",
    severity: Severity::Error,
    explanation: "Files that end with `.test.yaml` or `.test.yml` hold policy tests, and nothing in them becomes part of a bundle. \
                  Move the manifest to a file with another name.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [anthropic/claude-sonnet-4-6]}\n",
    passes: "cases:\n  - agent: reviewer\n    model: claude-opus-4-1\n    expect: refused\n",
    check: None,
};
