//! Looks on while the patterns run: keeps of every alert and every fraudulent event what is compared, and no more.
//!
//! Memory grows with alerts and labels, not with events. Where patterns read the records of others, every record is known
//! by its id until the end, so that an alert about alerts begins where the first event of these did.

use rustc_hash::FxHashMap;

use super::compare::{Comparison, Rule};
use super::frauds::{Frauds, Key};
use super::key::{self, KeyPlan};
use super::labels::says_fraud;
use crate::cli::run::{Onlooker, Ready};
use crate::engine::{EventRef, Record};
use crate::event::{Batch, PatternId, StreamId, Value};
use crate::lang::hir::Program;
use crate::time::EventTime;

/// A field that says which events of a stream are fraudulent.
pub(super) struct LabelField {
    pub(super) stream: StreamId,
    pub(super) field: usize,
    /// The fields that are their key.
    pub(super) key: Vec<usize>,
}

/// A match or a timeout of which a record came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Alert {
    pub(super) rule: PatternId,
    /// The id of its records.
    pub(super) id: u128,
    /// `None` where its record has no key: it can be about no fraud.
    pub(super) key: Option<Key>,
    /// Its first event.
    pub(super) from: EventTime,
    /// When its last condition was met.
    pub(super) to: EventTime,
    /// When it came, as its record says.
    pub(super) at: EventTime,
}

/// Who looks on.
pub(super) struct Witness<'a> {
    program: &'a Program,
    patterns: &'a [PatternId],
    key: &'a KeyPlan,
    fields: Vec<LabelField>,
    frauds: Frauds,
    alerts: Vec<Alert>,
    /// The first and the last event.
    span: Option<(EventTime, EventTime)>,
    /// The last alert, of which there may be several records.
    last: Option<(PatternId, u128)>,
    /// By its id, where the first event of a record lies; kept only where patterns read records.
    begun: Option<FxHashMap<u128, EventTime>>,
}

impl LabelField {
    /// All fields that are looked at.
    pub(super) fn all(&self) -> impl Iterator<Item = (StreamId, usize)> + '_ {
        self.key.iter().chain([&self.field]).map(|field| (self.stream, *field))
    }
}

impl<'a> Witness<'a> {
    /// One that has seen nothing, but for the labels of a file.
    pub(super) fn new(
        ready: &'a Ready,
        key: &'a KeyPlan,
        fields: Vec<LabelField>,
        frauds: Frauds,
    ) -> Witness<'a> {
        let has_levels = ready.patterns().iter().any(|id| ready.program.pattern(*id).level > 0);
        Witness {
            program: &ready.program,
            patterns: ready.patterns(),
            key,
            fields,
            frauds,
            alerts: Vec::new(),
            span: None,
            last: None,
            begun: has_levels.then(FxHashMap::default),
        }
    }

    /// Compares what was seen: which alerts are true, and which frauds are found.
    pub(super) fn compare(self) -> Comparison {
        let rule = |id: &PatternId| {
            let pattern = self.program.pattern(*id);
            let doc = pattern.doc.as_deref().unwrap_or_default();
            let paragraph: Vec<&str> =
                doc.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            Rule { id: *id, name: pattern.name.clone(), doc: paragraph.join(" ") }
        };
        let rules = self.patterns.iter().filter(|id| self.key.is_rule(**id)).map(rule).collect();
        Comparison::new(rules, self.key.names.clone(), self.frauds.index(), self.alerts, self.span)
    }

    /// Where the first event of a match lies; of one that is a record, where its own first event does.
    fn first_event(&self, record: &Record) -> EventTime {
        let began = |event: EventRef<'_>| {
            let of_record = event.origin().and_then(|id| self.begun.as_ref()?.get(&id).copied());
            of_record.unwrap_or(event.order().time)
        };
        record.outcome.events.iter().map(began).min().unwrap_or(record.outcome.completed)
    }

    /// Learns where records begin, those that others are made of first.
    fn learn(&mut self, records: &[Record]) {
        if self.begun.is_none() {
            return;
        }
        let level = |record: &&Record| self.program.pattern(record.pattern).level;
        let mut records: Vec<&Record> = records.iter().collect();
        records.sort_by_key(level);
        for record in records {
            let from = self.first_event(record);
            if let Some(begun) = &mut self.begun {
                begun.insert(record.id, from);
            }
        }
    }
}

impl Onlooker for Witness<'_> {
    fn read(&mut self, batch: &Batch) {
        let times = batch.times().iter().copied();
        if let (Some(first), Some(last)) = (times.clone().min(), times.max()) {
            let (before, behind) = self.span.unwrap_or((first, last));
            self.span = Some((first.min(before), last.max(behind)));
        }
        for label in self.fields.iter().filter(|label| label.stream == batch.stream()) {
            for row in 0..batch.len() {
                let Some(kind) = says_fraud(&batch.value(row, label.field)) else { continue };
                if let Some(text) = key::of_event(batch, row, &label.key) {
                    let key = self.frauds.key(text);
                    self.frauds.add_event(key, batch.time(row), kind);
                }
            }
        }
    }

    fn found(&mut self, records: &[Record]) {
        self.learn(records);
        for record in records.iter().filter(|record| self.key.is_alert(record)) {
            if self.last.replace((record.pattern, record.id)) == Some((record.pattern, record.id)) {
                continue;
            }
            let key = self.key.of_alert(record).map(|text| self.frauds.key(text));
            let Value::Timestamp(at) = record.fields[0] else {
                unreachable!("the first field of a record is its time")
            };
            let (from, to) = (self.first_event(record), record.outcome.completed);
            self.alerts.push(Alert { rule: record.pattern, id: record.id, key, from, to, at });
        }
    }
}
