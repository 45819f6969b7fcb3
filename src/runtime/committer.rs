//! What writes epochs to a store: on the thread that asks, or on one of its own.
//!
//! The keys of an epoch come bit by bit, as the engine tells them, and are put in their envelopes meanwhile. With the last
//! of them comes the rest, and then the outputs are put on the disk, and after that, in one commit, the epoch. So a
//! commit never knows of output that a crash could still take away.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use thiserror::Error;

use super::epochs::{self, Mark};
use crate::engine::SavedKeys;
use crate::state::{Changes, Store, StoreError};

/// Puts what was written to outputs on the disk.
pub type SyncOutputs = Box<dyn FnOnce() -> Result<(), OutputError> + Send>;

/// An output that cannot be put on the disk.
#[derive(Debug, Error)]
#[error("cannot write {path}")]
pub struct OutputError {
    /// The output.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Why an epoch was not committed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An output.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Where in its life an epoch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It is told.
    Telling,
    /// Everything is told, the outputs are on the disk, and it is committed.
    Committing,
    /// It is committed.
    Committed,
}

/// What is told of the phases of epochs, from any thread.
pub type OnPhase = Arc<dyn Fn(Phase) + Send + Sync>;

/// What a commit has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and records.
    pub bytes: u64,
}

/// The end of an epoch.
pub(super) struct Commit {
    pub(super) rest: Vec<u8>,
    pub(super) mark: Mark,
    pub(super) sync: SyncOutputs,
}

enum Job {
    Keys(SavedKeys),
    Commit(Box<Commit>),
}

/// Writes epochs to a store.
pub struct Committer(Place);

enum Place {
    Here(Writer, Option<Result<Written, CommitError>>),
    Thread {
        jobs: Option<Sender<Job>>,
        done: Receiver<Result<Written, CommitError>>,
        thread: Option<JoinHandle<()>>,
    },
}

struct Writer {
    store: Arc<dyn Store>,
    on_phase: OnPhase,
    changes: Changes,
    keys: u64,
}

impl Committer {
    /// One that writes where it is called.
    pub fn here(store: Arc<dyn Store>, on_phase: OnPhase) -> Committer {
        Committer(Place::Here(Writer::new(store, on_phase), None))
    }

    /// One that writes on a thread of its own, which ends when it is dropped, after what it has been given.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn start(store: Arc<dyn Store>, on_phase: OnPhase) -> io::Result<Committer> {
        // What is under way is one epoch.
        let (jobs, waiting) = unbounded();
        let (tell, done) = unbounded();
        let mut writer = Writer::new(store, on_phase);
        let work = move || {
            for job in waiting {
                if let Some(written) = writer.work(job)
                    && tell.send(written).is_err()
                {
                    return;
                }
            }
        };
        let thread = Builder::new().name("epochs".to_owned()).spawn(work)?;
        Ok(Committer(Place::Thread { jobs: Some(jobs), done, thread: Some(thread) }))
    }

    /// Takes keys of the epoch under way.
    pub(super) fn put(&mut self, keys: SavedKeys) {
        self.give(Job::Keys(keys));
    }

    /// Ends the epoch under way.
    pub(super) fn commit(&mut self, commit: Commit) {
        self.give(Job::Commit(Box::new(commit)));
    }

    /// What came of the last commit, once that is known.
    pub(super) fn poll(&mut self) -> Option<Result<Written, CommitError>> {
        match &mut self.0 {
            Place::Here(_, written) => written.take(),
            Place::Thread { done, thread, .. } => match done.try_recv() {
                Ok(written) => Some(written),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => pass_panic_on(thread),
            },
        }
    }

    /// What came of the last commit, which is under way.
    pub(super) fn wait(&mut self) -> Result<Written, CommitError> {
        match &mut self.0 {
            Place::Here(_, written) => written.take().expect("a commit is under way"),
            Place::Thread { done, thread, .. } => done.recv().unwrap_or_else(|_| pass_panic_on(thread)),
        }
    }

    fn give(&mut self, job: Job) {
        match &mut self.0 {
            Place::Here(writer, written) => *written = writer.work(job),
            Place::Thread { jobs, thread, .. } => {
                let jobs = jobs.as_ref().expect("it ends only when it is dropped");
                if jobs.send(job).is_err() {
                    pass_panic_on(thread);
                }
            }
        }
    }
}

/// The thread ends early only by a broken invariant, and that ends the program.
fn pass_panic_on(thread: &mut Option<JoinHandle<()>>) -> ! {
    let thread = thread.take().expect("it is there until it is dropped");
    let why = thread.join().err().unwrap_or_else(|| Box::new("the writer of epochs ended early"));
    std::panic::resume_unwind(why)
}

impl Drop for Committer {
    fn drop(&mut self) {
        if let Place::Thread { jobs, thread, .. } = &mut self.0 {
            *jobs = None;
            // Its panic was shown when it happened.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}

impl Writer {
    fn new(store: Arc<dyn Store>, on_phase: OnPhase) -> Writer {
        Writer { store, on_phase, changes: Changes::new(), keys: 0 }
    }

    /// Does a job. Gives what came of a commit.
    fn work(&mut self, job: Job) -> Option<Result<Written, CommitError>> {
        match job {
            Job::Keys(keys) => {
                self.keys += keys.len() as u64;
                keys.iter()
                    .for_each(|(unit, key, bytes)| epochs::put_key(&mut self.changes, unit, key, bytes));
                None
            }
            Job::Commit(commit) => Some(self.commit(*commit)),
        }
    }

    fn commit(&mut self, Commit { rest, mark, sync }: Commit) -> Result<Written, CommitError> {
        epochs::put_rest(&mut self.changes, &rest, &mark);
        let written = Written { keys: self.keys, bytes: self.changes.bytes() as u64 };
        sync()?;
        (self.on_phase)(Phase::Committing);
        self.store.commit(&mut self.changes)?;
        (self.on_phase)(Phase::Committed);
        self.changes.clear();
        self.keys = 0;
        Ok(written)
    }
}
