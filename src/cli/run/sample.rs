//! The first events of a run, for whoever asks why a pattern has found nothing.
//!
//! A rule that finds nothing is right, or it is wrong in one word: a value that no event has, a number beyond all others. So
//! of the first events it is counted how many meet what each step asks of an event alone, before keys, order and time. What
//! that costs is bounded, and nothing is kept but counts, and a few values of the fields whose conditions nothing met.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::RunPlan;
use crate::cli::program::did_you_mean;
use crate::engine::Stats;
use crate::event::{Batch, Column, NULL_CODE, PatternId, SlotId, StepId, StreamId, Value};
use crate::lang::hir::{CompareOp, Conjunct, Expr, Pattern, Program, Step};
use crate::limits::{SAMPLE_EVENTS, SAMPLE_PATTERNS_MAX, SAMPLE_TEXTS_MAX};
use crate::matcher::Plan;
use crate::matcher::predicates::{PredicateId, Predicates};
use crate::shown::grouped;

/// Of how many patterns it is told at most why they found nothing.
const TOLD_MAX: usize = 5;

/// How wide the text of a condition may be where others stand below each other.
const TEXT_WIDTH_MAX: usize = 56;

/// What the first events of a run are like.
pub(super) struct Sample {
    predicates: Predicates,
    questions: Vec<Question>,
    patterns: Vec<Asked>,
    events: u64,
}

/// Something that is asked of every event of a stream.
struct Question {
    stream: StreamId,
    predicate: PredicateId,
    /// How many events meet it.
    count: u64,
    /// What the field is like that it compares with a constant, as long as no event meets it.
    compared: Option<(usize, Values)>,
}

/// What a pattern asks, as indexes of questions, one for each stream that is read from an input.
struct Asked {
    id: PatternId,
    /// Of each step.
    steps: Vec<AskedStep>,
}

#[derive(Default)]
struct AskedStep {
    /// All that it asks of an event alone.
    all: Vec<usize>,
    /// Each part of it, by its number among the step's conditions.
    parts: Vec<(usize, Vec<usize>)>,
}

/// What a field is like.
#[derive(Default)]
struct Values {
    texts: BTreeSet<Arc<str>>,
    /// The least and the greatest number, with what orders them.
    range: Option<[(f64, Value); 2]>,
}

impl Sample {
    /// Of the patterns of a plan, nothing yet; of very many patterns none is taken.
    pub(super) fn new(program: &Program, plan: &RunPlan) -> Sample {
        let predicates = Predicates::new(program.streams.len());
        let mut sample = Sample { predicates, questions: Vec::new(), patterns: Vec::new(), events: 0 };
        if plan.patterns.len() > SAMPLE_PATTERNS_MAX {
            return sample;
        }
        // Where one cannot be planned nothing runs, and the engine has said so.
        let plans = Plan::all(program).unwrap_or_default();
        let inputs: BTreeSet<StreamId> = plan.partitions.iter().map(|(stream, _)| *stream).collect();
        for id in &plan.patterns {
            let Some(plan) = plans.get(id.index()) else { continue };
            let steps = (0..plan.pattern.steps.len()).map(|step| sample.ask(plan, step, &inputs)).collect();
            sample.patterns.push(Asked { id: *id, steps });
        }
        sample
    }

    /// Asks what a step asks of an event alone.
    fn ask(&mut self, plan: &Arc<Plan>, step: usize, inputs: &BTreeSet<StreamId>) -> AskedStep {
        let pattern = &plan.pattern;
        let mut asked = AskedStep::default();
        let of = &pattern.steps[step];
        let local = || of.conditions.iter().enumerate().filter(|(_, part)| part.local);
        for source in of.sources.iter().copied() {
            let from = &pattern.sources[source];
            if !inputs.contains(&from.stream) {
                continue;
            }
            let mut add = |conditions: &mut dyn Iterator<Item = &Expr>, compared: Option<usize>| {
                let predicate = self.predicates.add_all(plan, source, conditions);
                let compared = compared.map(|field| (field, Values::default()));
                self.questions.push(Question { stream: from.stream, predicate, count: 0, compared });
                self.questions.len() - 1
            };
            asked.all.push(add(&mut from.filter.iter().chain(local().map(|(_, part)| &part.expr)), None));
            for (at, part) in local() {
                let compared = compared(part).and_then(|(slot, _)| from.fields[slot.index()]);
                let question = add(&mut std::iter::once(&part.expr), compared);
                match asked.parts.iter_mut().find(|(known, _)| *known == at) {
                    Some((_, questions)) => questions.push(question),
                    None => asked.parts.push((at, vec![question])),
                }
            }
        }
        asked
    }

