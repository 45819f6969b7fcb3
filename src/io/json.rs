//! One JSON line to one row, directed by the stream's declaration.
//!
//! The fields of the stream form a small tree of member names. A line is walked once: a member that the tree does
//! not have is skipped without looking inside, one that it has is remembered as a range of the line's text, and a
//! nested object is walked where a path goes through it. Then each remembered scalar is read with its declared type.
//! Nothing is allocated for a line beyond the text of its strings.
//!
//! Every declared field is checked, also those that no running pattern reads: whether a line is an event depends on
//! the stream alone, not on which patterns run or what is bound. Members that no field names may be anything. Where a
//! member stands twice, the last one counts.
//!
//! Most lines are ordinary, and [`fast`] takes those in one pass at a fraction of the cost. It leaves every line that it
//! is not sure of to the decoder here, which alone decides what a line means and what is wrong with it.

mod fast;

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use self::fast::Fast;
use super::bad::{BadReason, clip, no_time};
use super::scalar::{self, Misfit};
use crate::event::{BatchBuilder, Type, Value};
use crate::lang::hir::{Form, Origin, Stream};
use crate::time::EventTime;

/// Decodes the lines of one stream.
#[derive(Debug)]
pub struct JsonDecoder {
    /// The declared fields.
    fields: Vec<Wanted>,
    /// The member names that lead to them.
    root: Vec<Member>,
    /// For each field where its value stands in the line under way.
    found: Vec<Found>,
    /// The way of ordinary lines, where the stream has one.
    fast: Option<Fast>,
}

/// A field of the stream.
#[derive(Debug)]
struct Wanted {
    /// Its index in the stream.
    field: usize,
    /// Whether its value is kept; of the others it is only checked that they are what was declared.
    is_kept: bool,
    name: String,
    ty: Type,
    nullable: bool,
    is_time: bool,
    form: Form,
}

/// A member name on the way to some wanted fields.
#[derive(Debug)]
struct Member {
    name: String,
    /// The fields whose path ends here.
    ends: Vec<usize>,
    /// The names inside.
    inside: Vec<Member>,
}

/// What a line has for a field.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Found {
    Nothing,
    Scalar(Range<usize>),
    /// No object stands where the path goes through.
    Blocked(Range<usize>),
}

impl JsonDecoder {
    /// A decoder for a stream that keeps the fields for which `is_kept` says so, and the event time.
    pub fn new(stream: &Stream, is_kept: impl Fn(usize) -> bool) -> JsonDecoder {
        let time = match stream.origin {
            Origin::Source { time_field, .. } => time_field,
            // A derived stream starts with `at`.
            Origin::Derived { .. } => 0,
        };
        let mut fields = Vec::new();
        let mut root = Vec::new();
        for (index, field) in stream.fields.iter().enumerate() {
            add_path(&mut root, &field.path, fields.len());
            fields.push(Wanted {
                field: index,
                is_kept: index == time || is_kept(index),
                name: field.name.clone(),
                ty: field.ty,
                nullable: field.nullable,
                is_time: index == time,
                form: field.form.clone(),
            });
        }
        let found = vec![Found::Nothing; fields.len()];
        let fast = Fast::new(&fields, &root);
        JsonDecoder { fields, root, found, fast }
    }

    /// Adds a line as a row of this record number. An ordinary line costs about a third of what any other costs;
    /// `benches/decode.rs` measures both.
    ///
    /// # Errors
    ///
    /// Where the line cannot become an event. Then no row is added.
    pub fn decode_row(
        &mut self,
        line: &[u8],
        record: u64,
        builder: &mut BatchBuilder,
    ) -> Result<(), BadReason> {
        if let Some(fast) = &mut self.fast
            && fast.decode_row(line, record, builder).is_some()
        {
            return Ok(());
        }
        let time = self.decode(line, builder)?;
        builder.end_row(time, record);
        Ok(())
    }

    /// The bytes that a reason is about of the line that was decoded last, and could not become an event.
    pub(super) fn place(&self, reason: &BadReason, line: &[u8]) -> Range<usize> {
        reason.place(line, |field| {
            let at = self.fields.iter().position(|wanted| wanted.name == field)?;
            match &self.found[at] {
                Found::Nothing => None,
                Found::Scalar(range) | Found::Blocked(range) => Some(range.clone()),
            }
        })
    }

