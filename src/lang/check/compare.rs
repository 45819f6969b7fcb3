//! Comparisons: what can be compared with what, and what to write where it cannot.

use super::patterns::PatternChecker;
use super::scope::{How, Place};
use super::types::{Ty, Typed, a_type, negated_if};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{StepId, Type, Value};
use crate::lang::ast::{self, CompareOp, ExprKind, Spanned};
use crate::lang::hir::{Expr, Pick};
use crate::lang::pasted;
use crate::time::{Duration, EventTime};

impl PatternChecker<'_, '_> {
    pub(super) fn comparison(
        &mut self,
        place: Place,
        first: &ast::Expr,
        rest: &[(Spanned<CompareOp>, ast::Expr)],
    ) -> Typed {
        if let [(_, middle), (second_op, last), ..] = rest {
            let (left, op) = (self.text(first.span), self.text(rest[0].0.span));
            let (middle_text, op2, right) =
                (self.text(middle.span), self.text(second_op.span), self.text(last.span));
            let diagnostic = Diagnostic::error(
                Code::ChainedComparison,
                first.span.to(last.span),
                "comparisons do not chain",
            )
            .note("a comparison is true or false, and cannot be compared with a number")
            .help(format!("write `{left} {op} {middle_text} and {middle_text} {op2} {right}`"));
            self.report(diagnostic);
            return Typed::error();
        }
        let Some((op, second)) = rest.first() else { return self.expr(place, first) };
        let (mut l, mut r) = (self.expr(place, first), self.expr(place, second));
        let ordered = !matches!(op.node, CompareOp::Equal | CompareOp::NotEqual);
        let are_constants = is_known_constant(&l) && is_known_constant(&r);
        if are_constants && (self.is_quoted_field(place, first) || self.is_quoted_field(place, second)) {
            return Typed::error();
        }
        if let (Ty::Null, other) | (other, Ty::Null) = (l.ty, r.ty) {
            if other != Ty::Error {
                self.compared_with_null(first, op, second, r.ty == Ty::Null);
            }
            return Typed::error();
        }
        if !self.comparable((&mut l, first.span), (&mut r, second.span), ordered) {
            return Typed::error();
        }
        self.warn_thousands(first, second);
        self.warn_thousands(second, first);
        Typed::new(Expr::Compare(op.node, Box::new(l.expr), Box::new(r.expr)), Type::Bool)
    }

    fn compared_with_null(
        &mut self,
        first: &ast::Expr,
        op: &Spanned<CompareOp>,
        second: &ast::Expr,
        right: bool,
    ) {
        let item = self.text(if right { first.span } else { second.span });
        let is = if op.node == CompareOp::NotEqual { "is not null" } else { "is null" };
        let diagnostic = Diagnostic::error(
            Code::TypeMismatch,
            first.span.to(second.span),
            "a comparison with `null` is never true",
        )
        .note("null is not a value: a comparison with it is unknown, and unknown does not match")
        .help(format!("write `{item} {is}`"));
        self.report(diagnostic);
    }

    /// Whether two values can be compared; reports it where not. A text constant beside a timestamp is read as one.
    fn comparable(
        &mut self,
        (l, left): (&mut Typed, Span),
        (r, right): (&mut Typed, Span),
        ordered: bool,
    ) -> bool {
        let (Ty::Known(one), Ty::Known(other)) = (l.ty, r.ty) else {
            return l.ty != Ty::Error && r.ty != Ty::Error;
        };
        match (one, other) {
            (Type::Bool, Type::Bool) if ordered => {
                let diagnostic = Diagnostic::error(Code::TypeMismatch, left.to(right), "bools have no order")
                    .help("use `==`, `!=`, `and`, `or`, `not`");
                self.report(diagnostic);
                false
            }
            (one, other) if one == other || (one.is_numeric() && other.is_numeric()) => true,
            (Type::Timestamp, Type::String) if is_constant(r) => self.timestamp_constant(r, right),
            (Type::String, Type::Timestamp) if is_constant(l) => self.timestamp_constant(l, left),
            (one, other) => {
                let help = match (is_constant(l), is_constant(r)) {
                    (_, true) => constant_help(one, &r.expr, &self.text(right)),
                    (true, _) => constant_help(other, &l.expr, &self.text(left)),
                    _ => None,
                };
                let help = (self.date_help(one, other, left, right))
                    .or_else(|| self.weekday_help(left, right))
                    .or(help);
                let help =
                    help.unwrap_or_else(|| conversion_help(one, other, &self.text(left), &self.text(right)));
                let message = format!("{} cannot be compared with {}", a_type(one), a_type(other));
                let diagnostic = Diagnostic::error(Code::TypeMismatch, left.to(right), message)
                    .also(left, format!("{one}"))
                    .also(right, format!("{other}"))
                    .help(help);
                self.report(diagnostic);
                false
            }
        }
    }

