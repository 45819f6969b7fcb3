//! `ensue run --threads N` writes the same files whatever N is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// Patterns beside those of the folder of examples: a family, one without a key, one with other keys, and time-outs.
const MORE: &str = r#"
use "streams.cep"

pattern rule_1 {
    on transactions by card
    match all a where amount < 5.00 and country != "XX"
    then b where amount > 300.00
    within 20m
    emit rules { card: card, first: a.amount, last: b.amount }
}
pattern rule_2 {
    on transactions by card
    match all a where amount < 2.00
    then b where amount > 200.00
    within 20m
    emit rules { card: card, first: a.amount, last: b.amount }
}
pattern rule_3 {
    on transactions by card
    match all a where amount < 3.00
    then b where amount > 250.00
    within 20m
    emit rules { card: card, first: a.amount, last: b.amount }
}
pattern rule_4 {
    on transactions by card
    match all a where amount < 4.00
    then b where amount > 150.00
    within 20m
    emit rules { card: card, first: a.amount, last: b.amount }
}
pattern anybody {
    on transactions
    match a where amount > 2000.00
    then  b where amount < a.amount
    then  c where amount > 2000.00
    emit huge { first: a.card, second: b.card, third: c.card }
}
pattern country_pairs {
    on transactions by country
    match all a where amount > 300.00
    then any  b where amount > 200.00
    within 30m
    emit pairs { card: a.card, other: b.card, country: country }
}
pattern quiet {
    on transactions by card
    match a     where amount > 500.00
    then  not b where amount > 1.00 for 1h
    emit silence { card: card, amount: a.amount }
}
"#;

/// A pattern that reads the records of another.
const DERIVED: &str = r#"
use "card_testing.cep"

pattern large {
    on transactions by card
    match all a where amount > 100.00
    then b where amount > 100.00
    within 10m
    emit large_pair { card: card }
}
pattern twice {
    on large_pair by card
    match all a then b
    within 20d
    emit thrice { card: card }
}
"#;

struct Folder(PathBuf);

impl Folder {
    /// A folder with patterns, and transactions out of order and some too late.
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("threads-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        let folder = Folder(path);
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns");
        for name in ["streams.cep", "card_testing.cep", "impossible_travel.cep", "unconfirmed_pin_change.cep"]
        {
            fs::copy(examples.join(name), folder.0.join(name)).expect("an example");
        }
        fs::write(folder.0.join("more.cep"), MORE).expect("writable");
        folder.run("gen --events 30000 --cards 400 --rate 5 --out sorted.jsonl");
        let text = fs::read_to_string(folder.0.join("sorted.jsonl")).expect("it was generated");
        let (mut lines, mut late) = (Vec::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            if at % 700 == 3 {
                late.push(line)
            } else {
                lines.push(line)
            }
            if at % 5000 == 4999 {
                lines.append(&mut late);
            }
        }
        fs::write(folder.0.join("tx.jsonl"), lines.join("\n")).expect("writable");
        folder
    }

