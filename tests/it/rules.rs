//! Rules that change while there is state of them: what is kept, what drains, what is dropped, and what is refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::folder::{Folder, events as text, run};

const STREAM: &str =
    "stream tx { card string  amount int  n int  at timestamp  event time at, disorder 1s }\n";

/// Events of a run, a quarter of a second after each other.
const EVENTS: usize = 12_000;

fn pattern(name: &str, body: &str) -> String {
    format!("pattern {name} {{ on tx by card {body} within 10m emit alert {{ card: card, first: a.n }} }}\n")
}

/// Bodies of every class.
const BODIES: [(&str, &str); 9] = [
    ("strict", "match all a where amount > 4 next b where amount > a.amount"),
    ("queues", "match all a where amount > 6 then b where amount < 3"),
    ("skipping", "match a where amount > 6 then b where amount < 3"),
    ("starts", "match all a where amount > 6 then b where amount > a.amount"),
    ("looking_back", "match not q where amount == 10 for 3s then a where amount > 6 then b where amount > 3"),
    ("looping", "match a where amount > 7 then b{2,} where amount < 4 then c where amount > 8"),
    ("enumerable", "match all a where amount > 9 then any b where amount < 1"),
    ("waiting", "match all a where amount > 8 then not b where amount == 10 for 5s"),
    ("runs", "match longest a where amount > 9 then b{1,2} where amount > 6 then c where amount == 2"),
];

const RUN: &str = "run p.cep --in tx=tx.jsonl --state state --checkpoint-every 500 --out alert=";

/// A folder with the state of a run over these patterns that was broken off at two thirds of its events, by a bad line.
fn broken_off(name: &str, patterns: &str) -> Folder {
    let folder = Folder::empty(&format!("rules-{name}"));
    folder.write("p.cep", &format!("{STREAM}{patterns}"));
    folder.write("tx.jsonl", &format!("{}nope\n", text(0..EVENTS * 2 / 3 + 300)));
    let (code, why) = run(&folder, &format!("{RUN}out.jsonl --strict"));
    assert_eq!(code, Some(2), "{why}");
    folder.write("tx.jsonl", &text(0..EVENTS));
    folder
}

/// Goes on with these patterns, and gives what was said.
fn go_on(folder: &Folder, patterns: &str, flags: &str) -> String {
    folder.write("p.cep", &format!("{STREAM}{patterns}"));
    let (code, said) = run(folder, &format!("{RUN}out.jsonl {flags}"));
    assert_eq!(code, Some(0), "{said}");
    said
}

/// What an unbroken run over these patterns finds.
fn unbroken(folder: &Folder, patterns: &str) -> String {
    folder.write("whole.cep", &format!("{STREAM}{patterns}"));
    let (code, said) = run(folder, "run whole.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    assert_eq!(code, Some(0), "{said}");
    folder.read("whole.jsonl")
}

/// The records of a pattern, in order.
fn of<'a>(records: &'a str, pattern: &str) -> Vec<&'a str> {
    let named = format!("\"pattern\":\"{pattern}\"");
    records.lines().filter(|line| line.contains(&named)).collect()
}

fn first_of(record: &str) -> usize {
    let behind = record.split("\"first\":").nth(1).expect("it says which was first");
    behind.trim_end_matches('}').parse().expect("a number")
}

/// The events that were worked on before the change: those more than the disorder before the last that was read.
fn worked_on(said: &str) -> usize {
    let before = said.split(" events are behind").next().expect("it says where it goes on");
    let read: usize = before.rsplit(' ').next().expect("a number").parse().expect(said);
    read - 1 - 4
}

