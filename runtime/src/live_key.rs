//! The key of a provider or a guard that can change while requests run: the newest that could be read, and what became of
//! the latest look.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use pai_bundle::name::QualifiedName;
use pai_bundle::provider::SecretRef;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use subtle::ConstantTimeEq;
use tracing::field::display;

use crate::secret::{SecretError, Secrets};
use crate::source::Stamp;

/// A key must be found gone this many times in a row to be given up: whoever replaces a file by hand removes it first.
const LOOKS_UNTIL_GONE: u32 = 2;

/// Whose key it is, as logs and `/status` say it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Owner<'a> {
    /// A `ModelProvider`'s.
    Provider(&'a QualifiedName),
    /// A `GuardBinding`'s.
    Guard(&'a QualifiedName),
}

/// Whether a provider or a guard can be asked.
#[derive(Debug)]
pub enum Key {
    /// No key is needed.
    NotNeeded,
    /// This one.
    Found(SecretString),
    /// The manifest names one that no place has.
    Missing,
}

/// A key, and how to look for the next one.
#[derive(Debug)]
pub struct LiveKey {
    wanted: Option<SecretRef>,
    now: ArcSwap<Key>,
    seen: Mutex<Seen>,
}

/// What the latest look showed.
#[derive(Debug, Default)]
struct Seen {
    stamps: Vec<Stamp>,
    /// How often in a row no place had the key.
    gone: u32,
    /// Why the key that is there cannot be used.
    trouble: Option<String>,
}

/// How a key stands, as `/status` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyStanding<'a> {
    #[serde(flatten)]
    owner: Owner<'a>,
    /// The secret, as NAME/KEY.
    secret: String,
    state: State,
    /// Why it could not be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// What the place has.
    Current,
    /// The place has one that cannot be read or used.
    LastGood,
    /// No place has one.
    Missing,
}

impl KeyStanding<'_> {
    /// Of what kind its owner is, and its name.
    pub(crate) fn owner(&self) -> (&'static str, &QualifiedName) {
        match self.owner {
            Owner::Provider(name) => ("provider", name),
            Owner::Guard(name) => ("guard", name),
        }
    }

    /// Whether what is in use is what its place has.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self.state, State::Current)
    }
}

impl<'a> Owner<'a> {
    fn provider(self) -> Option<&'a QualifiedName> {
        match self {
            Self::Provider(name) => Some(name),
            Self::Guard(_) => None,
        }
    }

    fn guard(self) -> Option<&'a QualifiedName> {
        match self {
            Self::Guard(name) => Some(name),
            Self::Provider(_) => None,
        }
    }

    /// What it means for requests that there is no key.
    fn without(self) -> &'static str {
        match self {
            Self::Provider(_) => "requests for this provider are refused from now on",
            Self::Guard(_) => "this guard judges nothing from now on",
        }
    }
}

impl LiveKey {
    /// Where none is needed.
    pub fn not_needed() -> Self {
        Self { wanted: None, now: ArcSwap::from_pointee(Key::NotNeeded), seen: Mutex::default() }
    }

    /// The key as it is now.
    pub(crate) fn open(wanted: &SecretRef, secrets: &Secrets) -> Result<Self, SecretError> {
        // Before reading: a file that changes in between is read once more.
        let seen = Seen { stamps: secrets.stamps(wanted), ..Seen::default() };
        let key = secrets.find(wanted)?.map_or(Key::Missing, Key::Found);
        Ok(Self { wanted: Some(wanted.clone()), now: ArcSwap::from_pointee(key), seen: Mutex::new(seen) })
    }

    /// The key for a request.
    pub(crate) fn now(&self) -> Guard<Arc<Key>> {
        self.now.load()
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(**self.now.load(), Key::Missing)
    }

    /// Reads the key again where its files have changed, and while they are not as they should be. One that cannot be read
    /// or used leaves the last good one in use.
    pub(crate) fn look(&self, secrets: &Secrets, owner: Owner<'_>) {
        let Some(wanted) = &self.wanted else { return };
        let (provider, guard) = (owner.provider().map(display), owner.guard().map(display));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = secrets.stamps(wanted);
        if stamps == seen.stamps && seen.gone == 0 && seen.trouble.is_none() {
            return;
        }
        seen.stamps = stamps;
        match secrets.find(wanted) {
            Ok(Some(value)) => {
                (seen.gone, seen.trouble) = (0, None);
                if !self.is(&value) {
                    self.now.store(Arc::new(Key::Found(value)));
                    tracing::info!(
                        event = "secret.rotated", provider, guard, secret = %wanted.name, key = %wanted.key,
                        "the new key is used from now on"
                    );
                }
            }
            Ok(None) if self.is_missing() => (seen.gone, seen.trouble) = (0, None),
            Ok(None) => {
                (seen.gone, seen.trouble) = (seen.gone.saturating_add(1), None);
                if seen.gone >= LOOKS_UNTIL_GONE {
                    seen.gone = 0;
                    self.now.store(Arc::new(Key::Missing));
                    tracing::warn!(
                        event = "secret.gone", provider, guard, secret = %wanted.name, key = %wanted.key,
                        looked_in = %secrets.describe(), "{}", owner.without()
                    );
                }
            }
            Err(cause) => {
                let reason = cause.to_string();
                if seen.trouble.as_deref() != Some(&reason) {
                    tracing::error!(
                        event = "secret.unreadable", provider, guard, secret = %wanted.name, key = %wanted.key, reason,
                        "the last good key stays in use"
                    );
                }
                (seen.gone, seen.trouble) = (0, Some(reason));
            }
        }
    }

