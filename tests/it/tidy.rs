//! House rules that a machine can check.
//!
//! Each test reads the files of the repository as text and names every place that breaks its rule. Text is enough:
//! the rules are simple on purpose, and a rule that needs a compiler is a lint instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ensue::diag::Code;

/// The layers of `src/`, in order: a module uses its own layer and those above it in this list. `script` runs the
/// tests of patterns and stands above the engine, beside the command line.
const LAYERS: [&[&str]; 10] = [
    &["time", "event", "diag", "limits", "codec", "shown"],
    &["lang"],
    &["nfa"],
    &["matcher", "stream"],
    &["state"],
    &["engine"],
    &["io", "metrics"],
    &["runtime"],
    &["copies"],
    &["config", "cli", "script", "main"],
];

/// Neighbours in one layer that do not know each other.
const STRANGERS: [(&str, &str); 1] = [("matcher", "stream")];

/// The most lines of a file that are not its tests.
const FILE_LINES_MAX: usize = 900;

/// What the core must never pull in: runtimes and native libraries.
const NEVER_IN_CORE: [&str; 9] = [
    "tokio",
    "hyper",
    "object_store",
    "prometheus",
    "rdkafka",
    "rdkafka-sys",
    "rocksdb",
    "librocksdb-sys",
    "clap",
];

/// Modules that may read the wall clock.
const WITH_A_CLOCK: [&str; 2] = ["runtime", "cli"];

#[test]
fn layers_only_look_up() {
    let mut broken = Vec::new();
    for file in sources() {
        let from = file.module();
        for (line, to) in file.edges() {
            if from == "lib" || may_use(from, &to) {
                continue;
            }
            broken.push(format!("{}:{line}: `{from}` may not use `crate::{to}`", file.name));
        }
    }
    assert_none(&broken);
}

#[test]
fn every_module_has_a_layer() {
    let known: BTreeSet<&str> = LAYERS.iter().copied().flatten().copied().chain(["lib"]).collect();
    let broken: Vec<String> = sources()
        .iter()
        .filter(|file| !known.contains(file.module()))
        .map(|file| format!("{}: `{}` is in no layer", file.name, file.module()))
        .collect();
    assert_none(&broken);
}

#[test]
fn files_stay_readable() {
    let mut broken = Vec::new();
    for file in sources() {
        let lines = file.code.len();
        if lines > FILE_LINES_MAX {
            broken.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.name));
        }
        if !file.text.starts_with("//!") {
            broken.push(format!("{}: starts without saying what it is (`//!`)", file.name));
        }
    }
    assert_none(&broken);
}

#[test]
fn nothing_unwraps_outside_tests() {
    assert_none(&lines_with(&[".unwrap()", ".unwrap_err()"], |_| true));
}

#[test]
fn the_wall_clock_is_read_at_the_rim() {
    let words = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];
    assert_none(&lines_with(&words, |file| !WITH_A_CLOCK.contains(&file.module())));
}

#[test]
fn nothing_is_left_for_later() {
    // In parts, so that this file keeps its own rule.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    assert_none(&texts_with(&words));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let words = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/w"), concat!("/ho", "me/")];
    assert_none(&texts_with(&words));
}

#[test]
fn the_core_links_no_runtime_and_no_native_library() {
    let lock = locked();
    let mut reached = BTreeSet::new();
    let mut waiting = core_dependencies();
    while let Some(name) = waiting.pop() {
        if reached.insert(name.clone()) {
            waiting.extend(lock.get(&name).into_iter().flatten().cloned());
        }
    }
    assert!(reached.contains("pest"), "the list of dependencies was read: {reached:?}");
    let broken: Vec<String> = NEVER_IN_CORE
        .iter()
        .filter(|name| reached.contains(**name))
        .map(|name| format!("Cargo.lock: the core pulls in `{name}`"))
        .collect();
    assert_none(&broken);
}

#[test]
fn every_diagnostic_has_a_fixture() {
    let fixtures: String = texts(&root().join("tests/diagnostics")).into_values().collect();
    if fixtures.is_empty() {
        return;
    }
    let broken: Vec<String> = Code::ALL
        .iter()
        .filter(|code| !fixtures.contains(code.number()))
        .map(|code| format!("tests/diagnostics: no fixture shows {code} ({})", code.title()))
        .collect();
    assert_none(&broken);
}

#[test]
fn every_example_pattern_is_tested() {
    let mut broken = Vec::new();
    for (name, text) in texts(&root().join("patterns")) {
        for pattern in text.lines().filter_map(|line| line.strip_prefix("pattern ")) {
            let pattern = pattern.trim_end_matches([' ', '{']);
            if !text.contains(&format!("\ntest {pattern} \"")) {
                broken.push(format!("{name}: `{pattern}` has no test"));
            }
        }
    }
    assert_none(&broken);
}

