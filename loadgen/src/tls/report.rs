//! What was agreed on, with how many connections, and how long agreeing took.

use std::{collections::BTreeMap, time::Duration};

use rustls::{CommonState, ProtocolVersion};
use serde::{Deserialize, Serialize};

use super::client::TlsClient;
use crate::stats::{Latency, LatencyReport};

/// The TLS of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TlsReport {
    /// Whether the server's certificate was verified; `--insecure` does not.
    pub verified: bool,
    /// Version and cipher suite (`TLS 1.3, TLS13_AES_256_GCM_SHA384`) with the number of handshakes that agreed on them.
    pub agreed: BTreeMap<String, u64>,
    /// From the connection being made to both sides having keys. All of the run, not of its window.
    pub handshakes: LatencyReport,
}

/// The same while it is being counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handshakes {
    agreed: BTreeMap<String, u64>,
    latency: Latency,
}

impl Handshakes {
    /// Counts one that took this long.
    pub fn count(&mut self, state: &CommonState, took: Duration) {
        let version = match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".into(),
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".into(),
            other => format!("{other:?}"),
        };
        let suite = state.negotiated_cipher_suite().map_or("none".into(), |suite| format!("{:?}", suite.suite()));
        *self.agreed.entry(format!("{version}, {suite}")).or_default() += 1;
        self.latency.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: Self) {
        for (agreed, count) in other.agreed {
            *self.agreed.entry(agreed).or_default() += count;
        }
        self.latency.merge(&other.latency);
    }

    /// The report of a run with this client.
    pub fn report(self, client: &TlsClient) -> TlsReport {
        TlsReport { verified: client.is_verifying, agreed: self.agreed, handshakes: self.latency.report() }
    }
}