    /// Whether it takes more events.
    pub(super) fn wants_more(&self) -> bool {
        self.events < SAMPLE_EVENTS && !self.questions.is_empty()
    }

    /// Takes some events.
    pub(super) fn take(&mut self, batch: &Batch) {
        let batch = Arc::new(batch.clone());
        self.events += batch.len() as u64;
        let answers = self.predicates.answers(&batch);
        for question in self.questions.iter_mut().filter(|question| question.stream == batch.stream()) {
            question.count += answers.of(question.predicate).count(0..batch.len()) as u64;
            if let (0, Some((field, values))) = (question.count, &mut question.compared) {
                values.take(&batch, *field);
            }
        }
    }

    /// Why the patterns that have found nothing may have done so, a paragraph for each.
    pub(super) fn told(&self, program: &Program, stats: &Stats, events: u64) -> Vec<String> {
        let is_silent = |asked: &&Asked| {
            let stats = stats.patterns[asked.id.index()];
            let pattern = program.pattern(asked.id);
            // Of the records of other patterns nothing was counted.
            let is_asked = asked.steps.iter().any(|step| !step.all.is_empty());
            is_asked && stats.matches + stats.timeouts + stats.suppressed == 0 && !pattern.drains
        };
        let silent: Vec<&Asked> = self.patterns.iter().filter(is_silent).collect();
        if self.events == 0 {
            return Vec::new();
        }
        // Of many rules most find nothing on most days: then only what looks like a mistake is told.
        let lacks_a_step = |asked: &Asked| {
            let steps = program.pattern(asked.id).steps.iter().zip(&asked.steps);
            { steps }.any(|(step, asked)| !step.absent && self.is_never_met(asked))
        };
        let told = silent.iter().filter(|asked| silent.len() <= 2 || lacks_a_step(asked));
        let others = self.patterns.iter().filter(|asked| !is_silent(asked));
        let idle = others.flat_map(|asked| self.idle_absences(program.pattern(asked.id), asked));
        told.map(|asked| self.paragraph(program.pattern(asked.id), asked, events))
            .chain(idle)
            .take(TOLD_MAX)
            .collect()
    }

    /// Absences that can forbid nothing, as they ask for a text that is not among the values of its field.
    fn idle_absences(&self, pattern: &Pattern, asked: &Asked) -> Vec<String> {
        let absent = pattern.steps.iter().zip(&asked.steps).filter(|(step, _)| step.absent);
        let line = |(step, asked): (&Step, &AskedStep)| {
            let never = asked.parts.iter().filter(|(_, questions)| self.count(questions) == 0);
            let text = |(at, _): &&(usize, Vec<usize>)| {
                matches!(compared(&step.conditions[*at]), Some((_, Value::String(_))))
            };
            let (at, questions) = { never }.find(text)?;
            let what = self.no_event_with(pattern, &step.conditions[*at], questions);
            Some(format!("`not {}` of `{}` forbids nothing: {what}", step.name, pattern.name))
        };
        absent.filter_map(line).collect()
    }

    fn is_never_met(&self, step: &AskedStep) -> bool {
        !step.all.is_empty() && self.count(&step.all) == 0
    }

    fn count(&self, questions: &[usize]) -> u64 {
        questions.iter().map(|question| self.questions[*question].count).sum()
    }

