//! The command as users run it: answers, files, exit codes.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::folder::Folder;

const PATTERNS: &str = r#"
stream tx {
    card    string
    amount  decimal(2)
    city    string?  from "geo.city"
    at      timestamp
    event time at, disorder 5s
}

/// Two large charges.
pattern large {
    meta { severity: "high" }
    on tx by card
    match a where amount > 100.00
    then  b where amount > 100.00
    within 1h
    emit alert { card: card, total: a.amount + b.amount, waited: b.at - a.at, city: b.city }
}

test large "two of three" {
    given tx
        | at       | card | amount |
        | 12:00:00 | c1   | 200.00 |
        | 12:00:10 | c1   |  10.00 |
        | 12:00:20 | c1   | 300.00 |
    expect alert
        | card | total  |
        | c1   | 500.00 |
}
"#;

const EVENTS: &str = r#"{"card":"c1","amount":200,"at":"2026-01-01T12:00:00Z"}
{"card":"c1","amount":"150.50","at":"2026-01-01T12:01:59Z","geo":{"city":"Bern"}}
{"card":"c2","amount":1.005,"at":"2026-01-01T12:02:00Z"}
not json
{"card":"c2","amount":1.00,"at":"2026-01-01T11:00:00Z"}
"#;

/// A folder with the patterns and events in it.
fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("command-line-{name}"));
    folder.write("p.cep", PATTERNS);
    folder.write("tx.jsonl", EVENTS);
    folder
}

impl Folder {
    fn run(&self, arguments: &str) -> Answer {
        Answer::new(self.command(arguments).output().expect("it starts"))
    }
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    fn new(output: Output) -> Answer {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn check_says_yes_no_or_why_it_could_not() {
    let folder = folder("check");
    let good = folder.run("check .");
    assert_eq!((good.code, good.out.as_str()), (Some(0), "ok: 2 streams, 1 pattern, 1 test\n"));
    folder.write("bad.cep", "pattern p { on nowhere match a emit x { } }");
    let bad = folder.run("check bad.cep");
    assert_eq!(bad.code, Some(1));
    assert!(bad.out.contains("E0103") && bad.out.contains("bad.cep:1:16"), "{}", bad.out);
    let missing = folder.run("check missing.cep");
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.starts_with("error: cannot read missing.cep: "), "{}", missing.err);
    assert_eq!(folder.run("chekc .").code, Some(2));
    assert_eq!(folder.run("--version").code, Some(0));
}

#[test]
fn a_failing_test_shows_both_tables() {
    let folder = folder("test");
    let good = folder.run("test p.cep");
    assert_eq!((good.code, good.out.as_str()), (Some(0), "1 passed, 0 failed\n"));
    folder.write("p.cep", &PATTERNS.replace("| c1   | 500.00 |", "| c1   | 501.00 |"));
    let bad = folder.run("test p.cep");
    assert_eq!(bad.code, Some(1));
    assert!(bad.out.contains("! | c1   | 501.00 |    | c1   | 500.00 |"), "{}", bad.out);
    assert!(bad.out.ends_with("0 passed, 1 failed\n"), "{}", bad.out);
}

#[test]
fn run_writes_records_bad_lines_and_late_events() {
    let folder = folder("run");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --out alert=alert.jsonl --out tx.late=late.jsonl");
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), ""), "{answer:?}");
    let record = folder.read("alert.jsonl");
    let (head, tail) = record.split_at(record.find("\"id\":\"").expect("an id") + 6);
    assert_eq!(head, r#"{"at":"2026-01-01T12:01:59.000Z","pattern":"large","id":""#);
    let rest = r#"","meta":{"severity":"high"},"card":"c1","total":350.50,"waited":"1m59s","city":"Bern"}"#;
    assert_eq!(&tail[32..], format!("{rest}\n"));
    let late = folder.read("late.jsonl");
    assert_eq!(
        late,
        "{\"card\":\"c2\",\"amount\":1.00,\"geo\":{\"city\":null},\"at\":\"2026-01-01T11:00:00.000Z\"}\n"
    );
    let bad = folder.read("tx.bad.jsonl");
    let reasons: Vec<_> =
        bad.lines().map(|line| (line.contains("\"line\":3,"), line.contains("\"malformed\""))).collect();
    assert_eq!(reasons, [(true, false), (false, true)]);
    for part in ["events   3 from 1 input", "late     1 of tx", "malformed 1, too_many_digits 1", "1 match\n"]
    {
        assert!(answer.err.contains(part), "{part:?} in {}", answer.err);
    }
}

