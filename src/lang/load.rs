//! Files, and the files that they `use`.
//!
//! Paths are taken in the order of their bytes. A `use` is relative to the file it stands in and is followed at once,
//! depth first; a file that is reached twice is read once, so that circles do no harm. How a file is read is the
//! caller's affair.

use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::ast::{Item, Spanned};
use super::parse::parse_file;
use crate::diag::{Code, Diagnostic, FileId, Sources, Span};

/// The files of a program, parsed.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Their texts.
    pub sources: Sources,
    /// Their items, in the order in which patterns count: the files that a file uses come before it.
    pub files: Vec<(FileId, Vec<Item>)>,
    /// What is wrong with them.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and parses files and what they use. A file that cannot be read is a diagnostic.
pub fn load(paths: &[PathBuf], read: &dyn Fn(&Path) -> io::Result<String>) -> Loaded {
    let mut paths = paths.to_vec();
    paths.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    let mut loader = Loader { read, seen: HashSet::new(), loaded: Loaded::default() };
    for path in paths {
        if loader.seen.insert(normalise(&path)) {
            match read(&path) {
                Ok(text) => loader.file(&path, text),
                Err(error) => loader.unreadable(&path, &error),
            }
        }
    }
    loader.loaded
}

/// Parses one text that uses no other file.
///
/// # Example
///
/// ```
/// let loaded = ensue::lang::load::load_text("a.cep", "stream s { at timestamp  event time at }");
/// assert!(loaded.diagnostics.is_empty());
/// ```
pub fn load_text(name: &str, text: &str) -> Loaded {
    load(&[PathBuf::from(name)], &|path| {
        if path == Path::new(name) {
            return Ok(text.to_owned());
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "there are no other files here"))
    })
}

/// What is loaded so far.
struct Loader<'r> {
    read: &'r dyn Fn(&Path) -> io::Result<String>,
    /// The paths taken, without `.` and `..`.
    seen: HashSet<PathBuf>,
    loaded: Loaded,
}

impl Loader<'_> {
    /// Takes a file in: first what it uses, then its own items. Recursion is as deep as files use each other; an
    /// explicit stack of open files keeps a long chain off the thread's.
    fn file(&mut self, path: &Path, text: String) {
        let mut open = vec![self.open(path, text)];
        while let Some(file) = open.last_mut() {
            let Some(used) = file.uses.next() else {
                let file = open.pop().expect("the file just looked at");
                self.loaded.files.push((file.id, file.items));
                continue;
            };
            let target = normalise(&file.directory.join(&used.node));
            if !self.seen.insert(target.clone()) {
                continue;
            }
            match (self.read)(&target) {
                Ok(text) => {
                    let file = self.open(&target, text);
                    open.push(file);
                }
                Err(error) => self.loaded.diagnostics.push(
                    Diagnostic::error(Code::BadUse, used.span, format!("`{}` cannot be read", used.node))
                        .label(reason(&error))
                        .note(format!(
                            "looked for {}; a path is relative to the file it is written in",
                            target.display()
                        )),
                ),
            }
        }
    }

    /// Parses a file whose uses are still to be followed.
    fn open(&mut self, path: &Path, text: String) -> OpenFile {
        let id = self.loaded.sources.add(path, text);
        let (items, diagnostics) = parse_file(&self.loaded.sources, id);
        self.loaded.diagnostics.extend(diagnostics);
        let uses = items.iter().filter_map(|item| match item {
            Item::Use(used) => Some(used.clone()),
            _ => None,
        });
        let uses = uses.collect::<Vec<_>>().into_iter();
        OpenFile { id, directory: path.parent().map(Path::to_owned).unwrap_or_default(), items, uses }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let file = self.loaded.sources.add(path, "");
        let message = format!("{} cannot be read", path.display());
        let span = Span { file, start: 0, end: 0 };
        self.loaded.diagnostics.push(Diagnostic::error(Code::BadUse, span, message).note(reason(error)));
    }
}

/// A file whose uses are being followed.
struct OpenFile {
    id: FileId,
    directory: PathBuf,
    items: Vec<Item>,
    uses: std::vec::IntoIter<Spanned<String>>,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::InvalidData => "not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

/// The path without `.` and `..`, as far as that can be known from its text.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (Component::ParentDir, Some(Component::RootDir)) => {}
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_from(files: &[(&str, &str)], paths: &[&str]) -> Loaded {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        load(&paths, &|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn order(loaded: &Loaded) -> Vec<String> {
        loaded.files.iter().map(|(file, _)| loaded.sources.path(*file).display().to_string()).collect()
    }

    #[test]
    fn used_files_come_first_and_once_and_circles_end() {
        let files = [
            ("p/b.cep", "use \"../shared/s.cep\" use \"a.cep\""),
            ("p/a.cep", "use \"./b.cep\"\nuse \"../shared/s.cep\""),
            ("shared/s.cep", "stream s { at timestamp }"),
        ];
        let loaded = load_from(&files, &["p/b.cep", "p/a.cep"]);
        assert_eq!(loaded.diagnostics, []);
        assert_eq!(order(&loaded), ["shared/s.cep", "p/b.cep", "p/a.cep"]);
    }

    #[test]
    fn a_missing_file_is_said_where_it_is_used() {
        let loaded = load_from(&[("a.cep", "use \"b.cep\"")], &["a.cep", "c.cep"]);
        let codes: Vec<Code> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [Code::BadUse, Code::BadUse]);
        assert_eq!(loaded.sources.text(loaded.diagnostics[0].primary.span), "\"b.cep\"");
    }
}
