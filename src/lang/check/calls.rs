//! Calls: functions of values, and aggregates over the events of a step.

use super::names::{nearest, quoted};
use super::patterns::PatternChecker;
use super::scope::{Found, How, Place};
use super::types::{Ty, Typed, a_type, widened};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{StepId, Type, Value};
use crate::lang::ast::{self, Argument, ExprKind, Ident};
use crate::lang::hir::{Aggregate, Expr, Function, Pick};

/// What an argument must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wants {
    Text,
    Number,
    NumberOrDuration,
    NumberOrText,
    Whole,
    Time,
    Duration,
    Zone,
    Anything,
}

impl Wants {
    fn accepts(self, ty: Type) -> bool {
        match self {
            Wants::Text | Wants::Zone => ty == Type::String,
            Wants::Number => ty.is_numeric(),
            Wants::NumberOrDuration => ty.is_numeric() || ty == Type::Duration,
            Wants::NumberOrText => ty.is_numeric() || ty == Type::String,
            Wants::Whole => ty == Type::Int,
            Wants::Time => ty == Type::Timestamp,
            Wants::Duration => ty == Type::Duration,
            Wants::Anything => true,
        }
    }

    fn described(self) -> &'static str {
        match self {
            Wants::Text => "text",
            Wants::Number => "a number",
            Wants::NumberOrDuration => "a number or a duration",
            Wants::NumberOrText => "a number or text",
            Wants::Whole => "an int",
            Wants::Time => "a timestamp",
            Wants::Duration => "a duration",
            Wants::Zone => "the name of a time zone",
            Wants::Anything => "a value",
        }
    }
}

/// The type that a function gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gives {
    One(Type),
    /// That of its first argument.
    Same,
    /// An int, or with a number of digits a float.
    Rounded,
}

/// A function: how it is written, what it takes, how many of these may be left out.
struct Signature {
    name: &'static str,
    function: Function,
    wants: &'static [Wants],
    optional: usize,
    gives: Gives,
    usage: &'static str,
}

const fn signature(
    name: &'static str,
    function: Function,
    wants: &'static [Wants],
    optional: usize,
    gives: Gives,
    usage: &'static str,
) -> Signature {
    Signature { name, function, wants, optional, gives, usage }
}

const INT: Gives = Gives::One(Type::Int);
const FLOAT: Gives = Gives::One(Type::Float);
const TEXT: Gives = Gives::One(Type::String);
const BOOL: Gives = Gives::One(Type::Bool);

/// Every function but those of any number of arguments.
const FUNCTIONS: &[Signature] = &[
    signature("abs", Function::Abs, &[Wants::NumberOrDuration], 0, Gives::Same, "abs(x)"),
    signature(
        "round",
        Function::Round,
        &[Wants::Number, Wants::Whole],
        1,
        Gives::Rounded,
        "round(x, digits)",
    ),
    signature("floor", Function::Floor, &[Wants::Number], 0, INT, "floor(x)"),
    signature("ceil", Function::Ceil, &[Wants::Number], 0, INT, "ceil(x)"),
    signature("sqrt", Function::Sqrt, &[Wants::Number], 0, FLOAT, "sqrt(x)"),
    signature("len", Function::Len, &[Wants::Text], 0, INT, "len(text)"),
    signature("lower", Function::Lower, &[Wants::Text], 0, TEXT, "lower(text)"),
    signature("upper", Function::Upper, &[Wants::Text], 0, TEXT, "upper(text)"),
    signature("trim", Function::Trim, &[Wants::Text], 0, TEXT, "trim(text)"),
    signature(
        "starts_with",
        Function::StartsWith,
        &[Wants::Text, Wants::Text],
        0,
        BOOL,
        "starts_with(text, prefix)",
    ),
    signature(
        "ends_with",
        Function::EndsWith,
        &[Wants::Text, Wants::Text],
        0,
        BOOL,
        "ends_with(text, suffix)",
    ),
    signature("contains", Function::Contains, &[Wants::Text, Wants::Text], 0, BOOL, "contains(text, part)"),
    signature(
        "substring",
        Function::Substring,
        &[Wants::Text, Wants::Whole, Wants::Whole],
        0,
        TEXT,
        "substring(text, from, length)",
    ),
    signature(
        "distance_km",
        Function::DistanceKm,
        &[Wants::Number; 4],
        0,
        FLOAT,
        "distance_km(lat, lon, lat, lon)",
    ),
    signature("hour", Function::Hour, &[Wants::Time, Wants::Zone], 1, INT, "hour(time, \"Europe/Paris\")"),
    signature(
        "minute",
        Function::Minute,
        &[Wants::Time, Wants::Zone],
        1,
        INT,
        "minute(time, \"Europe/Paris\")",
    ),
    signature(
        "weekday",
        Function::Weekday,
        &[Wants::Time, Wants::Zone],
        1,
        INT,
        "weekday(time, \"Europe/Paris\")",
    ),
    signature("day", Function::Day, &[Wants::Time, Wants::Zone], 1, INT, "day(time, \"Europe/Paris\")"),
    signature("month", Function::Month, &[Wants::Time, Wants::Zone], 1, INT, "month(time, \"Europe/Paris\")"),
    signature("year", Function::Year, &[Wants::Time, Wants::Zone], 1, INT, "year(time, \"Europe/Paris\")"),
    signature("seconds", Function::Seconds, &[Wants::Duration], 0, FLOAT, "seconds(duration)"),
    signature("string", Function::ToString, &[Wants::Anything], 0, TEXT, "string(x)"),
    signature("int", Function::ToInt, &[Wants::NumberOrText], 0, INT, "int(x)"),
    signature("float", Function::ToFloat, &[Wants::NumberOrText], 0, FLOAT, "float(x)"),
];

