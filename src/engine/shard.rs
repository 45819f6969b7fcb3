//! The executors of some patterns, for the keys that this shard owns.
//!
//! Every shard sees all events and passes over those of keys that another one owns, which for a key of one text is an
//! access to an array. Patterns without `by` have one key: each of them is on one shard only, in turn.

use std::sync::Arc;

use super::OpenKey;
use super::cold::{Cold, ColdKeys};
use super::crew::{Answer, Failure, Task, Work};
use super::crowd::{TooMany, cut_short};
use super::saved_keys::SavedKeys;
use super::selector::{Selected, Selector};
use super::snapshot::KeyState;
use super::unit::Unit;
use super::{Outcome, tally};
use crate::codec::{Coded, Damaged};
use crate::event::{PatternId, Value};
use crate::lang::hir::{Pattern, Program};
use crate::matcher::bounds::shown_key;
use crate::matcher::chunk::{Lens, Prepared, Rows};
use crate::matcher::keys::{FOREIGN_KEY, KeyFields, KeyId, KeyTable, KeyUsage, NULL_KEY};
use crate::matcher::{
    Bound, Bounds, Chunk, Cut, Exceeded, Executor, Faults, Findings, KeyFound, Kind, Plan, SavedKey, Usage,
    Which,
};
use crate::stream::Ordered;
use crate::time::EventTime;

/// One shard: every pattern, for its share of the keys.
pub struct Shard {
    number: u32,
    tables: Vec<Table>,
    parts: Vec<Part>,
    findings: Findings,
    bounds: Bounds,
    /// Events that a null in their key kept out of every key.
    null_keys: u64,
    /// Whether some keys are still to be told as they were when the epoch began.
    is_telling: bool,
    /// Keys that were told, and not handed over yet.
    saved: SavedKeys,
    /// Where cold keys are fetched from.
    fetch_from: Option<Arc<dyn ColdKeys>>,
}

/// The keys of the patterns with one `by`, and those of the events under way.
struct Table {
    keys: KeyTable,
    ids: Vec<KeyId>,
    /// Whether one of these is null.
    has_nulls: bool,
    selector: Selector,
}

/// While an epoch is told, keys are told after each task until there are so many: those that events came for were told
/// before.
const KEYS_TOLD_AT_ONCE: usize = 1024;

/// Cold keys come back so many at a time where nobody asks for them.
const KEYS_WOKEN_AT_ONCE: usize = 4096;

/// The executor of a pattern, or of a family.
struct Part {
    /// The same on every shard.
    number: usize,
    patterns: Vec<PatternId>,
    names: Vec<String>,
    level: u32,
    table: usize,
    lens: Lens,
    tells_timeouts: bool,
    executor: Box<dyn Executor>,
    /// How far time has come for it.
    now: EventTime,
    cold: Cold,
    /// Keys that are due; kept for its memory.
    due: Vec<KeyId>,
    /// The pattern, where it has a tally.
    tallied: Option<Arc<Plan>>,
    /// Arithmetic of tallies without a result.
    faults: Faults,
}

impl Shard {
    /// Shard `number` of `count`.
    pub(super) fn new(program: &Program, units: &[Unit], bounds: &Bounds, number: u32, count: u32) -> Shard {
        let mut tables: Vec<Table> = Vec::new();
        let part = |(_, unit): (usize, &Unit)| {
            let pattern = &unit.plan.pattern;
            let fields = key_fields(program, pattern);
            let (number, count) = if has_keys(&fields) { (number, count) } else { (0, 1) };
            let table = tables.iter().position(|table| table.keys.is_of(&fields)).unwrap_or_else(|| {
                let keys = KeyTable::new(fields, number, count);
                tables.push(Table { keys, ids: Vec::new(), has_nulls: false, selector: Selector::default() });
                tables.len() - 1
            });
            Part {
                number: unit.number as usize,
                names: unit.patterns.iter().map(|id| program.pattern(*id).name.clone()).collect(),
                patterns: unit.patterns.clone(),
                level: pattern.level,
                table,
                lens: unit.lens.clone(),
                tells_timeouts: !pattern.timeout_emits.is_empty(),
                executor: unit.executor(bounds),
                now: EventTime::START,
                cold: Cold::default(),
                due: Vec::new(),
                tallied: pattern.tally.as_ref().map(|_| Arc::clone(&unit.plan)),
                faults: Faults::default(),
            }
        };
        let is_here = |(at, unit): &(usize, &Unit)| {
            has_keys(&key_fields(program, &unit.plan.pattern)) || *at as u32 % count == number
        };
        let parts = units.iter().enumerate().filter(is_here).map(part).collect();
        Shard {
            number,
            parts,
            tables,
            findings: Findings::default(),
            bounds: *bounds,
            null_keys: 0,
            is_telling: false,
            saved: SavedKeys::default(),
            fetch_from: None,
        }
    }

