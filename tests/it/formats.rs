//! Stores and savepoints as earlier versions have left them, which every later one goes on from.
//!
//! `tests/formats/N/` has what a run of format N left behind when it failed half way: its program, its state directory, a
//! savepoint, and sums of what an unbroken run of that version had found. The state is gone on from over the same events, and
//! then the outputs must have these sums. `make freeze FORMAT=N` makes such a folder; one that is there is never made again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::Folder;

/// The formats that are read.
const FORMATS: [&str; 1] = ["1"];

/// Of each class of executor one pattern at least, a family, `limit`, and a derived stream.
const PATTERNS: &str = "
stream tx { card string  amount decimal(2)  shop string  at timestamp  event time at, disorder 2s }

pattern strict { on tx by card  match all a next b where amount > a.amount within 10m
    emit alert { card: card, from: a.at } }
pattern queues { on tx by card  match a where amount < 30.00 then b where amount > 60.00 then c where amount < 20.00 within 20m
    emit alert { card: card, from: a.at } on timeout emit lost { card: card, from: a.at } }
pattern starts { on tx by card  match a where amount < 30.00 then b{2,} where amount > a.amount then c where amount > 90.00 within 20m
    emit alert { card: card, from: a.at, n: count(b) } }
pattern enumerable { on tx by card  match all a where amount < 40.00 then any b where amount > 60.00 and shop == a.shop within 5m
    emit alert { card: card, from: a.at } }
pattern aggregate { on tx by card  match all a where amount < 20.00 then any b where amount > 20.00 then any c where amount > 80.00 within 8m
    tally tallied { card: card, n: count(), sum: sum(b.amount) } }
pattern runs { on tx by card  match one of (a where amount < 20.00, b where amount > 90.00) then c where shop == \"s1\" within 10m
    emit alert { card: card, at_c: c.at } }
pattern family_1 { on tx by card  match all a where amount < 20.00 then b where amount < 25.00 within 3m
    emit alert { card: card, from: a.at } }
pattern family_2 { on tx by card  match all a where amount < 22.00 then b where amount < 27.00 within 3m
    emit alert { card: card, from: a.at } }
pattern limited { on tx by card  match all a where amount < 20.00 next b within 5m limit 2 per 10m
    emit alert { card: card, from: a.at } }
pattern derived { on tallied by card  match all a next b within 30m
    emit alert { card: card, from: a.at } }
";

const RUN: &str = "run p.cep --in tx=tx.jsonl --out alert=alerts.jsonl --out lost=lost.jsonl --out tallied=tallied.jsonl \
                   --state state --checkpoint-every 1 --strict";

const OUTPUTS: [&str; 3] = ["alerts.jsonl", "lost.jsonl", "tallied.jsonl"];

/// More than two batches.
const EVENTS: u64 = 9_000;

/// In the third batch.
const FAILS_AT: usize = 8_500;

fn frozen(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(format)
}

/// Events of a few cards, the same on every machine and for ever.
fn events() -> String {
    let line = |number: u64| {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        format!(
            "{{\"card\":\"c{}\",\"amount\":{}.{:02},\"shop\":\"s{}\",\"at\":{}}}\n",
            mixed % 40,
            (mixed >> 8) % 100,
            (mixed >> 16) % 100,
            (mixed >> 24) % 3,
            1_700_000_000_000 + number * 3_000 - (mixed >> 30) % 2_000
        )
    };
    (0..EVENTS).map(line).collect()
}

/// The lines of an output, and a sum of its bytes (FNV-1a).
fn sum(folder: &Folder, output: &str) -> String {
    let text = folder.read(output);
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{output} lines={} fnv={hash:016x}\n", text.lines().count())
}

fn sums(folder: &Folder) -> String {
    OUTPUTS.iter().map(|output| sum(folder, output)).collect()
}

fn run(folder: &Folder, command: &str) {
    let said = folder.command(command).output().expect("it starts");
    assert!(said.status.success(), "{command}: {}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn what_an_earlier_version_left_is_gone_on_from() {
    for format in FORMATS {
        let folder = Folder::empty(&format!("format-{format}"));
        copy(&frozen(format), &folder.0);
        folder.write("tx.jsonl", &events());
        run(&folder, &RUN.replace(" --state state --checkpoint-every 1", ""));
        assert_eq!(sums(&folder), folder.read("sums.txt"), "format {format}: an unbroken run");
        let whole = OUTPUTS.map(|output| folder.read(output));
        // The outputs are cut to what was committed.
        run(&folder, RUN);
        assert_eq!(OUTPUTS.map(|output| folder.read(output)), whole, "format {format}: the state");
        OUTPUTS.iter().for_each(|output| fs::remove_file(folder.0.join(output)).expect("it was there"));
        run(&folder, &RUN.replace("--state state --checkpoint-every 1", "--from frozen.savepoint"));
        for (output, whole) in OUTPUTS.iter().zip(whole) {
            let found = folder.read(output);
            let is_end = whole.ends_with(&found) && found.len() < whole.len();
            assert!(is_end && !found.is_empty(), "format {format}: the savepoint: {output}");
        }
    }
}

/// Makes the folder of a new format: only where there is none.
#[test]
#[ignore = "make freeze FORMAT=N"]
fn freeze() {
    let format = std::env::var("FORMAT").expect("FORMAT=N");
    let frozen = frozen(&format);
    assert!(!frozen.exists(), "{} is there, and stays as it is", frozen.display());
    let folder = Folder::empty("freeze");
    folder.write("p.cep", PATTERNS);
    folder.write("tx.jsonl", &events());
    run(&folder, &RUN.replace(" --state state --checkpoint-every 1", ""));
    folder.write("sums.txt", &sums(&folder));
    let lines: Vec<String> = events().lines().map(str::to_owned).collect();
    folder.write("tx.jsonl", &format!("{}\nno event\n", lines[..FAILS_AT].join("\n")));
    assert!(!folder.command(RUN).status().expect("it starts").success(), "it fails at the last line");
    run(&folder, "savepoint --state state --to frozen.savepoint");
    fs::create_dir_all(&frozen).expect("a folder");
    copy(&folder.0.join("state"), &frozen.join("state"));
    for file in ["p.cep", "sums.txt", "frozen.savepoint"] {
        fs::copy(folder.0.join(file), frozen.join(file)).expect("a copy");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        // What RocksDB says of itself is not for others.
        match name.starts_with("LOG") {
            true => {}
            false if path.is_dir() => copy(&path, &to.join(name)),
            false => _ = fs::copy(&path, to.join(name)).expect("a copy"),
        }
    }
}
