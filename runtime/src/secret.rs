//! Where a provider's key comes from: mounted files, then the environment, then the keychain where it is asked for, then pai's
//! own encrypted store. Asked in that order; the first that has it wins. Values are never printed, logged or compiled.

mod mounted;
mod environment;
mod keychain;
mod sealed;
mod plain;
mod envelope;
mod private;
mod error;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use pai_bundle::provider::SecretRef;
use pai_bundle::secret::SecretNames;
use secrecy::{ExposeSecret, SecretString};

use self::private::Existing;
use self::sealed::Store;
use crate::settings::Settings;
use crate::source::Stamp;
use crate::token::Pepper;

pub use self::error::SecretError;
pub use self::sealed::Stored;

/// Most characters of a name and of a key, as Kubernetes has it.
const NAME_CHARS: usize = 253;

/// The reference under which the pepper of all token digests is kept.
fn pepper_ref() -> SecretRef {
    SecretRef { name: "pai-pepper".to_owned(), key: "pepper".to_owned() }
}

/// The places to look in.
#[derive(Debug, Clone)]
pub struct Secrets {
    places: Vec<Place>,
    store: Store,
    /// What lies unsealed in the state folder.
    plain: PathBuf,
}

#[derive(Debug, Clone)]
enum Place {
    Mounted(PathBuf),
    Environment,
    Keychain,
    /// The encrypted store, and what is not sealed yet.
    Own,
    /// One value for every name: the simulator's.
    Fixed(SecretString),
}

impl Secrets {
    /// Looks in `mounted` (as `DIR/NAME/KEY`, the way Kubernetes mounts Secrets), in the environment (as
    /// `PAI_SECRET_NAME_KEY`) and in the store under `state`.
    pub fn new(mounted: Option<PathBuf>, state: &Path) -> Self {
        let places = mounted.map(Place::Mounted).into_iter().chain([Place::Environment, Place::Own]);
        Self::in_places(places.collect(), state)
    }

    /// As a gateway with these settings looks for them.
    pub fn of(settings: &Settings) -> Self {
        let secrets = Self::new(settings.secrets.clone(), &settings.state);
        let secrets = secrets.with_key_file(settings.secrets_key.clone());
        if settings.keychain { secrets.with_keychain() } else { secrets }
    }

    /// Every provider's key is this text: for the simulator, which needs no real one. The pepper is still kept
    /// in the store.
    pub fn fixed(value: &str, state: &Path) -> Self {
        Self::in_places(vec![Place::Fixed(SecretString::from(value))], state)
    }

    fn in_places(places: Vec<Place>, state: &Path) -> Self {
        Self { places, store: Store::new(state), plain: state.join("secrets") }
    }

    /// The store's key file lies there, and not in the state folder.
    #[must_use]
    pub fn with_key_file(self, path: Option<PathBuf>) -> Self {
        match path {
            Some(path) => Self { store: self.store.keyed(path), ..self },
            None => self,
        }
    }

    /// The operating system's keychain is asked as well, before the store.
    #[must_use]
    pub fn with_keychain(mut self) -> Self {
        let before = self.places.iter().position(|place| matches!(place, Place::Own));
        self.places.insert(before.unwrap_or(self.places.len()), Place::Keychain);
        self
    }

    /// The secret, or `None` where no place has it.
    pub fn find(&self, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
        Ok(self.find_with_place(wanted)?.map(|(value, _)| value))
    }

    /// The place that has the secret, for people; `None` where none has it.
    pub fn place_of(&self, wanted: &SecretRef) -> Result<Option<String>, SecretError> {
        Ok(self.find_with_place(wanted)?.map(|(_, place)| self.in_words(place)))
    }

    fn find_with_place(&self, wanted: &SecretRef) -> Result<Option<(SecretString, &Place)>, SecretError> {
        well_named(wanted)?;
        for place in &self.places {
            let found = match place {
                Place::Mounted(folder) => mounted::find(folder, wanted)?,
                Place::Environment => environment::find(wanted),
                Place::Keychain => keychain::find(wanted)?,
                Place::Own => self.find_own(wanted)?,
                Place::Fixed(value) => Some(value.clone()),
            };
            if let Some(found) = found {
                return Ok(Some((usable(&found, wanted)?, place)));
            }
        }
        Ok(None)
    }

    /// What lies unsealed is the newer of the two: sealing removes it.
    fn find_own(&self, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
        match plain::find(&self.plain, wanted)? {
            Some(found) => Ok(Some(found)),
            None => self.store.find(wanted),
        }
    }

    /// Seals a secret into the store, in place of one of that name. Durable when this returns.
    pub fn keep(&self, name: &SecretRef, value: &SecretString) -> Result<(), SecretError> {
        well_named(name)?;
        self.store.keep(name, &usable(value, name)?, Existing::Replace)?;
        plain::forget(&self.plain, name).map(|_| ())
    }

    /// Whether [`Self::keep`] would take it.
    pub fn vet(&self, name: &SecretRef, value: &SecretString) -> Result<(), SecretError> {
        well_named(name)?;
        usable(value, name).map(|_| ())
    }

