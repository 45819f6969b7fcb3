//! The line that says how far a run is: on a terminal, and nowhere else. A terminal is had from `script`.

use std::process::{Command, Output};

use crate::folder::Folder;

const PATTERNS: &str = "
stream tx { card string  amount int  at timestamp  event time at, disorder 1s }
pattern large { on tx by card  match a where amount > 3  emit alert { card: card } }
";

/// Takes so long that the line is shown and changes: two events, a pause, a bad line and a third event, a pause.
const SLOW: &str = "(cat tx.jsonl; sleep 0.8; cat more.jsonl; sleep 0.8) |";

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("progress-{name}"));
    folder.write("p.cep", PATTERNS);
    let line = |amount: u32, at: u32| format!("{{\"card\":\"c1\",\"amount\":{amount},\"at\":{at}}}\n");
    folder.write("tx.jsonl", &(line(1, 1000) + &line(5, 62_000)));
    folder.write("more.jsonl", &format!("nope\n{}", line(7, 63_000)));
    folder
}

fn ensue(arguments: &str) -> String {
    format!("{} {arguments}", env!("CARGO_BIN_EXE_ensue"))
}

/// What a terminal gets of a command of the shell, or nothing where there is no terminal to be had.
fn on_terminal(folder: &Folder, columns: u32, command: &str) -> Option<String> {
    let command = format!("stty rows 24 cols {columns}; {command}");
    let mut script = Command::new("script");
    script.current_dir(&folder.0).env("TERM", "xterm").env("NO_COLOR", "1");
    let output =
        script.args(["-qec", &command, "/dev/null"]).stdin(std::process::Stdio::null()).output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// The lines that were drawn in one place.
fn drawn(text: &str) -> Vec<&str> {
    text.split("\r\u{1b}[K").skip(1).map(|rest| rest.split(['\r', '\n']).next().expect("a part")).collect()
}

/// What is on the terminal in the end.
fn screen(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix("\r\u{1b}[K") {
            lines.last_mut().expect("there is one").clear();
            rest = behind;
            continue;
        }
        match letter {
            '\n' => lines.push(String::new()),
            '\r' => {}
            letter => lines.last_mut().expect("there is one").push(letter),
        }
        rest = &rest[letter.len_utf8()..];
    }
    lines
}

#[test]
fn a_terminal_has_a_line_that_changes_and_is_gone_in_the_end() {
    let folder = folder("terminal");
    let run = ensue("run p.cep --in tx=- --out alert=alert.jsonl --explain-bad --limit 30");
    let Some(text) = on_terminal(&folder, 100, &format!("{SLOW} {run}")) else { return };
    let lines = drawn(&text);
    let has = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(
        has("6 %, ") && has("2 events, ") && has(" events/s, ") && has("up to 1970-01-01 00:01:01"),
        "{text:?}"
    );
    assert!(has("10 %, ") && has("3 events, "), "it changes: {text:?}");
    let screen = screen(&text);
    assert!(screen[0].starts_with("bad line[malformed]: "), "{screen:?}");
    assert!(screen.iter().any(|line| line.starts_with("events   3 from 1 input")), "{screen:?}");
    assert!(
        !screen.iter().any(|line| line.contains(" %, ") || line.contains("up to")),
        "it is gone: {screen:?}"
    );
}

#[test]
fn the_line_fits_the_terminal() {
    let folder = folder("narrow");
    let run = ensue("run p.cep --in tx=- --out alert=alert.jsonl");
    let Some(text) = on_terminal(&folder, 24, &format!("{SLOW} {run}")) else { return };
    let lines: Vec<&str> = drawn(&text).into_iter().filter(|line| !line.starts_with("events   ")).collect();
    assert!(lines.iter().any(|line| line.contains("2 events")), "{text:?}");
    assert!(lines.iter().all(|line| line.chars().count() < 24), "{lines:?}");
}

#[test]
fn nobody_else_has_one() {
    let folder = folder("nobody");
    let run = ensue("run p.cep --in tx=-");
    // Records go to the terminal: nothing else may be drawn there.
    let quiet = [
        format!("{SLOW} {run}"),
        format!("{SLOW} {run} --out alert=alert.jsonl --quiet"),
        format!("{SLOW} {run} | cat"),
        format!("{SLOW} TERM=dumb {run} --out alert=alert.jsonl"),
        format!("{SLOW} {run} --out alert=alert.jsonl 2> err; cat err"),
    ];
    for command in quiet {
        let Some(text) = on_terminal(&folder, 100, &command) else { return };
        assert!(!text.contains("\u{1b}[K") && !text.contains("events/s, "), "{command}: {text:?}");
    }
    let piped: Output = Command::new("sh")
        .current_dir(&folder.0)
        .args(["-c", &format!("{SLOW} {run}")])
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&piped.stderr);
    assert!(piped.status.success() && !said.contains('\r'), "{said:?}");
}
