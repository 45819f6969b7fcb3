//! The outside world: JSON lines and files with columns in, and out.
//!
//! ```text
//! bytes --format, lines--> one line --json, csv--> a row of a column batch   (source)
//! records --record--> bytes --sink--> a file, or standard output
//! ```
//!
//! Bad content never stops a reader and never panics: a line that cannot become an event is given to the caller as a
//! [`BadLine`], with its place and its [`BadReason`], and reading goes on. Only the operating system can fail here.
//!
//! A run can go on where another one stopped: an input is read on at a [`Position`] if it is still the file that was read
//! ([`Identity`]), and an output is cut back to a length that is known to be down on disk. Only regular files can do that.
//! What a pattern is, nobody here knows; a stream's fields and their types are all that is needed.

mod bad;
mod csv;
mod follow;
mod format;
mod identity;
mod json;
mod lines;
mod meter;
mod output;
mod raw;
mod record;
mod rows;
mod scalar;
mod scan;
mod sink;
mod source;
mod staged;
mod words;

pub use bad::{BadLine, BadReason};
pub use csv::{AS_UTF8, CsvDecoder, HeaderError, NULLS, is_null_word};
pub use format::InputFormat;
pub use identity::{Identity, Mismatch, Watch};
pub use json::JsonDecoder;
pub use lines::{Line, Lines, Position};
pub use meter::Meter;
pub use output::{FileOutput, Resume, Unsynced};
pub use raw::{RawRow, RawRows, RawText};
pub use record::{push_event, push_record, push_string, push_value};
pub use rows::{Columns, NamedRows};
pub use scalar::{is_time_as, truth};
pub use sink::{DeadLetters, Sink, push_bad_line};
pub use source::{Input, InputSource, OpenError, Reading, Step};
