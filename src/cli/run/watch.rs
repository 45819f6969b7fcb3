//! What a run tells its metrics, and when.
//!
//! Only under `--listen` is there a watch, and the loop of the run has a line for it at a few places. It publishes when a
//! tenth of a second has passed, and when the run has to wait for input, which costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listen::Server;
use crate::engine::{Engine, Record};
use crate::event::{PartitionId, PatternId, StreamId};
use crate::lang::hir::Program;
use crate::metrics::{EpochFacts, Facts, Publisher, Readiness};
use crate::runtime::{self, clock};

/// Keeps the metrics of a run up to date.
pub(super) struct Watch {
    publisher: Publisher,
    readiness: Arc<Readiness>,
    /// By stream of the program, how many events were read since the process began.
    events: Vec<u64>,
    published_at: Instant,
}

/// What the loop of a run knows at a moment.
pub(super) struct Moment<'a> {
    pub(super) engine: &'a Engine,
    pub(super) late: &'a BTreeMap<StreamId, u64>,
    pub(super) bad: &'a BTreeMap<(StreamId, &'static str), u64>,
    pub(super) records: &'a [u64],
    /// By input, whether it is open.
    pub(super) open: Vec<bool>,
    /// Pieces that are read and not yet taken.
    pub(super) pieces: usize,
}

impl Watch {
    /// How old what is published may be while the run works.
    pub(super) const EVERY: Duration = Duration::from_millis(100);

    /// A watch over a run of these patterns and inputs.
    pub(super) fn new(
        server: &Server,
        program: &Program,
        patterns: &[PatternId],
        inputs: &[(StreamId, PartitionId)],
        state_limit: Option<u64>,
    ) -> Watch {
        let metrics = Arc::clone(&server.metrics);
        Watch {
            publisher: Publisher::new(metrics, program, patterns, inputs, state_limit),
            readiness: Arc::clone(&server.readiness),
            events: vec![0; program.streams.len()],
            published_at: Instant::now(),
        }
    }

    /// The run begins, or goes on: what was counted before is not counted again. It is ready from now on.
    pub(super) fn begin(&mut self, now: &Moment<'_>) {
        self.publisher.begin(&now.facts(&self.events));
        self.readiness.set_consuming();
    }

    /// So many events of a stream were read.
    pub(super) fn took(&mut self, stream: StreamId, events: usize) {
        self.events[stream.index()] += events as u64;
    }

    /// These records came out when this was the newest event time.
    pub(super) fn wrote(&self, records: &[Record], engine: &Engine) {
        if !records.is_empty() {
            self.publisher.records(records, engine.newest());
        }
    }

    /// Whether it is time to publish.
    pub(super) fn is_due(&self) -> bool {
        self.published_at.elapsed() >= Watch::EVERY
    }

    /// Publishes what is so now.
    pub(super) fn publish(&mut self, now: &Moment<'_>) {
        self.publisher.publish(&now.facts(&self.events));
        self.published_at = Instant::now();
    }

    /// An epoch is on the disk.
    pub(super) fn epoch(&self, told: &runtime::EpochFacts) {
        self.publisher.metrics().epoch(&EpochFacts {
            number: told.epoch,
            pause: told.pause,
            duration: told.took,
            bytes: told.written.bytes,
            keys: told.written.keys,
            committed_at: clock::since_1970(),
        });
    }

    /// The inputs have come to their end.
    pub(super) fn end(&self) {
        self.readiness.set_ending();
    }
}

impl Moment<'_> {
    fn facts<'a>(&'a self, events: &'a [u64]) -> Facts<'a> {
        Facts {
            engine: self.engine,
            events,
            late: self.late,
            bad: self.bad,
            records: self.records,
            open: &self.open,
            pieces: self.pieces,
        }
    }
}
