//! The tables of a saturated comparison.

use std::fmt;

use super::Found;
use crate::{
    figures::{bytes, percent, short, with_range},
    side::Round,
    table::Table,
};

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.from_log { "from the log" } else { "live" };
        let secured = if self.tls { ", over TLS" } else { "" };
        writeln!(
            f,
            "{:?}, {} subscribers, saturated, {how}{secured}, {} B an event\n",
            self.dialect,
            self.subscribers,
            short(self.event_stream_bytes)
        )?;
        let heads = [
            "side",
            "GB/s (min .. max)",
            "M events/s",
            "GB per CPU second",
            "bytes per send",
            "sender CPU",
            "drain CPU",
            "steal",
            "slowest, fastest",
        ];
        let mut table = Table::new(heads);
        for side in &self.sides {
            let median = |of: fn(&Round) -> f64| side.figure(of).median;
            let rate = side.figure(|round| round.bytes_per_second);
            table.row([
                side.name.clone(),
                with_range(rate.scaled(1e-9)),
                short(rate.median / self.event_stream_bytes / 1e6),
                short(side.figure(Round::bytes_per_cpu_second).median * 1e-9),
                bytes(median(|round| round.bytes_per_send)),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.drain_share)),
                percent(median(|round| round.steal_share)),
                format!("{}, {}", short(median(|round| round.slowest)), short(median(|round| round.fastest))),
            ]);
        }
        writeln!(f, "{table}")?;
        let mut ratios = Table::new([
            &*format!("{} against (min .. max)", self.sides[0].name),
            "bytes per second",
            "bytes per CPU second",
        ]);
        for against in &self.ratios {
            let (bytes, per_cpu_second) = (with_range(against.bytes), with_range(against.bytes_per_cpu_second));
            ratios.row([against.side.clone(), bytes, per_cpu_second]);
        }
        write!(f, "{ratios}")?;
        match self.least_lead_bytes {
            Some(lead) => write!(f, "\nThe stream was at least {} ahead of its subscribers.", bytes(lead.min)),
            None => Ok(()),
        }
    }
}
