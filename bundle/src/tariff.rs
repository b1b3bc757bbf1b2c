//! Which of a provider's price lists an answer is charged by.
//!
//! Anthropic: a tenth more for inference kept in the US, six times as much in fast mode
//! (<https://platform.claude.com/docs/en/about-claude/pricing>, November 2026). The answer's usage says which applied.

use crate::price::Price;
use crate::provider::ProviderKind;

/// Inference in one region, in percent of the list.
const REGIONAL_PERCENT: u64 = 110;
/// Fast mode, in percent of the list.
const FAST_PERCENT: u64 = 600;

/// What an answer says about the price list that it goes by; a request, what it may come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tariff {
    /// In one region only.
    pub regional: bool,
    /// In fast mode.
    pub fast: bool,
}

impl Tariff {
    /// These list prices under the tariff.
    pub fn of(self, price: Price) -> Price {
        let price = if self.regional { price.percent(REGIONAL_PERCENT) } else { price };
        if self.fast { price.percent(FAST_PERCENT) } else { price }
    }

    /// The dearest that a request to this kind of provider may be charged by. An account can be set to one region
    /// without the request saying so.
    pub fn dearest(kind: ProviderKind, fast: bool) -> Self {
        Self { regional: kind == ProviderKind::Anthropic, fast }
    }
}
