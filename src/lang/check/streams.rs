//! Declared streams.

use super::names::suggestion;
use super::{Checker, Items};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{Decimal, PatternId, Type};
use crate::lang::ast::{FieldItem, StreamItem};
use crate::lang::hir;
use crate::time::Duration;

/// The names of the types, as they are written.
pub(super) const TYPE_NAMES: [&str; 7] =
    ["bool", "int", "float", "decimal", "string", "timestamp", "duration"];

/// A stream, declared or derived, while the program is checked.
pub(super) struct StreamScope {
    pub(super) name: String,
    /// Where it is named first.
    pub(super) span: Option<Span>,
    pub(super) doc: Option<String>,
    pub(super) fields: Vec<hir::Field>,
    /// Whether the fields are all there and right; a field that is missing from an incomplete stream is no news.
    pub(super) complete: bool,
    /// Whether some pattern reads it.
    pub(super) used: bool,
    /// Of a declared stream: the event-time field, disorder and idle time.
    time: (usize, Duration, Option<Duration>),
    /// Of a derived stream.
    pub(super) derived: Option<DerivedScope>,
}

/// Which patterns make a derived stream, and when it is known.
pub(super) struct DerivedScope {
    pub(super) patterns: Vec<PatternId>,
    pub(super) level: u32,
}