    /// Reads a line into the row under way and gives its event time; the caller ends the row. This is the way of all
    /// lines, ordinary or not: what [`decode_row`](JsonDecoder::decode_row) does, without its short cut.
    ///
    /// # Errors
    ///
    /// Where the line cannot become an event. The row under way is then abandoned.
    pub fn decode(&mut self, line: &[u8], builder: &mut BatchBuilder) -> Result<EventTime, BadReason> {
        let result = self.try_decode(line, builder);
        if result.is_err() {
            builder.abandon_row();
        }
        result
    }

    fn try_decode(&mut self, line: &[u8], builder: &mut BatchBuilder) -> Result<EventTime, BadReason> {
        let line = std::str::from_utf8(line)
            .map_err(|error| BadReason::NotUtf8 { column: error.valid_up_to() + 1 })?;
        if !line.trim_start_matches([' ', '\t', '\r']).starts_with('{') {
            return Err(not_an_object(line));
        }
        self.found.fill(Found::Nothing);
        let mut walk = Walk { line, found: &mut self.found };
        walk.object(0..line.len(), &self.root)?;
        self.read_fields(line, builder)
    }

    /// Reads what was found. The event time comes first: a line without it is never reported for anything less.
    fn read_fields(&self, line: &str, builder: &mut BatchBuilder) -> Result<EventTime, BadReason> {
        let mut time = EventTime::START;
        for (wanted, found) in self.fields.iter().zip(&self.found).filter(|(wanted, _)| wanted.is_time) {
            time = event_time(wanted, found, line)?;
            builder.set(wanted.field, Value::Timestamp(time));
        }
        for (wanted, found) in self.fields.iter().zip(&self.found).filter(|(wanted, _)| !wanted.is_time) {
            let value = read_field(wanted, found, line)?;
            if wanted.is_kept {
                builder.set(wanted.field, value);
            }
        }
        Ok(time)
    }
}

fn add_path(members: &mut Vec<Member>, path: &[String], wanted: usize) {
    let Some((name, rest)) = path.split_first() else { return };
    let at = members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
        members.push(Member { name: name.clone(), ends: Vec::new(), inside: Vec::new() });
        members.len() - 1
    });
    if rest.is_empty() {
        members[at].ends.push(wanted);
    } else {
        add_path(&mut members[at].inside, rest, wanted);
    }
}

fn event_time(wanted: &Wanted, found: &Found, line: &str) -> Result<EventTime, BadReason> {
    let field = || wanted.name.clone();
    match found {
        Found::Nothing => Err(no_time(field(), &wanted.form, None)),
        Found::Blocked(range) => Err(no_time(field(), &wanted.form, Some(describe(&line[range.clone()])))),
        Found::Scalar(range) => {
            match scalar::read(&line[range.clone()], Type::Timestamp, &wanted.form, |_| Value::Null) {
                Ok(Value::Timestamp(time)) => Ok(time),
                Err(Misfit::OutOfRange) => Err(misfit(wanted, Misfit::OutOfRange, line, range)),
                _ => Err(no_time(field(), &wanted.form, Some(describe(&line[range.clone()])))),
            }
        }
    }
}

fn read_field(wanted: &Wanted, found: &Found, line: &str) -> Result<Value, BadReason> {
    let missing = |null| match wanted.nullable {
        true => Ok(Value::Null),
        false => Err(BadReason::MissingField { field: wanted.name.clone(), null }),
    };
    match found {
        Found::Nothing => missing(false),
        Found::Scalar(range) if &line[range.clone()] == "null" => missing(true),
        Found::Scalar(range) => {
            let share = |text: &str| match wanted.is_kept {
                true => Value::text(text),
                false => Value::Null,
            };
            scalar::read(&line[range.clone()], wanted.ty, &wanted.form, share)
                .map_err(|why| misfit(wanted, why, line, range))
        }
        Found::Blocked(range) => Err(BadReason::WrongType {
            field: wanted.name.clone(),
            expected: "an object to look into".to_owned(),
            found: describe(&line[range.clone()]),
            column: range.start + 1,
        }),
    }
}