#[test]
fn run_reads_stdin_and_writes_to_stdout() {
    let folder = folder("stdin");
    let mut command = folder.command("run p.cep --in tx=- --format json");
    let mut child = (command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(EVENTS.as_bytes()).expect("it reads");
    let answer = Answer::new(child.wait_with_output().expect("it ends"));
    assert_eq!(answer.code, Some(0));
    assert_eq!(answer.out.lines().count(), 1);
    let summary: serde_json::Value = serde_json::from_str(&answer.err).expect("one JSON line");
    assert_eq!(summary["patterns"]["large"]["matches"], 1);
    assert_eq!(summary["bad"]["tx"]["lines"], 2);
}

#[test]
fn strict_stops_at_the_first_bad_line() {
    let folder = folder("strict");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --out alert=alert.jsonl --strict");
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.starts_with("error: tx.jsonl:3: field `amount`: 1.005"), "{}", answer.err);
}

#[test]
fn an_unbound_input_is_answered_with_the_flag_to_write() {
    let folder = folder("unbound");
    let answer = folder.run("run p.cep");
    assert_eq!(answer.code, Some(2));
    assert_eq!(answer.err, "error: stream `tx` has no input\nhelp: add --in tx=PATH\n");
}

#[test]
fn a_configuration_binds_relative_to_itself() {
    let folder = folder("config");
    let text = "patterns = [\"p.cep\"]\n[in]\ntx = [\"tx.jsonl\"]\n[out]\nalert = \"from-file.jsonl\"\n";
    folder.write("ensue.toml", text);
    fs::create_dir(folder.0.join("elsewhere")).expect("a folder");
    let mut command = folder.command("run --config ../ensue.toml");
    let answer = Answer::new(command.current_dir(folder.0.join("elsewhere")).output().expect("it starts"));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(folder.read("from-file.jsonl").lines().count(), 1);
    let answer = folder.run("run --out alert=from-flag.jsonl");
    assert_eq!(answer.code, Some(0), "the configuration of the folder is found: {answer:?}");
    assert_eq!(folder.read("from-flag.jsonl"), folder.read("from-file.jsonl"));
}

#[test]
fn partitions_in_files_give_what_one_file_gives() {
    let folder = folder("partitions");
    let lines: Vec<&str> = EVENTS.lines().collect();
    folder.write("day-1.jsonl", lines[0]);
    folder.write("day-2.jsonl", lines[1]);
    let answer = folder.run("run p.cep --in tx=day-*.jsonl");
    assert_eq!(answer.code, Some(0));
    assert!(answer.out.contains("\"total\":350.50"), "{answer:?}");
    assert!(answer.err.contains("2 from 2 inputs"), "{}", answer.err);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let folder = folder("pipe");
    let mut child = (folder.command("gen --events 200000").stdout(Stdio::piped()).stderr(Stdio::piped()))
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let answer = Answer::new(child.wait_with_output().expect("it ends"));
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
}

#[test]
fn explain_shows_one_pattern_or_all() {
    let folder = folder("explain");
    let answer = folder.run("explain p.cep large");
    assert_eq!(answer.code, Some(0));
    assert!(answer.out.contains("amount > 100.00"), "{}", answer.out);
    let unknown = folder.run("explain p.cep larg");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("did you mean `large`?"), "{}", unknown.err);
}

#[test]
fn explain_tells_what_a_code_means_unless_a_file_is_called_so() {
    let folder = folder("explain-code");
    let answer = folder.run("explain e0203");
    assert_eq!(answer.code, Some(0));
    assert!(answer.out.starts_with("E0203: a field of a loop"), "{}", answer.out);
    assert!(answer.out.contains("\n    pattern p {\n") && !answer.out.contains("```"), "{}", answer.out);
    assert_eq!(folder.run("explain E9999").code, Some(2));
    folder.write("E0203", PATTERNS);
    assert!(folder.run("explain E0203").out.contains("large"));
}

