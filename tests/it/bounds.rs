//! What happens at a bound does not depend on batches, shards or executors; and it is what the documents say.

use std::sync::Arc;

use ensue::engine::{Config, Engine, PatternStats, projection};
use ensue::event::{BatchBuilder, PartitionId, StreamId};
use ensue::lang::hir::{KeepPolicy, Program};
use ensue::matcher::{Bound, Bounds, Class};
use ensue::runtime::Workers;
use ensue::{EngineError, EventTime, Value, diag, lang};

const STREAM: &str = "stream s { key int x int ts timestamp event time ts }\n";

/// One pattern for each way of holding what is open, with the class that it has by default.
const PATTERNS: [(&str, Class); 7] = [
    ("match all a where x < 30 then b where x > 90 then c where x < 20 within 300ms", Class::Queues),
    (
        "match a where x < 30 then b where x > 60 then not c where x == 50 for 40ms within 300ms",
        Class::Queues,
    ),
    ("match all a where x < 80 next b where x < 90 next c where x < 70 within 300ms", Class::Strict),
    ("match all a where x < 10 then any b where x > 95 within 300ms", Class::Enumerable),
    ("match longest a{2,4} where x < 40 then b where x > 80 within 300ms", Class::Runs),
    (
        "match all a where x < 10 then any b{1,2} any where x > 90 then c where x > a.x within 200ms",
        Class::Runs,
    ),
    ("match all a where x < 30 then b where x > a.x + 70 skip past last within 300ms", Class::Runs),
];

const EVENTS: u64 = 1_000;

/// How the events reach the engine.
#[derive(Clone, Copy, Debug)]
struct Way {
    batch: u64,
    shards: u32,
    threads: bool,
    class: Option<Class>,
}

const ONE: Way = Way { batch: EVENTS, shards: 1, threads: false, class: None };

fn program(text: &str) -> Arc<Program> {
    let loaded = lang::load::load_text("bounds.cep", text);
    let (program, diagnostics) = lang::check::check(&loaded.sources, &loaded.files);
    let all: Vec<_> = loaded.diagnostics.into_iter().chain(diagnostics).collect();
    assert!(all.is_empty(), "{}", diag::render_text(&loaded.sources, &all, false));
    Arc::new(program)
}

fn pattern(name: &str, body: &str) -> String {
    format!("pattern {name} {{ on s by key {body} emit {name}_out {{ key: key, n: count(a) }} }}\n")
}

/// Keys, values and times of some events: the same in every run, with some of one time.
fn events() -> Vec<(i64, i64, i64)> {
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64 % below as i64
    };
    let mut time = 0;
    (0..EVENTS)
        .map(|_| {
            time += random(3);
            (random(9), random(100), time)
        })
        .collect()
}

/// What came of a run: records as text, counts, and what was said of bounds.
#[derive(PartialEq, Debug)]
struct Outcome {
    records: Vec<String>,
    stats: Vec<PatternStats>,
    reached: Vec<String>,
}

fn run(program: &Arc<Program>, bounds: Bounds, way: Way) -> Result<Outcome, EngineError> {
    let config = Config { executor: way.class, shards: way.shards, bounds, ..Config::default() };
    let mut engine = Engine::new(Arc::clone(program), &config)?;
    if way.threads {
        engine.staff(Workers::start).expect("a few threads");
    }
    engine.add_partition(StreamId(0));
    let types = projection(program, engine.patterns(), StreamId(0), false);
    let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
    let (mut records, mut reached) = (Vec::new(), Vec::new());
    for (number, (key, x, time)) in (1..).zip(events()) {
        builder.set(0, Value::Int(key));
        builder.set(1, Value::Int(x));
        builder.end_row(EventTime::from_millis(time), number);
        if number % way.batch == 0 {
            engine.push(builder.finish());
            engine.advance()?;
            records.extend(engine.take_records());
            reached.extend(engine.take_reached());
        }
    }
    engine.push(builder.finish());
    engine.finish(true)?;
    records.extend(engine.take_records());
    reached.extend(engine.take_reached());
    let shown = |record: &ensue::Record| format!("{} {:?} {:?}", record.at, record.kind, record.fields);
    Ok(Outcome {
        records: records.iter().map(shown).collect(),
        stats: engine.stats().patterns,
        reached: reached.iter().map(|one| format!("{:?} {} {:?}", one.bound, one.at, one.keys)).collect(),
    })
}

