//! The tutorial does what it says: its files are written, its commands run, and what they say is compared.
//!
//! A block opened with `cep file` is written to the file that is named last before it. In a block opened with `console`
//! the lines that begin with `$` are run in one folder, one after the other; the lines behind each are what it must say.
//! `…` there stands for anything in a line, and alone for any lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::folder::Folder;

#[test]
fn the_tutorial_works_as_it_stands() {
    let folder = Folder::empty("tutorial");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md"))
        .expect("it is there");
    let mut named = String::new();
    let mut commands = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            if let Some(name) = line.split('`').skip(1).step_by(2).last() {
                named = name.to_owned();
            }
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match kind {
            "cep file" => folder.write(&named, &(block.join("\n") + "\n")),
            "console" => commands += follow(&folder, &block),
            other => panic!("a block of kind `{other}` is not understood"),
        }
    }
    assert!(commands > 8, "{commands}");
}

/// Runs the commands of a block, and compares. Gives how many there are.
fn follow(folder: &Folder, block: &[&str]) -> usize {
    let commands: Vec<usize> = (0..block.len()).filter(|at| block[*at].starts_with("$ ")).collect();
    for (number, at) in commands.iter().enumerate() {
        let end = commands.get(number + 1).copied().unwrap_or(block.len());
        let (command, expected) = (&block[*at][2..], &block[at + 1..end]);
        let said = said(folder, command);
        let found: Vec<&str> = said.lines().collect();
        assert!(fits(expected, &found), "$ {command}\nsays\n{said}\nand not\n{}", expected.join("\n"));
    }
    commands.len()
}

/// What a command says, as somebody at a terminal sees it.
fn said(folder: &Folder, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_ensue")).parent().expect("a folder");
    let path = std::env::var("PATH").expect("there is one");
    let mut shell = Command::new("sh");
    shell.current_dir(&folder.0).args(["-c", &format!("{{ {command}; }} 2>&1")]);
    shell.env("PATH", format!("{}:{path}", binary.display()));
    let output = shell.output().expect("it starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether lines are those that are expected.
fn fits(expected: &[&str], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=found.len()).any(|count| fits(rest, &found[count..])),
        (Some((line, rest)), Some((of, others))) => line_fits(line, of) && fits(rest, others),
        _ => false,
    }
}

fn line_fits(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|start| found.strip_prefix(start)) else { return false };
    let mut is_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        is_open = part.is_empty();
    }
    is_open || rest.is_empty()
}

#[test]
fn what_is_left_out_is_anything() {
    assert!(line_fits("a … c", "a b c") && line_fits("a…", "abc") && line_fits("", ""));
    assert!(!line_fits("a … c", "a b d") && !line_fits("a", "ab") && !line_fits("b…", "ab"));
    assert!(fits(&["a", "…"], &["a", "b", "c"]) && fits(&["…", "c"], &["c"]) && fits(&[], &[]));
    assert!(!fits(&["a"], &["a", "b"]) && !fits(&["…", "d"], &["c"]) && !fits(&["a"], &[]));
}
