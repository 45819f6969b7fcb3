//! Tests of how scripts are run: checkpoints, watermarks, what is complete.

use super::*;
use crate::diag::{Severity, render_text};
use crate::lang::{check, load};

const STREAMS: &str = "
stream tx {
    card string
    kind string
    amount decimal(2)?
    at timestamp
    event time at, disorder 10s
}
pattern spree {
    on tx by card
    match a where kind == \"a\"
    then b where kind == \"b\"
    within 1m
    emit alert { card: card, amount: b.amount, share: 1 / 3 }
    on timeout emit alert { card: card }
}
";

fn program(script: &str) -> Arc<Program> {
    let loaded = load::load_text("t.cep", &format!("{STREAMS}\n{script}"));
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    let all: Vec<_> = loaded.diagnostics.into_iter().chain(found).collect();
    let is_error = |severity| severity == Severity::Error;
    assert!(
        !all.iter().any(|diagnostic| is_error(diagnostic.severity)),
        "{}",
        render_text(&loaded.sources, &all, false)
    );
    Arc::new(program)
}

/// Runs the only test, in several ways that must agree.
fn outcome(script: &str) -> TestOutcome {
    let program = program(script);
    let run = |shards, batch_events_max| {
        let options = TestOptions { shards, batch_events_max, ..TestOptions::default() };
        run_test(&program, &program.tests[0], options).expect("it runs")
    };
    let first = run(1, 1);
    for (shards, batch_events_max) in [(1, 64), (2, 3), (5, 1)] {
        assert_eq!(run(shards, batch_events_max), first, "{shards} shards, batches of {batch_events_max}");
    }
    first
}

fn failing(outcome: &TestOutcome) -> Vec<(Expected, bool, usize, usize)> {
    let blocks = outcome.checkpoints.iter().flat_map(|checkpoint| &checkpoint.blocks);
    blocks
        .filter(|block| !block.passed())
        .map(|block| (block.kind, block.named, block.expected.len(), block.found.len()))
        .collect()
}

const GIVEN: &str = "
    given tx
        | at       | card | kind | amount |
        | 12:00:00 | c1   | a    |        |
        | 12:00:20 | c1   | b    | 5.00   |
";

#[test]
fn what_comes_out_as_expected_passes() {
    let script = format!(
        "test spree \"t\" {{ {GIVEN}
    expect alert
        | at       | card | amount | share        |
        | 12:00:20 | c1   | 5.00   | 0.3333333333 |
}}"
    );
    let outcome = outcome(&script);
    assert!(outcome.passed(), "{outcome:?}");
}

#[test]
fn a_value_too_many_or_too_few_fails() {
    let wrong = format!("test spree \"t\" {{ {GIVEN}\n expect alert\n | card | amount |\n | c1 | 5.01 |\n}}");
    assert_eq!(failing(&outcome(&wrong)), [(Expected::Match, true, 1, 1)]);
    let none = format!("test spree \"t\" {{ {GIVEN}\n expect nothing\n}}");
    assert_eq!(failing(&outcome(&none)), [(Expected::Match, false, 0, 1)]);
    let timeout = format!("test spree \"t\" {{ {GIVEN}\n expect timeout alert\n | card |\n | c1 |\n}}");
    assert_eq!(
        failing(&outcome(&timeout)),
        [(Expected::Timeout, true, 1, 0), (Expected::Match, false, 0, 1)]
    );
}

#[test]
fn a_checkpoint_sees_what_the_watermark_let_out_since_the_one_before() {
    let script = format!(
        "test spree \"t\" {{ {GIVEN}
    given tx
        | at       | card | kind |
        | 12:00:30 | c2   | a    |
    watermark 12:00:20
    expect nothing
    watermark 12:00:21
    expect alert
        | card |
        | c1   |
    watermark 12:01:30
    expect timeout alert
        | at       | card |
        | 12:01:30 | c2   |
    expect alert
        | card |
}}"
    );
    let outcome = outcome(&script);
    assert!(outcome.passed(), "{outcome:?}");
    assert_eq!(outcome.checkpoints.len(), 3);
}

#[test]
fn the_input_ends_before_the_last_checkpoint_unless_a_watermark_stands_there() {
    let open = "test spree \"t\" { given tx\n | at | card | kind |\n | 12:00:00 | c1 | a |\n";
    let ended = outcome(&format!("{open} expect timeout alert\n | at |\n | 12:01:00 |\n}}"));
    assert!(ended.passed(), "{ended:?}");
    let standing = outcome(&format!("{open} watermark 12:00:59\n expect nothing\n}}"));
    assert!(standing.passed(), "{standing:?}");
}

#[test]
fn late_events_are_shown_and_must_be_named() {
    let late = "test spree \"t\" { given tx
        | at       | card | kind |
        | 12:00:20 | c1   | x    |
        | 12:00:05 | c1   | a    |
        | 12:00:10 | c1   | x    |
    ";
    let named = outcome(&format!("{late} expect late tx\n | at | kind |\n | 12:00:05 | a |\n}}"));
    assert!(named.passed(), "{named:?}");
    let unnamed = outcome(&format!("{late} expect nothing\n}}"));
    assert_eq!(failing(&unnamed), [(Expected::Late, false, 0, 1)]);
}

#[test]
fn a_watermark_counts_in_blocks_that_come_later() {
    let script = "test spree \"t\" {
    watermark 12:00:00
    given tx
        | at       | card | kind |
        | 11:59:59 | c1   | a    |
        | 12:00:00 | c1   | b    |
    expect late tx
        | kind |
        | a    |
}";
    let outcome = outcome(script);
    assert!(outcome.passed(), "{outcome:?}");
}

#[test]
fn blocks_are_read_side_by_side() {
    let script = "test spree \"t\" {
    given tx
        | at       | card | kind |
        | 12:00:00 | c1   | a    |
        | 12:00:50 | c1   | x    |
    given tx
        | at       | card | kind |
        | 12:00:20 | c1   | b    |
    expect alert
        | at       |
        | 12:00:20 |
}";
    let outcome = outcome(script);
    assert!(outcome.passed(), "{outcome:?}");
}

#[test]
fn a_shuffle_moves_rows_makes_none_late_and_changes_nothing() {
    let program = program(
        "test spree \"t\" {
    given tx
        | at       | card | kind |
        | 12:00:00 | c1   | a    |
        | 12:00:04 | c2   | a    |
        | 12:00:04 | c2   | b    |
        | 12:00:09 | c1   | b    |
        | 12:00:13 | c2   | b    |
    expect alert
        | card |
        | c2   |
        | c1   |
}",
    );
    let test = &program.tests[0];
    let written = run_test(&program, test, TestOptions::default()).expect("it runs");
    assert!(written.passed(), "{written:?}");
    let mut moved = 0;
    for seed in 0..20 {
        let options = TestOptions { shuffle_seed: Some(seed), ..TestOptions::default() };
        let TestCommand::Given { rows, .. } = &test.commands[0] else { panic!("it starts with rows") };
        let mut script = Script::new(&program, test, options).expect("it runs");
        script.wait(rows);
        let order = &script.partitions[0].order;
        let place = |row: usize| order.iter().position(|one| *one == row).expect("every row is there");
        assert!(place(1) < place(2), "equal times keep their order: {order:?}");
        moved += usize::from(!order.is_sorted());
        assert_eq!(run_test(&program, test, options).expect("it runs"), written, "seed {seed}: {order:?}");
    }
    assert!(moved > 5, "{moved} of 20 seeds move a row");
}
