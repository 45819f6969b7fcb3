//! Inputs in other ways than side by side to their ends: one after the other, read on where they end, silent for long.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::{Folder, events, run};

const STREAM: &str = "
stream tx {
    card    string
    amount  int
    n       int
    at      timestamp
    event time at, disorder 10s, idle 200ms
}
";

const PATTERNS: &str = "
pattern pair {
    on tx by card
    match a where amount > 3
    then b where amount > a.amount
    within 10m
    emit alert { card: card, first: a.n, second: b.n }
}
";

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(name);
    folder.write("p.cep", &format!("{STREAM}{PATTERNS}"));
    folder
}

/// The records by what they say, not by where their events stood.
fn records(folder: &Folder, name: &str) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("\"{name}\":")).expect("a record has it");
        rest.split([',', '}']).next().expect("a value").to_owned()
    };
    let record = |line: &str| ["card", "first", "second"].map(|name| field(line, name)).join(" ");
    folder.read(name).lines().map(record).collect()
}

/// Waits until that is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn lines(folder: &Folder, name: &str) -> usize {
    std::fs::read_to_string(folder.0.join(name)).map_or(0, |text| text.lines().count())
}

/// Asks a run to stop, and takes what it has said.
fn stopped(child: Child) -> String {
    let asked = std::process::Command::new("kill").arg(child.id().to_string()).status().expect("it starts");
    assert!(asked.success());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

fn started(folder: &Folder, arguments: &str, stdin: Stdio) -> Child {
    folder.command(arguments).stdin(stdin).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn appender(folder: &Folder, name: &str) -> File {
    OpenOptions::new().create(true).append(true).open(folder.0.join(name)).expect("writable")
}

#[test]
fn one_after_the_other_is_as_one_file() {
    let folder = folder("follow-sequential");
    // The second goes back by a minute and a half, the third by a little.
    let parts = [events(0..2000), events(1640..3000), events(2990..4000)];
    parts.iter().zip(["a", "b", "c"]).for_each(|(part, name)| folder.write(&format!("{name}.jsonl"), part));
    folder.write("whole.jsonl", &parts.concat());
    let (code, said) =
        run(&folder, "run p.cep --in tx=whole.jsonl --out alert=whole.out --out tx.late=whole.late");
    assert_eq!(code, Some(0), "{said}");
    let inputs = "--in tx=a.jsonl --in tx=b.jsonl --in tx=c.jsonl";
    let outputs = "--out alert=parts.out --out tx.late=parts.late";
    let (code, said) = run(&folder, &format!("run p.cep {inputs} {outputs} --sequential"));
    assert_eq!(code, Some(0), "{said}");
    assert!(records(&folder, "whole.out").len() > 500);
    assert_eq!(records(&folder, "parts.out"), records(&folder, "whole.out"));
    // Those of a minute and a half less the disorder, four a second.
    assert_eq!(folder.read("whole.late").lines().count(), 319);
    assert_eq!(folder.read("parts.late"), folder.read("whole.late"));
    let (code, said) = run(&folder, &format!("run p.cep {inputs} --out alert=beside.out"));
    assert!(code == Some(0) && !said.contains("late "), "{said}");
}

#[test]
fn one_after_the_other_goes_on_where_it_was_broken_off() {
    let folder = folder("follow-sequential-state");
    let second = events(8900..30_000);
    folder.write("a.jsonl", &events(0..9000));
    folder.write("b.jsonl", &format!("{second}nope\n"));
    folder.write("c.jsonl", &events(29_000..40_000));
    let command = |state: &str, more: &str| {
        format!(
            "run p.cep --in tx=a.jsonl --in tx=b.jsonl --in tx=c.jsonl --out alert={state}.out --out tx.late={state}.late \
             --state {state} --checkpoint-every 100 {more}"
        )
    };
    let (code, said) = run(&folder, &command("whole", "--sequential"));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&folder, &command("part", "--sequential --strict"));
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&folder, &command("part", ""));
    assert!(code == Some(2) && said.contains("has read its inputs one after the other"), "{said}");
    let (code, said) = run(&folder, &command("part", "--sequential"));
    assert!(code == Some(0) && said.contains("going on from epoch"), "{said}");
    assert!(lines(&folder, "whole.out") > 300);
    assert_eq!(folder.read("part.out"), folder.read("whole.out"));
    assert_eq!(folder.read("part.late"), folder.read("whole.late"));
    let (code, said) = run(&folder, &command("beside", "--strict"));
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&folder, &command("beside", "--sequential"));
    assert!(code == Some(2) && said.contains("has read its inputs side by side"), "{said}");
}

