//! The programs in the documentation do what it says.
//!
//! Every ```` ```cep ```` block of `README.md` and `docs/` is a program: it is checked, and its tests are run. A block
//! opened with `cep refused E0310` must be refused with that code before any other, one with `cep warned W0001` taken with
//! that warning, and one opened with `cep fragment` is not looked at.
//! A block that declares no stream and uses no file gets the [`PRELUDE`], which `docs/semantics.md` shows at its head;
//! one that has no pattern goes on with the block before it; `use` finds the files of `patterns/`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ensue::diag::{Code, Diagnostic, Severity, Sources, render_text};
use ensue::lang::hir::Program;
use ensue::lang::{check, load};
use ensue::script::{TestOptions, TestOutcome, run_test};

/// The stream of the blocks that declare none.
const PRELUDE: &str = "\
stream s {
    type  string?
    v     int?
    w     int?
    key   string?
    at    timestamp
    event time at, disorder 0s
}
";

/// How the tests of a block are run. No answer may depend on it.
const OPTIONS: [TestOptions; 2] = [
    TestOptions { shards: 1, batch_events_max: 64, shuffle_seed: None, executor: None },
    TestOptions { shards: 2, batch_events_max: 1, shuffle_seed: None, executor: None },
];

/// What a block must do.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Wanted {
    /// Pass its own tests.
    Pass,
    /// Be refused with this code.
    Refused(String),
    /// Be taken with this warning.
    Warned(String),
}

/// A fenced block of a document.
struct Block {
    /// The document and the line of its fence.
    place: String,
    wanted: Wanted,
    text: String,
}

#[test]
fn the_programs_in_the_documents_do_what_they_say() {
    let mut broken = String::new();
    for document in documents() {
        for block in blocks(&document) {
            if let Err(why) = hold(&block) {
                writeln!(broken, "{}: {why}\n", block.place).expect("text takes everything");
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn the_prelude_is_the_one_that_is_shown() {
    let path = root().join("docs/semantics.md");
    let text = fs::read_to_string(path).expect("the definition is there");
    assert!(text.contains(PRELUDE), "docs/semantics.md does not show the stream that its blocks read");
}

#[test]
fn every_code_has_its_page_with_a_wrong_and_a_mended_program() {
    let page = root().join("docs/errors.md");
    let text = fs::read_to_string(&page).expect("the pages are there");
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: Vec<String> =
        Code::ALL.iter().map(|code| format!("{}: {}", code.number(), code.title())).collect();
    assert_eq!(headings, codes, "a page for each code, in order, under its title");
    for code in Code::ALL {
        let number = code.number();
        let kind = if number.starts_with('W') { "warned" } else { "refused" };
        let (_, wrong) = code.page().split_once("```cep").expect("a program");
        let (wrong, mended) = wrong.split_once("```cep\n").expect("a mended program");
        assert!(wrong.starts_with(&format!(" {kind} {number}\n")), "{number}");
        let (mended, _) = mended.split_once("```").expect("an end");
        let block = Block { place: number.to_owned(), wanted: Wanted::Pass, text: mended.to_owned() };
        let (_, sources, found) = compile(&block);
        assert!(found.is_empty(), "{number} mended\n{}", render_text(&sources, &found, false));
    }
}

/// The programs in the documents, with the places where they stand.
pub(crate) fn programs() -> Vec<(String, String)> {
    documents().iter().flat_map(|path| blocks(path)).map(|block| (block.place, block.text)).collect()
}

/// Whether a block does what it must.
fn hold(block: &Block) -> Result<(), String> {
    let (program, sources, diagnostics) = compile(block);
    if let Wanted::Warned(code) = &block.wanted {
        let codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code.number()).collect();
        return if codes == [code] {
            Ok(())
        } else {
            Err(format!("not taken with {code} alone, but {codes:?}"))
        };
    }
    let errors: Vec<Diagnostic> =
        diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    match &block.wanted {
        Wanted::Refused(code) if errors.iter().any(|error| error.code.number() == code.as_str()) => Ok(()),
        Wanted::Refused(code) => {
            Err(format!("not refused with {code}\n{}", render_text(&sources, &errors, false)))
        }
        Wanted::Warned(_) => unreachable!("looked at above"),
        Wanted::Pass if !errors.is_empty() => Err(format!("\n{}", render_text(&sources, &errors, false))),
        Wanted::Pass => pass(&Arc::new(program)),
    }
}

fn compile(block: &Block) -> (Program, Sources, Vec<Diagnostic>) {
    let stands_alone = has_item(&block.text, "stream") || has_item(&block.text, "use");
    let text = if stands_alone { block.text.clone() } else { format!("{PRELUDE}{}", block.text) };
    let path = PathBuf::from("patterns/block.cep");
    let loaded = load::load(std::slice::from_ref(&path), &|wanted| match wanted == path {
        true => Ok(text.clone()),
        false => fs::read_to_string(root().join(wanted)),
    });
    let mut diagnostics = loaded.diagnostics;
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    diagnostics.extend(found);
    (program, loaded.sources, diagnostics)
}

fn pass(program: &Arc<Program>) -> Result<(), String> {
    let mut failed = String::new();
    for test in &program.tests {
        for options in OPTIONS {
            let outcome = run_test(program, test, options).map_err(|error| error.to_string())?;
            if !outcome.passed() {
                write!(failed, "\n  {} ({options:?}){}", test.title, described(program, &outcome))
                    .expect("text takes everything");
                break;
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}

/// What was expected and what was found, where these differ.
fn described(program: &Program, outcome: &TestOutcome) -> String {
    let mut text = String::new();
    for block in outcome.checkpoints.iter().flat_map(|checkpoint| &checkpoint.blocks) {
        if block.passed() {
            continue;
        }
        let stream = program.stream(block.stream);
        let columns: Vec<&str> =
            block.columns.iter().map(|column| stream.fields[*column].name.as_str()).collect();
        write!(text, "\n    {:?} {} ({})", block.kind, stream.name, columns.join(", "))
            .expect("text takes everything");
        for (what, rows) in [("expected", &block.expected), ("found", &block.found)] {
            for row in rows {
                let cells: Vec<String> = row.iter().map(|value| format!("{value}")).collect();
                write!(text, "\n      {what} | {} |", cells.join(" | ")).expect("text takes everything");
            }
        }
    }
    text
}

/// The blocks of a document.
fn blocks(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).expect("a document can be read");
    let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let words: Vec<&str> = info.split_whitespace().collect();
        let wanted = match words.as_slice() {
            ["cep"] => Wanted::Pass,
            ["cep", "refused", code] => Wanted::Refused((*code).to_owned()),
            ["cep", "warned", code] => Wanted::Warned((*code).to_owned()),
            ["cep", "fragment"] => continue,
            // The tutorial is tested as a whole.
            ["cep", "file"] => continue,
            ["cep", ..] => panic!("{name}:{}: `{info}` is no kind of block", at + 1),
            _ => continue,
        };
        let mut text = body.join("\n") + "\n";
        if let Some(before) = blocks.last().filter(|_| !has_item(&text, "pattern")) {
            text.insert_str(0, &before.text);
        }
        blocks.push(Block { place: format!("{name}:{}", at + 1), wanted, text });
    }
    blocks
}

/// Whether an item of this kind starts a line.
fn has_item(text: &str, kind: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')))
}

/// `README.md`, and what stands in `docs/`.
pub(crate) fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md")];
    let entries = fs::read_dir(root().join("docs")).expect("there are docs");
    documents.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md") && path.exists());
    documents.sort();
    documents
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
