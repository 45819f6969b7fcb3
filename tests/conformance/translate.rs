//! A case as a `.cep` file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::case::{Call, Case, Condition, Op, SkipKind, Step, WithinType};
use crate::condition::{self, Scope, Stage, Text, field};

/// A case in the language, and where its steps came from.
pub(crate) struct Translated {
    /// The `.cep` text: a stream `s`, a pattern `p`.
    pub(crate) text: String,
    /// For each step, by name, the stage it came from.
    pub(crate) stages: BTreeMap<String, String>,
}

/// Writes a case in the language; the reason where the language has no such construct.
pub(crate) fn translate(case: &Case) -> Result<Translated, &'static str> {
    let fields = fields(case);
    let mut stages = BTreeMap::new();
    collect_stages(&case.pattern.steps, &fields, Place { looped: false, certain: true }, &mut stages);
    let lacking = |name: &str| case.events.iter().any(|event| event.get(name).is_none_or(Json::is_null));
    let writer = Writer { stages: &stages, lacking: &lacking };

    let mut text = stream(case, &fields);
    text.push_str("pattern p {\n    on s\n\n    match all ");
    text.push_str(&writer.body(&case.pattern.steps, 1, "\n    ")?);
    let window = window(&case.pattern.steps);
    if let Some(millis) = window {
        let _ = write!(text, "\n    within {millis}ms");
    }
    text.push_str(&skip(case, &stages));
    text.push_str("\n\n    emit found { n: 1 }\n");
    if window.is_some() || has_gap(&case.pattern.steps) {
        text.push_str("    on timeout emit lost { n: 1 }\n");
    }
    text.push_str("}\n");
    let stages = stages.into_iter().map(|(stage, it)| (it.step, stage)).collect();
    Ok(Translated { text, stages })
}

/// The fields that events or conditions use, with the narrowest type that holds their values.
fn fields(case: &Case) -> Vec<(String, &'static str)> {
    let mut types: BTreeMap<&str, &'static str> = BTreeMap::new();
    for (name, value) in case.events.iter().flatten() {
        let ty = match value {
            Json::String(_) => "string",
            Json::Bool(_) => "bool",
            Json::Number(number) if number.is_f64() => "float",
            Json::Number(_) => "int",
            _ => continue,
        };
        let entry = types.entry(name).or_insert(ty);
        if ty == "float" && *entry == "int" {
            *entry = ty;
        }
    }
    for name in ["type", "v"] {
        types.entry(name).or_insert(if name == "type" { "string" } else { "int" });
    }
    types.remove("ts");
    types.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect()
}

