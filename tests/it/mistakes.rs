//! Mistakes that people make, ten and more of them brought along from other engines: each is answered with its place, the
//! reason and the remedy, and the remedy, applied, is a program.
//!
//! `tests/mistakes/NAME.cep` is the mistake, `NAME.txt` the answer, `NAME.mended.cep` the text after the answer was
//! followed. `UPDATE=1` writes the answers anew; read them with the eyes of somebody who made the mistake.

use std::fs;
use std::path::{Path, PathBuf};

use ensue::diag::{Diagnostic, Severity, Sources, render_text};
use ensue::lang::{check::check, load::load};

#[test]
fn every_mistake_is_answered_as_recorded() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in mistakes() {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let (sources, found) = checked(&path, &name);
        let shown = render_text(&sources, &found, false);
        if update {
            fs::write(path.with_extension("txt"), &shown).expect("the answer can be written");
            continue;
        }
        let recorded = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if recorded != shown {
            wrong.push(format!("{name}: recorded\n{recorded}\nshown\n{shown}"));
        }
        if found.len() != 1 || found[0].help.is_empty() {
            wrong.push(format!("{name}: one mistake has one answer, with a remedy\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 records what is shown", wrong.join("\n"));
}

#[test]
fn every_remedy_gives_a_program_without_complaint() {
    let mistakes = mistakes();
    assert!(mistakes.len() >= 30, "only {} mistakes", mistakes.len());
    let foreign = ["flink-", "sql-", "siddhi-"];
    let is_foreign = |path: &&PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy();
        foreign.iter().any(|start| name.starts_with(start))
    };
    assert!(mistakes.iter().filter(is_foreign).count() >= 10);
    for path in mistakes {
        let mended = path.with_extension("mended.cep");
        let (sources, found) = checked(&mended, "mended.cep");
        assert!(found.is_empty(), "{}\n{}", mended.display(), render_text(&sources, &found, false));
    }
}

/// What is wrong in a file, which may use the streams of the example patterns.
fn checked(path: &Path, name: &str) -> (Sources, Vec<Diagnostic>) {
    let loaded = load(&[PathBuf::from(name)], &|wanted: &Path| {
        if wanted == Path::new(name) {
            return fs::read_to_string(path);
        }
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns").join(wanted))
    });
    let (_, found) = check(&loaded.sources, &loaded.files);
    let mut found: Vec<Diagnostic> = loaded.diagnostics.into_iter().chain(found).collect();
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    (loaded.sources, found)
}

fn mistakes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let entries = fs::read_dir(folder).expect("the folder of mistakes");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".cep"));
    paths.retain(|path| !path.to_string_lossy().ends_with(".mended.cep"));
    paths.sort();
    paths
}
