//! Conditions of FlinkCEP as text of the language.
//!
//! Three things differ and are bridged here. A comparison with a missing field is false there and unknown here,
//! which shows under a `not`. A stage without events has a default there and is null here. And a conjunct that reads
//! the events of its own loop does not bind here while the loop is empty, so what it means then is said beside it.

use std::collections::BTreeMap;

use serde_json::{Number, Value as Json};

use crate::case::{Aggregate, At, Compare, Condition};

/// What a condition must know of a stage that it reads.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The name of its step.
    pub(crate) step: String,
    /// Whether a match may hold several of its events.
    pub(crate) many: bool,
    /// Whether it is an absence, which never holds an event.
    pub(crate) absent: bool,
    /// Whether every run that has come past it holds an event of it.
    pub(crate) certain: bool,
}

/// What a condition can name.
pub(crate) struct Scope<'a> {
    pub(crate) stages: &'a BTreeMap<String, Stage>,
    /// Fields that some event lacks.
    pub(crate) lacking: &'a dyn Fn(&str) -> bool,
    /// The stage whose condition it is.
    pub(crate) own: &'a str,
}

/// A condition as text, with the little structure that parentheses and constants need.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Text {
    Constant(bool),
    Atom(String),
    Not(Box<Text>),
    And(Vec<Text>),
    Or(Vec<Text>),
}

impl Text {
    fn not(text: Text) -> Text {
        match text {
            Text::Constant(value) => Text::Constant(!value),
            other => Text::Not(Box::new(other)),
        }
    }

    pub(crate) fn and(parts: Vec<Text>) -> Text {
        Text::join(parts, true)
    }

    pub(crate) fn or(parts: Vec<Text>) -> Text {
        Text::join(parts, false)
    }

    /// Joins by `and` where `neutral` is true, else by `or`; constants and nesting disappear.
    fn join(parts: Vec<Text>, neutral: bool) -> Text {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Text::Constant(value) if value == neutral => {}
                Text::Constant(_) => return part,
                Text::And(inner) if neutral => flat.extend(inner),
                Text::Or(inner) if !neutral => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => Text::Constant(neutral),
            1 => flat.remove(0),
            _ if neutral => Text::And(flat),
            _ => Text::Or(flat),
        }
    }

    fn nested(&self) -> String {
        match self {
            Text::And(_) | Text::Or(_) => format!("({self})"),
            _ => self.to_string(),
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joined =
            |parts: &[Text], word: &str| parts.iter().map(Text::nested).collect::<Vec<_>>().join(word);
        match self {
            Text::Constant(value) => write!(f, "{value}"),
            Text::Atom(text) => f.write_str(text),
            Text::Not(inner) => write!(f, "not ({inner})"),
            Text::And(parts) => f.write_str(&joined(parts, " and ")),
            Text::Or(parts) => f.write_str(&joined(parts, " or ")),
        }
    }
}

/// What is assumed of the events of the condition's own loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// There may be some or none: say what holds then.
    Unknown,
    /// There are none.
    Empty,
    /// There are some.
    Some,
}

/// A condition that always binds, as that of `until`.
pub(crate) fn binding(condition: &Condition, scope: &Scope<'_>) -> Text {
    Writer { scope, own: Own::Unknown }.write(condition, false)
}

/// The condition of a step, where a conjunct that reads the step's own events does not bind while there are none.
pub(crate) fn of_step(condition: &Condition, scope: &Scope<'_>) -> Text {
    if let Condition::And { and } = condition {
        return Text::and(and.iter().map(|part| of_step(part, scope)).collect());
    }
    if !reads_own(condition, scope) {
        return binding(condition, scope);
    }
    let empty = Writer { scope, own: Own::Empty }.write(condition, false);
    let some = Writer { scope, own: Own::Some }.write(condition, false);
    let step = &scope.stages[scope.own].step;
    let first = match empty {
        Text::Constant(true) => Text::Constant(true),
        other => Text::or(vec![Text::Atom(format!("count({step}) > 0")), other]),
    };
    Text::and(vec![first, some])
}