fn misfit(wanted: &Wanted, why: Misfit, line: &str, range: &Range<usize>) -> BadReason {
    let field = wanted.name.clone();
    let raw = &line[range.clone()];
    let column = range.start + 1;
    match (why, wanted.ty) {
        (Misfit::TooManyDigits, Type::Decimal(scale)) => {
            BadReason::TooManyDigits { field, scale, found: clip(raw) }
        }
        (Misfit::OutOfRange, ty) => BadReason::OutOfRange { field, ty, found: clip(raw) },
        (Misfit::BadEscape, _) => {
            BadReason::Malformed { message: "an escape that names no character".to_owned(), column }
        }
        (_, ty) => {
            let expected = scalar::expected(ty, &wanted.form);
            BadReason::WrongType { field, expected, found: describe(raw), column }
        }
    }
}

/// What a line is that does not start as an object does.
fn not_an_object(line: &str) -> BadReason {
    match serde_json::from_str::<IgnoredAny>(line) {
        Ok(_) => BadReason::NotAnObject { found: describe(line.trim()) },
        Err(error) => malformed(&error, 0),
    }
}

/// A JSON value in a few words, for a message.
fn describe(raw: &str) -> String {
    match raw.bytes().next() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'"') => format!("the string {}", clip(raw)),
        Some(b'-' | b'0'..=b'9') => format!("the number {}", clip(raw)),
        _ => clip(raw),
    }
}

fn malformed(error: &serde_json::Error, offset: usize) -> BadReason {
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned();
    BadReason::Malformed { message, column: offset + error.column() }
}

/// Finds the wanted members of one line.
struct Walk<'a> {
    line: &'a str,
    found: &'a mut [Found],
}

impl<'a> Walk<'a> {
    /// Walks the object that is this range of the line.
    fn object(&mut self, range: Range<usize>, members: &[Member]) -> Result<(), BadReason> {
        let start = range.start;
        let mut parser = serde_json::Deserializer::from_str(&self.line[range]);
        // A nested object that blocks a path is no syntax error, so the walk keeps its own.
        let mut failure = None;
        let visitor = ObjectVisitor { walk: self, members, failure: &mut failure };
        let outcome = parser.deserialize_map(visitor).and_then(|()| parser.end());
        match (failure, outcome) {
            (Some(reason), _) => Err(reason),
            (None, Err(error)) => Err(malformed(&error, start)),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Remembers the value of a member, and looks inside where a path goes on.
    fn member(&mut self, member: &Member, raw: &'a str) -> Result<(), BadReason> {
        let start = raw.as_ptr() as usize - self.line.as_ptr() as usize;
        let range = start..start + raw.len();
        for wanted in &member.ends {
            self.found[*wanted] = Found::Scalar(range.clone());
        }
        if member.inside.is_empty() {
            return Ok(());
        }
        let inside = match raw {
            "null" => Found::Nothing,
            _ if raw.starts_with('{') => Found::Nothing,
            _ => Found::Blocked(range.clone()),
        };
        self.set_inside(member, &inside);
        if raw.starts_with('{') { self.object(range, &member.inside) } else { Ok(()) }
    }

    /// Says the same of everything inside; forgets what an earlier member of this name held.
    fn set_inside(&mut self, member: &Member, what: &Found) {
        for inner in &member.inside {
            for wanted in &inner.ends {
                self.found[*wanted] = what.clone();
            }
            self.set_inside(inner, what);
        }
    }
}

struct ObjectVisitor<'w, 'a, 'm> {
    walk: &'w mut Walk<'a>,
    members: &'m [Member],
    failure: &'w mut Option<BadReason>,
}

impl<'a> Visitor<'a> for ObjectVisitor<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        // Members mostly come in the order of the declaration: look first behind the one found last.
        let mut next = 0;
        while let Some(at) = map.next_key_seed(Name { members: self.members, next })? {
            let Some(at) = at else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            next = at + 1;
            let raw: &'a RawValue = map.next_value()?;
            if self.failure.is_none() {
                *self.failure = self.walk.member(&self.members[at], raw.get()).err();
            }
        }
        Ok(())
    }
}

/// Which of some members a name is.
struct Name<'m> {
    members: &'m [Member],
    next: usize,
}

impl<'a> DeserializeSeed<'a> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        let fits = |member: &Member| member.name == name;
        if self.members.get(self.next).is_some_and(fits) {
            return Ok(Some(self.next));
        }
        Ok(self.members.iter().position(fits))
    }
}

#[cfg(test)]
mod tests;