fn stream(case: &Case, fields: &[(String, &'static str)]) -> String {
    let mut text = "stream s {\n".to_owned();
    for (name, ty) in fields {
        let _ = writeln!(text, "    {} {ty}?", field(name));
    }
    let mut newest = i64::MIN;
    let mut disorder = 0;
    for event in 0..case.events.len() {
        newest = newest.max(case.millis(event));
        disorder = disorder.max(newest - case.millis(event));
    }
    let _ = write!(text, "    ts timestamp\n    event time ts, disorder {disorder}ms\n}}\n\n");
    text
}

/// Where a step stands.
#[derive(Clone, Copy)]
struct Place {
    /// In a group that loops.
    looped: bool,
    /// Not in a group that may be left out.
    certain: bool,
}

fn collect_stages(
    steps: &[Step],
    fields: &[(String, &'static str)],
    place: Place,
    stages: &mut BTreeMap<String, Stage>,
) {
    for step in steps {
        let times = Times::of(&step.calls);
        let here = Place {
            looped: place.looped || times.max != Some(1),
            certain: place.certain && times.min > 0 && !times.optional,
        };
        if let Some(group) = &step.group {
            collect_stages(&group.steps, fields, here, stages);
            continue;
        }
        let taken =
            step.stage == "s" || step.stage == "ts" || fields.iter().any(|(name, _)| *name == step.stage);
        let name = if taken { format!("step_{}", step.stage) } else { step.stage.clone() };
        let absent = step.op.is_absence();
        let stage = Stage { step: name, many: here.looped, absent, certain: here.certain && !absent };
        stages.insert(step.stage.clone(), stage);
    }
}

/// What the calls say about how often.
#[derive(Clone, Copy)]
struct Times {
    min: i64,
    max: Option<i64>,
    optional: bool,
}

impl Times {
    fn of(calls: &[Call]) -> Times {
        let mut times = Times { min: 1, max: Some(1), optional: false };
        for call in calls {
            match call {
                Call::OneOrMore { .. } => (times.min, times.max) = (1, None),
                Call::Times { n, m, .. } => (times.min, times.max) = (*n, Some(m.unwrap_or(*n))),
                Call::TimesOrMore { n, .. } => (times.min, times.max) = (*n, None),
                Call::Optional => times.optional = true,
                _ => {}
            }
        }
        times
    }

    /// The quantifier, and whether a `( … )?` must stand around it.
    fn quantifier(self) -> (String, bool) {
        let around = self.optional && self.min > 1;
        let min = if self.optional && self.min == 1 { 0 } else { self.min };
        let text = match (min, self.max) {
            (1, Some(1)) => String::new(),
            (0, Some(1)) => "?".to_owned(),
            (0, None) => "*".to_owned(),
            (1, None) => "+".to_owned(),
            (n, None) => format!("{{{n},}}"),
            (n, Some(m)) if n == m => format!("{{{n}}}"),
            (n, Some(m)) => format!("{{{n},{m}}}"),
        };
        (text, around)
    }
}

fn word(op: Op) -> &'static str {
    match op {
        Op::Begin => "",
        Op::Next => "next ",
        Op::FollowedBy => "then ",
        Op::FollowedByAny => "then any ",
        Op::NotNext => "next not ",
        Op::NotFollowedBy => "then not ",
    }
}

struct Writer<'a> {
    stages: &'a BTreeMap<String, Stage>,
    lacking: &'a dyn Fn(&str) -> bool,
}

impl Writer<'_> {
    /// The steps of a body, on lines of their own.
    fn body(&self, steps: &[Step], depth: usize, line: &str) -> Result<String, &'static str> {
        let mut lines = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let last = at + 1 == steps.len();
            let text = if step.op.is_absence() {
                self.absence(step, last && depth == 1)?
            } else {
                self.step(step, depth)?
            };
            lines.push(format!("{}{text}", word(step.op)));
        }
        Ok(lines.join(line))
    }

    fn absence(&self, step: &Step, last: bool) -> Result<String, &'static str> {
        let stage = &self.stages[&step.stage];
        let mut text = stage.step.clone();
        text.push_str(&self.condition(step));
        let times = Times::of(&step.calls);
        if times.optional || times.max != Some(1) || times.min != 1 {
            return Err("no such construct: a quantifier on an absence");
        }
        match gap(&step.calls) {
            Some(_) if step.op == Op::NotNext => return Err("no such construct: a gap on `next not`"),
            Some(millis) if last => {
                let _ = write!(text, " for {millis}ms");
            }
            // In the middle FlinkCEP has no state that could time out.
            _ => {}
        }
        Ok(text)
    }

    fn step(&self, step: &Step, depth: usize) -> Result<String, &'static str> {
        let (quantifier, around) = Times::of(&step.calls).quantifier();
        let mut text = match &step.group {
            Some(group) => {
                let line = format!("\n    {}", "    ".repeat(depth));
                format!("( {} )", self.body(&group.steps, depth + 1, &line)?)
            }
            None => self.stages[&step.stage].step.clone(),
        };
        text.push_str(&quantifier);
        // Of a loop of exactly one there is nothing to be strict about.
        let times = Times::of(&step.calls);
        let loops = times.max != Some(1);
        let is_exact = times.max == Some(times.min);
        let mut greedy = false;
        let mut windowed = false;
        for call in &step.calls {
            match call {
                Call::Consecutive if loops => text.push_str(" strict"),
                Call::AllowCombinations if loops => text.push_str(" any"),
                Call::Greedy => greedy = true,
                Call::OneOrMore { window }
                | Call::Times { window, .. }
                | Call::TimesOrMore { window, .. } => {
                    windowed |= window.is_some();
                }
                _ => {}
            }
        }
        if windowed {
            return Err("no such construct: a window of part of a loop");
        }
        // FlinkCEP takes `greedy` of exactly n, and does nothing about it.
        if greedy && !is_exact {
            text.push_str(" greedy");
        }
        if step.group.is_none() {
            text.push_str(&self.condition(step));
        } else if step
            .calls
            .iter()
            .any(|call| matches!(call, Call::Where { .. } | Call::Or { .. } | Call::Subtype))
        {
            return Err("no such construct: a condition on a group");
        }
        for call in &step.calls {
            if let Call::Until { cond } = call {
                let _ = write!(text, " until {}", condition::binding(cond, &self.scope(&step.stage)));
            }
        }
        if let Some(millis) = gap(&step.calls) {
            let _ = write!(text, " gap {millis}ms");
        }
        Ok(if around { format!("( {text} )?") } else { text })
    }

    /// ` where …`, from all the calls that add to a condition.
    fn condition(&self, step: &Step) -> String {
        let mut whole: Option<Condition> = None;
        for call in &step.calls {
            whole = match (call, whole) {
                (Call::Where { cond }, None) | (Call::Or { cond }, None) => Some(cond.clone()),
                (Call::Where { cond }, Some(so_far)) => {
                    Some(Condition::And { and: vec![so_far, cond.clone()] })
                }
                (Call::Or { cond }, Some(so_far)) => Some(Condition::Or { or: vec![so_far, cond.clone()] }),
                (Call::Subtype, so_far) => {
                    Some(Condition::And { and: so_far.into_iter().chain([subtype()]).collect() })
                }
                (_, so_far) => so_far,
            };
        }
        match whole.map(|whole| condition::of_step(&whole, &self.scope(&step.stage))) {
            None | Some(Text::Constant(true)) => String::new(),
            Some(text) => format!(" where {text}"),
        }
    }

    fn scope<'a>(&'a self, own: &'a str) -> Scope<'a> {
        Scope { stages: self.stages, lacking: self.lacking, own }
    }
}

