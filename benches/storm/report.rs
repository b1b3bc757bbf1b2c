//! What came of the storms, as a table with a bar for each, and a summary.

use std::slice;

use crate::storm::Storm;

/// Letters of the longest bar.
const BAR: u32 = 48;

/// One gateway under all storms.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) storms: Vec<Storm>,
}

impl Series {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { name, storms: Vec::new() }
    }

    /// Tokens above the budgets, over all storms.
    pub(crate) fn over(&self) -> u64 {
        self.sum(Storm::over)
    }

    /// Requests that were neither served nor refused.
    pub(crate) fn failed(&self) -> u64 {
        self.sum(|storm| storm.failed)
    }

    fn sum(&self, of: impl Fn(&Storm) -> u64) -> u64 {
        self.storms.iter().map(of).sum()
    }

    /// Of what was left, least first.
    fn shares(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.storms.iter().map(Storm::share).collect();
        shares.sort_unstable_by(f64::total_cmp);
        shares
    }
}

/// Everything, on one scale.
pub(crate) fn print(all: &[&Series], requests: u64, limit: u64) {
    let longest = all.iter().flat_map(|series| series.shares()).fold(1.0, f64::max);
    for series in all {
        println!(
            "\n{}: {requests} requests at once at the last hundredth of {limit} tokens; | is the limit",
            series.name
        );
        println!(
            "  {:>4}{:>8}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}",
            "seed", "served", "refused", "failed", "left", "used", "of left", "over", "s"
        );
        for storm in &series.storms {
            line(&storm.seed.to_string(), slice::from_ref(storm), longest);
        }
        line("all", &series.storms, longest);
    }
    println!("\nOf what was left of the budgets, over {} storms each", all[0].storms.len());
    println!(
        "  {:<20}{:>9}{:>9}{:>9}{:>14}{:>14}",
        "", "least", "median", "most", "storms over", "tokens over"
    );
    for series in all {
        let shares = series.shares();
        let percent = |at: usize| format!("{:.1} %", shares[at] * 100.0);
        println!(
            "  {:<20}{:>9}{:>9}{:>9}{:>14}{:>14}",
            series.name,
            percent(0),
            percent(shares.len() / 2),
            percent(shares.len() - 1),
            series.storms.iter().filter(|storm| storm.over() > 0).count(),
            series.over(),
        );
    }
}

/// Some storms as if they were one.
fn line(name: &str, storms: &[Storm], longest: f64) {
    let sum = |of: fn(&Storm) -> u64| storms.iter().map(of).sum::<u64>();
    let (left, used) = (sum(|storm| storm.left), sum(|storm| storm.used));
    let share = used as f64 / left as f64;
    println!(
        "  {name:>4}{:>8}{:>9}{:>8}{left:>9}{used:>9}{:>7.1} %{:>9}{:>8.1}  {}",
        sum(|storm| storm.served),
        sum(|storm| storm.refused),
        sum(|storm| storm.failed),
        share * 100.0,
        sum(Storm::over),
        storms.iter().map(|storm| storm.took.as_secs_f64()).sum::<f64>(),
        bar(share, longest)
    );
}

/// What was used, with the limit where it is on this scale.
fn bar(share: f64, longest: f64) -> String {
    let count =
        |share: f64| (1..=BAR).filter(|at| f64::from(*at) <= share / longest * f64::from(BAR)).count();
    let (limit, within) = (count(1.0), count(share.min(1.0)));
    format!("{:<limit$}|{}", "#".repeat(within), "#".repeat(count(share) - within))
}