/// All ways that must give the same as one.
fn ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for (batch, shards, threads) in [(1, 1, false), (7, 3, false), (EVENTS, 5, false), (64, 3, true)] {
        ways.push(Way { batch, shards, threads, class: None });
        ways.push(Way { batch, shards, threads, class: Some(Class::Runs) });
    }
    ways
}

fn bounded(policy: KeepPolicy) -> Bounds {
    Bounds { policy, ..Bounds::default() }
}

#[test]
fn what_is_open_is_bounded_whatever_holds_it() {
    for (body, class) in PATTERNS {
        let program = program(&format!("{STREAM}{}", pattern("p", body)));
        let unbounded = run(&program, Bounds::default(), ONE).expect("no bound is near");
        for (policy, open_max) in [(KeepPolicy::DropOldest, 16), (KeepPolicy::DropNewest, 9)] {
            let bounds = Bounds { open_max, ..bounded(policy) };
            let one = run(&program, bounds, ONE).expect("it drops");
            assert!(one.stats[0].ended > 10, "{class} {policy:?} {:?}", one.stats);
            assert_ne!(one.records, unbounded.records, "{class} {policy:?}");
            assert!(one.reached.len() == 1 && one.reached[0].starts_with("Open"), "{:?}", one.reached);
            for way in ways() {
                let other = run(&program, bounds, way).expect("it drops");
                assert_eq!(one, other, "{class} {policy:?} {way:?}\n{body}");
            }
        }
    }
}

#[test]
fn rules_of_a_family_are_bounded_one_by_one() {
    let rule = |at: i64| {
        let body = format!("match all a where x < {} then b where x > {} within 300ms", 10 + 9 * at, 97 - at);
        pattern(&format!("rule_{at}"), &body)
    };
    let program = program(&format!("{STREAM}{}", (0..4).map(rule).collect::<String>()));
    let bounds = Bounds { open_max: 16, ..bounded(KeepPolicy::DropOldest) };
    let one = run(&program, bounds, ONE).expect("it drops");
    assert!(one.stats[3].ended > one.stats[1].ended && one.stats[1].ended > 0, "{:?}", one.stats);
    for way in ways() {
        let mut other = run(&program, bounds, way).expect("it drops");
        // The counts of what is open belong to the first of a family.
        for (other, one) in other.stats.iter_mut().zip(&one.stats) {
            (other.runs, other.keys) = (one.runs, one.keys);
        }
        assert_eq!(one, other, "{way:?}");
    }
}

/// The definition, for a chain of two: first events are counted after every second event, and of more than 16 the oldest
/// are dropped until 14 are left.
#[test]
fn the_oldest_go_first() {
    let program = program(&format!(
        "{STREAM}{}",
        pattern("p", "match all a where x < 30 then b where x > 90 within 300ms")
    ));
    let bounds = Bounds { open_max: 16, ..bounded(KeepPolicy::DropOldest) };
    let found = run(&program, bounds, ONE).expect("it drops");
    let mut open: Vec<(i64, i64, i64)> = Vec::new();
    let (mut matches, mut ended) = (0, 0);
    for (number, (key, x, time)) in (1..).zip(events()) {
        open.retain(|(_, _, began)| time - began < 300);
        if x > 90 {
            let before = open.len();
            open.retain(|(of, ..)| *of != key);
            matches += (before - open.len()) as u64;
        }
        if x < 30 {
            open.push((key, x, time));
        }
        if number % 2 == 0 && open.len() > 16 {
            let last_to_go = open[open.len() - 15].2;
            let before = open.len();
            open.retain(|(_, _, began)| *began > last_to_go);
            ended += (before - open.len()) as u64;
        }
    }
    assert!(ended > 100);
    assert_eq!((found.stats[0].matches, found.stats[0].ended), (matches, ended));
}

#[test]
fn too_much_open_fails_at_the_same_place_with_the_same_words() {
    let texts = PATTERNS.iter().enumerate().map(|(at, (body, _))| pattern(&format!("p{at}"), body));
    let program = program(&format!("{STREAM}{}", texts.collect::<String>()));
    let bounds = Bounds { open_max: 18, ..Bounds::default() };
    let said = |way| run(&program, bounds, way).expect_err("it fails").to_string();
    let one = said(ONE);
    assert!(one.contains("more than 18 open partial matches (such as key `"), "{one}");
    for way in ways() {
        assert_eq!(one, said(way), "{way:?}");
    }
}