    fn timestamp_constant(&mut self, typed: &mut Typed, span: Span) -> bool {
        let Expr::Const(Value::String(text)) = &typed.expr else { return false };
        let time = EventTime::parse_rfc3339(text);
        if let Some(time) = time {
            *typed = Typed::new(Expr::Const(Value::Timestamp(time)), Type::Timestamp);
            return true;
        }
        let diagnostic = Diagnostic::error(Code::BadLiteral, span, format!("`{text}` is not a timestamp"))
            .note("it is compared with a timestamp, so it is read as RFC 3339, with its offset from UTC")
            .help(match (day_of(text), hour_of(text)) {
                _ if !pasted::days(text).is_empty() => as_times(&pasted::days(text)),
                (Some(day), _) => format!("write `\"{day}T00:00:00Z\"`"),
                (None, Some(hour)) => format!("for a time of day compare the hour: `hour(at) >= {hour}`"),
                (None, None) => "write `\"2026-01-31T12:00:00Z\"`".to_owned(),
            });
        self.report(diagnostic);
        false
    }

    /// Where a date was written without quotes, and read as a difference or a quotient of numbers.
    fn date_help(&self, one: Type, other: Type, left: Span, right: Span) -> Option<String> {
        let written = match (one, other) {
            (Type::Timestamp, number) if number.is_numeric() => self.text(right),
            (number, Type::Timestamp) if number.is_numeric() => self.text(left),
            _ => return None,
        };
        match day_of(&written) {
            Some(day) => Some(format!("a time stands in double quotes: write `\"{day}T00:00:00Z\"`")),
            None if written.contains('/') => {
                Some("write the year first, in double quotes: `\"2026-01-31T00:00:00Z\"`".to_owned())
            }
            None => None,
        }
    }

    /// `weekday(at) == "Monday"`, also with `day`.
    fn weekday_help(&self, left: Span, right: Span) -> Option<String> {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let (call, name) = (self.text(left), self.text(right).to_lowercase());
        let rest = call.strip_prefix("weekday").or_else(|| call.strip_prefix("day"))?;
        let day = DAYS.iter().position(|day| name.trim_matches('"').starts_with(day))?;
        rest.starts_with('(').then(|| format!("write `weekday{rest} == {}`: Monday is 1, Sunday 7", day + 1))
    }

    pub(super) fn in_list(
        &mut self,
        place: Place,
        item: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
    ) -> Typed {
        if self.is_quoted_field(place, item) || self.is_loop_in_brackets(place, list, negated) {
            return Typed::error();
        }
        let mut value = self.expr(place, item);
        let mut among = Vec::new();
        let mut right = value.ty != Ty::Error;
        for element in list {
            let mut typed = self.expr(place, element);
            if typed.ty == Ty::Null {
                self.null_in_list(item, element, negated);
                right = false;
            }
            // One wrong item is enough to be told about.
            right = right && self.comparable((&mut value, item.span), (&mut typed, element.span), false);
            self.warn_thousands(item, element);
            among.push(typed.expr);
        }
        if !right {
            return Typed::error();
        }
        negated_if(negated, Expr::In(Box::new(value.expr), among))
    }

