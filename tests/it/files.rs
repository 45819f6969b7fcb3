//! Files of every kind: the same events give the same records, whatever they are written in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::folder::{self, Folder};

/// What the command says on standard error, and that it ends with this code.
fn run(folder: &Folder, arguments: &str, code: i32) -> String {
    let output = folder.command(arguments).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
    said
}

const PATTERNS: &str = "
stream tx {
    card    string
    amount  decimal(2)
    note    string?
    at      timestamp
    event time at, disorder 10s
}

pattern pair {
    meta { severity: \"high\" }
    on tx by card
    match a where amount > 3.00
    then b where amount > a.amount
    within 10m
    emit alert { card: card, first: a.amount, second: b.amount, note: b.note }
}
";

/// An event: card, amount in cents, note, time in ms.
fn events(count: u64) -> Vec<(String, u64, &'static str, u64)> {
    let notes = ["", "plain", "a, b", "say \"x\"", "two\nlines", "é;|\t"];
    let event = |at: u64| {
        let time = 1_700_000_000_000 + at * 250 - (at * 7919 % 5) * 300;
        (format!("c{}", at * 31 % 17), at * 7919 % 1100, notes[at as usize % 6], time)
    };
    (0..count).map(event).collect()
}

fn json(events: &[(String, u64, &'static str, u64)]) -> String {
    let line = |(card, cents, note, at): &(String, u64, &str, u64)| {
        let note =
            if note.is_empty() { "null".to_owned() } else { serde_json::to_string(note).expect("text") };
        format!(
            "{{\"card\":\"{card}\",\"amount\":{}.{:02},\"note\":{note},\"at\":{at}}}\n",
            cents / 100,
            cents % 100
        )
    };
    events.iter().map(line).collect()
}

fn csv(events: &[(String, u64, &'static str, u64)]) -> String {
    let row = |(card, cents, note, at): &(String, u64, &str, u64)| {
        let note = match note.contains([',', '"', '\n']) {
            true => format!("\"{}\"", note.replace('"', "\"\"")),
            false => (*note).to_owned(),
        };
        format!("{at},{note},{card},{}.{:02}\n", cents / 100, cents % 100)
    };
    format!("at,note,Card,AMOUNT\n{}", events.iter().map(row).collect::<String>())
}

/// Compresses a file beside it, with the tool that everybody has where it is there.
fn compress(folder: &Folder, tool: &str, name: &str) {
    let mut command = Command::new(tool);
    command.current_dir(&folder.0).args(["-k", "-q", name]).stderr(Stdio::null());
    if command.status().is_ok_and(|status| status.success()) {
        return;
    }
    let bytes = fs::read(folder.0.join(name)).expect(name);
    let (ending, bytes) = match tool {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&bytes).expect("memory has room");
            ("gz", encoder.finish().expect("memory has room"))
        }
        _ => (
            "zst",
            ruzstd::encoding::compress_to_vec(&bytes[..], ruzstd::encoding::CompressionLevel::Fastest),
        ),
    };
    fs::write(folder.0.join(format!("{name}.{ending}")), bytes).expect("writable");
}

/// The records without their ids, which say where events stood.
fn records(folder: &Folder, name: &str) -> Vec<String> {
    let without_id = |line: &str| {
        let (start, rest) = line.split_once("\"id\":\"").expect("a record has an id");
        format!("{start}{}", rest.split_once("\",").expect("it ends").1)
    };
    let mut records: Vec<String> = folder.read(name).lines().map(without_id).collect();
    records.sort();
    records
}

#[test]
fn the_same_events_give_the_same_records_in_whatever_they_are_written() {
    let folder = Folder::empty("files-same");
    folder.write("p.cep", PATTERNS);
    let events = events(4000);
    folder.write("tx.jsonl", &json(&events));
    folder.write("tx.csv", &csv(&events));
    folder.write("plain", &csv(&events));
    for part in 0..3 {
        let is_in = |at: usize| at * 7 % 3 == part;
        let some = events.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, event)| event.clone());
        folder.write(&format!("part-{part}.csv"), &csv(&some.collect::<Vec<_>>()));
    }
    run(&folder, "run p.cep --in tx=tx.jsonl --out alert=expected.jsonl", 0);
    let expected = records(&folder, "expected.jsonl");
    assert!(expected.len() > 500, "{}", expected.len());
    (0..3).for_each(|part| compress(&folder, "gzip", &format!("part-{part}.csv")));
    compress(&folder, "gzip", "tx.jsonl");
    ["tx.csv", "tx.jsonl"].into_iter().for_each(|name| compress(&folder, "zstd", name));
    let plain = ["tx=tx.csv", "tx=plain", "tx=part-?.csv"];
    let compressed = ["tx=part-?.csv.gz", "tx=tx.jsonl.gz", "tx=tx.csv.zst", "tx=tx.jsonl.zst"];
    for input in plain.into_iter().chain(compressed) {
        let said = run(&folder, &format!("run p.cep --in {input} --out alert=out.jsonl"), 0);
        assert!(said.contains("events   4 000 from"), "{input}: {said}");
        assert_eq!(records(&folder, "out.jsonl"), expected, "{input}");
    }
}

#[test]
fn records_are_written_as_columns_where_the_name_says_so() {
    let folder = Folder::empty("files-out");
    folder.write("p.cep", PATTERNS);
    folder.write("tx.csv", &csv(&events(400)));
    run(&folder, "run p.cep --in tx=tx.csv --out alert=a.csv --out tx.late=late.csv", 0);
    run(&folder, "run p.cep --in tx=tx.csv --out alert=a.jsonl", 0);
    let text = folder.read("a.csv");
    assert!(text.starts_with("at,pattern,id,meta.severity,card,first,second,note\n2023-11-14T"), "{text}");
    assert!(text.contains(",\"say \"\"x\"\"\"\n") && text.contains(",\"two\nlines\"\n"), "{text}");
    assert_eq!(folder.read("late.csv"), "card,amount,note,at\n");
    // What was written can be read, and is the same.
    folder.write(
        "q.cep",
        "stream alert { at timestamp  id string  card string  first decimal(2)  second decimal(2)  note string?
            event time at, disorder 1m }
         pattern all { on alert match a emit out { is: a.id, card: a.card, first: a.first, note: a.note } }",
    );
    run(&folder, "run q.cep --in alert=a.csv --out out=one.jsonl", 0);
    run(&folder, "run q.cep --in alert=a.jsonl --out out=two.jsonl", 0);
    assert!(folder.read("one.jsonl").lines().count() > 20);
    assert_eq!(records(&folder, "one.jsonl"), records(&folder, "two.jsonl"));
    let said = run(&folder, "run p.cep --in tx=tx.csv --out alert=a.csv --out tx.bad=a.csv", 2);
    assert!(said.contains("bad lines have no columns"), "{said}");
}

