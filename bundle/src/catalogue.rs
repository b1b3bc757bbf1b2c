//! What is known of native models without asking anybody: ids, context windows, output maxima. Data of
//! November 2026 from the providers' model pages; a model that is missing here is allowed all the same.

use crate::provider::ProviderKind;

/// One known model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    /// The provider kind that serves it natively.
    pub kind: ProviderKind,
    /// The provider's id; dated forms (`claude-haiku-4-5-20251001`) start with it.
    pub id: &'static str,
    /// Name for people, as Anthropic's model list shows it.
    pub display_name: &'static str,
    /// The most tokens a request may bring in. An accepted request never has more, whatever its bytes say.
    pub context_tokens: u64,
    /// The most tokens an answer may have.
    pub output_tokens: u64,
}

/// Every known model, in the order in which lists show them.
pub const MODELS: &[KnownModel] = &[
    // 1,000,000 tokens with the context-1m beta, which a caller may switch on by header; so the bound is that.
    known(ProviderKind::Anthropic, "claude-sonnet-4-6", "Claude Sonnet 4.6", 1_000_000, 64_000),
    known(ProviderKind::Anthropic, "claude-haiku-4-5", "Claude Haiku 4.5", 200_000, 64_000),
    known(ProviderKind::Anthropic, "claude-opus-4-6", "Claude Opus 4.6", 1_000_000, 128_000),
    known(ProviderKind::OpenAi, "gpt-4o", "GPT-4o", 128_000, 16_384),
    known(ProviderKind::OpenAi, "gpt-4o-mini", "GPT-4o mini", 128_000, 16_384),
    known(ProviderKind::OpenAi, "o1", "o1", 200_000, 100_000),
    known(ProviderKind::OpenAi, "o3-mini", "o3-mini", 200_000, 100_000),
    known(ProviderKind::Gemini, "gemini-2.5-pro", "Gemini 2.5 Pro", 1_048_576, 65_536),
    known(ProviderKind::Gemini, "gemini-2.5-flash", "Gemini 2.5 Flash", 1_048_576, 65_536),
    known(ProviderKind::Gemini, "gemini-2.0-flash", "Gemini 2.0 Flash", 1_048_576, 8_192),
];

const fn known(
    kind: ProviderKind,
    id: &'static str,
    display_name: &'static str,
    context_tokens: u64,
    output_tokens: u64,
) -> KnownModel {
    KnownModel { kind, id, display_name, context_tokens, output_tokens }
}

/// The known model that `id` is, or is a dated form of.
pub fn find(id: &str) -> Option<&'static KnownModel> {
    MODELS
        .iter()
        .filter(|known| id.strip_prefix(known.id).is_some_and(is_date_suffix))
        .max_by_key(|known| known.id.len())
}

/// Empty, or a release date as providers append it: `-20251001`, `-2024-08-06`, `@20251001`.
fn is_date_suffix(rest: &str) -> bool {
    rest.is_empty()
        || rest
            .strip_prefix(['-', '@'])
            .is_some_and(|date| date.len() >= 8 && date.chars().all(|c| c.is_ascii_digit() || c == '-'))
}

/// The known models of a kind.
pub fn of_kind(kind: ProviderKind) -> impl Iterator<Item = &'static KnownModel> {
    MODELS.iter().filter(move |known| known.kind == kind)
}

/// By what a bare model id starts with, the kind whose catalogue it belongs to.
pub fn kind_of_bare_id(id: &str) -> Option<ProviderKind> {
    const PREFIXES: &[(&str, ProviderKind)] = &[
        ("claude-", ProviderKind::Anthropic),
        ("gpt-", ProviderKind::OpenAi),
        ("o1", ProviderKind::OpenAi),
        ("o3-", ProviderKind::OpenAi),
        ("text-embedding-", ProviderKind::OpenAi),
        ("gemini-", ProviderKind::Gemini),
    ];
    PREFIXES.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_id_is_its_model() {
        assert_eq!(find("claude-haiku-4-5-20251001").map(|m| m.id), Some("claude-haiku-4-5"));
        assert_eq!(find("gpt-4o-mini").map(|m| m.id), Some("gpt-4o-mini"));
        assert_eq!(find("gpt-4o-2024-08-06").map(|m| m.id), Some("gpt-4o"));
        assert_eq!(find("gpt-4o-audio"), None);
    }
}