    fn paragraph(&self, pattern: &Pattern, asked: &Asked, events: u64) -> String {
        let first = if self.events < events { "the first " } else { "" };
        let mut text = format!(
            "`{}` has found nothing. Events that fit each step by themselves, of {first}{}:\n",
            pattern.name,
            grouped(self.events)
        );
        let steps = || pattern.steps.iter().zip(&asked.steps).filter(|(_, asked)| !asked.all.is_empty());
        let label = |step: &Step| format!("{}{}", if step.absent { "not " } else { "" }, step.name);
        let width = steps().map(|(step, _)| label(step).chars().count()).max().unwrap_or(0);
        let counts = steps().map(|(_, asked)| grouped(self.count(&asked.all)));
        let count_width = counts.map(|count| count.len()).max().unwrap_or(0);
        for (step, asked) in steps() {
            let count = grouped(self.count(&asked.all));
            text.push_str(&format!("  {:<width$}  {count:>count_width$}  {}\n", label(step), alone(step)));
            if self.is_never_met(asked) {
                for line in self.never_met(pattern, &step.conditions, asked) {
                    text.push_str(&format!("{:indent$}{line}\n", "", indent = width + count_width + 6));
                }
            }
        }
        if !steps().any(|(step, asked)| !step.absent && self.is_never_met(asked)) {
            text.push_str(&missing(pattern));
        }
        text.trim_end().to_owned()
    }

    /// What it is that no event has.
    fn never_met(&self, pattern: &Pattern, conditions: &[Conjunct], asked: &AskedStep) -> Vec<String> {
        let alone = asked.parts.iter().filter(|(_, questions)| self.count(questions) == 0);
        let line =
            |(at, questions): &(usize, Vec<usize>)| self.no_event_with(pattern, &conditions[*at], questions);
        let lines: Vec<String> = alone.map(line).collect();
        match lines.is_empty() {
            true => vec!["each part of it is met, but by no event all together".to_owned()],
            false => lines,
        }
    }

    /// That no event meets a part of a condition, and what there is instead.
    fn no_event_with(&self, pattern: &Pattern, part: &Conjunct, questions: &[usize]) -> String {
        let values = questions.iter().filter_map(|question| self.questions[*question].compared.as_ref());
        match values.filter_map(|(_, values)| values.shown(pattern, part)).next() {
            Some(like) => format!("no event with {}: {like}", part.text),
            None => format!("no event with {}", part.text),
        }
    }
}

impl Values {
    fn take(&mut self, batch: &Batch, field: usize) {
        let Some(column) = batch.column(field) else { return };
        match column {
            Column::String(codes, dictionary) => {
                for code in codes.iter().filter(|code| **code != NULL_CODE) {
                    if self.texts.len() < SAMPLE_TEXTS_MAX {
                        self.texts.insert(Arc::clone(dictionary.text(*code)));
                    }
                }
            }
            Column::Int(values, nulls)
            | Column::Decimal(values, nulls, _)
            | Column::Timestamp(values, nulls)
            | Column::Duration(values, nulls) => {
                let rows = (0..values.len()).filter(|row| !nulls.contains(*row));
                self.widen(rows.map(|row| (values[row] as f64, row)), batch, field);
            }
            Column::Float(values, nulls) => {
                let rows = (0..values.len()).filter(|row| !nulls.contains(*row) && !values[*row].is_nan());
                self.widen(rows.map(|row| (values[row], row)), batch, field);
            }
            Column::Bool(_) => {}
        }
    }

    fn widen(&mut self, rows: impl Iterator<Item = (f64, usize)> + Clone, batch: &Batch, field: usize) {
        let least = rows.clone().min_by(|left, right| left.0.total_cmp(&right.0));
        let greatest = rows.max_by(|left, right| left.0.total_cmp(&right.0));
        let (Some(least), Some(greatest)) = (least, greatest) else { return };
        let value = |(order, row): (f64, usize)| (order, batch.value(row, field));
        let [low, high] = self.range.get_or_insert_with(|| [value(least), value(greatest)]);
        if least.0 < low.0 {
            *low = value(least);
        }
        if greatest.0 > high.0 {
            *high = value(greatest);
        }
    }

