//! The most tokens a request can use, known before it is sent. Not an estimate: the ledger holds this much, and an
//! answer above it is an alarm.
//!
//! A token of text is at least one byte of it, so the body's bytes bound its text; JSON's own quotes and braces
//! more than pay for the marks a provider puts around each message. What is not text has a constant below.

use pai_bundle::catalogue;
use pai_bundle::provider::{ModelFacts, ProviderKind};
use pai_bundle::unit::Tokens;
use pai_protocol::Input;

use crate::tariff::Most;

/// Most tokens of one image, by who counts them.
///
/// Anthropic scales images down to about 1.15 megapixels and counts width x height / 750, some 1,600; newer models read
/// up to 2,576 pixels a side, some 4,784. OpenAI scales to at most eight tiles of 512 pixels; the dearest model per tile
/// (GPT-4o mini) counts 2,833 and 5,667 for each, 48,169
/// (<https://platform.openai.com/docs/guides/images-vision>). Servers that are compatible with OpenAI's API may count
/// anything; what they read at most is 16,384 for the largest tilings in use. Google cuts an image into tiles of 258
/// tokens whose number grows with its proportions: 20 to 1 are 60 tiles, 15,480
/// (<https://ai.google.dev/gemini-api/docs/image-understanding>); a narrower strip is beyond this bound.
fn tokens_per_image(kind: ProviderKind) -> u64 {
    match kind {
        ProviderKind::Anthropic => 5_000,
        ProviderKind::OpenAi | ProviderKind::AzureOpenAi | ProviderKind::OpenRouter | ProviderKind::Vllm => {
            48_200
        }
        ProviderKind::Gemini => 15_500,
    }
}

/// Most tokens that a provider adds of its own when tools are given: its tool-use prompt is 264 to 530 tokens, that
/// of the largest client tool (computer use) some 735.
const TOKENS_FOR_TOOLS: u64 = 1_500;

/// And for each client tool, should it have a built-in description.
const TOKENS_PER_CLIENT_TOOL: u64 = 700;

/// Marks around the whole conversation, thinking and formatting instructions.
const TOKENS_FOR_FRAME: u64 = 200;

/// What a provider's own count may be short of: Anthropic calls it an estimate that can differ by a small amount
/// (<https://platform.claude.com/docs/en/build-with-claude/token-counting>).
const COUNT_MARGIN_PERCENT: u64 = 5;
/// The same for short prompts.
const COUNT_MARGIN_TOKENS: u64 = 100;

/// The bound, or what makes it impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At most this many.
    Within(Most),
    /// A part of it can use any number.
    Unbounded {
        /// Which.
        what: String,
        /// The most of one call to the model, were there only one: what is held where it is let through.
        one_call: Most,
    },
}

/// What is asked for of the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// The most tokens of one answer, where the request says.
    pub(crate) most: Option<u64>,
    /// How many answers.
    pub(crate) choices: u64,
}

impl Output {
    /// No answer at all.
    pub(crate) fn none() -> Self {
        Self { most: Some(0), choices: 1 }
    }
}

/// Bounds a request to one model.
pub(crate) fn of(input: &Input, kind: ProviderKind, output: Output, model: &ModelFacts) -> Bound {
    let each = output.most.unwrap_or(model.output_tokens);
    let output = Tokens(each.saturating_mul(output.choices));
    if let Some(what) = input.unbounded.clone() {
        let context = model.context_tokens.unwrap_or(catalogue::UNKNOWN_CONTEXT_TOKENS);
        return Bound::Unbounded { what, one_call: Most { input: Tokens(context), output } };
    }
    Bound::Within(Most { input: Tokens(input_bound(input, kind, model)), output })
}

/// As a provider counted the input itself.
pub(crate) fn counted(input_tokens: u64, output: Tokens) -> Most {
    let margin = (input_tokens.saturating_mul(COUNT_MARGIN_PERCENT) / 100).max(COUNT_MARGIN_TOKENS);
    Most { input: Tokens(input_tokens.saturating_add(margin)), output }
}

