//! The table of a paced comparison, and its latencies.

use std::fmt;

use super::{Found, Quantiles};
use crate::{
    disk::Durability,
    figures::{Figure, percent, short, with_range},
    side::Round,
    table::Table,
};

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subscribers, rate) = (self.subscribers, short(self.rate_per_s));
        let (dialect, bytes, durability) = (self.dialect, self.range_bytes, self.durability.word());
        writeln!(
            f,
            "{dialect:?}, {subscribers} subscribers, {rate} events/s, durability {durability}, {bytes} B an event on the wire\n"
        )?;
        let heads = [
            "side",
            "deliveries/s",
            "µs CPU per delivery (min .. max)",
            "sender CPU",
            "processor",
            "drain CPU",
            "steal",
        ];
        let mut table = Table::new(heads);
        for (side, cpu_us) in self.sides.iter().zip(&self.cpu_us) {
            let median = |of: fn(&Round) -> f64| side.figure(of).median;
            table.row([
                side.name.clone(),
                short(median(|round| round.bytes_per_second) / self.range_bytes as f64),
                with_range(*cpu_us),
                percent(median(|round| round.cpu_share)),
                percent(median(|round| round.processor_share)),
                percent(median(|round| round.drain_share)),
                percent(median(|round| round.steal_share)),
            ]);
        }
        writeln!(f, "{table}")?;
        write!(f, "CPU per delivery, tailwater / raw send: {}", with_range(self.cpu_ratio))?;
        let Some(latency) = self.latency else { return Ok(()) };
        let stored = &self.sides[2].name;
        let ms = |figure: Figure| with_range(figure.scaled(1e-3));
        let mut table = Table::new(["from publish time to receipt, ms (min .. max)", "p50", "p99"]);
        let mut row = |name: &str, times: Quantiles| table.row([name.to_owned(), ms(times.p50_us), ms(times.p99_us)]);
        row(&self.sides[0].name, latency.served);
        row(stored, latency.stored);
        if self.durability == Durability::Sync {
            row("of which fdatasync", latency.syncs);
        }
        let [p50, p99] = latency.ratios.map(with_range);
        write!(f, "\n\n{table}\nlatency, tailwater / {stored}: p50 {p50}, p99 {p99}")
    }
}
