//! A pattern that finds nothing: `run` says what of it the first events never meet.

use crate::folder::{Folder, events, run};

const STREAM: &str = "stream tx { card string  amount int  n int  at timestamp  event time at }\n";

/// What a run of some patterns says behind its counts.
fn said(name: &str, patterns: &str, options: &str) -> String {
    let folder = Folder::empty(&format!("silent-{name}"));
    folder.write("p.cep", &format!("{STREAM}{patterns}"));
    folder.write("tx.jsonl", &events(0..3000));
    let (code, said) = run(&folder, &format!("run p.cep --in tx=tx.jsonl {options}"));
    assert_eq!(code, Some(0), "{said}");
    said.split_once("at its peak\n").map_or(String::new(), |(_, rest)| rest.to_owned())
}

fn pattern(name: &str, body: &str) -> String {
    format!("pattern {name} {{ on tx by card {body} emit alert {{ card: card }} }}\n")
}

#[test]
fn a_value_that_no_event_has_is_named_and_what_there_is_instead() {
    let typo =
        pattern("typo", "match a{2,} where card == \"c11\" and amount > 3 then b where amount > 9 within 1m");
    assert_eq!(
        said("value", &typo, ""),
        "note: `typo` has found nothing. Events that fit each step by themselves, of 3 000:
  a    0  card == \"c11\" and amount > 3
          no event with card == \"c11\": did you mean `c1`?
  b  273  amount > 9\n"
    );
    let far = pattern("far", "match a where amount between 50 and 60 and card in (\"x\", \"y\")");
    assert_eq!(
        said("range", &far, ""),
        "note: `far` has found nothing. Events that fit each step by themselves, of 3 000:
  a  0  amount between 50 and 60 and card in (\"x\", \"y\")
        no event with amount between 50 and 60: amount is from 0 to 10
        no event with card in (\"x\", \"y\"): values of card: c0, c1, c2, c3, c4, c5, c6\n"
    );
    let other = pattern("other", "match a where card != \"c1\" and n < 0");
    let text = said("other", &other, "");
    assert!(text.contains("        no event with n < 0: n is from 0 to 2999\n"), "{text}");
    let none = pattern("none", "match a where card < \"a\"");
    let text = said("none", &none, "");
    assert!(text.ends_with("        no event with card < \"a\"\n"), "{text}");
    let both = pattern("both", "match a where amount == 7919 * n % 11 and n == 0 and card == \"c1\"");
    let said = said("together", &both, "");
    assert!(said.contains("        each part of it is met, but by no event all together\n"), "{said}");
}

#[test]
fn a_backtest_says_it_too() {
    let folder = Folder::empty("silent-backtest");
    folder.write("p.cep", &format!("{STREAM}{}", pattern("far", "match a where amount > 99")));
    folder.write("tx.jsonl", &events(0..100));
    folder.write("labels.jsonl", "{\"card\":\"c1\",\"at\":1700000000250}\n");
    let (code, said) = run(&folder, "backtest p.cep --in tx=tx.jsonl --label-file labels.jsonl");
    let note = "note: `far` has found nothing. Events that fit each step by themselves, of 100:
  a  0  amount > 99
        no event with amount > 99: amount is from 0 to 10\n";
    assert!(code == Some(0) && said.contains(note), "{said}");
}

#[test]
fn where_every_step_has_events_it_says_what_they_are_not_together() {
    let order =
        pattern("order", "match a where n > 2990 then b where n < 10 and amount > a.amount within 1m");
    assert_eq!(
        said("order", &order, ""),
        "note: `order` has found nothing. Events that fit each step by themselves, of 3 000:
  a   9  n > 2990
  b  10  n < 10
  but never all of this:
    of one card
    in this order
    `b` with amount > a.amount
    within 1m\n"
    );
}

#[test]
fn an_absence_that_can_forbid_nothing_is_told_also_where_there_are_matches() {
    let body = "match a where amount > 9 then not c where card == \"C1\" or card == \"c33\" then b where amount > 9 within 1m";
    assert_eq!(
        said("absence", &pattern("idle", body), ""),
        "note: `not c` of `idle` forbids nothing: no event with card == \"C1\" or card == \"c33\": did you mean `c1`?\n"
    );
    assert_eq!(said("kept", &pattern("kept", &body.replace("C1", "c1")), ""), "");
    let never = body.replace("match a where amount > 9", "match a where n < 0");
    let text = said("both", &pattern("both", &never), "");
    assert!(text.contains("  not c    0  card == \"C1\" or card == \"c33\"\n"), "{text}");
}

#[test]
fn only_what_looks_like_a_mistake_is_told_of_many_and_nothing_of_what_finds() {
    let found = pattern("found", "match a where amount > 9");
    assert_eq!(said("found", &found, ""), "");
    let rare: String = (0..3)
        .map(|at| pattern(&format!("rare{at}"), "match a where n > 2990 then b where n < 10 within 1m"))
        .collect();
    assert_eq!(said("rare", &rare, ""), "");
    let never = pattern("never", "match a where amount > 99");
    let text = said("one-of-many", &format!("{rare}{never}"), "");
    assert!(text.starts_with("note: `never` has found nothing."), "{text}");
    assert_eq!(text.matches("note:").count(), 1, "{text}");
    assert_eq!(said("quiet", &never, "--quiet"), "");
}
