//! The table of many streams against one.

use std::fmt;

use super::{Found, Measured};
use crate::{
    figures::{Figure, bytes, percent, short, with_range},
    side::Round,
    table::Table,
};

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = [
            "streams",
            "published/s",
            "deliveries/s",
            "µs CPU per delivery (min .. max)",
            "per raw send",
            "bytes per send",
            "server CPU",
            "processor",
            "drain CPU",
            "steal",
        ];
        let mut table = Table::new(heads);
        self.sides.iter().for_each(|side| table.row(cells(side)));
        write!(f, "{table}")?;
        let what = [
            ("CPU per delivery", &self.ratios),
            ("CPU per raw send", &self.raw_ratios),
            ("CPU per delivery beyond a raw send", &self.own_ratios),
            ("CPU per delivery if nothing but raw sends differed", &self.raw_alone),
        ];
        for (what, ratios) in what {
            for (ratio, side) in ratios.iter().zip(&self.sides[1..]) {
                write!(f, "\n{what}, {} / {}: {}", self.sides[0].name, side.name, with_range(*ratio))?;
            }
        }
        Ok(())
    }
}

fn cells(side: &Measured) -> [String; 10] {
    let figure = |rounds: &[f64]| Figure::of(rounds.iter().copied());
    let median = |of: fn(&Round) -> f64| Figure::of(side.rounds.iter().map(of)).median;
    [
        side.name.clone(),
        short(figure(&side.published_per_s).median),
        short(figure(&side.delivered_per_s).median),
        with_range(figure(&side.cpu_us)),
        with_range(figure(&side.raw_us)),
        bytes(median(|round| round.bytes_per_send)),
        percent(median(|round| round.cpu_share)),
        percent(median(|round| round.processor_share)),
        percent(median(|round| round.drain_share)),
        percent(median(|round| round.steal_share)),
    ]
}
