//! A list of patterns that says which entry covers a pattern: plain names are looked up, stars are tried one by one.

use std::collections::HashMap;

use super::Pattern;

/// How many entries times stars are compared; beyond that only equal names are found. Some tens of milliseconds.
pub const COMPARISONS_MAX: usize = 1_000_000;

/// The list, prepared.
#[derive(Debug)]
pub struct PatternList<'a> {
    entries: &'a [Pattern],
    /// Plain names, each with its first place.
    names: HashMap<&'a str, usize>,
    stars: Vec<(usize, &'a Pattern)>,
}

impl<'a> PatternList<'a> {
    /// Prepares a list that is asked about as many patterns as `asked`.
    pub fn new(entries: &'a [Pattern], asked: usize) -> Self {
        let mut names = HashMap::new();
        let mut stars = Vec::new();
        for (at, pattern) in entries.iter().enumerate() {
            if pattern.is_literal() {
                names.entry(pattern.as_str()).or_insert(at);
            } else {
                stars.push((at, pattern));
            }
        }
        if stars.len().saturating_mul(asked) > COMPARISONS_MAX {
            stars.clear();
        }
        Self { entries, names, stars }
    }

    /// The place of the first entry that covers a pattern.
    pub fn covering(&self, pattern: &Pattern) -> Option<usize> {
        let name = self.names.get(pattern.as_str()).copied();
        let star = self.stars.iter().find(|(_, star)| star.covers(pattern)).map(|(at, _)| *at);
        name.into_iter().chain(star).min()
    }

    /// The place of the same plain name before `at`.
    pub fn repeats(&self, at: usize) -> Option<usize> {
        let name = self.entries.get(at)?;
        self.names.get(name.as_str()).copied().filter(|first| *first < at)
    }

    /// The place of an entry that makes the entry at `at` superfluous: of two equal ones, the first.
    pub fn beyond(&self, at: usize) -> Option<usize> {
        let pattern = self.entries.get(at)?;
        let name = self.repeats(at);
        let outer = |(other, star): &&(usize, &Pattern)| {
            *other != at && star.covers(pattern) && (*other < at || !pattern.covers(star))
        };
        let star = self.stars.iter().find(outer).map(|(other, _)| *other);
        name.into_iter().chain(star).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_superfluous_beside_a_wider_one_or_an_equal_one_before_it() {
        let entries: Vec<Pattern> = ["a*", "ab*", "b", "b", "*c", "*c", "**c"].map(Pattern::new).into();
        let list = PatternList::new(&entries, entries.len());
        let beyond: Vec<_> = (0..entries.len()).map(|at| list.beyond(at)).collect();
        assert_eq!(beyond, [None, Some(0), None, Some(2), None, Some(4), Some(4)]);
        assert_eq!(list.covering(&Pattern::new("abc")), Some(0));
        assert_eq!(list.covering(&Pattern::new("b")), Some(2));
        assert_eq!(list.covering(&Pattern::new("d")), None);
        assert_eq!(list.covering(&Pattern::new("*")), None);
    }

    #[test]
    fn long_lists_are_answered_at_once() {
        let names: Vec<Pattern> = (0..200_000).map(|n| Pattern::new(format!("model-{n}"))).collect();
        let list = PatternList::new(&names, names.len());
        assert!((0..names.len()).all(|at| list.beyond(at).is_none()));
        let stars: Vec<Pattern> = (0..20_000).map(|n| Pattern::new(format!("model-{n}-*"))).collect();
        let list = PatternList::new(&stars, stars.len());
        assert!((0..stars.len()).all(|at| list.beyond(at).is_none()));
    }
}
