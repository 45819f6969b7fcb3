//! `--state`: a run that may be broken off at any instant, and goes on where it was.
//!
//! Every so often the outputs are put on the disk and then, in one commit, the state of the engine with how far inputs
//! and outputs were. So the outputs never lack what the state knows of, and what they have beyond it is cut off when the
//! run goes on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::CliError;
use crate::engine::Snapshot;
use crate::runtime::epochs::{self, Mark, Recovered};
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
}

fn expected() -> String {
    "write a duration, such as 10s or 200ms, or a number of events".to_owned()
}

/// The epochs of a run.
pub(super) struct Durable {
    store: Box<dyn Store>,
    directory: PathBuf,
    every: Every,
    epoch: u64,
    /// When the last epoch was, and after how many events.
    last: (Instant, u64),
    phases: Option<File>,
}

impl Durable {
    /// Opens a state directory, or makes it; gives what a run before this one has left.
    pub(super) fn open(directory: &Path, every: Every) -> Result<(Durable, Option<Recovered>), CliError> {
        let store = RocksStore::open(directory)?;
        let recovered = epochs::recover(&store)?;
        let epoch = recovered.as_ref().map_or(0, |recovered| recovered.mark.epoch);
        // For tests that break a run off and want to know at which moment that was.
        let phases = std::env::var_os("ENSUE_PHASES").and_then(|path| File::create(path).ok());
        let durable = Durable {
            store: Box::new(store),
            directory: directory.to_owned(),
            every,
            epoch,
            last: (Instant::now(), 0),
            phases,
        };
        Ok((durable, recovered))
    }

    /// Writes what a run begins with, before it reads anything: of a new one the text of its patterns, of one that begins
    /// elsewhere or with other patterns a whole epoch.
    pub(super) fn write(&mut self, changes: &mut Changes, epoch: u64) -> Result<(), CliError> {
        self.store.commit(changes)?;
        self.epoch = epoch;
        Ok(())
    }

    /// Its directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How many epochs there were, also before this run.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The run has so many events behind it.
    pub(super) fn begin_at(&mut self, events: u64) {
        self.last = (Instant::now(), events);
    }

    /// Whether an epoch is due after so many events.
    pub(super) fn is_due(&self, events: u64) -> bool {
        match self.every {
            Every::Events(count) => events - self.last.1 >= count,
            Every::Time(time) => self.last.0.elapsed() >= time,
        }
    }

    /// What is written to outputs is about to be put on the disk.
    pub(super) fn prepare(&mut self) {
        self.note(b'b');
    }

    /// Commits an epoch.
    pub(super) fn commit(&mut self, snapshot: &Snapshot, mark: Mark) -> Result<(), CliError> {
        self.epoch += 1;
        let events = mark.counts.get("events").copied().unwrap_or_default();
        let mut changes = epochs::changes(snapshot, &Mark { epoch: self.epoch, ..mark });
        self.note(b'c');
        self.store.commit(&mut changes)?;
        self.note(b'a');
        self.last = (Instant::now(), events);
        Ok(())
    }

    fn note(&mut self, phase: u8) {
        if let Some(phases) = &mut self.phases {
            // Only tests read it.
            let _ = phases.write_all(&[phase]);
        }
    }
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