/// What else can be called.
const OTHERS: [&str; 11] =
    ["count", "sum", "avg", "stddev", "min", "max", "first", "last", "distinct", "prev", "concat"];

impl PatternChecker<'_, '_> {
    pub(super) fn call(&mut self, place: Place, name: &Ident, arguments: &[Argument], span: Span) -> Typed {
        if let Some(filter) = arguments.iter().find_map(|argument| argument.filter.as_ref()) {
            let diagnostic = Diagnostic::error(Code::NotHere, filter.span, "`where` inside a call")
                .note("an aggregate covers all events of a step")
                .help("put the condition into the `where` of the step");
            self.report(diagnostic);
            return Typed::error();
        }
        let aggregate = match name.text.as_str() {
            "count" => Aggregate::Count,
            "sum" => Aggregate::Sum,
            "avg" => Aggregate::Avg,
            "stddev" => Aggregate::Stddev,
            "distinct" => Aggregate::Distinct,
            "min" | "max" if arguments.len() > 1 => return self.extreme(place, name, arguments, span),
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "first" | "last" => return self.first_or_last(place, name, arguments, span),
            "prev" => return self.prev(place, arguments, span),
            "concat" => return self.concat(place, arguments, span),
            _ => return self.function(place, name, arguments, span),
        };
        self.aggregate(place, aggregate, name, arguments, span)
    }

    fn aggregate(
        &mut self,
        place: Place,
        function: Aggregate,
        name: &Ident,
        arguments: &[Argument],
        span: Span,
    ) -> Typed {
        let [argument] = arguments else {
            return self.wrong_arguments(span, &name.text, &usage_of(&name.text));
        };
        let how = match function {
            Aggregate::Avg | Aggregate::Min | Aggregate::Max => How::OverSome,
            Aggregate::Count | Aggregate::Sum | Aggregate::Stddev | Aggregate::Distinct => How::Over,
        };
        match &argument.value.kind {
            ExprKind::Name(step) if function == Aggregate::Count && self.is_step(step) => {
                let Some(step) = self.step_to_read(place, step, argument.value.span, how) else {
                    return Typed::error();
                };
                let step = StepId(step as u32);
                Typed::new(Expr::Aggregate { function, step, slot: None }, Type::Int)
            }
            ExprKind::Member(object, field) if matches!(object.kind, ExprKind::Name(_)) => {
                let ExprKind::Name(step) = &object.kind else { return Typed::error() };
                let Some(step) = self.step_to_read(place, step, object.span, how) else {
                    return Typed::error();
                };
                let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
                let Some(ty) = aggregate_type(function, ty) else {
                    return self.wrong_aggregate(function, name, ty, argument.value.span);
                };
                let step = StepId(step as u32);
                Typed::new(Expr::Aggregate { function, step, slot: Some(slot) }, ty)
            }
            _ => self.not_over_a_step(name, &argument.value),
        }
    }

