//! Whether and when a provider is asked again: exponential backoff with full jitter, the provider's `retry-after`
//! honoured up to the manifest's longest wait.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use pai_bundle::provider::Retry;

/// Statuses after which the same request may succeed a moment later; 529 is Anthropic's "overloaded".
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504 | 529)
}

/// The wait before attempt `attempt + 1`, attempts counted from 1; `None` when the provider asks for more patience
/// than the manifest has, so that the next candidate is tried at once.
pub(crate) fn wait(
    retry: Retry,
    attempt: u32,
    headers: Option<&HeaderMap>,
    random: impl FnOnce(u64) -> u64,
) -> Option<Duration> {
    let longest = u64::from(retry.max_backoff_ms);
    if let Some(asked) = headers.and_then(retry_after_millis) {
        return (asked <= longest).then(|| Duration::from_millis(asked));
    }
    let doubled = u64::from(retry.initial_backoff_ms).saturating_mul(1_u64 << (attempt - 1).min(31));
    Some(Duration::from_millis(random(doubled.min(longest))))
}

fn retry_after_millis(headers: &HeaderMap) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(millis) = text("retry-after-ms").and_then(|value| value.parse().ok()) {
        return Some(millis);
    }
    let seconds: u64 = text(RETRY_AFTER.as_str())?.parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

/// A number from 0 to `most`.
pub(crate) fn jitter(most: u64) -> u64 {
    let mut bytes = [0_u8; 8];
    // Without randomness every client would wait equally long, which is no reason not to wait.
    if getrandom::fill(&mut bytes).is_err() {
        return most;
    }
    match most.checked_add(1) {
        Some(range) => u64::from_le_bytes(bytes) % range,
        None => u64::from_le_bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const RETRY: Retry = Retry { max_attempts: 3, initial_backoff_ms: 200, max_backoff_ms: 5_000 };

    #[test]
    fn the_ceiling_doubles_up_to_the_longest() {
        let ceilings: Vec<_> = (1..=7)
            .map(|attempt| wait(RETRY, attempt, None, |most| most).map(|wait| wait.as_millis()))
            .collect();
        assert_eq!(ceilings, [200, 400, 800, 1_600, 3_200, 5_000, 5_000].map(Some));
    }

    #[test]
    fn a_provider_that_asks_for_too_much_patience_is_not_waited_for() {
        let with = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            wait(RETRY, 1, Some(&headers), |_| 0)
        };
        assert_eq!(with("2"), Some(Duration::from_secs(2)));
        assert_eq!(with("3600"), None);
    }
}
