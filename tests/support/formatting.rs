//! What a formatted program must keep, for the tests that format programs.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ensue::diag::render_text;
use ensue::lang::format::format_text;
use ensue::lang::{check, load};
use regex::Regex;

/// What a checked program says of where and how it was written.
static PLACES: LazyLock<Regex> = LazyLock::new(|| {
    let places = r#"Span \{ file: FileId\(\d+\), start: \d+, end: \d+ \}|(place|text): "([^"\\]|\\.)*""#;
    Regex::new(places).expect("a pattern")
});

/// Formats a text as it is, and with comments strewn into it: twice must be once, what it means the same, and every
/// comment there. Whether it could be formatted; a text with syntax errors cannot.
///
/// # Errors
///
/// What is not kept.
pub(crate) fn hold(path: &Path, text: &str, mut seed: u64) -> Result<bool, String> {
    let meaning = meaning(path, text);
    match format_text("t.cep", text) {
        Ok(_) => kept(path, text, &meaning)?,
        Err(_) => return Ok(false),
    };
    for often in [20, 3] {
        let (strewn, count) = strewn(text, &mut seed, often);
        let printed = kept(path, &strewn, &meaning)?;
        for number in 0..count {
            let comment = format!("// c{number}.");
            if printed.matches(&comment).count() != 1 {
                return Err(format!("`{comment}` is not kept\n{strewn}\n--- formatted\n{printed}"));
            }
        }
    }
    Ok(true)
}

/// The formatted text, if a second time changes nothing, and it means the same.
fn kept(path: &Path, text: &str, wanted: &str) -> Result<String, String> {
    let format = |text: &str| {
        format_text("t.cep", text)
            .map_err(|(sources, found)| format!("{}\n{text}", render_text(&sources, &found, false)))
    };
    let once = format(text)?;
    let twice = format(&once)?;
    if once != twice {
        return {
            let differ = std::iter::zip(once.lines(), twice.lines()).find(|(left, right)| left != right);
            Err(format!("twice is not once: {differ:#?}\n{text}\n--- once\n{once}"))
        };
    }
    let found = meaning(path, &once);
    if found != wanted {
        let same =
            std::iter::zip(found.chars(), wanted.chars()).take_while(|(left, right)| left == right).count();
        let near = |text: &str| text.chars().skip(same.saturating_sub(80)).take(200).collect::<String>();
        return Err(format!(
            "another meaning: {}\ninstead of: {}\n{text}\n--- formatted\n{once}",
            near(&found),
            near(wanted)
        ));
    }
    Ok(once)
}

/// The checked program without its places and how its conditions are written, and the codes of what was found wrong.
fn meaning(path: &Path, text: &str) -> String {
    let loaded = load::load(&[PathBuf::from(path)], &|wanted| match wanted == path {
        true => Ok(text.to_owned()),
        false => std::fs::read_to_string(wanted),
    });
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    let mut codes: Vec<&str> =
        loaded.diagnostics.iter().chain(&found).map(|diagnostic| diagnostic.code.number()).collect();
    codes.sort_unstable();
    format!("{codes:?} {}", PLACES.replace_all(&format!("{program:?}"), "_"))
}

/// The text with comments at about one in `often` of its blanks, and how many.
fn strewn(text: &str, seed: &mut u64, often: u64) -> (String, usize) {
    let mut out = String::new();
    let mut count = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        if ["|", "//", "watermark"].iter().any(|start| content.starts_with(start)) {
            out.push_str(line);
            continue;
        }
        let mut quote = None;
        let mut escaped = false;
        let mut word = String::new();
        for (at, character) in line.char_indices() {
            if quote.is_none() && line[at..].starts_with("//") {
                out.push_str(&line[at..]);
                break;
            }
            out.push(character);
            match quote {
                Some(_) if escaped => escaped = false,
                Some('"') if character == '\\' => escaped = true,
                Some(open) => quote = quote.filter(|_| character != open),
                None if matches!(character, '"' | '`') => quote = Some(character),
                // Behind `key` a line end has a meaning, in tables.
                None if matches!(character, ' ' | '(' | ',' | '{') && word != "key" => {
                    *seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let drawn = *seed >> 33;
                    if drawn.is_multiple_of(often) {
                        let own_line = if drawn & 64 == 0 { "\n\n\t" } else { " " };
                        out.push_str(&format!("{own_line}// c{count}.\n"));
                        count += 1;
                    }
                }
                None => {}
            }
            match character {
                ' ' => {}
                _ if character.is_alphanumeric() => word.push(character),
                _ => word.clear(),
            }
        }
    }
    (out, count)
}
