//! One row of a file with columns to one row of a batch.
//!
//! The first line names the columns ([`header`]); a row is cut at its separators, and each declared field is read from the
//! text in its column. Nothing is copied but what has a doubled quote in it. As with JSON lines every declared field is
//! checked, whichever patterns run.
//!
//! - An empty field is null, and a bad row where null may not be; `""` is the empty text.
//! - A field that begins with a quote ends at the next one; two inside stand for one. Line ends and separators inside
//!   belong to it. A quote elsewhere is a character like others.
//! - Numbers and times may have blanks around them; texts keep theirs.
//! - A row with more or fewer fields than columns is bad: nobody can know which of them is missing.

mod cut;
mod header;

use std::ops::Range;

use self::cut::Cut;
pub(super) use self::cut::Cutter;
pub use self::header::{AS_UTF8, HeaderError};
pub(super) use self::header::{dialect, has_column_of, header_line, is_unreadable, names};

use super::bad::{BadReason, clip, no_time};
use super::scalar::{self, Misfit};
use super::scan::Scan;
use super::staged::{Staged, plain_number};
use crate::event::{BatchBuilder, Cell, Type, Value};
use crate::lang::hir::{Form, Origin, Stream};
use crate::time::EventTime;

/// Decodes the rows of one file.
#[derive(Debug)]
pub struct CsvDecoder {
    cutter: Cutter,
    /// How many columns the first line names.
    width: usize,
    /// The declared fields, by their number in the stream.
    fields: Vec<Wanted>,
    /// The field of the event time.
    time: usize,
    /// For each declared field the value of the row under way.
    staged: Vec<Staged>,
}

/// A declared field.
#[derive(Debug)]
struct Wanted {
    /// `None` where the file has no column for it.
    column: Option<usize>,
    is_kept: bool,
    name: String,
    ty: Type,
    nullable: bool,
    form: Form,
    /// A number, or a time, as JSON has it.
    is_plain: bool,
}

/// What tools write for a value that is not there, besides nothing.
pub const NULLS: [&str; 8] = ["NA", "N/A", "NaN", "nan", "NULL", "null", "None", "\\N"];

impl CsvDecoder {
    /// A decoder for a stream over rows under this first line; it keeps the fields for which `is_kept` says so, and the
    /// event time.
    ///
    /// # Errors
    ///
    /// Where the line does not name a column that the stream needs, or names it twice.
    pub fn new(
        stream: &Stream,
        header: &[u8],
        separator: u8,
        is_kept: impl Fn(usize) -> bool,
    ) -> Result<CsvDecoder, HeaderError> {
        let names = names(header, separator);
        let time = match stream.origin {
            Origin::Source { time_field, .. } => time_field,
            // A derived stream starts with `at`.
            Origin::Derived { .. } => 0,
        };
        let mut fields = Vec::new();
        for (index, field) in stream.fields.iter().enumerate() {
            fields.push(Wanted {
                column: header::column_of(stream, field, &names)?,
                is_kept: index == time || is_kept(index),
                name: field.name.clone(),
                ty: field.ty,
                nullable: field.nullable && index != time,
                form: field.form.clone(),
                is_plain: matches!(field.form, Form::Plain) && field.ty != Type::String,
            });
        }
        let staged = vec![Staged::Null; fields.len()];
        Ok(CsvDecoder { cutter: Cutter::new(separator), width: names.len(), fields, time, staged })
    }

    /// Adds a row of this record number. Costs less than an ordinary JSON line with the same values;
    /// `benches/decode.rs` measures both.
    ///
    /// # Errors
    ///
    /// Where the row cannot become an event. Then nothing is added.
    pub fn decode_row(
        &mut self,
        row: &[u8],
        record: u64,
        builder: &mut BatchBuilder,
    ) -> Result<(), BadReason> {
        let is_ascii = self.cutter.cut(row);
        let found = self.cutter.cells().len();
        if found != self.width {
            return Err(BadReason::Width { found, expected: self.width });
        }
        if !is_ascii {
            std::str::from_utf8(row)
                .map_err(|error| BadReason::NotUtf8 { column: error.valid_up_to() + 1 })?;
        }
        let time = self.time_of(row)?;
        for field in 0..self.fields.len() {
            if field != self.time {
                read(&self.fields[field], &self.cutter, row, &mut self.staged[field])?;
            }
        }
        let (fields, staged, unescaped) = (&self.fields, &self.staged, self.cutter.unescaped());
        builder.push_row(time, record, |field| match &staged[field] {
            _ if !fields[field].is_kept => Cell::Null,
            // An empty text in the row itself starts before its quote.
            Staged::Text(start, end) if *start as usize >= row.len() => {
                Cell::Text(&unescaped[*start as usize - row.len()..*end as usize - row.len()])
            }
            staged => staged.cell(row),
        });
        Ok(())
    }

