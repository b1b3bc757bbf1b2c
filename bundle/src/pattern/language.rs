//! Questions about whole lists of patterns: is there a text that these lists let through and that one does not?
//!
//! Exact, by walking the texts that the patterns can tell apart, shortest first. Whether one pattern covers another
//! needs none of this: see [`Pattern::covers`].

use std::collections::{BTreeSet, VecDeque};

use super::Pattern;

/// How many steps from a place by a character are made before giving up: some milliseconds. Lists as people write them
/// take some hundreds.
const STEPS_MAX: usize = 200_000;

/// What is known of the texts that some lists have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Common {
    /// There are some; this is one.
    Text(String),
    /// There are none.
    Nothing,
    /// The lists are too large to say.
    Unknown,
}

/// A text of at least one character that every list of `within` matches and no pattern of `outside` does. A list
/// matches what any of its patterns matches, so an empty list matches nothing.
pub fn common(within: &[&[Pattern]], outside: &[Pattern]) -> Common {
    let fits = |text: &str| {
        !text.is_empty()
            && within.iter().all(|list| list.iter().any(|pattern| pattern.matches(text)))
            && !outside.iter().any(|pattern| pattern.matches(text))
    };
    let mut open: Vec<Vec<&Pattern>> = Vec::new();
    for list in within {
        if let Some(literal) = list.iter().find(|pattern| pattern.is_literal() && fits(pattern.as_str())) {
            return Common::Text(literal.as_str().to_owned());
        }
        // The other literals have been tried; what is left is what has a star.
        open.push(list.iter().filter(|pattern| !pattern.is_literal()).collect());
    }
    let forbidden = open.len();
    open.push(outside.iter().collect());
    Search::new(&open, forbidden).run()
}

/// A place in a pattern: what is wanted next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Character(char),
    Star,
    /// A star with nothing behind it: whatever follows, the pattern matches.
    Rest,
    End,
}

/// The places of all patterns, numbered through, and where in them the texts lead.
struct Search {
    steps: Vec<Step>,
    /// The list of each place's pattern.
    list: Vec<usize>,
    /// The first place of each place's pattern.
    first: Vec<usize>,
    starts: Vec<usize>,
    /// The list that must not match.
    forbidden: usize,
}

/// The places that a text leads to, in order.
type State = Vec<usize>;

impl Search {
    fn new(lists: &[Vec<&Pattern>], forbidden: usize) -> Self {
        let mut search =
            Self { steps: Vec::new(), list: Vec::new(), first: Vec::new(), starts: Vec::new(), forbidden };
        for (number, patterns) in lists.iter().enumerate() {
            for pattern in patterns {
                let first = search.steps.len();
                search.starts.push(first);
                search.steps.extend(pattern.as_str().chars().map(|c| match c {
                    '*' => Step::Star,
                    other => Step::Character(other),
                }));
                if let Some(last @ Step::Star) = search.steps.get_mut(first..).and_then(<[Step]>::last_mut) {
                    *last = Step::Rest;
                }
                search.steps.push(Step::End);
                search.list.resize(search.steps.len(), number);
                search.first.resize(search.steps.len(), first);
            }
        }
        search
    }

    fn run(&self) -> Common {
        let mut steps_left = STEPS_MAX;
        let mut seen = BTreeSet::new();
        let mut queue = VecDeque::new();
        let start = self.settled(self.starts.clone());
        if self.can_go_on(&start) {
            // Not seen yet: the empty text does not count, and a longer one may lead to the same places.
            queue.push_back((start, String::new()));
        }
        while let Some((state, text)) = queue.pop_front() {
            for next in self.characters(&state) {
                let Some(left) = steps_left.checked_sub(state.len()) else { return Common::Unknown };
                steps_left = left;
                let state = self.after(&state, next);
                if !self.can_go_on(&state) || seen.contains(&state) {
                    continue;
                }
                let text = format!("{text}{next}");
                if self.fits(&state) {
                    return Common::Text(text);
                }
                seen.insert(state.clone());
                queue.push_back((state, text));
            }
        }
        Common::Nothing
    }

    /// The characters that lead on from here in different ways: those that some place wants, and one that none does.
    fn characters(&self, state: &State) -> BTreeSet<char> {
        let wanted = state.iter().filter_map(|place| match self.step(*place) {
            Step::Character(c) => Some(c),
            _ => None,
        });
        let mut wanted: BTreeSet<char> = wanted.collect();
        let other = ('a'..='z').rev().chain('\u{e000}'..='\u{f8ff}').find(|c| !wanted.contains(c));
        wanted.extend(other);
        wanted
    }

    fn after(&self, state: &State, next: char) -> State {
        let places = state.iter().filter_map(|place| match self.step(*place) {
            Step::Character(c) if c == next => Some(place + 1),
            Step::Star | Step::Rest => Some(*place),
            _ => None,
        });
        self.settled(places.collect())
    }

    /// With the places behind stars, which match nothing as well; without those that a later star of the same
    /// pattern makes superfluous.
    fn settled(&self, places: Vec<usize>) -> State {
        let mut all: BTreeSet<usize> = BTreeSet::new();
        for mut place in places {
            all.insert(place);
            while matches!(self.step(place), Step::Star | Step::Rest) {
                place += 1;
                all.insert(place);
            }
        }
        let mut kept: State = Vec::with_capacity(all.len());
        // From the back: what lies before a pattern's last star leads nowhere that the star does not.
        let mut starred = None;
        for place in all.into_iter().rev() {
            let first = self.first.get(place).copied();
            if starred.is_some() && starred == first {
                continue;
            }
            if matches!(self.step(place), Step::Star | Step::Rest) {
                starred = first;
            }
            kept.push(place);
        }
        kept.reverse();
        kept
    }