#[test]
fn what_has_not_changed_is_kept_whatever_stands_beside_it() {
    let all: Vec<String> = BODIES.iter().map(|(name, body)| pattern(name, body)).collect();
    let folder = broken_off("kept", &all.concat());
    // In another order, with others before, between and behind, without the last, and with a comment.
    let mut now: Vec<String> = all[..all.len() - 1].iter().rev().cloned().collect();
    now.insert(3, pattern("more", "match all a where amount > 9 then b where amount > 8"));
    now.push(pattern("last", "match a where n > 11000 then b where amount > 8"));
    folder.write("other.cep", "// a comment\nstream other { x int  at timestamp  event time at }\n");
    let now = format!("use \"other.cep\"\n{}", now.concat());
    let said = go_on(&folder, &now, "--changed reset");
    assert!(said.contains("`runs` is not there any more"), "{said}");
    assert!(said.contains("`more` is new: it begins here"), "{said}");
    assert!(!said.contains("`queues`"), "{said}");
    let (whole, found) = (unbroken(&folder, &now), folder.read("out.jsonl"));
    for (name, _) in &BODIES[..BODIES.len() - 1] {
        assert!(of(&whole, name).len() > 50, "{name}: {}", of(&whole, name).len());
        assert_eq!(of(&found, name), of(&whole, name), "{name}");
    }
    assert_eq!(of(&found, "last"), of(&whole, "last"));
    let since = worked_on(&said);
    assert!(of(&found, "more").iter().all(|record| first_of(record) >= since), "{since}");
    assert!(of(&found, "more").len() > 10);
}

#[test]
fn what_has_changed_drains_in_every_class() {
    let all: Vec<String> = BODIES.iter().map(|(name, body)| pattern(name, body)).collect();
    let folder = broken_off("drained", &all.concat());
    let (_, why) = run(&folder, "check p.cep --against state");
    assert!(why.contains("kept: "), "{why}");
    let whole = unbroken(&folder, &all.concat());
    // What a match begins with is another event now.
    let changed = all.concat().replace("amount >", "amount >= 1 and amount >");
    let said = go_on(&folder, &changed, "--changed drain");
    let since = worked_on(&said);
    let anew = unbroken(&folder, &changed);
    let found = folder.read("out.jsonl");
    for (name, _) in BODIES {
        let is_old = |record: &&&str| first_of(record) < since;
        let expected: BTreeSet<&str> = of(&whole, name).iter().filter(is_old).copied().collect();
        let drained: BTreeSet<&str> = of(&found, name).iter().filter(is_old).copied().collect();
        assert_eq!(drained, expected, "{name}");
        // What skips depends on what was found before.
        if all.concat().contains(&format!("pattern {name} {{ on tx by card match all")) {
            let is_new = |record: &&&str| first_of(record) >= since;
            let expected: Vec<&str> = of(&anew, name).iter().filter(is_new).copied().collect();
            let begun: Vec<&str> = of(&found, name).iter().filter(is_new).copied().collect();
            assert_eq!(begun, expected, "{name}");
            assert!(begun.len() > 50, "{name}: {}", begun.len());
        }
    }
}

#[test]
fn what_is_reset_is_dropped_and_nobody_is_not_asked() {
    let (name, body) = BODIES[3];
    let patterns = format!("{}{}", pattern(name, body), pattern(BODIES[1].0, BODIES[1].1));
    let folder = broken_off("reset", &patterns);
    let changed = patterns.replace("> a.amount", ">= a.amount");
    folder.write("p.cep", &format!("{STREAM}{changed}"));
    let before = folder.read("out.jsonl");
    let (code, said) = run(&folder, "check p.cep --against state");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("starts  changed    asks for --changed drain or reset, "), "{said}");
    assert!(said.contains("what differs: its steps") && said.contains("queues  unchanged  kept: "), "{said}");
    let (code, said) = run(&folder, "check p.cep --against state --changed starts=reset --format json");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("\"action\":\"reset\",\"change\":\"changed\",\"differences\":[\"its steps\"]"),
        "{said}"
    );
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl"));
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("a pattern is not what the state in state is of: `starts` has changed (its steps), ")
    );
    assert!(said.contains("help: --changed drain: "), "{said}");
    assert_eq!(folder.read("out.jsonl"), before, "nothing was written");
    let said = go_on(&folder, &changed, "--changed starts=reset");
    let since = worked_on(&said);
    assert!(
        said.contains("`starts` has changed (its steps), ") && said.contains(": they are dropped"),
        "{said}"
    );
    let found = folder.read("out.jsonl");
    let anew: Vec<&str> = of(&found, "starts");
    assert!(anew.len() > 50);
    let (old, _): (Vec<&str>, Vec<&str>) = anew.iter().partition(|record| first_of(record) < since);
    let last = old.iter().filter_map(|record| before.lines().position(|line| *line == **record));
    assert_eq!(last.count(), old.len(), "what was begun before the change was found before it");
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl --changed starts=reset"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("has come to its end"), "{said}");
}

