//! The candidates of a request that are left, in the order in which they are tried: the caller's own list, the fallbacks
//! of providers that failed, and last those that were set back.

use std::collections::VecDeque;

use pai_policies::candidate::Directory;

use crate::candidate::{self, Candidate};

/// Candidates to come.
#[derive(Debug)]
pub(crate) struct Queue {
    usual: VecDeque<Candidate>,
    set_back: VecDeque<Candidate>,
    seen: Vec<Candidate>,
    /// Whether the latest one had been set back before.
    is_last_resort: bool,
}

impl Queue {
    /// The caller's list.
    pub(crate) fn new(candidates: Vec<Candidate>) -> Self {
        Self {
            usual: candidates.iter().cloned().collect(),
            set_back: VecDeque::new(),
            seen: candidates,
            is_last_resort: false,
        }
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Option<Candidate> {
        let usual = self.usual.pop_front();
        self.is_last_resort = usual.is_none();
        usual.or_else(|| self.set_back.pop_front())
    }

    /// Puts the latest one behind all others, its provider's fallbacks among them. False where it has no others to wait
    /// for, or has waited already.
    pub(crate) fn set_back(&mut self, directory: &impl Directory, latest: &Candidate) -> bool {
        if self.is_last_resort {
            return false;
        }
        self.append_fallbacks(directory, latest);
        if self.usual.is_empty() && self.set_back.is_empty() {
            return false;
        }
        self.set_back.push_back(latest.clone());
        true
    }

    /// Fallbacks of the provider that failed, behind the caller's own list; each goes through the policies like any
    /// other candidate.
    pub(crate) fn append_fallbacks(&mut self, directory: &impl Directory, failed: &Candidate) {
        for candidate in candidate::fallbacks(directory, failed) {
            if !self.seen.contains(&candidate) {
                self.seen.push(candidate.clone());
                self.usual.push_back(candidate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pai_bundle::name::QualifiedName;
    use pai_bundle::principal::{AccessKey, Agent};
    use pai_bundle::provider::Provider;

    use super::*;

    /// Providers of a line each: a name, and those of its fallbacks.
    struct Providers(Vec<Provider>);

    impl Providers {
        fn of(lines: &[(&str, &[&str])]) -> Self {
            let provider = |(name, fallbacks): &(&str, &[&str])| {
                let fallbacks: Vec<String> = fallbacks.iter().map(|name| format!("{name}/m")).collect();
                serde_json::from_value(serde_json::json!({
                    "name": format!("default/{name}"), "kind": "openai", "endpoint": "http://a", "allowedModels": [],
                    "deniedModels": [], "models": [], "externalAccess": { "enabled": false },
                    "fallbacks": fallbacks, "guards": [],
                    "retry": { "maxAttempts": 3, "initialBackoffMs": 200, "maxBackoffMs": 5000 },
                    "places": { "file": "p.yaml", "document": [1, 1], "fields": {} },
                }))
                .expect("a provider")
            };
            Self(lines.iter().map(provider).collect())
        }
    }

    impl Directory for Providers {
        fn provider(&self, name: &QualifiedName) -> Option<&Provider> {
            self.0.iter().find(|provider| provider.name == *name)
        }

        fn agent(&self, _: &QualifiedName) -> Option<&Agent> {
            None
        }

        fn access_key(&self, _: &QualifiedName) -> Option<&AccessKey> {
            None
        }
    }

    fn candidate(name: &str) -> Candidate {
        let provider = format!("default/{name}").parse().expect("a name");
        Candidate { provider, model: "m".parse().expect("a model") }
    }

    /// The order in which candidates are tried where each fails, those of `open` being set back.
    fn tried(list: &[&str], providers: &Providers, open: &[&str]) -> String {
        let mut queue = Queue::new(list.iter().map(|name| candidate(name)).collect());
        let mut tried = Vec::new();
        while let Some(latest) = queue.next() {
            let name = latest.provider.name.to_string();
            if open.contains(&name.as_str()) && queue.set_back(providers, &latest) {
                continue;
            }
            tried.push(name);
            queue.append_fallbacks(providers, &latest);
        }
        tried.join(" ")
    }

    #[test]
    fn those_that_are_set_back_come_last_in_their_own_order_and_each_once() {
        let plain = Providers::of(&[("a", &[]), ("b", &[]), ("c", &[])]);
        let table: [(&[&str], &str); 6] = [
            (&[], "a b c"),
            (&["a"], "b c a"),
            (&["b"], "a c b"),
            (&["c"], "a b c"),
            (&["a", "b"], "c a b"),
            (&["a", "b", "c"], "a b c"),
        ];
        for (open, expected) in table {
            assert_eq!(tried(&["a", "b", "c"], &plain, open), expected, "{open:?}");
        }
        assert_eq!(tried(&["a"], &plain, &["a"]), "a", "there is no other");
    }

    #[test]
    fn fallbacks_come_before_what_they_are_for_when_that_is_set_back() {
        let providers = Providers::of(&[("a", &["c", "d"]), ("b", &["c"]), ("c", &["a"]), ("d", &[])]);
        let table: [(&[&str], &[&str], &str); 5] = [
            (&["a", "b"], &[], "a b c d"),
            (&["a"], &["a"], "c d a"),
            (&["a", "b"], &["a"], "b c d a"),
            (&["a"], &["a", "c", "d"], "a c d"),
            (&["b"], &["c"], "b a d c"),
        ];
        for (list, open, expected) in table {
            assert_eq!(tried(list, &providers, open), expected, "{list:?} {open:?}");
        }
    }
}
