//! What was measured, as a table for people.

use crate::load::Load;

/// One proxy under one sort of load.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// CPU microseconds of a request, by round.
    pub(crate) cpu_us: Vec<f64>,
    /// Requests a second, by round.
    pub(crate) per_second: Vec<f64>,
    /// One request at a time: median and 99th percentile in microseconds, by round.
    pub(crate) p50_us: Vec<f64>,
    pub(crate) p99_us: Vec<f64>,
}

impl Series {
    pub(crate) fn add_load(&mut self, load: &Load, cpu_seconds: f64) {
        self.cpu_us.push(cpu_seconds * 1e6 / load.requests as f64);
        self.per_second.push(load.per_second());
    }

    pub(crate) fn add_alone(&mut self, load: &Load) {
        self.p50_us.push(load.percentile_us(50));
        self.p99_us.push(load.percentile_us(99));
    }

    /// Rounds are compared with each other and not across: the machine drifts from one to the next.
    fn cpu_ratio(&self, to: &Self) -> f64 {
        median(self.cpu_us.iter().zip(&to.cpu_us).map(|(mine, theirs)| mine / theirs))
    }
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// A line for each proxy; ratios are to the proxies named in `to`, latencies are above those of `direct`.
pub(crate) fn table(title: &str, series: &[(&str, &Series)], to: &[(&str, &Series)], direct: &Series) {
    print!("\n{title}\n  {:<28}{:>8}{:>10}", "", "CPU us", "min-max");
    for (name, _) in to {
        print!("{:>11}", format!("x {name}"));
    }
    println!("{:>10}{:>10}{:>10}", "req/s", "+p50 us", "+p99 us");
    for (name, one) in series {
        let least = one.cpu_us.iter().copied().fold(f64::INFINITY, f64::min);
        let most = one.cpu_us.iter().copied().fold(0.0, f64::max);
        let cpu = median(one.cpu_us.iter().copied());
        print!("  {name:<28}{cpu:>8.1}{:>10}", format!("{least:.0}-{most:.0}"));
        for (_, to) in to {
            print!("{:>11.2}", one.cpu_ratio(to));
        }
        let above = |mine: &[f64], theirs: &[f64]| {
            median(mine.iter().zip(theirs).map(|(mine, theirs)| mine - theirs))
        };
        println!(
            "{:>10.0}{:>10.0}{:>10.0}",
            median(one.per_second.iter().copied()),
            above(&one.p50_us, &direct.p50_us),
            above(&one.p99_us, &direct.p99_us),
        );
    }
}
