//! Answers that are made for one request, while they are sent.
//!
//! Owns the waiting between pieces: for the client to take them, for news, for a view to get there. The work itself is done
//! on the blocking pool. Tested by `server/tests/couchdb/changes*.rs`.

use std::{sync::Arc, time::Duration};

use tailwater_wire::couchdb::{
    changes::{Feed, Patience},
    errors::Refusal,
};

use super::{
    super::{
        head::ChangesHead,
        scripts::{Seat, View},
    },
    Found,
    ask::{Ask, Prospect},
    render::{Next, Render, Signal},
    way::{self, Way},
};
use crate::{
    feeds::FeedEntry,
    http::{Body, BodySource, Making, Reply, Request},
    shard::watch::{News, Watch},
};

/// How long the head waits for a view, so that a function that fails is answered with a status.
const SETTLING: Duration = Duration::from_secs(2);

/// The shortest time between two signs of life while a view is waited for.
const BEAT_MIN: Duration = Duration::from_secs(1);

/// Most bytes that are gathered where the client wants the answer in one.
const BUFFER_BYTES_MAX: usize = 8 << 20;

/// Begins an answer.
pub(super) async fn begin(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>) -> Result<Found, Refusal> {
    let from = if ask.changes.descending { 0 } else { ask.after };
    let prospect = ask.prospect(from).await?;
    if view.is_some() {
        ask.refresh_from(from).await?;
    }
    let may_poll = way::of(&ask.changes) == Way::Poll;
    let mut source = Source::new(request, ask, view, from, prospect);
    source.settle(SETTLING).await?;
    let mut first = Vec::new();
    while source.step.is_work() && (first.is_empty() || source.buffers) && first.len() < BUFFER_BYTES_MAX {
        first.extend(source.work().await?);
    }
    if may_poll && matches!(source.step, Step::Wait(_)) && !source.has_rows() {
        return source.give_up().map(Found::Nothing);
    }
    source.made = first;
    let keep = request.head.keep_alive() && !request.shard.draining();
    let etag = source.etag.take();
    let head = ChangesHead { feed: source.feed, etag: etag.as_deref(), closes: !keep }.write(request);
    Ok(Found::Reply(Reply::Body(Box::new(Body { head, source: Box::new(source), keep }))))
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The view has to get so far first.
    Settle(u64),
    Work(Signal),
    /// News from behind this seq.
    Wait(u64),
    Nothing,
}

impl Step {
    fn is_work(self) -> bool {
        matches!(self, Self::Work(_))
    }
}

/// Makes the body.
struct Source {
    db: String,
    entry: Arc<FeedEntry>,
    feed: Feed,
    patience: Patience,
    buffers: bool,
    etag: Option<String>,
    seat: Option<Seat>,
    watch: Watch,
    /// Where the view has to know everything from.
    from: u64,
    /// Away while a piece is made.
    render: Option<Box<Render>>,
    made: Vec<u8>,
    step: Step,
    /// The body ended before its end.
    broken: bool,
}

impl Source {
    fn new(request: &Request<'_>, ask: Ask, view: Option<Arc<View>>, from: u64, prospect: Prospect) -> Self {
        let seat = view.clone().map(|view| view.join(from + 1, prospect.to, &ask.database.kept));
        Self {
            db: ask.database.name.clone(),
            entry: ask.entry.clone(),
            feed: ask.changes.feed,
            patience: ask.changes.patience,
            buffers: ask.changes.buffer_response,
            etag: ask.etag(),
            watch: Watch::new(request.shard.clone(), ask.entry.clone()),
            from,
            step: if seat.is_some() { Step::Settle(prospect.to) } else { Step::Work(Signal::Go) },
            render: Some(Box::new(Render::new(ask, view, prospect))),
            seat,
            made: Vec::new(),
            broken: false,
        }
    }

    fn has_rows(&self) -> bool {
        self.render.as_ref().is_some_and(|render| render.has_rows())
    }

    /// Takes back what was asked.
    fn give_up(self) -> Result<Ask, Refusal> {
        let render =
            self.render.ok_or_else(|| Refusal::new(500, "internal_server_error", "The answer was not made."))?;
        Ok(render.give_up())
    }

