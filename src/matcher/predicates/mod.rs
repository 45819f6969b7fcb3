//! Conditions of one event, column by column.
//!
//! What a step asks of the candidate alone does not depend on any run, so it is worked out for a whole batch at once,
//! as a bitmap. The conditions of all patterns are taken apart into atoms (`amount < 5.00`) that are joined by `and`
//! and `or`; equal parts exist once and are evaluated once per batch, however many patterns ask for them. Numbers are
//! compared by tight loops over their column; a test of one text field is made once for each text of the dictionary.
//! What is left — arithmetic, functions of several fields — is evaluated row by row.
//!
//! Each part answers one question, "is it true?"; what is unknown is not. `not` is moved inwards while a condition is
//! taken apart, where it turns the question into "is it false?", which is another part.

mod bitmap;
mod kernel;
mod lower;

use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use bitmap::Bitmap;
pub(super) use kernel::whole;
use kernel::{Memo, NumberTest};
pub(super) use lower::{in_units, mirrored};

use super::chunk::RowFields;
use super::{Faults, Fields, Nothing, Plan, Scope, is_true};
use crate::event::{Batch, SlotId, Value};
use crate::lang::hir::{CompareOp, Expr, Program, Source, Step};

/// A part of a condition on the events of one stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PredicateId(u32);

impl PredicateId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a part asks.
#[derive(Debug)]
enum Test {
    Always,
    Never,
    /// Of a number, timestamp or duration.
    Number(usize, NumberTest),
    /// Of two fields of one type that are kept as whole numbers.
    TwoNumbers(usize, CompareOp, usize),
    /// That a `bool` field is this.
    Bool(usize, bool),
    IsNull(usize),
    IsNotNull(usize),
    /// Of one text field, remembered for each text.
    Text(usize, Box<RowTest>),
    All(Vec<PredicateId>),
    Any(Vec<PredicateId>),
    /// Of anything, row by row.
    Row(Box<RowTest>),
}

/// A condition as it was written, with what it takes to evaluate it.
#[derive(Debug)]
struct RowTest {
    plan: Arc<Plan>,
    source: usize,
    expr: Expr,
}

/// All parts for the events of one stream.
#[derive(Debug, Default)]
struct StreamPredicates {
    tests: Vec<Test>,
    by_text: FxHashMap<String, PredicateId>,
    memos: FxHashMap<u32, Memo>,
}

/// The conditions of all patterns on single events.
#[derive(Debug)]
pub struct Predicates {
    streams: Vec<StreamPredicates>,
    faults: Faults,
}

/// What a pattern asks of the events of one of its sources.
#[derive(Clone, Debug)]
pub struct SourcePredicates {
    /// The source's `where`; `None` where it has none.
    pub filter: Option<PredicateId>,
    /// For each step what it asks of the candidate alone; `None` for a step that takes no event of this source.
    pub steps: Vec<Option<PredicateId>>,
    /// Whether the source lets it through and it fits a step.
    pub fits_a_step: PredicateId,
}

/// The answers for one batch.
#[derive(Debug, Default)]
pub struct Answers(Vec<Option<Bitmap>>);

impl Answers {
    /// For which rows a part is true.
    ///
    /// # Panics
    ///
    /// If the part was not asked for.
    pub fn of(&self, id: PredicateId) -> &Bitmap {
        self.0[id.index()].as_ref().expect("every part that is asked for was answered")
    }
}

impl Predicates {
    /// No conditions yet.
    pub fn new(program: &Program) -> Predicates {
        let streams = program.streams.iter().map(|_| StreamPredicates::default()).collect();
        Predicates { streams, faults: Faults::default() }
    }