impl StreamScope {
    /// A stream that patterns emit; its fields come later.
    pub(super) fn derived(name: &str, span: Span, derived: DerivedScope, complete: bool) -> StreamScope {
        let given = [("at", Type::Timestamp), ("pattern", Type::String), ("id", Type::String)];
        StreamScope {
            name: name.to_owned(),
            span: Some(span),
            doc: None,
            fields: given.map(|(name, ty)| plain_field(name, ty, false)).into(),
            complete,
            used: false,
            time: (0, Duration::ZERO, None),
            derived: Some(derived),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field that is the event time.
    pub(super) fn time_field(&self) -> usize {
        self.time.0
    }

    pub(super) fn into_hir(self) -> hir::Stream {
        let (time_field, disorder, idle) = self.time;
        let origin = match self.derived {
            Some(DerivedScope { patterns, level }) => hir::Origin::Derived { patterns, level },
            None => hir::Origin::Source { time_field, disorder, idle },
        };
        hir::Stream { name: self.name, doc: self.doc, fields: self.fields, origin }
    }
}

/// A field that stands in the input under its own name.
pub(super) fn plain_field(name: &str, ty: Type, nullable: bool) -> hir::Field {
    hir::Field {
        name: name.to_owned(),
        doc: None,
        ty,
        nullable,
        path: vec![name.to_owned()],
        form: hir::Form::Plain,
    }
}

impl Checker<'_> {
    pub(super) fn declare_streams(&mut self, items: &Items<'_>) {
        for item in &items.streams {
            let name = &item.name;
            if let Some(first) = self.streams.iter().find(|stream| stream.name == name.text) {
                let first = first.span.expect("a declared stream has a place");
                self.report(
                    Diagnostic::error(
                        Code::DuplicateName,
                        name.span,
                        format!("stream `{}` is declared twice", name.text),
                    )
                    .also(first, "first declared here")
                    .help("rename one of them, or remove it"),
                );
                continue;
            }
            let stream = self.declared_stream(item);
            self.streams.push(stream);
        }
    }

    fn declared_stream(&mut self, item: &StreamItem) -> StreamScope {
        let mut fields = Vec::new();
        let mut complete = true;
        for (at, field) in item.fields.iter().enumerate() {
            let first = item.fields[..at].iter().find(|earlier| earlier.name.text == field.name.text);
            if let Some(first) = first {
                self.report(
                    Diagnostic::error(
                        Code::DuplicateName,
                        field.name.span,
                        format!("field `{}` is declared twice", field.name.text),
                    )
                    .also(first.name.span, "first declared here")
                    .help("rename one of them, or remove it"),
                );
                continue;
            }
            match self.field(field) {
                Some(field) => fields.push(field),
                None => complete = false,
            }
        }
        let time = self.event_time(item, &fields);
        StreamScope {
            name: item.name.text.clone(),
            span: Some(item.name.span),
            doc: item.doc.clone(),
            fields,
            complete,
            used: false,
            time,
            derived: None,
        }
    }

    fn field(&mut self, item: &FieldItem) -> Option<hir::Field> {
        let ty = self.field_type(item)?;
        let form = self.form(item, ty);
        if item.key {
            self.report(
                Diagnostic::error(Code::NotHere, item.name.span, "`key` belongs to a table, not to a stream")
                    .help("remove `key`; a pattern says its key with `by`"),
            );
        }
        let path = match &item.from {
            Some(from) => from.node.split('.').map(str::to_owned).collect(),
            None => vec![item.name.text.clone()],
        };
        if let Some(from) = item.from.as_ref().filter(|_| path.iter().any(String::is_empty)) {
            self.report(
                Diagnostic::error(Code::BadLiteral, from.span, "a path with an empty member")
                    .help("write the members to go through, joined by dots: `from \"geo.city\"`"),
            );
        }
        Some(hir::Field {
            name: item.name.text.clone(),
            doc: item.doc.clone(),
            ty,
            nullable: item.nullable,
            path,
            form,
        })
    }

    fn field_type(&mut self, item: &FieldItem) -> Option<Type> {
        let ty = match item.ty.text.as_str() {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "float" => Type::Float,
            "string" => Type::String,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "decimal" => return self.decimal_type(item),
            other => {
                let help = match other {
                    _ if TYPE_NAMES.contains(&item.name.text.as_str()) => {
                        format!("the name stands before the type: `{other} {}`", item.name.text)
                    }
                    _ if matches!(item.name.text.as_str(), "time" | "event_time" | "eventtime") => {
                        format!("if it should name the event time, write `event time {other}`")
                    }
                    "null" if item.name.text == "not" => {
                        "take `not null` away: a field without `?` is never null".to_owned()
                    }
                    _ if item.name.text == "from" => {
                        format!("write the column in double quotes: `from \"{other}\"`")
                    }
                    "text" | "varchar" | "str" => "did you mean `string`?".to_owned(),
                    "integer" | "long" | "bigint" | "i64" => "did you mean `int`?".to_owned(),
                    "double" | "real" | "f64" | "number" => "did you mean `float`?".to_owned(),
                    "boolean" => "did you mean `bool`?".to_owned(),
                    "datetime" | "time" | "date" => "did you mean `timestamp`?".to_owned(),
                    "money" | "numeric" => "did you mean `decimal(2)`?".to_owned(),
                    _ => suggestion(other, "types", TYPE_NAMES),
                };
                self.report(
                    Diagnostic::error(Code::UnknownType, item.ty.span, format!("there is no type `{other}`"))
                        .help(help),
                );
                return None;
            }
        };
        if let Some(argument) = &item.ty_argument {
            self.report(
                Diagnostic::error(
                    Code::UnknownType,
                    argument.span,
                    format!("type `{ty}` takes no number of digits"),
                )
                .help(format!("write `{ty}`, or `decimal({})` for an exact number", argument.node)),
            );
        }
        Some(ty)
    }

    fn decimal_type(&mut self, item: &FieldItem) -> Option<Type> {
        let digits = match &item.ty_argument {
            None => {
                self.report(
                    Diagnostic::error(
                        Code::UnknownType,
                        item.ty.span,
                        "`decimal` without its number of digits",
                    )
                    .note("a decimal is exact, so it says how many digits stand after the point")
                    .help("write `decimal(2)` for cents"),
                );
                return None;
            }
            Some(digits) => digits,
        };
        match u8::try_from(digits.node) {
            Ok(scale) if scale <= Decimal::MAX_SCALE => Some(Type::Decimal(scale)),
            _ => {
                let message = format!("a decimal has 0 to 18 digits after the point, not {}", digits.node);
                self.report(
                    Diagnostic::error(Code::UnknownType, digits.span, message)
                        .note("a decimal is kept as a 64-bit number of its smallest unit")
                        .help("write `decimal(18)`, or `float` where the last digits do not matter"),
                );
                None
            }
        }
    }

    fn event_time(
        &mut self,
        item: &StreamItem,
        fields: &[hir::Field],
    ) -> (usize, Duration, Option<Duration>) {
        let none = (0, Duration::ZERO, None);
        let Some(clause) = &item.event_time else {
            let timestamp = fields.iter().find(|field| field.ty == Type::Timestamp && !field.nullable);
            let help = match timestamp {
                Some(field) => format!("add `event time {}, disorder 5s` as its last line", field.name),
                None => "add a field `at timestamp` and the line `event time at, disorder 5s`".to_owned(),
            };
            self.report(
                Diagnostic::error(
                    Code::BadEventTime,
                    item.name.span,
                    format!("stream `{}` does not say its event time", item.name.text),
                )
                .note("events are ordered and windows are measured by the time that the events carry")
                .help(help),
            );
            return none;
        };
        for (name, duration) in [("disorder", &clause.disorder), ("idle", &clause.idle)] {
            if let Some(duration) = duration {
                let least = i64::from(name == "idle");
                if duration.node.micros() < least {
                    let message = format!("`{name}` cannot be {}", duration.node);
                    self.report(
                        Diagnostic::error(Code::BadClause, duration.span, message)
                            .help(format!("write a duration above zero, `{name} 30s`, or leave it out")),
                    );
                }
            }
        }
        let disorder = clause.disorder.as_ref().map_or(Duration::ZERO, |disorder| disorder.node);
        let idle = clause.idle.as_ref().map(|idle| idle.node);
        let Some(at) = fields.iter().position(|field| field.name == clause.field.text) else {
            // A field that is there, but has no type, was reported.
            if !item.fields.iter().any(|field| field.name.text == clause.field.text) {
                let message = format!("stream `{}` has no field `{}`", item.name.text, clause.field.text);
                let mut times = fields.iter().filter(|field| field.ty == Type::Timestamp);
                let names = fields.iter().map(|field| field.name.as_str());
                let help = match (times.next(), times.next()) {
                    (Some(only), None) => format!("write `event time {}`, its only timestamp", only.name),
                    _ => suggestion(&clause.field.text, "fields", names),
                };
                self.report(Diagnostic::error(Code::BadEventTime, clause.field.span, message).help(help));
            }
            return none;
        };
        self.check_time_field(item, at, fields);
        (at, disorder, idle)
    }

    fn check_time_field(&mut self, item: &StreamItem, at: usize, fields: &[hir::Field]) {
        let Some(clause) = &item.event_time else { return };
        let field = &fields[at];
        let declared = item.fields.iter().find(|declared| declared.name.text == field.name);
        let declared = declared.map_or(clause.field.span, |declared| declared.name.span);
        if field.ty != Type::Timestamp {
            let message = format!("event time `{}` is {}, not timestamp", field.name, field.ty);
            self.report(
                Diagnostic::error(Code::BadEventTime, clause.field.span, message)
                    .also(declared, "declared here")
                    .help(format!("declare it as `{} timestamp`", field.name)),
            );
        } else if field.nullable {
            let message = format!("event time `{}` may be null", field.name);
            self.report(
                Diagnostic::error(Code::BadEventTime, clause.field.span, message)
                    .also(declared, "declared here")
                    .note("an event without a time has no place in the order; it is a bad line")
                    .help(format!("declare it as `{} timestamp`, without `?`", field.name)),
            );
        }
    }
}