/// Rules that are a family: more of them than are alone.
fn family(rules: impl Iterator<Item = usize>) -> String {
    let mut text = String::new();
    for rule in rules {
        let (low, high) = (5 + rule % 5, rule % 7);
        let body = format!("match all a where amount > {low} then b where amount < {high}");
        write!(text, "{}", pattern(&format!("rule_{rule}"), &body)).expect("text can be written to");
    }
    text
}

#[test]
fn rules_of_a_family_keep_their_state_when_others_change() {
    let folder = broken_off("family", &family(0..80));
    // Rules are taken away, added, and one is another one.
    let rules = (0..120).filter(|rule| rule % 3 != 0);
    let now = family(rules.clone()).replace(
        "pattern rule_1 { on tx by card match all a where amount > 6",
        "pattern rule_1 { on tx by card match all a where amount > 7",
    );
    let old = unbroken(&folder, &family(0..80));
    let said = go_on(&folder, &now, "--changed drain");
    assert!(said.contains("`rule_1` has changed (its steps)"), "{said}");
    assert!(said.contains("`rule_3` is not there any more"), "{said}");
    let since = worked_on(&said);
    let (whole, found) = (unbroken(&folder, &now), folder.read("out.jsonl"));
    for rule in (2..80).filter(|rule| rule % 3 != 0) {
        let name = format!("rule_{rule}");
        assert_eq!(of(&found, &name), of(&whole, &name), "{name}");
    }
    let is_old = |record: &&&str| first_of(record) < since;
    for name in ["rule_3", "rule_1"] {
        let expected: Vec<&str> = of(&old, name).iter().filter(is_old).copied().collect();
        let drained: Vec<&str> = of(&found, name).iter().filter(is_old).copied().collect();
        assert_eq!(drained, expected, "{name}");
    }
    assert_eq!(of(&found, "rule_3").iter().filter(|record| first_of(record) >= since).count(), 0);
}

#[test]
fn what_drains_is_known_again_until_nothing_is_open_of_it() {
    let body = |low: usize| format!("match all a where amount > {low} then b where amount < 3");
    let old = pattern("p", &body(6)).replace("10m", "8m");
    let folder = broken_off("twice", &old);
    let stop_at = |folder: &Folder, events: usize| {
        folder.write("tx.jsonl", &format!("{}nope\n", text(0..events)));
        let (code, said) = run(folder, &format!("{RUN}out.jsonl --strict --changed drain"));
        assert_eq!(code, Some(2), "{said}");
        said
    };
    // Changed, stopped soon, changed again, stopped soon; then on to the end.
    folder.write("p.cep", &format!("{STREAM}{}", pattern("p", &body(7))));
    let first = stop_at(&folder, EVENTS * 2 / 3 + 400);
    assert!(first.contains("`p` has changed (its steps, `within`), "), "{first}");
    folder.write("p.cep", &format!("{STREAM}{}", pattern("p", &body(5))));
    let second = stop_at(&folder, EVENTS * 2 / 3 + 400);
    let (_, listed) = run(&folder, "state ls state");
    assert_eq!(listed.matches("  draining").count(), 1, "nothing was begun by the second: {listed}");
    assert!(!second.contains("finishes them"), "{second}");
    folder.write("tx.jsonl", &text(0..EVENTS));
    let said = go_on(&folder, &pattern("p", &body(5)), "");
    assert!(said.contains("p (draining)"), "{said}");
    let since = worked_on(&first);
    let (whole, found) = (unbroken(&folder, &old), folder.read("out.jsonl"));
    let is_old = |record: &&&str| first_of(record) < since;
    let expected: Vec<&str> = of(&whole, "p").iter().filter(is_old).copied().collect();
    let drained: Vec<&str> = of(&found, "p").iter().filter(is_old).copied().collect();
    assert_eq!(drained, expected);
    let last = expected.last().expect("it finds something");
    assert!(whole.lines().position(|line| line == *last).expect("it is there") > 100);
}

