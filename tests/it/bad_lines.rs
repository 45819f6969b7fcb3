//! Lines that cannot become events: none is lost, each is told with its place and reason, and the rest is matched as
//! if they had never been there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Of so many lines one is broken.
const ONE_IN: usize = 100;

/// Breaks a good line.
type Break = fn(&str) -> Vec<u8>;

/// What can be wrong with a line: the reason it is counted under, and how a good line is broken.
const KINDS: [(&str, Break); 14] = [
    ("malformed", |good| good.as_bytes()[..good.len() - 5].to_vec()),
    ("malformed", |_| b"2026-01-05 ERROR the switch was restarted".to_vec()),
    ("not_an_object", |good| format!("[{good}]").into_bytes()),
    ("wrong_type", |good| with(good, "card", "4711")),
    ("wrong_type", |good| with(good, "amount", "\"much\"")),
    ("wrong_type", |good| with(good, "present", "\"yes\"")),
    ("missing_field", |good| without(good, "kind")),
    ("missing_field", |good| with(good, "country", "null")),
    ("too_many_digits", |good| with(good, "amount", "19.999")),
    ("out_of_range", |good| with(good, "amount", "1e30")),
    ("no_time", |good| without(good, "at")),
    ("no_time", |good| with(good, "at", "\"yesterday\"")),
    ("overlong", |good| with(good, "note", &format!("\"{}\"", "x".repeat(1 << 20)))),
    ("not_utf8", |good| [&good.as_bytes()[..9], b"\xff\xfe", &good.as_bytes()[9..]].concat()),
];

/// The line with a member set to this JSON.
fn with(line: &str, name: &str, value: &str) -> Vec<u8> {
    let mut line = without(line, name);
    line.pop();
    line.extend_from_slice(format!(",\"{name}\":{value}}}").as_bytes());
    line
}

/// The line without a member.
fn without(line: &str, name: &str) -> Vec<u8> {
    let mut members: serde_json::Map<String, Json> = serde_json::from_str(line).expect("a good line");
    members.remove(name);
    serde_json::to_vec(&members).expect("memory can be written")
}

/// A folder with the output of `ensue gen`, clean and with broken lines in it.
struct Folder {
    path: PathBuf,
    /// For each broken line its number, from 1, and its reason.
    broken: Vec<(u64, &'static str)>,
}

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-lines-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        let mut folder = Folder { path, broken: Vec::new() };
        folder.ensue(&[], "gen --events 10000 --cards 1000 --rate 20 --seed 11 --out clean.jsonl", 0);
        folder.break_lines();
        folder
    }

    /// Writes the clean lines and between them, evenly, broken ones: one in a hundred.
    fn break_lines(&mut self) {
        let clean = self.read("clean.jsonl");
        let mut text = Vec::new();
        let mut number = 0;
        for (at, good) in clean.lines().enumerate() {
            if at % (ONE_IN - 1) == 50 {
                let (reason, broken) = KINDS[self.broken.len() % KINDS.len()];
                number += 1;
                self.broken.push((number, reason));
                text.extend_from_slice(&broken(good));
                text.push(b'\n');
            }
            number += 1;
            text.extend_from_slice(good.as_bytes());
            text.push(b'\n');
        }
        fs::write(self.path.join("broken.jsonl"), text).expect("writable");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).expect(name)
    }

    fn json_lines(&self, name: &str) -> Vec<Json> {
        self.read(name).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Runs the command and gives what it said on standard error.
    fn ensue(&self, patterns: &[PathBuf], arguments: &str, code: i32) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ensue"));
        command.current_dir(&self.path).args(arguments.split_whitespace()).args(patterns);
        let output = command.output().expect("it starts");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        said
    }

    /// Runs the three patterns.
    fn run(&self, arguments: &str, code: i32) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns");
        let patterns = ["card_testing", "impossible_travel", "unconfirmed_pin_change"]
            .map(|name| folder.join(format!("{name}.cep")));
        self.ensue(&patterns, &format!("run {arguments}"), code)
    }

    /// How many lines were broken for each reason.
    fn reasons(&self) -> BTreeMap<&'static str, u64> {
        let mut reasons = BTreeMap::new();
        for (_, reason) in &self.broken {
            *reasons.entry(*reason).or_default() += 1;
        }
        reasons
    }
}

/// An alert without its `id`, which is made from line numbers.
fn without_id(mut record: Json) -> Json {
    record.as_object_mut().expect("an object").remove("id").expect("every record has an id");
    record
}

