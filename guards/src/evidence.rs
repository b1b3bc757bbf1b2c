//! Which rules hit: in a text, and in several that belong together.

/// A set of rules, by their number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct RuleSet(Vec<u64>);

impl RuleSet {
    pub(crate) fn add(&mut self, rule: usize) {
        let word = rule / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (rule % 64);
    }

    pub(crate) fn has(&self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }

    pub(crate) fn add_all(&mut self, other: &RuleSet) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (bits, more) in self.0.iter_mut().zip(&other.0) {
            *bits |= more;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }
}

/// What one scan found: small, without any text, and good for as long as the rules are the same. Keep it by a digest of
/// the text, and a conversation costs what its last turn costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
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
        self.all.iter().next().is_none()
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
    }
}
