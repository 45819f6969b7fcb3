//! The partitions of a run, and which of them is read next.
//!
//! ```text
//!              the one before it has ended             nothing comes for `idle`
//!  waiting ──────────────────────────────────▶ open ──────────────────────────▶ idle
//!                                               │ ◀──────────────────────────── │
//!                                               ▼         something comes
//!                                             ended
//! ```
//!
//! Side by side, the open partition that is furthest behind in event time is read next, so that the engine holds little more
//! than the disorder and a batch of each. One after the other (`--sequential`), those of a stream that are not read yet hold
//! nothing back, and each goes on in event time where the one before it has come to. One that somebody still writes to may
//! be silent: after as long as its stream says by `idle` it holds nothing back either.

use std::time::Duration;

use crate::cli::CliError;
use crate::engine::Engine;
use crate::event::{PartitionId, StreamId};
use crate::io::{Meter, Position};
use crate::lang::hir::{Origin, Stream};
use crate::runtime::Readers;
use crate::time::Duration as EventDuration;

/// A partition that is being read.
pub(super) struct Partition {
    /// What messages call it.
    pub(super) name: String,
    pub(super) stream: StreamId,
    pub(super) id: PartitionId,
    pub(super) state: State,
    /// How far it was read.
    pub(super) position: Position,
    /// After how long a silence it is idle.
    pub(super) idle_after: Option<Duration>,
    /// How much of its file was read, where it is one that does not grow.
    pub(super) meter: Option<Meter>,
}

/// Where in its life a partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Another is read before it.
    Waiting,
    Open,
    /// Nothing came for long; it holds nothing back.
    Idle,
    Ended,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// This one has something, or has come to its end.
    Read(usize),
    /// Nothing has come for a while. Event time may have gone on.
    Wait,
    /// All have ended.
    End,
}

/// The partitions of a run, in the order given.
pub(super) struct Partitions {
    all: Vec<Partition>,
    is_sequential: bool,
}

impl Partitions {
    pub(super) fn new(is_sequential: bool) -> Partitions {
        Partitions { all: Vec::new(), is_sequential }
    }

    /// Adds a partition that the engine knows. It is open or has ended, as far as is known; `is_old` where a run before this
    /// one has left it so.
    ///
    /// # Errors
    ///
    /// Where that run has read its inputs in another order.
    pub(super) fn add(
        &mut self,
        partition: Partition,
        is_old: bool,
        engine: &mut Engine,
    ) -> Result<(), CliError> {
        let Partition { stream, id, .. } = partition;
        let waits = partition.state == State::Open
            && self.is_sequential
            && self.all.iter().any(|before| before.stream == stream && before.state != State::Ended);
        let is_open = engine.is_partition_open(stream, id);
        let state = match partition.state {
            State::Open if waits && is_old && is_open => return Err(another_order(true)),
            State::Open if waits => {
                engine.close_partition(stream, id);
                State::Waiting
            }
            State::Open if is_open => State::Open,
            State::Open if partition.idle_after.is_some() => State::Idle,
            State::Open if !self.is_sequential => return Err(another_order(false)),
            state => state,
        };
        self.all.push(Partition { state, ..partition });
        Ok(())
    }

    pub(super) fn all(&self) -> &[Partition] {
        &self.all
    }

    pub(super) fn at(&mut self, at: usize) -> &mut Partition {
        &mut self.all[at]
    }

    /// Which share of the bytes was read, where all inputs are files that do not grow.
    pub(super) fn share_read(&self) -> Option<f64> {
        let (mut read, mut all) = (0, 0);
        for partition in &self.all {
            let meter = partition.meter.as_ref()?;
            read += if partition.state == State::Ended { meter.bytes() } else { meter.read() };
            all += meter.bytes();
        }
        (all > 0).then(|| read as f64 / all as f64)
    }

    /// What to read next.
    pub(super) fn next(&mut self, engine: &mut Engine, readers: &mut Readers, patience: Duration) -> Next {
        let is_idle = |partition: &Partition| partition.state == State::Idle;
        let idle: Vec<usize> = (0..self.all.len()).filter(|at| is_idle(&self.all[*at])).collect();
        if let Some(at) = idle.iter().find(|at| readers.silence(**at, Duration::ZERO).is_none()) {
            let partition = &mut self.all[*at];
            partition.state = State::Open;
            engine.open_partition_again(partition.stream, partition.id);
            return Next::Read(*at);
        }
        let Some(at) = self.furthest_behind(engine) else {
            return match idle.first() {
                None => Next::End,
                Some(at) => {
                    readers.silence(*at, patience);
                    Next::Wait
                }
            };
        };
        let Some(silence) = readers.silence(at, patience) else { return Next::Read(at) };
        let partition = &mut self.all[at];
        if partition.idle_after.is_some_and(|after| after <= silence) {
            partition.state = State::Idle;
            engine.close_partition(partition.stream, partition.id);
        }
        Next::Wait
    }

    /// The open partition with the least watermark; of several the first.
    fn furthest_behind(&self, engine: &Engine) -> Option<usize> {
        let open = self.all.iter().enumerate().filter(|(_, partition)| partition.state == State::Open);
        let watermark = |partition: &Partition| engine.partition_watermark(partition.stream, partition.id);
        open.min_by_key(|(at, partition)| (watermark(partition), *at)).map(|(at, _)| at)
    }

    /// A partition has come to its end; the next of its stream may begin.
    pub(super) fn end(&mut self, at: usize, engine: &mut Engine) {
        self.all[at].state = State::Ended;
        let Partition { stream, id, .. } = self.all[at];
        let waits = |next: &&mut Partition| next.stream == stream && next.state == State::Waiting;
        match self.all.iter_mut().find(waits) {
            Some(next) => {
                next.state = State::Open;
                engine.hand_over_partition(stream, id, next.id);
            }
            None => engine.close_partition(stream, id),
        }
    }

    /// Nothing is read any more.
    pub(super) fn end_all(&mut self, engine: &mut Engine) {
        for partition in &mut self.all {
            partition.state = State::Ended;
            engine.close_partition(partition.stream, partition.id);
        }
    }
}

/// After how long a silence a partition of a stream is idle.
pub(super) fn idle_after(stream: &Stream) -> Option<Duration> {
    let Origin::Source { idle, .. } = stream.origin else { return None };
    idle.map(|idle| Duration::from_micros(idle.micros().unsigned_abs()))
}

/// How far the events of a partition of a stream may be out of order.
pub(super) fn disorder(stream: &Stream) -> EventDuration {
    match stream.origin {
        Origin::Source { disorder, .. } => disorder,
        Origin::Derived { .. } => EventDuration::ZERO,
    }
}

/// Which of the partitions may be read depends on what was read before.
fn another_order(is_sequential: bool) -> CliError {
    let (was, help) = match is_sequential {
        true => ("side by side", "run without --sequential, or begin anew with another --state"),
        false => ("one after the other", "run with --sequential, or begin anew with another --state"),
    };
    CliError::asked(format!("the state is of a run that has read its inputs {was}"), help)
}
