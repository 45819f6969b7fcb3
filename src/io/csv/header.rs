//! The first line of a file with columns: how its fields are separated, and which column is which field.
//!
//! A column is that of a field if it has its name, or that after `from`, to the letter; else if it is the only one that
//! has it but for case, blanks and punctuation: `Card Number`, `card-number` and `CARD_NUMBER` are all `card_number`.

use thiserror::Error;

use crate::io::lines::Dialect;
use crate::lang::hir::{Field, Stream};

/// What may stand between fields.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How much of a file is looked at to find out how it is written.
const LOOKED_AT_BYTES: usize = 64 << 10;

/// Why a file cannot be read under its first line.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A field that may not be null has no column.
    #[error("no column `{column}` for field `{field}`; the columns are {columns}")]
    Missing {
        /// The field, as the stream calls it.
        field: String,
        /// The column that was looked for.
        column: String,
        /// The columns that are there.
        columns: String,
    },
    /// Several columns could be that of a field.
    #[error("{count} columns `{column}`, so it is not known which is field `{field}`")]
    Ambiguous {
        /// The field, as the stream calls it.
        field: String,
        /// The column that was looked for.
        column: String,
        /// How many there are.
        count: usize,
    },
    /// The text is not in UTF-8.
    #[error("it is in {encoding}, and only UTF-8 is read")]
    Encoding {
        /// What it seems to be in.
        encoding: &'static str,
    },
}

impl HeaderError {
    /// What can be done about it.
    pub fn help(&self) -> String {
        match self {
            HeaderError::Missing { field, column, columns } => {
                let near = columns
                    .split(", ")
                    .map(|name| (strsim::jaro_winkler(&normal(column), &normal(name)), name))
                    .filter(|(likeness, _)| *likeness > 0.75)
                    .max_by(|one, two| one.0.total_cmp(&two.0));
                let name = near.map_or("Column Name", |(_, name)| name.trim_matches('`'));
                format!("name the column: `{field} … from \"{name}\"`, or declare the type with `?`")
            }
            HeaderError::Ambiguous { field, .. } => {
                format!("name one of them to the letter: `{field} … from \"Column Name\"`")
            }
            HeaderError::Encoding { encoding } => {
                format!("convert it, such as: iconv -f {encoding} -t UTF-8 FILE")
            }
        }
    }
}

/// How the records of a file end and what stands between their fields, as its beginning shows. Of the marks that could
/// separate, it is the one that finds most of the stream's columns, then the most frequent.
pub(in crate::io) fn dialect(head: &[u8], stream: Option<&Stream>) -> Result<Dialect, HeaderError> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(HeaderError::Encoding { encoding: "UTF-16" });
    }
    let head = &head[..head.len().min(LOOKED_AT_BYTES)];
    let text = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let end = match memchr::memchr2(b'\n', b'\r', &head[text..]) {
        Some(end) if head[text + end] == b'\r' && head.get(text + end + 1) != Some(&b'\n') => b'\r',
        _ => b'\n',
    };
    let line = first_line(head);
    if let Some(separator) = announced(line) {
        return Ok(Dialect { end, separator: Some(separator) });
    }
    let worth = |separator: &u8| {
        let names = names(line, *separator);
        (stream.map_or(0, |stream| columns_found(stream, &names)), names.len())
    };
    // Of equals the first.
    let best = SEPARATORS.iter().rev().max_by_key(|separator| worth(separator));
    Ok(Dialect { end, separator: best.copied() })
}

/// Whether a line names a column of the stream, whatever separates them.
pub(in crate::io) fn has_column_of(head: &[u8], stream: &Stream) -> bool {
    let line = first_line(head);
    SEPARATORS.iter().any(|separator| columns_found(stream, &names(line, *separator)) > 0)
}

/// Whether a line is one that names columns; spreadsheets may write `sep=;` before it.
pub(in crate::io) fn header_line(line: &[u8]) -> bool {
    announced(line).is_none()
}

/// `sep=;`
fn announced(line: &[u8]) -> Option<u8> {
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator] => Some(*separator),
        _ => None,
    }
}

fn first_line(head: &[u8]) -> &[u8] {
    let start = head.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(head.len());
    let rest = &head[start..];
    &rest[..memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())]
}

fn columns_found(stream: &Stream, names: &[String]) -> usize {
    let is_there = |field: &&Field| {
        let column = column_name(field);
        names.iter().any(|name| normal(name) == normal(&column))
    };
    stream.fields.iter().filter(is_there).count()
}

/// The names in a first line.
pub(in crate::io) fn names(line: &[u8], separator: u8) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = Vec::new();
    let mut is_inside = false;
    let mut is_start = true;
    let mut bytes = line.iter().copied().peekable();
    let text = |name: &[u8]| String::from_utf8_lossy(name).trim().to_owned();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if is_inside && bytes.peek() == Some(&b'"') => {
                bytes.next();
                name.push(byte);
            }
            b'"' if is_inside || is_start => is_inside = !is_inside,
            byte if byte == separator && !is_inside => {
                names.push(text(&name));
                name.clear();
                is_start = true;
                continue;
            }
            byte => name.push(byte),
        }
        is_start = false;
    }
    names.push(text(&name));
    names
}

/// What the column of a field is called.
fn column_name(field: &Field) -> String {
    field.path.join(".")
}

/// A name without what people write differently: lower case, one `_` for anything that is neither letter nor digit.
pub(in crate::io) fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            normal.extend(c.to_lowercase());
        } else if !normal.is_empty() && !normal.ends_with('_') {
            normal.push('_');
        }
    }
    normal.truncate(normal.trim_end_matches('_').len());
    normal
}

/// The column of a field; none where it may be null.
pub(super) fn column_of(
    stream: &Stream,
    field: &Field,
    names: &[String],
) -> Result<Option<usize>, HeaderError> {
    let column = column_name(field);
    let exact: Vec<usize> = places(names, |name| name == column);
    let is_anothers =
        |name: &str| stream.fields.iter().any(|other| other.name != field.name && column_name(other) == name);
    let found = match exact.is_empty() {
        false => exact,
        // What is another field's to the letter is not this one's.
        true => places(names, |name| normal(name) == normal(&column) && !is_anothers(name)),
    };
    match found.as_slice() {
        [only] => Ok(Some(*only)),
        [] if field.nullable => Ok(None),
        [] => {
            let columns: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(HeaderError::Missing { field: field.name.clone(), column, columns: columns.join(", ") })
        }
        several => Err(HeaderError::Ambiguous { field: field.name.clone(), column, count: several.len() }),
    }
}

fn places(names: &[String], is_it: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..names.len()).filter(|at| is_it(&names[*at])).collect()
}
