//! Why a line could not become an event.

use std::fmt;
use std::ops::Range;

use super::scalar;
use crate::event::{StreamId, Type};
use crate::lang::hir::Form;

/// Why a line could not become an event. [`label`](BadReason::label) is what is counted; the text is for people.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadReason {
    /// It is not JSON.
    Malformed {
        /// What the parser says.
        message: String,
        /// The byte where it stopped, counted from 1.
        column: usize,
    },
    /// It is JSON, but no object.
    NotAnObject {
        /// What it is.
        found: String,
    },
    /// A field is of another type.
    WrongType {
        /// The field, as the stream calls it.
        field: String,
        /// What it was declared as.
        expected: String,
        /// What stands there.
        found: String,
        /// The byte where it stands, counted from 1.
        column: usize,
    },
    /// A field that may not be null is missing or null.
    MissingField {
        /// The field, as the stream calls it.
        field: String,
        /// Whether it stands there as `null`.
        null: bool,
    },
    /// A decimal has more digits after the point than were declared. It is never rounded.
    TooManyDigits {
        /// The field, as the stream calls it.
        field: String,
        /// How many digits are allowed.
        scale: u8,
        /// What stands there.
        found: String,
    },
    /// A number or a time is too large.
    OutOfRange {
        /// The field, as the stream calls it.
        field: String,
        /// Its type.
        ty: Type,
        /// What stands there.
        found: String,
    },
    /// The event time is missing, null, or no timestamp.
    NoTime {
        /// The field of the event time, as the stream calls it.
        field: String,
        /// What stands there, if anything does.
        found: Option<String>,
        /// How it is written in this stream.
        expected: String,
    },
    /// A row of a file with columns has more of them, or fewer.
    Width {
        /// How many it has.
        found: usize,
        /// How many the first line names.
        expected: usize,
    },
    /// A quote that no other closes.
    Unclosed {
        /// The byte where it stands, counted from 1.
        column: usize,
    },
    /// A field is empty in a file with columns, and may not be null.
    Empty {
        /// The field, as the stream calls it.
        field: String,
        /// The byte where it stands, counted from 1.
        column: usize,
    },
    /// The line is longer than is read.
    Overlong {
        /// Its length.
        bytes: u64,
        /// The most that is read.
        max: usize,
    },
    /// It is not UTF-8.
    NotUtf8 {
        /// The byte where it stops being, counted from 1.
        column: usize,
    },
}

impl BadReason {
    /// All labels.
    pub const LABELS: [&'static str; 10] = [
        "malformed",
        "not_an_object",
        "wrong_type",
        "missing_field",
        "too_many_digits",
        "out_of_range",
        "no_time",
        "overlong",
        "not_utf8",
        "width",
    ];

    /// What it is counted under; never changes its meaning.
    pub const fn label(&self) -> &'static str {
        match self {
            BadReason::Malformed { .. } | BadReason::Unclosed { .. } => "malformed",
            BadReason::NotAnObject { .. } => "not_an_object",
            BadReason::WrongType { .. } => "wrong_type",
            BadReason::MissingField { .. } | BadReason::Empty { .. } => "missing_field",
            BadReason::TooManyDigits { .. } => "too_many_digits",
            BadReason::OutOfRange { .. } => "out_of_range",
            BadReason::NoTime { .. } => "no_time",
            BadReason::Overlong { .. } => "overlong",
            BadReason::NotUtf8 { .. } => "not_utf8",
            BadReason::Width { .. } => "width",
        }
    }

    /// The field that it is about, as the stream calls it.
    fn field(&self) -> Option<&str> {
        match self {
            BadReason::WrongType { field, .. }
            | BadReason::MissingField { field, .. }
            | BadReason::TooManyDigits { field, .. }
            | BadReason::OutOfRange { field, .. }
            | BadReason::NoTime { field, .. }
            | BadReason::Empty { field, .. } => Some(field),
            _ => None,
        }
    }

    /// The bytes of a line that it is about, where `place_of` says of a field where its value stands; of what is not there
    /// the last byte, behind which it could be.
    pub(super) fn place(&self, line: &[u8], place_of: impl Fn(&str) -> Option<Range<usize>>) -> Range<usize> {
        let end = line.trim_ascii_end().len();
        let from = |column: usize| column.saturating_sub(1).min(end);
        match self {
            BadReason::Malformed { column, .. } | BadReason::NotUtf8 { column } => {
                from(*column)..(from(*column) + 1).min(end)
            }
            BadReason::Unclosed { column } => from(*column)..end,
            BadReason::NotAnObject { .. } => 0..end,
            _ => self.field().and_then(place_of).unwrap_or(end.saturating_sub(1)..end),
        }
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadReason::Malformed { message, column } => write!(f, "not JSON: {message} (column {column})"),
            BadReason::NotAnObject { found } => write!(f, "expected an object, found {found}"),
            BadReason::WrongType { field, expected, found, column } => {
                write!(f, "field `{field}`: expected {expected}, found {found} (column {column})")
            }
            BadReason::MissingField { field, null: false } => write!(f, "field `{field}` is missing"),
            BadReason::MissingField { field, null: true } => {
                write!(f, "field `{field}` is null, and is not declared with `?`")
            }
            BadReason::TooManyDigits { field, scale, found } => {
                write!(f, "field `{field}`: {found} has more than {scale} digits after the point")
            }
            BadReason::OutOfRange { field, ty, found } => {
                write!(f, "field `{field}`: {found} does not fit {ty}")
            }
            BadReason::NoTime { field, found: None, .. } => {
                write!(f, "the event time `{field}` is missing")
            }
            BadReason::NoTime { field, found: Some(found), expected } => {
                write!(f, "the event time `{field}` is not {expected}: found {found}")
            }
            BadReason::Width { found, expected } => {
                let more = if found > expected { "more" } else { "fewer" };
                write!(f, "the row has {found} fields, {more} than the {expected} that the first line names")
            }
            BadReason::Unclosed { column } => write!(f, "a quote that is not closed (column {column})"),
            BadReason::Empty { field, column } => {
                write!(f, "field `{field}` is empty, and is not declared with `?` (column {column})")
            }
            BadReason::Overlong { bytes, max } => {
                write!(f, "the line has {bytes} bytes, more than the {max} that are read")
            }
            BadReason::NotUtf8 { column } => write!(f, "not UTF-8 (column {column})"),
        }
    }
}

/// That there is no event time.
pub(super) fn no_time(field: String, form: &Form, found: Option<String>) -> BadReason {
    BadReason::NoTime { field, found, expected: scalar::expected(Type::Timestamp, form) }
}

/// The start of a text: messages stay readable whatever the input holds.
pub(super) fn clip(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A line that could not become an event, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// The stream it was read for.
    pub stream: StreamId,
    /// The file, as it was named.
    pub path: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: BadReason,
    /// The line; what is not UTF-8 in it is replaced, and of an overlong line only the start is kept.
    pub text: String,
    /// The bytes of the line that the reason is about.
    pub place: Range<usize>,
}