#[test]
fn a_pattern_that_drains_is_pruned_when_nothing_is_open_of_it() {
    let folder = broken_off("pruned", &pattern("p", "match all a where amount > 6 then b where amount < 3"));
    let (code, said) = run(&folder, "state prune state");
    assert_eq!((code, said.as_str()), (Some(0), "state: there is nothing to prune\n"));
    folder.write(
        "p.cep",
        &format!("{STREAM}{}", pattern("p", "match all a where amount > 7 then b where amount < 3")),
    );
    // The window closes long before the end: what drained has nothing open then.
    folder.write("tx.jsonl", &format!("{}nope\n", text(0..3 * EVENTS)));
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl --strict --changed drain"));
    assert_eq!(code, Some(2), "{said}");
    let (_, said) = run(&folder, "state show state --pattern p");
    assert!(!said.contains("(draining)"), "{said}");
    let (code, said) = run(&folder, "state prune state");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("would be pruned; --yes does it\n  p (draining): nothing is open of it"), "{said}");
    let (_, before) = run(&folder, "state ls state");
    assert!(before.contains("draining"), "{before}");
    let (code, said) = run(&folder, "state prune state --yes");
    assert_eq!(code, Some(0), "{said}");
    let (_, after) = run(&folder, "state ls state");
    assert!(!after.contains("draining") && after.contains("\n  p        queues "), "{after}");
    folder.write("tx.jsonl", &text(0..3 * EVENTS));
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl"));
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("(draining)"), "{said}");
}

/// Events that wait for the watermark were read without the fields that a new pattern reads.
#[test]
fn events_that_wait_are_read_again_where_a_new_pattern_reads_more_of_them() {
    let wide = STREAM.replace("disorder 1s", "disorder 5m");
    let folder = Folder::empty("rules-reread");
    let narrow = "pattern p { on tx by card match all a where amount > 6 then b where amount < 3 within 10m \
                  emit alert { card: card, first: a.amount } }\n";
    folder.write("p.cep", &format!("{wide}{narrow}"));
    // Empty lines are no events, and count as lines.
    folder.write("tx.jsonl", &format!("{}\n\n{}nope\n", text(0..4000), text(4000..EVENTS)));
    let (code, why) = run(&folder, &format!("{RUN}out.jsonl --strict"));
    assert_eq!(code, Some(2), "{why}");
    folder.write("tx.jsonl", &format!("{}\n\n{}", text(0..4000), text(4000..EVENTS)));
    let more = "pattern more { on tx by card match all a where amount > 6 and n > 0 then b where n > a.n within 10m \
                emit alert { card: card, first: a.n } }\n";
    folder.write("p.cep", &format!("{wide}{more}{narrow}"));
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("`more` is new: it begins here"), "{said}");
    let (code, _) = run(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    assert_eq!(code, Some(0));
    let (whole, found) = (folder.read("whole.jsonl"), folder.read("out.jsonl"));
    assert_eq!(of(&found, "p"), of(&whole, "p"));
    // Events of five minutes waited: 1 200 of those that were read.
    let before = worked_on(&said) + 5;
    let begun: Vec<&str> = of(&found, "more");
    let first = begun.iter().map(|record| first_of(record)).min().expect("it finds something");
    assert!((before - 1250..before - 1150).contains(&first), "{first} of {before}");
    let expected: Vec<&str> =
        of(&whole, "more").iter().filter(|record| first_of(record) >= first).copied().collect();
    assert_eq!(begun, expected);
}

#[test]
fn what_cannot_drain_is_refused_with_the_reason() {
    let body = "match all a where amount > 6 then b where amount < 3";
    let folder = broken_off("cannot", &pattern("p", body));
    let before = folder.read("out.jsonl");
    let check = |text: String, part: &str| {
        folder.write("p.cep", &text);
        let run_of =
            if text.contains("emit alarm") { RUN.replace("alert=", "alarm=") } else { RUN.to_owned() };
        let (code, said) = run(&folder, &format!("{run_of}out.jsonl --changed drain"));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part) && said.contains("help: --changed p=reset drops"), "{part}: {said}");
    };
    let other = pattern("p", "match all a where amount > 7 then b where amount < 3");
    check(
        format!("{STREAM}{other}").replace("emit alert", "emit alarm"),
        "stream `alert`, which it emits, is not there any more",
    );
    check(
        format!("{STREAM}{other}").replace("first: a.n", "first: \"x\""),
        "field `first` of stream `alert` is not",
    );
    check(
        format!("{STREAM}{other}").replace("amount int", "amount float"),
        "field `amount` of stream `tx` is not there any more, or of another type",
    );
    assert_eq!(folder.read("out.jsonl"), before);
}