    /// Does a task.
    pub fn work(&mut self, task: &Task) -> Answer {
        let mut answer = Answer::default();
        match &task.0 {
            Work::Events { level, events, to, is_end } => {
                self.step(*level, events, *to, &mut answer);
                if *is_end {
                    self.finish(*level, &mut answer);
                }
                self.save(KEYS_TOLD_AT_ONCE.saturating_sub(self.saved.len()));
                answer.outcomes.sort_by(Outcome::cmp_output);
            }
            Work::Count { level, now } => self.count(*level, *now, &mut answer),
            Work::List { of, now } => self.list(*of, *now, &mut answer),
            Work::Drop { of, cut, now } => self.cut(*of, *cut, *now, &mut answer),
            Work::Track => self.parts.iter_mut().for_each(|part| part.executor.track()),
            Work::BeginEpoch => {
                self.parts.iter_mut().for_each(|part| part.executor.begin_epoch());
                self.is_telling = true;
            }
            Work::Save { at_most } => self.save(*at_most),
            Work::Evict { bytes } => self.evict(*bytes),
            Work::FetchFrom(store) => self.fetch_from = Some(Arc::clone(store)),
            Work::Load { keys, now, null_keys } => {
                // They are counted once.
                self.null_keys = if self.number == 0 { *null_keys } else { 0 };
                answer.damaged = self.load(keys, *now).err();
            }
        }
        answer.usage = self.parts.iter().map(|part| (part.patterns[0], part.usage())).collect();
        answer.key_usage =
            self.tables.iter().fold(KeyUsage::default(), |sum, table| sum.plus(table.keys.usage()));
        answer.null_keys = self.null_keys;
        answer.saved = std::mem::take(&mut self.saved);
        answer.is_telling = self.is_telling;
        if self.fetch_from.is_some() {
            answer.hot_bytes = self.parts.iter().map(Part::hot_bytes).sum();
        }
        answer
    }

    fn step(&mut self, level: u32, events: &Ordered<Prepared>, to: EventTime, answer: &mut Answer) {
        for table in 0..self.tables.len() {
            if self.is_of_level(table, level) {
                self.look_up(table, events);
                self.step_table(level, table, events, to, answer);
            }
        }
        self.sweep();
    }

    /// The same for the patterns with one `by`.
    fn step_table(
        &mut self,
        level: u32,
        table: usize,
        events: &Ordered<Prepared>,
        to: EventTime,
        answer: &mut Answer,
    ) {
        let Table { keys, ids, has_nulls, selector } = &mut self.tables[table];
        let rows = rows(events, ids);
        // Time does not go back behind what an executor has seen.
        let seen = rows.last().map_or(EventTime::START, Rows::last_time);
        selector.begin(ids.len());
        for part in self.parts.iter_mut().filter(|part| part.level == level && part.table == table) {
            let of_events = part.cold.take(ids);
            if let Err(why) = part.fetch(of_events, keys, self.fetch_from.as_deref()) {
                answer.lost = Some(why);
                return;
            }
            if self.is_telling {
                part.tell(Which::Of(ids), keys, &mut self.saved);
            }
            if self.number == 0 && *has_nulls {
                self.null_keys += part.lens.null_keys(&rows) * part.patterns.len() as u64;
            }
            let (lens, was_idle) = (&part.lens, part.executor.keys().is_empty());
            let taken = match selector.select(&rows, ids, lens, part.executor.keys()) {
                // There is nothing to end, and nothing begins.
                Selected::Nothing if was_idle && part.cold.len() == 0 => {
                    part.now = to;
                    continue;
                }
                Selected::Nothing => Ok(()),
                Selected::Everything => {
                    part.executor.events(&Chunk { rows: &rows, lens }, keys, &mut self.findings)
                }
                Selected::Rows => {
                    let rows = selector.selected(&rows);
                    part.executor.events(&Chunk { rows: &rows, lens }, keys, &mut self.findings)
                }
            };
            if let Err(error) = taken {
                let failure = Failure { part: part.number, error };
                answer.failure = Some(failure.first(answer.failure.take()));
                self.findings = Findings::default();
                continue;
            }
            // Many may wake up at once: a few at a time, so that they are not all there together.
            while let Some((by, woken)) = part.cold.wake(to, KEYS_WOKEN_AT_ONCE) {
                if let Err(why) = part.fetch(woken, keys, self.fetch_from.as_deref()) {
                    answer.lost = Some(why);
                    return;
                }
                part.advance(
                    by.max(seen),
                    keys,
                    self.is_telling.then_some(&mut self.saved),
                    &mut self.findings,
                );
            }
            part.advance(to, keys, self.is_telling.then_some(&mut self.saved), &mut self.findings);
            part.collect(keys, &mut self.findings, &self.bounds, answer);
        }
    }

