//! Where a provider's key comes from: mounted files, then the environment, then the local store. Asked in that
//! order; the first that has it wins. Values are never printed, logged or compiled.

mod mounted;
mod environment;
mod local;

use std::path::PathBuf;

use pai_bundle::provider::SecretRef;
use pai_bundle::secret::SecretNames;
use secrecy::{ExposeSecret, SecretString};

use crate::token::{Pepper, RandomError};

/// The reference under which the pepper of all token digests is kept.
fn pepper_ref() -> SecretRef {
    SecretRef { name: "pai-pepper".to_owned(), key: "pepper".to_owned() }
}

/// A secret is there and must not be used, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Others can read it.
    #[error("secret file `{path}` can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be read or written.
    #[error("secret file `{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It is empty or not text.
    #[error("secret {0} is empty, or is not one line of text")]
    Unusable(String),
    /// The name leads somewhere else.
    #[error("`{0}` cannot be the name of a secret: use letters, digits, `-`, `.` and `_`")]
    Name(String),
    /// No randomness for a new one.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The places to look in.
#[derive(Debug, Clone)]
pub struct Secrets {
    places: Vec<Place>,
    local: PathBuf,
}

#[derive(Debug, Clone)]
enum Place {
    Mounted(PathBuf),
    Environment,
    Local(PathBuf),
    /// One value for every name: the simulator's.
    Fixed(SecretString),
}

impl Secrets {
    /// Looks in `mounted` (as `DIR/NAME/KEY`, the way Kubernetes mounts Secrets), in the environment (as
    /// `PAI_SECRET_NAME_KEY`) and in the local store under `state`.
    pub fn new(mounted: Option<PathBuf>, state: &std::path::Path) -> Self {
        let local = state.join("secrets");
        let places = mounted
            .map(Place::Mounted)
            .into_iter()
            .chain([Place::Environment, Place::Local(local.clone())])
            .collect();
        Self { places, local }
    }

    /// Every provider's key is this text: for the simulator, which needs no real one. The pepper is still kept
    /// in the local store.
    pub fn fixed(value: &str, state: &std::path::Path) -> Self {
        Self {
            places: vec![Place::Fixed(SecretString::from(value.to_owned()))],
            local: state.join("secrets"),
        }
    }

    /// The secret, or `None` where no place has it.
    pub fn find(&self, wanted: &SecretRef) -> Result<Option<SecretString>, SecretError> {
        well_named(wanted)?;
        for place in &self.places {
            let found = match place {
                Place::Mounted(folder) => mounted::find(folder, wanted)?,
                Place::Environment => environment::find(wanted),
                Place::Local(folder) => local::find(folder, wanted)?,
                Place::Fixed(value) => Some(value.clone()),
            };
            if let Some(found) = found {
                return usable(&found, wanted).map(Some);
            }
        }
        Ok(None)
    }

    /// Keeps a secret in the local store, in place of one of that name. Durable when this returns.
    pub fn keep(&self, name: &SecretRef, value: &SecretString) -> Result<(), SecretError> {
        well_named(name)?;
        local::store(&self.local, name, usable(value, name)?.expose_secret())
    }

    /// Takes a secret out of the local store; false where it was not there. Other places are not ours to change.
    pub fn forget(&self, name: &SecretRef) -> Result<bool, SecretError> {
        well_named(name)?;
        local::remove(&self.local, name)
    }

    /// The pepper of token digests; made and kept in the local store the first time it is asked for.
    pub fn pepper(&self) -> Result<Pepper, SecretError> {
        let wanted = pepper_ref();
        let elsewhere = Self {
            places: self.places.iter().filter(|place| !matches!(place, Place::Fixed(_))).cloned().collect(),
            local: self.local.clone(),
        };
        if let Some(found) = elsewhere.find(&wanted)? {
            return Ok(Pepper::new(found));
        }
        if let Some(found) = local::find(&self.local, &wanted)? {
            return Ok(Pepper::new(usable(&found, &wanted)?));
        }
        let fresh = Pepper::mint()?;
        local::store(&self.local, &wanted, fresh.reveal())?;
        Ok(fresh)
    }

    /// The names of everything that can be found, for whoever checks references; no value is read. The pepper is left
    /// out: no manifest names it.
    pub fn names(&self) -> Result<SecretNames, SecretError> {
        let mut names = SecretNames::default();
        for place in &self.places {
            match place {
                Place::Mounted(folder) | Place::Local(folder) => names.files.extend(mounted::names(folder)?),
                Place::Environment => names.variables.extend(environment::names()),
                Place::Fixed(_) => {}
            }
        }
        names.files.remove(&pepper_ref());
        Ok(names)
    }

