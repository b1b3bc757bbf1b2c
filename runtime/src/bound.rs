//! The most tokens a request can use, known before it is sent. Not an estimate: the ledger holds this much, and an
//! answer above it is an alarm.
//!
//! A token of text is at least one byte of it, so the body's bytes bound its text; JSON's own quotes and braces
//! more than pay for the marks a provider puts around each message. What is not text has a constant below.

use pai_bundle::catalogue::KnownModel;
use pai_bundle::unit::Tokens;

use crate::protocol::anthropic::request::Input;

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

/// Most tokens that an unknown model answers with, or takes in, where only the model could tell: above every
/// model known at the end of 2026.
const UNKNOWN_MODEL_OUTPUT: u64 = 128_000;
const UNKNOWN_MODEL_CONTEXT: u64 = 2_000_000;

/// The bound, or what makes it impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At most this many.
    Tokens(Tokens),
    /// A part of it can use any number.
    Unbounded {
        /// Which.
        what: String,
        /// The most of one call to the model, were there only one: what is held where no budget applies.
        one_call: Tokens,
    },
}

/// Bounds a request to one model.
pub(crate) fn of(input: &Input, max_tokens: Option<u64>, model: Option<&'static KnownModel>) -> Bound {
    let output =
        max_tokens.unwrap_or_else(|| model.map_or(UNKNOWN_MODEL_OUTPUT, |model| model.output_tokens));
    if let Some(what) = input.server_tool.clone() {
        let context = model.map_or(UNKNOWN_MODEL_CONTEXT, |model| model.context_tokens);
        return Bound::Unbounded { what, one_call: Tokens(context.saturating_add(output)) };
    }
    Bound::Tokens(Tokens(input_bound(input, model).saturating_add(output)))
}

fn input_bound(input: &Input, model: Option<&'static KnownModel>) -> u64 {
    let context = model.map(|model| model.context_tokens);
    if input.unsized_parts.is_some() {
        // An accepted request fits the model's window, whatever is behind its references.
        return context.unwrap_or(UNKNOWN_MODEL_CONTEXT);
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
    context.map_or(parts, |context| parts.min(context))
}

#[cfg(test)]
mod tests {
    use pai_bundle::catalogue;

    use super::*;

    fn text(bytes: u64) -> Input {
        Input { text_bytes: bytes, ..Input::default() }
    }

    fn tokens(bound: &Bound) -> u64 {
        match bound {
            Bound::Tokens(tokens) => tokens.0,
            Bound::Unbounded { .. } => u64::MAX,
        }
    }

    #[test]
    fn text_is_bounded_by_its_bytes_and_output_by_max_tokens() {
        assert_eq!(tokens(&of(&text(1_000), Some(50), None)), 1_000 + TOKENS_FOR_FRAME + 50);
    }

    #[test]
    fn an_input_never_exceeds_the_models_window() {
        let haiku = catalogue::find("claude-haiku-4-5");
        assert_eq!(tokens(&of(&text(900_000), Some(50), haiku)), 200_000 + 50);
        let document = Input { unsized_parts: Some("a document"), ..text(10) };
        assert_eq!(tokens(&of(&document, Some(50), haiku)), 200_000 + 50);
    }

    #[test]
    fn without_max_tokens_the_models_maximum_is_held() {
        let haiku = catalogue::find("claude-haiku-4-5");
        assert_eq!(tokens(&of(&text(0), None, haiku)), TOKENS_FOR_FRAME + 64_000);
        assert_eq!(tokens(&of(&text(0), None, None)), TOKENS_FOR_FRAME + UNKNOWN_MODEL_OUTPUT);
    }

    #[test]
    fn no_max_tokens_wraps_around() {
        assert_eq!(tokens(&of(&text(u64::MAX), Some(u64::MAX), None)), u64::MAX);
    }

    #[test]
    fn tools_that_the_provider_runs_have_no_bound() {
        let search = Input { server_tool: Some("x".into()), ..text(1) };
        assert!(matches!(of(&search, Some(1), None), Bound::Unbounded { .. }));
    }
}