    /// Takes a secret out of the store; false where it was not there. Other places are not ours to change.
    pub fn forget(&self, name: &SecretRef) -> Result<bool, SecretError> {
        well_named(name)?;
        let (sealed, plain) = (self.store.forget(name)?, plain::forget(&self.plain, name)?);
        Ok(sealed || plain)
    }

    /// What the store has, sorted by name; without the pepper, which no manifest names.
    pub fn stored(&self) -> Result<Vec<Stored>, SecretError> {
        let mut list = self.store.list()?;
        for name in plain::names(&self.plain)? {
            let path = plain::path(&self.plain, &name);
            let written = std::fs::metadata(&path).and_then(|file| file.modified());
            list.push(Stored { name, written: written.map_err(|cause| SecretError::File { path, cause })? });
        }
        list.retain(|stored| stored.name != pepper_ref());
        list.sort_by(|one, other| one.name.cmp(&other.name));
        list.dedup_by(|one, other| one.name == other.name);
        Ok(list)
    }

    /// What a gateway does before it serves: no file of the store may be open to others, and what lies unsealed is sealed.
    /// Returns the names of those.
    pub fn prepare(&self) -> Result<Vec<SecretRef>, SecretError> {
        self.store.check()?;
        let mut sealed = Vec::new();
        for name in plain::names(&self.plain)? {
            if well_named(&name).is_err() {
                // No manifest can name it, so it is no secret of ours.
                continue;
            }
            // A crash in between leaves both, and they say the same.
            if let Some(value) = plain::find(&self.plain, &name)? {
                self.store.keep(&name, &usable(&value, &name)?, Existing::Replace)?;
                plain::forget(&self.plain, &name)?;
                sealed.push(name);
            }
        }
        Ok(sealed)
    }

    /// What a look at the secret's files shows without reading them. Another stamp means that there may be a new value;
    /// the environment cannot change, and the keychain shows nothing.
    pub(crate) fn stamps(&self, wanted: &SecretRef) -> Vec<Stamp> {
        let mut stamps = Vec::new();
        for place in &self.places {
            match place {
                Place::Mounted(folder) => {
                    stamps.push(Stamp::of_file(&folder.join(&wanted.name).join(&wanted.key)));
                }
                Place::Own => {
                    stamps.push(Stamp::of_file(&self.store.path(wanted)));
                    stamps.push(Stamp::of_file(&plain::path(&self.plain, wanted)));
                }
                Place::Environment | Place::Keychain | Place::Fixed(_) => {}
            }
        }
        stamps
    }

    /// The pepper of token digests; made and kept in the store the first time it is asked for.
    pub fn pepper(&self) -> Result<Pepper, SecretError> {
        let wanted = pepper_ref();
        let mut places: Vec<Place> =
            self.places.iter().filter(|place| !matches!(place, Place::Fixed(_))).cloned().collect();
        if !places.iter().any(|place| matches!(place, Place::Own)) {
            places.push(Place::Own);
        }
        let elsewhere = Self { places, ..self.clone() };
        if let Some(found) = elsewhere.find(&wanted)? {
            return Ok(Pepper::new(found));
        }
        let fresh = Pepper::mint()?;
        self.store.keep(&wanted, &SecretString::from(fresh.reveal()), Existing::Stay)?;
        // Two programs that ask first at the same time both use the one that got there.
        Ok(self.store.find(&wanted)?.map_or(fresh, Pepper::new))
    }

    /// The names of everything that can be found, for whoever checks references; no value is read. The pepper is left
    /// out: no manifest names it. The keychain lists nothing.
    pub fn names(&self) -> Result<SecretNames, SecretError> {
        let mut names = SecretNames::default();
        for place in &self.places {
            match place {
                Place::Mounted(folder) => names.files.extend(mounted::names(folder)?),
                Place::Own => names.files.extend(self.stored()?.into_iter().map(|stored| stored.name)),
                Place::Environment => names.variables.extend(environment::names()),
                Place::Keychain | Place::Fixed(_) => {}
            }
        }
        names.files.remove(&pepper_ref());
        Ok(names)
    }

    /// For people: the places in order.
    pub fn describe(&self) -> String {
        self.places.iter().map(|place| self.in_words(place)).collect::<Vec<_>>().join(", ")
    }

    fn in_words(&self, place: &Place) -> String {
        match place {
            Place::Mounted(folder) => format!("files in {}", folder.display()),
            Place::Environment => "the environment (PAI_SECRET_NAME_KEY)".to_owned(),
            Place::Keychain => "the keychain".to_owned(),
            Place::Own => format!("the encrypted store in {}", self.store.folder().display()),
            Place::Fixed(_) => "the simulator".to_owned(),
        }
    }
}

/// Names become parts of paths and of variables.
fn well_named(wanted: &SecretRef) -> Result<(), SecretError> {
    for name in [&wanted.name, &wanted.key] {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.len() > NAME_CHARS || name.starts_with('.') || !name.chars().all(plain) {
            return Err(SecretError::Name(name.clone()));
        }
    }
    Ok(())
}

/// Files end in a line break more often than not; it is no part of the secret.
fn usable(found: &SecretString, wanted: &SecretRef) -> Result<SecretString, SecretError> {
    let text = found.expose_secret().trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(SecretError::Unusable(format!("{}/{}", wanted.name, wanted.key)));
    }
    Ok(SecretString::from(text))
}