#[test]
fn a_file_that_grows_is_read_on() {
    let folder = folder("follow-grows");
    let all = events(0..3000);
    let (start, rest) = all.split_at(all.len() / 3 + 10);
    folder.write("whole.jsonl", &all);
    run(&folder, "run p.cep --in tx=whole.jsonl --out alert=whole.out");
    folder.write("tx.jsonl", start);
    let command =
        "run p.cep --in tx=tx.jsonl --out alert=a.out --follow --state state --checkpoint-every 100";
    let child = started(&folder, command, Stdio::null());
    until("records of the start", || lines(&folder, "a.out") > 50);
    // A line is not at its end where the file is.
    let (middle, end) = rest.split_at(rest.len() / 2 + 5);
    let mut file = appender(&folder, "tx.jsonl");
    let before = lines(&folder, "a.out");
    file.write_all(middle.as_bytes()).expect("writable");
    until("records of the middle", || lines(&folder, "a.out") > before + 50);
    let said = stopped(child);
    assert!(said.contains("stopped by a signal") && !said.contains("bad "), "{said}");
    // While nobody reads, and while somebody does.
    file.write_all(&end.as_bytes()[..end.len() / 2]).expect("writable");
    let child = started(&folder, command, Stdio::null());
    file.write_all(&end.as_bytes()[end.len() / 2..]).expect("writable");
    // The last records wait for the watermark.
    let known = |name: &str| records(&folder, name);
    let whole = known("whole.out");
    until("nearly all records", || lines(&folder, "a.out") + 40 > whole.len());
    let said = stopped(child);
    assert!(said.contains("going on from epoch") && !said.contains("bad "), "{said}");
    // Without --follow the file comes to its end.
    let (code, said) = run(&folder, &command.replace(" --follow", ""));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(known("a.out"), whole);
}

#[test]
fn columns_of_a_file_that_grows_are_known_once_its_first_line_is_there() {
    let folder = folder("follow-columns");
    let mut file = appender(&folder, "tx.csv");
    let child = started(&folder, "run p.cep --in tx=tx.csv --out alert=a.out --follow", Stdio::null());
    file.write_all(b"card,amount,n,").expect("writable");
    thread::sleep(Duration::from_millis(120));
    file.write_all(b"at\nc1,5,1,1000\nc1,6,2,2000\nc1,1,3,60000\n").expect("writable");
    until("a record", || lines(&folder, "a.out") == 1);
    stopped(child);
    assert_eq!(records(&folder, "a.out"), ["\"c1\" 1 2"]);
}

#[test]
fn what_cannot_be_followed_is_said() {
    let folder = folder("follow-refused");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(events(0..10).as_bytes()).expect("memory has room");
    std::fs::write(folder.0.join("tx.jsonl.gz"), encoder.finish().expect("memory has room"))
        .expect("writable");
    let (code, said) = run(&folder, "run p.cep --in tx=tx.jsonl.gz --follow");
    assert!(code == Some(2) && said.contains("a compressed file cannot be followed"), "{said}");
    folder.write("tx.jsonl", &events(0..10));
    let child = started(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.out --follow", Stdio::null());
    until("the output", || folder.0.join("a.out").exists());
    thread::sleep(Duration::from_millis(100));
    std::fs::rename(folder.0.join("tx.jsonl"), folder.0.join("tx.1.jsonl")).expect("it is there");
    folder.write("tx.jsonl", &events(10..20));
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("another file has taken its name"), "{said}");
}

#[test]
fn a_silent_input_holds_the_others_back_until_it_is_idle() {
    let folder = folder("follow-idle");
    folder.write("tx.jsonl", &events(0..1000));
    run(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.out");
    let command = "run p.cep --in tx=tx.jsonl --in tx=- --out alert=a.out";
    let mut child = started(&folder, command, Stdio::piped());
    let mut stdin = child.stdin.take().expect("it is piped");
    // Nothing comes of standard input, and all that is not within the disorder comes of the file.
    let whole = records(&folder, "whole.out");
    until("records", || lines(&folder, "a.out") + 40 > whole.len());
    stdin.write_all(b"{\"card\":\"new\",\"amount\":5,\"n\":-2,\"at\":1700000000000}\n").expect("it reads");
    stdin.write_all(b"{\"card\":\"new\",\"amount\":5,\"n\":-1,\"at\":1700001000000}\n").expect("it reads");
    stdin.write_all(b"{\"card\":\"new\",\"amount\":6,\"n\":0,\"at\":1700001001000}\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(0) && said.contains("late     1"), "{said}");
    let mut all = whole;
    all.push("\"new\" -1 0".to_owned());
    assert_eq!(records(&folder, "a.out"), all);
}