fn input_bound(input: &Input, kind: ProviderKind, model: &ModelFacts) -> u64 {
    if input.unsized_parts.is_some() {
        // An accepted request fits the model's window, whatever is behind its references.
        return model.context_tokens.unwrap_or(catalogue::UNKNOWN_CONTEXT_TOKENS);
    }
    let tools = match input.client_tools {
        0 => 0,
        tools => tools.saturating_mul(TOKENS_PER_CLIENT_TOOL).saturating_add(TOKENS_FOR_TOOLS),
    };
    let parts = input
        .text_bytes
        .saturating_add(input.images.saturating_mul(tokens_per_image(kind)))
        .saturating_add(tools)
        .saturating_add(TOKENS_FOR_FRAME);
    model.context_tokens.map_or(parts, |context| parts.min(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: u64) -> Input {
        Input { text_bytes: bytes, ..Input::default() }
    }

    /// A model whose window is not known.
    fn unknown() -> ModelFacts {
        ModelFacts {
            context_tokens: None,
            output_tokens: catalogue::UNKNOWN_OUTPUT_TOKENS,
            price: catalogue::UNKNOWN_PRICE,
            is_priced: false,
        }
    }

    fn haiku() -> ModelFacts {
        ModelFacts { context_tokens: Some(200_000), output_tokens: 64_000, ..unknown() }
    }

    fn tokens(bound: &Bound) -> u64 {
        match bound {
            Bound::Within(most) => most.total().0,
            Bound::Unbounded { .. } => u64::MAX,
        }
    }

    fn bound(input: &Input, most: Option<u64>, model: &ModelFacts) -> Bound {
        of(input, ProviderKind::Anthropic, Output { most, choices: 1 }, model)
    }

    #[test]
    fn every_answer_that_is_asked_for_is_bounded() {
        let output = Output { most: Some(50), choices: 3 };
        let bound = of(&text(0), ProviderKind::OpenAi, output, &unknown());
        assert_eq!(tokens(&bound), TOKENS_FOR_FRAME + 150);
    }

    #[test]
    fn text_is_bounded_by_its_bytes_and_output_by_max_tokens() {
        assert_eq!(tokens(&bound(&text(1_000), Some(50), &unknown())), 1_000 + TOKENS_FOR_FRAME + 50);
    }

    #[test]
    fn an_input_never_exceeds_the_models_window() {
        assert_eq!(tokens(&bound(&text(900_000), Some(50), &haiku())), 200_000 + 50);
        let document = Input { unsized_parts: Some("a document"), ..text(10) };
        assert_eq!(tokens(&bound(&document, Some(50), &haiku())), 200_000 + 50);
    }

    #[test]
    fn without_max_tokens_the_models_maximum_is_held() {
        assert_eq!(tokens(&bound(&text(0), None, &haiku())), TOKENS_FOR_FRAME + 64_000);
        let most = TOKENS_FOR_FRAME + catalogue::UNKNOWN_OUTPUT_TOKENS;
        assert_eq!(tokens(&bound(&text(0), None, &unknown())), most);
    }

    #[test]
    fn a_count_has_a_margin() {
        assert_eq!(counted(10, Tokens(5)), Most { input: Tokens(110), output: Tokens(5) });
        assert_eq!(counted(100_000, Tokens(5)).input, Tokens(105_000));
        assert_eq!(counted(u64::MAX, Tokens::MAX).total(), Tokens::MAX);
    }

    #[test]
    fn no_max_tokens_wraps_around() {
        assert_eq!(tokens(&bound(&text(u64::MAX), Some(u64::MAX), &unknown())), u64::MAX);
    }

    #[test]
    fn tools_that_the_provider_runs_have_no_bound() {
        let search = Input { unbounded: Some("x".into()), ..text(1) };
        assert!(matches!(bound(&search, Some(1), &unknown()), Bound::Unbounded { .. }));
    }
}
