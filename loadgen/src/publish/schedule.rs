//! When each batch is due: fixed before the first is sent, so that a slow server delays batches but never thins them out.
//!
//! Pure: time comes in as an argument. (Sending the next batch only when the last was answered would hide exactly the stalls
//! one wants to see; this is known as coordinated omission.)

use std::time::Duration;

/// The plan of a publishing run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Events per second; `None`: as fast as they are acknowledged.
    pub rate_per_s: Option<f64>,
    /// Events in a batch; the last one may have fewer.
    pub batch: u32,
    /// Events in all.
    pub events_max: Option<u64>,
    /// Nothing is begun after this time.
    pub duration: Option<Duration>,
}

/// One batch of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it is due, from the start; `None`: at once.
    pub due: Option<Duration>,
    /// Index of its first event.
    pub first_event: u64,
    /// How many events it has.
    pub events: u32,
}

impl Schedule {
    /// The batch with this index, asked for `elapsed` after the start; `None` when the plan has ended before it.
    pub fn batch(&self, index: u64, elapsed: Duration) -> Option<Planned> {
        let first_event = index.checked_mul(self.batch.into())?;
        let left = self.events_max.map_or(u64::MAX, |max| max.saturating_sub(first_event));
        let events = u32::try_from(left).unwrap_or(u32::MAX).min(self.batch);
        let due = match self.rate_per_s {
            Some(rate) => Some(Duration::try_from_secs_f64(first_event as f64 / rate).ok()?),
            None => None,
        };
        let is_in_time = self.duration.is_none_or(|duration| due.unwrap_or(elapsed) < duration);
        (events > 0 && is_in_time).then_some(Planned { due, first_event, events })
    }

    /// Whether nothing more becomes due after `elapsed`.
    pub fn is_over(&self, elapsed: Duration) -> bool {
        self.duration.is_some_and(|duration| elapsed >= duration)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn batches() {
        let steady = Schedule { rate_per_s: Some(1000.0), batch: 10, events_max: Some(25), duration: None };
        let planned =
            |due: Option<u32>, first_event, events| Some(Planned { due: due.map(|ms| ms * MS), first_event, events });
        let unlimited = Schedule { rate_per_s: None, events_max: None, duration: Some(20 * MS), ..steady };
        let timed = Schedule { events_max: None, duration: Some(20 * MS), ..steady };
        assert!(!steady.is_over(20 * MS) && !timed.is_over(19 * MS) && timed.is_over(20 * MS));
        let table = [
            (steady, 0, 0, planned(Some(0), 0, 10)),
            (steady, 1, 900, planned(Some(10), 10, 10)),
            (steady, 2, 0, planned(Some(20), 20, 5)),
            (steady, 3, 0, None),
            (timed, 1, 900, planned(Some(10), 10, 10)),
            (timed, 2, 0, None),
            (unlimited, 7, 19, planned(None, 70, 10)),
            (unlimited, 7, 20, None),
        ];
        for (schedule, index, elapsed_ms, expected) in table {
            assert_eq!(schedule.batch(index, elapsed_ms * MS), expected, "{schedule:?} {index}");
        }
    }

    proptest! {
        #[test]
        fn every_event_is_planned_once_and_in_time(
            rate in prop::option::of(0.1f64..1e7),
            batch in 1u32..50,
            events in 0u64..2000,
        ) {
            let schedule = Schedule { rate_per_s: rate, batch, events_max: Some(events), duration: None };
            let mut next = 0;
            let mut last_due = Duration::ZERO;
            for index in 0.. {
                let Some(planned) = schedule.batch(index, Duration::ZERO) else { break };
                prop_assert_eq!(planned.first_event, next);
                next += u64::from(planned.events);
                let due = planned.due.unwrap_or_default();
                prop_assert!(due >= last_due);
                last_due = due;
            }
            prop_assert_eq!(next, events);
        }
    }
}
