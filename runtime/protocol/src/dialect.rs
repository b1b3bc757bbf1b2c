//! The dialects that requests and answers are written in, and which one a provider is spoken to in.

use pai_bundle::provider::{Provider, ProviderKind, ResponsesApi};

/// What a request and its answer are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's completions of old, which vLLM still serves.
    Completions,
    /// OpenAI's embeddings.
    Embeddings,
    /// Google's `generateContent`. Providers speak it; no client of the gateway does.
    Gemini,
}

/// Whose form errors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"error":{"code","message","status"}}`
    Google,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] =
        [Self::Messages, Self::Chat, Self::Responses, Self::Completions, Self::Embeddings, Self::Gemini];

    /// Whose errors it has.
    pub const fn family(self) -> Family {
        match self {
            Self::Messages => Family::Anthropic,
            Self::Chat | Self::Responses | Self::Completions | Self::Embeddings => Family::OpenAi,
            Self::Gemini => Family::Google,
        }
    }

    /// In which dialect a provider is asked what a client asks in this one; `None` where it has nothing of the kind.
    ///
    /// The same one wherever the provider speaks it, since then the bytes stay as they are. Gemini is asked in its own
    /// and not in the one that is compatible with OpenAI's: there, thinking is left out of the output that it counts
    /// and cached input is not told apart, so budgets would be wrong.
    pub fn spoken_by(self, provider: &Provider) -> Option<Self> {
        let kind = provider.kind;
        match self {
            Self::Messages | Self::Chat => Some(match kind {
                ProviderKind::Anthropic => Self::Messages,
                ProviderKind::Gemini => Self::Gemini,
                ProviderKind::OpenAi
                | ProviderKind::OpenRouter
                | ProviderKind::AzureOpenAi
                | ProviderKind::Vllm => Self::Chat,
            }),
            Self::Responses => Some(match kind {
                ProviderKind::Anthropic => Self::Messages,
                ProviderKind::Gemini => Self::Gemini,
                _ if provider.responses == ResponsesApi::Native => Self::Responses,
                ProviderKind::OpenAi
                | ProviderKind::OpenRouter
                | ProviderKind::AzureOpenAi
                | ProviderKind::Vllm => Self::Chat,
            }),
            Self::Embeddings => (kind != ProviderKind::Anthropic).then_some(self),
            Self::Completions => {
                (!matches!(kind, ProviderKind::Anthropic | ProviderKind::Gemini)).then_some(self)
            }
            Self::Gemini => None,
        }
    }
}
