//! `--state`: a run that may be broken off at any instant, and goes on where it was.
//!
//! Every so often the outputs are put on the disk and then, in one commit, the state of the engine with how far inputs
//! and outputs were. So the outputs never lack what the state knows of, and what they have beyond it is cut off when the
//! run goes on. All that is done beside the run ([`Checkpoints`]).

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::CliError;
use crate::engine::{ColdKeys, Engine};
use crate::runtime::epochs::{self, Mark, Recovered, StoredKeys};
use crate::runtime::{Checkpoints, Committer, EpochFacts, OnPhase, Phase, SyncOutputs};
use crate::state::{Changes, RocksStore, Store};

/// How often there is an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Every {
    /// After so many events.
    Events(u64),
    /// After so long.
    Time(Duration),
}

impl Every {
    /// `10s`, `200ms`, `5m`; a plain number is events.
    pub(super) fn parse(text: &str) -> Result<Every, String> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| expected())?;
        let millis = match &text[digits.len()..] {
            "" => return if number > 0 { Ok(Every::Events(number)) } else { Err(expected()) },
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(expected()),
        };
        number
            .checked_mul(millis)
            .map(|millis| Every::Time(Duration::from_millis(millis)))
            .ok_or_else(expected)
    }

    /// The time, where it is one.
    pub(super) fn time(self) -> Option<Duration> {
        match self {
            Every::Events(_) => None,
            Every::Time(time) => Some(time),
        }
    }
}

fn expected() -> String {
    "write a duration, such as 10s or 200ms, or a number of events".to_owned()
}

/// The epochs of a run.
pub(super) struct Durable {
    store: Arc<RocksStore>,
    checkpoints: Checkpoints,
    directory: PathBuf,
    every: Every,
    /// When the last epoch began, and after how many events.
    last: (Instant, u64),
    on_phase: OnPhase,
    memory: Option<Memory>,
}

/// Where room is made, this share of what may be in memory is made free besides.
const ROOM_SHARE: u64 = 4;

/// How much of the state is to be in memory.
struct Memory {
    bytes: u64,
    /// Where the rest is.
    store: Arc<RocksStore>,
}

