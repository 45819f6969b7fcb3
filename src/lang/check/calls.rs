//! Calls: which functions there are, what they take and what they give.

use super::names::{nearest, quoted};
use super::patterns::PatternChecker;
use super::scope::Place;
use super::types::{Ty, Typed, a_type, widened};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{Type, Value};
use crate::lang::ast::{Argument, Ident};
use crate::lang::hir::{Aggregate, Expr, Function};

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

/// The names of all functions.
fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|signature| signature.name).chain(OTHERS)
}

/// Whether a function has this name.
pub(super) fn is_function(name: &str) -> bool {
    names().any(|known| known == name)
}

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
        if place.is_of_a_tally() {
            return self.tallied(aggregate, name, arguments, span);
        }
        self.aggregate(place, aggregate, name, arguments, span)
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
        let names: Vec<&str> = names().collect();
        let help = match name.text.as_str() {
            "least" => "write `min(x, y)`".to_owned(),
            "greatest" => "write `max(x, y)`".to_owned(),
            "mean" | "average" => "did you mean `avg`?".to_owned(),
            "length" | "lenght" | "size" => "did you mean `len`?".to_owned(),
            "coalesce" | "ifnull" => "write `x ?? y`".to_owned(),
            "std" | "stdev" => "did you mean `stddev`?".to_owned(),
            "count_distinct" => "did you mean `distinct`?".to_owned(),
            "lag" | "previous" => "did you mean `prev`?".to_owned(),
            "exists" | "isnull" | "is_null" | "isnan" | "empty" | "isempty" => {
                "write `x is null`, or `x is not null`".to_owned()
            }
            "now" | "current_time" | "current_timestamp" | "getdate" | "today" => {
                "there is no clock in a pattern, only the times of events: `b.at - a.at < 10m`".to_owned()
            }
            "to_number" | "number" | "cast" | "double" => "write `int(x)` or `float(x)`".to_owned(),
            "to_string" | "str" | "text" | "tostring" => "write `string(x)`".to_owned(),
            "startswith" | "startsWith" => "did you mean `starts_with`?".to_owned(),
            "endswith" | "endsWith" => "did you mean `ends_with`?".to_owned(),
            "dayofweek" | "day_of_week" | "dow" => "did you mean `weekday`? Monday is 1, Sunday 7".to_owned(),
            "geo_distance" | "haversine" | "distance" => "did you mean `distance_km`?".to_owned(),
            "regex" | "regexp" | "regexp_like" | "matches" | "match" => "write `x matches \"…\"`".to_owned(),
            "like" => "write `x like \"A%\"`".to_owned(),
            "any" | "all" | "every" | "exactly" => {
                "a pattern says how often in a quantifier: `a{3,}`".to_owned()
            }
            other => match nearest(other, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("functions: {}", names.join(", ")),
            },
        };
        let message = format!("there is no function `{}`", name.text);
        self.report(Diagnostic::error(Code::UnknownFunction, name.span, message).help(help));
        Typed::error()
    }

    pub(super) fn wrong_arguments(&mut self, span: Span, name: &str, usage: &str) -> Typed {
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

/// How a function of the events of a step is written.
pub(super) fn usage_of(name: &str) -> String {
    match name {
        "count" => "count(a)".to_owned(),
        "first" | "last" => format!("{name}(a).f"),
        "min" | "max" => format!("{name}(a.f)` over a loop, or `{name}(x, y)"),
        _ => format!("{name}(a.f)"),
    }
}