    /// The input has ended, for the patterns of one level.
    fn finish(&mut self, level: u32, answer: &mut Answer) {
        self.save(usize::MAX);
        for part in self.parts.iter_mut().filter(|part| part.level == level) {
            let keys = &self.tables[part.table].keys;
            part.executor.finish(keys, &mut self.findings);
            part.collect(keys, &mut self.findings, &self.bounds, answer);
        }
    }

    fn count(&self, level: u32, now: EventTime, answer: &mut Answer) {
        for part in self.parts.iter().filter(|part| part.level == level) {
            let mut counts: Vec<(PatternId, u64)> = part.patterns.iter().map(|id| (*id, 0)).collect();
            part.executor.each_start(now, &mut |pattern, _| {
                let count = counts.iter_mut().find(|(id, _)| *id == pattern);
                count.expect("a part tells of its own patterns").1 += 1;
            });
            answer.counts.extend(counts);
        }
    }

    fn list(&self, of: Option<PatternId>, now: EventTime, answer: &mut Answer) {
        for part in self.parts.iter().filter(|part| part.is_asked(of)) {
            part.executor.each_start(now, &mut |pattern, time| {
                if of.is_none_or(|of| of == pattern) {
                    answer.times.push(time);
                }
            });
        }
    }

    fn cut(&mut self, of: Option<PatternId>, cut: Cut, now: EventTime, answer: &mut Answer) {
        self.save(usize::MAX);
        for part in self.parts.iter_mut().filter(|part| part.is_asked(of)) {
            for id in part.patterns.iter().filter(|id| of.is_none_or(|of| of == **id)) {
                let keys = &self.tables[part.table].keys;
                let dropped = part.executor.drop_starts(*id, cut, now, keys, &mut self.findings);
                answer.dropped.push((*id, dropped));
            }
            part.collect(&self.tables[part.table].keys, &mut self.findings, &self.bounds, answer);
        }
    }

    /// Tells some of the keys that are to be told.
    fn save(&mut self, at_most: usize) {
        if !self.is_telling {
            return;
        }
        let end = self.saved.len().saturating_add(at_most);
        for part in &mut self.parts {
            let left = end.saturating_sub(self.saved.len());
            let keys = &self.tables[part.table].keys;
            if left == 0 || part.tell(Which::AtMost(left), keys, &mut self.saved) {
                return;
            }
        }
        self.is_telling = false;
    }

    /// Forgets the state of keys that the store has, of so many bytes, about.
    fn evict(&mut self, bytes: u64) {
        let all: u64 = self.parts.iter().map(Part::hot_bytes).sum();
        for part in &mut self.parts {
            let (hot, keys) = (part.hot_bytes(), part.executor.usage().keys);
            // As large a share of its keys as of all bytes.
            let share = u128::from(bytes.min(all)) * u128::from(keys);
            let at_most = share.div_ceil(u128::from(all.max(1))) as usize;
            if hot > 0 && at_most > 0 {
                let evicted = part.executor.evict(at_most);
                evicted.into_iter().for_each(|(key, wakes_at)| part.cold.add(key, wakes_at));
            }
        }
    }