/// Whether a condition reads the events of its own loop in a way that keeps it from binding while there are none.
fn reads_own(condition: &Condition, scope: &Scope<'_>) -> bool {
    let own_loop =
        |stage: &str| stage == scope.own && scope.stages.get(stage).is_some_and(|s| s.many && !s.absent);
    match condition {
        Condition::True { .. } => false,
        Condition::And { and: parts } | Condition::Or { or: parts } => {
            parts.iter().any(|part| reads_own(part, scope))
        }
        Condition::Not { not } => reads_own(not, scope),
        Condition::Aggregate(a) => {
            let waives = match a.agg.as_str() {
                "min" | "max" => true,
                "avg" => !a.plus,
                _ => false,
            };
            waives && own_loop(&a.stage)
        }
        Condition::Compare(c) => c.reference.as_ref().is_some_and(|r| own_loop(&r.stage)),
    }
}

struct Writer<'a> {
    scope: &'a Scope<'a>,
    own: Own,
}

impl Writer<'_> {
    /// `negated`: whether a `not` stands above.
    fn write(&self, condition: &Condition, negated: bool) -> Text {
        match condition {
            Condition::True { .. } => Text::Constant(true),
            Condition::And { and } => Text::and(and.iter().map(|part| self.write(part, negated)).collect()),
            Condition::Or { or } => Text::or(or.iter().map(|part| self.write(part, negated)).collect()),
            Condition::Not { not } => Text::not(self.write(not, true)),
            Condition::Aggregate(a) => self.aggregate(a),
            Condition::Compare(c) => self.compare(c, negated),
        }
    }

    fn compare(&self, c: &Compare, negated: bool) -> Text {
        let left = field(&c.f);
        let mut guards = self.lacking(&[&c.f], negated);
        if let Some(reference) = &c.reference {
            return self.compare_held(c, reference, guards, negated);
        }
        let right = match (&c.rf, &c.c) {
            (Some(other), _) => {
                guards.extend(self.lacking(&[other], negated));
                scaled(&field(other), &c.mul, &c.add)
            }
            (None, Some(Json::Number(number))) => scaled(&number.to_string(), &c.mul, &c.add),
            (None, constant) => constant.as_ref().map_or("null".to_owned(), Json::to_string),
        };
        guards.push(Text::Atom(format!("{left} {} {right}", c.op)));
        Text::and(guards)
    }

    fn compare_held(
        &self,
        c: &Compare,
        reference: &crate::case::Reference,
        guards: Vec<Text>,
        negated: bool,
    ) -> Text {
        let Some(stage) = self.scope.stages.get(&reference.stage) else {
            return Text::Atom(format!("{} {} {}.{}", c.f, c.op, reference.stage, reference.f));
        };
        if self.is_empty(&reference.stage, stage) {
            return Text::Constant(c.default);
        }
        let held = match (stage.many, reference.at) {
            (false, _) => format!("{}.{}", stage.step, field(&reference.f)),
            (true, At::First) => format!("first({}).{}", stage.step, field(&reference.f)),
            (true, At::Last) => format!("last({}).{}", stage.step, field(&reference.f)),
        };
        let mut parts = guards;
        if negated && (self.scope.lacking)(&reference.f) {
            parts.push(Text::Atom(format!("{held} is not null")));
        }
        parts.push(Text::Atom(format!("{} {} {}", field(&c.f), c.op, scaled(&held, &c.mul, &c.add))));
        self.with_default(&reference.stage, stage, Text::and(parts), c.default, negated)
    }

    fn aggregate(&self, a: &Aggregate) -> Text {
        let right = match (&a.rf, &a.c) {
            (Some(other), _) => scaled(&field(other), &a.mul, &a.add),
            (None, constant) => constant.as_ref().map_or("null".to_owned(), Json::to_string),
        };
        let candidate = a.f.as_deref().map(field).unwrap_or_default();
        let Some(stage) = self.scope.stages.get(&a.stage) else {
            return Text::Atom(format!("{}({}.{candidate}) {} {right}", a.agg, a.stage, a.op));
        };
        let compare = |left: &str| constant_or_atom(left, &a.op, &right);
        if self.is_empty(&a.stage, stage) {
            return match (a.agg.as_str(), a.plus) {
                ("count", plus) => compare(if plus { "1" } else { "0" }),
                ("sum", false) => compare("0"),
                (_, true) => compare(&candidate),
                (_, false) => Text::Constant(a.default),
            };
        }
        let left = if stage.many { over_many(a, stage, &candidate) } else { over_one(a, stage, &candidate) };
        let undefined = !a.plus && matches!(a.agg.as_str(), "avg" | "min" | "max");
        if undefined {
            self.with_default(&a.stage, stage, compare(&left), a.default, true)
        } else {
            compare(&left)
        }
    }

    /// Whether a stage cannot hold an event here.
    fn is_empty(&self, name: &str, stage: &Stage) -> bool {
        stage.absent || (name == self.scope.own && (!stage.many || self.own == Own::Empty))
    }

    /// A comparison with events of a stage, and its value where there are none.
    fn with_default(&self, name: &str, stage: &Stage, text: Text, default: bool, negated: bool) -> Text {
        let held = if name == self.scope.own { self.own == Own::Some } else { stage.certain };
        let step = &stage.step;
        match (held, default) {
            (true, _) => text,
            (false, true) => Text::or(vec![Text::Atom(format!("count({step}) == 0")), text]),
            // Unknown is as good as false, unless a `not` makes a difference between them.
            (false, false) if !negated => text,
            (false, false) => Text::and(vec![Text::Atom(format!("count({step}) > 0")), text]),
        }
    }

    fn lacking(&self, fields: &[&str], negated: bool) -> Vec<Text> {
        let lacking = fields.iter().filter(|name| negated && (self.scope.lacking)(name));
        lacking.map(|name| Text::Atom(format!("{} is not null", field(name)))).collect()
    }
}

