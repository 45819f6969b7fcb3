//! Events: their values, and the column batches they travel in.

mod batch;
mod coder;
mod dictionary;
mod value;

pub use batch::{Batch, BatchBuilder, Cell, Column, NULL_CODE, Nulls};
pub use coder::{Coder, UncodedBatch};
pub use dictionary::{Dictionary, Interner};
pub use value::{Decimal, Type, Value};

/// A number that names something within one program or one run.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into the list that the id was given by.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A stream, in the order of the total order: sources as declared, then derived streams in topological order.
    StreamId;
    /// A pattern, in file order.
    PatternId;
    /// A step of a pattern, absences and branches included, in the order written.
    StepId;
    /// A field that a pattern reads of its events, whichever of its streams they are of.
    SlotId;
    /// A partition of one stream: a file, or one `given` block of a test.
    PartitionId;
}

/// Where an event stands in its source; with the stream this names it for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourcePosition {
    /// The stream.
    pub stream: StreamId,
    /// The partition; on a derived stream the level of the pattern that made the record.
    pub partition: PartitionId,
    /// The record number in the partition, counted from 1 and bad records included; on a derived stream the
    /// number of the record in output order.
    pub record: u64,
}