#[test]
fn every_broken_line_is_told_and_the_rest_is_matched() {
    let folder = Folder::new("told");
    assert!(folder.broken.len() >= ONE_IN, "{}", folder.broken.len());
    folder.run("--in transactions=clean.jsonl --out alert=expected.jsonl", 0);
    let said = folder.run("--in transactions=broken.jsonl --out alert=alerts.jsonl --format json", 0);

    let letters = folder.json_lines("transactions.bad.jsonl");
    let told: Vec<(u64, &str)> = letters
        .iter()
        .map(|letter| {
            (letter["line"].as_u64().expect("a line"), letter["reason"].as_str().expect("a reason"))
        })
        .collect();
    assert_eq!(told, folder.broken);
    for letter in &letters {
        assert_eq!((&letter["stream"], &letter["file"]), (&"transactions".into(), &"broken.jsonl".into()));
        assert!(!letter["message"].as_str().expect("a message").is_empty());
        assert!(letter["text"].as_str().expect("a text").len() <= 1024, "an overlong line is cut");
    }
    let summary: Json = serde_json::from_str(&said).expect("one JSON line");
    assert_eq!(summary["bad"]["transactions"]["lines"], folder.broken.len());
    assert_eq!(summary["bad"]["transactions"]["reasons"], serde_json::json!(folder.reasons()));
    assert_eq!(summary["bad"]["transactions"]["place"], "transactions.bad.jsonl");
    assert_eq!(summary["events"], 10_000);

    let alerts = |name| folder.json_lines(name).into_iter().map(without_id).collect::<Vec<_>>();
    assert!(alerts("expected.jsonl").len() > 50);
    assert_eq!(alerts("alerts.jsonl"), alerts("expected.jsonl"));
}

#[test]
fn which_lines_are_bad_depends_on_the_stream_alone() {
    let folder = Folder::new("stream");
    let bad = |arguments: &str| {
        folder.run(&format!("--in transactions=broken.jsonl --out alert=a.jsonl {arguments}"), 0);
        folder.read("transactions.bad.jsonl")
    };
    let all = bad("");
    assert_eq!(bad("--select unconfirmed_pin_change"), all, "a pattern that reads three fields");
    assert_eq!(bad("--out transactions.late=late.jsonl"), all, "late events, which keep every field");
}

#[test]
fn bad_lines_go_where_they_are_bound() {
    let folder = Folder::new("bound");
    let said =
        folder.run("--in transactions=broken.jsonl --out alert=a.jsonl --out transactions.bad=dead.jsonl", 0);
    assert_eq!(folder.json_lines("dead.jsonl").len(), folder.broken.len());
    assert!(!folder.path.join("transactions.bad.jsonl").exists());
    let parts: Vec<String> =
        folder.reasons().iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let line = format!("{} of transactions ({}), in dead.jsonl\n", folder.broken.len(), parts.join(", "));
    assert!(said.contains(&line), "{line} in {said}");
}

#[test]
fn strict_stops_at_the_first_bad_line_with_its_place() {
    let folder = Folder::new("strict");
    let said = folder.run("--in transactions=broken.jsonl --out alert=a.jsonl --strict", 2);
    let (line, _) = folder.broken[0];
    assert!(said.starts_with(&format!("error: broken.jsonl:{line}: not JSON: ")), "{said}");
    folder.run("--in transactions=clean.jsonl --out alert=a.jsonl --strict", 0);
}

#[test]
fn late_events_are_written_where_bound_and_counted_where_not() {
    let folder = Folder::new("late");
    let clean = folder.read("clean.jsonl");
    let moved: Vec<&str> = clean.lines().take(30).collect();
    let rest: Vec<&str> = clean.lines().skip(30).collect();
    fs::write(folder.path.join("moved.jsonl"), [rest, moved.clone()].concat().join("\n")).expect("writable");
    let said = folder.run("--in transactions=moved.jsonl --out alert=a.jsonl", 0);
    assert!(
        said.contains("late     30 of transactions, not written: bind --out transactions.late=PATH"),
        "{said}"
    );
    let said =
        folder.run("--in transactions=moved.jsonl --out alert=b.jsonl --out transactions.late=late.jsonl", 0);
    assert!(said.contains("late     30 of transactions, in late.jsonl\n"), "{said}");
    assert_eq!(folder.read("a.jsonl"), folder.read("b.jsonl"));
    let field = |line: &Json, name: &str| line[name].clone();
    for (late, moved) in folder.json_lines("late.jsonl").iter().zip(&moved) {
        let moved: Json = serde_json::from_str(moved).expect("a good line");
        for name in ["card", "kind", "amount", "country", "merchant", "category", "present", "at"] {
            assert_eq!(field(late, name), field(&moved, name), "{name} of {moved}");
        }
    }
    assert_eq!(folder.json_lines("late.jsonl").len(), moved.len());
}
