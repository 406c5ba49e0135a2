//! What went wrong with a connection, in a sentence that names the server and says what to do.
//!
//! Owns the words only; the same ones are counted for every connection that fails alike. Tested in `tests/tls.rs`.

use std::io;

use rustls::{CertificateError, Error, InvalidMessage};

use super::client::TlsClient;

/// Why nothing more can be received.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The socket.
    Io(io::Error),
    /// The records, or what they say.
    Tls(Error),
    /// The peer ended the connection and did not say so before (`close_notify`): what is missing is not known. Whether that was
    /// in the middle of a record.
    Cut { is_mid_record: bool },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Tls(error)
    }
}

impl Fault {
    /// What an error of the library's own stream means.
    pub fn of_stream(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(inner) => Self::Tls(inner.clone()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Cut { is_mid_record: false },
            None => Self::Io(error),
        }
    }
}

impl TlsClient {
    /// Why there is no agreement.
    pub fn explain_handshake(&self, fault: &Fault) -> String {
        let origin = &self.origin;
        match fault {
            // What a blocking socket says whose time is up.
            Fault::Io(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                self.explain_timeout()
            }
            Fault::Io(error) => {
                format!("{origin} broke off the TLS handshake ({}): {}", error.kind(), self.ask_for_port())
            }
            Fault::Cut { .. } => {
                format!("{origin} ended the connection during the TLS handshake: {}", self.ask_for_port())
            }
            Fault::Tls(Error::InvalidCertificate(error)) => self.explain_certificate(error),
            Fault::Tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                format!("{origin} does not answer in TLS: {}", self.ask_for_port())
            }
            Fault::Tls(Error::AlertReceived(alert)) => {
                format!("{origin} refuses the TLS handshake ({alert:?}): look at the server's log for the reason")
            }
            Fault::Tls(error) => format!("{origin} and this client do not agree on TLS: {error}"),
        }
    }

    /// Why an agreement did not come in time.
    pub fn explain_timeout(&self) -> String {
        format!("{} did not finish the TLS handshake in time: {}", self.origin, self.ask_for_port())
    }

    /// Why an open connection is over.
    pub fn explain(fault: &Fault) -> String {
        match fault {
            Fault::Io(error) => error.kind().to_string(),
            Fault::Tls(error) => format!("TLS: {error}"),
            Fault::Cut { is_mid_record: true } => "cut off in the middle of a TLS record".into(),
            Fault::Cut { is_mid_record: false } => "end of stream without TLS's close_notify".into(),
        }
    }

    fn ask_for_port(&self) -> String {
        format!("use the port that speaks TLS, or {}:// for one that does not", self.plain_scheme)
    }

    fn explain_certificate(&self, error: &CertificateError) -> String {
        use CertificateError::{
            BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
            NotValidYetContext, UnknownIssuer,
        };
        let (origin, insecure) = (&self.origin, "or verify nothing with --insecure");
        match error {
            // The second is what another authority of the same name leads to: a new one in the place of an old one.
            UnknownIssuer | BadSignature => format!(
                "{origin} shows a certificate of an authority that is not trusted here: name a file with that authority's \
                 certificate with --ca, {insecure}"
            ),
            Expired | ExpiredContext { .. } => {
                format!("{origin} shows a certificate that has expired: renew it at the server, {insecure}")
            }
            NotValidYet | NotValidYetContext { .. } => {
                format!("{origin} shows a certificate that is not valid yet: set the clock right, {insecure}")
            }
            NotValidForNameContext { presented, .. } => {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
                format!("{origin} shows a certificate for {names}: ask for a name that it is for, {insecure}")
            }
            NotValidForName => {
                format!("{origin} shows a certificate for another name: ask for a name that it is for, {insecure}")
            }
            // The library's own error has no type here.
            error if error.to_string().contains("CaUsedAsEndEntity") => format!(
                "{origin} shows the certificate of an authority as its own: make one that is none (CA:FALSE), {insecure}"
            ),
            error => {
                format!("{origin} shows a certificate that cannot be verified ({error}): use another one, {insecure}")
            }
        }
    }
}

/// A name as the library lists it, without its kind: `DnsName("a.b")`, `IpAddress(::1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}
