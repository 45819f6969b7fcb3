//! Tests of one column, 64 rows at a time.

use std::sync::Arc;

use super::Bitmap;
use crate::event::{Batch, Column, Dictionary, NULL_CODE, Nulls};
use crate::lang::hir::CompareOp;

/// What a number is compared with, in the unit of its column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum NumberTest {
    /// A column kept as whole numbers: `int`, `decimal`, `timestamp`, `duration`.
    Whole(CompareOp, i64),
    /// A column of floats.
    Float(CompareOp, f64),
}

/// Sets a bit for each value that passes.
fn words<T: Copy>(values: &[T], nulls: &Nulls, test: impl Fn(T) -> bool) -> Bitmap {
    let word = |(index, values): (usize, &[T])| {
        let bits =
            values.iter().enumerate().fold(0, |word, (bit, value)| word | u64::from(test(*value)) << bit);
        bits & !nulls.word(index)
    };
    Bitmap::from_words(values.chunks(64).enumerate().map(word).collect())
}

/// The same with the comparison chosen outside of the loop.
fn compare<T: Copy + PartialOrd>(values: &[T], nulls: &Nulls, op: CompareOp, with: T) -> Bitmap {
    match op {
        CompareOp::Equal => words(values, nulls, |value| value == with),
        CompareOp::NotEqual => words(values, nulls, |value| value != with),
        CompareOp::Less => words(values, nulls, |value| value < with),
        CompareOp::LessEqual => words(values, nulls, |value| value <= with),
        CompareOp::Greater => words(values, nulls, |value| value > with),
        CompareOp::GreaterEqual => words(values, nulls, |value| value >= with),
    }
}

/// A column that is kept as whole numbers.
pub(in crate::matcher) fn whole(column: &Column) -> Option<(&[i64], &Nulls)> {
    match column {
        Column::Int(values, nulls)
        | Column::Decimal(values, nulls, _)
        | Column::Timestamp(values, nulls)
        | Column::Duration(values, nulls) => Some((values, nulls)),
        Column::Bool(_) | Column::Float(..) | Column::String(..) => None,
    }
}

pub(super) fn number(batch: &Batch, field: usize, test: &NumberTest) -> Bitmap {
    let answer = batch.column(field).and_then(|column| match (test, column) {
        (NumberTest::Float(op, with), Column::Float(values, nulls)) => {
            Some(compare(values, nulls, *op, *with))
        }
        (NumberTest::Whole(op, with), column) => {
            whole(column).map(|(values, nulls)| compare(values, nulls, *op, *with))
        }
        _ => None,
    });
    answer.unwrap_or_else(|| Bitmap::empty(batch.len()))
}

/// The same for one row.
pub(super) fn number_at(batch: &Batch, field: usize, test: &NumberTest, row: usize) -> bool {
    let Some(column) = batch.column(field) else { return false };
    match (test, column) {
        (NumberTest::Float(op, with), Column::Float(values, nulls)) => {
            !nulls.contains(row) && meets(*op, values[row], *with)
        }
        (NumberTest::Whole(op, with), column) => whole(column)
            .is_some_and(|(values, nulls)| !nulls.contains(row) && meets(*op, values[row], *with)),
        _ => false,
    }
}

fn meets<T: PartialOrd>(op: CompareOp, left: T, right: T) -> bool {
    match op {
        CompareOp::Equal => left == right,
        CompareOp::NotEqual => left != right,
        CompareOp::Less => left < right,
        CompareOp::LessEqual => left <= right,
        CompareOp::Greater => left > right,
        CompareOp::GreaterEqual => left >= right,
    }
}

pub(super) fn two_numbers(batch: &Batch, left: usize, op: CompareOp, right: usize) -> Bitmap {
    let columns = || Some((whole(batch.column(left)?)?, whole(batch.column(right)?)?));
    let Some(((left, left_nulls), (right, right_nulls))) = columns() else {
        return Bitmap::empty(batch.len());
    };
    let mut answer = Bitmap::of(batch.len(), |row| op.meets(left[row].cmp(&right[row])));
    let nulls = |nulls: &Nulls| Bitmap::of(batch.len(), |row| !nulls.contains(row));
    for column in [left_nulls, right_nulls] {
        if !column.is_empty() {
            answer.intersect(&nulls(column));
        }
    }
    answer
}

pub(super) fn bool_is(batch: &Batch, field: usize, wanted: bool) -> Bitmap {
    match batch.column(field) {
        Some(Column::Bool(values)) => Bitmap::of(batch.len(), |row| values[row] == Some(wanted)),
        _ => Bitmap::empty(batch.len()),
    }
}

pub(super) fn is_null(batch: &Batch, field: usize, wanted: bool) -> Bitmap {
    let Some(column) = batch.column(field) else {
        return if wanted { Bitmap::full(batch.len()) } else { Bitmap::empty(batch.len()) };
    };
    match column {
        Column::Bool(values) => Bitmap::of(batch.len(), |row| values[row].is_none() == wanted),
        Column::String(codes, _) => Bitmap::of(batch.len(), |row| (codes[row] == NULL_CODE) == wanted),
        Column::Float(_, nulls) => Bitmap::of(batch.len(), |row| nulls.contains(row) == wanted),
        column => {
            let nulls = whole(column).map(|(_, nulls)| nulls);
            Bitmap::of(batch.len(), |row| nulls.is_some_and(|nulls| nulls.contains(row)) == wanted)
        }
    }
}

/// What a test said of the texts of one dictionary: by code, 0 where it was not asked yet, then 1 for no and 2 for yes.
#[derive(Debug, Default)]
pub(super) struct Memo {
    dictionary: Option<u32>,
    answers: Vec<u8>,
    of_null: Option<bool>,
}

/// Asks something of a text, or of null.
pub(super) type TextTest<'a> = &'a mut dyn FnMut(Option<&Arc<str>>) -> bool;

impl Memo {
    fn of_null(&mut self, test: TextTest<'_>) -> bool {
        *self.of_null.get_or_insert_with(|| test(None))
    }

    /// Forgets the texts of every other dictionary.
    fn turn_to(&mut self, dictionary: &Dictionary) {
        if self.dictionary != Some(dictionary.id()) {
            self.dictionary = Some(dictionary.id());
            self.answers.clear();
        }
    }

    fn of(&mut self, dictionary: &Dictionary, code: u32, test: TextTest<'_>) -> bool {
        if code == NULL_CODE {
            return self.of_null(test);
        }
        if self.answers.len() <= code as usize {
            self.answers.resize(code as usize + 1, 0);
        }
        let answer = &mut self.answers[code as usize];
        if *answer == 0 {
            *answer = 1 + u8::from(test(Some(dictionary.text(code))));
        }
        *answer == 2
    }
}

pub(super) fn text(batch: &Batch, field: usize, memo: &mut Memo, test: TextTest<'_>) -> Bitmap {
    let Some(Column::String(codes, dictionary)) = batch.column(field) else {
        return if memo.of_null(test) { Bitmap::full(batch.len()) } else { Bitmap::empty(batch.len()) };
    };
    memo.turn_to(dictionary);
    Bitmap::of(codes.len(), |row| memo.of(dictionary, codes[row], test))
}

/// The same for one row.
pub(super) fn text_at(batch: &Batch, field: usize, row: usize, memo: &mut Memo, test: TextTest<'_>) -> bool {
    let Some(Column::String(codes, dictionary)) = batch.column(field) else { return memo.of_null(test) };
    memo.turn_to(dictionary);
    memo.of(dictionary, codes[row], test)
}
