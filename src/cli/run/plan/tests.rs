//! Tests of what a run reads and writes.

use super::*;
use crate::lang::hir::{Emit, Mode, Pattern, Skip, Source, Stream, Written};
use crate::time::Duration;

fn stream(name: &str, origin: Origin) -> Stream {
    Stream { name: name.to_owned(), doc: None, fields: Vec::new(), origin }
}

fn source(name: &str) -> Stream {
    stream(name, Origin::Source { time_field: 0, disorder: Duration::ZERO, idle: None })
}

fn pattern(id: u32, name: &str, reads: &[u32], emits: u32) -> Pattern {
    let source = |stream: &u32| Source {
        stream: StreamId(*stream),
        filter: None,
        fields: Vec::new(),
        keys: Vec::new(),
    };
    Pattern {
        id: PatternId(id),
        name: name.to_owned(),
        doc: None,
        meta: Vec::new(),
        level: 0,
        sources: reads.iter().map(source).collect(),
        keys: Vec::new(),
        slots: Vec::new(),
        steps: Vec::new(),
        groups: Vec::new(),
        body: Vec::new(),
        mode: Mode::First,
        skip: Skip::PastLast,
        within: None,
        having: None,
        limit: None,
        keep: None,
        emits: vec![Emit { stream: StreamId(emits), fields: Vec::new() }],
        tally: None,
        timeout_emits: Vec::new(),
        drains: false,
        written: Written::default(),
    }
}

/// `spree` reads `tx` and emits `alert`; `gang` reads `alert` and emits `case`; `bot` reads `logins`.
fn program() -> Program {
    let derived = |patterns: &[u32], level| Origin::Derived {
        patterns: patterns.iter().map(|id| PatternId(*id)).collect(),
        level,
    };
    Program {
        streams: vec![
            source("tx"),
            source("logins"),
            stream("alert", derived(&[0], 0)),
            stream("bots", derived(&[2], 0)),
            stream("case", derived(&[1], 1)),
        ],
        patterns: vec![pattern(0, "spree", &[0], 2), pattern(1, "gang", &[2], 4), pattern(2, "bot", &[1], 3)],
        tests: Vec::new(),
    }
}

fn file(path: &str) -> Input {
    Input::File(PathBuf::from(path))
}

fn wishes(select: &[&str], inputs: &[(&str, &str)], outputs: &[(&str, &str)]) -> Wishes {
    let output = |place: &str| match place {
        "-" => Output::Stdout,
        path => Output::File(PathBuf::from(path)),
    };
    Wishes {
        nameless: Vec::new(),
        select: select.iter().map(|name| (*name).to_owned()).collect(),
        inputs: inputs.iter().map(|(name, path)| ((*name).to_owned(), vec![file(path)])).collect(),
        outputs: outputs.iter().map(|(name, place)| ((*name).to_owned(), output(place))).collect(),
    }
}

fn refusal(wishes: &Wishes) -> String {
    match plan(&program(), wishes) {
        Err(CliError::Asked { message, help }) => format!("{message}; {}", help.join("; ")),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn an_input_that_is_not_bound_is_answered_with_the_flag() {
    assert_eq!(
        refusal(&wishes(&[], &[("tx", "a")], &[])),
        "stream `logins` has no input; add --in logins=PATH; or run only what does not read it: --select spree,gang"
    );
    assert_eq!(
        refusal(&wishes(&[], &[], &[])),
        "streams `tx`, `logins` have no input; add --in tx=PATH --in logins=PATH"
    );
}

#[test]
fn a_selected_pattern_brings_those_it_reads_from() {
    let planned = plan(&program(), &wishes(&["gang"], &[("tx", "a")], &[])).expect("a plan");
    assert_eq!(planned.patterns, [PatternId(0), PatternId(1)]);
    assert_eq!(planned.partitions, [(StreamId(0), file("a"))]);
}

#[test]
fn partitions_keep_the_order_given() {
    let planned =
        plan(&program(), &wishes(&["bot"], &[("logins", "b"), ("logins", "a")], &[])).expect("a plan");
    assert_eq!(planned.partitions, [(StreamId(1), file("b")), (StreamId(1), file("a"))]);
    let twice = refusal(&wishes(&["bot"], &[("logins", "b"), ("logins", "b")], &[]));
    assert!(twice.starts_with("b is bound twice"), "{twice}");
}

#[test]
fn without_an_output_all_records_go_to_stdout() {
    let planned =
        plan(&program(), &wishes(&["spree"], &[("tx", "a")], &[("tx.late", "late")])).expect("a plan");
    assert_eq!(planned.sinks, [Output::File(PathBuf::from("late")), Output::Stdout]);
    assert_eq!(planned.streams[0].late, Some(0));
    assert_eq!(planned.streams[2].records, Some(1));
}

#[test]
fn one_bound_output_leaves_the_others_unwritten() {
    let planned =
        plan(&program(), &wishes(&["gang"], &[("tx", "a")], &[("case", "out/case.jsonl")])).expect("a plan");
    assert_eq!(planned.streams[4].records, Some(0));
    assert_eq!(planned.streams[2].records, None);
    assert_eq!(planned.streams[0].bad_file, PathBuf::from("out/tx.bad.jsonl"));
}

#[test]
fn names_that_cannot_be_bound_are_refused_with_what_to_write() {
    let inputs = [("tx", "a"), ("logins", "b")];
    assert_eq!(refusal(&wishes(&["bots"], &inputs, &[])), "there is no pattern `bots`; did you mean `bot`?");
    assert!(refusal(&wishes(&[], &inputs, &[("alerts", "o")])).ends_with("did you mean `alert`?"));
    assert!(refusal(&wishes(&[], &inputs, &[("tx", "o")])).ends_with("tx.late, tx.bad"));
    assert!(refusal(&wishes(&[], &inputs, &[("alert.late", "o")])).ends_with("--out alert=PATH"));
    assert!(refusal(&wishes(&[], &inputs, &[("alert", "o"), ("alert", "p")])).contains("two places"));
    assert!(refusal(&wishes(&[], &[("alert", "a")], &[])).contains("made by patterns"));
}

#[test]
fn what_nothing_reads_is_named() {
    let planned = plan(&program(), &wishes(&["bot"], &[("tx", "a"), ("logins", "b")], &[("alert", "o")]))
        .expect("a plan");
    assert_eq!(planned.partitions.len(), 1);
    assert_eq!(planned.unused.len(), 2, "{:?}", planned.unused);
}