    fn load(&mut self, keys: &[KeyState], now: EventTime) -> Coded {
        for part in &mut self.parts {
            let table = &mut self.tables[part.table].keys;
            let own = keys.iter().filter(|key| key.unit as usize == part.number && !key.bytes.is_empty());
            let saved = own.map(|KeyState { key, bytes, .. }| SavedKey {
                key: table.restore(key),
                values: key,
                bytes,
            });
            let mut saved: Vec<SavedKey<'_>> = saved.filter(|saved| saved.key != FOREIGN_KEY).collect();
            saved.sort_by_key(|saved| saved.key);
            if saved.windows(2).any(|pair| pair[0].key == pair[1].key) {
                return Err(Damaged::Odd("a key"));
            }
            part.executor.load(&saved, now)?;
            part.now = now;
        }
        Ok(())
    }

    /// Visits what is open of a pattern, key by key; of one key where one is given.
    pub(super) fn each_open(
        &self,
        pattern: PatternId,
        key: Option<&[Value]>,
        now: EventTime,
        visit: &mut dyn FnMut(OpenKey),
    ) {
        for part in self.parts.iter().filter(|part| part.is_asked(Some(pattern))) {
            let table = &self.tables[part.table].keys;
            for id in part.executor.keys().iter().filter(|id| **id != NULL_KEY) {
                let values = table.values(*id);
                if key.is_some_and(|key| *key != **values) {
                    continue;
                }
                let mut open = Vec::new();
                part.executor.each_open(*id, now, &mut |one| {
                    open.extend((one.pattern == pattern).then_some(one));
                });
                if !open.is_empty() {
                    visit(OpenKey { key: Arc::clone(values), matches: open });
                }
            }
        }
    }

    /// Takes back the numbers of keys that nobody uses any more, where there may be many.
    fn sweep(&mut self) {
        if self.is_telling {
            return;
        }
        for (index, table) in self.tables.iter_mut().enumerate() {
            if table.keys.is_sweep_due() {
                let parts = self.parts.iter().filter(|part| part.table == index);
                let keys = |part: &'_ Part| {
                    let cold: Vec<KeyId> = part.cold.keys().collect();
                    [part.executor.keys(), &part.executor.released(), &cold].concat()
                };
                let held = parts.flat_map(keys).filter(|key| *key != NULL_KEY);
                table.keys.sweep(held.collect());
            }
        }
    }

    /// Whether patterns of a level have these keys.
    fn is_of_level(&self, table: usize, level: u32) -> bool {
        self.parts.iter().any(|part| part.table == table && part.level == level)
    }

    fn look_up(&mut self, table: usize, events: &Ordered<Prepared>) {
        let Table { keys, ids, has_nulls, .. } = &mut self.tables[table];
        ids.clear();
        for span in &events.spans {
            keys.look_up(&events.batches[span.batch as usize], span.start..span.end, ids);
        }
        *has_nulls = ids.contains(&NULL_KEY);
    }
}

/// Which fields make the key of a pattern, by stream.
fn key_fields(program: &Program, pattern: &Pattern) -> KeyFields {
    let mut fields = vec![None; program.streams.len()];
    for source in &pattern.sources {
        fields[source.stream.index()] = Some(source.keys.clone());
    }
    fields
}

/// Whether there is more than one key.
fn has_keys(fields: &KeyFields) -> bool {
    fields.iter().flatten().any(|fields| !fields.is_empty())
}

fn rows<'a>(events: &'a Ordered<Prepared>, ids: &'a [KeyId]) -> Vec<Rows<'a>> {
    let mut rest = ids;
    let rows = |span: &crate::stream::Span| {
        let (keys, behind) = rest.split_at((span.end - span.start) as usize);
        rest = behind;
        let prepared = &events.batches[span.batch as usize];
        Rows { prepared, start: span.start, end: span.end, keys, only: None }
    };
    events.spans.iter().map(rows).collect()
}

