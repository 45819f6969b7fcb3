//! One epoch after another, each told and committed while the run goes on.
//!
//! ```text
//!  idle ──begin──▶ telling ──the last key is told──▶ committing ──it is on the disk──▶ idle
//! ```
//!
//! An epoch begins between two batches: what is not of a key is told at once, and how long the outputs are is noted. The
//! state of keys is told later, each as it was then ([`Engine::begin_epoch`]): some with every batch, and one that is
//! about to change before it does. That is *copy on write* by key, where an operating system does it by page. So a
//! run stands still for a moment that does not depend on how many keys have changed.
//!
//! This follows how asynchronous snapshots are taken by stream processors (Carbone et al., *Lightweight Asynchronous
//! Snapshots for Distributed Dataflows*, 2015), with one process and so without barriers in the streams.

use std::time::{Duration, Instant};

use thiserror::Error;

use super::committer::{Commit, CommitError, Committer, SyncOutputs, Written};
use super::epochs::Mark;
use crate::engine::{Engine, EngineError};

/// The epochs of a run.
pub struct Checkpoints {
    committer: Committer,
    /// The number of the last one that began.
    epoch: u64,
    state: State,
}

enum State {
    Idle,
    Telling(Box<(Begun, Mark, Vec<u8>, SyncOutputs)>),
    Committing(Begun),
}

/// When an epoch began, and for how long the run stood still.
#[derive(Clone, Copy)]
struct Begun {
    at: Instant,
    pause: Duration,
}

/// What is told of an epoch that is on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochFacts {
    /// Its number, from 1.
    pub epoch: u64,
    /// For how long the run stood still when it began.
    pub pause: Duration,
    /// From its beginning until it was on the disk.
    pub took: Duration,
    /// What was written.
    pub written: Written,
}

/// Why an epoch failed. The one before it is still there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EpochError {
    /// The engine gave up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Checkpoints {
    /// Behind the epoch of this number; 0 where there was none.
    pub fn new(committer: Committer, epoch: u64) -> Checkpoints {
        Checkpoints { committer, epoch, state: State::Idle }
    }

    /// The number of the last epoch that began.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Somebody else has written the epoch of this number, before any of its own.
    pub fn go_on_from(&mut self, epoch: u64) {
        assert!(self.is_idle(), "one epoch at a time");
        self.epoch = epoch;
    }

    /// Whether no epoch is under way.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Begins an epoch: no other is under way, and everything that the engine has made is written. `mark` says how far the
    /// run is now, and `sync` puts on the disk what is written to the outputs. `since` is when the run began to stand still for
    /// it.
    ///
    /// # Errors
    ///
    /// What the engine says.
    pub fn begin(
        &mut self,
        engine: &mut Engine,
        mark: Mark,
        sync: SyncOutputs,
        since: Instant,
    ) -> Result<(), EpochError> {
        assert!(self.is_idle(), "one epoch at a time");
        let rest = engine.begin_epoch()?;
        self.epoch += 1;
        let begun = Begun { at: since, pause: since.elapsed() };
        let mark = Mark { epoch: self.epoch, ..mark };
        self.state = State::Telling(Box::new((begun, mark, rest, sync)));
        Ok(())
    }

    /// Goes on with the epoch under way, after every batch. Tells of it when it is on the disk.
    ///
    /// # Errors
    ///
    /// [`EpochError`]: the run is to end.
    pub fn go_on(&mut self, engine: &mut Engine) -> Result<Option<EpochFacts>, EpochError> {
        self.tell(engine);
        if let State::Committing(begun) = self.state
            && let Some(written) = self.committer.poll()
        {
            self.state = State::Idle;
            return Ok(Some(self.facts(begun, written?)));
        }
        Ok(None)
    }

    /// Ends the epoch under way, if there is one.
    ///
    /// # Errors
    ///
    /// [`EpochError`]: the run is to end.
    pub fn finish(&mut self, engine: &mut Engine) -> Result<Option<EpochFacts>, EpochError> {
        if let State::Telling(_) = self.state {
            engine.tell_all()?;
            self.tell(engine);
        }
        let State::Committing(begun) = self.state else { return Ok(None) };
        let written = self.committer.wait();
        self.state = State::Idle;
        Ok(Some(self.facts(begun, written?)))
    }

    /// Hands over what the engine has told.
    fn tell(&mut self, engine: &mut Engine) {
        if !matches!(self.state, State::Telling(_)) {
            return;
        }
        let is_telling = engine.is_telling();
        self.committer.put(engine.take_saved());
        if !is_telling && let State::Telling(told) = std::mem::replace(&mut self.state, State::Idle) {
            let (begun, mark, rest, sync) = *told;
            self.committer.commit(Commit { rest, mark, sync });
            self.state = State::Committing(begun);
        }
    }

    fn facts(&self, begun: Begun, written: Written) -> EpochFacts {
        EpochFacts { epoch: self.epoch, pause: begun.pause, took: begun.at.elapsed(), written }
    }
}
