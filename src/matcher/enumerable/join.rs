//! Equality of the last event with the first.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::event::{Column, NULL_CODE, SlotId, Value};
use crate::lang::hir::{CompareOp, Expr};
use crate::matcher::capture::{Arena, Handle, Layout, cell_of};
use crate::matcher::chunk::Row;
use crate::matcher::linear::{self, Comparison, Linear, refused};
use crate::matcher::{Plan, Refused};

/// The values that the last event must have in common with the first; none, and any two go together.
#[derive(Debug)]
pub(super) struct Join {
    parts: Vec<Part>,
    /// For each source the fields of the parts, of the last event and of the first.
    fields: Vec<Vec<(Option<usize>, Option<usize>)>>,
}

#[derive(Debug)]
struct Part {
    /// The field of the last event.
    last: SlotId,
    /// The field of the first event.
    first: SlotId,
    /// Where that is captured.
    captured: usize,
    is_text: bool,
}

impl Join {
    /// What a chain asks of its last event.
    ///
    /// # Errors
    ///
    /// If a link asks for anything else of what is held.
    pub(super) fn of(plan: &Plan, linear: &Linear, layout: &Layout) -> Result<Join, Refused> {
        let (last, before) = linear.links.split_last().expect("no pattern is empty");
        if before.iter().any(|link| !link.held_conditions.is_empty()) {
            return refused("a step before the last one compares with what is held");
        }
        let conditions = &plan.pattern.step(last.step).conditions;
        let mut parts = Vec::new();
        for part in &last.held_conditions {
            match Part::of(plan, linear, layout, &conditions[*part].expr) {
                Some(part) => parts.push(part),
                None => return refused("the last step asks for more than values equal to the first event's"),
            }
        }
        let fields = |source: &crate::lang::hir::Source| {
            let of = |slot: SlotId| source.fields[slot.index()];
            parts.iter().map(|part| (of(part.last), of(part.first))).collect()
        };
        Ok(Join { fields: plan.pattern.sources.iter().map(fields).collect(), parts })
    }

    /// The hash of the joined values of an event of the first link; `None` if one is null.
    pub(super) fn of_first(&self, row: &Row<'_>) -> Option<u64> {
        let fields = self.fields[row.source].iter().map(|(_, first)| *first);
        hash(row, fields)
    }

    /// The hash of the joined values of an event of the last link; `None` if one is null.
    pub(super) fn of_last(&self, row: &Row<'_>) -> Option<u64> {
        let fields = self.fields[row.source].iter().map(|(last, _)| *last);
        hash(row, fields)
    }

    /// The hash of the joined values of a captured event of the first link; `None` if one is null.
    pub(super) fn of_held(&self, arena: &Arena, first: Handle) -> Option<u64> {
        let mut hasher = FxHasher::default();
        for part in &self.parts {
            let word = arena.word(first, part.captured)?;
            match arena.value(first, part.first) {
                Value::String(text) => hash_text(&mut hasher, &text),
                _ => hasher.write_u64(word),
            }
        }
        Some(hasher.finish())
    }

    /// Whether an event of the last link has the values of a captured one of the first: hashes are not enough.
    pub(super) fn is_equal(&self, row: &Row<'_>, arena: &Arena, first: Handle) -> bool {
        self.parts.iter().zip(&self.fields[row.source]).all(|(part, (field, _))| {
            let word = field.and_then(|field| cell_of(row.batch, row.row, field));
            let (Some(word), Some(held)) = (word, arena.word(first, part.captured)) else { return false };
            word == held
                || (part.is_text
                    && word >> 32 != held >> 32
                    && field.is_some_and(|field| {
                        row.batch.value(row.row, field) == arena.value(first, part.first)
                    }))
        })
    }
}

impl Part {
    fn of(plan: &Plan, linear: &Linear, layout: &Layout, expr: &Expr) -> Option<Part> {
        let last = linear.links.len() - 1;
        let Comparison { op, candidate, step, pick, held } = Comparison::of(expr)?;
        let is_text = linear::words_are_texts(plan, candidate, held)?;
        let is_first = op == CompareOp::Equal && linear.picked(plan, last, step, pick) == Some(0);
        is_first.then_some(Part { last: candidate, first: held, captured: layout.word(held)?, is_text })
    }
}

fn hash(row: &Row<'_>, fields: impl Iterator<Item = Option<usize>>) -> Option<u64> {
    let mut hasher = FxHasher::default();
    for field in fields {
        match row.batch.column(field?)? {
            Column::String(codes, dictionary) => {
                let code = codes[row.row];
                if code == NULL_CODE {
                    return None;
                }
                hash_text(&mut hasher, dictionary.text(code));
            }
            _ => hasher.write_u64(cell_of(row.batch, row.row, field?)?),
        }
    }
    Some(hasher.finish())
}

fn hash_text(hasher: &mut FxHasher, text: &str) {
    hasher.write(text.as_bytes());
    hasher.write_u8(0xff);
}