    /// Whether a longer text can still fit.
    fn can_go_on(&self, state: &State) -> bool {
        let doomed = state
            .iter()
            .any(|place| self.list.get(*place) == Some(&self.forbidden) && self.step(*place) == Step::Rest);
        !doomed
            && (0..self.forbidden).all(|list| state.iter().any(|place| self.list.get(*place) == Some(&list)))
    }

    fn fits(&self, state: &State) -> bool {
        let ended = |list: usize| {
            state.iter().any(|place| self.list.get(*place) == Some(&list) && self.step(*place) == Step::End)
        };
        (0..self.forbidden).all(ended) && !ended(self.forbidden)
    }

    fn step(&self, place: usize) -> Step {
        self.steps.get(place).copied().unwrap_or(Step::End)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().copied().map(Pattern::new).collect()
    }

    fn of(within: &[&[&str]], outside: &[&str]) -> Common {
        let within: Vec<Vec<Pattern>> = within.iter().map(|list| patterns(list)).collect();
        let within: Vec<&[Pattern]> = within.iter().map(Vec::as_slice).collect();
        common(&within, &patterns(outside))
    }

    #[test]
    fn lists_have_texts_in_common_or_they_do_not() {
        for (within, outside, expected) in [
            (&[&["claude-*"] as &[&str], &["*-opus-*"]] as &[&[&str]], &[] as &[&str], Some("claude-opus-")),
            (&[&["claude-*"], &["gpt-*"]], &[], None),
            (&[&["claude-*"]], &["claude-*"], None),
            (&[&["claude-*", "gpt-4o"]], &["claude-*"], Some("gpt-4o")),
            (&[&["a*"], &["*a"]], &["a"], Some("aa")),
            (&[&["*"]], &["*"], None),
            (&[&["*"]], &[], Some("z")),
            (&[&[]], &[], None),
            (&[&["a*b"], &["a*c", "d"]], &[], None),
        ] {
            let expected = expected.map_or(Common::Nothing, |text| Common::Text(text.to_owned()));
            assert_eq!(of(within, outside), expected, "{within:?} without {outside:?}");
        }
    }

    #[test]
    fn large_lists_are_answered_or_given_up_in_bounded_time() {
        let many: Vec<Pattern> = (0..300).map(|n| Pattern::new(format!("*{n}*x{n}*"))).collect();
        let other: Vec<Pattern> = (0..300).map(|n| Pattern::new(format!("*y{n}*{n}*"))).collect();
        assert!(!matches!(common(&[&many, &other], &[]), Common::Nothing));
        let literals: Vec<Pattern> = (0..5_000).map(|n| Pattern::new(format!("model-{n}"))).collect();
        assert_eq!(common(&[&literals], &patterns(&["model-*"])), Common::Nothing);
        assert!(matches!(common(&[&patterns(&["model-*"])], &literals), Common::Text(_)));
    }

    /// Every text of up to five of these letters; `c` stands in no pattern.
    fn texts() -> impl Iterator<Item = &'static String> {
        static TEXTS: LazyLock<Vec<String>> = LazyLock::new(every_text);
        TEXTS.iter()
    }

    fn every_text() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..5 {
            let to = all.len();
            for at in from..to {
                for letter in ['a', 'b', 'c'] {
                    all.push(format!("{}{letter}", all[at]));
                }
            }
            from = to;
        }
        all.split_off(1)
    }

    proptest! {
        #[test]
        fn what_is_common_agrees_with_trying_every_text(
            within in vec(vec("[ab*]{0,3}", 0..3), 1..3),
            outside in vec("[ab*]{0,3}", 0..3),
        ) {
            let within: Vec<Vec<Pattern>> = within.into_iter().map(|list| list.into_iter().map(Pattern::new).collect()).collect();
            let within: Vec<&[Pattern]> = within.iter().map(Vec::as_slice).collect();
            let outside: Vec<Pattern> = outside.into_iter().map(Pattern::new).collect();
            let fits = |text: &&String| {
                within.iter().all(|list| list.iter().any(|p| p.matches(text))) && !outside.iter().any(|p| p.matches(text))
            };
            match common(&within, &outside) {
                Common::Text(text) => prop_assert!(!text.is_empty() && fits(&&text), "{text}"),
                Common::Nothing => prop_assert_eq!(texts().find(fits), None),
                Common::Unknown => prop_assert!(false, "given up"),
            }
        }

        #[test]
        fn covering_agrees_with_trying_every_text(outer in "[ab*]{0,5}", inner in "[ab*]{0,5}") {
            let (outer, inner) = (Pattern::new(outer), Pattern::new(inner));
            // The text that shows it is as long as the pattern itself, with `c` for each star.
            let mut all = texts().map(String::as_str).chain([""]).filter(|text| inner.matches(text));
            let all = all.all(|text| outer.matches(text));
            prop_assert_eq!(outer.covers(&inner), all);
        }

        #[test]
        fn what_is_left_behind_a_prefix_agrees_with_matching(pattern in "[ab*]{0,5}", prefix in "[ab]{0,3}", text in "[abc]{0,4}") {
            let pattern = Pattern::new(pattern);
            let left = pattern.behind(&prefix);
            prop_assert_eq!(left.iter().any(|p| p.matches(&text)), pattern.matches(&format!("{prefix}{text}")));
        }
    }
}