    /// `x in (a.f)`, where `a` takes several events: without brackets it would compare with all of them.
    fn is_loop_in_brackets(&mut self, place: Place, list: &[ast::Expr], negated: bool) -> bool {
        let [ast::Expr { kind: ExprKind::Member(object, _), span }] = list else { return false };
        let ExprKind::Name(name) = &object.kind else { return false };
        let Some(step) = self.step_named(name) else { return false };
        if self.one_event(place, step) {
            return false;
        }
        let text = self.text(*span);
        let word = if negated { "not in" } else { "in" };
        let message = format!("`{text}` is several values, and in brackets stands one");
        let diagnostic = Diagnostic::error(Code::BareLoopField, *span, message)
            .also(self.steps[step].name.span, "declared here; it may take several events")
            .help(format!("take the brackets away: `{word} {text}` compares with all of them"));
        self.report(diagnostic);
        true
    }

    fn null_in_list(&mut self, item: &ast::Expr, null: &ast::Expr, negated: bool) {
        let (message, instead) = match negated {
            true => ("a value is never known to be not in a list with `null`", "and {} is not null"),
            false => ("no value is equal to `null`", "or {} is null"),
        };
        let instead = instead.replace("{}", &self.text(item.span));
        let diagnostic = Diagnostic::error(Code::TypeMismatch, null.span, message)
            .note("null is not a value: a comparison with it is unknown, and unknown does not match")
            .help(format!("take it out of the list, and write `{instead}` behind it"));
        self.report(diagnostic);
    }

    pub(super) fn in_column(
        &mut self,
        place: Place,
        item: &ast::Expr,
        column: &ast::Expr,
        negated: bool,
    ) -> Typed {
        let mut value = self.expr(place, item);
        let ExprKind::Member(object, field) = &column.kind else {
            return self.not_a_column(place, column);
        };
        let ExprKind::Name(name) = &object.kind else { return self.not_a_column(place, column) };
        let Some(step) = self.step_to_read(place, name, object.span, How::Over) else {
            return Typed::error();
        };
        let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
        let mut among = Typed::new(Expr::Const(Value::Null), ty);
        // The column is no constant: only the item may be read as a timestamp.
        among.expr = Expr::Held { step: StepId(step as u32), pick: Pick::Last, slot };
        if !self.comparable((&mut value, item.span), (&mut among, column.span), false) {
            return Typed::error();
        }
        negated_if(negated, Expr::IsAmong { item: Box::new(value.expr), step: StepId(step as u32), slot })
    }

    fn not_a_column(&mut self, place: Place, column: &ast::Expr) -> Typed {
        if let ExprKind::Name(name) = &column.kind {
            if self.program.is_answered(name) {
                return Typed::error();
            }
            if let Some(step) = self.step_named(name) {
                let field = self.example_field(step);
                let diagnostic = Diagnostic::error(
                    Code::NotHere,
                    column.span,
                    format!("`{name}` is a step, not a list of values"),
                )
                .help(format!("name a field of it: `in {name}.{field}`"));
                self.report(diagnostic);
                return Typed::error();
            }
        }
        let typed = self.expr(place, column);
        if typed.ty != Ty::Error {
            let text = self.text(column.span);
            let diagnostic =
                Diagnostic::error(Code::NotHere, column.span, format!("`{text}` is not a list of values"))
                    .help(format!("write a list, `in ({text})`, or a field of a step, `in a.f`"));
            self.report(diagnostic);
        }
        Typed::error()
    }

    pub(super) fn between(
        &mut self,
        place: Place,
        item: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
    ) -> Typed {
        if self.is_quoted_field(place, item) {
            return Typed::error();
        }
        let (mut value, mut least, mut most) =
            (self.expr(place, item), self.expr(place, low), self.expr(place, high));
        let right = self.comparable((&mut value, item.span), (&mut least, low.span), true)
            && self.comparable((&mut value, item.span), (&mut most, high.span), true);
        if !right {
            return Typed::error();
        }
        self.warn_thousands(item, low);
        self.warn_thousands(item, high);
        if let (Expr::Const(Value::Int(from)), Expr::Const(Value::Int(to))) = (&least.expr, &most.expr)
            && from > to
            && !negated
        {
            let (text, value) = (self.text(item.span.to(high.span)), self.text(item.span));
            let diagnostic = Diagnostic::warning(
                Code::NeverTrue,
                item.span.to(high.span),
                format!("`{text}` is never true"),
            )
            .note("`between` goes up, from the smaller end to the larger one")
            .help(format!("for a range over midnight write `({value} >= {from} or {value} <= {to})`"));
            self.report(diagnostic);
        }
        negated_if(negated, Expr::Between(Box::new(least.expr), Box::new(value.expr), Box::new(most.expr)))
    }
}

