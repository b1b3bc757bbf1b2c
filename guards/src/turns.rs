//! Turns of a conversation that are judged together: an attack may be spread over them.

use crate::evidence::{Evidence, RuleSet};
use crate::rules::{Rules, char_boundary};
use crate::verdict::{PerMille, Place, Verdict};

/// Turns that are judged together by [`Rules::scan_turns`].
pub const TURNS_TOGETHER: usize = 8;
/// Bytes on each side of the border of two turns that are read as one text.
const SEAM_BYTES: usize = 512;

impl Rules {
    /// Scans turns of a conversation that are new together, the oldest first: an attack may be spread over them. At most
    /// [`TURNS_TOGETHER`] in a row are judged together, and the worst of it counts.
    pub fn scan_turns(&self, place: Place, turns: &[&str]) -> Verdict {
        let found: Vec<Evidence> = turns
            .iter()
            .enumerate()
            .map(|(at, turn)| {
                let mut evidence = self.evidence(place, turn);
                if let Some(before) = at.checked_sub(1).and_then(|before| turns.get(before)) {
                    evidence.join(&self.seam(place, before, turn));
                }
                evidence
            })
            .collect();
        self.judge(&found)
    }

    /// The verdict on turns of which is known what was found in each, joined with its seam to the one before: what
    /// [`Rules::scan_turns`] says, without a scan.
    pub fn judge(&self, turns: &[Evidence]) -> Verdict {
        let mut worst = Evidence::default();
        let mut score = PerMille::ZERO;
        let mut judged = RuleSet::default();
        for (at, newest) in turns.iter().enumerate() {
            worst.all.add_all(&newest.all);
            // Without news, these have no more than some before them that were judged.
            if judged.holds(&newest.together) {
                continue;
            }
            let mut together = RuleSet::default();
            for evidence in &turns[(at + 1).saturating_sub(TURNS_TOGETHER)..=at] {
                together.add_all(&evidence.together);
            }
            judged = together;
            if worst.together.holds(&together) {
                continue;
            }
            let new = self.score(&together, None);
            // Scores end at 0.999; of equals, what has more findings says more of each label.
            if new > score || (new == score && together.holds(&worst.together)) {
                (score, worst.together) = (new, together);
            }
        }
        self.verdict(&worst)
    }

    /// What stands across the border of two turns: the end of one and the beginning of the next, read as one text.
    pub fn seam(&self, place: Place, before: &str, after: &str) -> Evidence {
        let tail = char_boundary(before, before.len().saturating_sub(SEAM_BYTES));
        let head = char_boundary(after, SEAM_BYTES);
        self.evidence(place, &format!("{} {}", &before[tail..], &after[..head]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it says in the documentation of [`Rules::scan_turns`], word for word.
    fn plainly(rules: &Rules, turns: &[Evidence]) -> PerMille {
        let joined = turns.windows(TURNS_TOGETHER.min(turns.len()).max(1)).map(|row| {
            let mut joined = Evidence::default();
            for evidence in row {
                joined.join(evidence);
            }
            rules.verdict(&joined).score
        });
        joined.max().unwrap_or_default()
    }

    #[test]
    fn judging_leaves_out_no_row_of_turns_that_could_be_the_worst() {
        let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
        let count = rules.all().len();
        // Numbers from a fixed row (Marsaglia's xorshift), so that the test is the same each time.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap_or(0) % below
        };
        for round in 0..400 {
            let turns: Vec<Evidence> = (0..round % 40)
                .map(|_| {
                    let mut evidence = Evidence::default();
                    for _ in 0..next(4).saturating_sub(1) {
                        let rule = next(count);
                        evidence.together.add(rule);
                        evidence.all.add(rule);
                    }
                    evidence
                })
                .collect();
            assert_eq!(rules.judge(&turns).score, plainly(&rules, &turns), "{turns:?}");
        }
    }
}
