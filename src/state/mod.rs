//! The store under checkpoints: bytes under bytes, all or nothing, found whole or refused.
//!
//! ```text
//! engine ──records──▶ Changes ──commit──▶ Store ──┬── RocksStore   a directory (feature `state`)
//!                                                 └── MemoryStore  a map, which fails when it is told to
//! ```
//!
//! A record has a key, whose first byte is the [`Space`] that it belongs to, and a value in an envelope with a version and
//! a checksum ([`record`](Record)). An epoch is one set of [`Changes`], committed at once. What a store is able to do is
//! [`Store`]; the one on disk is RocksDB behind it, and nothing of RocksDB shows.
//!
//! A store does not know what a payload means, what an epoch is, or when one is due. It reads no clock, and what it gives
//! is a function of what was committed. `docs/state-format.md` draws the bytes.
//!
//! What is promised:
//!
//! - A commit is in the store whole or not at all, and on the disk when [`Store::commit`] returns.
//! - One process has a directory.
//! - A directory that is not a store, or is damaged, or of a later format, is refused with a [`StoreError`] that says what
//!   is wrong, where, and what can be done. Nothing in it was changed then, and nothing is ever deleted unasked.
//! - After a commit that failed no other is taken until [`Store::resume`] has looked.

mod changes;
mod error;
mod memory;
mod record;
mod savepoint;
mod store;

#[cfg(feature = "state")]
mod marker;
#[cfg(feature = "state")]
mod meta;
#[cfg(feature = "state")]
mod opening;
#[cfg(feature = "state")]
mod options;
#[cfg(feature = "state")]
mod rocks;
#[cfg(feature = "state")]
mod trouble;

pub use changes::{Change, Changes};
pub use error::StoreError;
pub use memory::{Fault, MemoryStore};
pub use record::{ENVELOPE_BYTES, Flaw, Key, KeyParts, Record, Space, shown};
#[cfg(feature = "state")]
pub use rocks::RocksStore;
pub use savepoint::{SAVEPOINT_FORMAT, SavepointError, SavepointSize, read_savepoint, write_savepoint};
pub use store::{Scan, Store, Stored, Verified, Visit};
