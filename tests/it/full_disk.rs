//! A disk that is full: the run ends with an error that says where and what to do, nothing is damaged, and the same command
//! goes on once there is room.
//!
//! The disk is a real one, of memory: a `tmpfs` of its own, which is mounted where nobody else sees it. Where that is not
//! allowed the tests say so, loudly, and do nothing.

use std::io::{self, Write as _};
use std::process::Command;

use crate::folder::Folder;

const PATTERNS: &str = "
stream tx { card string  amount int  at timestamp  event time at, disorder 1s }

pattern pair {
    on tx by card
    match a where amount > 0
    then b where amount != a.amount
    within 10h
    emit alert { card: card, first: a.amount, second: b.amount }
}
";

/// What every script begins with: the disk, and how it is filled up to so many KiB.
const PRELUDE: &str = "
set -u
mkdir -p disk && mount -t tmpfs -o size=40m tmpfs disk || exit 77
leave() { head -c $((40960 - $1))K /dev/zero > disk/filler 2>/dev/null || true; }
run() { \"$ENSUE\" run p.cep --in tx=tx.jsonl --checkpoint-every 3000 \"$@\" > said 2>&1; code=$?; }
said() { echo \"case $1: code $code: $(grep -E '^(error|help)' said | tr '\\n' ' ')\"; }
";

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("full-disk-{name}"));
    folder.write("p.cep", PATTERNS);
    let line = |at: usize| {
        let (card, amount) = (at % 5003, ((at * 2_654_435_761) >> 7) % 11);
        let at = 1_700_000_000_000 + at * 250;
        format!("{{\"card\":\"card {card:040}\",\"amount\":{amount},\"at\":{at}}}\n")
    };
    folder.write("tx.jsonl", &(0..60_000).map(line).collect::<String>());
    let whole = folder.command("run p.cep --in tx=tx.jsonl --out alert=whole.jsonl").output();
    assert!(whole.expect("it starts").status.success());
    assert!(folder.read("whole.jsonl").len() > 1_200_000, "more than there is room for below");
    folder
}

/// What a script says on a disk of its own; nothing where this user may have none.
fn on_a_small_disk(folder: &Folder, script: &str) -> Option<String> {
    let text = format!("{PRELUDE}{script}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &text]).current_dir(&folder.0);
    let output = command.env("ENSUE", env!("CARGO_BIN_EXE_ensue")).output();
    let why = match output {
        Ok(output) if output.status.success() => {
            return Some(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Ok(output) if output.status.code() == Some(77) || output.stdout.is_empty() => {
            String::from_utf8_lossy(&output.stderr).into_owned()
        }
        Ok(output) => panic!("the script failed: {output:?}"),
        Err(error) => error.to_string(),
    };
    // Not with a macro, whose words are kept back where a test passes.
    let _ = writeln!(
        io::stderr(),
        "SKIPPED: what happens on a full disk was NOT tested, as no small disk can be mounted here: {why}"
    );
    None
}

/// The lines of a case.
fn cases<'a>(said: &'a str, case: &str) -> Vec<&'a str> {
    let start = format!("case {case}: ");
    said.lines().filter_map(|line| line.strip_prefix(start.as_str())).collect()
}

#[test]
fn a_full_disk_under_the_state_is_said_and_the_run_goes_on_when_there_is_room() {
    let folder = folder("state");
    let script = "
for free in 0 16 100 400 1000 2500 6000; do
    rm -rf disk/* out.jsonl; leave $free
    run --out alert=out.jsonl --state disk/state; said full
    run --out alert=out.jsonl --state disk/state; said still
    rm disk/filler
    run --out alert=out.jsonl --state disk/state; said room
    \"$ENSUE\" state verify disk/state > said 2>&1; code=$?; said verify
    cmp out.jsonl whole.jsonl && echo same
done";
    let Some(said) = on_a_small_disk(&folder, script) else { return };
    assert_eq!(said.matches("same\n").count(), 7, "{said}");
    let failed: Vec<&str> = cases(&said, "full")
        .into_iter()
        .chain(cases(&said, "still"))
        .filter(|line| !line.starts_with("code 0"))
        .collect();
    assert!(failed.len() >= 8, "{said}");
    for line in failed {
        let told = "code 2: error: no space is left for the state in disk/state";
        assert!(
            line.starts_with(told) && line.contains("; what was committed is safe: free some space"),
            "{said}"
        );
    }
    for line in cases(&said, "room").into_iter().chain(cases(&said, "verify")) {
        assert!(line.starts_with("code 0"), "{said}");
    }
}

#[test]
fn a_full_disk_under_an_output_is_said_and_the_run_goes_on_when_there_is_room() {
    let folder = folder("output");
    let script = "
for free in 0 16 100 400 1000; do
    rm -rf disk/* state; leave $free
    run --out alert=disk/out.jsonl --state state; said full
    run --out alert=disk/out.jsonl --state state; said still
    rm disk/filler
    run --out alert=disk/out.jsonl --state state; said room
    cmp disk/out.jsonl whole.jsonl && echo same
done
rm -rf disk/* state; leave 100
\"$ENSUE\" run p.cep --in tx=tx.jsonl --out alert=disk/out.jsonl > said 2>&1; code=$?; said stateless";
    let Some(said) = on_a_small_disk(&folder, script) else { return };
    assert_eq!(said.matches("same\n").count(), 5, "{said}");
    let failed: Vec<&str> = cases(&said, "full").into_iter().chain(cases(&said, "still")).collect();
    assert_eq!(failed.len(), 10);
    for line in failed {
        let told = "code 2: error: cannot write disk/out.jsonl: No space left on device (os error 28) help: free some space";
        assert!(line.starts_with(told) && line.contains("the same command goes on"), "{said}");
    }
    assert!(cases(&said, "room").iter().all(|line| line.starts_with("code 0")), "{said}");
    let stateless = cases(&said, "stateless");
    assert!(
        stateless[0].contains("cannot write disk/out.jsonl")
            && stateless[0].contains("help: free some space"),
        "{said}"
    );
}
