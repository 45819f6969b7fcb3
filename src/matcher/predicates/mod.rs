//! Conditions of one event, column by column.
//!
//! What a step asks of the candidate alone does not depend on any run, so it is worked out for a whole batch at once,
//! as a bitmap. The conditions of all patterns are taken apart into atoms (`amount < 5.00`) that are joined by `and`
//! and `or`; equal parts exist once and are answered once per batch, however many patterns ask for them. Numbers are
//! compared by tight loops over their column; a test of one text field is made once for each text of the dictionary.
//! What is left — arithmetic, functions of several fields — is evaluated row by row.
//!
//! Nothing is answered before somebody asks: for all rows of a batch, or, where a pattern looks at a few events only, for
//! a single row. Which patterns an event can begin a match of is found for all of them together (`index`).
//!
//! Each part answers one question, "is it true?"; what is unknown is not. `not` is moved inwards while a condition is
//! taken apart, where it turns the question into "is it false?", which is another part.

mod answers;
mod bitmap;
mod index;
mod kernel;
mod lower;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;

pub use answers::{Answers, Part};
pub use bitmap::Bitmap;
pub use index::{BeginId, BeginRows};
pub(super) use kernel::whole;
use kernel::{Memo, NumberTest};
pub(super) use lower::{in_units, mirrored};

use super::{Faults, Fields, Nothing, Plan, Scope, is_true};
use crate::event::{Batch, SlotId, Value};
use crate::lang::hir::{CompareOp, Expr, Source, Step};

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
    Text(usize, Box<RowTest>, Box<Mutex<Memo>>),
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
    /// Arithmetic without a result, ever.
    faults: AtomicU64,
}

/// All parts for the events of one stream.
#[derive(Debug, Default)]
struct StreamPredicates {
    tests: Vec<Test>,
    by_text: FxHashMap<String, PredicateId>,
    index: index::Index,
}

/// The conditions of all patterns on single events.
#[derive(Debug)]
pub struct Predicates {
    streams: Vec<Arc<StreamPredicates>>,
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
    /// Whether it can matter to a key of which nothing is held.
    pub begins: BeginId,
}

impl Predicates {
    /// No conditions yet, on so many streams.
    pub fn new(streams: usize) -> Predicates {
        Predicates { streams: (0..streams).map(|_| Arc::default()).collect() }
    }

    /// Adds what a pattern asks of the events of one of its sources.
    ///
    /// # Panics
    ///
    /// If a batch is being answered.
    pub fn add(&mut self, plan: &Arc<Plan>, source: usize) -> SourcePredicates {
        let pattern = &plan.pattern;
        let of = &pattern.sources[source];
        let into = Arc::get_mut(&mut self.streams[of.stream.index()]).expect("nobody has asked yet");
        let mut lower = lower::Lower { into, plan, source };
        let filter = of.filter.as_ref().map(|filter| lower.condition(filter));
        let step = |step: &Step| {
            let takes = step.sources.contains(&source);
            takes.then(|| lower.all(step.conditions.iter().filter(|part| part.local).map(|part| &part.expr)))
        };
        let steps: Vec<Option<PredicateId>> = pattern.steps.iter().map(step).collect();
        let fits_a_step = lower.join(steps.iter().flatten().copied().collect(), false);
        let fits_a_step = lower.join(filter.into_iter().chain([fits_a_step]).collect(), true);
        let begins = plan.first_steps().filter_map(|step| steps[step.index()]).collect();
        let begins = lower.join(begins, false);
        let begins = lower.join(filter.into_iter().chain([begins]).collect(), true);
        let begins = into.add_begin(begins);
        SourcePredicates { filter, steps, fits_a_step, begins }
    }

    /// Adds conditions on the events of one of a pattern's sources, which read nothing else; all must be true.
    ///
    /// # Panics
    ///
    /// If a batch is being answered.
    pub fn add_all<'e>(
        &mut self,
        plan: &Arc<Plan>,
        source: usize,
        conditions: impl Iterator<Item = &'e Expr>,
    ) -> PredicateId {
        let of = &plan.pattern.sources[source];
        let into = Arc::get_mut(&mut self.streams[of.stream.index()]).expect("nobody has asked yet");
        lower::Lower { into, plan, source }.all(conditions)
    }

    /// Arithmetic without a result, ever: once for every row, or text, for which a condition was evaluated.
    pub fn faults(&self) -> u64 {
        let tests = self.streams.iter().flat_map(|stream| &stream.tests);
        let faults = tests.map(|test| match test {
            Test::Text(_, test, _) | Test::Row(test) => test.faults.load(Ordering::Relaxed),
            _ => 0,
        });
        faults.sum()
    }

    /// What can be asked of a batch.
    pub fn answers(&self, batch: &Arc<Batch>) -> Answers {
        Answers::new(&self.streams[batch.stream().index()], batch)
    }
}

impl RowTest {
    fn source(&self) -> &Source {
        &self.plan.pattern.sources[self.source]
    }

    fn holds(&self, candidate: &dyn Fields, keys: &[Value]) -> bool {
        let (pattern, faults) = (&self.plan.pattern, &Faults::default());
        let scope =
            Scope { pattern, candidate: Some(candidate), held: &Nothing, entering: &[], keys, faults };
        let holds = is_true(&self.expr, &scope);
        self.faults.fetch_add(faults.count(), Ordering::Relaxed);
        holds
    }

    fn holds_of_text(&self, text: Option<&Arc<str>>) -> bool {
        let value = text.map_or(Value::Null, |text| Value::String(Arc::clone(text)));
        self.holds(&SameText(value), &[])
    }
}

/// An event of which only one field is asked for.
struct SameText(Value);

impl Fields for SameText {
    fn slot(&self, _: SlotId) -> Value {
        self.0.clone()
    }
}
