//! TLS for clients: one certificate, and whose certificates of clients are good, read again when the files change.
//!
//! Clients are asked for a certificate where there is a CA for them, and need none: browsers have none. One that is not
//! good ends the handshake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Protocols offered, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or is no PEM.
    #[error("cannot read {path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key is of no known kind, or not that of the certificate.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
    /// Nothing can be vouched for with these.
    #[error("the CA of clients cannot be used: {0}")]
    Ca(#[from] rustls::server::VerifierBuilderError),
}

/// A certificate and its key, ready to serve.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    /// What connections that begin now are served with.
    served: Arc<ArcSwap<ServerConfig>>,
}

/// Where all of it comes from.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl Tls {
    /// Reads a certificate chain (its own first) and its key, both PEM; and the certificates, PEM too, that vouch for
    /// clients, if there are any.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let files = Files { certificate, key, client_ca: client_ca.map(Path::to_owned) };
        let served = Arc::new(ArcSwap::from(files.read()?));
        Ok(Self { files, served })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.served.load_full())
    }

    /// Takes over what the files say now; what is served already stays when they cannot be used.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn reload(&self) -> Result<(), TlsError> {
        self.served.store(self.files.read()?);
        Ok(())
    }

    /// Reloads whenever a file has changed; never ends.
    pub(crate) async fn keep_fresh(&self) {
        let mut seen = self.files.changed_at();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.files.changed_at();
            if now == seen {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    tracing::info!("the certificate was read again");
                    seen = now;
                }
                // The other file may not be written yet: look again.
                Err(error) => tracing::warn!(error.message = %error, "the new certificate is not used"),
            }
        }
    }
}

impl Files {
    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unreadable(&self.key, &error));
        let own = CertifiedKey::from_der(certificates(&self.certificate)?, key?, &provider)?;
        let resolver = Arc::new(SingleCertAndKey::from(own));
        let verifier = self.client_ca.as_deref().map(|path| verifier(path, &provider)).transpose()?;
        let asks_clients = verifier.is_some();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        if asks_clients {
            // A session that is taken up again is not judged again: its certificate might have expired meanwhile.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Arc::new(config))
    }

    fn changed_at(&self) -> [Option<SystemTime>; 3] {
        let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        [changed(&self.certificate), changed(&self.key), self.client_ca.as_deref().and_then(changed)]
    }
}

/// Judges clients' certificates by those of the CA.
fn verifier(ca: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| unreadable(ca, &error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(verifier.allow_unauthenticated().build()?)
}

/// The certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, &error))?;
    if found.is_empty() { Err(unreadable(path, &"there is no certificate in it")) } else { Ok(found) }
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: reason.to_string() }
}