    /// `None` where no key is needed.
    pub(crate) fn standing<'a>(&self, owner: Owner<'a>) -> Option<KeyStanding<'a>> {
        let wanted = self.wanted.as_ref()?;
        let reason = self.seen.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone();
        let state = match (self.is_missing(), &reason) {
            (true, _) => State::Missing,
            (false, Some(_)) => State::LastGood,
            (false, None) => State::Current,
        };
        let secret = format!("{}/{}", wanted.name, wanted.key);
        Some(KeyStanding { owner, secret, state, reason })
    }

    fn is(&self, value: &SecretString) -> bool {
        match &**self.now.load() {
            Key::Found(now) => now.expose_secret().as_bytes().ct_eq(value.expose_secret().as_bytes()).into(),
            Key::NotNeeded | Key::Missing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn wanted() -> SecretRef {
        SecretRef { name: "a".into(), key: "api-key".into() }
    }

    struct Place {
        folder: tempfile::TempDir,
        secrets: Secrets,
        key: LiveKey,
    }

    impl Place {
        fn with(value: &str) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(folder.path().join("a")).expect("a folder");
            std::fs::write(folder.path().join("a/api-key"), value).expect("written");
            let secrets = Secrets::new(Some(folder.path().to_owned()), &folder.path().join("state"));
            let key = LiveKey::open(&wanted(), &secrets).expect("a key");
            Self { folder, secrets, key }
        }

        fn file(&self) -> std::path::PathBuf {
            self.folder.path().join("a/api-key")
        }

        fn put(&self, path: &Path, value: &str) {
            std::fs::write(self.folder.path().join("next"), value).expect("written");
            std::fs::rename(self.folder.path().join("next"), path).expect("renamed");
        }

        /// After a look: the key, and how it stands.
        fn look(&self) -> (Option<String>, String) {
            let provider: QualifiedName = "default/p".parse().expect("a name");
            self.key.look(&self.secrets, Owner::Provider(&provider));
            let key = match &**self.key.now() {
                Key::Found(key) => Some(key.expose_secret().to_owned()),
                Key::Missing | Key::NotNeeded => None,
            };
            (key, serde_json::to_string(&self.key.standing(Owner::Provider(&provider))).expect("json"))
        }
    }

    #[test]
    fn a_file_that_changes_is_the_next_key() {
        let place = Place::with("first");
        assert_eq!(place.look().0.as_deref(), Some("first"));
        for value in ["second", "third!"] {
            place.put(&place.file(), value);
            assert_eq!(place.look().0.as_deref(), Some(value));
        }
        std::fs::write(place.file(), "in place").expect("written");
        let (key, standing) = place.look();
        assert_eq!(key.as_deref(), Some("in place"));
        assert!(standing.contains(r#""state":"current""#) && !standing.contains("reason"), "{standing}");
    }

    #[test]
    fn a_key_that_becomes_unreadable_leaves_the_last_good_one_and_says_so() {
        let place = Place::with("first");
        for broken in ["", "two\nlines"] {
            std::fs::write(place.file(), broken).expect("written");
            for _ in 0..3 {
                let (key, standing) = place.look();
                assert_eq!(key.as_deref(), Some("first"));
                assert!(
                    standing.contains(r#""state":"last-good","reason":"secret a/api-key is empty"#),
                    "{standing}"
                );
            }
        }
        std::fs::remove_file(place.file()).expect("removed");
        std::fs::create_dir(place.file()).expect("a folder in its place");
        assert_eq!(place.look().0.as_deref(), Some("first"));
        std::fs::remove_dir(place.file()).expect("removed");
        place.put(&place.file(), "second");
        let (key, standing) = place.look();
        assert_eq!(key.as_deref(), Some("second"));
        assert!(standing.contains("current"), "{standing}");
    }

    #[test]
    fn a_key_is_given_up_when_it_is_gone_twice_and_found_when_it_is_back() {
        let place = Place::with("first");
        std::fs::remove_file(place.file()).expect("removed");
        assert_eq!(place.look().0.as_deref(), Some("first"), "it may be on its way back");
        let (key, standing) = place.look();
        assert!(key.is_none() && standing.contains(r#""state":"missing""#), "{standing}");
        place.put(&place.file(), "second");
        assert_eq!(place.look().0.as_deref(), Some("second"));
    }

    #[test]
    fn a_standing_says_whose_key_it_is() {
        let (place, name) = (Place::with("first"), "default/g".parse().expect("a name"));
        for (owner, field) in [(Owner::Provider(&name), "provider"), (Owner::Guard(&name), "guard")] {
            let standing = serde_json::to_value(place.key.standing(owner)).expect("json");
            let expected =
                serde_json::json!({ field: "default/g", "secret": "a/api-key", "state": "current" });
            assert_eq!(standing, expected);
        }
    }

    #[test]
    fn a_key_never_prints() {
        let place = Place::with("canary-value");
        assert!(!format!("{:?}", place.key).contains("canary"));
    }
}
