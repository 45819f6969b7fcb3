//! Copies of a state directory in an object store, made while the run goes on (feature `remote`).
//!
//! ```text
//! state directory ──hard links──▶ DIR/copying ──what is not there yet──▶ files/…      then   copies/NUMBER-epoch-N
//!                                                                          ▲                      │
//!                                                    new directory ◀───────┴── fetch, checked ◀───┘
//! ```
//!
//! A copy is a set of files and, put last, a [`Manifest`] that names each with its size and SHA-256. An object has the
//! sum of its file in its name and is never written twice, so a file that two copies share is there once, and nothing that
//! is put can harm a copy that is there already. That makes copies incremental without knowing anything about the files:
//! the sorted files of the database never change, and only those that are new go over the line. Whoever reads takes the newest
//! manifest whose files are all there and right; a copy without its manifest is not there. It is how Git and restic keep what they
//! keep, with the names of the files left readable.
//!
//! Of the old copies a few are kept. Older manifests are removed first, then the files that no manifest names. One
//! run has a place: two that copy to it would remove each other's files, so copies of another state are refused.
//!
//! [`Keeper`] makes copies on a thread of its own. The run waits for none of it, but for a commit that comes while the
//! database makes its hard links. What is to be put and removed is decided by functions without I/O ([`decide`](self)).
//! Outputs and inputs of a run are not copied: a manifest says how long they have to be.

mod copy;
mod decide;
mod error;
mod fetch;
mod keeper;
mod manifest;
mod place;
mod savepoint;
mod sums;

pub use copy::{Copied, Copier};
pub use error::CopyError;
pub use fetch::{Fetched, Listed, fetch, list};
pub use keeper::{Keeper, OnCopy, wait_for};
pub use manifest::{CopiedFile, Manifest};
pub use place::Place;
pub use savepoint::{fetch_savepoint, put_savepoint};
pub use sums::Sum;
