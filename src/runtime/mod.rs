//! Threads, and the channels between them.
//!
//! Everything that decides what comes out is a deterministic machine that knows no thread; here it is only decided who
//! does what at which time. Channels are bounded, and what passes through them are whole batches.

mod checkpoints;
pub mod clock;
mod committer;
pub mod epochs;
pub mod programs;
mod readers;
mod unpacker;
mod workers;

pub use checkpoints::{Checkpoints, EpochError, EpochFacts};
pub use committer::{CommitError, Committer, OnPhase, OutputError, Phase, SyncOutputs, Written};
pub use readers::Readers;
pub use workers::Workers;
