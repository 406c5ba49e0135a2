//! How a task that runs long lets the rest of its shard run.
//!
//! Owns the pause and nothing else. Decision 8 tells why nothing interrupts a task that does not pause. Tests are below.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    time::Duration,
};

use glommio::timer::Timer;

/// Longer than any task waits.
const NEVER: Duration = Duration::from_hours(1);

/// Lets the kernel's news and everybody else on this executor have a turn. Whatever runs long calls it now and then.
///
/// The executor looks at its rings only when no task is ready, so a mere yield would not do. Neither would the shortest sleep, which
/// is over when it is first asked. This is a timer that is set to now once it waits: the executor has run all others and looked at its
/// timers before it sees that.
pub(crate) async fn breathe() {
    let mut timer = Timer::new(NEVER);
    let mut waits = false;
    poll_fn(|cx| {
        let due = Pin::new(&mut timer).poll(cx);
        if due.is_pending() && !mem::replace(&mut waits, true) {
            timer.reset(Duration::ZERO);
        }
        due.map(drop)
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, thread};

    use futures_channel::oneshot;
    use glommio::{Latency, LocalExecutorBuilder, Placement, Shares};

    use super::*;

    fn run<F: Future<Output = ()> + 'static>(test: impl FnOnce() -> F + Send + 'static) {
        let never = Duration::from_secs(60 * 60);
        let builder = LocalExecutorBuilder::new(Placement::Unbound).ring_depth(16).preempt_timer(never);
        builder.spawn(|| async move { test().await }).unwrap().join().unwrap();
    }

    /// A sweep that had work kept every task of its shard waiting: a sleep of one nanosecond was over before it began.
    #[test]
    fn others_that_are_ready_run_first() {
        run(|| async {
            let queue = glommio::executor().create_task_queue(Shares::default(), Latency::NotImportant, "others");
            let turns = Rc::new(Cell::new(0));
            for breath in 1..=100 {
                let counted = turns.clone();
                let other = async move { counted.set(counted.get() + 1) };
                glommio::spawn_local_into(other, queue).unwrap().detach();
                breathe().await;
                assert_eq!(turns.get(), breath);
            }
        });
    }

    #[test]
    fn what_other_threads_wake_runs_while_somebody_goes_on_and_on() {
        run(|| async {
            let (tell, told) = oneshot::channel();
            let heard = Rc::new(Cell::new(false));
            let hears = heard.clone();
            let listener = glommio::spawn_local(async move { hears.set(told.await.is_ok()) });
            breathe().await;
            let teller = thread::spawn(move || tell.send(()));
            while !heard.get() {
                breathe().await;
            }
            listener.await;
            assert_eq!(teller.join().unwrap(), Ok(()));
        });
    }
}
