//! Rows as they stand in a file of which nobody has said what is in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::bad::BadReason;
use super::csv::{Cutter, HeaderError, dialect, header_line, names};
use super::format::decompressed;
use super::lines::{Line, Lines};
use super::scalar::read_text;
use crate::event::{Type, Value};
use crate::lang::hir::Form;
use crate::time::EventTime;

/// A value as it stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RawText {
    /// Nothing, or null.
    Null,
    /// A text, or anything in a file with columns.
    Text(String),
    /// A number of JSON.
    Number(String),
    /// A truth value of JSON.
    Bool(bool),
    /// An array of JSON.
    Array,
}

impl RawText {
    /// Its text as it stands there; none of nothing, and of an array.
    pub fn text(&self) -> Option<&str> {
        match self {
            RawText::Null | RawText::Array => None,
            RawText::Text(text) | RawText::Number(text) => Some(text),
            RawText::Bool(true) => Some("true"),
            RawText::Bool(false) => Some("false"),
        }
    }

    /// The time that it is, written as a stream says, as RFC 3339, or as a number of ms where it says nothing.
    pub fn time(&self, form: &Form) -> Option<EventTime> {
        match read_text(self.text()?, Type::Timestamp, form, Value::text) {
            Ok(Value::Timestamp(time)) => Some(time),
            _ => None,
        }
    }
}

/// The values of a row, each with the names that lead to it.
pub type RawRow = Vec<(Vec<String>, RawText)>;

/// Reads rows of JSON lines, or with columns.
pub struct RawRows {
    lines: Lines<Box<dyn Read + Send>>,
    /// Of a file with columns.
    columns: Option<(Cutter, Vec<String>)>,
    /// The line on which the last row began.
    line: u64,
    /// Why it could not be read, as far as that is known.
    bad: Option<BadReason>,
}

impl RawRows {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn open(path: &Path) -> io::Result<RawRows> {
        let mut lines = Lines::new(decompressed(Box::new(File::open(path)?))?);
        let head = lines.head()?;
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(first, Some(b'{' | b'[') | None) {
            return Ok(RawRows { lines, columns: None, line: 0, bad: None });
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let dialect = dialect(head, None).map_err(invalid)?;
        let separator = dialect.separator.unwrap_or(b',');
        lines.set_dialect(dialect);
        let mut found = Vec::new();
        while let Some((_, line)) = lines.next_line()? {
            if let Line::Text(text) = line
                && header_line(text)
            {
                if std::str::from_utf8(text).is_err() {
                    return Err(invalid(HeaderError::NotUtf8));
                }
                found = names(text, separator);
                break;
            }
        }
        Ok(RawRows { lines, columns: Some((Cutter::new(separator), found)), line: 0, bad: None })
    }

    /// The names in the first line, where there are columns.
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_ref().map(|(_, names)| names.as_slice())
    }

    /// The line on which the row that was read last begins.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Why the row that was read last could not be, where it is one of a file with columns.
    pub fn bad(&self) -> Option<&BadReason> {
        self.bad.as_ref()
    }

    /// The next row; `None` within for one that cannot be read.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn next_row(&mut self) -> io::Result<Option<Option<RawRow>>> {
        let Some((number, line)) = self.lines.next_line()? else { return Ok(None) };
        self.line = number;
        self.bad = None;
        let Line::Text(text) = line else { return Ok(Some(None)) };
        Ok(Some(match &mut self.columns {
            None => json_row(text),
            Some((cutter, names)) => {
                cutter.cut(text);
                let (found, expected) = (cutter.cells().len(), names.len());
                self.bad = match std::str::from_utf8(text) {
                    Err(error) => Some(BadReason::NotUtf8 { column: error.valid_up_to() + 1 }),
                    Ok(_) if found != expected => Some(BadReason::Width { found, expected }),
                    Ok(_) => None,
                };
                self.bad.is_none().then(|| {
                    let value = |cell| match cutter.bytes(cell, text) {
                        [] if !cell.is_quoted => RawText::Null,
                        bytes => RawText::Text(String::from_utf8_lossy(bytes).into_owned()),
                    };
                    let cells = cutter.cells().iter().copied();
                    names.iter().zip(cells).map(|(name, cell)| (vec![name.clone()], value(cell))).collect()
                })
            }
        }))
    }
}

/// The members of a line, and those inside of them.
fn json_row(line: &[u8]) -> Option<RawRow> {
    let mut row = Vec::new();
    add_members(std::str::from_utf8(line).ok()?, &[], &mut row)?;
    Some(row)
}

fn add_members(object: &str, path: &[String], row: &mut RawRow) -> Option<()> {
    let mut parser = serde_json::Deserializer::from_str(object);
    let members = parser.deserialize_map(Members).ok()?;
    parser.end().ok()?;
    for (name, raw) in members {
        let path: Vec<String> = path.iter().cloned().chain([name]).collect();
        let text = raw.get();
        let value = match text.as_bytes().first()? {
            b'{' if path.len() < 16 => {
                add_members(text, &path, row)?;
                continue;
            }
            b'"' => RawText::Text(serde_json::from_str(text).ok()?),
            b'n' => RawText::Null,
            b't' | b'f' => RawText::Bool(text == "true"),
            b'[' | b'{' => RawText::Array,
            _ => RawText::Number(text.to_owned()),
        };
        row.push((path, value));
    }
    Some(())
}

/// The members of an object, in their order.
struct Members;

impl<'a> Visitor<'a> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
