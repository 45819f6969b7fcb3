//! Threads, and the channels between them.
//!
//! Everything that decides what comes out is a deterministic machine that knows no thread; here it is only decided who
//! does what at which time. Channels are bounded, and what passes through them are whole batches.

pub mod epochs;
pub mod programs;
mod readers;
mod workers;

pub use readers::Readers;
pub use workers::Workers;
