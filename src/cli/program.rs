//! From paths on the command line to a checked program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CliError, note, style};
use crate::diag::{Code, Diagnostic, Severity, Sources, render_text};
use crate::lang::hir::Program;
use crate::lang::{check, load};
use crate::runtime::programs::ProgramText;

/// A program with what was found wrong in it.
pub(super) struct Loaded {
    pub(super) program: Program,
    /// The files that were named, or lie below directories that were.
    roots: Vec<PathBuf>,
    pub(super) sources: Sources,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    pub(super) fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The text of the program, as a state has it; of which patterns it is that is not said yet.
    pub(super) fn text(&self) -> ProgramText {
        let name = |path: &Path| path.display().to_string();
        let files = self.sources.files().iter();
        ProgramText {
            roots: self.roots.iter().map(|path| name(path)).collect(),
            files: files.map(|file| (name(&file.path), file.text.clone())).collect(),
            patterns: Vec::new(),
        }
    }
}

/// Reads and checks pattern files; a directory stands for every .cep file below it.
pub(super) fn load(paths: &[PathBuf]) -> Result<Loaded, CliError> {
    let files = find_files(paths)?;
    let mut loaded = load::load(&files, &|path| std::fs::read_to_string(path));
    for diagnostic in loaded.diagnostics.iter_mut().filter(|diagnostic| diagnostic.code == Code::BadUse) {
        suggest_file(&loaded.sources, diagnostic);
    }
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(found);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.span.file, diagnostic.primary.span.start));
    Ok(Loaded { program, roots: files, sources: loaded.sources, diagnostics })
}

/// Says which file was most likely meant by a `use` that leads nowhere.
fn suggest_file(sources: &Sources, diagnostic: &mut Diagnostic) {
    let span = diagnostic.primary.span;
    let Some(used) = sources.text(span).strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return;
    };
    let folder = sources.file(span.file).path.parent().unwrap_or(Path::new(""));
    if let Some(near) = near_file(&folder.join(used)) {
        let meant = Path::new(used).with_file_name(near);
        diagnostic.help.push(format!("did you mean `use \"{}\"`?", meant.display()));
    }
}

/// The name in the folder of a path that leads nowhere which is most like the path's own: but for its ending, or for a few
/// letters.
pub(super) fn near_file(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_string_lossy().to_lowercase();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
    let likeness = |name: &str| {
        let lower = name.to_lowercase();
        let is_stem = lower.split_once('.').is_some_and(|(stem, _)| stem == wanted);
        if is_stem { 0 } else { strsim::damerau_levenshtein(&wanted, &lower) }
    };
    let allowed = (wanted.chars().count() / 4).clamp(1, 4);
    let near = names.map(|name| name.to_string_lossy().into_owned()).map(|name| (likeness(&name), name));
    near.filter(|(distance, name)| *distance <= allowed && !name.starts_with('.')).min().map(|(_, name)| name)
}

/// The program, if it can run. What is wrong with it is shown on standard error; that a stream is not read is not
/// wrong here, where some of the files that share their streams may be left out.
pub(super) fn load_to_run(paths: &[PathBuf]) -> Result<Option<Arc<Program>>, CliError> {
    Ok(load_with_text(paths)?.map(|(program, _)| program))
}

/// The program with what is wrong with it, which is shown on standard error.
pub(super) fn load_and_tell(paths: &[PathBuf]) -> Result<Loaded, CliError> {
    let mut loaded = load(paths)?;
    loaded.diagnostics.retain(|diagnostic| diagnostic.code != Code::UnusedItem);
    if !loaded.diagnostics.is_empty() {
        note(&told(&loaded.sources, &loaded.diagnostics, style::stderr_has_colour()));
    }
    Ok(loaded)
}

/// What is wrong, for people, and where more is said, once for all of it.
pub(super) fn told(sources: &Sources, diagnostics: &[Diagnostic], has_colour: bool) -> String {
    let text = render_text(sources, diagnostics, has_colour);
    let worst = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    let code = worst.or(diagnostics.first()).map(|diagnostic| diagnostic.code);
    let more = code.map_or_else(String::new, |code| format!("more: `ensue explain {code}`\n"));
    format!("{}\n{more}", text.trim_end())
}

/// The program, if it can run, with its text.
pub(super) fn load_with_text(paths: &[PathBuf]) -> Result<Option<(Arc<Program>, ProgramText)>, CliError> {
    let loaded = load_and_tell(paths)?;
    if loaded.has_errors() {
        return Ok(None);
    }
    let text = loaded.text();
    Ok(Some((Arc::new(loaded.program), text)))
}

/// The pattern files that some paths name, sorted by bytes, each once.
pub(super) fn find_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    refuse_blanks(paths)?;
    for path in paths {
        refuse_data(path)?;
        let before = files.len();
        add_files(path, &mut files)?;
        if files.len() == before {
            let message = format!("there is no .cep file below {}", path.display());
            return Err(CliError::asked(message, "name a file, or a directory with pattern files"));
        }
    }
    files
        .sort_by(|left, right| left.as_os_str().as_encoded_bytes().cmp(right.as_os_str().as_encoded_bytes()));
    files.dedup();
    Ok(files)
}

/// Refuses what `--in STREAM = FILE` leaves over: the `=` and the file come as paths of their own.
fn refuse_blanks(paths: &[PathBuf]) -> Result<(), CliError> {
    let texts: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
    let Some(at) = texts.iter().position(|text| text.starts_with('=')).filter(|at| !paths[*at].exists())
    else {
        return Ok(());
    };
    let place = match (texts[at].trim_start_matches('='), texts.get(at + 1)) {
        ("", Some(next)) => next,
        ("", None) => "FILE",
        (place, _) => place,
    };
    let message = "a `=` stands alone, with blanks around it";
    Err(CliError::asked(message, format!("write it without blanks: --in STREAM={place}")))
}

/// How files of data are called.
const DATA: [&str; 12] =
    ["csv", "tsv", "psv", "json", "jsonl", "ndjson", "gz", "zst", "zstd", "parquet", "xlsx", "avro"];

/// Refuses a file of data that is named where patterns are wanted, and says which command reads it.
fn refuse_data(path: &Path) -> Result<(), CliError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let is_data = extension.is_some_and(|extension| DATA.contains(&extension.as_str()));
    if !is_data || path.is_dir() {
        return Ok(());
    }
    let name = path.display();
    if name.to_string().contains('=') && !path.exists() {
        let message = format!("`{name}` is no file of patterns: it says what a stream is read from");
        return Err(CliError::asked(message, format!("write --in before it: --in {name}")));
    }
    Err(CliError::Asked {
        message: format!("{name} does not look like a file of patterns"),
        help: vec![
            format!("events come in by stream: ensue run patterns/ --in STREAM={name}"),
            format!("a stream is declared for them by: ensue infer {name}"),
        ],
    })
}

fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let unreadable = |source| CliError::Read { path: path.display().to_string(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let inner = entry.path();
        // A link to a directory is not followed: it may lead back here.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            add_files(&inner, files)?;
        } else if inner.extension().is_some_and(|extension| extension == "cep") {
            files.push(inner);
        }
    }
    Ok(())
}

/// `1 pattern`, `2 patterns`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The name that was most likely meant, as a help line.
pub(super) fn did_you_mean<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    nouns: &str,
) -> String {
    let near = known
        .clone()
        .map(|known| (strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    match near {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => {
            let all: Vec<&str> = known.collect();
            if all.is_empty() {
                format!("there are no {nouns}")
            } else {
                format!("{nouns}: {}", all.join(", "))
            }
        }
    }
}
