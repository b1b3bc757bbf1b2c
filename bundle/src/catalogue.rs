//! What is known of native models without asking anybody: ids, context windows, output maxima, list prices. Data of
//! 23 November 2026 from the providers' own pages; a model that is missing here is allowed all the same, and a
//! provider's `spec.modelInfo` says otherwise where it must.
//!
//! - <https://platform.claude.com/docs/en/about-claude/models/overview>, <https://platform.claude.com/docs/en/about-claude/pricing>
//! - <https://platform.openai.com/docs/models>, <https://platform.openai.com/docs/pricing>
//! - <https://ai.google.dev/gemini-api/docs/models>, <https://ai.google.dev/gemini-api/docs/pricing>

use crate::money::TokenPrice;
use crate::price::Price;
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
    /// List prices; where they rise with the length of the prompt, those of the longest, so that a day's budget is
    /// never overrun by a tariff.
    pub price: Price,
}

/// Every known model, in the order in which lists show them. Prices in dollars per million tokens times 1,000: input,
/// cached input, output.
pub const MODELS: &[KnownModel] = &[
    // 1,000,000 tokens with the context-1m beta, which a caller may switch on by header; so the bound is that. Its
    // price does not rise with the length.
    claude("claude-sonnet-4-6", "Claude Sonnet 4.6", 1_000_000, 64_000, 3_000, 15_000),
    claude("claude-haiku-4-5", "Claude Haiku 4.5", 200_000, 64_000, 1_000, 5_000),
    claude("claude-opus-4-6", "Claude Opus 4.6", 1_000_000, 128_000, 5_000, 25_000),
    openai("gpt-4o", "GPT-4o", 128_000, 16_384, [2_500, 1_250, 10_000]),
    openai("gpt-4o-mini", "GPT-4o mini", 128_000, 16_384, [150, 75, 600]),
    openai("o1", "o1", 200_000, 100_000, [15_000, 7_500, 60_000]),
    openai("o3-mini", "o3-mini", 200_000, 100_000, [1_100, 550, 4_400]),
    // Above 200,000 tokens of prompt; half of it and 10 dollars of output below.
    gemini("gemini-2.5-pro", "Gemini 2.5 Pro", 65_536, [2_500, 250, 15_000]),
    // Input as audio, the dearest; text is 0.30.
    gemini("gemini-2.5-flash", "Gemini 2.5 Flash", 65_536, [1_000, 100, 2_500]),
    gemini("gemini-2.0-flash", "Gemini 2.0 Flash", 8_192, [700, 175, 400]),
];

/// Writes to a cache cost 1.25 or 2 times the input, by its life; reads a tenth.
const fn claude(
    id: &'static str,
    display_name: &'static str,
    context_tokens: u64,
    output_tokens: u64,
    input: u64,
    output: u64,
) -> KnownModel {
    let price = Price {
        input: milli_usd(input),
        cache_write_5m: milli_usd(input + input / 4),
        cache_write_1h: milli_usd(2 * input),
        cache_read: milli_usd(input / 10),
        output: milli_usd(output),
    };
    KnownModel { kind: ProviderKind::Anthropic, id, display_name, context_tokens, output_tokens, price }
}

const fn openai(
    id: &'static str,
    display_name: &'static str,
    context_tokens: u64,
    output_tokens: u64,
    prices: [u64; 3],
) -> KnownModel {
    let price = unwritten(prices);
    KnownModel { kind: ProviderKind::OpenAi, id, display_name, context_tokens, output_tokens, price }
}

const fn gemini(
    id: &'static str,
    display_name: &'static str,
    output_tokens: u64,
    prices: [u64; 3],
) -> KnownModel {
    let (kind, context_tokens, price) = (ProviderKind::Gemini, 1_048_576, unwritten(prices));
    KnownModel { kind, id, display_name, context_tokens, output_tokens, price }
}

/// Prices where a cache fills itself, at the price of input.
const fn unwritten([input, cached, output]: [u64; 3]) -> Price {
    Price {
        input: milli_usd(input),
        cache_write_5m: milli_usd(input),
        cache_write_1h: milli_usd(input),
        cache_read: milli_usd(cached),
        output: milli_usd(output),
    }
}

/// Thousandths of a dollar per million tokens.
const fn milli_usd(price: u64) -> TokenPrice {
    TokenPrice(price * 1_000)
}

/// What a model that nobody knows is charged: the highest price of the table, class by class, never nothing.
pub const UNKNOWN_PRICE: Price = {
    let mut price = unwritten([0, 0, 0]);
    let mut place = 0;
    while place < MODELS.len() {
        price = price.dearer(MODELS[place].price);
        place += 1;
    }
    price
};

/// Most tokens that an unknown model answers with, or takes in, where only the model could tell: above every model
/// known at the end of 2026.
pub const UNKNOWN_OUTPUT_TOKENS: u64 = 128_000;
/// As [`UNKNOWN_OUTPUT_TOKENS`], of what goes in.
pub const UNKNOWN_CONTEXT_TOKENS: u64 = 2_000_000;

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

    #[test]
    fn prices_are_those_of_the_lists() {
        let haiku = find("claude-haiku-4-5").expect("known").price;
        let prices =
            [haiku.input, haiku.cache_write_5m, haiku.cache_write_1h, haiku.cache_read, haiku.output];
        assert_eq!(prices.map(|price| price.0), [1_000_000, 1_250_000, 2_000_000, 100_000, 5_000_000]);
        assert_eq!(find("gpt-4o-mini").expect("known").price.cache_read.0, 75_000);
    }

    #[test]
    fn an_unknown_model_is_never_cheaper_than_a_known_one() {
        assert!(MODELS.iter().all(|known| known.price.dearer(UNKNOWN_PRICE) == UNKNOWN_PRICE));
        assert_eq!((UNKNOWN_PRICE.input.0, UNKNOWN_PRICE.output.0), (15_000_000, 60_000_000));
        assert!(MODELS.iter().all(|known| known.output_tokens <= UNKNOWN_OUTPUT_TOKENS));
        assert!(MODELS.iter().all(|known| known.context_tokens <= UNKNOWN_CONTEXT_TOKENS));
    }
}
