//! What a raw sender is to do, as its command line.

use std::path::PathBuf;

use clap::Args;

use crate::disk::Durability;

/// Settings of a raw sender.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct SendPlan {
    /// Sockets to wait for and to send to
    #[arg(long)]
    pub connections: usize,
    /// Bytes of one send
    #[arg(long)]
    pub range_bytes: usize,
    /// Beats a second, with one range to every socket of a beat; as fast as they are taken when absent
    #[arg(long)]
    pub rate_per_s: Option<f64>,
    /// Sockets that one beat of the pace goes to, the next ones at each; all of them when absent
    #[arg(long)]
    pub sockets_per_beat: Option<usize>,
    /// Bytes of the mapped file each socket walks through; one range, always the same, when absent
    #[arg(long)]
    pub span_bytes: Option<usize>,
    /// SO_SNDBUF of each socket; the system's automatic sizing when absent
    #[arg(long)]
    pub send_buffer_bytes: Option<usize>,
    /// TCP_NOTSENT_LOWAT of each socket; none when absent
    #[arg(long)]
    pub not_sent_low_water_bytes: Option<u32>,
    /// Directory of a file that each range is appended to before it is sent: it is a message with its time then, and no
    /// socket may take less than all of it
    #[arg(long, requires = "rate_per_s", conflicts_with = "span_bytes")]
    pub log_directory: Option<PathBuf>,
    /// When a range counts as appended
    #[arg(long, value_enum, default_value_t)]
    pub durability: Durability,
}

impl SendPlan {
    /// `range_bytes` to each of `connections` sockets, as fast as they are taken.
    pub fn new(connections: usize, range_bytes: usize) -> Self {
        Self {
            connections,
            range_bytes,
            rate_per_s: None,
            sockets_per_beat: None,
            span_bytes: None,
            send_buffer_bytes: None,
            not_sent_low_water_bytes: None,
            log_directory: None,
            durability: Durability::default(),
        }
    }

    /// The command line that says this plan.
    pub fn arguments(&self) -> Vec<String> {
        let log_directory = self.log_directory.as_ref().map(|directory| directory.display().to_string());
        let given = [
            ("--connections", Some(self.connections.to_string())),
            ("--range-bytes", Some(self.range_bytes.to_string())),
            ("--rate-per-s", self.rate_per_s.map(|rate| rate.to_string())),
            ("--sockets-per-beat", self.sockets_per_beat.map(|sockets| sockets.to_string())),
            ("--span-bytes", self.span_bytes.map(|bytes| bytes.to_string())),
            ("--send-buffer-bytes", self.send_buffer_bytes.map(|bytes| bytes.to_string())),
            ("--not-sent-low-water-bytes", self.not_sent_low_water_bytes.map(|bytes| bytes.to_string())),
            ("--log-directory", log_directory),
            ("--durability", Some(self.durability.word().to_owned())),
        ];
        given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        plan: SendPlan,
    }

    #[test]
    fn a_plan_survives_the_command_line() {
        let full = SendPlan {
            rate_per_s: Some(12.5),
            sockets_per_beat: Some(10),
            span_bytes: Some(1 << 20),
            send_buffer_bytes: Some(4096),
            not_sent_low_water_bytes: Some(1024),
            ..SendPlan::new(1000, 516)
        };
        let stored = SendPlan {
            rate_per_s: Some(100.0),
            log_directory: Some("/var/tmp".into()),
            durability: Durability::Os,
            ..SendPlan::new(1000, 516)
        };
        for plan in [SendPlan::new(1, 2), full, stored] {
            let words = std::iter::once("sender".to_owned()).chain(plan.arguments());
            assert_eq!(Line::try_parse_from(words).unwrap().plan, plan);
        }
    }
}
