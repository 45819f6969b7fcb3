//! What is written, but could not be read.
//!
//! An item with a syntax error is no item, and neither are those of a file that a `use` does not find. What refers to
//! one makes no second mistake, so the names that such items would have declared are kept, and nothing is said of them.

use rustc_hash::FxHashSet;

use crate::diag::{FileId, Sources};
use crate::lang::ast::Item;
use crate::lang::load::normalise;
use crate::lang::scan::{Scanner, Token};
use crate::lang::split::{Chunk, ChunkKind, split};
use crate::limits::PROGRAM_BYTES_MAX;

/// The names of items that could not be read, and of the streams that they emit.
#[derive(Default)]
pub(super) struct Unread {
    names: FxHashSet<String>,
    /// Whether a whole file is missing, which may declare anything.
    file: bool,
}

impl Unread {
    pub(super) fn of(sources: &Sources, files: &[(FileId, Vec<Item>)]) -> Unread {
        let mut unread = Unread::default();
        for (file, items) in files {
            let text = &sources.file(*file).text;
            if text.len() > PROGRAM_BYTES_MAX {
                unread.file = true;
                continue;
            }
            for chunk in split(text) {
                let place = chunk.start..chunk.end;
                if !items.iter().any(|item| place.contains(&start_of(item))) {
                    unread.add_names(text, &chunk);
                }
            }
            unread.file |= items.iter().any(|item| is_missing(sources, *file, item));
        }
        unread
    }

    /// Whether the name would be known if everything could be read.
    pub(super) fn may_declare(&self, name: &str) -> bool {
        self.file || self.names.contains(name)
    }

    /// `WORD NAME` at the start of an item, whose word may be misspelt, and `emit NAME` or `tally NAME` inside of it.
    fn add_names(&mut self, text: &str, chunk: &Chunk) {
        let mut before = "";
        let mut first = true;
        for (at, token) in Scanner::new(text, chunk.start, chunk.end) {
            let (Token::Word(end) | Token::Quoted(end)) = token else {
                first &= matches!(token, Token::Doc(_) | Token::Comment);
                before = "";
                continue;
            };
            let word = text[at..end].trim_matches('`');
            let is_item = chunk.kind == ChunkKind::Stray && text[end..].trim_start().starts_with(['{', '(']);
            if ["emit", "tally"].contains(&before) || (!before.is_empty() && (first || is_item)) {
                self.names.insert(word.to_owned());
            }
            first &= before.is_empty();
            before = word;
        }
    }
}

/// A byte inside of the item.
fn start_of(item: &Item) -> usize {
    let span = match item {
        Item::Stream(item) => item.span,
        Item::Table(item) => item.span,
        Item::Let(item) => item.span,
        Item::Pattern(item) => item.span,
        Item::Test(item) => item.span,
        Item::Use(path) => path.span,
    };
    span.start as usize
}

/// Whether the item is a `use` whose file was not found.
fn is_missing(sources: &Sources, file: FileId, item: &Item) -> bool {
    let Item::Use(path) = item else { return false };
    let used = sources.path(file).with_file_name("").join(&path.node);
    let used = normalise(&used);
    !sources.files().iter().any(|file| normalise(&file.path) == used)
}
