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
    /// The first line is not UTF-8, so a name in it is not known.
    #[error("its first line is not UTF-8, and only UTF-8 is read")]
    NotUtf8,
    /// It is no text at all.
    #[error("it is {format}, and only JSON lines and columns are read, as text or in gzip or zstd")]
    Foreign {
        /// What it seems to be.
        format: &'static str,
        /// What makes a text of it.
        remedy: &'static str,
    },
}

const AS_CSV: &str = "save it as CSV where it was made";
/// What makes UTF-8 of what is not: the encoding is a guess, of what spreadsheets of the West write.
pub const AS_UTF8: &str =
    "save it as UTF-8, or convert it, such as: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW";

const AS_TEXT: &str = "decompress it first, or pack it with gzip or zstd";

/// How files begin that people have and that are not read: the bytes, what they are, what to do.
const FOREIGN: [(&[u8], &str, &str); 10] = [
    (b"PK\x03\x04", "a zip archive, as workbooks of spreadsheet programs are", AS_CSV),
    (b"\xd0\xcf\x11\xe0", "a workbook of an old spreadsheet program", AS_CSV),
    (b"PAR1", "Parquet", "write it as CSV with what made it"),
    (b"ARROW1", "Arrow", "write it as CSV with what made it"),
    (b"Obj\x01", "Avro", "write it as JSON lines with what made it"),
    (b"ORC", "ORC", "write it as CSV with what made it"),
    (
        b"SQLite format 3\0",
        "a database of SQLite",
        "sqlite3 -csv -header FILE 'select * from TABLE' > FILE.csv",
    ),
    (b"BZh", "compressed by bzip2", AS_TEXT),
    (b"\xfd7zXZ\0", "compressed by xz", AS_TEXT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", AS_TEXT),
];

/// What a file is that begins so and cannot be read as text.
fn unreadable(head: &[u8]) -> Option<HeaderError> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some(HeaderError::Encoding { encoding: "UTF-16" });
    }
    let found = FOREIGN.iter().find(|(start, ..)| head.starts_with(start) && !is_line_of_text(head));
    found.map(|(_, format, remedy)| HeaderError::Foreign { format, remedy })
}

/// Whether the first line is text, as of columns that happen to be named so.
fn is_line_of_text(head: &[u8]) -> bool {
    let line = first_line(head);
    std::str::from_utf8(line).is_ok_and(|line| {
        line.contains([',', ';', '\t', '|']) && !line.contains(|c: char| c.is_control() && c != '\t')
    })
}

/// Whether a file that begins so cannot be read as text.
pub(in crate::io) fn is_unreadable(head: &[u8]) -> bool {
    unreadable(head).is_some()
}

impl HeaderError {
    /// What can be done about it.
    pub fn help(&self) -> String {
        match self {
            HeaderError::Missing { field, column, columns } => {
                let near = columns
                    .split(", ")
                    .map(|name| (likeness(&normal(column), &normal(name)), name))
                    .filter(|(likeness, _)| *likeness > 0.6)
                    .max_by(|one, two| one.0.total_cmp(&two.0));
                let name = near.map_or("Column Name", |(_, name)| name.trim_matches('`'));
                format!("name the column: `{field} … from \"{name}\"`, or declare the type with `?`")
            }
            HeaderError::Ambiguous { field, .. } => {
                format!("name one of them to the letter: `{field} … from \"Column Name\"`")
            }
            HeaderError::Foreign { remedy, .. } => (*remedy).to_owned(),
            HeaderError::NotUtf8 => AS_UTF8.to_owned(),
            HeaderError::Encoding { encoding } => {
                format!("convert it, such as: iconv -f {encoding} -t UTF-8 FILE")
            }
        }
    }
}

/// How alike two names are, from 0 to 1: by their letters, and where all words of one are among those of the other.
fn likeness(one: &str, other: &str) -> f64 {
    let are_in = |few: &str, many: &str| {
        !few.is_empty() && few.split('_').all(|word| many.split('_').any(|other| word == other))
    };
    let is_part = are_in(one, other) || are_in(other, one);
    strsim::normalized_damerau_levenshtein(one, other).max(if is_part { 0.9 } else { 0.0 })
}

/// How the records of a file end and what stands between their fields, as its beginning shows. Of the marks that could
/// separate, it is the one that finds most of the stream's columns, then the most frequent.
pub(in crate::io) fn dialect(head: &[u8], stream: Option<&Stream>) -> Result<Dialect, HeaderError> {
    if let Some(error) = unreadable(head) {
        return Err(error);
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
        [] if names.iter().any(|name| could_be(name, &column, field.nullable)) => Err(HeaderError::NotUtf8),
        [] if field.nullable => Ok(None),
        [] => {
            let columns: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(HeaderError::Missing { field: field.name.clone(), column, columns: columns.join(", ") })
        }
        several => Err(HeaderError::Ambiguous { field: field.name.clone(), column, count: several.len() }),
    }
}

/// Whether a name that is not UTF-8 could be a column that is not there: of one that must be any could.
fn could_be(name: &str, column: &str, is_nullable: bool) -> bool {
    const LOST: char = char::REPLACEMENT_CHARACTER;
    let is_like = |(lost, whole): (char, char)| lost == LOST || lost == whole;
    let is_alike =
        || name.chars().count() == column.chars().count() && name.chars().zip(column.chars()).all(is_like);
    name.contains(LOST) && (!is_nullable || is_alike())
}

fn places(names: &[String], is_it: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..names.len()).filter(|at| is_it(&names[*at])).collect()
}
