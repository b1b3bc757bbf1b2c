//! What guards found, as tests and command lines write it: `injection/prompts`, `toolResults=injection:0.93`.

use std::collections::BTreeSet;
use std::str::FromStr;

use pai_bundle::Bundle;
use pai_bundle::guard::{DEFAULT_THRESHOLD, GuardUse, PerMille, Target};
use pai_bundle::name::Name;
use pai_policies::vocabulary::context as field;
use pai_policies::{GuardFacts, GuardVerdict};

const FLAG_FORM: &str =
    "write BINDING/prompts, BINDING/system, BINDING/responses or BINDING/toolResults/TOOLS";
const JUDGED_FORM: &str = "write PLACE=LABEL:SCORE, such as toolResults=injection:0.93; places are prompts, system, toolResults and responses";

/// A kind of text that guards read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// User turns.
    Prompts,
    /// Instructions before the conversation.
    System,
    /// Results of tools.
    ToolResults,
    /// The answer.
    Responses,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Prompts, Self::System, Self::ToolResults, Self::Responses];

    /// As `context.guard` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompts => field::GUARD_PROMPTS,
            Self::System => field::GUARD_SYSTEM,
            Self::ToolResults => field::GUARD_TOOL_RESULTS,
            Self::Responses => field::GUARD_RESPONSES,
        }
    }

    fn of_target(target: Target<'_>) -> Self {
        match target {
            Target::Prompts => Self::Prompts,
            Target::System => Self::System,
            Target::ToolResults(_) => Self::ToolResults,
            Target::Responses => Self::Responses,
        }
    }

    fn of(self, facts: &GuardFacts) -> &GuardVerdict {
        match self {
            Self::Prompts => &facts.prompts,
            Self::System => &facts.system,
            Self::ToolResults => &facts.tool_results,
            Self::Responses => &facts.responses,
        }
    }

    fn of_mut(self, facts: &mut GuardFacts) -> &mut GuardVerdict {
        match self {
            Self::Prompts => &mut facts.prompts,
            Self::System => &mut facts.system,
            Self::ToolResults => &mut facts.tool_results,
            Self::Responses => &mut facts.responses,
        }
    }
}

/// Where a guard hit or failed, as typed: `injection/prompts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    binding: Name,
    place: Place,
    /// Behind the binding.
    target: String,
}

impl FromStr for Flag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (binding, target) = text.split_once('/').ok_or(FLAG_FORM)?;
        let (word, has_tools) = match target.split_once('/') {
            Some((word, tools)) if !tools.is_empty() => (word, true),
            Some(_) => return Err(FLAG_FORM.to_owned()),
            None => (target, false),
        };
        let place = Place::ALL.into_iter().find(|place| place.as_str() == word).ok_or(FLAG_FORM)?;
        if has_tools != (place == Place::ToolResults) {
            return Err(FLAG_FORM.to_owned());
        }
        let binding = binding.parse().map_err(|cause| format!("{cause}"))?;
        Ok(Self { binding, place, target: target.to_owned() })
    }
}

impl Flag {
    /// The binding's name.
    pub fn binding(&self) -> &Name {
        &self.binding
    }

    /// As `context.guard.hits` and `context.guard.failures` have it.
    pub fn within(&self, namespace: &Name) -> String {
        format!("{namespace}/{}/{}", self.binding, self.target)
    }

    /// Adds a hit. A hit without a verdict is taken for an injection at the guard's threshold, so that a refusal has
    /// something to name.
    pub fn hit(&self, namespace: &Name, threshold: Option<PerMille>, facts: &mut GuardFacts) {
        facts.hits.insert(self.within(namespace));
        let verdict = self.place.of_mut(facts);
        if *verdict == GuardVerdict::NONE {
            verdict.raise("injection", threshold.unwrap_or(DEFAULT_THRESHOLD));
        }
    }
}

/// A verdict, as typed: `toolResults=injection:0.93`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    place: Place,
    verdict: GuardVerdict,
}

impl FromStr for Judged {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, verdict) = text.split_once('=').ok_or(JUDGED_FORM)?;
        let place = Place::ALL.into_iter().find(|place| place.as_str() == word).ok_or(JUDGED_FORM)?;
        let (label, score) = verdict.rsplit_once(':').ok_or(JUDGED_FORM)?;
        let score: f64 = score.parse().map_err(|_| JUDGED_FORM)?;
        if label.is_empty() || !(0.0..=1.0).contains(&score) {
            return Err(JUDGED_FORM.to_owned());
        }
        let score = PerMille::of_fraction(score).ok_or(JUDGED_FORM)?;
        Ok(Self { place, verdict: GuardVerdict { label: label.to_lowercase(), score } })
    }
}

impl Judged {
    /// Sets the verdict of its place.
    pub fn put(&self, facts: &mut GuardFacts) {
        self.place.of_mut(facts).clone_from(&self.verdict);
    }
}

/// Every name that a guard of a bundle can hit or fail under, where it is attached.
pub fn flags(bundle: &Bundle) -> BTreeSet<String> {
    let of = |namespace: &Name, guards: &[GuardUse]| -> Vec<String> {
        let one = |guard: &GuardUse| -> Vec<String> {
            guard.scan.targets().map(|target| format!("{namespace}/{}/{target}", guard.binding)).collect()
        };
        guards.iter().flat_map(one).collect()
    };
    let providers = bundle.providers.iter().flat_map(|one| of(&one.name.namespace, &one.guards));
    providers.chain(bundle.agents.iter().flat_map(|one| of(&one.name.namespace, &one.guards))).collect()
}

