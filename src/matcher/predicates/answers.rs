//! The answers for one batch, found when they are asked for.

use std::sync::{Arc, OnceLock, PoisonError};

use super::index::{BeginId, BeginRows, Begins};
use super::{Bitmap, PredicateId, StreamPredicates, Test, kernel};
use crate::event::{Batch, Value};
use crate::matcher::chunk::RowFields;

/// The answers for one batch. Several shards may ask at the same time.
#[derive(Debug)]
pub struct Answers {
    of: Arc<StreamPredicates>,
    batch: Arc<Batch>,
    bitmaps: Box<[OnceLock<Bitmap>]>,
    begins: OnceLock<Begins>,
}

/// A part of a condition on the events of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// It asks nothing.
    Always,
    /// It was answered for all rows.
    Answered(&'a Bitmap),
    /// It is answered row by row.
    Open(&'a Answers, PredicateId),
}

impl Part<'_> {
    /// Whether it is true for a row.
    #[inline]
    pub fn holds(self, row: usize) -> bool {
        match self {
            Part::Always => true,
            Part::Answered(bitmap) => bitmap.contains(row),
            Part::Open(answers, id) => answers.holds(id, row),
        }
    }
}

impl Answers {
    pub(super) fn new(of: &Arc<StreamPredicates>, batch: &Arc<Batch>) -> Answers {
        Answers {
            bitmaps: of.tests.iter().map(|_| OnceLock::new()).collect(),
            of: Arc::clone(of),
            batch: Arc::clone(batch),
            begins: OnceLock::new(),
        }
    }

    /// For which rows a part is true.
    pub fn of(&self, id: PredicateId) -> &Bitmap {
        self.bitmaps[id.index()].get_or_init(|| self.answer(id))
    }

    /// Whether a part is true for one row: as cheap as can be where it is known for all, else worked out for this one.
    #[inline]
    pub fn holds(&self, id: PredicateId, row: usize) -> bool {
        match self.bitmaps[id.index()].get() {
            Some(bitmap) => bitmap.contains(row),
            None => self.test(id, row),
        }
    }

    /// A part, for who asks it of many rows.
    pub fn part(&self, id: PredicateId) -> Part<'_> {
        match (&self.of.tests[id.index()], self.bitmaps[id.index()].get()) {
            (Test::Always, _) => Part::Always,
            (_, Some(bitmap)) => Part::Answered(bitmap),
            (_, None) => Part::Open(self, id),
        }
    }

    /// The rows with which a match of a pattern can begin.
    pub fn begins(&self, id: BeginId) -> BeginRows<'_> {
        match self.of.index.by_bitmap(id) {
            Some(predicate) => BeginRows::Bits(self.of(predicate)),
            None => BeginRows::List(self.begins.get_or_init(|| self.of.index.begins(self)).of(id)),
        }
    }

    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }

    fn answer(&self, id: PredicateId) -> Bitmap {
        let (batch, rows) = (&*self.batch, self.batch.len());
        match &self.of.tests[id.index()] {
            Test::Always => Bitmap::full(rows),
            Test::Never => Bitmap::empty(rows),
            Test::Number(field, test) => kernel::number(batch, *field, test),
            Test::TwoNumbers(left, op, right) => kernel::two_numbers(batch, *left, *op, *right),
            Test::Bool(field, wanted) => kernel::bool_is(batch, *field, *wanted),
            Test::IsNull(field) => kernel::is_null(batch, *field, true),
            Test::IsNotNull(field) => kernel::is_null(batch, *field, false),
            Test::Text(field, test, memo) => {
                let mut memo = memo.lock().unwrap_or_else(PoisonError::into_inner);
                kernel::text(batch, *field, &mut memo, &mut |text| test.holds_of_text(text))
            }
            Test::All(parts) => {
                let (first, others) = parts.split_first().expect("of no parts it is `Always`");
                let mut all = self.of(*first).clone();
                others.iter().for_each(|part| all.intersect(self.of(*part)));
                all
            }
            Test::Any(parts) => {
                let (first, others) = parts.split_first().expect("of no parts it is `Never`");
                let mut any = self.of(*first).clone();
                others.iter().for_each(|part| any.unite(self.of(*part)));
                any
            }
            Test::Row(_) => Bitmap::of(rows, |row| self.test(id, row)),
        }
    }

    fn test(&self, id: PredicateId, row: usize) -> bool {
        let batch = &*self.batch;
        match &self.of.tests[id.index()] {
            Test::Always => true,
            Test::Never => false,
            Test::Number(field, test) => kernel::number_at(batch, *field, test, row),
            Test::All(parts) => parts.iter().all(|part| self.holds(*part, row)),
            Test::Any(parts) => parts.iter().any(|part| self.holds(*part, row)),
            Test::Text(field, test, memo) => {
                let mut memo = memo.lock().unwrap_or_else(PoisonError::into_inner);
                kernel::text_at(batch, *field, row, &mut memo, &mut |text| test.holds_of_text(text))
            }
            Test::Row(test) => {
                let source = test.source();
                let keys: Vec<Value> = source.keys.iter().map(|field| batch.value(row, *field)).collect();
                test.holds(&RowFields { batch, row, source }, &keys)
            }
            // Answered for all rows these cost less than to ask for a few of them.
            Test::TwoNumbers(..) | Test::Bool(..) | Test::IsNull(_) | Test::IsNotNull(_) => {
                self.of(id).contains(row)
            }
        }
    }
}
