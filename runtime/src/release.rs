//! From a source's bytes to a bundle that may be served: checked, trusted, loaded whole, or refused whole.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use pai_bundle::Bundle;
use pai_bundle::codec;
use pai_bundle::digest::Digest;

use crate::durable::{self, Readers};
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

impl ReleaseError {
    /// Whether there is no bundle at all, neither a good nor a bad one.
    fn is_absence(&self) -> bool {
        let Self::Source(SourceError::Unreadable { cause, .. }) = self else { return false };
        cause.kind() == std::io::ErrorKind::NotFound
    }

    /// What is wrong with manifests, a line for each; nothing of bundles.
    pub fn findings(&self) -> &[String] {
        match self {
            Self::Source(SourceError::Findings { findings, .. }) => findings,
            _ => &[],
        }
    }
}

/// Changes a bundle before it is served: how a simulator takes the place of every provider.
pub type Adaptation = Box<dyn Fn(&mut Bundle) + Send>;

/// A source, and what is asked of its bundles.
pub struct Releases {
    source: Box<dyn Source>,
    secrets: Secrets,
    trust: Option<Trust>,
    adapt: Option<Adaptation>,
    start: FirstBundle,
    /// The last one that was loaded: what of its guards has not changed, the next one goes on with.
    latest: Mutex<Weak<Snapshot>>,
}

/// What a gateway does whose bundle is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBundle {
    /// It does not start.
    MustBeThere,
    /// It starts, is not ready, and lets nobody in until there is one.
    MayCome,
}

/// A bundle that is ready to be served.
pub struct Release {
    /// Ready for requests.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Its signature; `None` where no public key was given.
    pub(crate) verified: Option<Verified>,
    /// Where it came from.
    pub(crate) origin: Origin,
    /// As they came; `None` of a snapshot that was made from none.
    pub(crate) bytes: Option<Packed>,
    digest: Digest,
}

/// A bundle's bytes, kept for operators who ask for them. Packed they are a tenth of what they are, and nobody is in a hurry.
#[derive(Debug, Clone)]
pub(crate) struct Packed(Arc<[u8]>);

impl Packed {
    fn new(bytes: &[u8]) -> std::io::Result<Self> {
        let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
        packing.write_all(bytes)?;
        Ok(Self(packing.finish()?.into()))
    }

    /// The bytes as they were.
    pub(crate) fn unpack(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(&*self.0).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Why a bundle that an operator sends is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// Bundles are made from something else than a file.
    #[error(
        "this gateway serves the manifests in `{0}`: edit them there, and it serves the change within a second"
    )]
    NoFile(String),
    /// There is one bundle and no next ones.
    #[error("this gateway serves one bundle, and takes no other")]
    Fixed,
    /// It may not be served.
    #[error("{0}")]
    Refused(#[from] ReleaseError),
    /// It cannot take the place of the one that is there.
    #[error("the bundle cannot be written to `{path}`: {cause}; replace the file where it comes from")]
    Kept {
        /// The file.
        path: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The gateway stops, or no longer loads anything.
    #[error("the gateway takes no bundles any more: it is stopping, or its log says why")]
    Gone,
}

/// Where the bundle in force came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// The source, as it was then.
    Source,
    /// The state folder, since the source's own was refused at the start.
    LastGood,
    /// Nowhere: there is none yet.
    None,
}

impl Origin {
    /// As `/status` says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::LastGood => "last-good",
            Self::None => "none",
        }
    }
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
    pub(crate) refused: Option<ReleaseError>,
}