    /// Runs the command. Gives what it says.
    fn run(&self, arguments: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ensue"));
        let output = command.current_dir(&self.0).args(arguments.split_whitespace()).output();
        let output = output.expect("it starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }

    /// Runs patterns over the transactions. Gives what was written, and what was counted.
    fn transactions(&self, patterns: &str, more: &str) -> (String, String, Json) {
        let _ = fs::remove_file(self.0.join("out.jsonl"));
        let run = format!(
            "run {patterns} --in transactions=tx.jsonl --out {}=out.jsonl --out transactions.late=late.jsonl --format json {more}",
            ["alert", "rules", "huge", "pairs", "silence"].join("=out.jsonl --out ")
        );
        let (code, told) = self.run(&run);
        assert_eq!(code, Some(0), "{told}");
        let mut counts: Json = serde_json::from_str(told.lines().last().expect("a summary")).expect("JSON");
        for name in ["seconds", "events_per_second", "state_bytes_peak"] {
            counts.as_object_mut().expect("an object").remove(name);
        }
        let read = |name: &str| fs::read_to_string(self.0.join(name)).expect(name);
        (read("out.jsonl"), read("late.jsonl"), counts)
    }
}

#[test]
fn the_files_are_the_same_on_any_number_of_threads() {
    let folder = Folder::new("same");
    let one = folder.transactions(".", "--threads 1");
    assert!(one.0.lines().count() > 300, "{} records", one.0.lines().count());
    for stream in ["alert", "rules", "huge", "pairs", "silence"] {
        assert!(one.2["outputs"][stream]["records"].as_u64() > Some(0), "{stream}: {}", one.2);
    }
    assert!(one.1.lines().count() > 30, "{} late events", one.1.lines().count());
    for threads in ["2", "3", "4", "auto"] {
        let many = folder.transactions(".", &format!("--threads {threads}"));
        assert_eq!(one.2, many.2, "{threads} threads");
        assert!(one == many, "{threads} threads");
    }
}

#[test]
fn records_of_records_are_the_same_on_any_number_of_threads() {
    let folder = Folder::new("derived");
    fs::write(folder.0.join("more.cep"), DERIVED).expect("writable");
    let run = |threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_ensue"))
            .current_dir(&folder.0)
            .args(["run", "more.cep", "--in", "transactions=tx.jsonl", "--threads", threads])
            .output()
            .expect("it starts");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let one = run("1");
    assert!(one.lines().filter(|line| line.contains("\"twice\"")).count() > 3, "{}", one.lines().count());
    assert!(one == run("2"));
    assert!(one == run("5"));
}

#[test]
fn unordered_keeps_the_order_of_each_key() {
    let folder = Folder::new("unordered");
    let one = folder.transactions(".", "--threads 1");
    let many = folder.transactions(".", "--threads 4 --unordered");
    assert_eq!(one.2, many.2);
    assert_ne!(one.0, many.0, "what four shards found was not merged");
    assert_eq!(by_key(&one.0), by_key(&many.0));
}

/// The records of each pattern and key, in order.
fn by_key(records: &str) -> BTreeMap<String, Vec<&str>> {
    let mut by_key: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in records.lines() {
        let record: Json = serde_json::from_str(line).expect("a record");
        let key = if record["country"].is_null() { &record["card"] } else { &record["country"] };
        by_key.entry(format!("{} {key}", record["pattern"])).or_default().push(line);
    }
    by_key
}

#[test]
fn a_bound_stops_the_run_with_the_same_words() {
    let folder = Folder::new("bound");
    // The one that reaches its bound first is named, with the key.
    let keep = |name: &str, least: u32, count: u32| {
        format!(
            "pattern {name} {{ on transactions by card match all a where amount > {least}.00
             then b where amount > 100000.00 within 10d keep {count} per key, fail emit m {{ card: card }} }}\n"
        )
    };
    let every = "pattern every { on transactions by card match all a emit seen { card: card } }\n";
    let text = format!("use \"streams.cep\"\n{}{}{every}", keep("wide", 5, 50), keep("narrow", 1, 55));
    fs::write(folder.0.join("keep.cep"), text).expect("writable");
    let run = |threads: u32| {
        let options = "--in transactions=tx.jsonl --out m=m.jsonl --out seen=seen.jsonl";
        let (code, told) = folder.run(&format!("run keep.cep {options} --threads {threads}"));
        (code, told, fs::read_to_string(folder.0.join("seen.jsonl")).expect("an output"))
    };
    let one = run(1);
    assert_eq!(one.0, Some(2));
    assert!(one.2.lines().count() > 1000, "what came before was written");
    assert!(one.1.contains("open starts for one key (such as key `c"), "{}", one.1);
    for threads in [2, 3, 7] {
        let other = run(threads);
        assert_eq!((one.0, &one.1), (other.0, &other.1));
        assert!(one.2 == other.2, "on {threads} threads other records were written before it failed");
    }
}
