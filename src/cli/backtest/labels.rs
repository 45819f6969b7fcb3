//! What a label says, and label files: JSON lines or columns, a row for what was fraudulent, known by key and time.
//!
//! A file of labels decides what every figure means. So a row that cannot be read ends the backtest, and is not passed over
//! like a bad line of the input.

use std::path::Path;

use super::frauds::{Frauds, Label};
use super::key;
use crate::cli::CliError;
use crate::cli::run::Ready;
use crate::event::Value;
use crate::io::{NULLS, RawRow, RawRows, RawText, truth};
use crate::lang::hir::{Field, Form, Origin};
use crate::time::EventTime;

/// A label file, and what its columns are called.
pub(super) struct LabelFile<'a> {
    pub(super) path: &'a Path,
    /// The column that says which rows are fraudulent; all are where there is none.
    pub(super) is_fraud: Option<&'a str>,
    /// The columns of its time, or its first and last; the usual ones where empty.
    pub(super) times: &'a [String],
    /// For each part of the key what it may be called.
    pub(super) key: Vec<Vec<String>>,
    /// The event times of the streams that are read: labels are often cut from the same file.
    pub(super) event_times: Vec<Field>,
    /// Which stretch of time is looked at.
    pub(super) ready: &'a Ready<'a>,
}

/// The columns of `ensue gen --labels`.
pub(super) const FIRST: &str = "first_at";
pub(super) const LAST: &str = "last_at";
pub(super) const NEAR_MISS: &str = "near_miss";
pub(super) const KIND: &str = "kind";

/// The event times of the streams that are read.
pub(super) fn event_times(ready: &Ready) -> Vec<Field> {
    let program = &ready.program;
    let time = |stream| match program.stream(stream).origin {
        Origin::Source { time_field, .. } => Some(program.stream(stream).fields[time_field].clone()),
        Origin::Derived { .. } => None,
    };
    ready.streams().into_iter().filter_map(time).collect()
}

/// Whether a value of an event says that it is fraudulent, and which kind of fraud it names.
pub(super) fn says_fraud(value: &Value) -> Option<Option<String>> {
    let plain = |is_fraud: bool| is_fraud.then_some(None);
    match value {
        Value::Null => None,
        Value::Bool(value) => plain(*value),
        Value::Int(value) => plain(*value != 0),
        Value::Float(value) => plain(*value != 0.0),
        Value::Decimal(value) => plain(value.units != 0),
        Value::String(text) => text_says_fraud(text),
        Value::Timestamp(_) | Value::Duration(_) => plain(true),
    }
}

/// The same of a text. One that is more than a yes names the kind.
fn text_says_fraud(text: &str) -> Option<Option<String>> {
    let text = text.trim();
    if text.is_empty() || NULLS.iter().any(|null| text.eq_ignore_ascii_case(null)) {
        return None;
    }
    let number = || text.parse::<f64>().ok().map(|number| number != 0.0);
    match truth(text).or_else(number) {
        Some(is_fraud) => is_fraud.then_some(None),
        None => Some(Some(text.to_owned())),
    }
}

/// The same of a value in a file.
fn raw_says_fraud(value: &RawText) -> Option<Option<String>> {
    match value {
        RawText::Null => None,
        RawText::Array => Some(None),
        RawText::Bool(value) => value.then_some(None),
        RawText::Text(text) | RawText::Number(text) => text_says_fraud(text),
    }
}