/// A file below `src/`.
struct Source {
    /// Its path from the root of the repository.
    name: String,
    text: String,
    /// Its lines without comments and without its tests, numbered from 1.
    code: Vec<(usize, String)>,
}

impl Source {
    /// The top-level module it belongs to.
    fn module(&self) -> &str {
        let inside = self.name.strip_prefix("src/").expect("it is a file of src");
        inside.split('/').next().expect("it has a name").trim_end_matches(".rs")
    }

    /// The top-level modules it names, with the line.
    fn edges(&self) -> Vec<(usize, String)> {
        let mut edges = Vec::new();
        for (index, (number, line)) in self.code.iter().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                if line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '$') {
                    continue;
                }
                let rest = &line[at + "crate::".len()..];
                if rest.starts_with('{') {
                    let following = self.code[index + 1..].iter().map(|(_, line)| line.as_str());
                    let whole: String = std::iter::once(rest).chain(following).collect::<Vec<_>>().join(" ");
                    edges.extend(names_in_braces(&whole).into_iter().map(|name| (*number, name)));
                } else {
                    edges.push((*number, first_word(rest)));
                }
            }
        }
        edges
    }
}

/// The first words of the parts between the outermost braces that `text` starts with.
fn names_in_braces(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(String::new()),
            _ if depth == 1 => names.last_mut().expect("there is one from the start").push(c),
            _ => {}
        }
    }
    names.iter().map(|name| first_word(name.trim())).filter(|name| !name.is_empty()).collect()
}

fn first_word(text: &str) -> String {
    text.trim_start_matches("r#").chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn may_use(from: &str, to: &str) -> bool {
    if STRANGERS.contains(&(from, to)) || STRANGERS.contains(&(to, from)) {
        return false;
    }
    match (layer_of(from), layer_of(to)) {
        (Some(from), Some(to)) => to <= from,
        // `crate::Engine` hides which layer it is of: inside, the module is named.
        _ => false,
    }
}

fn lines_with(words: &[&str], concerns: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| concerns(file)) {
        for (number, line) in &file.code {
            for word in words.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{number}: `{word}`", file.name));
            }
        }
    }
    found
}

fn texts_with(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in texts(&root()) {
        for (line, number) in text.lines().zip(1..) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{name}:{number}: `{word}`"));
            }
        }
    }
    found
}

/// The dependencies that are there without any feature: those of `[dependencies]` that are not optional.
fn core_dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read");
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && !line.starts_with('#') && !line.contains("optional = true") {
            names.extend(line.split_once('=').map(|(name, _)| name.trim().to_owned()));
        }
    }
    names
}

/// Each locked package with what it depends on, by name alone: of two versions the dependencies of both.
fn locked() -> BTreeMap<String, Vec<String>> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock can be read");
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in lock.lines() {
        if let Some(rest) = line.strip_prefix("name = ") {
            name = rest.trim_matches('"').to_owned();
        } else if let Some(rest) = line.strip_prefix(" \"") {
            packages.entry(name.clone()).or_default().push(first_package_word(rest));
        }
    }
    packages
}

fn first_package_word(text: &str) -> String {
    text.chars().take_while(|c| !matches!(c, ' ' | '"')).collect()
}

fn sources() -> Vec<Source> {
    let files = texts(&root().join("src")).into_iter();
    let files = files.filter(|(name, _)| name.ends_with(".rs") && !is_test_file(name));
    files.map(|(name, text)| Source { name, code: code_of(&text), text }).collect()
}

/// `tests.rs`, and files in a folder `tests`.
fn is_test_file(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// The lines that are neither comments nor in the module of tests, which stands last.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
    let lines = &lines[..tests.unwrap_or(lines.len())];
    let numbered = (1..).zip(lines.iter());
    numbered
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number, (*line).to_owned()))
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file at or below a folder, by its path from the root, in order of name.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !matches!(name, "target" | ".git") {
                    waiting.push(path);
                }
            } else if is_text(name) {
                let text = fs::read_to_string(&path).expect("a text file can be read");
                let from_root = path.strip_prefix(root()).expect("it is in the repository");
                found.insert(from_root.display().to_string(), text);
            }
        }
    }
    found
}

fn is_text(name: &str) -> bool {
    let endings = [".rs", ".md", ".toml", ".cep", ".pest", ".txt", ".sh", ".yml", ".service"];
    endings.iter().any(|ending| name.ends_with(ending)) || matches!(name, "Makefile" | "run")
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "{} places break this rule:\n{}", broken.len(), broken.join("\n"));
}
