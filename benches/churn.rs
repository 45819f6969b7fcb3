//! What a long run leaves behind: as many events as asked for, of keys that live for a while and never come again.
//!
//! `make bench-churn EVENTS=1000000000`. Events are made here, straight into columns, one a millisecond. At any time
//! 20,000 keys are alive; at every tenth event one dies and a new one is born. Patterns of every executor class watch
//! them, with windows of minutes, on one thread. A line says how far the run is, its rate so far, the memory of the
//! process, and what the engine holds: by its patterns (keys with state, partial matches, bytes) and in its tables
//! of keys, with state or without. The last lines say the same once all keys have been idle for longer than any window,
//! and behind one more event. What counts is the memory after ten million events and at the end: it depends on how
//! much lives at a time, never on how much has lived.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

#[path = "support/mixed.rs"]
mod mixed;

use mixed::mixed;

use ensue::engine::projection;
use ensue::event::{Cell, StreamId};
use ensue::lang::hir::Program;
use ensue::{Batch, BatchBuilder, Engine, EngineConfig, EventTime};

/// The fields are those that [`Churn::batch`] fills, in its order.
const STREAMS: &str = "
stream payments {
    card    string
    kind    int
    amount  decimal(2)
    shop    int
    at      timestamp

    event time at
}

stream visits {
    card    string
    kind    int
    amount  decimal(2)
    shop    int
    at      timestamp

    event time at
}
";

/// Of each class one at least; three are a family. The last but one has a key of two fields, the last reads records.
const PATTERNS: &str = "
pattern strict_rise {
    on payments by card
    match all up{3} strict where amount > prev(amount)
    next top where amount > 990.00
    within 5m
    emit rise { card: card, from: up[0].at }
}

pattern queues_probe {
    on payments by card
    match all a where amount < 20.00
    then b where amount < 20.00
    then c where amount > 900.00
    within 5m
    emit probe { card: card, from: a.at }
}

pattern queues_absence {
    on payments by card
    match all pin where kind == 1
    then not login where kind in (2, 3, 4) for 2m
    emit silent { card: card, from: pin.at }
}

pattern starts_loop {
    on payments by card
    match small{2,} where amount < 40.00
    then big where amount > 900.00 and amount > 20 * avg(small.amount)
    within 5m
    emit jump { card: card, n: count(small) }
}

pattern enumerable_join {
    on payments by card
    match all a where amount > 970.00
    then any b where amount > 970.00
    then any c where kind < 100 and shop == a.shop
    within 5m
    emit joined { card: card, from: a.at }
}

pattern aggregate_tally {
    on payments by card
    match all a where amount < 30.00
    then any b where amount < 30.00
    then any c where amount > 960.00
    within 5m
    tally tallied { card: card, n: count(), sum: sum(b.amount) }
}

pattern runs_choice {
    on payments by card
    match one of (a where kind == 5, b where kind == 6)
    then c where kind < 50
    within 3m
    emit either { card: card, at_c: c.at }
}

pattern family_1 {
    on payments by card
    match all a where kind < 20 then b where kind < 20 within 1m
    emit pair { card: card, from: a.at }
}
pattern family_2 {
    on payments by card
    match all a where kind < 22 then b where kind < 18 within 1m
    emit pair { card: card, from: a.at }
}
pattern family_3 {
    on payments by card
    match all a where kind < 24 then b where kind < 16 within 1m
    emit pair { card: card, from: a.at }
}

pattern two_fields {
    on visits by card, shop
    match all a where kind < 300
    then b where kind < 300
    within 4m
    emit twice { card: card, shop: shop }
}

pattern derived_twice {
    on probe by card
    match all first then second
    within 4m
    emit probes { card: card }
}
";

/// Keys that are alive.
const ALIVE: u64 = 20_000;

/// Events for each new key.
const EVENTS_PER_KEY: u64 = 10;

/// Longer than any window, in milliseconds.
const IDLE_MS: i64 = 15 * 60_000;

const BATCH_EVENTS: u64 = 4_096;

/// One of so many batches is of visits, the others of payments.
const BATCHES_PER_VISITS: u64 = 10;

/// What the memory at the end is compared with.
const EARLY: u64 = 10_000_000;

fn main() -> ExitCode {
    // `cargo bench` passes `--bench` too.
    let asked = std::env::args().skip(1).find(|argument| argument != "--bench");
    let Some(events) = asked.map_or(Some(EARLY), |asked| asked.parse().ok()).filter(|events| *events > 0)
    else {
        eprintln!("usage: make bench-churn EVENTS=1000000000");
        return ExitCode::from(2);
    };
    let program =
        ensue::compile("churn.cep", &format!("{STREAMS}{PATTERNS}")).expect("the patterns are right");
    let mut churn = Churn::new(program);
    println!(
        "{:<15} {:>11} {:>7} {:>7} {:>8} {:>10} {:>9} {:>9} {:>9} {:>8} {:>10}",
        "",
        "events",
        "M ev/s",
        "MB",
        "peak MB",
        "held keys",
        "partial",
        "state MB",
        "in tables",
        "their MB",
        "records"
    );
    let tenth = events.div_ceil(10);
    while churn.made < events {
        let next =
            [EARLY, (churn.made / tenth + 1) * tenth, events].into_iter().filter(|at| *at > churn.made);
        churn.run_to(next.min().expect("the end is ahead"));
        churn.show("");
    }
    churn.idle();
    churn.show("all keys idle");
    churn.one_more();
    churn.show("one more event");
    churn.show_patterns();
    println!();
    churn.finish();
    ExitCode::SUCCESS
}

