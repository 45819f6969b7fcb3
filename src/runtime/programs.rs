//! The programs of a state: the text of the patterns that wrote it, so that what a pattern was can be known once it has
//! changed.
//!
//! The first text is that of the patterns as they run. Each of the others has patterns that were changed or taken away
//! since, and only finish what is open of them.

use std::io;
use std::path::{Path, PathBuf};

use crate::codec::{Codec, Coded};
use crate::diag::Severity;
use crate::lang::hir::Program;
use crate::lang::{check, load};
use crate::state::{Changes, Key, Space};

/// The text of a program, and which of its patterns matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProgramText {
    /// The files that were named.
    pub roots: Vec<String>,
    /// All files that were read, with their texts: those that are named, and those that these use.
    pub files: Vec<(String, String)>,
    /// The patterns: those that run, or those that drain.
    pub patterns: Vec<String>,
}

impl ProgramText {
    /// The program, if the text is still one.
    pub fn compile(&self) -> Option<Program> {
        let roots: Vec<PathBuf> = self.roots.iter().map(PathBuf::from).collect();
        let loaded = load::load(&roots, &|path| {
            let file = self.files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| text.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
        });
        let (program, found) = check::check(&loaded.sources, &loaded.files);
        let all = loaded.diagnostics.iter().chain(&found);
        let is_right = !all.into_iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        is_right.then_some(program)
    }
}

/// The key of the record.
pub fn program_key() -> Key {
    Key::named(Space::Meta, "program")
}

/// Writes the programs of a state.
pub fn put_programs(programs: &[ProgramText], changes: &mut Changes) {
    changes.put_with(&program_key(), |out| {
        code_programs(&mut programs.to_vec(), &mut Codec::saving(out)).expect("a text can be written");
    });
}

/// Walks the programs of a state.
///
/// # Errors
///
/// [`Damaged`](crate::codec::Damaged).
pub fn code_programs(programs: &mut Vec<ProgramText>, codec: &mut Codec<'_>) -> Coded {
    let string = |text: &mut String, codec: &mut Codec<'_>| codec.string(text);
    codec.list(programs, ProgramText::default, |program, codec| {
        codec.list(&mut program.roots, String::new, string)?;
        codec.list(&mut program.files, Default::default, |(name, text), codec| {
            codec.string(name)?;
            codec.string(text)
        })?;
        codec.list(&mut program.patterns, String::new, string)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_what_it_was() {
        let text = ProgramText {
            roots: vec!["p/b.cep".to_owned()],
            files: vec![
                (
                    "p/b.cep".to_owned(),
                    "use \"a.cep\"\npattern p { on s match a emit m { v: 1 } }".to_owned(),
                ),
                ("p/a.cep".to_owned(), "stream s { at timestamp  event time at }".to_owned()),
            ],
            patterns: vec!["p".to_owned()],
        };
        let mut bytes = Vec::new();
        code_programs(&mut vec![text.clone()], &mut Codec::saving(&mut bytes)).expect("it can be written");
        let mut read = Vec::new();
        code_programs(&mut read, &mut Codec::loading(&bytes)).expect("it can be read");
        assert_eq!(read, [text]);
        let program = read[0].compile().expect("it is right");
        assert_eq!((program.patterns[0].name.as_str(), program.streams[0].name.as_str()), ("p", "s"));
        read[0].files.pop();
        assert!(read[0].compile().is_none());
    }
}
