//! How a field is written in the input: what stands in quotes behind its type.
//!
//! ```text
//! timestamp("%d/%m/%Y %H:%M", "Europe/Paris")    a calendar, and the zone of what names none
//! timestamp("s")                                 a number of seconds since 1970
//! decimal(2, "1.234,56")                         an example shows the marks of a number
//! ```

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

use super::Checker;
use crate::diag::{Code, Diagnostic};
use crate::event::Type;
use crate::lang::ast::{FieldItem, Spanned};
use crate::lang::hir::Form;

/// The units that a time may be counted in, with their nanoseconds.
const UNITS: [(&str, i64); 7] = [
    ("ns", 1),
    ("us", 1000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl Checker<'_> {
    /// How a field of this type is written.
    pub(super) fn form(&mut self, item: &FieldItem, ty: Type) -> Form {
        let Some(text) = item.forms.first() else { return Form::Plain };
        match ty {
            Type::Timestamp => self.time_form(text, item.forms.get(1)),
            Type::Int | Type::Float | Type::Decimal(_) => {
                if let Some(more) = item.forms.get(1) {
                    self.bad_form(more, "a number has no time zone", "remove it".to_owned());
                }
                self.number_form(text, ty)
            }
            _ => {
                let message = format!("a {ty} is written in one way only");
                self.bad_form(text, &message, format!("write `{ty}`"));
                Form::Plain
            }
        }
    }

    fn time_form(&mut self, text: &Spanned<String>, zone: Option<&Spanned<String>>) -> Form {
        if let Some((_, nanos)) = UNITS.iter().find(|(unit, _)| *unit == text.node) {
            if let Some(zone) = zone {
                self.bad_form(zone, "a number since 1970 has no time zone", "remove it".to_owned());
            }
            return Form::Units(*nanos);
        }
        if !text.node.contains('%') {
            let message = format!("`{}` is neither a unit nor a format", text.node);
            let help =
                "write a unit since 1970 (`ns us ms s m h d`), or a format such as `%Y-%m-%d %H:%M:%S`";
            self.bad_form(text, &message, help.to_owned());
            return Form::Plain;
        }
        let zone = zone.map_or(Some(TimeZone::UTC), |zone| self.zone(zone)).unwrap_or(TimeZone::UTC);
        if let Err(why) = try_format(&text.node) {
            let message = format!("`{}` is no format of a time: {why}", text.node);
            let help = "write a date and a time, such as `%Y-%m-%d %H:%M:%S`, or `%d/%m/%y`; `%p` is AM or PM, `%z` an offset";
            self.bad_form(text, &message, help.to_owned());
            return Form::Plain;
        }
        Form::Calendar(text.node.clone(), zone)
    }

    fn zone(&mut self, name: &Spanned<String>) -> Option<TimeZone> {
        let zone = TimeZone::get(&name.node).ok();
        if zone.is_none() {
            let message = format!("`{}` is not a time zone that is known", name.node);
            let help = "write a name such as `Europe/Paris`, or `UTC`, which it is if left out";
            self.bad_form(name, &message, help.to_owned());
        }
        zone
    }

    fn number_form(&mut self, text: &Spanned<String>, ty: Type) -> Form {
        let Some((group, point)) = marks(&text.node) else {
            let message = format!("`{}` does not show how a number is written", text.node);
            let help = match ty {
                Type::Int => "write one with its marks: `int(\"1,234\")`".to_owned(),
                Type::Decimal(scale) => {
                    format!("write one with its marks: `decimal({scale}, \"1,234.56\")`, or `\"1.234,56\"`")
                }
                _ => "write one with its marks: `float(\"1,234.56\")`, or `float(\"1.234,56\")`".to_owned(),
            };
            self.bad_form(text, &message, help);
            return Form::Plain;
        };
        Form::Number { group, point }
    }

    fn bad_form(&mut self, text: &Spanned<String>, message: &str, help: String) {
        self.report(Diagnostic::error(Code::BadLiteral, text.span, message).help(help));
    }
}

/// Whether what is written in a format can be read in it, and is a time.
fn try_format(format: &str) -> Result<(), String> {
    let noon = jiff::civil::date(2024, 2, 29).at(12, 34, 56, 0).to_zoned(TimeZone::UTC);
    let noon = noon.map_err(|error| error.to_string())?;
    let text = BrokenDownTime::from(&noon).to_string(format).map_err(|error| error.to_string())?;
    let read = BrokenDownTime::parse(format, &text).map_err(|error| error.to_string())?;
    let is_time = read.to_timestamp().is_ok() || read.to_datetime().is_ok() || read.to_date().is_ok();
    if is_time { Ok(()) } else { Err("it does not give a year, a month and a day".to_owned()) }
}

/// The marks of `1,234.56`: between thousands, and before the fraction.
fn marks(text: &str) -> Option<(char, char)> {
    let mut marks = text.chars().filter(|c| !c.is_ascii_digit());
    let (group, point) = (marks.next()?, marks.next());
    let is_mark = |mark: char| matches!(mark, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '_');
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let is_grouped = match point {
        Some(point) => {
            matches!(point, '.' | ',') && point != group && shape == format!("0{group}000{point}00")
        }
        None => shape == format!("0{group}000"),
    };
    if is_mark(group) && is_grouped {
        return Some((group, point.unwrap_or(if group == '.' { ',' } else { '.' })));
    }
    // Only a fraction: `0,00`.
    let is_fraction = matches!(group, '.' | ',') && point.is_none() && shape.ends_with(&format!("{group}00"));
    is_fraction.then_some((if group == ',' { '.' } else { ',' }, group))
}
