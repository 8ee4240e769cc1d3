//! Certificates by which clients show who they are, beside their tokens.
//!
//! Whether one is good was decided in the handshake, which a bad one ends. Here is what a good one says, for the record.

use std::sync::Arc;

use audit_event::{Event, Json, Target};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::activity::success;
use crate::problem::{Code, Problem};
use crate::visitor::Visitor;

/// Names that the record shows of one certificate.
const MOST_NAMES: usize = 16;
/// Characters of each.
const LONGEST: usize = 256;

/// What a client's certificate says; an extension of the requests of its connection.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate(Arc<Said>);

#[derive(Debug)]
struct Said {
    /// As RFC 4514 writes it; may be empty.
    subject: String,
    /// Alternative names: DNS names, mail addresses, URIs and IP addresses.
    names: Vec<String>,
    /// SHA-256 of the whole, in hexadecimal.
    fingerprint: String,
}

impl ClientCertificate {
    /// Reads the certificate of a connection.
    pub fn of(der: &CertificateDer<'_>) -> Self {
        let fingerprint = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
        let (subject, names) = Certificate::from_der(der).map(|read| said(&read)).unwrap_or_default();
        Self(Arc::new(Said { subject, names, fingerprint }))
    }

    /// The event of a visitor who brings events by a connection with this certificate.
    pub fn sends(&self, visitor: &Visitor) -> Event<'static> {
        let Said { subject, names, fingerprint } = &*self.0;
        let name = if subject.is_empty() { names.first() } else { Some(subject) };
        let target = Target {
            kind: Some("certificate".into()),
            id: Some(fingerprint.clone().into()),
            name: name.cloned().map(Into::into),
        };
        let names: Vec<_> = names.iter().cloned().map(Json::from).collect();
        let details = Json::object([
            ("subject", Json::from(subject.clone())),
            ("alternative_names", Json::Array(names)),
        ]);
        Event {
            target: Some(target),
            details: Some(details),
            ..success(visitor.did("source.sender_identified"))
        }
    }

    /// What tells it from others.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }
}

/// The answer to who brings events without one, where it is needed.
pub(crate) fn needed() -> Problem {
    let detail = "this needs a client certificate: connect with one that tls.client_ca_file vouches for";
    Problem::new(Code::CertificateRequired, detail)
}

fn said(certificate: &Certificate) -> (String, Vec<String>) {
    let certificate = certificate.tbs_certificate();
    let named = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let names = named.into_iter().flat_map(|(_, SubjectAltName(names))| names);
    let names = names.filter_map(|name| text(&name)).take(MOST_NAMES).collect();
    (certificate.subject().to_string().chars().take(LONGEST).collect(), names)
}

fn text(name: &GeneralName) -> Option<String> {
    let text = match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => text.as_str().chars().take(LONGEST).collect(),
        GeneralName::IpAddress(bytes) => match *bytes.as_bytes() {
            [a, b, c, d] => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
            ref bytes => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        },
        _ => return None,
    };
    Some(text)
}
