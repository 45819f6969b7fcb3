//! What streams are bound to: `transactions=tx.jsonl`, `alert=-`.

use std::path::{Path, PathBuf};

use crate::cli::CliError;
use crate::io::Input;

/// `STREAM=PLACE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Binding {
    pub(super) stream: String,
    pub(super) place: String,
}

impl Binding {
    /// Reads what stands behind `--in` and `--out`. Without a stream the place stays, so that it can be said which streams
    /// there are, once the program is known.
    pub(in crate::cli) fn parse(text: &str) -> Result<Binding, String> {
        match text.split_once('=') {
            Some((stream, place)) if !stream.is_empty() && !place.is_empty() => {
                Ok(Binding { stream: stream.trim().to_owned(), place: place.to_owned() })
            }
            None if !text.is_empty() => Ok(Binding { stream: String::new(), place: text.to_owned() }),
            _ if text != "=" && !text.is_empty() => {
                Err("nothing stands on one side of `=`: write STREAM=PATH without blanks".to_owned())
            }
            _ => Err("write STREAM=PATH, or STREAM=- for standard input or output".to_owned()),
        }
    }
}

/// Where an output goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Output {
    File(PathBuf),
    Stdout,
}

/// A place, whichever direction.
enum Place {
    Standard,
    File(PathBuf),
}

fn place(text: &str, standard: &str, base: &Path) -> Result<Place, CliError> {
    if text.is_empty() {
        let help = format!("write a path, or `-` for `{standard}`");
        return Err(CliError::asked("a stream is bound to an empty path", help));
    }
    if text == "-" || text == standard {
        return Ok(Place::Standard);
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Ok(Place::File(base.join(path)));
    }
    if text == "stdin:" || text == "stdout:" {
        return Err(CliError::asked(
            format!("`{text}` goes the wrong way"),
            format!("write `{standard}` or `-`"),
        ));
    }
    match text.split_once("://") {
        Some((scheme, _)) => {
            let message = format!("bindings to `{scheme}://` are not there yet");
            Err(CliError::asked(message, "bind a file, `file://PATH`, or `-`"))
        }
        None => Ok(Place::File(base.join(text))),
    }
}

/// What an input binding names: one place, or the files that a `*` or `?` in the file name stands for, sorted by
/// bytes.
pub(super) fn inputs(text: &str, base: &Path) -> Result<Vec<Input>, CliError> {
    match place(text, "stdin:", base)? {
        Place::Standard => Ok(vec![Input::Stdin]),
        // A file of that very name counts before what its name could stand for.
        Place::File(path) if path.exists() || !has_wildcard(&path) => Ok(vec![Input::File(path)]),
        Place::File(path) => {
            let files = expand(&path)?;
            if files.is_empty() {
                let message = format!("no file fits {}", path.display());
                return Err(CliError::asked(message, "`*` and `?` stand for parts of the file's name only"));
            }
            Ok(files.into_iter().map(Input::File).collect())
        }
    }
}

/// What an output binding names.
pub(super) fn output(text: &str, base: &Path) -> Result<Output, CliError> {
    Ok(match place(text, "stdout:", base)? {
        Place::Standard => Output::Stdout,
        Place::File(path) => Output::File(writable(path)?),
    })
}

/// Endings of files that are neither JSON lines nor columns, and whoever opens one expects something else.
const NEVER_WRITTEN: [&str; 15] = [
    "7z", "arrow", "avro", "bz2", "db", "feather", "gz", "ods", "orc", "parquet", "sqlite", "xls", "xlsx",
    "xz", "zst",
];

/// A file whose name does not promise what is not written.
fn writable(path: PathBuf) -> Result<PathBuf, CliError> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    if !NEVER_WRITTEN.contains(&ending.as_str()) || is_device(&path) {
        return Ok(path);
    }
    let message = format!("{}: files that end with .{ending} cannot be written", path.display());
    Err(CliError::asked(
        message,
        "records are written as columns to .csv and .tsv, which spreadsheet programs open, and as JSON lines to all others",
    ))
}

/// The file that a path leads to, also where it is not there yet: two spellings of one file are equal.
pub(super) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
}

/// Whether this is a device or a pipe: writing to it empties nothing, and nothing belongs beside it.
pub(super) fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| !data.is_file() && !data.is_dir())
}

fn has_wildcard(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(['*', '?']))
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let unreadable = |source| CliError::Read { path: folder.display().to_string(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let fits = is_fit(name.to_string_lossy().as_bytes(), entry.file_name().to_string_lossy().as_bytes());
        if fits && !entry.path().is_dir() {
            files.push(parent.join(entry.file_name()));
        }
    }
    files
        .sort_by(|left, right| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    Ok(files)
}

/// Whether a name fits a pattern of `*` (any bytes) and `?` (one byte). Goes back to the last `*` only: linear space,
/// and time at most the product of both lengths.
fn is_fit(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut byte) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while byte < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, byte));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == name[byte] => {
                at += 1;
                byte += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (at, byte) = (star + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_names_a_stream_and_a_place() {
        let binding = Binding::parse("tx=a=b.jsonl").expect("a binding");
        assert_eq!((binding.stream.as_str(), binding.place.as_str()), ("tx", "a=b.jsonl"));
        let binding = Binding::parse("tx.csv").expect("a place alone");
        assert_eq!((binding.stream.as_str(), binding.place.as_str()), ("", "tx.csv"));
        for text in ["=a", "tx=", ""] {
            assert!(Binding::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places_are_files_or_standard() {
        let base = Path::new("conf");
        assert_eq!(output("-", base).expect("good"), Output::Stdout);
        assert_eq!(output("stdout:", base).expect("good"), Output::Stdout);
        assert_eq!(output("a.jsonl", base).expect("good"), Output::File(PathBuf::from("conf/a.jsonl")));
        assert_eq!(output("file:///a.jsonl", base).expect("good"), Output::File(PathBuf::from("/a.jsonl")));
        assert_eq!(inputs("stdin:", base).expect("good"), [Input::Stdin]);
        assert!(output("stdin:", base).is_err());
        assert!(output("kafka://broker/topic", base).is_err());
        let error = output("a.XLSX", base).expect_err("no such file is written");
        assert_eq!(error.to_string(), "conf/a.XLSX: files that end with .xlsx cannot be written");
    }

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, fits) in [
            ("*.jsonl", "a.jsonl", true),
            ("*.jsonl", "a.json", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
            ("*", "", true),
        ] {
            assert_eq!(is_fit(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
    }
}
