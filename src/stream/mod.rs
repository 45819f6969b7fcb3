//! Event time over partitions: lateness, watermarks, and putting events back in order.
//!
//! Whether an event is late depends on its own partition's content alone. The watermark decides *when* events and
//! deadlines are worked on, never *what* comes of them.

mod carried;
mod saved;
mod sequencer;

pub use carried::{CarriedStream, Reread, Unread};
pub use sequencer::{Ordered, Sequencer, Span};
