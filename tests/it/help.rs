//! What the command line says of itself: help, completions, pages for man, and that the documents name only what there is.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use clap::{Command, CommandFactory, Parser};
use ensue::cli::Cli;

use crate::folder::Folder;

/// The widest line of a help text.
const COLUMNS: usize = 80;

/// All commands, each with the names that lead to it.
fn commands() -> Vec<(Vec<String>, Command)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    let mut waiting = vec![(Vec::new(), root)];
    while let Some((path, command)) = waiting.pop() {
        for below in command.get_subcommands() {
            let path = path.iter().cloned().chain([below.get_name().to_owned()]).collect();
            waiting.push((path, below.clone()));
        }
        all.push((path, command));
    }
    all
}

/// The long options of a command.
fn options(command: &Command) -> BTreeSet<String> {
    command
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .map(|long| format!("--{long}"))
        .collect()
}

#[test]
fn every_help_fits_eighty_columns_and_leaves_no_option_out() {
    let mut broken = Vec::new();
    for (path, command) in commands() {
        let name = path.join(" ");
        for flag in ["--help", "-h"] {
            let output = Process::new(env!("CARGO_BIN_EXE_ensue")).args(&path).arg(flag).output();
            let output = output.expect("it starts");
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(output.status.success() && output.stderr.is_empty(), "{name} {flag}");
            let missing = options(&command).into_iter().filter(|option| !text.contains(option.as_str()));
            broken.extend(missing.map(|option| format!("`{name} {flag}` has no {option}")));
            let wide = text.lines().filter(|line| line.chars().count() > COLUMNS);
            broken.extend(wide.map(|line| format!("`{name} {flag}` is too wide: {line}")));
        }
        // Examples that are wrapped cannot be copied.
        let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let wide = notes.lines().filter(|line| line.chars().count() > COLUMNS);
        broken.extend(wide.map(|line| format!("`{name}`: below its options, wider than {COLUMNS}: {line}")));
        let silent = command.get_arguments().filter(|argument| argument.get_help().is_none());
        broken.extend(silent.map(|argument| format!("`{name}`: {} has no help", argument.get_id())));
        if command.get_about().is_none() {
            broken.push(format!("`{name}` does not say what it does"));
        }
    }
    assert_none(&broken);
}

#[test]
fn every_example_of_a_help_is_understood() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for (path, command) in commands() {
        let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in command_lines(&notes) {
            seen += 1;
            broken.extend(refusal(&line).map(|why| format!("`{}`: {line}\n{why}", path.join(" "))));
        }
    }
    assert!(seen > 30, "only {seen} examples were found");
    assert_none(&broken);
}

#[test]
fn every_command_line_in_the_documents_is_understood() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in crate::docs::documents() {
        let text = fs::read_to_string(&path).expect("a document can be read");
        for block in fenced(&text, &["sh", "console"]) {
            for line in command_lines(&block) {
                seen += 1;
                broken.extend(refusal(&line).map(|why| format!("{}: {line}\n{why}", path.display())));
            }
        }
    }
    assert!(seen > 5, "only {seen} command lines were found");
    assert_none(&broken);
}

#[test]
fn the_documents_name_only_commands_and_options_that_there_are() {
    let all = commands();
    let known: BTreeSet<String> = all.iter().flat_map(|(_, command)| options(command)).collect();
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in crate::docs::documents() {
        let text = fs::read_to_string(&path).expect("a document can be read");
        for span in spans(&text) {
            seen += 1;
            broken.extend(
                misnamed(&all, &known, span).map(|why| format!("{}: `{span}`: {why}", path.display())),
            );
        }
    }
    assert!(seen > 100, "only {seen} spans were found");
    assert_none(&broken);
}

#[test]
fn what_is_misnamed_is_found() {
    let all = commands();
    let known: BTreeSet<String> = all.iter().flat_map(|(_, command)| options(command)).collect();
    for wrong in [
        "ensue jump",
        "ensue run --no-such",
        "--no-such",
        "ensue state ls|no",
        "run --drain",
        "ensue run … --bad=1",
    ] {
        assert!(misnamed(&all, &known, wrong).is_some(), "{wrong}");
    }
    for right in [
        "ensue",
        "ensue --help",
        "ensue run … --state DIR",
        "ensue state ls|show",
        "--strict",
        "run --from",
        "x --y",
    ] {
        assert_eq!(misnamed(&all, &known, right), None, "{right}");
    }
    assert!(refusal("ensue run --no-such").is_some() && refusal("ensue run p.cep").is_none());
    let lines =
        command_lines("$ cat 'a b' | ensue run - \\\n  --in 'tx=a *' > out; ensue gen # all\nensue\nnote");
    assert_eq!(lines, ["ensue run - --in 'tx=a *' > out; ensue gen # all", "ensue"].map(str::to_owned));
    assert_eq!(
        words("ensue run --in 'tx=a *' --out \"x\" > out"),
        ["ensue", "run", "--in", "tx=a *", "--out", "x"]
    );
}