    fn is_step(&self, name: &str) -> bool {
        self.step_named(name).is_some() || !self.is_field(name)
    }

    fn is_field(&self, name: &str) -> bool {
        let all: Vec<usize> = (0..self.sources.len()).collect();
        !matches!(self.field_among(&all, name), Found::No)
    }

    fn wrong_aggregate(&mut self, function: Aggregate, name: &Ident, ty: Type, span: Span) -> Typed {
        let message = format!("`{}` of {}", name.text, a_type(ty));
        let help = match function {
            Aggregate::Min | Aggregate::Max => "compare with `==`, or count with `count(…)`",
            _ => "use `count`, `distinct`, `min` or `max`, or a field that is a number",
        };
        self.report(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
        Typed::error()
    }

    /// `avg(amount)`: an aggregate of something that is no field of a step.
    fn not_over_a_step(&mut self, name: &Ident, argument: &ast::Expr) -> Typed {
        let function = &name.text;
        let text = self.text(argument.span);
        let mut diagnostic = Diagnostic::error(
            Code::BadArguments,
            argument.span,
            format!("`{function}` covers the events of a step"),
        );
        let field = match &argument.kind {
            ExprKind::Name(field) => Some(field.as_str()),
            _ => None,
        };
        if let ExprKind::Name(given) = &argument.kind {
            if self.program.planned.contains_key(given) {
                return Typed::error();
            }
            if let Some(step) = self.step_named(given) {
                let example = self.example_field(step);
                diagnostic = diagnostic.help(format!("name a field of it: `{function}({given}.{example})`"));
                self.report(diagnostic);
                return Typed::error();
            }
        }
        let steps: Vec<String> = (self.steps.iter())
            .filter(|step| step.many() && !step.absent)
            .map(|step| format!("`{function}({}.{})`", step.name.text, field.unwrap_or("FIELD")))
            .collect();
        diagnostic = match steps.len() {
            0 => diagnostic.help("no step of this pattern loops; write a step's field: `a.f`"),
            _ if field.is_some() => diagnostic.help(format!("write {}", steps.join(" or "))),
            _ => diagnostic
                .note(format!("`{text}` is computed from one event; an aggregate takes a field of many"))
                .help(format!("write {}", steps.join(" or "))),
        };
        self.report(diagnostic);
        Typed::error()
    }

    /// `first(a)` stands before a field; `first(a.f)` says the same.
    fn first_or_last(&mut self, place: Place, name: &Ident, arguments: &[Argument], span: Span) -> Typed {
        let [argument] = arguments else {
            return self.wrong_arguments(span, &name.text, &usage_of(&name.text));
        };
        match &argument.value.kind {
            ExprKind::Member(object, field) => {
                if let ExprKind::Name(step) = &object.kind {
                    return self.picked(place, pick_of(&name.text), (step, object.span), field);
                }
                self.not_over_a_step(name, &argument.value)
            }
            ExprKind::Name(step) if self.step_named(step).is_some() => {
                let at = self.step_named(step).expect("just seen");
                let field = self.example_field(at);
                let message = format!("`{}({step})` is an event, not a value", name.text);
                let diagnostic = Diagnostic::error(Code::NotHere, span, message)
                    .help(format!("write a field of it: `{}({step}).{field}`", name.text));
                self.report(diagnostic);
                Typed::error()
            }
            ExprKind::Name(step) if !self.is_field(step) => {
                self.step_to_read(place, step, argument.value.span, How::First);
                Typed::error()
            }
            _ => self.not_over_a_step(name, &argument.value),
        }
    }

    fn picked(&mut self, place: Place, pick: Pick, (step, span): (&str, Span), field: &Ident) -> Typed {
        let how = if pick == Pick::First { How::First } else { How::OverSome };
        let Some(step) = self.step_to_read(place, step, span, how) else { return Typed::error() };
        let Some((slot, ty)) = self.step_field(step, field) else { return Typed::error() };
        Typed::new(Expr::Held { step: StepId(step as u32), pick, slot }, ty)
    }

    /// `object.field`.
    pub(super) fn member(&mut self, place: Place, object: &ast::Expr, field: &Ident) -> Typed {
        match &object.kind {
            ExprKind::Name(name) => self.bare_member(place, name, object.span, field),
            ExprKind::Call(name, arguments) if matches!(name.text.as_str(), "first" | "last") => {
                match arguments.as_slice() {
                    [Argument { value: ast::Expr { kind: ExprKind::Name(step), span }, filter: None }] => {
                        self.picked(place, pick_of(&name.text), (step, *span), field)
                    }
                    _ => self.wrong_arguments(object.span, &name.text, &usage_of(&name.text)),
                }
            }
            ExprKind::Index(step, index) => self.indexed(place, step, index, field),
            _ => {
                let text = self.text(object.span);
                let diagnostic =
                    Diagnostic::error(Code::NotHere, object.span, format!("`{text}` has no fields"))
                        .help("a field belongs to a step: `a.f`, `first(a).f`, `a[0].f`");
                self.report(diagnostic);
                Typed::error()
            }
        }
    }

    /// `a[0].field`.
    fn indexed(&mut self, place: Place, step: &ast::Expr, index: &ast::Expr, field: &Ident) -> Typed {
        let ExprKind::Name(name) = &step.kind else {
            let diagnostic =
                Diagnostic::error(Code::NotHere, step.span, "only a step has events to choose from")
                    .help("write `a[0].f`");
            self.report(diagnostic);
            return Typed::error();
        };
        if self.program.planned.contains_key(name) {
            return Typed::error();
        }
        let Some(Value::Int(at)) = self.constant(index) else {
            let diagnostic = Diagnostic::error(
                Code::BadArguments,
                index.span,
                "which event is not a whole number",
            )
            .note("events of a loop are counted from 0, and from the end where negative: −1 is the last")
            .help(format!("write `{name}[0].{}`, or `last({name}).{0}`", field.text));
            self.report(diagnostic);
            return Typed::error();
        };
        self.picked(place, Pick::Nth(at), (name, step.span), field)
    }

    /// `a[0]` without a field.
    pub(super) fn bare_index(&mut self, place: Place, object: &ast::Expr, span: Span) -> Typed {
        if let ExprKind::Name(name) = &object.kind {
            if self.program.planned.contains_key(name) {
                return Typed::error();
            }
            let Some(step) = self.step_to_read(place, name, object.span, How::OverSome) else {
                return Typed::error();
            };
            let field = self.example_field(step);
            let text = self.text(span);
            let diagnostic =
                Diagnostic::error(Code::NotHere, span, format!("`{text}` is an event, not a value"))
                    .help(format!("write a field of it: `{text}.{field}`"));
            self.report(diagnostic);
        } else {
            let diagnostic = Diagnostic::error(Code::NotHere, span, "only a step has events to choose from")
                .help("write `a[0].f`");
            self.report(diagnostic);
        }
        Typed::error()
    }

    /// `prev(f)`: of the event that the loop took before.
    fn prev(&mut self, place: Place, arguments: &[Argument], span: Span) -> Typed {
        let (own, field) = match (place, arguments) {
            (Place::Condition(step) | Place::Until(step), [argument]) => (step, &argument.value),
            (Place::Condition(_) | Place::Until(_), _) => {
                return self.wrong_arguments(span, "prev", "prev(f)");
            }
            _ => {
                let diagnostic =
                    Diagnostic::error(Code::NotHere, span, "`prev` outside the condition of a step")
                        .note("`prev(f)` is the event before the candidate in the step's own loop")
                        .help("write `last(a).f` for the last event of loop `a`");
                self.report(diagnostic);
                return Typed::error();
            }
        };
        let scope = &self.steps[own];
        let name = scope.name.text.clone();
        let declared = scope.name.span;
        if scope.absent || !scope.many() {
            let mut diagnostic =
                Diagnostic::error(Code::NotALoop, span, format!("`prev` in `{name}`, which does not loop"))
                    .also(declared, "takes at most one event")
                    .note("`prev(f)` is the event before the candidate in the step's own loop");
            let before = self.steps[..own].iter().rev().find(|step| !step.absent);
            diagnostic = match before {
                Some(before) if before.many() => diagnostic.help(format!(
                    "the event before it: `last({}).{}`",
                    before.name.text,
                    self.text(field.span)
                )),
                Some(before) => diagnostic.help(format!(
                    "the event before it: `{}.{}`",
                    before.name.text,
                    self.text(field.span)
                )),
                None => diagnostic.help(format!("give the step a quantifier: `{name}{{2,}}`")),
            };
            self.report(diagnostic);
            return Typed::error();
        }
        let field = match &field.kind {
            ExprKind::Name(text) => Ident { text: text.clone(), span: field.span },
            ExprKind::Member(object, member) if matches!(&object.kind, ExprKind::Name(step) if *step == name) =>
            {
                let help = format!("write `prev({})`", member.text);
                let diagnostic =
                    Diagnostic::error(Code::BadArguments, field.span, "`prev` takes a bare field").help(help);
                self.report(diagnostic);
                return Typed::error();
            }
            _ => return self.wrong_arguments(field.span, "prev", "prev(f)"),
        };
        self.reads.held = true;
        self.reads.own_events = true;
        let Some((slot, ty)) = self.step_field(own, &field) else { return Typed::error() };
        Typed::new(Expr::Held { step: StepId(own as u32), pick: Pick::Last, slot }, ty)
    }

    /// `min(x, y, …)`, `max(x, y, …)`.
    fn extreme(&mut self, place: Place, name: &Ident, arguments: &[Argument], span: Span) -> Typed {
        let typed: Vec<Typed> = arguments.iter().map(|argument| self.expr(place, &argument.value)).collect();
        let mut ty = Ty::Null;
        for (value, argument) in typed.iter().zip(arguments) {
            ty = match (ty, value.ty) {
                (Ty::Error, _) | (_, Ty::Error) => return Typed::error(),
                (Ty::Null, other) | (other, Ty::Null) => other,
                (Ty::Known(one), Ty::Known(other)) => match widened(one, other) {
                    Some(ty) => Ty::Known(ty),
                    None => {
                        let message =
                            format!("`{}` compares {} with {}", name.text, a_type(one), a_type(other));
                        let diagnostic = Diagnostic::error(Code::TypeMismatch, argument.value.span, message)
                            .help("give all arguments one type");
                        self.report(diagnostic);
                        return Typed::error();
                    }
                },
            };
        }
        let Ty::Known(ty) = ty else { return Typed { expr: Expr::Const(Value::Null), ty } };
        if ty == Type::Bool {
            let diagnostic =
                Diagnostic::error(Code::TypeMismatch, span, "bools have no order").help("use `and` or `or`");
            self.report(diagnostic);
            return Typed::error();
        }
        let function = if name.text == "min" { Function::Least } else { Function::Greatest };
        Typed::new(Expr::Call(function, typed.into_iter().map(|value| value.converted(ty)).collect()), ty)
    }

    fn concat(&mut self, place: Place, arguments: &[Argument], span: Span) -> Typed {
        if arguments.is_empty() {
            return self.wrong_arguments(span, "concat", "concat(x, y, …)");
        }
        let typed: Vec<Typed> = arguments.iter().map(|argument| self.expr(place, &argument.value)).collect();
        if typed.iter().any(|value| value.ty == Ty::Error) {
            return Typed::error();
        }
        Typed::new(
            Expr::Call(Function::Concat, typed.into_iter().map(|value| value.expr).collect()),
            Type::String,
        )
    }

    fn function(&mut self, place: Place, name: &Ident, arguments: &[Argument], span: Span) -> Typed {
        let Some(signature) = FUNCTIONS.iter().find(|signature| signature.name == name.text) else {
            return self.unknown_function(name);
        };
        let most = signature.wants.len();
        if !(most - signature.optional..=most).contains(&arguments.len()) {
            return self.wrong_arguments(span, signature.name, signature.usage);
        }
        let mut lowered = Vec::new();
        let mut first = Ty::Null;
        let mut right = true;
        for (at, (argument, wants)) in arguments.iter().zip(signature.wants).enumerate() {
            let typed = self.expr(place, &argument.value);
            right &=
                typed.ty != Ty::Error && self.check_argument(signature, *wants, &typed, argument.value.span);
            if at == 0 {
                first = typed.ty;
            }
            lowered.push(typed.expr);
        }
        if !right {
            return Typed::error();
        }
        let ty = match signature.gives {
            Gives::One(ty) => Ty::Known(ty),
            Gives::Same => first,
            Gives::Rounded => Ty::Known(if arguments.len() == 1 { Type::Int } else { Type::Float }),
        };
        Typed { expr: Expr::Call(signature.function, lowered), ty }
    }

    fn check_argument(&mut self, signature: &Signature, wants: Wants, typed: &Typed, span: Span) -> bool {
        if let Ty::Known(ty) = typed.ty
            && !wants.accepts(ty)
        {
            let message =
                format!("`{}` takes {} here, not {}", signature.name, wants.described(), a_type(ty));
            let mut diagnostic = Diagnostic::error(Code::BadArguments, span, message)
                .help(format!("it is written `{}`", signature.usage));
            if wants == Wants::Text {
                diagnostic = diagnostic.help(format!("make it text: `string({})`", self.text(span)));
            }
            self.report(diagnostic);
            return false;
        }
        if wants != Wants::Zone {
            return true;
        }
        let known = match &typed.expr {
            Expr::Const(Value::String(zone)) => jiff::tz::TimeZone::get(zone).is_ok(),
            _ => false,
        };
        if !known {
            let text = self.text(span);
            let diagnostic = Diagnostic::error(
                Code::BadArguments,
                span,
                format!("`{text}` is not a time zone that is known"),
            )
            .note("a zone is a constant, so that it can be checked before anything runs")
            .help("write a name such as `\"Europe/Paris\"` or `\"UTC\"`");
            self.report(diagnostic);
        }
        known
    }

    fn unknown_function(&mut self, name: &Ident) -> Typed {
        let names: Vec<&str> = FUNCTIONS.iter().map(|signature| signature.name).chain(OTHERS).collect();
        let help = match name.text.as_str() {
            "least" => "write `min(x, y)`".to_owned(),
            "greatest" => "write `max(x, y)`".to_owned(),
            "mean" | "average" => "did you mean `avg`?".to_owned(),
            "length" => "did you mean `len`?".to_owned(),
            "coalesce" | "ifnull" => "write `x ?? y`".to_owned(),
            "std" | "stdev" => "did you mean `stddev`?".to_owned(),
            "count_distinct" => "did you mean `distinct`?".to_owned(),
            "lag" | "previous" => "did you mean `prev`?".to_owned(),
            other => match nearest(other, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("functions: {}", names.join(", ")),
            },
        };
        let message = format!("there is no function `{}`", name.text);
        self.report(Diagnostic::error(Code::UnknownFunction, name.span, message).help(help));
        Typed::error()
    }

    fn wrong_arguments(&mut self, span: Span, name: &str, usage: &str) -> Typed {
        let diagnostic = Diagnostic::error(
            Code::BadArguments,
            span,
            format!("`{name}` is called with the wrong arguments"),
        )
        .help(format!("it is written {}", quoted([usage])));
        self.report(diagnostic);
        Typed::error()
    }
}

fn pick_of(name: &str) -> Pick {
    if name == "first" { Pick::First } else { Pick::Last }
}

fn usage_of(name: &str) -> String {
    match name {
        "count" => "count(a)".to_owned(),
        "first" | "last" => format!("{name}(a).f"),
        "min" | "max" => format!("{name}(a.f)` over a loop, or `{name}(x, y)"),
        _ => format!("{name}(a.f)"),
    }
}

/// The type of an aggregate over a field.
fn aggregate_type(function: Aggregate, field: Type) -> Option<Type> {
    match function {
        Aggregate::Count | Aggregate::Distinct => Some(Type::Int),
        Aggregate::Sum => field.is_numeric().then_some(field),
        Aggregate::Avg | Aggregate::Stddev => field.is_numeric().then_some(Type::Float),
        Aggregate::Min | Aggregate::Max => (field != Type::Bool).then_some(field),
    }
}