    /// What there is instead of what a condition wants.
    fn shown(&self, pattern: &Pattern, part: &Conjunct) -> Option<String> {
        let (slot, wanted) = compared(part)?;
        let name = &pattern.slots[slot.index()].name;
        if let Some([(_, low), (_, high)]) = &self.range {
            return Some(format!("{name} is from {low} to {high}"));
        }
        let texts = || self.texts.iter().map(|text| &**text);
        match (wanted, self.texts.len()) {
            (_, 0) => Some(format!("{name} is always null")),
            (Value::String(wanted), count) if count < SAMPLE_TEXTS_MAX => {
                Some(did_you_mean(wanted, texts(), &format!("values of {name}")))
            }
            _ => None,
        }
    }
}

/// The field that a condition compares with a constant, and one that it wants.
fn compared(part: &Conjunct) -> Option<(SlotId, &Value)> {
    compared_by(&part.expr)
}

fn compared_by(expr: &Expr) -> Option<(SlotId, &Value)> {
    match expr {
        Expr::Compare(op, left, right) => match (&**left, &**right) {
            // Of texts only those are told that could be equal, and what truth values there are is no news.
            (_, Expr::Const(Value::String(_))) if *op != CompareOp::Equal => None,
            (_, Expr::Const(Value::Bool(_))) => None,
            (Expr::Field(slot), Expr::Const(value)) | (Expr::Const(value), Expr::Field(slot)) => {
                Some((*slot, value))
            }
            _ => None,
        },
        Expr::In(item, list) => match (&**item, list.as_slice()) {
            (Expr::Field(slot), [Expr::Const(value), ..]) => Some((*slot, value)),
            _ => None,
        },
        Expr::Or(parts) => {
            let mut of_parts = parts.iter().map(compared_by);
            let (slot, value) = of_parts.next()??;
            of_parts.all(|part| part.is_some_and(|(of, _)| of == slot)).then_some((slot, value))
        }
        Expr::Between(low, item, _) => match (&**low, &**item) {
            (Expr::Const(value), Expr::Field(slot)) => Some((*slot, value)),
            _ => None,
        },
        _ => None,
    }
}

/// What a step asks of an event alone.
fn alone(step: &Step) -> String {
    let parts: Vec<&str> =
        step.conditions.iter().filter(|part| part.local).map(|part| part.text.as_str()).collect();
    match parts.as_slice() {
        [] => "any event".to_owned(),
        // As it is written.
        _ if parts.len() == step.conditions.len() => shortened(&step.text),
        parts => shortened(&parts.join(" and ")),
    }
}

/// What is missing where every step has events: all that a match needs besides, a line each.
fn missing(pattern: &Pattern) -> String {
    let keys: Vec<&str> = pattern.keys.iter().map(|key| key.name.as_str()).collect();
    let mut lines = Vec::new();
    lines.extend((!keys.is_empty()).then(|| format!("of one {}", keys.join(", "))));
    lines.extend((pattern.steps.len() > 1).then(|| "in this order".to_owned()));
    for (at, step) in pattern.steps.iter().enumerate() {
        let least = pattern.repeat(StepId(at as u32)).map_or(1, |repeat| repeat.min);
        lines.extend((least > 1).then(|| format!("{least} of `{}`", step.name)));
        let others = step.conditions.iter().filter(|part| !part.local);
        lines.extend(others.map(|part| format!("`{}` with {}", step.name, part.text)));
        lines.extend(step.absent.then(|| format!("not `{}`", step.name)));
    }
    lines.extend(pattern.within.map(|within| format!("within {within}")));
    lines.extend(pattern.written.having.as_ref().map(|having| format!("having {}", having.text)));
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    if lines.is_empty() { lines } else { format!("  but never all of this:\n{lines}") }
}

/// A text that is not too wide.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_WIDTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