#[test]
fn what_is_found_and_not_written_yet_comes_out_of_a_pattern_that_is_reset() {
    // Of every event it is certain after five seconds, so at every watermark that of some event.
    let old = pattern("p", "match all a then not b where amount == 99 for 5s");
    let folder = broken_off("found", &old);
    let changed = old.replace("5s", "6s");
    folder.write("p.cep", &format!("{STREAM}{changed}"));
    let (code, said) = run(&folder, "check p.cep --against state");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("19 open partial matches of 7 keys, 1 found and not written yet"), "{said}");
    let said = go_on(&folder, &changed, "--changed reset");
    assert!(said.contains("p (draining)"), "{said}");
    let since = worked_on(&said);
    let found: Vec<usize> =
        of(&folder.read("out.jsonl"), "p").iter().map(|record| first_of(record)).collect();
    let expected: Vec<usize> = (0..=since - 20).chain(since..EVENTS).collect();
    assert!(found == expected, "{} and {} records, since {since}", found.len(), expected.len());
}

#[test]
fn a_stream_keeps_the_field_that_it_is_ordered_by() {
    let wide =
        STREAM.replace("at timestamp", "at timestamp  late timestamp?").replace("timestamp?", "timestamp");
    let body = pattern("p", "match all a where amount > 6 then b where amount < 3");
    let folder = Folder::empty("rules-order");
    let lines = |text: String| text.replace("\"at\":", "\"late\":1,\"at\":");
    folder.write("p.cep", &format!("{wide}{body}"));
    folder.write("tx.jsonl", &format!("{}nope\n", lines(text(0..3 * EVENTS))));
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl --strict"));
    assert_eq!(code, Some(2), "{said}");
    folder.write("tx.jsonl", &lines(text(0..3 * EVENTS)));
    folder.write("p.cep", &format!("{}{body}", wide.replace("event time at", "event time late")));
    let (code, said) = run(&folder, &format!("{RUN}out.jsonl --changed reset"));
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("stream `tx` is ordered by `late` now, and was by `at`: what waits in state cannot"),
        "{said}"
    );
}

#[test]
fn a_tally_that_drains_counts_what_began_before() {
    let tally = |name: &str, low: usize| {
        format!(
            "pattern {name} {{ on tx by card match all a where amount > {low} then any b where amount < 1 within 5m \
             tally alert {{ card: card, first: min(a.n), count: count() }} }}\n"
        )
    };
    let folder = broken_off("tally", &(tally("p", 6) + &tally("q", 8)));
    let said = go_on(&folder, &tally("q", 8), "--changed drain");
    let since = worked_on(&said);
    let found = folder.read("out.jsonl");
    let amount = |at: usize| at * 7919 % 11;
    let mut expected = Vec::new();
    for last in (0..EVENTS).filter(|at| amount(*at) < 1) {
        // One card has every seventh event, and the window is of 1 200 events.
        let begun = (0..last).filter(|at| at % 7 == last % 7 && last - at < 1200 && amount(*at) > 6);
        let begun: Vec<usize> = begun.filter(|at| last < since || *at < since).collect();
        expected.extend(begun.first().map(|first| (*first, begun.len())));
    }
    let number = |record: &str, name: &str| {
        let behind = record.split(&format!("\"{name}\":")).nth(1).expect("it is there");
        behind.split([',', '}']).next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let drained: Vec<(usize, usize)> =
        of(&found, "p").iter().map(|record| (number(record, "first"), number(record, "count"))).collect();
    assert!(drained == expected, "{} and {} records, since {since}", drained.len(), expected.len());
    assert!(expected.iter().any(|(_, count)| *count > 10));
}