#[test]
fn an_event_completes_so_many_matches_and_no_more() {
    let body = "match all a where x < 30 then any b where x > 60 then any c where x > 80 within 200ms";
    let program = program(&format!("{STREAM}{}", pattern("p", body)));
    let all = run(&program, Bounds::default(), ONE).expect("no bound is near");
    let bounds = Bounds { matches_per_event_max: 5, ..bounded(KeepPolicy::DropNewest) };
    let one = run(&program, bounds, ONE).expect("it is cut short");
    assert!(one.stats[0].cut_short > 10 && one.records.len() < all.records.len());
    let mut left = all.records.iter();
    assert!(one.records.iter().all(|record| left.any(|other| other == record)), "in order, and no others");
    for way in ways() {
        assert_eq!(one, run(&program, bounds, way).expect("it is cut short"), "{way:?}");
    }
    let bounds = Bounds { policy: KeepPolicy::Fail, ..bounds };
    let said = |way| run(&program, bounds, way).expect_err("it fails").to_string();
    assert!(
        said(ONE).contains("more than 5 matches that one event completes (such as key `"),
        "{}",
        said(ONE)
    );
    for way in ways() {
        assert_eq!(said(ONE), said(way), "{way:?}");
    }
}

#[test]
fn the_runs_of_a_key_are_bounded_where_they_would_explode() {
    let body = "match all a{1,} any where x < 50 then b where x > 97 within 10s";
    let program = program(&format!("{STREAM}{}", pattern("p", body)));
    for policy in [KeepPolicy::DropOldest, KeepPolicy::DropNewest] {
        let bounds = Bounds { runs_per_key_max: 100, ..bounded(policy) };
        let one = run(&program, bounds, ONE).expect("it drops");
        assert!(one.stats[0].ended > 10, "{:?}", one.stats);
        assert!(one.reached[0].starts_with("RunsPerKey"), "{:?}", one.reached);
        for way in ways() {
            assert_eq!(one, run(&program, bounds, way).expect("it drops"), "{policy:?} {way:?}");
        }
    }
    let bounds = Bounds { runs_per_key_max: 100, ..Bounds::default() };
    let said = run(&program, bounds, ONE).expect_err("it fails").to_string();
    for way in ways() {
        assert_eq!(said, run(&program, bounds, way).expect_err("it fails").to_string(), "{way:?}");
    }
}

#[test]
fn the_oldest_make_room_where_memory_ends() {
    // Of a class that counts single runs: others take memory in segments of thousands of events.
    let program = program(&format!(
        "{STREAM}{}",
        pattern("p", "match longest a{2,4} where x < 40 then b where x > 80 within 300ms")
    ));
    let few = Way { batch: 16, ..ONE };
    let bounds = Bounds { state_bytes_max: Some(8_000), ..bounded(KeepPolicy::DropOldest) };
    for way in [few, Way { shards: 3, ..few }, Way { shards: 3, threads: true, ..few }] {
        let outcome = run(&program, bounds, way).expect("it drops");
        assert!(outcome.stats[0].ended > 10, "{way:?} {:?}", outcome.stats);
        assert!(outcome.reached[0].starts_with("State"), "{:?}", outcome.reached);
    }
    for policy in [KeepPolicy::Fail, KeepPolicy::DropNewest] {
        let said = run(&program, Bounds { policy, ..bounds }, few).expect_err("it fails").to_string();
        assert!(said.contains("8000"), "{said}");
    }
}

#[test]
fn what_keep_drops_is_told_once() {
    let body = "match all a where x < 30 then b where x > 90 within 300ms keep 2 per key, drop oldest";
    let program = program(&format!("{STREAM}{}", pattern("p", body)));
    let one = run(&program, Bounds::default(), ONE).expect("it drops");
    assert!(one.stats[0].dropped > 10);
    assert_eq!(one.reached.len(), 1);
    assert!(one.reached[0].starts_with(&format!("{:?}", Bound::Keep)), "{:?}", one.reached);
    for way in ways() {
        assert_eq!(one, run(&program, Bounds::default(), way).expect("it drops"), "{way:?}");
    }
}
