//! Certificates by which clients show who they are: nobody needs one but, if so set, who brings events.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit_control::Role;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::app::{App, event};
use crate::{Around, Config, Tls};

/// Who vouches for certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
struct Shown {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, adjust: impl FnOnce(&mut CertificateParams)) -> Shown {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "sender-1");
        params.distinguished_name.push(DnType::OrganizationName, "Kestrel Parts");
        params.subject_alt_names = vec![
            SanType::DnsName("sender-1.example".try_into().unwrap()),
            SanType::URI("spiffe://kestrel/sender-1".try_into().unwrap()),
            SanType::IpAddress("192.0.2.1".parse().unwrap()),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        Shown { certificate, key }
    }

    fn good(&self) -> Shown {
        self.issue(|_| {})
    }
}

struct Server {
    app: App,
    address: SocketAddr,
    roots: RootCertStore,
    tls: Tls,
    directory: tempfile::TempDir,
}

impl Server {
    /// Over TLS, with `clients` vouching for those who connect.
    async fn start(clients: &Authority, is_needed: bool) -> Self {
        let app = App::start_with(Config { certificate_to_append: is_needed, ..Config::default() });
        let directory = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str| directory.path().join(name);
        std::fs::write(file("own.pem"), own.cert.pem()).unwrap();
        std::fs::write(file("own.key"), own.signing_key.serialize_pem()).unwrap();
        trust(directory.path(), clients);
        let tls = Tls::load(&file("own.pem"), &file("own.key"), Some(&file("clients.pem"))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let around = Around { tls: Some(tls.clone()), ..Around::default() };
        tokio::spawn(crate::serve(listener, app.state.clone(), around, std::future::pending()));
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        Self { app, address, roots, tls, directory }
    }

    /// Sends a request over a connection with this certificate, and gives what comes back.
    async fn ask(&self, shown: Option<&Shown>, request: &str) -> std::io::Result<String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(Shown { certificate, key }) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                config.with_client_auth_cert(vec![certificate.clone()], key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap()?;
        Ok(String::from_utf8(answer).unwrap())
    }

    async fn append(&self, shown: Option<&Shown>, id: &str) -> std::io::Result<String> {
        let body = event(id, 0, &json!({})).to_string();
        let request = format!(
            "POST /api/v1/auditlog/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\
             \r\nContent-Length: {}\r\n\r\n{body}",
            self.app.token(Role::Ingest),
            body.len(),
        );
        self.ask(shown, &request).await
    }
}

fn trust(directory: &Path, clients: &Authority) {
    std::fs::write(directory.join("clients.pem"), clients.0.pem()).unwrap();
}

const PAGE: &str = "GET /audit/sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const WEBHOOK: &str = "POST /api/v1/auditlog/sources/openwebui/main/secret HTTP/1.1\r\nHost: localhost\r\n\
                       Connection: close\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_good_certificate_is_on_record_with_what_it_says() {
    let clients = Authority::new();
    let server = Server::start(&clients, true).await;
    let shown = clients.good();
    for id in ["a", "b", "c"] {
        let answer = server.append(Some(&shown), id).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let recorded = server.app.deeds("source.sender_identified").await;
    assert_eq!(recorded.len(), 1, "the same again is counted: {recorded:?}");
    let recorded = &recorded[0];
    assert_eq!(recorded["actor"]["name"], "ingest");
    assert_eq!(recorded["target"]["type"], "certificate");
    assert_eq!(recorded["target"]["id"].as_str().unwrap().len(), 64);
    let subject = recorded["details"]["subject"].as_str().unwrap();
    assert!(subject.contains("CN=sender-1") && subject.contains("O=Kestrel Parts"), "{subject}");
    let names = json!(["sender-1.example", "spiffe://kestrel/sender-1", "192.0.2.1"]);
    assert_eq!(recorded["details"]["alternative_names"], names);
    assert_eq!((&recorded["source"], &recorded["client"]["ip"]), (&json!("internal"), &json!("127.0.0.1")));
}

#[tokio::test]
async fn without_one_pages_are_read_and_no_events_are_taken_where_it_is_needed() {
    let clients = Authority::new();
    let server = Server::start(&clients, true).await;
    assert!(server.ask(None, PAGE).await.unwrap().starts_with("HTTP/1.1 200"));
    for refused in [server.append(None, "a").await.unwrap(), server.ask(None, WEBHOOK).await.unwrap()] {
        assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("certificate_required"), "{refused}");
    }
    let refusals = server.app.deeds("audit.access_denied").await;
    let paths: Vec<_> = refusals.iter().map(|refusal| refusal["http"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/api/v1/auditlog/events", "/api/v1/auditlog/sources/openwebui/main"]);
    assert!(refusals.iter().all(|refusal| refusal["reason"] == "certificate_required"), "{refusals:?}");
}

#[tokio::test]
async fn where_it_is_not_needed_a_token_is_enough_and_a_certificate_is_none() {
    let clients = Authority::new();
    let server = Server::start(&clients, false).await;
    assert!(server.append(None, "a").await.unwrap().starts_with("HTTP/1.1 201"));
    let answer = server.ask(Some(&clients.good()), WEBHOOK).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_certificate_that_is_not_good_ends_the_handshake() {
    let clients = Authority::new();
    let server = Server::start(&clients, false).await;
    let bad = [
        ("of another CA", Authority::new().good()),
        ("expired", clients.issue(|params| params.not_after = date_time_ymd(2024, 1, 1))),
        ("not yet valid", clients.issue(|params| params.not_before = date_time_ymd(2900, 1, 1))),
        (
            "for servers",
            clients.issue(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
    ];
    for (what, shown) in &bad {
        let answer = server.ask(Some(shown), PAGE).await;
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
    assert!(server.ask(Some(&clients.good()), PAGE).await.is_ok());
}

#[tokio::test]
async fn another_ca_counts_from_the_next_connection_on() {
    let (former, next) = (Authority::new(), Authority::new());
    let server = Server::start(&former, true).await;
    let (old, new) = (former.good(), next.good());
    assert!(server.append(Some(&old), "a").await.is_ok() && server.append(Some(&new), "b").await.is_err());
    std::fs::write(server.directory.path().join("clients.pem"), "nonsense").unwrap();
    assert!(server.tls.reload().is_err());
    assert!(server.append(Some(&old), "c").await.is_ok(), "what is trusted stays");
    trust(server.directory.path(), &next);
    server.tls.reload().unwrap();
    assert!(server.append(Some(&old), "d").await.is_err() && server.append(Some(&new), "e").await.is_ok());
}

#[test]
fn a_ca_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (certificate, key) =
        (file("own.pem", &own.cert.pem()), file("own.key", &own.signing_key.serialize_pem()));
    for content in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = Tls::load(&certificate, &key, Some(&file("clients.pem", content))).err().unwrap();
        assert!(error.to_string().contains("clients.pem"), "{error}");
    }
}
