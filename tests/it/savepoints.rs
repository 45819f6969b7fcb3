//! Savepoints and looking at state: what is written beside a run, what a run begins with, and what is refused.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::{Folder, events as text, run};

const PATTERNS: &str = "
stream tx { card string  amount int  n int  at timestamp  event time at, disorder 1s }

pattern pair {
    on tx by card
    match all a where amount > 3
    then b where amount > a.amount
    within 10m
    emit alert { card: card, first: a.n, second: b.n }
}

pattern spree {
    on tx by card, amount
    match all a then b then c
    within 10m
    emit alert { card: card, first: a.n }
}
";

const EVENTS: usize = 12_000;

const RUN: &str = "run p.cep --in tx=tx.jsonl --state state --checkpoint-every 500 --out alert=out.jsonl";

fn done(folder: &Folder, arguments: &str) -> String {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, Some(0), "{arguments}: {said}");
    said
}

fn refused(folder: &Folder, arguments: &str, part: &str) {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, Some(2), "{arguments}: {said}");
    assert!(said.contains(part), "{part}: {said}");
}

/// A folder with the state of a run that was broken off at two thirds of its events, by a bad line.
fn broken_off(name: &str) -> Folder {
    let folder = Folder::empty(&format!("savepoints-{name}"));
    folder.write("p.cep", PATTERNS);
    folder.write("tx.jsonl", &format!("{}nope\n", text(0..EVENTS * 2 / 3 + 300)));
    let (code, why) = run(&folder, &format!("{RUN} --strict"));
    assert_eq!(code, Some(2), "{why}");
    folder.write("tx.jsonl", &text(0..EVENTS));
    fs::remove_file(folder.0.join("tx.bad.jsonl")).expect("the bad line is there");
    folder
}

#[test]
fn a_run_from_a_savepoint_finds_what_follows_with_any_number_of_threads() {
    let folder = broken_off("from");
    let said = done(&folder, "savepoint --state state --to s");
    assert!(
        said.contains("s: epoch ") && said.contains(" of state, written ") && said.contains(" records, "),
        "{said}"
    );
    refused(&folder, "savepoint --state state --to s", "s is there already");
    done(&folder, "savepoint --state state --to s --replace");
    // The run itself goes on to its end: what it adds is what follows.
    let listed = done(&folder, "state ls s --format json");
    let bytes: usize = listed
        .split("\"outputs\":{\"out.jsonl\":")
        .nth(1)
        .and_then(|rest| rest.split('}').next())
        .and_then(|bytes| bytes.parse().ok())
        .expect(&listed);
    done(&folder, RUN);
    let whole = folder.read("out.jsonl");
    assert!(whole.len() > bytes + 1000 && bytes > 1000);
    for (threads, state) in [("1", ""), ("3", ""), ("2", " --state new")] {
        let out = format!("from-{threads}.jsonl");
        let command =
            format!("run p.cep --in tx=tx.jsonl --out alert={out} --from s --threads {threads}{state}");
        let said = done(&folder, &command);
        assert!(said.contains(" of s: "), "{said}");
        assert!(folder.read(&out) == whole[bytes..], "{threads} threads");
    }
    let said = done(&folder, "run p.cep --in tx=tx.jsonl --out alert=from-2.jsonl --from s --state new");
    assert!(said.contains("has come to its end") && said.contains("--from was read when"), "{said}");
    refused(
        &folder,
        "run p.cep --in tx=tx.jsonl --out alert=from-1.jsonl --from s",
        "from-1.jsonl is not empty, and a run with --from begins new outputs",
    );
}