    /// Waits for the view, at most so long.
    async fn settle(&mut self, at_most: Duration) -> Result<(), Refusal> {
        let (Step::Settle(to), Some(seat)) = (self.step, &self.seat) else { return Ok(()) };
        let view = seat.view();
        let from = self.from + 1;
        let is_settled = || view.next_open(from) > to || view.failure(view.next_open(from)).is_some();
        if self.watch.until(is_settled, at_most).await == News::End {
            self.step = Step::Work(Signal::End);
            return Ok(());
        }
        let open = view.next_open(from);
        match view.failure(open) {
            Some(error) if open <= to => return Err(error.into()),
            _ if open > to => self.step = Step::Work(Signal::Go),
            _ => {}
        }
        Ok(())
    }

    /// Makes the next piece.
    async fn work(&mut self) -> Result<Vec<u8>, Refusal> {
        let (Step::Work(signal), Some(mut render)) = (self.step, self.render.take()) else { return Ok(Vec::new()) };
        let making = move || {
            let mut out = Vec::new();
            let next = render.piece(signal, &mut out);
            (render, out, next)
        };
        let (render, out, next) = glommio::executor().spawn_blocking(making).await;
        self.render = Some(render);
        self.step = match next.map_err(|error| error.refusal(&self.db))? {
            Next::More => Step::Work(Signal::Go),
            Next::Wait(seq) => Step::Wait(seq),
            Next::Nothing => Step::Nothing,
        };
        Ok(out)
    }

    /// The next bytes, which may be none yet; an error ends the body.
    async fn advance(&mut self) -> Result<Vec<u8>, Refusal> {
        match self.step {
            Step::Nothing => {}
            Step::Work(_) => return self.work().await,
            Step::Settle(_) => {
                self.settle(self.silence().max(BEAT_MIN)).await?;
                if matches!(self.step, Step::Settle(_)) {
                    return Ok(self.beat());
                }
            }
            Step::Wait(seq) => self.wait(seq).await?,
        }
        Ok(Vec::new())
    }

    async fn wait(&mut self, seq: u64) -> Result<(), Refusal> {
        let log = self.entry.feed().clone();
        let view = self.seat.as_ref().map(Seat::view);
        let has_news = || match view {
            None => log.last_seq() > seq,
            Some(view) => view.next_open(seq + 1) > seq + 1 || view.failure(seq + 1).is_some(),
        };
        let news = self.watch.until(has_news, self.silence()).await;
        if let Some(error) = view.and_then(|view| view.failure(seq + 1)) {
            return Err(error.into());
        }
        self.step = Step::Work(match (news, self.patience) {
            (News::Events, _) => Signal::News,
            (News::Silence, Patience::HeartbeatMs(_)) => Signal::Beat,
            (News::Silence, Patience::TimeoutMs(_)) | (News::End, _) => Signal::End,
        });
        Ok(())
    }

    fn silence(&self) -> Duration {
        match self.patience {
            Patience::HeartbeatMs(ms) | Patience::TimeoutMs(ms) => Duration::from_millis(ms),
        }
    }

    /// A sign of life while nothing is made. A feed that does not wait has none.
    fn beat(&self) -> Vec<u8> {
        match self.feed {
            Feed::Normal => Vec::new(),
            _ => tailwater_wire::couchdb::changes::response::BEAT.to_vec(),
        }
    }

    fn fail(&mut self, refusal: &Refusal) -> Vec<u8> {
        let mut out = Vec::new();
        refusal.write_chunk(&mut out);
        self.step = Step::Nothing;
        self.broken = true;
        out
    }
}

impl BodySource for Source {
    fn next(&mut self) -> Making<'_> {
        Box::pin(async {
            let mut made = std::mem::take(&mut self.made);
            while made.is_empty() && self.step != Step::Nothing {
                made = match self.advance().await {
                    Ok(made) => made,
                    Err(refusal) => self.fail(&refusal),
                };
            }
            Some(made).filter(|made| !made.is_empty())
        })
    }

    fn is_whole(&self) -> bool {
        !self.broken
    }
}
