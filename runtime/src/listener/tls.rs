//! The certificate that callers see: read from PEM files, read again when they change, and the last good one kept.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use pai_bundle::unit::UnixSeconds;
use pai_ledger::Calendar;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::version::{H2, HTTP_1_1};
use crate::settings::TlsFiles;
use crate::source::Stamp;

/// A certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {cause}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Others can read the key.
    #[error("the private key `{path}` can be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is no certificate in the file.
    #[error("`{path}` is not a certificate in PEM (`-----BEGIN CERTIFICATE-----`): {cause}")]
    Certificate {
        /// Which.
        path: PathBuf,
        /// What is there instead.
        cause: String,
    },
    /// There is no key in the file.
    #[error("`{path}` is not a private key in PEM (`-----BEGIN PRIVATE KEY-----`): {cause}")]
    Key {
        /// Which.
        path: PathBuf,
        /// What is there instead.
        cause: String,
    },
    /// The two do not go together.
    #[error("certificate `{}` and private key `{}` do not go together: {cause}", .files.certificate.display(), .files.key.display())]
    Pair {
        /// Which.
        files: TlsFiles,
        /// Why not.
        cause: rustls::Error,
    },
}

/// The pair in use, and what became of the files since.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    report: Mutex<TlsReport>,
}

/// As `/status` prints it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TlsReport {
    /// The certificate's file.
    certificate: String,
    /// When the pair in use was read, RFC 3339.
    pub(crate) loaded_at: String,
    /// Why the files' present contents are not in use; null when they are.
    pub(crate) refused: Option<String>,
}

impl Tls {
    /// Reads the pair.
    pub(crate) fn open(files: TlsFiles, now: UnixSeconds) -> Result<Self, TlsError> {
        let config = read(&files)?;
        let certificate = files.certificate.display().to_string();
        let report = TlsReport { certificate, loaded_at: time(now), refused: None };
        Ok(Self { files, config: ArcSwap::from_pointee(config), report: Mutex::new(report) })
    }

    /// For the next connection. Those that are open keep what they began with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// What is in use, of one moment.
    pub(crate) fn report(&self) -> TlsReport {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files again and again, and takes a new pair when it is one.
    pub(crate) async fn watch(&self, every: Duration, calendar: &Calendar) {
        let mut seen = self.stamps();
        loop {
            tokio::time::sleep(every).await;
            // Before reading: a file that changes in between is read once more.
            let current = self.stamps();
            if seen != current {
                seen = current;
                self.read_again(calendar.look().wall);
            }
        }
    }

    fn read_again(&self, now: UnixSeconds) {
        let read = read(&self.files);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(config) => {
                self.config.store(Arc::new(config));
                report.loaded_at = time(now);
                report.refused = None;
                tracing::info!(event = "tls.loaded", certificate = report.certificate);
            }
            Err(cause) => {
                tracing::error!(event = "tls.refused", %cause, "the certificate in use stays");
                report.refused = Some(cause.to_string());
            }
        }
    }

    fn stamps(&self) -> [Stamp; 2] {
        [&self.files.certificate, &self.files.key].map(|path| Stamp::of_file(path))
    }
}

/// What connections are offered, if the files have a certificate and its key.
fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let path = || files.certificate.clone();
    let chain = CertificateDer::pem_slice_iter(&bytes(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|cause| TlsError::Certificate { path: path(), cause: cause.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::Certificate { path: path(), cause: "there is none in it".to_owned() });
    }
    private(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?)
        .map_err(|cause| TlsError::Key { path: files.key.clone(), cause: cause.to_string() })?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| TlsError::Pair { files: files.clone(), cause })?;
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Ok(config)
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = std::fs::read(path).map(Zeroizing::new);
    read.map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })
}

/// Its owner's, and at most its group's to read: that is how packages of distributions and Kubernetes give keys to a
/// service that is not root.
fn private(path: &Path) -> Result<(), TlsError> {
    const NOT_THEIRS: u32 = 0o037;
    let found = std::fs::metadata(path);
    let mode =
        found.map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })?.permissions().mode()
            & 0o777;
    if mode & NOT_THEIRS != 0 {
        return Err(TlsError::TooOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

fn time(now: UnixSeconds) -> String {
    jiff::Timestamp::from_second(now.0).map(|at| at.to_string()).unwrap_or_default()
}