#[test]
fn a_run_over_columns_goes_on_where_it_was_broken_off() {
    let folder = Folder::empty("files-state");
    folder.write("p.cep", PATTERNS);
    let good = csv(&events(9000));
    folder.write("tx.csv", &format!("{good}nope\n"));
    let command = |name: &str, more: &str| {
        format!(
            "run p.cep --in tx={name} --out alert=out-{name}.csv --state state-{name} --checkpoint-every 500 {more}"
        )
    };
    run(&folder, "run p.cep --in tx=tx.csv --out alert=whole.csv", 0);
    compress(&folder, "gzip", "tx.csv");
    for name in ["tx.csv", "tx.csv.gz"] {
        run(&folder, &command(name, "--strict"), 2);
        let said = run(&folder, &command(name, ""), 0);
        assert!(said.contains("going on from epoch"), "{said}");
        assert!(said.contains("events   9 000 from 1 input"), "{said}");
        assert_eq!(folder.read(&format!("out-{name}.csv")), folder.read("whole.csv"), "{name}");
    }
    folder.write("tx.csv", &good.replacen("c1", "c2", 1));
    let said = run(&folder, &command("tx.csv", ""), 2);
    assert!(said.contains("tx.csv is not the file that was read before"), "{said}");
}

#[test]
fn a_file_that_lacks_a_column_is_refused_with_what_to_write() {
    let folder = Folder::empty("files-header");
    folder.write("p.cep", PATTERNS);
    folder.write("tx.csv", "Card Number,amount,at\nc1,1.00,5\n");
    let said = run(&folder, "run p.cep --in tx=tx.csv", 2);
    assert!(said.contains("tx.csv cannot be read: no column `card` for field `card`"), "{said}");
    assert!(said.contains("from \"Card Number\""), "{said}");
}

