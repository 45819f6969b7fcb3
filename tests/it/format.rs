//! `.cep` files in their one shape: those of the repository keep their meaning and their comments in it, and those
//! that are shown to users stand in it.

use std::fs;
use std::path::{Path, PathBuf};

use ensue::lang::format::format_text;

use crate::docs;
use crate::formatting;

#[test]
fn every_file_keeps_its_meaning_and_its_comments() {
    let mut held = 0;
    for path in files("") {
        let text = fs::read_to_string(&path).expect("a file can be read");
        match formatting::hold(&path, &text, held) {
            Ok(could) => held += u64::from(could),
            Err(why) => panic!("{}: {why}", path.display()),
        }
    }
    assert!(held > 200, "only {held} files were formatted");
}

#[test]
fn every_program_in_the_documents_keeps_its_meaning_and_its_comments() {
    for (place, text) in docs::programs() {
        let held = formatting::hold(Path::new("patterns/block.cep"), &text, 1);
        assert!(held.is_ok(), "{place}: {}", held.unwrap_err());
    }
}

#[test]
fn the_patterns_stand_in_their_shape() {
    for path in files("patterns") {
        let text = fs::read_to_string(&path).expect("a file can be read");
        let Ok(formatted) = format_text("t.cep", &text) else { panic!("{} cannot be read", path.display()) };
        assert!(formatted == text, "{0}: run `ensue fmt {0}`", path.display());
    }
}

/// The `.cep` files below a folder of the repository, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "cep") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