/// Events with `"sub": true` are of a subclass.
fn subtype() -> Condition {
    serde_json::from_str(r#"{"f": "sub", "op": "==", "c": true}"#).expect("a condition")
}

/// The last PREVIOUS_AND_CURRENT window said.
fn gap(calls: &[Call]) -> Option<i64> {
    calls.iter().rev().find_map(|call| match call {
        Call::Within { ms, kind: WithinType::PreviousAndCurrent } => Some(*ms),
        _ => None,
    })
}

fn has_gap(steps: &[Step]) -> bool {
    let gap_here = |step: &Step| !step.op.is_absence() && gap(&step.calls).is_some();
    steps.iter().any(|step| gap_here(step) || step.group.as_ref().is_some_and(|group| has_gap(&group.steps)))
}

/// The smallest FIRST_AND_LAST window: of each step the last said.
fn window(steps: &[Step]) -> Option<i64> {
    let of_step = |step: &Step| {
        step.calls.iter().rev().find_map(|call| match call {
            Call::Within { ms, kind: WithinType::FirstAndLast } => Some(*ms),
            _ => None,
        })
    };
    steps.iter().filter_map(of_step).min()
}

fn skip(case: &Case, stages: &BTreeMap<String, Stage>) -> String {
    let Some(skip) = &case.pattern.skip else { return String::new() };
    let step = stages.get(&skip.stage).map_or(skip.stage.as_str(), |stage| stage.step.as_str());
    match skip.kind {
        SkipKind::NoSkip => String::new(),
        SkipKind::SkipToNext => "\n    skip to next".to_owned(),
        SkipKind::SkipPastLastEvent => "\n    skip past last".to_owned(),
        SkipKind::SkipToFirst => format!("\n    skip to first {step}"),
        SkipKind::SkipToLast => format!("\n    skip to last {step}"),
    }
}

/// Names of stages that occur twice; FlinkCEP refuses these.
pub(crate) fn has_twins(steps: &[Step], seen: &mut BTreeSet<String>) -> bool {
    steps.iter().any(|step| match &step.group {
        Some(group) => has_twins(&group.steps, seen),
        None => !seen.insert(step.stage.clone()),
    })
}
