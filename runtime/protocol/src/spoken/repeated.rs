//! Which texts of a stream of Responses were heard before: what comes in deltas is said again when its part is done, when
//! its item is, and when the whole response is.
//!
//! A text counts as heard where it is the same, letter for letter, by its length and a hash: one that says more than its
//! deltas did is read.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};

/// Where a text is: its item, its part within it, and what kind of text.
pub(super) type Spot = (u64, u64, String);

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// Texts that come in deltas, as far as they have come.
    open: BTreeMap<Spot, Sum>,
    heard: BTreeSet<(u64, u64)>,
}

#[derive(Debug, Clone, Default)]
struct Sum {
    bytes: u64,
    hasher: DefaultHasher,
}

impl Sum {
    fn add(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        // Bytes alone: the same for any pieces of them.
        self.hasher.write(text.as_bytes());
    }

    fn total(&self) -> (u64, u64) {
        (self.bytes, self.hasher.finish())
    }
}

impl Repeated {
    /// More of a text.
    pub(super) fn delta(&mut self, spot: Spot, text: &str) {
        self.open.entry(spot).or_default().add(text);
    }

    /// No more deltas come for one text.
    pub(super) fn text_done(&mut self, spot: &Spot) {
        if let Some(sum) = self.open.remove(spot) {
            self.heard.insert(sum.total());
        }
    }

    /// No more come for a part of an item.
    pub(super) fn part_done(&mut self, item: u64, part: u64) {
        self.between((item, part, String::new())..(item, part.saturating_add(1), String::new()));
    }

    /// No more come for an item.
    pub(super) fn item_done(&mut self, item: u64) {
        self.between((item, 0, String::new())..(item.saturating_add(1), 0, String::new()));
    }

    /// No more come.
    pub(super) fn all_done(&mut self) {
        self.heard.extend(std::mem::take(&mut self.open).values().map(Sum::total));
    }

    /// Each text is closed once, so that the time for all of them is that for each.
    fn between(&mut self, spots: std::ops::Range<Spot>) {
        let done: Vec<Spot> = self.open.range(spots).map(|(spot, _)| spot.clone()).collect();
        for spot in &done {
            self.text_done(spot);
        }
    }

    /// Whether a whole text was not heard before. From now on it was.
    pub(super) fn is_news(&mut self, text: &str) -> bool {
        let mut sum = Sum::default();
        sum.add(text);
        self.heard.insert(sum.total())
    }
}