#[test]
fn check_names_the_page_of_a_code_once() {
    let folder = folder("page");
    folder.write("bad.cep", "pattern p { on nowhere match a emit x { } }");
    let answer = folder.run("check bad.cep");
    assert!(answer.out.ends_with("error: 1 error\nmore: `ensue explain E0103`\n"), "{}", answer.out);
}

#[test]
fn fmt_writes_the_shape_and_check_only_says_so() {
    let folder = folder("fmt");
    let wanted = PATTERNS
        .trim_start()
        .replace("match a where", "match a  where")
        .replace("then  b where", "then  b  where");
    let check = folder.run("fmt --check p.cep");
    assert_eq!((check.code, check.out.as_str()), (Some(1), "would change: p.cep\n"));
    assert_eq!(folder.read("p.cep"), PATTERNS);
    let done = folder.run("fmt .");
    assert_eq!((done.code, done.out.as_str()), (Some(0), "formatted: ./p.cep\n"));
    assert_eq!(folder.read("p.cep"), wanted);
    assert_eq!(folder.run("fmt --check p.cep").code, Some(0));
    folder.write("bad.cep", "pattern p {\n   on");
    let bad = folder.run("fmt bad.cep p.cep");
    assert_eq!((bad.code, bad.out.as_str()), (Some(1), ""));
    assert!(bad.err.contains("E0001"), "{}", bad.err);
    assert_eq!(folder.read("bad.cep"), "pattern p {\n   on");
    assert_eq!(folder.run("fmt - p.cep").code, Some(2));
    assert_eq!(folder.run("fmt missing.cep").code, Some(2));
}

#[test]
fn fmt_reads_standard_input() {
    let folder = folder("fmt-stdin");
    let mut child =
        folder.command("fmt -").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(b"use   \"a.cep\"").expect("it reads");
    let answer = Answer::new(child.wait_with_output().expect("it ends"));
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), "use \"a.cep\"\n"));
}

#[test]
fn a_missing_input_empties_no_output() {
    let folder = folder("missing-input");
    folder.write("alert.jsonl", "from yesterday\n");
    let answer = folder.run("run p.cep --in tx=nowhere.jsonl --out alert=alert.jsonl");
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert_eq!(folder.read("alert.jsonl"), "from yesterday\n");
}

#[test]
fn bad_lines_never_overwrite_an_input_or_another_output() {
    let folder = folder("bad-overwrites");
    folder.write("tx.bad.jsonl", EVENTS);
    let input = folder.run("run p.cep --in tx=./tx.bad.jsonl");
    assert_eq!(input.code, Some(2), "{input:?}");
    assert_eq!(
        input.err,
        "error: bad lines of `tx` would go to tx.bad.jsonl, which is an input\n\
         help: name another file: --out tx.bad=PATH\n"
    );
    assert_eq!(folder.read("tx.bad.jsonl"), EVENTS);
    let output = folder.run("run p.cep --in tx=tx.jsonl --out alert=tx.bad.jsonl");
    assert!(output.err.contains("which is another output"), "{output:?}");
    let named = folder.run("run p.cep --in tx=tx.bad.jsonl --out tx.bad=other.jsonl");
    assert_eq!(named.code, Some(0), "{named:?}");
    assert_eq!(folder.read("other.jsonl").lines().count(), 2);
}

#[test]
fn one_file_under_two_names_is_not_read_twice() {
    let folder = folder("two-inputs");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --in tx=./tx.jsonl");
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.starts_with("error: ./tx.jsonl is bound twice to one stream\n"), "{}", answer.err);
}

#[test]
fn one_file_under_two_names_is_written_once() {
    let folder = folder("two-names");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --out alert=out.jsonl --out tx.late=./out.jsonl");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(folder.read("out.jsonl").lines().count(), 2, "a record and a late event");
}

