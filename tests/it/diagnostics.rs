//! What a diagnostic looks like: each `tests/diagnostics/*.cep` with the text beside it in `*.txt`.
//!
//! A fixture is named by the code that it shows first, `E0101-unknown-name.cep`. `UPDATE=1` writes the texts anew;
//! read the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

use ensue::diag::render_text;
use ensue::lang::{check::check, load::load};

#[test]
fn diagnostics_read_as_recorded() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in fixtures() {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let shown = rendered(&path, &name);
        let expected = path.with_extension("txt");
        if update {
            fs::write(&expected, &shown).expect("the text can be written");
            continue;
        }
        let recorded = fs::read_to_string(&expected).unwrap_or_default();
        if recorded != shown {
            wrong.push(format!("{name}: recorded\n{recorded}\nshown\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 records what is shown", wrong.join("\n"));
}

#[test]
fn a_fixture_shows_the_code_in_its_name() {
    for path in fixtures() {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let code = name.split('-').next().expect("a first part").to_owned();
        assert!(rendered(&path, &name).contains(&format!("[{code}]")), "{name}");
    }
}

/// What `check` prints for a fixture, under its name alone.
fn rendered(path: &Path, name: &str) -> String {
    let text = fs::read_to_string(path).expect("a fixture can be read");
    let loaded = load(&[PathBuf::from(name)], &|path: &Path| {
        if path == Path::new(name) { Ok(text.clone()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    });
    let (_, found) = check(&loaded.sources, &loaded.files);
    let diagnostics: Vec<_> = loaded.diagnostics.into_iter().chain(found).collect();
    render_text(&loaded.sources, &diagnostics, false)
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let entries = fs::read_dir(folder).expect("the folder of fixtures");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "cep"));
    paths.sort();
    paths
}
