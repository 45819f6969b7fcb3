//! A folder of its own for a test that runs the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A pattern over a stream of payments, for tests of what is around patterns.
pub(crate) const PAIR: &str = "
stream tx { card string  amount int  at timestamp  event time at, disorder 1s }

pattern pair {
    on tx by card
    match a where amount > 3
    then b where amount > a.amount
    within 10m
    emit alert { card: card, first: a.amount, second: b.amount }
}
";

/// The folder. It is left behind, to be looked at.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    /// An empty one of this name, which no other test has.
    pub(crate) fn empty(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect(name)
    }

    /// The command, in the folder.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ensue"));
        command.current_dir(&self.0).args(arguments.split_whitespace());
        command
    }
}

/// Runs a command in a folder: the code, and what was said.
pub(crate) fn run(folder: &Folder, arguments: &str) -> (Option<i32>, String) {
    let output = folder.command(arguments).output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Events of a few cards, four a second.
pub(crate) fn events(numbers: std::ops::Range<usize>) -> String {
    let line = |at: usize| {
        let time = 1_700_000_000_000 + at * 250;
        let (card, amount) = (at % 7, at * 7919 % 11);
        format!("{{\"card\":\"c{card}\",\"amount\":{amount},\"n\":{at},\"at\":{time}}}\n")
    };
    numbers.map(line).collect()
}