/// An aggregate over a stage that may hold several events.
fn over_many(a: &Aggregate, stage: &Stage, candidate: &str) -> String {
    let step = &stage.step;
    let column = format!("{step}.{candidate}");
    match (a.agg.as_str(), a.plus) {
        ("count", false) => format!("count({step})"),
        ("count", true) => format!("count({step}) + 1"),
        ("avg", true) => format!("(sum({column}) + {candidate}) / (count({step}) + 1)"),
        ("sum", true) => format!("sum({column}) + {candidate}"),
        (function, true) => format!("{function}({function}({column}) ?? {candidate}, {candidate})"),
        (function, false) => format!("{function}({column})"),
    }
}

/// An aggregate over a stage that holds one event, or none.
fn over_one(a: &Aggregate, stage: &Stage, candidate: &str) -> String {
    let step = &stage.step;
    let column = format!("{step}.{candidate}");
    let or_zero = if stage.certain { column.clone() } else { format!("({column} ?? 0)") };
    match (a.agg.as_str(), a.plus) {
        ("count", false) => format!("count({step})"),
        ("count", true) => format!("count({step}) + 1"),
        ("sum", false) => or_zero,
        ("sum", true) => format!("{or_zero} + {candidate}"),
        ("avg", true) => format!("({or_zero} + {candidate}) / (count({step}) + 1)"),
        (function, true) => format!("{function}({column} ?? {candidate}, {candidate})"),
        (_, false) => column,
    }
}

/// `left op right`, decided here where both are numbers.
fn constant_or_atom(left: &str, op: &str, right: &str) -> Text {
    let (Ok(a), Ok(b)) = (left.parse::<f64>(), right.parse::<f64>()) else {
        return Text::Atom(format!("{left} {op} {right}"));
    };
    Text::Constant(match op {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    })
}

/// `value * mul + add`.
fn scaled(value: &str, mul: &Option<Number>, add: &Option<Number>) -> String {
    let product = mul.as_ref().map_or(value.to_owned(), |mul| format!("{value} * {mul}"));
    add.as_ref().map_or(product.clone(), |add| format!("{product} + {add}"))
}

/// Words that continue or end an expression: as a bare field name they need backquotes.
const RESERVED: &[&str] = &[
    "and", "or", "not", "is", "in", "between", "like", "matches", "if", "then", "else", "where", "next",
    "until", "gap", "for", "within", "having", "over", "null", "true", "false",
];

/// A field as it is written in an expression.
pub(crate) fn field(name: &str) -> String {
    if RESERVED.contains(&name) { format!("`{name}`") } else { name.to_owned() }
}
