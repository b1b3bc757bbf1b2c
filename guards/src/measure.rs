//! How well a guard tells attacks from the rest, by place and source, with how sure that is.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::data::Row;
use crate::verdict::Place;

/// The normal distribution's quantile for intervals that hold 95 times in 100.
const Z: f64 = 1.959_963_984_540_054;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub hits: u32,
    /// Of how many.
    pub of: u32,
}

impl Rate {
    /// 0 to 1; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| f64::from(self.hits) / f64::from(self.of))
    }

    /// Wilson's score interval at 95 % (Wilson 1927): unlike the textbook one it stays within 0 to 1 and is right for few
    /// rows and for rates near 0. `None` of nothing.
    pub fn interval(self) -> Option<(f64, f64)> {
        let rate = self.value()?;
        let rows = f64::from(self.of);
        let spread = Z * Z / rows;
        let centre = rate + spread / 2.0;
        let half = Z * (rate * (1.0 - rate) / rows + spread / (4.0 * rows)).sqrt();
        Some((((centre - half) / (1.0 + spread)).max(0.0), ((centre + half) / (1.0 + spread)).min(1.0)))
    }
}

/// Rows by what they are and whether they were flagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attacks that were flagged.
    pub caught: u32,
    /// Attacks that were not.
    pub missed: u32,
    /// Harmless rows that were flagged.
    pub false_alarms: u32,
    /// Harmless rows that were not.
    pub passed: u32,
}

impl Tally {
    /// Of the attacks, how many were flagged.
    pub fn recall(self) -> Rate {
        Rate { hits: self.caught, of: self.caught + self.missed }
    }

    /// Of what was flagged, how many are attacks. It depends on how many attacks the file has among its rows.
    pub fn precision(self) -> Rate {
        Rate { hits: self.caught, of: self.caught + self.false_alarms }
    }

    /// Of the harmless rows, how many were flagged.
    pub fn false_alarm_rate(self) -> Rate {
        Rate { hits: self.false_alarms, of: self.false_alarms + self.passed }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.caught += other.caught;
        self.missed += other.missed;
        self.false_alarms += other.false_alarms;
        self.passed += other.passed;
    }
}

/// Tallies by place and source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of places, then of sources' names.
    pub sources: BTreeMap<(Place, String), Tally>,
    /// Ids of attacks that were not flagged and of harmless rows that were, in the order of the file.
    pub wrong: Vec<String>,
}

impl Report {
    /// All sources of a place.
    pub fn place(&self, place: Place) -> Tally {
        let mut all = Tally::default();
        for ((of, _), tally) in &self.sources {
            if *of == place {
                all += *tally;
            }
        }
        all
    }

    /// One source, wherever its rows stood.
    pub fn source(&self, name: &str) -> Tally {
        let mut all = Tally::default();
        for ((_, source), tally) in &self.sources {
            if source == name {
                all += *tally;
            }
        }
        all
    }
}

/// Asks a guard about each row. `flagged` says whether it would refuse; a guard that fails ends the measuring.
pub fn measure<E>(rows: &[Row], mut flagged: impl FnMut(&Row) -> Result<bool, E>) -> Result<Report, E> {
    let mut report = Report::default();
    for row in rows {
        let says = flagged(row)?;
        let tally = report.sources.entry((row.place, row.source.clone())).or_default();
        *match (row.attack, says) {
            (true, true) => &mut tally.caught,
            (true, false) => &mut tally.missed,
            (false, true) => &mut tally.false_alarms,
            (false, false) => &mut tally.passed,
        } += 1;
        if says != row.attack {
            report.wrong.push(row.id.clone());
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (hits, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0000, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (lower, upper) = Rate { hits, of }.interval().expect("rows");
            assert!(
                (lower - low).abs() < 0.0001 && (upper - high).abs() < 0.0001,
                "{hits}/{of}: {lower} {upper}"
            );
        }
        assert_eq!(Rate { hits: 0, of: 0 }.interval(), None);
    }

    #[test]
    fn rows_are_counted_where_they_belong() {
        let row = |id: &str, attack, place| Row {
            id: id.to_owned(),
            text: String::new(),
            attack,
            place,
            source: "s".to_owned(),
            category: String::new(),
        };
        let rows = [
            row("yes", true, Place::User),
            row("no", true, Place::User),
            row("yes", false, Place::Tool),
            row("no", false, Place::Tool),
        ];
        let report = measure(&rows, |row| Ok::<_, Infallible>(row.id == "yes")).expect("no failure");
        assert_eq!(report.place(Place::User), Tally { caught: 1, missed: 1, ..Tally::default() });
        assert_eq!(report.place(Place::Tool), Tally { false_alarms: 1, passed: 1, ..Tally::default() });
        assert_eq!(report.source("s").recall().value(), Some(0.5));
        assert_eq!(report.source("s").precision(), Rate { hits: 1, of: 2 });
        assert_eq!(report.source("s").false_alarm_rate(), Rate { hits: 1, of: 2 });
        assert_eq!(report.wrong, ["no", "yes"]);
    }
}
