//! Kinds of earlier versions, each with the form that replaced it.

/// What to write instead of an older kind.
pub(crate) fn new_form(kind: &str) -> Option<&'static str> {
    match kind {
        "ModelBinding" => Some(
            "a provider is now one ModelProvider for all its models:\n\
             kind: ModelProvider\n\
             spec:\n  provider: anthropic\n  apiKeySecretRef: {name: anthropic-key}\n  allowedModels: [claude-sonnet-4-6]",
        ),
        "AgentWorkload" => Some(
            "a workload is now an Agent that lists its models:\n\
             kind: Agent\n\
             spec:\n  models: [anthropic/claude-sonnet-4-6]",
        ),
        _ => None,
    }
}