impl Part {
    fn too_many(&self, many: &TooMany, bounds: &Bounds) -> Failure {
        let at = self.patterns.iter().position(|id| *id == many.pattern);
        let error = Exceeded {
            pattern: self.names[at.expect("a part tells of its own patterns")].clone(),
            bound: Bound::MatchesPerEvent,
            allowed: bounds.matches_per_event_max,
            key: shown_key(&many.keys),
            at: many.at,
        };
        Failure { part: self.number, error }
    }

    /// Gives the executor back what it has forgotten of some keys.
    fn fetch(
        &mut self,
        wanted: Vec<KeyId>,
        keys: &KeyTable,
        store: Option<&dyn ColdKeys>,
    ) -> Result<(), String> {
        let (Some(store), false) = (store, wanted.is_empty()) else { return Ok(()) };
        let mut fetched = Vec::with_capacity(wanted.len());
        for key in wanted {
            let bytes = store.fetch(self.number as u32, keys.values(key))?;
            fetched.extend(bytes.map(|bytes| (key, bytes)));
        }
        let saved =
            fetched.iter().map(|(key, bytes)| SavedKey { key: *key, values: keys.values(*key), bytes });
        let saved: Vec<SavedKey<'_>> = saved.collect();
        self.executor.load(&saved, self.now).map_err(|damaged| format!("a record is damaged: {damaged}"))
    }

    /// Time comes to `to`. Keys that change by it are told before, where they are to be.
    fn advance(
        &mut self,
        to: EventTime,
        keys: &KeyTable,
        saved: Option<&mut SavedKeys>,
        findings: &mut Findings,
    ) {
        if let Some(saved) = saved {
            self.tell_due(to, keys, saved);
        }
        self.executor.advance(to, keys, findings);
        self.now = to;
    }

    /// Bytes of state that its keys take, without room that is kept for others.
    fn hot_bytes(&self) -> u64 {
        let (usage, cells) = (self.executor.usage(), self.executor.keys().len() as u64);
        (u128::from(usage.bytes) * u128::from(usage.keys) / u128::from(cells.max(1))) as u64
    }

    /// Tells some keys. Says whether more are to be told.
    fn tell(&mut self, which: Which<'_>, keys: &KeyTable, saved: &mut SavedKeys) -> bool {
        let unit = self.number as u32;
        self.executor.save(which, self.now, keys, &mut |key, bytes| saved.push(unit, key, bytes))
    }

    /// Tells the keys whose state is about to change because time comes to `to`.
    fn tell_due(&mut self, to: EventTime, keys: &KeyTable, saved: &mut SavedKeys) {
        let mut due = std::mem::take(&mut self.due);
        self.executor.due(to, &mut due);
        if !due.is_empty() {
            self.tell(Which::Of(&due), keys, saved);
            due.clear();
        }
        self.due = due;
    }

    fn is_asked(&self, of: Option<PatternId>) -> bool {
        of.is_none_or(|of| self.patterns.contains(&of))
    }

    /// Takes what the executor has found. Timeouts of a pattern that does not tell them are nothing to anybody.
    fn collect(&self, keys: &KeyTable, findings: &mut Findings, bounds: &Bounds, answer: &mut Answer) {
        let block = findings.block.take().map(Arc::new);
        keys.touch(findings.found.iter().map(|found| found.key));
        let is_told = |found: &KeyFound| found.kind == Kind::Match || self.tells_timeouts;
        let found = findings.found.drain(..).filter(is_told);
        let before = answer.outcomes.len();
        let outcomes = found.map(|found| Outcome::of(found, keys, block.as_ref()));
        match &self.tallied {
            None => answer.outcomes.extend(outcomes),
            Some(plan) => answer.outcomes.extend(tally::tallied(&plan.pattern, outcomes, &self.faults)),
        }
        answer.reached.append(&mut findings.reached);
        if (answer.outcomes.len() - before) as u64 > bounds.matches_per_event_max {
            let found = answer.outcomes.split_off(before);
            if let Err(many) = cut_short(found, bounds, answer) {
                let failure = self.too_many(&many, bounds);
                answer.failure = Some(failure.first(answer.failure.take()));
            }
        }
    }

    fn usage(&self) -> Usage {
        let usage = self.executor.usage();
        let keys = usage.keys + self.cold.len();
        Usage { keys, faults: usage.faults + self.faults.count(), ..usage }
    }
}