#[test]
fn what_is_inferred_reads_every_line() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/infer");
    let mut count = 0;
    for entry in fs::read_dir(fixtures).expect("fixtures") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let folder = Folder::empty(&format!("files-infer-{name}"));
        fs::copy(&path, folder.0.join(&name)).expect("a copy");
        let output = folder.command(&format!("infer --name s {name}")).output().expect("it starts");
        let declared = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let pattern = "pattern p { on s match a emit out { n: 1 } }";
        folder.write("p.cep", &format!("{declared}\n{pattern}\n"));
        run(&folder, "check p.cep", 0);
        let said = run(&folder, &format!("run p.cep --in s={name} --out out=out.jsonl --strict"), 0);
        assert!(!said.contains("late  "), "{name}: {said}\n{declared}");
        let events = folder.read("out.jsonl").lines().count();
        assert!(events >= 40, "{name}: {events} events\n{declared}");
        let parts: &[&str] = match name.as_str() {
            "export.csv" => {
                &["decimal(2, \"1.234,56\")", "timestamp(\"%d.%m.%Y %H:%M:%S\")", "sort the file by time"]
            }
            "sparkov.csv" => &[
                "gender                 string",
                "zip                    string",
                "event time trans_date_trans_time",
            ],
            "paysim.csv" => &["step            timestamp(\"h\")", "nameOrig        string"],
            "logins.tsv" => &["Success     bool", "Failures    int?"],
            "ieee_cis.csv" => &["event time TransactionDT", "R_emaildomain   string?"],
            _ => &["event time "],
        };
        parts.iter().for_each(|part| assert!(declared.contains(part), "{name}: {part} in\n{declared}"));
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn a_new_project_runs_at_once() {
    let folder = Folder::empty("files-new");
    run(&folder, "new project", 0);
    let said = run(&folder, "new project", 2);
    assert!(said.contains("is not empty"), "{said}");
    let inside = Folder(folder.0.join("project"));
    run(&inside, "check rules/", 0);
    run(&inside, "test rules/", 0);
    run(&inside, "run", 0);
    assert_eq!(inside.read("alerts.csv").lines().count(), 3, "{}", inside.read("alerts.csv"));
}

#[test]
fn what_is_no_text_is_named_and_refused() {
    let place = Folder::empty("files-foreign");
    place.write(
        "p.cep",
        "stream tx { a int  at timestamp  event time at }\npattern p { on tx match x emit o { a: x.a } }\n",
    );
    let files: [(&str, &[u8], &str); 4] = [
        (
            "a.xlsx",
            b"PK\x03\x04\x14\0\x06\0\n\0",
            "it is a zip archive, as workbooks of spreadsheet programs are",
        ),
        ("a.parquet", b"PAR1\x15\x04\x15\n", "it is Parquet"),
        ("a.jsonl", b"SQLite format 3\0\x10", "it is a database of SQLite"),
        ("a.csv", b"BZh91AY&SY\x01,\n", "it is compressed by bzip2"),
    ];
    for (name, bytes, what) in files {
        fs::write(place.0.join(name), bytes).expect("written");
        let (code, said) = folder::run(&place, &format!("run p.cep --in tx={name}"));
        let start = format!("error: {name} cannot be read: {what}, and only JSON lines and columns are read");
        assert!(code == Some(2) && said.starts_with(&start) && said.contains("\nhelp: "), "{said}");
        let (code, said) = folder::run(&place, &format!("infer {name}"));
        assert!(code == Some(2) && said.contains(what), "{said}");
    }
    place.write("BZh.csv", "BZh,at,a\n1,2026-01-05T00:00:00Z,7\n");
    let (code, said) = folder::run(&place, "run p.cep --in tx=BZh.csv");
    assert!(code == Some(0) && said.contains("\"a\":7"), "{said}");
    let (code, said) = folder::run(&place, "run p.cep --in tx=BZh.csv --out o=o.xlsx");
    assert!(code == Some(2) && said.starts_with("error: o.xlsx: files that end with .xlsx"), "{said}");
}