impl Durable {
    /// Opens a state directory, or makes it; gives what a run before this one has left.
    pub(super) fn open(
        directory: &Path,
        every: Every,
        memory: Option<u64>,
    ) -> Result<(Durable, Option<Recovered>), CliError> {
        let store = Arc::new(RocksStore::open(directory)?);
        let recovered = epochs::recover(store.as_ref())?;
        let epoch = recovered.as_ref().map_or(0, |recovered| recovered.mark.epoch);
        let on_phase = noting_phases();
        let memory = memory.map(|bytes| Memory { bytes, store: Arc::clone(&store) });
        let committer = Committer::start(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&on_phase));
        let committer = committer.map_err(|source| CliError::Threads { source })?;
        let durable = Durable {
            store,
            checkpoints: Checkpoints::new(committer, epoch),
            directory: directory.to_owned(),
            every,
            last: (Instant::now(), 0),
            on_phase,
            memory,
        };
        Ok((durable, recovered))
    }

    /// Writes what a run begins with, before it reads anything: of a new one the text of its patterns, of one that begins
    /// elsewhere or with other patterns a whole epoch.
    pub(super) fn write(&mut self, changes: &mut Changes, epoch: u64) -> Result<(), CliError> {
        self.store.commit(changes)?;
        self.checkpoints.go_on_from(epoch);
        Ok(())
    }

    /// Where keys are fetched from that are not in memory, if there is a bound on those that are.
    pub(super) fn cold_keys(&self) -> Option<Arc<dyn ColdKeys>> {
        let memory = self.memory.as_ref()?;
        Some(Arc::new(StoredKeys(Arc::clone(&memory.store))))
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What epochs are written to.
    #[cfg(feature = "remote")]
    pub(super) fn store(&self) -> Arc<RocksStore> {
        Arc::clone(&self.store)
    }

    /// How many epochs there were, also before this run.
    pub(super) fn epoch(&self) -> u64 {
        self.checkpoints.epoch()
    }

    /// The run has so many events behind it.
    pub(super) fn begin_at(&mut self, events: u64) {
        self.last = (Instant::now(), events);
    }

    /// Whether an epoch is due after so many events, and the one before it is on the disk. Where too much is in memory one
    /// is due at once: only what has been told can go.
    pub(super) fn is_due(&self, engine: &Engine, events: u64) -> bool {
        let is_due = match self.every {
            Every::Events(count) => events - self.last.1 >= count,
            Every::Time(time) => self.last.0.elapsed() >= time,
        };
        (is_due || self.excess(engine) > 0) && self.checkpoints.is_idle()
    }

    /// How many bytes of state are in memory beyond what is to be there.
    fn excess(&self, engine: &Engine) -> u64 {
        self.memory.as_ref().map_or(0, |memory| engine.hot_bytes().saturating_sub(memory.bytes))
    }

    /// Makes room in memory, where there is too little: what the last epoch has told, or those before it, may go.
    pub(super) fn make_room(&self, engine: &mut Engine) -> Result<(), CliError> {
        let Some(memory) = &self.memory else { return Ok(()) };
        match self.excess(engine) {
            0 => Ok(()),
            // More than there must be, so that it is not the same again after the next batch.
            excess => Ok(engine.evict(excess + memory.bytes / ROOM_SHARE)?),
        }
    }

    /// Begins an epoch.
    pub(super) fn begin(
        &mut self,
        engine: &mut Engine,
        (mark, sync): (Mark, SyncOutputs),
        since: Instant,
    ) -> Result<(), CliError> {
        (self.on_phase)(Phase::Telling);
        self.begin_at(mark.counts.get("events").copied().unwrap_or_default());
        Ok(self.checkpoints.begin(engine, mark, sync, since)?)
    }

    /// Goes on with the epoch under way. Tells of it when it is on the disk.
    pub(super) fn go_on(&mut self, engine: &mut Engine) -> Result<Option<EpochFacts>, CliError> {
        let mut facts = self.checkpoints.go_on(engine)?;
        let bytes = self.memory.as_ref().map_or(u64::MAX, |memory| memory.bytes);
        if facts.is_none() && self.excess(engine) > bytes {
            // It grows faster than it can be told beside the run.
            facts = self.checkpoints.finish(engine)?;
        }
        if facts.is_some() {
            self.make_room(engine)?;
        }
        Ok(facts)
    }

    /// Ends the epoch under way.
    pub(super) fn finish(&mut self, engine: &mut Engine) -> Result<Option<EpochFacts>, CliError> {
        Ok(self.checkpoints.finish(engine)?)
    }
}

/// For tests that break a run off and want to know at which moment that was: the phases go to a file, a letter each.
fn noting_phases() -> OnPhase {
    let Some(file) = std::env::var_os("ENSUE_PHASES").and_then(|path| File::create(path).ok()) else {
        return Arc::new(|_| {});
    };
    Arc::new(move |phase| {
        let letter = match phase {
            Phase::Telling => b'b',
            Phase::Committing => b'c',
            Phase::Committed => b'a',
        };
        // Only tests read it.
        let _ = (&file).write_all(&[letter]);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_due_after_events_or_time() {
        assert_eq!(Every::parse("2000"), Ok(Every::Events(2000)));
        assert_eq!(Every::parse("200ms"), Ok(Every::Time(Duration::from_millis(200))));
        assert_eq!(Every::parse("10s"), Ok(Every::Time(Duration::from_secs(10))));
        for text in ["", "0", "s", "10 s", "-1", "10d", "99999999999999999999s"] {
            assert!(Every::parse(text).is_err(), "{text}");
        }
    }
}
