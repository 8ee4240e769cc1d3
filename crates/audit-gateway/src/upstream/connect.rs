//! Opening a connection, through TLS where the URL says so.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::link::Link;
use super::{Config, Error};

/// Why a client for a server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The URL is not one.
    #[error("the upstream must be a URL such as http://127.0.0.1:8080")]
    Url,
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates to trust: {0}")]
    Certificates(String),
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Opens connections to one server.
pub(super) struct Connector {
    host: String,
    port: u16,
    authority: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Connector {
    pub fn build(url: &Uri, config: &Config) -> Result<Self, BuildError> {
        let authority = url.authority().ok_or(BuildError::Url)?;
        if authority.as_str().contains('@') || url.query().is_some() {
            return Err(BuildError::Url);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (standard_port, tls) = match url.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| BuildError::Url)?;
                (443, Some((tls_connector(config.ca_file.as_deref())?, name)))
            }
            _ => return Err(BuildError::Url),
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(standard_port),
            authority: authority.as_str().to_owned(),
            tls,
            timeout: config.connect_timeout,
        })
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub async fn connect(&self) -> Result<Box<Link>, Error> {
        match tokio::time::timeout(self.timeout, self.open()).await {
            Ok(Ok(stream)) => Link::over(stream).await,
            Ok(Err(error)) => Err(Error::Connect(error)),
            Err(_) => Err(Error::ConnectTimedOut),
        }
    }

    async fn open(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let transport = match &self.tls {
            None => Transport::Plain(stream),
            Some((connector, name)) => {
                Transport::Tls(Box::new(connector.connect(name.clone(), stream).await?))
            }
        };
        Ok(Stream { transport, moved: Arc::default() })
    }
}

fn tls_connector(ca_file: Option<&Path>) -> Result<TlsConnector, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The file's certificates, or the system's. A certificate of the system that cannot be read is left out, as other
/// programs do; one of the file is an error.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca_file else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let fail =
        |error: &dyn std::fmt::Display| BuildError::Certificates(format!("{}: {error}", path.display()));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))? {
        roots.add(certificate.map_err(|error| fail(&error))?).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() { Err(fail(&"no certificate in it")) } else { Ok(roots) }
}

/// A connection's bytes, counted.
pub(super) struct Stream {
    transport: Transport,
    moved: Moved,
}

/// Grows with every byte in either direction: tells a quiet connection from a busy one.
pub(super) type Moved = Arc<AtomicU64>;

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub fn moved(&self) -> Moved {
        Arc::clone(&self.moved)
    }

    pub fn into_io(self) -> TokioIo<Self> {
        TokioIo::new(self)
    }

    fn count(&self, bytes: usize) {
        self.moved.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

macro_rules! each {
    ($self:ident, $stream:ident => $do:expr) => {
        match &mut $self.transport {
            Transport::Plain($stream) => $do,
            Transport::Tls($stream) => $do,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = each!(self, stream => Pin::new(stream).poll_read(cx, buffer));
        self.count(buffer.filled().len() - before);
        result
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = each!(self, stream => Pin::new(stream).poll_write(cx, bytes));
        if let Poll::Ready(Ok(written)) = &result {
            self.count(*written);
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = each!(self, stream => Pin::new(stream).poll_write_vectored(cx, pieces));
        if let Poll::Ready(Ok(written)) = &result {
            self.count(*written);
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
