//! With which events a match of which pattern can begin, found for many patterns together.
//!
//! Of a thousand patterns most begin with an event that is rare: `kind == "pin_change"`. Asking each of them for every
//! batch costs a thousand passes. So patterns whose first event must have one of a few values in a field are entered in
//! a table by that value, and one pass over the field finds all rows with which any of them can begin; what else they
//! ask is asked of these rows only. (The *access predicate* of content-based publish-subscribe: Fabret et al., SIGMOD
//! 2001.) Patterns that begin otherwise, and those of a field that few patterns ask for, are asked by bitmap.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::kernel::{NumberTest, whole};
use super::{Answers, Bitmap, PredicateId, StreamPredicates, Test};
use crate::event::{Batch, Column, NULL_CODE, Value};
use crate::lang::hir::{CompareOp, Expr};

/// Fewer patterns than this that ask for values of one field are asked one by one.
const INDEXED_MIN: usize = 16;

/// A condition with which a match can begin. Patterns that begin alike share it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeginId(u32);

/// The rows with which a match can begin.
#[derive(Clone, Copy, Debug)]
pub enum BeginRows<'a> {
    /// In order.
    List(&'a [u32]),
    /// A bit each.
    Bits(&'a Bitmap),
}

/// The conditions with which matches can begin.
#[derive(Debug, Default)]
pub(super) struct Index {
    begins: Vec<Begin>,
    fields: Vec<FieldIndex>,
}

#[derive(Debug)]
struct Begin {
    predicate: PredicateId,
    /// The field in which it is entered, among [`Index::fields`].
    field: Option<usize>,
}

/// The conditions that ask for values of one field.
#[derive(Debug, Default)]
struct FieldIndex {
    field: usize,
    numbers: FxHashMap<i64, Vec<BeginId>>,
    texts: FxHashMap<Arc<str>, Vec<BeginId>>,
    /// How many conditions are entered here.
    count: usize,
    memo: Mutex<TextMemo>,
}

/// Which texts of one dictionary are entered: by code, once it was looked up.
#[derive(Debug, Default)]
struct TextMemo {
    dictionary: Option<u32>,
    is_entered: Vec<Option<bool>>,
}

/// The rows with which matches can begin, of the conditions that are entered in a table.
#[derive(Debug)]
pub(super) struct Begins {
    rows: Vec<u32>,
    /// Where the rows of each condition end.
    ends: Vec<u32>,
}

/// A value that a field must have.
#[derive(Clone, Debug)]
enum Wanted {
    Number(i64),
    Text(Arc<str>),
}

impl StreamPredicates {
    /// Enters a condition with which a match can begin.
    pub(super) fn add_begin(&mut self, predicate: PredicateId) -> BeginId {
        if let Some(known) = self.index.begins.iter().position(|begin| begin.predicate == predicate) {
            return BeginId(known as u32);
        }
        let id = BeginId(self.index.begins.len() as u32);
        let field = self.values_of(predicate).map(|(field, values)| self.index.enter(id, field, &values));
        self.index.begins.push(Begin { predicate, field });
        id
    }

    /// A field, and the only values of it with which a condition can be true.
    fn values_of(&self, predicate: PredicateId) -> Option<(usize, Vec<Wanted>)> {
        match &self.tests[predicate.index()] {
            Test::Number(field, NumberTest::Whole(CompareOp::Equal, value)) => {
                Some((*field, vec![Wanted::Number(*value)]))
            }
            Test::Text(field, test, _) => Some((*field, texts_of(&test.expr)?)),
            Test::All(parts) => parts.iter().find_map(|part| self.values_of(*part)),
            Test::Any(parts) => {
                let mut all: Option<(usize, Vec<Wanted>)> = None;
                for part in parts {
                    let (field, values) = self.values_of(*part)?;
                    match &mut all {
                        None => all = Some((field, values)),
                        Some((of, all)) if *of == field => all.extend(values),
                        Some(_) => return None,
                    }
                }
                all
            }
            _ => None,
        }
    }
}

/// The texts with which a condition on one text field can be true.
fn texts_of(expr: &Expr) -> Option<Vec<Wanted>> {
    let text = |expr: &Expr| match expr {
        Expr::Const(Value::String(text)) => Some(Wanted::Text(Arc::clone(text))),
        _ => None,
    };
    match expr {
        Expr::Compare(CompareOp::Equal, left, right) => match (&**left, &**right) {
            (Expr::Field(_), value) | (value, Expr::Field(_)) => Some(vec![text(value)?]),
            _ => None,
        },
        Expr::In(item, values) if matches!(**item, Expr::Field(_)) => values.iter().map(text).collect(),
        _ => None,
    }
}

impl Index {
    fn enter(&mut self, id: BeginId, field: usize, values: &[Wanted]) -> usize {
        let at = self.fields.iter().position(|known| known.field == field).unwrap_or_else(|| {
            self.fields.push(FieldIndex { field, ..FieldIndex::default() });
            self.fields.len() - 1
        });
        let entry = &mut self.fields[at];
        entry.count += 1;
        for value in values {
            let ids = match value {
                Wanted::Number(value) => entry.numbers.entry(*value).or_default(),
                Wanted::Text(text) => entry.texts.entry(Arc::clone(text)).or_default(),
            };
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        at
    }

    /// The condition, if it is asked by bitmap.
    pub(super) fn by_bitmap(&self, id: BeginId) -> Option<PredicateId> {
        let begin = &self.begins[id.0 as usize];
        let is_indexed = begin.field.is_some_and(|field| self.fields[field].count >= INDEXED_MIN);
        (!is_indexed).then_some(begin.predicate)
    }

    /// Looks for the rows of a batch with which matches can begin.
    pub(super) fn begins(&self, answers: &Answers) -> Begins {
        let mut found: Vec<(BeginId, u32)> = Vec::new();
        for field in self.fields.iter().filter(|field| field.count >= INDEXED_MIN) {
            field.each_candidate(answers.batch(), &mut |id, row| {
                if answers.holds(self.begins[id.0 as usize].predicate, row as usize) {
                    found.push((id, row));
                }
            });
        }
        Begins::new(self.begins.len(), &found)
    }
}

impl FieldIndex {
    fn each_candidate(&self, batch: &Batch, visit: &mut dyn FnMut(BeginId, u32)) {
        let Some(column) = batch.column(self.field) else { return };
        if let Column::String(codes, dictionary) = column {
            let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
            if memo.dictionary != Some(dictionary.id()) {
                *memo = TextMemo { dictionary: Some(dictionary.id()), is_entered: Vec::new() };
            }
            for (row, code) in (0..).zip(codes).filter(|(_, code)| **code != NULL_CODE) {
                let at = *code as usize;
                if memo.is_entered.len() <= at {
                    memo.is_entered.resize(at + 1, None);
                }
                let text = || dictionary.text(*code);
                if *memo.is_entered[at].get_or_insert_with(|| self.texts.contains_key(text())) {
                    self.texts[text()].iter().for_each(|id| visit(*id, row));
                }
            }
        } else if let Some((values, nulls)) = whole(column) {
            for (row, value) in (0..).zip(values) {
                if let Some(ids) = self.numbers.get(value).filter(|_| !nulls.contains(row as usize)) {
                    ids.iter().for_each(|id| visit(*id, row));
                }
            }
        }
    }
}

impl Begins {
    /// Sorts what was found by condition. Of each the rows were found in order.
    fn new(conditions: usize, found: &[(BeginId, u32)]) -> Begins {
        let mut ends = vec![0; conditions + 1];
        found.iter().for_each(|(id, _)| ends[id.0 as usize + 1] += 1);
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        let mut rows = vec![0; found.len()];
        for (id, row) in found {
            // Until now it says where the rows of the condition begin; at last, where they end.
            let at = &mut ends[id.0 as usize];
            rows[*at as usize] = *row;
            *at += 1;
        }
        Begins { rows, ends }
    }

    pub(super) fn of(&self, id: BeginId) -> &[u32] {
        let id = id.0 as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.rows[start as usize..self.ends[id] as usize]
    }
}