/// The day at the start of a text, `2026-01-31`.
fn day_of(text: &str) -> Option<&str> {
    let day = text.trim().get(..10)?;
    let is_right = day.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    is_right.then_some(day)
}

/// The hour of `12:00`.
fn hour_of(text: &str) -> Option<u8> {
    let (hour, minutes) = text.trim().split_once(':')?;
    let is_clock = hour.len() <= 2 && minutes.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    hour.parse().ok().filter(|_| is_clock)
}

/// A day, or two where the month may be either number, as what to write.
fn as_times(days: &[String]) -> String {
    let times: Vec<String> = days.iter().map(|day| format!("`\"{day}T00:00:00Z\"`")).collect();
    match times.as_slice() {
        [_] => format!("write {}", times[0]),
        _ => format!("write the year first: {}", times.join(" or ")),
    }
}

fn is_known_constant(typed: &Typed) -> bool {
    matches!(typed.ty, Ty::Known(_)) && is_constant(typed)
}

fn is_constant(typed: &Typed) -> bool {
    matches!(typed.expr, Expr::Const(_))
}

/// How to write a constant so that it has the type it is compared with.
fn constant_help(wanted: Type, constant: &Expr, text: &str) -> Option<String> {
    let Expr::Const(value) = constant else { return None };
    match (wanted, value) {
        (ty, Value::String(inner)) if ty.is_numeric() => {
            let inner = inner.trim();
            let number =
                inner.parse::<f64>().is_ok().then(|| inner.to_owned()).or_else(|| pasted::number(inner));
            Some(match number {
                Some(number) => format!("write `{number}` without quotes"),
                None => format!("compare it with a number, such as `{}`", number_example(ty)),
            })
        }
        (Type::Bool, Value::String(inner)) if matches!(&**inner, "true" | "false") => {
            Some(format!("write `{inner}` without quotes"))
        }
        (Type::Duration, Value::String(inner)) if Duration::parse(inner).is_some() => {
            Some(format!("write `{inner}` without quotes"))
        }
        (Type::Duration, Value::Int(number)) => Some(format!("write the unit: `{number}s`, `{number}m`")),
        (
            Type::String,
            Value::Int(_) | Value::Float(_) | Value::Decimal(_) | Value::Bool(_) | Value::Duration(_),
        ) => Some(format!("write `\"{text}\"` in quotes")),
        (Type::Timestamp, _) => Some("write a timestamp: `\"2026-01-31T12:00:00Z\"`".to_owned()),
        _ => None,
    }
}

fn number_example(ty: Type) -> &'static str {
    match ty {
        Type::Int => "5",
        _ => "5.00",
    }
}

fn conversion_help(one: Type, other: Type, left: &str, right: &str) -> String {
    match (one, other) {
        (Type::String, number) if number.is_numeric() => {
            format!("read the text as a number: `float({left})`, or declare the field with a number's type")
        }
        (number, Type::String) if number.is_numeric() => {
            format!("read the text as a number: `float({right})`, or declare the field with a number's type")
        }
        (Type::Duration, number) if number.is_numeric() => format!("take its seconds: `seconds({left})`"),
        (number, Type::Duration) if number.is_numeric() => format!("take its seconds: `seconds({right})`"),
        (Type::String, _) => format!("compare as text: `string({right})`"),
        (_, Type::String) => format!("compare as text: `string({left})`"),
        (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => {
            "a difference of two timestamps is a duration".to_owned()
        }
        _ => "compare values of one type".to_owned(),
    }
}