impl Releases {
    /// Bundles of `source`, with keys from `secrets`.
    pub fn of(source: Box<dyn Source>, secrets: Secrets) -> Self {
        Self {
            source,
            secrets,
            trust: None,
            adapt: None,
            start: FirstBundle::MustBeThere,
            latest: Mutex::new(Weak::new()),
        }
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

    /// Starts also where there is no bundle yet, if `start` says so.
    #[must_use]
    pub fn starting(self, start: FirstBundle) -> Self {
        Self { start, ..self }
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
                Some(release) => (release, Some(refused)),
                None if self.start == FirstBundle::MayCome && refused.is_absence() => {
                    (self.nothing()?, Some(refused))
                }
                None => return Err(refused),
            },
        };
        Ok(Opening { release, following: Some(Following { releases: self, stamp, refused }) })
    }

    /// The bundle that the source has now.
    pub(crate) fn next(&self) -> Result<Release, ReleaseError> {
        let bytes = self.source.read()?;
        self.load(&bytes, Origin::Source, &self.describe())
    }

    /// Puts bytes that an operator sent into the place of the source's, whole and durable, or says why not.
    pub(crate) fn replace(&mut self, bytes: &[u8]) -> Result<Release, PushError> {
        let path = self.source.file().ok_or_else(|| PushError::NoFile(self.describe()))?.to_owned();
        let release = self.load(bytes, Origin::Source, "sent")?;
        let kept = |cause| PushError::Kept { path: path.display().to_string(), cause };
        let prepared = durable::prepare(&path, bytes, Readers::Anybody).map_err(kept)?;
        // Before the file: a restart in between has the newer one as the last good bundle, and never an older one.
        self.accept(&release)?;
        prepared.put().map_err(kept)?;
        Ok(release)
    }

    /// In place of a bundle: no provider, and nobody who could ask one.
    fn nothing(&self) -> Result<Release, ReleaseError> {
        let failed = |cause| ReleaseError::Snapshot { source_name: self.describe(), cause };
        let snapshot = Snapshot::of(Bundle::default(), &self.secrets).map_err(failed)?;
        Ok(Release { origin: Origin::None, ..Release::of(snapshot) })
    }

    fn last_good(&self) -> Option<Release> {
        let trust = self.trust.as_ref()?;
        let bytes = trust.last_good().ok()??;
        match self.load(&bytes, Origin::LastGood, &trust.path().display().to_string()) {
            Ok(release) => Some(release),
            Err(cause) => {
                tracing::error!(event = "bundle.last_good_unusable", %cause, "the last good bundle cannot be served");
                None
            }
        }
    }

    fn load(&self, bytes: &[u8], origin: Origin, name: &str) -> Result<Release, ReleaseError> {
        let snapshot = |cause: SnapshotError| ReleaseError::Snapshot { source_name: name.to_owned(), cause };
        let opened = codec::open(bytes).map_err(|cause| snapshot(cause.into()))?;
        // Nothing of the contents is read before it is known who wrote them.
        let verified = self
            .trust
            .as_ref()
            .map(|trust| trust.examine(&opened))
            .transpose()
            .map_err(|cause| ReleaseError::Trust { source_name: name.to_owned(), cause })?;
        let mut bundle = opened.contents().map_err(|cause| snapshot(cause.into()))?;
        let digest = opened.digest().clone();
        if let Some(adapt) = &self.adapt {
            adapt(&mut bundle);
        }
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = latest.upgrade();
        let built = Snapshot::build(bundle, digest.clone(), &self.secrets, before.as_deref());
        let snapshot = Arc::new(built.map_err(snapshot)?);
        *latest = Arc::downgrade(&snapshot);
        let bytes = Packed::new(bytes).ok();
        Ok(Release { snapshot, verified, origin, bytes, digest })
    }

    /// Makes a release the last good one; durable when this returns, so that no restart goes back behind it.
    pub(crate) fn accept(&mut self, release: &Release) -> Result<(), ReleaseError> {
        let (Some(trust), Some(verified)) = (&mut self.trust, &release.verified) else { return Ok(()) };
        let failed = |cause| ReleaseError::Trust { source_name: self.source.describe(), cause };
        let gone = || std::io::Error::other("its bytes are gone");
        let bytes = release.bytes.as_ref().ok_or_else(gone).and_then(Packed::unpack);
        let bytes = bytes
            .map_err(|cause| TrustError::Keep { path: trust.path().to_owned(), cause })
            .map_err(failed)?;
        trust.accept(&bytes, verified.serial, &release.digest).map_err(failed)
    }

    /// How long the source must have looked the same before it is read.
    pub(crate) fn quiet(&self) -> Duration {
        self.source.quiet()
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
        Self { release: Release::of(snapshot), following: None }
    }
}

impl Release {
    /// A snapshot that was made from no file.
    fn of(snapshot: Snapshot) -> Self {
        let digest = snapshot.digest.clone();
        Self { snapshot: Arc::new(snapshot), verified: None, origin: Origin::Source, bytes: None, digest }
    }
}