/// What is wrong with the name of a command or an option in a code span, if anything is.
fn misnamed(all: &[(Vec<String>, Command)], known: &BTreeSet<String>, span: &str) -> Option<String> {
    let words: Vec<&str> = span.split_whitespace().collect();
    let is_command = |word: &&str| all.iter().any(|(path, _)| path.len() == 1 && path[0] == **word);
    let words = match words.split_first()? {
        (&"ensue", rest) => rest,
        // `run --state`; but `state` alone may be a directory.
        (first, rest) if is_command(first) && rest.first().is_some_and(|word| word.starts_with("--")) => {
            words.as_slice()
        }
        (option, []) if option.starts_with("--") && option.len() > 2 => {
            return (!known.contains(option_of(option))).then(|| "there is no such option".to_owned());
        }
        _ => return None,
    };
    let mut path: Vec<String> = Vec::new();
    let mut command = &all.iter().find(|(path, _)| path.is_empty())?.1;
    let mut rest = words.iter();
    for word in rest.by_ref() {
        if !command.has_subcommands() || word.starts_with('-') || *word == "…" {
            break;
        }
        let below = |name: &str| {
            let is_it = |(at, _): &&(Vec<String>, Command)| {
                at.len() == path.len() + 1
                    && at.starts_with(&path)
                    && at.last().is_some_and(|last| last == name)
            };
            all.iter().find(is_it)
        };
        if let Some(missing) = word.split('|').find(|name| below(name).is_none()) {
            return Some(format!("there is no command `{missing}`"));
        }
        let first = word.split('|').next()?;
        let (at, found) = below(first)?;
        (path, command) = (at.clone(), found);
    }
    let known = options(command);
    let mut named =
        words.iter().filter(|word| word.starts_with("--") && word.len() > 2).map(|word| option_of(word));
    let missing = named.find(|option| *option != "--help" && !known.contains(*option))?;
    Some(format!("`ensue {}` has no {missing}", path.join(" ")))
}

/// The name of an option, without its value and what stands around it.
fn option_of(word: &str) -> &str {
    let end =
        word.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(word.len());
    &word[..end]
}

/// Why a command line is not understood, if it is not.
fn refusal(line: &str) -> Option<String> {
    let words = words(line);
    let error = Cli::try_parse_from(&words).err()?;
    // Help and the version come as errors, too.
    error.use_stderr().then(|| error.to_string()).filter(|_| words.len() > 1)
}

/// The words of a command line, up to where its output goes or the next command begins.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        let last = words.last_mut().expect("there is one from the start");
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => last.push(letter),
            (None, '\'' | '"') => quote = Some(letter),
            (None, '|' | '>' | '<' | ';' | '&' | '#') => break,
            (None, ' ') if last.is_empty() => {}
            (None, ' ') => words.push(String::new()),
            (None, letter) => last.push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The command lines of a text that run `ensue`, from there on; those that go on behind a `\` as one.
fn command_lines(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let mut lines = Vec::new();
    for line in joined.lines() {
        let line = line.trim().trim_start_matches("$ ");
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let start = match line.find("| ensue ") {
            Some(at) => at + 2,
            None if line == "ensue" || line.starts_with("ensue ") => 0,
            None => continue,
        };
        lines.push(line[start..].to_owned());
    }
    lines
}

/// The fenced blocks of these kinds.
fn fenced(text: &str, kinds: &[&str]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if kinds.contains(&kind) {
            blocks.push(body.join("\n"));
        }
    }
    blocks
}

/// The code spans outside of fenced blocks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n```").step_by(2).flat_map(|outside| outside.split('`').skip(1).step_by(2))
}

#[test]
fn completions_are_there_for_every_shell_and_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Process::new(env!("CARGO_BIN_EXE_ensue")).args(["completions", shell]).output();
        let output = output.expect("it starts");
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        let script = String::from_utf8(output.stdout).expect("UTF-8");
        for (path, command) in commands() {
            let names = path.last().into_iter().cloned().chain(options(&command));
            for name in names {
                let name = if shell == "fish" { name.trim_start_matches("--").to_owned() } else { name };
                assert!(script.contains(&name), "{shell}: {name}");
            }
        }
        if shell == "bash" {
            assert_bash_reads(&script);
        }
    }
}

/// Has bash read a script, and complete an option with it.
fn assert_bash_reads(script: &str) {
    let ask =
        "COMP_WORDS=(ensue run --expl); COMP_CWORD=2; _ensue ensue --expl run; echo \"${COMPREPLY[@]}\"";
    let child =
        Process::new("bash").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return };
    let text = format!("set -e\n{script}\n{ask}\n");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--explain-bad\n", "{said}");
}

#[test]
fn every_command_has_a_page_with_every_option() {
    let folder = Folder::empty("help-man");
    let output = folder.command("man pages/man1").output().expect("it starts");
    assert!(output.status.success(), "{output:?}");
    let all = commands();
    let found = fs::read_dir(folder.0.join("pages/man1")).expect("the directory was made").count();
    assert_eq!(found, all.len());
    for (path, command) in &all {
        let name = ["ensue".to_owned()].iter().chain(path).cloned().collect::<Vec<_>>().join("-");
        let page = folder.read(&format!("pages/man1/{name}.1")).replace("\\-", "-");
        for option in options(command) {
            assert!(page.contains(&option), "{name}: {option}");
        }
        let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let missing = notes.lines().find(|line| !page.contains(&line.replace('\\', "\\\\")));
        assert_eq!(missing.filter(|line| !line.contains(['\'', '\\'])), None, "{name}");
        assert_man_reads(&folder.0.join(format!("pages/man1/{name}.1")));
    }
    let one = folder.command("man").output().expect("it starts");
    assert_eq!(String::from_utf8_lossy(&one.stdout), folder.read("pages/man1/ensue.1"));
    let refused = folder.command("man pages/man1/ensue.1").output().expect("it starts");
    assert_eq!(refused.status.code(), Some(2), "a page is no directory");
}

/// Has groff, where it is there, say what it does not understand.
fn assert_man_reads(page: &Path) {
    let output = Process::new("groff").args(["-man", "-Tascii", "-ww", "-z"]).arg(page).output();
    if let Ok(output) = output {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", page.display());
    }
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
