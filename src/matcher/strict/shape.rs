//! What a strict pattern asks, in the form in which it is asked of every event.

use std::sync::Arc;

use crate::event::{SlotId, StepId};
use crate::lang::hir::{CompareOp, Expr, Skip, Word};
use crate::matcher::capture::{ColumnView, Layout};
use crate::matcher::chunk::{Lens, Row};
use crate::matcher::linear::{self, Comparison, Linear, refused};
use crate::matcher::predicates::Part;
use crate::matcher::{Plan, Refused};
use crate::time::Duration;

/// The most links: a run that holds *p* events is bit *p* of a word, and one bit more says that it is complete.
const LINKS_MAX: usize = 63;

/// A strict pattern.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) linear: Linear,
    pub(super) within: Duration,
    /// The distinct steps, each with the links that take its events.
    pub(super) steps: Vec<(StepId, u64)>,
    /// Comparisons of the candidate with an event that is held.
    pub(super) tests: Vec<Test>,
    /// For each link its other conditions on what is held.
    pub(super) conditions: Vec<Vec<usize>>,
    /// The links that have any.
    pub(super) general: u64,
    /// Whether there are tests or other conditions.
    pub(super) is_conditional: bool,
    /// The runs that a match leaves.
    pub(super) kept: u64,
    /// The runs that may take an event: not the empty one where no run is to begin any more.
    pub(super) may_take: u64,
}

/// A comparison of a field of the candidate with one of an event held.
#[derive(Debug, PartialEq)]
pub(super) struct Test {
    /// The links that ask for it.
    pub(super) links: u64,
    pub(super) op: CompareOp,
    pub(super) candidate: SlotId,
    pub(super) held: SlotId,
    /// Where that is captured.
    pub(super) captured: usize,
    /// How many events ago the other one came.
    pub(super) back: usize,
    pub(super) is_text: bool,
}

impl Shape {
    /// The shape of a pattern, and what is captured of its events.
    ///
    /// # Errors
    ///
    /// Why it is not strict.
    pub(super) fn of(plan: &Arc<Plan>) -> Result<(Shape, Arc<Layout>), Refused> {
        let linear = Linear::of(plan)?;
        linear::check_clauses(plan)?;
        if !plan.pattern.timeout_emits.is_empty() {
            return refused("it tells timeouts");
        }
        if linear.wait.is_some() || linear.links.iter().any(|link| !link.absences.is_empty()) {
            return refused("it has an absence");
        }
        if linear.links.len() > LINKS_MAX {
            return refused("it has more than 63 positions");
        }
        if linear.links.iter().skip(1).any(|link| link.word != Word::Next) {
            return refused("not every event is the `next` after the one before it");
        }
        let within = match plan.pattern.within {
            Some(within) => within,
            // A match of one event holds nothing.
            None if linear.links.len() == 1 => Duration::from_micros(0),
            None => return refused("it has no `within`, so what it holds is not bounded"),
        };
        let Some(layout) = Layout::of(&plan.pattern) else {
            return refused("it reads more than 28 fields of events that are held");
        };
        let mut shape = Shape {
            steps: linear.steps(),
            tests: Vec::new(),
            conditions: vec![Vec::new(); linear.links.len()],
            general: 0,
            is_conditional: false,
            kept: kept(&linear, plan.pattern.skip),
            may_take: if plan.pattern.drains { !1 } else { !0 },
            within,
            linear,
        };
        for link in 0..shape.len() {
            shape.add_conditions(plan, &layout, link);
        }
        shape.is_conditional = shape.general != 0 || !shape.tests.is_empty();
        Ok((shape, Arc::new(layout)))
    }

    /// How many events a match has.
    pub(super) fn len(&self) -> usize {
        self.linear.links.len()
    }

    /// What the steps ask of the events of a row's batch, each with the links that take its events.
    pub(super) fn asked<'a>(&self, lens: &Lens, row: &Row<'a>) -> Vec<(Part<'a>, u64)> {
        let asked = |(step, links): &(StepId, u64)| {
            let part = lens.predicates[row.source].steps[step.index()]?;
            Some((row.answers.part(part), *links))
        };
        self.steps.iter().filter_map(asked).collect()
    }

    /// For each test the candidate's column in a row's batch.
    pub(super) fn test_columns<'a>(&self, plan: &Plan, row: &Row<'a>) -> Vec<ColumnView<'a>> {
        let fields = &plan.pattern.sources[row.source].fields;
        let column = |test: &Test| fields[test.candidate.index()].and_then(|field| row.batch.column(field));
        self.tests.iter().map(|test| ColumnView::new(column(test))).collect()
    }

    fn add_conditions(&mut self, plan: &Plan, layout: &Layout, link: usize) {
        let step = plan.pattern.step(self.linear.links[link].step);
        for part in self.linear.links[link].held_conditions.clone() {
            let Some(test) = self.test(plan, layout, link, &step.conditions[part].expr) else {
                self.conditions[link].push(part);
                self.general |= 1 << link;
                continue;
            };
            let same = self.tests.iter_mut().find(|known| Test { links: test.links, ..**known } == test);
            match same {
                Some(known) => known.links |= test.links,
                None => self.tests.push(test),
            }
        }
    }

    /// A condition as a comparison of two words, if it is one.
    fn test(&self, plan: &Plan, layout: &Layout, link: usize, expr: &Expr) -> Option<Test> {
        let Comparison { op, candidate, step, pick, held } = Comparison::of(expr)?;
        let is_text = linear::words_are_texts(plan, candidate, held)?;
        if is_text && !matches!(op, CompareOp::Equal | CompareOp::NotEqual) {
            return None;
        }
        let back = link - self.linear.picked(plan, link, step, pick)?;
        let captured = layout.word(held)?;
        Some(Test { links: 1 << link, op, candidate, held, captured, back, is_text })
    }
}

/// The runs that live on after a match: those that began at or after the place where matching goes on.
fn kept(linear: &Linear, skip: Skip) -> u64 {
    let from = match skip {
        Skip::None | Skip::ToNext => None,
        Skip::PastLast => return 0,
        Skip::ToFirst(step) => linear.links.iter().position(|link| link.step == step),
        Skip::ToLast(step) => linear.links.iter().rposition(|link| link.step == step),
    };
    // The run that began with the event of link `at` holds as many events as there are links from it on.
    from.map_or(u64::MAX, |at| u64::MAX >> (63 - (linear.links.len() - at)))
}
