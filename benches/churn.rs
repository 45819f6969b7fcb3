//! What a long run leaves behind: as many events as asked for, of keys that live for a while and never come again.
//!
//! `make bench-churn EVENTS=1000000000`. Events are made here, column by column, one a millisecond. At any time
//! 20,000 keys are alive; every tenth event one dies and a new one is born. Patterns of every executor class watch
//! them, with windows of minutes, on one thread. A line each says how far the run is, its rate so far, the memory of the
//! process, and what the engine holds; at the end the same once the last key has been idle for longer than any window,
//! and once the engine is gone. Memory after ten million events and at the end is what counts: with a bound on what
//! lives, it must not depend on how much has lived.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use ensue::engine::projection;
use ensue::event::{Cell, StreamId};
use ensue::lang::hir::Program;
use ensue::{Batch, BatchBuilder, Duration, Engine, EngineConfig, EventTime};

/// The fields in the order in which [`Churn::batch`] fills them.
const STREAM: &str = "
stream payments {
    card    string
    kind    int
    amount  decimal(2)
    shop    int
    at      timestamp

    event time at
}
";

/// Of each class one at least; a family is three. The last but one has a key of two fields, the last reads records.
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
    on payments by card, shop
    match all a where kind < 30
    then b where kind < 30
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

/// Longer than any window.
const IDLE: Duration = Duration::from_millis(15 * 60_000);

const BATCH_EVENTS: u64 = 4_096;

/// What the memory at the end is compared with.
const EARLY: u64 = 10_000_000;

fn main() -> ExitCode {
    // `cargo bench` passes `--bench` too.
    let asked = std::env::args().skip(1).find(|argument| argument != "--bench");
    let Some(events) = asked.map_or(Some(EARLY), |asked| asked.parse().ok()).filter(|events| *events > 0) else {
        eprintln!("usage: make bench-churn EVENTS=1000000000");
        return ExitCode::from(2);
    };
    let program = ensue::compile("churn.cep", &format!("{STREAM}{PATTERNS}")).expect("the patterns are right");
    let mut churn = Churn::new(program);
    churn.show_classes();
    println!(
        "\n{:<24} {:>13} {:>7} {:>7} {:>8} {:>9} {:>8} {:>9} {:>8} {:>11}",
        "", "events", "M ev/s", "MB", "peak MB", "held keys", "runs", "in tables", "their MB", "records"
    );
    let tenth = events.div_ceil(10);
    while churn.made < events {
        let next = [EARLY, (churn.made / tenth + 1) * tenth, events].into_iter().filter(|at| *at > churn.made);
        churn.run_to(next.min().expect("the end is ahead"));
        churn.show("");
    }
    churn.idle();
    churn.show("all keys idle");
    churn.one_more();
    churn.show("an event of another key");
    churn.finish();
    ExitCode::SUCCESS
}

/// A run.
struct Churn {
    program: Arc<Program>,
    engine: Engine,
    builder: BatchBuilder,
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
        let stream = StreamId(0);
        let partition = engine.add_partition(stream);
        let types = projection(&program, engine.patterns(), stream, false);
        let builder = BatchBuilder::new(stream, partition, types);
        Churn { program, engine, builder, began: Instant::now(), made: 0, now: 0, records: 0 }
    }

    fn show_classes(&self) {
        for pattern in &self.program.patterns {
            let class = self.engine.class(pattern.id).expect("every pattern runs");
            println!("{:<16} {class}", pattern.name);
        }
    }

    fn run_to(&mut self, events: u64) {
        while self.made < events {
            let batch = self.batch((events - self.made).min(BATCH_EVENTS));
            self.engine.push(batch);
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.engine.advance().expect("no bound is set");
        self.records += self.engine.take_records().len() as u64;
    }

    fn batch(&mut self, events: u64) -> Batch {
        for number in self.made..self.made + events {
            let random = mixed(number);
            let at = EventTime::from_millis(self.now);
            let mut digits = [0; 20];
            let card = text_of(number / EVENTS_PER_KEY + random % ALIVE, &mut digits);
            self.builder.push_row(at, number + 1, |field| match field {
                0 => Cell::Text(card),
                1 => Cell::Units((random >> 16) as i64 & 1023),
                2 => Cell::Units((random >> 26) as i64 % 100_000),
                3 => Cell::Units((random >> 60) as i64 & 3),
                _ => Cell::Units(at.micros()),
            });
            self.now += 1;
        }
        self.made += events;
        self.builder.finish()
    }

    /// Nothing comes for longer than any window.
    fn idle(&mut self) {
        let at = EventTime::from_millis(self.now).plus(IDLE);
        self.engine.set_watermark(at);
        self.now = at.micros() / 1000;
        self.advance();
    }

    /// One event, after which anybody can see that the input has moved on.
    fn one_more(&mut self) {
        let batch = self.batch(1);
        self.engine.push(batch);
        self.idle();
    }

    fn show(&self, what: &str) {
        let stats = self.engine.stats();
        let tables = self.engine.key_usage();
        let sum = |of: fn(&ensue::engine::PatternStats) -> u64| stats.patterns.iter().map(of).sum::<u64>();
        println!(
            "{what:<24} {:>13} {:>7.2} {:>7.1} {:>8.1} {:>9} {:>8} {:>9} {:>8.2} {:>11}",
            self.made,
            self.made as f64 / self.began.elapsed().as_secs_f64() / 1e6,
            memory("VmRSS:"),
            memory("VmHWM:"),
            sum(|pattern| pattern.keys),
            sum(|pattern| pattern.runs),
            tables.keys,
            tables.bytes as f64 / 1e6,
            self.records
        );
    }

    /// Ends the run, and says by pattern what was found.
    fn finish(mut self) {
        self.engine.finish(true).expect("no bound is set");
        let stats = self.engine.stats();
        println!("\n{:<16} {:>12} {:>12} {:>8} {:>8}", "pattern", "matches", "suppressed", "keys", "runs");
        for (pattern, counts) in self.program.patterns.iter().zip(&stats.patterns) {
            println!(
                "{:<16} {:>12} {:>12} {:>8} {:>8}",
                pattern.name, counts.matches, counts.suppressed, counts.keys, counts.runs
            );
        }
        println!("\nevents={} late={} state_bytes_peak={}", stats.events, stats.late, stats.state_bytes_peak);
        drop(self);
        println!("rss_mb_without_engine={:.1} peak_rss_mb={:.1}", memory("VmRSS:"), memory("VmHWM:"));
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

/// A number that looks random (SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A line of what the system says of this process, in MB; 0 where it says nothing.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}
