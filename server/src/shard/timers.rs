//! All deadlines of a shard: one hashed wheel, advanced by one timer.
//!
//! Owns which token is due when, to a resolution of [`TICK_MS`]. Never acts on a deadline itself and never cancels one:
//! a token that is gone, or that has moved its deadline, is dropped or filed again when it comes up. Tests: below.

use super::slots::Token;

/// Resolution of every deadline, in milliseconds.
pub(crate) const TICK_MS: u64 = 100;

/// Slots of the wheel: one turn is 51.2 s; a later deadline stays in its slot for another turn.
const SLOTS: u64 = 512;

/// A deadline in ticks since the shard started.
pub(crate) type Tick = u64;

/// Deadlines, filed by the tick they fall on.
pub(crate) struct Wheel {
    slots: Vec<Vec<(Token, Tick)>>,
    now: Tick,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), now: 0 }
    }

    /// The current tick.
    pub(crate) fn now(&self) -> Tick {
        self.now
    }

    /// The tick at which `delay_ms` from now is surely over.
    pub(crate) fn after_ms(&self, delay_ms: u64) -> Tick {
        self.now + delay_ms.div_ceil(TICK_MS) + 1
    }

    /// Files a deadline. One that is already past comes up at the next tick.
    pub(crate) fn file(&mut self, token: Token, due: Tick) {
        let due = due.max(self.now + 1);
        self.slots[(due % SLOTS) as usize].push((token, due));
    }

    /// Moves on by one tick and returns the tokens that are due.
    pub(crate) fn advance(&mut self, due: &mut Vec<Token>) {
        self.now += 1;
        let now = self.now;
        let slot = &mut self.slots[(now % SLOTS) as usize];
        slot.retain(|&(token, tick)| {
            if tick <= now {
                due.push(token);
            }
            tick > now
        });
        if slot.is_empty() {
            slot.shrink_to(64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::slots::Slots, *};

    #[test]
    fn each_deadline_comes_up_once_on_its_tick() {
        let mut slots = Slots::new();
        let mut wheel = Wheel::new();
        let delays = [1, 99, 100, 101, 5_000, 51_200, 60_000, 120_000];
        let filed: Vec<(Token, Tick)> =
            delays.iter().map(|&delay_ms| (slots.insert_with(|_| ()), wheel.after_ms(delay_ms))).collect();
        for &(token, due) in &filed {
            wheel.file(token, due);
        }
        let mut seen = Vec::new();
        let mut due = Vec::new();
        for _ in 0..2_000 {
            wheel.advance(&mut due);
            seen.extend(due.drain(..).map(|token| (token, wheel.now())));
        }
        assert_eq!(seen.len(), filed.len());
        for expected in filed {
            assert!(seen.contains(&expected), "{expected:?} in {seen:?}");
        }
    }

    #[test]
    fn a_deadline_in_the_past_comes_up_next() {
        let mut slots = Slots::new();
        let mut wheel = Wheel::new();
        let mut due = Vec::new();
        (0..10).for_each(|_| wheel.advance(&mut due));
        let token = slots.insert_with(|_| ());
        wheel.file(token, 3);
        wheel.advance(&mut due);
        assert_eq!(due, [token]);
    }
}
