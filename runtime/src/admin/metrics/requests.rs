//! What requests did and used, from the counters that their records are added up in.

use pai_bundle::money::NanoUsd;

use super::labels;
use crate::metrics::page::{Family, Page};
use crate::metrics::{CLASSES, Metrics, ProviderCounts};

pub(super) fn put(page: &mut Page, metrics: &Metrics) {
    page.add(family(
        metrics,
        Family::counter(
            "pai_requests",
            "Requests that have ended, by provider (empty where none was come to) and outcome.",
        ),
        |family, provider, counts| {
            for (outcome, count) in counts.outcomes() {
                family.put(labels([("provider", provider), ("outcome", outcome)]), count);
            }
        },
    ));
    page.add(family(
        metrics,
        Family::counter(
            "pai_refusals",
            "Requests that have a refusal's code in their record, by provider and code.",
        ),
        |family, provider, counts| {
            for (code, count) in counts.refusals.read() {
                family.put(labels([("provider", provider), ("code", &code)]), count);
            }
        },
    ));
    page.add(family(
        metrics,
        Family::histogram(
            "pai_request_duration_seconds",
            "From a request's arrival to its end, by provider.",
        ),
        |family, provider, counts| {
            family.put_counted(labels([("provider", provider)]), counts.duration.read());
        },
    ));
    page.add(family(
        metrics,
        Family::histogram(
            "pai_request_first_byte_seconds",
            "From a request's arrival to the first byte of its answer, by provider.",
        ),
        |family, provider, counts| {
            family.put_counted(labels([("provider", provider)]), counts.first_byte.read());
        },
    ));
    page.add(family(
        metrics,
        Family::counter(
            "pai_attempts",
            "Candidates that were tried or passed over, by provider and what came of them.",
        ),
        |family, provider, counts| {
            for (result, count) in counts.attempts().filter(|(_, count)| is_shown(provider, *count)) {
                family.put(labels([("provider", provider), ("result", result)]), count);
            }
        },
    ));
    spent(page, metrics);
}

fn spent(page: &mut Page, metrics: &Metrics) {
    page.add(family(
        metrics,
        Family::counter("pai_tokens", "Tokens that were settled, by provider and class."),
        |family, provider, counts| {
            for (class, tokens) in CLASSES.into_iter().zip(counts.spent().tokens) {
                if is_shown(provider, tokens) {
                    family.put(labels([("provider", provider), ("class", class)]), tokens);
                }
            }
        },
    ));
    page.add(family(
        metrics,
        Family::counter(
            "pai_estimated_tokens",
            "The part of pai_tokens_total that is a bound and not the provider's word.",
        ),
        |family, provider, counts| {
            let estimated = counts.spent().estimated;
            if is_shown(provider, estimated) {
                family.put(labels([("provider", provider)]), estimated);
            }
        },
    ));
    page.add(family(
        metrics,
        Family::counter(
            "pai_cost_usd",
            "What the tokens and searches cost by the price table, in US dollars.",
        ),
        |family, provider, counts| {
            let nano_usd = counts.spent().nano_usd;
            if is_shown(provider, nano_usd) {
                family.put_real(labels([("provider", provider)]), NanoUsd(nano_usd).in_dollars());
            }
        },
    ));
    page.add(family(
        metrics,
        Family::counter("pai_web_searches", "Searches that the provider ran, which are paid for one by one."),
        |family, provider, counts| {
            let searches = counts.spent().web_searches;
            if is_shown(provider, searches) {
                family.put(labels([("provider", provider)]), searches);
            }
        },
    ));
}

fn family(metrics: &Metrics, mut family: Family, put: impl Fn(&mut Family, &str, &ProviderCounts)) -> Family {
    metrics.read(|provider, counts| put(&mut family, provider, counts));
    family
}

/// Counters of providers begin at nought, so that the first increase is seen. Without a provider there is nothing to use.
fn is_shown(provider: &str, count: u64) -> bool {
    !provider.is_empty() || count > 0
}