/// A run.
struct Churn {
    program: Arc<Program>,
    engine: Engine,
    /// Of payments and of visits.
    builders: [BatchBuilder; 2],
    began: Instant,
    made: u64,
    /// The time of the next event, in milliseconds.
    now: i64,
    records: u64,
}

impl Churn {
    fn new(program: Arc<Program>) -> Churn {
        let mut engine =
            Engine::new(Arc::clone(&program), &EngineConfig::default()).expect("the patterns are small");
        let builders = [StreamId(0), StreamId(1)].map(|stream| {
            let partition = engine.add_partition(stream);
            let types = projection(&program, engine.patterns(), stream, false);
            BatchBuilder::new(stream, partition, types)
        });
        Churn { program, engine, builders, began: Instant::now(), made: 0, now: 0, records: 0 }
    }

    fn run_to(&mut self, events: u64) {
        while self.made < events {
            let batch = self.batch((events - self.made).min(BATCH_EVENTS));
            self.engine.push(batch);
            self.advance();
        }
    }

    /// The next event comes no earlier than now, in either stream.
    fn advance(&mut self) {
        self.engine.set_watermark(EventTime::from_millis(self.now));
        self.engine.advance().expect("no bound is set");
        self.records += self.engine.take_records().len() as u64;
    }

    fn batch(&mut self, events: u64) -> Batch {
        let is_of_visits = (self.made / BATCH_EVENTS).is_multiple_of(BATCHES_PER_VISITS);
        let builder = &mut self.builders[usize::from(is_of_visits)];
        for number in self.made..self.made + events {
            let random = mixed(number);
            let at = EventTime::from_millis(self.now);
            let mut digits = [0; 20];
            let card = text_of(number / EVENTS_PER_KEY + random % ALIVE, &mut digits);
            builder.push_row(at, number + 1, |field| match field {
                0 => Cell::Text(card),
                1 => Cell::Units((random >> 16) as i64 & 1023),
                2 => Cell::Units((random >> 26) as i64 % 100_000),
                3 => Cell::Units((random >> 60) as i64 & 3),
                _ => Cell::Units(at.micros()),
            });
            self.now += 1;
        }
        self.made += events;
        builder.finish()
    }

    /// Nothing comes for longer than any window.
    fn idle(&mut self) {
        self.now += IDLE_MS;
        self.advance();
    }

    /// One event of a new key, behind which nothing of the others is under way.
    fn one_more(&mut self) {
        let batch = self.batch(1);
        self.engine.push(batch);
        self.idle();
    }

    fn show(&self, what: &str) {
        let (stats, tables) = (self.engine.stats(), self.engine.key_usage());
        let bytes: u64 =
            self.program.patterns.iter().map(|pattern| self.engine.state_bytes(pattern.id)).sum();
        let sum = |of: fn(&ensue::engine::PatternStats) -> u64| stats.patterns.iter().map(of).sum::<u64>();
        println!(
            "{what:<15} {:>11} {:>7.2} {:>7.1} {:>8.1} {:>10} {:>9} {:>9.2} {:>9} {:>8.2} {:>10}",
            self.made,
            self.made as f64 / self.began.elapsed().as_secs_f64() / 1e6,
            memory("VmRSS:"),
            memory("VmHWM:"),
            sum(|pattern| pattern.keys),
            sum(|pattern| pattern.runs),
            bytes as f64 / 1e6,
            tables.keys,
            tables.bytes as f64 / 1e6,
            self.records
        );
    }

    /// What was found and is held, by pattern.
    fn show_patterns(&self) {
        let stats = self.engine.stats();
        println!(
            "\n{:<16} {:<10} {:>10} {:>6} {:>8} {:>10}",
            "pattern", "class", "matches", "keys", "partial", "bytes"
        );
        for (pattern, counts) in self.program.patterns.iter().zip(&stats.patterns) {
            let class = self.engine.class(pattern.id).map(|class| class.to_string()).unwrap_or_default();
            println!(
                "{:<16} {class:<10} {:>10} {:>6} {:>8} {:>10}",
                pattern.name,
                counts.matches,
                counts.keys,
                counts.runs,
                self.engine.state_bytes(pattern.id)
            );
        }
    }

    /// Ends the run.
    fn finish(mut self) {
        self.engine.finish(true).expect("no bound is set");
        self.show("the end");
        let stats = self.engine.stats();
        drop(self);
        println!(
            "events={} late={} state_mb_peak={:.1} rss_mb_without_engine={:.1} peak_rss_mb={:.1}",
            stats.events,
            stats.late,
            stats.state_bytes_peak as f64 / 1e6,
            memory("VmRSS:"),
            memory("VmHWM:")
        );
    }
}

/// A number in decimal, written to the end of `digits`.
fn text_of(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// A line of what the system says of this process, in MB; 0 where it says nothing.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}
