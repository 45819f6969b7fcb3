//! Records and events as rows of a file with columns.
//!
//! A record has the columns `at`, `pattern`, `id`, those of `meta` over all patterns that make it, `timeout` where one makes
//! timeouts, then its fields. Null is nothing between two separators; an empty text is `""`. A late event has the columns
//! that it was read from, so that the file can be an input again.

use std::path::Path;

use super::record::{push_member, push_time, push_value};
use crate::engine::Record;
use crate::event::{StreamId, Value};
use crate::lang::hir::{DERIVED_FIELDS, Form, Origin, Program};
use crate::matcher::Kind;

/// The columns of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    separator: u8,
    stream: StreamId,
    /// Of a derived stream: the names in `meta`.
    meta: Vec<String>,
    has_timeout: bool,
}

impl Columns {
    /// What stands between the columns of a file of this name; `None` where it has none.
    pub fn separator_of(path: &Path) -> Option<u8> {
        let name = path.to_string_lossy().to_lowercase();
        match () {
            () if name.ends_with(".csv") => Some(b','),
            () if name.ends_with(".tsv") => Some(b'\t'),
            () => None,
        }
    }

    /// Those of a stream.
    pub fn new(program: &Program, stream: StreamId, separator: u8) -> Columns {
        let (mut meta, mut has_timeout) = (Vec::<String>::new(), false);
        for pattern in &program.patterns {
            let emits = |emits: &[crate::lang::hir::Emit]| emits.iter().any(|emit| emit.stream == stream);
            let is_timeout = emits(&pattern.timeout_emits);
            has_timeout |= is_timeout;
            if is_timeout || emits(&pattern.emits) {
                let names = pattern.meta.iter().map(|(name, _)| name);
                for name in names {
                    if !meta.contains(name) {
                        meta.push(name.clone());
                    }
                }
            }
        }
        Columns { separator, stream, meta, has_timeout }
    }

    /// Appends the first line, with its end.
    pub fn push_header(&self, out: &mut Vec<u8>, program: &Program) {
        let stream = program.stream(self.stream);
        let names: Vec<String> = match stream.origin {
            Origin::Source { .. } => stream.fields.iter().map(|field| field.path.join(".")).collect(),
            Origin::Derived { .. } => {
                let (given, own) = stream.fields.split_at(DERIVED_FIELDS);
                let meta = self.meta.iter().map(|name| format!("meta.{name}"));
                let timeout = self.has_timeout.then(|| "timeout".to_owned());
                let name = |field: &crate::lang::hir::Field| field.name.clone();
                given.iter().map(name).chain(meta).chain(timeout).chain(own.iter().map(name)).collect()
            }
        };
        let mut row = Row::new(out, self.separator);
        names.iter().for_each(|name| row.text(name));
        row.end();
    }

    /// Appends a record, with the end of its line.
    pub fn push_record(&self, out: &mut Vec<u8>, program: &Program, record: &Record) {
        let mut row = Row::new(out, self.separator);
        let (given, own) = record.fields.split_at(DERIVED_FIELDS);
        given.iter().for_each(|value| row.value(value));
        let meta = &program.pattern(record.pattern).meta;
        for name in &self.meta {
            let value = meta.iter().find(|(of, _)| of == name).map_or(&Value::Null, |(_, value)| value);
            row.value(value);
        }
        if self.has_timeout {
            row.value(&Value::Bool(record.kind == Kind::Timeout));
        }
        own.iter().for_each(|value| row.value(value));
        row.end();
    }

    /// Appends an event of a source stream, with the end of its line. `value` gives the value of a field by its index.
    pub fn push_event(&self, out: &mut Vec<u8>, program: &Program, value: impl Fn(usize) -> Value) {
        let mut row = Row::new(out, self.separator);
        for (at, field) in program.stream(self.stream).fields.iter().enumerate() {
            match (&field.form, value(at)) {
                // As the stream reads it.
                (Form::Number { point, .. }, number) if !number.is_null() => {
                    row.text(&number.to_string().replace('.', &point.to_string()));
                }
                (_, value) => row.value(&value),
            }
        }
        row.end();
    }
}

/// Rows of values that have names, and are no records: columns where the name of their file says so, else JSON lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedRows {
    separator: Option<u8>,
    names: Vec<String>,
}

impl NamedRows {
    /// Those of a file of this name.
    pub fn new(path: &Path, names: Vec<String>) -> NamedRows {
        NamedRows { separator: Columns::separator_of(path), names }
    }

    /// Appends the first line, with its end, where there are columns.
    pub fn push_header(&self, out: &mut Vec<u8>) {
        if let Some(separator) = self.separator {
            let mut row = Row::new(out, separator);
            self.names.iter().for_each(|name| row.text(name));
            row.end();
        }
    }

    /// Appends a row, with its end: a value for each name.
    pub fn push(&self, out: &mut Vec<u8>, values: &[Value]) {
        assert_eq!(values.len(), self.names.len(), "a row has a value for each name");
        let Some(separator) = self.separator else {
            out.push(b'{');
            for (at, (name, value)) in self.names.iter().zip(values).enumerate() {
                push_member(out, at == 0, name, value);
            }
            out.extend_from_slice(b"}\n");
            return;
        };
        let mut row = Row::new(out, separator);
        values.iter().for_each(|value| row.value(value));
        row.end();
    }
}

/// A row that is being written.
struct Row<'a> {
    out: &'a mut Vec<u8>,
    separator: u8,
    is_first: bool,
}

impl Row<'_> {
    fn new(out: &mut Vec<u8>, separator: u8) -> Row<'_> {
        Row { out, separator, is_first: true }
    }

    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(self.separator);
        }
    }

    fn text(&mut self, text: &str) {
        self.next();
        let is_strange = |byte: u8| matches!(byte, b'"' | b'\n' | b'\r') || byte == self.separator;
        let is_plain = !text.is_empty() && text.trim().len() == text.len() && !text.bytes().any(is_strange);
        if is_plain {
            self.out.extend_from_slice(text.as_bytes());
            return;
        }
        self.out.push(b'"');
        self.out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        self.out.push(b'"');
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.next(),
            Value::String(text) => self.text(text),
            Value::Float(value) if !value.is_finite() => self.next(),
            Value::Timestamp(time) => {
                self.next();
                if !push_time(self.out, time.micros()) {
                    self.out.extend_from_slice(time.to_string().as_bytes());
                }
            }
            Value::Duration(span) => self.text(&span.to_string()),
            value => {
                self.next();
                push_value(self.out, value);
            }
        }
    }

    fn end(self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::EventTime;

    #[test]
    fn named_rows_are_columns_or_lines_as_the_file_is_called() {
        let write = |path: &str| {
            let names = ["at", "card", "n"].map(str::to_owned).to_vec();
            let (rows, mut out) = (NamedRows::new(Path::new(path), names), Vec::new());
            rows.push_header(&mut out);
            let time = Value::Timestamp(EventTime::from_millis(1_767_614_400_000));
            rows.push(&mut out, &[time, Value::text("a,\"b\""), Value::Null]);
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(write("x.csv"), "at,card,n\n2026-01-05T12:00:00.000Z,\"a,\"\"b\"\"\",\n");
        assert_eq!(write("x.TSV"), "at\tcard\tn\n2026-01-05T12:00:00.000Z\t\"a,\"\"b\"\"\"\t\n");
        let line = r#"{"at":"2026-01-05T12:00:00.000Z","card":"a,\"b\"","n":null}"#;
        assert_eq!(write("x.jsonl"), format!("{line}\n"));
    }
}