impl LabelFile<'_> {
    /// Reads all rows.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or a row of it is no label.
    pub(super) fn read(&self, frauds: &mut Frauds) -> Result<(), CliError> {
        let unreadable = |source| CliError::Read { path: self.path.display().to_string(), source };
        let mut rows = RawRows::open(self.path).map_err(unreadable)?;
        let mut has_named_fraud = self.is_fraud.is_none();
        while let Some(row) = rows.next_row().map_err(unreadable)? {
            let line = rows.line();
            let row =
                row.ok_or_else(|| self.broken(line, "it is not a row of the file's columns, or no object"))?;
            has_named_fraud |= self.is_fraud.is_some_and(|name| value(&row, name).is_some());
            self.add(&row, line, frauds)?;
        }
        match self.is_fraud {
            Some(name) if !has_named_fraud => {
                let message = format!("no row of {} has a `{name}`", self.path.display());
                Err(CliError::asked(
                    message,
                    "name with --labels the column that says which rows are fraudulent",
                ))
            }
            _ => Ok(()),
        }
    }

    fn add(&self, row: &RawRow, line: u64, frauds: &mut Frauds) -> Result<(), CliError> {
        let mut kind = text(row, KIND).map(str::to_owned);
        if let Some(name) = self.is_fraud {
            match value(row, name).and_then(raw_says_fraud) {
                None => return Ok(()),
                Some(said) => kind = kind.or(said),
            }
        }
        let parts = self.key.iter().map(|names| names.iter().find_map(|name| text(row, name)));
        let Some(key) = key::of_texts(parts) else { return Err(self.without_key(row, line)) };
        let (first, last) = self.times(row, line)?;
        let is_near_miss = value(row, NEAR_MISS).and_then(raw_says_fraud).is_some();
        let is_event = last.is_none();
        let last = last.unwrap_or(first);
        if last < first {
            return Err(self.broken(line, &format!("it ends at {last}, before it begins at {first}")));
        }
        let Some((first, last)) = self.ready.within(first, last) else { return Ok(()) };
        let key = frauds.key(key);
        frauds.add(Label { key, first, last, is_event, kind, is_near_miss });
        Ok(())
    }

    /// The time of a row, and the second one where it spans two.
    fn times(&self, row: &RawRow, line: u64) -> Result<(EventTime, Option<EventTime>), CliError> {
        let time = |name: &str| match value(row, name) {
            None | Some(RawText::Null) => Ok(None),
            Some(raw) => self.time(raw).map(Some).ok_or_else(|| {
                let found = raw.text().unwrap_or("an array").to_owned();
                self.broken(
                    line,
                    &format!("`{name}` is `{found}`, and no time as the stream writes it, nor RFC 3339"),
                )
            }),
        };
        let asked: Vec<&str> = self.times.iter().map(String::as_str).collect();
        let usual: Vec<String> = self.usual_times();
        let (first, last) = match asked.as_slice() {
            [] => (usual.iter().map(String::as_str).collect(), LAST),
            [only] => (vec![*only], ""),
            [first, last, ..] => (vec![*first], *last),
        };
        for name in &first {
            if let Some(at) = time(name)? {
                return Ok((at, if asked.is_empty() && *name != FIRST { None } else { time(last)? }));
            }
        }
        Err(CliError::Asked {
            message: format!(
                "{}:{line}: the label has no time, looked for as `{}`",
                self.path.display(),
                first.join("`, `")
            ),
            help: vec![format!("name its time with --label-time, or its first and last: {}", names(row))],
        })
    }

    /// Where a time stands unless somebody says it.
    fn usual_times(&self) -> Vec<String> {
        let mut names = vec![FIRST.to_owned(), "at".to_owned()];
        for field in &self.event_times {
            for name in [field.name.clone(), field.path.join(".")] {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// As a stream writes its event time, the first that fits.
    fn time(&self, raw: &RawText) -> Option<EventTime> {
        let forms = self.event_times.iter().map(|field| &field.form);
        forms.chain([&Form::Plain]).find_map(|form| raw.time(form))
    }

    fn without_key(&self, row: &RawRow, line: u64) -> CliError {
        let wanted: Vec<String> =
            self.key.iter().map(|names| format!("`{}`", names.join("` or `"))).collect();
        CliError::Asked {
            message: format!("{}:{line}: the label has no {}", self.path.display(), wanted.join(" and ")),
            help: vec![
                format!("alerts and labels are joined by key; {}", names(row)),
                "call its column so in the label file, or say another field of the alerts with --key"
                    .to_owned(),
            ],
        }
    }

    fn broken(&self, line: u64, why: &str) -> CliError {
        CliError::asked(
            format!("{}:{line}: {why}", self.path.display()),
            "a label that is not understood would make every figure wrong: mend the row or take it out",
        )
    }
}

/// The value of a column; a dot leads inside.
fn value<'a>(row: &'a RawRow, name: &str) -> Option<&'a RawText> {
    let is_it = |path: &[String]| match path {
        [only] => only == name,
        path => path.join(".") == name,
    };
    row.iter().find(|(path, _)| is_it(path)).map(|(_, value)| value)
}

fn text<'a>(row: &'a RawRow, name: &str) -> Option<&'a str> {
    value(row, name).and_then(RawText::text)
}

fn names(row: &RawRow) -> String {
    let names: Vec<String> = row.iter().map(|(path, _)| path.join(".")).collect();
    format!("the row has {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Decimal;
    use crate::time::Duration;

    #[test]
    fn what_is_fraudulent_is_said_in_many_ways() {
        let yes = [
            Value::Bool(true),
            Value::Int(-1),
            Value::Float(0.5),
            Value::Decimal(Decimal { units: 1, scale: 2 }),
            Value::text("1"),
            Value::text("Y"),
            Value::text("Wahr"),
            Value::Timestamp(EventTime::from_millis(0)),
            Value::Duration(Duration::ZERO),
        ];
        for value in yes {
            assert_eq!(says_fraud(&value), Some(None), "{value:?}");
        }
        let no = [
            Value::Null,
            Value::Bool(false),
            Value::Int(0),
            Value::Float(0.0),
            Value::Decimal(Decimal { units: 0, scale: 2 }),
            Value::text(""),
            Value::text(" 0 "),
            Value::text("0.0"),
            Value::text("False"),
            Value::text("NULL"),
            Value::text("nein"),
            Value::text("FAUX"),
        ];
        for value in no {
            assert_eq!(says_fraud(&value), None, "{value:?}");
        }
        assert_eq!(says_fraud(&Value::text(" lost card ")), Some(Some("lost card".to_owned())));
    }
}