#[test]
fn inputs_that_are_new_are_read_and_those_that_are_missing_are_asked_for() {
    let folder = broken_off("inputs");
    done(&folder, "savepoint --state state --to s");
    folder.write("more.jsonl", &text(EVENTS..EVENTS + 2000).replace("\"card\":\"c", "\"card\":\"d"));
    folder.write("old.jsonl", &text(0..10));
    let both = "run p.cep --in tx=more.jsonl --in tx=tx.jsonl --out alert=both.jsonl --from s --state both";
    done(&folder, both);
    let records = folder.read("both.jsonl");
    assert!(records.contains("\"card\":\"d1\"") && records.contains("\"card\":\"c1\""), "both are read");
    assert!(done(&folder, both).contains("has come to its end"));
    refused(
        &folder,
        "run p.cep --in tx=more.jsonl --out alert=one.jsonl --from s",
        "the inputs are tx=more.jsonl, and the state is of a run over tx=tx.jsonl",
    );
    let said = done(&folder, "run p.cep --in tx=more.jsonl --out alert=one.jsonl --from s --missing-inputs");
    assert!(said.contains(" from 1 input, "), "{said}");
    // What is older than what was worked on is late.
    let said = done(
        &folder,
        "run p.cep --in tx=tx.jsonl --in tx=old.jsonl --out alert=late.jsonl --from s --out tx.late=l.jsonl",
    );
    assert!(said.contains("late     10 of tx"), "{said}");
    folder.write("tx.jsonl", &text(5..EVENTS));
    refused(
        &folder,
        "run p.cep --in tx=tx.jsonl --out alert=x.jsonl --from s",
        "tx.jsonl is not the file that was read before",
    );
}

#[test]
fn a_run_that_was_not_drained_is_gone_on_from_when_its_file_has_grown() {
    let folder = broken_off("grown");
    folder.write("tx.jsonl", &text(0..8000));
    fs::remove_dir_all(folder.0.join("state")).expect("it is there");
    done(&folder, &format!("{RUN} --no-drain"));
    done(&folder, "savepoint --state state --to s");
    folder.write("tx.jsonl", &text(0..EVENTS));
    done(&folder, "run p.cep --in tx=tx.jsonl --out alert=rest.jsonl --from s");
    let found = folder.read("out.jsonl") + &folder.read("rest.jsonl");
    done(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    assert!(found == folder.read("whole.jsonl"), "{} records", found.lines().count());
    done(&folder, "run p.cep --in tx=tx.jsonl --out alert=drained.jsonl --state drained");
    done(&folder, "savepoint --state drained --to d");
    refused(
        &folder,
        "run p.cep --in tx=tx.jsonl --out alert=y.jsonl --from d",
        "the run of the savepoint has come to its end, with all its deadlines",
    );
}

#[test]
fn savepoints_that_are_damaged_cut_foreign_or_of_later_are_refused() {
    let folder = broken_off("damaged");
    done(&folder, "savepoint --state state --to s");
    let whole = fs::read(folder.0.join("s")).expect("it is there");
    let from = "run p.cep --in tx=tx.jsonl --out alert=x.jsonl --from bad";
    let check = |bytes: &[u8], part: &str| {
        fs::write(folder.0.join("bad"), bytes).expect("it can be written");
        refused(&folder, from, part);
        assert!(!folder.0.join("x.jsonl").exists(), "nothing was written");
    };
    check(b"", "bad is no savepoint");
    check(b"{\"card\":1}\n{\"card\":2}\n", "bad is no savepoint");
    check(&whole[..whole.len() / 2], "the savepoint bad is cut: it ends after record ");
    check(&whole[..whole.len() - 2], "the savepoint bad is cut: it ends in its checksum");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    check(&damaged, "the savepoint bad is ");
    let mut later = whole.clone();
    later[19] = 2;
    check(&later, "the savepoint bad has format 2 of Ensue ");
    fs::write(folder.0.join("bad"), &damaged).expect("it can be written");
    let (code, said) = run(&folder, "state verify bad");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("bad: damaged: the savepoint bad is "), "{said}");
    refused(
        &folder,
        "run p.cep --in tx=tx.jsonl --out alert=x.jsonl --from none",
        "cannot read the savepoint none",
    );
}

