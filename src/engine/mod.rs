//! One shard: everything between decoded batches and finished records, as one deterministic machine without I/O,
//! threads or a clock.
//!
//! ```text
//! Batch --stream::Sequencer--> events in total order --keys--> executors --> outcomes --> Record
//!          lateness, watermark        (filter, key)            per key      sorted     emit
//! ```
//!
//! [`Engine`] drives it. [`reference`] gives the same records from the oracle, for a whole input at once.

mod emit;
mod input;
pub mod reference;

pub use emit::{Outcome, Record};
pub use input::{Candidate, projection};
