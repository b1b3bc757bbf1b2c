//! What is true where and when a workspace is checked, and stands in no manifest. The caller says what it knows; about
//! the rest nothing is found.

use pai_bundle::secret::SecretNames;
use pai_bundle::unit::UnixSeconds;

/// Time and place. They change findings, never the bundle.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The time; without it nothing is said about what has expired.
    pub now: Option<UnixSeconds>,
    /// The secrets that are there, by name; without them nothing is said about secrets that are missing.
    pub secrets: Option<SecretNames>,
}
