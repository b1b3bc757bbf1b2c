//! From a source's bytes to a bundle that may be served: checked, trusted, loaded whole, or refused whole.

use std::sync::Arc;

use pai_bundle::Bundle;
use pai_bundle::codec;
use pai_bundle::digest::Digest;

use crate::secret::{SecretError, Secrets};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::source::{Source, SourceError, Stamp};
use crate::trust::{Trust, TrustError, Verified};

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// There are no bytes.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// They are no bundle, or one that cannot be served.
    #[error("bundle `{source_name}`: {cause}")]
    Snapshot {
        /// Where it came from.
        source_name: String,
        /// What is wrong.
        cause: SnapshotError,
    },
    /// The store of secrets is open to others, or cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Not signed, not by a trusted key, or older than what was served before.
    #[error("bundle `{source_name}`: {cause}")]
    Trust {
        /// Where it came from.
        source_name: String,
        /// What is wrong.
        cause: TrustError,
    },
}

/// Changes a bundle before it is served: how a simulator takes the place of every provider.
pub type Adaptation = Box<dyn Fn(&mut Bundle) + Send>;

/// A source, and what is asked of its bundles.
pub struct Releases {
    source: Box<dyn Source>,
    secrets: Secrets,
    trust: Option<Trust>,
    adapt: Option<Adaptation>,
}

/// A bundle that is ready to be served.
pub struct Release {
    /// Ready for requests.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its signature; `None` where no public key was given.
    pub(crate) verified: Option<Verified>,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// To be kept as the last good one.
    bytes: Vec<u8>,
    digest: Digest,
}

/// Where the bundle in force came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// The source, as it was then.
    Source,
    /// The state folder, since the source's own was refused at the start.
    LastGood,
}

/// What a gateway starts with: a bundle, and where the next ones come from.
pub struct Opening {
    pub(crate) release: Release,
    pub(crate) following: Option<Following>,
}

/// Where the next bundles come from.
pub(crate) struct Following {
    pub(crate) releases: Releases,
    /// The source's stamp before its first bundle was read.
    pub(crate) stamp: Stamp,
    /// Why the source's own bundle is not the one in force.
    pub(crate) refused: Option<String>,
}

impl Releases {
    /// Bundles of `source`, with keys from `secrets`.
    pub fn of(source: Box<dyn Source>, secrets: Secrets) -> Self {
        Self { source, secrets, trust: None, adapt: None }
    }

    /// Takes signed bundles only, where there is a `trust`.
    #[must_use]
    pub fn trusting(self, trust: Option<Trust>) -> Self {
        Self { trust, ..self }
    }

    /// Changes every bundle before it is served. What is signed is checked before.
    #[must_use]
    pub fn adapted(self, adapt: Adaptation) -> Self {
        Self { adapt: Some(adapt), ..self }
    }

    /// The first bundle. With public keys, a source that has none to trust leaves the last good one in force, and the
    /// gateway says so; without, there is no telling which of the two is right, and that is an error.
    pub fn open(self) -> Result<Opening, ReleaseError> {
        // Before anything is served, and before any bundle is looked at: what others can read is no secret.
        for name in self.secrets.prepare()? {
            tracing::info!(event = "secret.sealed", secret = %name.name, key = %name.key, "it lay unsealed in the store");
        }
        let stamp = self.source.stamp();
        let (release, refused) = match self.next() {
            Ok(release) => (release, None),
            Err(refused) => match self.last_good() {
                Some(release) => (release, Some(refused.to_string())),
                None => return Err(refused),
            },
        };
        Ok(Opening { release, following: Some(Following { releases: self, stamp, refused }) })
    }

    /// The bundle that the source has now.
    pub(crate) fn next(&self) -> Result<Release, ReleaseError> {
        let bytes = self.source.read()?;
        self.load(bytes, Origin::Source)
    }

    fn last_good(&self) -> Option<Release> {
        let trust = self.trust.as_ref()?;
        let bytes = trust.last_good().ok()??;
        match self.load(bytes, Origin::LastGood) {
            Ok(release) => Some(release),
            Err(cause) => {
                tracing::error!(event = "bundle.last_good_unusable", %cause, "the last good bundle cannot be served");
                None
            }
        }
    }

    fn load(&self, bytes: Vec<u8>, origin: Origin) -> Result<Release, ReleaseError> {
        let name = || match (origin, &self.trust) {
            (Origin::LastGood, Some(trust)) => trust.path().display().to_string(),
            _ => self.describe(),
        };
        let snapshot = |cause: SnapshotError| ReleaseError::Snapshot { source_name: name(), cause };
        let opened = codec::open(&bytes).map_err(|cause| snapshot(cause.into()))?;
        // Nothing of the contents is read before it is known who wrote them.
        let verified = self
            .trust
            .as_ref()
            .map(|trust| trust.examine(&opened))
            .transpose()
            .map_err(|cause| ReleaseError::Trust { source_name: name(), cause })?;
        let mut bundle = opened.contents().map_err(|cause| snapshot(cause.into()))?;
        let digest = opened.digest().clone();
        if let Some(adapt) = &self.adapt {
            adapt(&mut bundle);
        }
        let snapshot = Snapshot::build(bundle, digest.clone(), &self.secrets).map_err(snapshot)?;
        let bytes = if verified.is_some() { bytes } else { Vec::new() };
        Ok(Release { snapshot: Arc::new(snapshot), verified, origin, bytes, digest })
    }

    /// Makes a release the last good one; durable when this returns, so that no restart goes back behind it.
    pub(crate) fn accept(&mut self, release: &Release) -> Result<(), ReleaseError> {
        let (Some(trust), Some(verified)) = (&mut self.trust, &release.verified) else { return Ok(()) };
        trust
            .accept(&release.bytes, verified.serial, &release.digest)
            .map_err(|cause| ReleaseError::Trust { source_name: self.source.describe(), cause })
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.source.stamp()
    }

    pub(crate) fn describe(&self) -> String {
        self.source.describe()
    }
}

impl From<Snapshot> for Opening {
    /// One bundle and no next ones.
    fn from(snapshot: Snapshot) -> Self {
        let digest = snapshot.digest.clone();
        let release = Release {
            snapshot: Arc::new(snapshot),
            verified: None,
            origin: Origin::Source,
            bytes: Vec::new(),
            digest,
        };
        Self { release, following: None }
    }
}