#[cfg(unix)]
#[test]
fn bad_lines_go_not_beside_a_device() {
    let folder = folder("device");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --out alert=/dev/null");
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(folder.read("tx.bad.jsonl").lines().count(), 2);
    let nothing = folder.run("run p.cep --in tx=/dev/null --out alert=/dev/null");
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
}

#[test]
fn an_unbound_input_is_answered_with_the_patterns_that_do_without() {
    let folder = folder("unbound-select");
    let more = "\nstream door { key string, at timestamp  event time at, disorder 0s }
pattern opened { on door by key  match a  emit open { door: key } }
pattern often { on open by door  match a{3}  within 1h  emit alert { total: 1.00 } }\n";
    folder.write("q.cep", more);
    let answer = folder.run("run p.cep q.cep --in tx=tx.jsonl");
    assert_eq!(answer.code, Some(2));
    let expected = "error: stream `door` has no input\nhelp: add --in door=PATH\n\
                    help: or run only what does not read it: --select large\n";
    assert_eq!(answer.err, expected);
    assert_eq!(folder.run("run p.cep q.cep --in tx=tx.jsonl --select large").code, Some(0));
}

#[test]
fn a_broken_configuration_says_what_belongs_there() {
    let folder = folder("broken-config");
    for (binding, expected) in [
        ("tx = 5", "expected a path, or a list of paths"),
        ("tx = \"\"", "a stream is bound to an empty path\nhelp: write a path"),
        ("tx = [\"nowhere.jsonl\"]", "cannot read nowhere.jsonl: "),
    ] {
        folder.write("ensue.toml", &format!("patterns = [\"p.cep\"]\n[in]\n{binding}\n"));
        let answer = folder.run("run");
        assert_eq!(answer.code, Some(2), "{answer:?}");
        assert!(answer.err.contains(expected), "{binding}: {}", answer.err);
    }
}

#[test]
fn events_and_labels_are_two_files() {
    let folder = folder("gen-same");
    let answer = folder.run("gen --events 10 --out a.jsonl --labels a.jsonl");
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(!folder.0.join("a.jsonl").exists());
}

#[test]
fn state_that_is_not_allowed_ends_the_run_and_says_what_holds_it() {
    let folder = folder("max-state");
    let answer = folder.run("run p.cep --in tx=tx.jsonl --max-state 1");
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("pattern `large` holds the most (open partial matches: "), "{}", answer.err);
}

#[test]
fn a_file_without_patterns_cannot_be_explained() {
    let folder = folder("explain-nothing");
    folder.write("empty.cep", "");
    let answer = folder.run("explain empty.cep");
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.starts_with("error: there is no pattern to explain\n"), "{}", answer.err);
}

#[test]
fn a_bound_is_told_once_and_counted() {
    let folder = folder("bounds");
    let lines =
        (0..40).map(|at| format!("{{\"card\":\"c{}\",\"amount\":200,\"at\":{}000}}\n", at % 20, at + 1));
    folder.write("tx.jsonl", &lines.collect::<String>());
    let failed = folder.run("run p.cep --in tx=tx.jsonl --out alert=alert.jsonl --max-open 8");
    assert_eq!(failed.code, Some(2));
    let words = "error: pattern `large` has more than 8 open partial matches (such as key `c0`): give it";
    assert!(failed.err.starts_with(words), "{}", failed.err);
    let dropping = "run p.cep --in tx=tx.jsonl --out alert=alert.jsonl --max-open 8 --at-bound drop-oldest";
    let dropped = folder.run(dropping);
    assert_eq!(dropped.code, Some(0), "{}", dropped.err);
    assert_eq!(dropped.err.matches("note: pattern `large` is bounded").count(), 1, "{}", dropped.err);
    assert!(dropped.err.contains("more than 8 open partial matches (such as key `c0`)"), "{}", dropped.err);
    assert!(dropped.err.contains("0 matches, 32 open partial matches dropped at a bound"), "{}", dropped.err);
    assert_eq!(folder.run("run p.cep --in tx=tx.jsonl --max-open 0").code, Some(2));
    assert_eq!(folder.run("run p.cep --in tx=tx.jsonl --threads 0").code, Some(2));
}
