//! A histogram whose buckets are atomics. The crate's own takes a lock for each value, and holds it while it is printed.

use std::sync::atomic::{AtomicU64, Ordering};

/// Seconds that requests take: from a refusal by a policy, in a millisecond, to an answer of ten minutes.
pub(crate) const REQUEST_SECONDS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Seconds that verdicts take: rules some tens of microseconds, a model over HTTP up to four times its time-out.
pub(crate) const VERDICT_SECONDS: [f64; 13] =
    [0.0001, 0.00025, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Scores. Thresholds are mostly near the upper end.
pub(crate) const SCORES: [f64; 12] = [0.0, 0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Counts of values by the smallest bound that they do not exceed.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    bounds: &'static [f64; N],
    counts: [AtomicU64; N],
    /// Above the last bound.
    beyond: AtomicU64,
    /// In millionths: sums of integers do not depend on the order.
    sum_micros: AtomicU64,
}

/// What a histogram has counted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    /// Bound and count of each bucket by itself.
    pub(crate) buckets: Vec<(f64, u64)>,
    /// Of all buckets, and of what is beyond them.
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn new(bounds: &'static [f64; N]) -> Self {
        let counts = [const { AtomicU64::new(0) }; N];
        Self { bounds, counts, beyond: AtomicU64::new(0), sum_micros: AtomicU64::new(0) }
    }

    /// One more value, which is not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, also where it is no number"
    )]
    pub(crate) fn observe(&self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts.get(at).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add((value * 1e6).round() as u64, Ordering::Relaxed);
    }

    /// Values that come in between may be in the buckets and not yet in the sum; the count is that of the buckets.
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years of seconds")]
    pub(crate) fn read(&self) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let buckets: Vec<_> = self.bounds.iter().copied().zip(self.counts.iter().map(read)).collect();
        let within: u64 = buckets.iter().map(|(_, count)| count).sum();
        Counted { count: within + read(&self.beyond), sum: read(&self.sum_micros) as f64 / 1e6, buckets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[0.1, 1.0, 10.0]);
        for value in [0.0, 0.1, 0.100_001, 1.0, 9.9, 10.0, 10.1, 1e6] {
            histogram.observe(value);
        }
        let Counted { buckets, count, sum } = histogram.read();
        assert_eq!(buckets, [(0.1, 2), (1.0, 2), (10.0, 2)]);
        assert_eq!(count, 8);
        assert!((sum - 1_000_031.200_001).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn bounds_rise() {
        for bounds in [&REQUEST_SECONDS[..], &VERDICT_SECONDS, &SCORES] {
            assert!(bounds.is_sorted_by(|before, after| before < after), "{bounds:?}");
        }
    }
}
