//! Some events in total order, as executors take them: rows of batches, with what is known of each row already.

use std::convert::Infallible;
use std::sync::Arc;

use super::keys::{FOREIGN_KEY, KeyId, NULL_KEY};
use super::predicates::{Answers, PredicateId, Predicates, SourcePredicates};
use super::{Event, Fields};
use crate::event::{Batch, SlotId, SourcePosition, Value};
use crate::lang::hir::{Pattern, Source};
use crate::time::EventTime;

/// A batch with the answers to the conditions on its events.
#[derive(Clone, Debug)]
pub struct Prepared {
    batch: Arc<Batch>,
    answers: Arc<Answers>,
}

impl Prepared {
    /// A batch, and what can be asked of it.
    pub fn new(batch: Batch, predicates: &Predicates) -> Prepared {
        let batch = Arc::new(batch);
        Prepared { answers: Arc::new(predicates.answers(&batch)), batch }
    }

    /// The answers.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// The batch.
    pub fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }
}

impl AsRef<Batch> for Prepared {
    fn as_ref(&self) -> &Batch {
        &self.batch
    }
}

/// How many rows are looked at together.
const GROUP_ROWS: usize = 64;

/// Consecutive rows of one batch, with their keys.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The batch.
    pub prepared: &'a Prepared,
    /// The first row.
    pub start: u32,
    /// The row behind the last.
    pub end: u32,
    /// The key of each row.
    pub keys: &'a [KeyId],
    /// The only rows that are to be looked at, in order, where that is not all of them.
    pub only: Option<&'a [u32]>,
}

impl Rows<'_> {
    /// The time of the last of them.
    pub fn last_time(&self) -> EventTime {
        self.prepared.batch().times()[self.end as usize - 1]
    }
}

/// How one pattern sees the streams that it reads.
#[derive(Clone, Debug)]
pub struct Lens {
    /// By stream the index among the pattern's sources.
    pub sources: Vec<Option<u32>>,
    /// By source what is asked of its events.
    pub predicates: Vec<SourcePredicates>,
}

/// Which rows an executor wants to see. It may be shown others that the source lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// All that the source lets through.
    All,
    /// Of these those that fit a step, as far as that can be said without a run.
    FitsAStep,
}

/// A row as an executor sees it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Its batch.
    pub batch: &'a Batch,
    /// The answers for its batch.
    pub answers: &'a Answers,
    /// The row.
    pub row: usize,
    /// Which of the pattern's sources it is of.
    pub source: usize,
    /// Its key.
    pub key: KeyId,
}

/// Some rows that are looked at together.
#[derive(Debug, Default)]
pub struct Group<'a> {
    rows: Vec<(u32, KeyId)>,
    /// The first row of each stretch of rows of one batch, and where it ends in `rows`.
    stretches: Vec<(Row<'a>, usize)>,
}

impl<'a> Group<'a> {
    fn add(&mut self, row: &Row<'a>) {
        self.rows.push((row.row as u32, row.key));
        let end = self.rows.len();
        match self.stretches.last_mut().filter(|(first, _)| std::ptr::eq(first.batch, row.batch)) {
            Some(last) => last.1 = end,
            None => self.stretches.push((*row, end)),
        }
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.stretches.clear();
    }

    /// The time of its first row; of no rows there is no group.
    pub fn first_time(&self) -> EventTime {
        self.stretches[0].0.time()
    }

    /// The key of each row.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.rows.iter().map(|(_, key)| *key)
    }

    /// The stretches of rows of one batch: the first row of each, and all of them with where they stand in the group.
    pub fn stretches(
        &self,
    ) -> impl Iterator<Item = (&Row<'a>, impl Iterator<Item = (usize, Row<'a>)> + '_)> + '_ {
        let mut start = 0;
        self.stretches.iter().map(move |(first, end)| {
            let rows = self.rows[start..*end].iter().zip(start..);
            start = *end;
            (first, rows.map(|((row, key), at)| (at, Row { row: *row as usize, key: *key, ..*first })))
        })
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + '_ {
        self.stretches().flat_map(|(_, rows)| rows.map(|(_, row)| row))
    }
}

