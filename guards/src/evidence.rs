//! Which rules hit: in a text, and in several that belong together.

/// Rules that a set of them may have: those of a file, and a hundred that come along.
pub(crate) const MOST_RULES: usize = 640;
const WORDS: usize = MOST_RULES / 64;

/// A set of rules, by their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct RuleSet([u64; WORDS]);

impl RuleSet {
    pub(crate) fn add(&mut self, rule: usize) {
        if let Some(bits) = self.0.get_mut(rule / 64) {
            *bits |= 1 << (rule % 64);
        }
    }

    pub(crate) fn has(&self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }

    pub(crate) fn add_all(&mut self, other: &RuleSet) {
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |any, bits| any | bits) == 0
    }

    /// Whether `other` has nothing that this has not.
    pub(crate) fn holds(&self, other: &RuleSet) -> bool {
        self.0.iter().zip(&other.0).fold(0, |more, (these, those)| more | (those & !these)) == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut rest = *bits;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then_some(rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(word * 64 + bit)
            })
        })
    }
}

/// What one scan found: 160 bytes without any text, good for as long as the rules are the same. Keep it by a digest of
/// the text, and a conversation costs what its last turn costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// Of the piece that scores highest: findings far apart are no evidence for each other.
    pub(crate) together: RuleSet,
    /// Of all pieces.
    pub(crate) all: RuleSet,
}

impl Evidence {
    /// Adds what was found in another text that is to be judged together with this one.
    pub fn join(&mut self, other: &Evidence) {
        self.together.add_all(&other.together);
        self.all.add_all(&other.all);
    }

    /// Whether no rule hit.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_added() {
        let mut set = RuleSet::default();
        for rule in [0, 63, 64, 200] {
            set.add(rule);
        }
        let mut other = RuleSet::default();
        other.add(5);
        other.add_all(&set);
        assert_eq!(other.iter().collect::<Vec<_>>(), [0, 5, 63, 64, 200]);
        assert!(other.has(200) && !other.has(199) && !other.has(9999));
        assert!(other.holds(&set) && !set.holds(&other) && set.holds(&RuleSet::default()));
        assert!(RuleSet::default().is_empty() && !set.is_empty());
    }
}