    /// For people: the places in order.
    pub fn describe(&self) -> String {
        let places = self.places.iter().map(|place| match place {
            Place::Mounted(folder) => format!("files in {}", folder.display()),
            Place::Environment => "the environment (PAI_SECRET_NAME_KEY)".to_owned(),
            Place::Local(folder) => format!("the local store in {}", folder.display()),
            Place::Fixed(_) => "the simulator".to_owned(),
        });
        places.collect::<Vec<_>>().join(", ")
    }
}

/// Names become parts of paths and of variables.
fn well_named(wanted: &SecretRef) -> Result<(), SecretError> {
    for name in [&wanted.name, &wanted.key] {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
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
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn wanted(name: &str) -> SecretRef {
        SecretRef { name: name.into(), key: "api-key".into() }
    }

    #[test]
    fn mounted_files_come_before_the_local_store() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mounted, state) = (dir.path().join("mounted"), dir.path().join("state"));
        local::store(&state.join("secrets"), &wanted("a"), "from-store").expect("stored");
        let secrets = Secrets::new(Some(mounted.clone()), &state);
        let value = |secrets: &Secrets| {
            secrets.find(&wanted("a")).expect("readable").map(|found| found.expose_secret().to_owned())
        };
        assert_eq!(value(&secrets).as_deref(), Some("from-store"));
        std::fs::create_dir_all(mounted.join("a")).expect("folder");
        std::fs::write(mounted.join("a/api-key"), "from-file\n").expect("file");
        assert_eq!(value(&secrets).as_deref(), Some("from-file"));
        assert!(secrets.find(&wanted("b")).expect("readable").is_none());
    }

    #[test]
    fn what_is_kept_is_found_until_it_is_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(None, dir.path());
        let value = |secrets: &Secrets| {
            secrets.find(&wanted("a")).expect("readable").map(|found| found.expose_secret().to_owned())
        };
        for text in ["first", "second"] {
            secrets.keep(&wanted("a"), &SecretString::from(text)).expect("kept");
            assert_eq!(value(&secrets).as_deref(), Some(text));
        }
        assert!(secrets.forget(&wanted("a")).expect("forgotten"));
        assert_eq!(value(&secrets), None);
        assert!(!secrets.forget(&wanted("a")).expect("nothing to forget"));
        assert!(matches!(secrets.keep(&wanted("../a"), &SecretString::from("x")), Err(SecretError::Name(_))));
        assert!(matches!(
            secrets.keep(&wanted("a"), &SecretString::from("two\nlines")),
            Err(SecretError::Unusable(_))
        ));
    }

    #[test]
    fn names_are_listed_without_the_pepper() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mounted, state) = (dir.path().join("mounted"), dir.path().join("state"));
        local::store(&state.join("secrets"), &wanted("a"), "x").expect("stored");
        std::fs::create_dir_all(mounted.join("b/..data")).expect("folder");
        std::fs::write(mounted.join("b/api-key"), "x").expect("file");
        let secrets = Secrets::new(Some(mounted), &state);
        secrets.pepper().expect("a pepper");
        let names = secrets.names().expect("readable");
        assert_eq!(names.files.into_iter().collect::<Vec<_>>(), [wanted("a"), wanted("b")]);
        assert_eq!(Secrets::new(None, &dir.path().join("none")).names().expect("readable").files.len(), 0);
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(None, dir.path());
        local::store(&dir.path().join("secrets"), &wanted("a"), "x").expect("stored");
        let file = dir.path().join("secrets/a/api-key");
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(secrets.find(&wanted("a")), Err(SecretError::TooOpen { mode: 0o644, .. })));
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(Some(dir.path().to_owned()), dir.path());
        for name in ["..", "../x", "a/b", "", ".hidden"] {
            assert!(matches!(secrets.find(&wanted(name)), Err(SecretError::Name(_))), "{name}");
        }
    }

    #[test]
    fn the_pepper_is_made_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = Secrets::new(None, dir.path()).pepper().expect("a pepper");
        let second = Secrets::fixed("simulated", dir.path()).pepper().expect("a pepper");
        assert_eq!(first.id(), second.id());
    }
}