impl Lens {
    /// Calls `visit` for every row that is wanted and has a key on this shard, in order.
    ///
    /// # Errors
    ///
    /// What `visit` gives: the rows behind are not visited.
    pub fn visit<'a, E>(
        &self,
        chunk: &[Rows<'a>],
        wanted: Wanted,
        mut visit: impl FnMut(Row<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        for rows in chunk {
            let batch: &Batch = &rows.prepared.batch;
            let answers: &Answers = &rows.prepared.answers;
            let Some(source) = self.sources[batch.stream().index()] else { continue };
            let asked = &self.predicates[source as usize];
            let mut see = |row: usize| {
                let key = rows.keys[row - rows.start as usize];
                if key == NULL_KEY || key == FOREIGN_KEY {
                    return Ok(());
                }
                visit(Row { batch, answers, row, source: source as usize, key })
            };
            let all = rows.start as usize..rows.end as usize;
            match (rows.only, wanted) {
                // Whether one of these fits a step is as quickly seen by the executor.
                (Some(only), _) => {
                    let passes = |row: &usize| asked.filter.is_none_or(|filter| answers.holds(filter, *row));
                    only.iter().map(|row| *row as usize).filter(passes).try_for_each(&mut see)?;
                }
                (None, wanted) => {
                    asked.answer_all(answers);
                    match asked.wanted(wanted) {
                        None => all.into_iter().try_for_each(&mut see)?,
                        Some(mask) => answers.of(mask).rows(all).try_for_each(&mut see)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// The same in groups, for executors that ask memory for the state of all keys of a group at once.
    pub fn visit_groups<'a>(&self, chunk: &[Rows<'a>], wanted: Wanted, mut visit: impl FnMut(&Group<'a>)) {
        let mut group = Group::default();
        let done: Result<(), Infallible> = self.visit(chunk, wanted, |row| {
            group.add(&row);
            if group.rows.len() == GROUP_ROWS {
                visit(&group);
                group.clear();
            }
            Ok(())
        });
        let Ok(()) = done;
        if !group.rows.is_empty() {
            visit(&group);
        }
    }

    /// How many rows that the source lets through have a null in their key.
    pub fn null_keys(&self, chunk: &[Rows<'_>]) -> u64 {
        let mut count = 0;
        for rows in chunk.iter().filter(|rows| rows.keys.contains(&NULL_KEY)) {
            let Some(source) = self.sources[rows.prepared.batch.stream().index()] else { continue };
            let filter = self.predicates[source as usize].filter;
            for (at, _) in rows.keys.iter().enumerate().filter(|(_, key)| **key == NULL_KEY) {
                let row = rows.start as usize + at;
                count += u64::from(filter.is_none_or(|id| rows.prepared.answers.holds(id, row)));
            }
        }
        count
    }
}

impl SourcePredicates {
    fn wanted(&self, wanted: Wanted) -> Option<PredicateId> {
        match wanted {
            Wanted::All => self.filter,
            Wanted::FitsAStep => Some(self.fits_a_step),
        }
    }

    /// Has everything answered for all rows, which is cheaper than to ask for most of them one by one.
    fn answer_all(&self, answers: &Answers) {
        self.steps.iter().flatten().for_each(|step| {
            answers.of(*step);
        });
    }
}

impl Row<'_> {
    /// Its time.
    pub fn time(&self) -> EventTime {
        self.batch.time(self.row)
    }

    /// Where it stands in its source.
    pub fn position(&self) -> SourcePosition {
        self.batch.position(self.row)
    }

    /// Whether it fits a step, as far as that can be said without a run.
    pub fn fits(&self, predicate: Option<PredicateId>) -> bool {
        predicate.is_some_and(|id| self.answers.holds(id, self.row))
    }

    /// Its fields, as a pattern sees them.
    pub fn fields<'p>(&self, pattern: &'p Pattern) -> RowFields<'p>
    where
        Self: 'p,
    {
        RowFields { batch: self.batch, row: self.row, source: &pattern.sources[self.source] }
    }

    /// The event, with all slots of the pattern.
    pub fn to_event(&self, pattern: &Pattern) -> Event {
        let fields = self.fields(pattern);
        Event {
            time: self.time(),
            position: self.position(),
            origin: self.batch.origin(self.row),
            source: self.source,
            values: (0..pattern.slots.len() as u32).map(|slot| fields.slot(SlotId(slot))).collect(),
        }
    }
}

/// A row as a pattern sees it through one of its sources.
#[derive(Clone, Copy)]
pub struct RowFields<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// The row.
    pub row: usize,
    /// The source.
    pub source: &'a Source,
}

impl Fields for RowFields<'_> {
    fn slot(&self, slot: SlotId) -> Value {
        self.source.fields[slot.index()].map_or(Value::Null, |field| self.batch.value(self.row, field))
    }
}
