//! Rules of one shape give the same records together as each alone.

use std::fmt::Write as _;
use std::sync::Arc;

use ensue::engine::{Config, Engine, Record, projection};
use ensue::event::{BatchBuilder, PartitionId, StreamId};
use ensue::lang::hir::Program;
use ensue::matcher::Class;

use ensue::{EventTime, Value, diag, lang};

/// More than the bits of a word.
const RULES: i64 = 70;
const EVENTS: u64 = 3_000;
const BATCH_EVENTS: usize = 128;

fn program() -> Arc<Program> {
    let mut text = "stream s { key int x int? y int ts timestamp event time ts }".to_owned();
    for rule in 0..RULES {
        let (low, high, other) = (3 + rule % 11, 90 - rule % 17, rule % 5);
        write!(
            text,
            "pattern rule_{rule} {{
                on s by key
                match all a where x <= {low} and y != {other}
                then b where x < {low}
                then c where x > {high} and {other} <= y
                within 40ms
                emit out {{ key: key, first: a.y, last: c.x, n: {rule} }}
            }}\n"
        )
        .expect("text can be written to");
    }
    let loaded = lang::load::load_text("families.cep", &text);
    let (program, diagnostics) = lang::check::check(&loaded.sources, &loaded.files);
    let all: Vec<_> = loaded.diagnostics.into_iter().chain(diagnostics).collect();
    assert!(all.is_empty(), "{}", diag::render_text(&loaded.sources, &all, false));
    Arc::new(program)
}

/// Events that a simple generator makes: the same in every run.
fn records(program: &Arc<Program>, executor: Option<Class>) -> (Vec<Record>, Option<Class>) {
    let config = Config { executor, ..Config::default() };
    let mut engine = Engine::new(Arc::clone(program), &config).expect("the class takes every rule");
    engine.add_partition(StreamId(0));
    let types = projection(program, engine.patterns(), StreamId(0), false);
    let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
    let mut records = Vec::new();
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut time = 0;
    for number in 1..=EVENTS {
        time += random(3) as i64;
        builder.set(0, Value::Int(random(4) as i64));
        builder.set(1, if random(20) == 0 { Value::Null } else { Value::Int(random(100) as i64) });
        builder.set(2, Value::Int(random(5) as i64));
        builder.set(3, Value::Timestamp(EventTime::from_millis(time)));
        builder.end_row(EventTime::from_millis(time), number);
        if builder.len() == BATCH_EVENTS {
            engine.push(builder.finish());
            engine.advance().expect("no bound is set");
            records.extend(engine.take_records());
        }
    }
    engine.push(builder.finish());
    engine.finish(true).expect("no bound is set");
    records.extend(engine.take_records());
    let class = engine.class(engine.patterns()[0]);
    (records, class)
}

#[test]
fn rules_of_one_shape_give_together_what_each_gives_alone() {
    let program = program();
    let (together, class) = records(&program, None);
    assert_eq!(class, Some(Class::Family));
    assert!(together.len() > 1_000, "{} records", together.len());
    for alone in [Class::Queues, Class::Runs] {
        let (expected, _) = records(&program, Some(alone));
        assert!(together == expected, "{alone}: {} and {}", together.len(), expected.len());
    }
}