#[test]
fn a_savepoint_is_written_while_a_run_has_the_directory() {
    let folder = Folder::empty("savepoints-beside");
    folder.write("p.cep", PATTERNS);
    folder.write("tx.jsonl", &text(0..400_000));
    let mut child = folder.command(RUN).stderr(Stdio::null()).spawn().expect("it starts");
    let until = Instant::now() + Duration::from_secs(30);
    let mut written = 0;
    while Instant::now() < until && child.try_wait().expect("a child").is_none() && written < 3 {
        let (code, said) = run(&folder, &format!("savepoint --state state --to s{written}"));
        if code == Some(0) {
            written += 1;
        } else {
            // The directory is being made, or there is no epoch yet.
            assert_eq!(code, Some(2), "{said}");
            thread::sleep(Duration::from_millis(5));
        }
    }
    let _ = child.kill();
    child.wait().expect("it has ended");
    assert!(written > 0);
    for number in 0..written {
        let said = done(&folder, &format!("state verify s{number}"));
        assert!(said.contains(": whole: epoch "), "{said}");
    }
}

#[test]
fn a_state_can_be_looked_at() {
    let folder = broken_off("looked-at");
    done(&folder, "savepoint --state state --to s");
    let said = done(&folder, "state ls state");
    for part in ["state\nepoch ", ", written ", "tx=tx.jsonl  ", "out.jsonl  ", "\n  pair     starts "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = done(&folder, "state show s --pattern pair --key c3");
    assert!(said.starts_with("pair key `c3`: ") && said.contains("    a at 2023-11-14T22:"), "{said}");
    assert!(said.contains("  [tx/0 ") && said.contains("  amount 10, n "), "{said}");
    let said = done(&folder, "state show state --pattern spree --key c3,7 --format json");
    let line = said.lines().next().expect("something is open");
    assert!(
        line.starts_with("{\"pattern\":\"spree\",\"draining\":false,\"key\":{\"amount\":7,\"card\":\"c3\"}"),
        "{line}"
    );
    assert!(line.contains("\"events\":[{\"step\":\"a\",\"at\":\"2023-"), "{line}");
    let said = done(&folder, "state show s --pattern pair --key nobody");
    assert_eq!(said, "nothing is open of `pair`\n");
    refused(
        &folder,
        "state show s --pattern spree --key c3",
        "has 2 values (card string, amount int), and 1 were given",
    );
    refused(
        &folder,
        "state show s --pattern spree --key c3,x",
        "`x` is no int, as the key `amount` of pattern `spree` is",
    );
    refused(&folder, "state show s --pattern pear", "did you mean `pair`?");
    assert!(done(&folder, "state verify state").contains("state: whole: epoch "));
    assert!(done(&folder, "state diff s state").contains("the state of keys is the same"));
    done(&folder, RUN);
    let (code, said) = run(&folder, "state diff s state");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("pair: 7 gone") && said.contains("  gone `c0`"), "{said}");
    let (code, said) = run(&folder, "state diff s state --format json");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\"patterns\":{\"pair\":{\"added\":{\"count\":0,\"keys\":[]}"), "{said}");
    assert!(done(&folder, "state prune state").contains("there is nothing to prune"));
    refused(&folder, "state ls nothing", "nothing");
}

#[test]
fn a_run_from_a_savepoint_may_have_other_patterns() {
    let folder = broken_off("other-patterns");
    done(&folder, "savepoint --state state --to s");
    let spree = PATTERNS.find("pattern spree").expect("it is there");
    let more = PATTERNS[spree..].replace("spree", "more").replace("by card, amount", "by card, n");
    folder.write(
        "p.cep",
        &PATTERNS
            .replace("amount > 3", "amount > 2")
            .replace("pattern spree", &format!("{more}\npattern spree")),
    );
    let command = "run p.cep --in tx=tx.jsonl --out alert=from.jsonl --from s --threads 2";
    refused(&folder, command, "a pattern is not what the state in s is of: `pair` has changed (its steps), ");
    assert!(!folder.0.join("from.jsonl").exists(), "nothing was written");
    let said = done(&folder, &format!("{command} --changed drain --state new"));
    assert!(said.contains("`more` is new: it begins here") && said.contains("pair (draining)"), "{said}");
    assert!(done(&folder, "state ls new").contains("at the end of the run"));
    let of_spree = |records: String| {
        records.lines().filter(|line| line.contains("\"spree\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    let found = of_spree(folder.read("from.jsonl"));
    folder.write("p.cep", PATTERNS);
    done(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl");
    let whole = of_spree(folder.read("whole.jsonl"));
    assert!(found.len() > 1000 && whole.ends_with(&found), "{} of {}", found.len(), whole.len());
}