    /// Adds what a pattern asks of the events of one of its sources.
    pub fn add(&mut self, plan: &Arc<Plan>, source: usize) -> SourcePredicates {
        let pattern = &plan.pattern;
        let of = &pattern.sources[source];
        let mut lower = lower::Lower { into: &mut self.streams[of.stream.index()], plan, source };
        let filter = of.filter.as_ref().map(|filter| lower.condition(filter));
        let step = |step: &Step| {
            let takes = step.sources.contains(&source);
            takes.then(|| lower.all(step.conditions.iter().filter(|part| part.local).map(|part| &part.expr)))
        };
        let steps: Vec<Option<PredicateId>> = pattern.steps.iter().map(step).collect();
        let fits_a_step = lower.join(steps.iter().flatten().copied().collect(), false);
        let fits_a_step = lower.join(filter.into_iter().chain([fits_a_step]).collect(), true);
        SourcePredicates { filter, steps, fits_a_step }
    }

    /// Answers all parts for a batch.
    pub fn answer(&mut self, batch: &Batch) -> Answers {
        self.streams[batch.stream().index()].answer(batch, &self.faults)
    }

    /// Arithmetic without a result, ever.
    pub fn faults(&self) -> u64 {
        self.faults.count()
    }
}

impl StreamPredicates {
    fn answer(&mut self, batch: &Batch, faults: &Faults) -> Answers {
        // Parts stand behind those that they are made of.
        let mut answers: Vec<Option<Bitmap>> = Vec::with_capacity(self.tests.len());
        for (index, test) in self.tests.iter().enumerate() {
            let memo = match test {
                Test::Text(..) => Some(self.memos.entry(index as u32).or_default()),
                _ => None,
            };
            let answer = answer(test, batch, &answers, memo, faults);
            answers.push(Some(answer));
        }
        Answers(answers)
    }
}

fn answer(
    test: &Test,
    batch: &Batch,
    answers: &[Option<Bitmap>],
    memo: Option<&mut Memo>,
    faults: &Faults,
) -> Bitmap {
    let of = |id: &PredicateId| answers[id.index()].as_ref().expect("a part stands behind its own parts");
    let rows = batch.len();
    match test {
        Test::Always => Bitmap::full(rows),
        Test::Never => Bitmap::empty(rows),
        Test::Number(field, test) => kernel::number(batch, *field, test),
        Test::TwoNumbers(left, op, right) => kernel::two_numbers(batch, *left, *op, *right),
        Test::Bool(field, wanted) => kernel::bool_is(batch, *field, *wanted),
        Test::IsNull(field) => kernel::is_null(batch, *field, true),
        Test::IsNotNull(field) => kernel::is_null(batch, *field, false),
        Test::Text(field, test) => {
            let memo = memo.expect("a test of text has a memory");
            kernel::text(batch, *field, memo, &mut |text| {
                let value = text.map_or(Value::Null, |text| Value::String(Arc::clone(text)));
                test.holds(&SameText(value), &[], faults)
            })
        }
        Test::All(parts) => {
            let mut parts = parts.iter().map(of);
            let mut all = parts.next().expect("of no parts it is `Always`").clone();
            parts.for_each(|part| all.intersect(part));
            all
        }
        Test::Any(parts) => {
            let mut parts = parts.iter().map(of);
            let mut any = parts.next().expect("of no parts it is `Never`").clone();
            parts.for_each(|part| any.unite(part));
            any
        }
        Test::Row(test) => Bitmap::of(rows, |row| {
            let source = test.source();
            let keys: Vec<Value> = source.keys.iter().map(|field| batch.value(row, *field)).collect();
            test.holds(&RowFields { batch, row, source }, &keys, faults)
        }),
    }
}

impl RowTest {
    fn source(&self) -> &Source {
        &self.plan.pattern.sources[self.source]
    }

    fn holds(&self, candidate: &dyn Fields, keys: &[Value], faults: &Faults) -> bool {
        let pattern = &self.plan.pattern;
        let scope =
            Scope { pattern, candidate: Some(candidate), held: &Nothing, entering: &[], keys, faults };
        is_true(&self.expr, &scope)
    }
}

/// An event of which only one field is asked for.
struct SameText(Value);

impl Fields for SameText {
    fn slot(&self, _: SlotId) -> Value {
        self.0.clone()
    }
}