/// What of these facts those guards can have found: nobody finds anything in a text that no guard reads.
pub(super) fn read_by<'a>(
    facts: &GuardFacts,
    guards: impl Iterator<Item = &'a GuardUse>,
    namespace: &Name,
) -> GuardFacts {
    let mut read = GuardFacts { unread: facts.unread, ..GuardFacts::NONE };
    for (guard, target) in guards.flat_map(|guard| guard.scan.targets().map(move |target| (guard, target))) {
        let place = Place::of_target(target);
        place.of_mut(&mut read).clone_from(place.of(facts));
        let flag = format!("{namespace}/{}/{target}", guard.binding);
        read.hits.extend(facts.hits.get(&flag).cloned());
        read.failures.extend(facts.failures.get(&flag).cloned());
    }
    read
}

/// The words of a command line that say the same, with names in the namespace of who asks.
pub(super) fn arguments(facts: &GuardFacts, namespace: &Name) -> Vec<(&'static str, Option<String>)> {
    let prefix = format!("{namespace}/");
    let short = |flag: &String| flag.strip_prefix(&prefix).unwrap_or(flag).to_owned();
    let judged = Place::ALL.into_iter().filter_map(|place| {
        let verdict = place.of(facts);
        let written = || format!("{}={}:{}", place.as_str(), verdict.label, verdict.score);
        (*verdict != GuardVerdict::NONE).then(|| ("guard-found", Some(written())))
    });
    let hits = facts.hits.iter().map(|flag| ("guard-hit", Some(short(flag))));
    let failures = facts.failures.iter().map(|flag| ("guard-failure", Some(short(flag))));
    judged.chain(hits).chain(failures).chain(facts.unread.then_some(("guard-unread", None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pai_bundle::guard::{Enforcement, Scan};

    #[test]
    fn nobody_finds_anything_in_what_no_guard_reads() {
        let namespace: Name = "default".parse().expect("a name");
        let guard = GuardUse {
            binding: "a".to_owned(),
            scan: Scan { prompts: true, tool_results: vec!["mcp__*".to_owned()], ..Scan::default() },
            enforcement: Enforcement::Audit,
        };
        let mut facts = GuardFacts { unread: true, ..GuardFacts::NONE };
        for text in ["a/prompts", "b/prompts", "a/system", "a/toolResults/mcp__*", "a/toolResults/read"] {
            let flag: Flag = text.parse().expect("a flag");
            flag.hit(&namespace, None, &mut facts);
            facts.failures.insert(flag.within(&namespace));
        }
        let read = read_by(&facts, [&guard].into_iter(), &namespace);
        let flags = BTreeSet::from(["default/a/prompts", "default/a/toolResults/mcp__*"].map(str::to_owned));
        assert_eq!((&read.hits, &read.failures), (&flags, &flags));
        assert_eq!((&read.prompts, &read.tool_results), (&facts.prompts, &facts.tool_results));
        assert_eq!((read.system, read.responses), (GuardVerdict::NONE, GuardVerdict::NONE));
        assert!(read.unread);
        assert_eq!(read_by(&facts, [].into_iter(), &namespace).hits, BTreeSet::new());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let namespace: Name = "blue".parse().expect("a name");
        let mut facts = GuardFacts { unread: true, ..GuardFacts::NONE };
        for (text, threshold) in [("a/prompts", None), ("a/toolResults/mcp__*/x", Some(PerMille(550)))] {
            let flag: Flag = text.parse().expect(text);
            flag.hit(&namespace, threshold, &mut facts);
        }
        "system=Jailbreak:0.125".parse::<Judged>().expect("a verdict").put(&mut facts);
        facts.failures.insert("b/system".parse::<Flag>().expect("a flag").within(&namespace));
        let written: Vec<String> = arguments(&facts, &namespace)
            .into_iter()
            .map(|(name, value)| format!("{name} {}", value.unwrap_or_default()))
            .collect();
        assert_eq!(
            written,
            [
                "guard-found prompts=injection:0.900",
                "guard-found system=jailbreak:0.125",
                "guard-found toolResults=injection:0.550",
                "guard-hit a/prompts",
                "guard-hit a/toolResults/mcp__*/x",
                "guard-failure b/system",
                "guard-unread "
            ]
        );
    }

    #[test]
    fn what_is_no_flag_or_verdict_is_told_how_to_be_written() {
        for wrong in [
            "a",
            "a/",
            "a/toolResults",
            "a/toolResults/",
            "a/prompts/x",
            "a/answers",
            "A/prompts",
            "/prompts",
        ] {
            assert!(wrong.parse::<Flag>().is_err(), "{wrong}");
        }
        for wrong in [
            "prompts",
            "prompts=x",
            "prompts=:0.5",
            "prompts=x:1.5",
            "prompts=x:y",
            "prompts=x:NaN",
            "words=x:1",
        ] {
            assert!(wrong.parse::<Judged>().is_err(), "{wrong}");
        }
    }
}