    /// The bytes that a reason is about of the row that was decoded last, and could not become an event.
    pub(super) fn place(&self, reason: &BadReason, row: &[u8]) -> Range<usize> {
        match reason {
            BadReason::Width { found, expected } if found > expected => {
                self.cutter.place(*expected, row).start..row.len()
            }
            _ => reason.place(row, |field| {
                let wanted = self.fields.iter().find(|wanted| wanted.name == field)?;
                wanted.column.map(|column| self.cutter.place(column, row))
            }),
        }
    }

    fn time_of(&mut self, row: &[u8]) -> Result<EventTime, BadReason> {
        let staged = &mut self.staged[self.time];
        match read(&self.fields[self.time], &self.cutter, row, staged).map(|()| *staged) {
            Ok(Staged::Units(micros)) => Ok(EventTime::from_micros(micros)),
            Err(reason @ (BadReason::OutOfRange { .. } | BadReason::NotUtf8 { .. })) => Err(reason),
            _ => Err(self.no_time(row)),
        }
    }

    fn no_time(&self, row: &[u8]) -> BadReason {
        let wanted = &self.fields[self.time];
        let found = wanted.column.map(|column| self.cutter.bytes(self.cutter.cell(column), row));
        let found = found.filter(|text| !text.is_empty());
        no_time(wanted.name.clone(), &wanted.form, found.map(|text| shown(&String::from_utf8_lossy(text))))
    }
}

/// Reads the value of a declared field to where it waits for the rest of the row.
#[inline]
fn read(wanted: &Wanted, cutter: &Cutter, row: &[u8], staged: &mut Staged) -> Result<(), BadReason> {
    let Some(column) = wanted.column else {
        *staged = Staged::Null;
        return Ok(());
    };
    let cell = cutter.cell(column);
    if wanted.ty == Type::String && (cell.start != cell.end || cell.is_quoted) {
        *staged = Staged::Text(cell.start, cell.end);
        return Ok(());
    }
    if wanted.is_plain && (cell.start as usize) < row.len() {
        let mut scan = Scan::over(row, cell.start as usize);
        let number = scan.number().filter(|_| scan.at() == cell.end as usize);
        if let Some(number) = number.and_then(|number| plain_number(number, wanted.ty)) {
            *staged = number;
            return Ok(());
        }
    }
    let bytes = cutter.bytes(cell, row);
    *staged = match (wanted.ty, bytes) {
        (_, []) if wanted.nullable => Staged::Null,
        (Type::Bool, b"true") => Staged::Bool(true),
        (Type::Bool, b"false") => Staged::Bool(false),
        (Type::Timestamp, _) if wanted.is_plain => match EventTime::parse_usual(bytes) {
            Some(time) => Staged::Units(time.micros()),
            None => read_other(wanted, cell, bytes)?,
        },
        _ => read_other(wanted, cell, bytes)?,
    };
    Ok(())
}

/// A value that is not in its usual form.
#[inline(never)]
fn read_other(wanted: &Wanted, cell: Cut, bytes: &[u8]) -> Result<Staged, BadReason> {
    let column = cell.column as usize + 1;
    let text = std::str::from_utf8(bytes).map_err(|_| BadReason::NotUtf8 { column })?;
    if text.trim().is_empty() {
        return match wanted.nullable {
            true => Ok(Staged::Null),
            false => Err(BadReason::Empty { field: wanted.name.clone(), column }),
        };
    }
    let misfit = match scalar::read_text(text, wanted.ty, &wanted.form, |_| Value::Null) {
        Ok(value) => return Ok(Staged::of(&value).unwrap_or(Staged::Null)),
        // No word for null is a value.
        Err(_) if wanted.nullable && is_null_word(text) => return Ok(Staged::Null),
        Err(misfit) => misfit,
    };
    let field = wanted.name.clone();
    Err(match (misfit, wanted.ty) {
        (Misfit::TooManyDigits, Type::Decimal(scale)) => {
            BadReason::TooManyDigits { field, scale, found: clip(text) }
        }
        (Misfit::OutOfRange, ty) => BadReason::OutOfRange { field, ty, found: clip(text) },
        (_, ty) => {
            let expected = scalar::expected(ty, &wanted.form);
            BadReason::WrongType { field, expected, found: shown(text), column }
        }
    })
}

/// The text of a field in a message.
fn shown(text: &str) -> String {
    format!("`{}`", clip(text))
}

/// Whether a text is what some tools write for a value that is not there.
pub fn is_null_word(text: &str) -> bool {
    NULLS.contains(&text.trim())
}

/// The byte of a quote that is not closed, counted from 1.
pub(super) fn unclosed(line: &[u8], separator: u8) -> BadReason {
    let mut column = 0;
    let mut is_inside = false;
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'"', &line[at..]) {
        let quote = at + length;
        at = quote + 1;
        if is_inside && line.get(at) == Some(&b'"') {
            at += 1;
        } else if is_inside {
            is_inside = false;
        } else if quote == 0 || line[quote - 1] == separator {
            (is_inside, column) = (true, quote);
        }
    }
    BadReason::Unclosed { column: column + 1 }
}

#[cfg(test)]
mod tests;
