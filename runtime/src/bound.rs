//! The most tokens a request can use, known before it is sent. Not an estimate: the ledger holds this much, and an
//! answer above it is an alarm.
//!
//! A token of text is at least one byte of it, so the body's bytes bound its text; JSON's own quotes and braces
//! more than pay for the marks a provider puts around each message. What is not text has a constant below.

use pai_bundle::catalogue;
use pai_bundle::provider::ModelFacts;
use pai_bundle::unit::Tokens;

use crate::protocol::anthropic::request::Input;
use crate::tariff::Most;

/// Most tokens of one image: Anthropic scales images down to about 1.15 megapixels and counts width x height / 750,
/// some 1,600; newer models read up to 2,576 pixels a side, some 4,784.
const TOKENS_PER_IMAGE: u64 = 5_000;

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

/// Bounds a request to one model.
pub(crate) fn of(input: &Input, max_tokens: Option<u64>, model: &ModelFacts) -> Bound {
    let output = Tokens(max_tokens.unwrap_or(model.output_tokens));
    if let Some(what) = input.server_tool.clone() {
        let context = model.context_tokens.unwrap_or(catalogue::UNKNOWN_CONTEXT_TOKENS);
        return Bound::Unbounded { what, one_call: Most { input: Tokens(context), output } };
    }
    Bound::Within(Most { input: Tokens(input_bound(input, model)), output })
}

/// As a provider counted the input itself.
pub(crate) fn counted(input_tokens: u64, output: Tokens) -> Most {
    let margin = (input_tokens.saturating_mul(COUNT_MARGIN_PERCENT) / 100).max(COUNT_MARGIN_TOKENS);
    Most { input: Tokens(input_tokens.saturating_add(margin)), output }
}

fn input_bound(input: &Input, model: &ModelFacts) -> u64 {
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
        .saturating_add(input.images.saturating_mul(TOKENS_PER_IMAGE))
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

    #[test]
    fn text_is_bounded_by_its_bytes_and_output_by_max_tokens() {
        assert_eq!(tokens(&of(&text(1_000), Some(50), &unknown())), 1_000 + TOKENS_FOR_FRAME + 50);
    }

    #[test]
    fn an_input_never_exceeds_the_models_window() {
        assert_eq!(tokens(&of(&text(900_000), Some(50), &haiku())), 200_000 + 50);
        let document = Input { unsized_parts: Some("a document"), ..text(10) };
        assert_eq!(tokens(&of(&document, Some(50), &haiku())), 200_000 + 50);
    }

    #[test]
    fn without_max_tokens_the_models_maximum_is_held() {
        assert_eq!(tokens(&of(&text(0), None, &haiku())), TOKENS_FOR_FRAME + 64_000);
        let most = TOKENS_FOR_FRAME + catalogue::UNKNOWN_OUTPUT_TOKENS;
        assert_eq!(tokens(&of(&text(0), None, &unknown())), most);
    }

    #[test]
    fn a_count_has_a_margin() {
        assert_eq!(counted(10, Tokens(5)), Most { input: Tokens(110), output: Tokens(5) });
        assert_eq!(counted(100_000, Tokens(5)).input, Tokens(105_000));
        assert_eq!(counted(u64::MAX, Tokens::MAX).total(), Tokens::MAX);
    }

    #[test]
    fn no_max_tokens_wraps_around() {
        assert_eq!(tokens(&of(&text(u64::MAX), Some(u64::MAX), &unknown())), u64::MAX);
    }

    #[test]
    fn tools_that_the_provider_runs_have_no_bound() {
        let search = Input { server_tool: Some("x".into()), ..text(1) };
        assert!(matches!(of(&search, Some(1), &unknown()), Bound::Unbounded { .. }));
    }
}
