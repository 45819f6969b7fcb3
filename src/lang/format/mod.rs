//! Text to text: the one shape that a `.cep` file is written in.
//!
//! A step stands on a line, names, types, conditions and the cells of tests in columns, and nothing is wider than 100
//! columns that can be broken. What is written stays as it is written: numbers, durations, strings, parentheses, the
//! order of clauses, and every comment. One blank line between parts is kept, and one is put between items.
//!
//! ```text
//! text --split--> items --grammar--> tokens and comments --maker--> document --layout--> lines
//! ```
//!
//! The printer of syntax trees (`print`) is for trees that nobody wrote; this is for files. It works on the pairs of
//! the grammar, in which every token is, and prints each token once and in its order, so that nothing can be lost.

mod expr;
mod layout;
mod maker;
mod pattern;
mod script;
mod source;
#[cfg(test)]
mod tests;

use pest::Parser as _;

use super::parse::grammar::{Grammar, Rule};
use super::parse::parse_file;
use super::split;
use crate::diag::{Diagnostic, Sources};
use layout::{Line, WIDTH_MAX, lay_out, line_starts, width_of};
use maker::Maker;
use source::Source;

/// Code wider than this does not push the comments of other lines to the right.
const ALIGNED_WIDTH_MAX: usize = 72;

/// The text of a file in its one shape.
///
/// # Example
///
/// ```
/// let text = ensue::lang::format::format_text("a.cep", "stream s{at timestamp // when\n  event time at}").expect("it can be read");
/// assert_eq!(text, "stream s {\n    at  timestamp  // when\n    event time at\n}\n");
/// ```
///
/// # Errors
///
/// What keeps the file from being read. The [`Sources`] hold it, for the places of the diagnostics.
pub fn format_text(name: &str, text: &str) -> Result<String, (Sources, Vec<Diagnostic>)> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let (_, diagnostics) = parse_file(&sources, file);
    if !diagnostics.is_empty() {
        return Err((sources, diagnostics));
    }
    let mut page = Page::default();
    let mut end = 0;
    for chunk in split::split(text) {
        page.between(&text[end..chunk.start], true);
        page.item(&item_lines(&text[chunk.start..chunk.end]));
        end = chunk.end;
    }
    page.between(&text[end..], false);
    Ok(page.text())
}

/// An item, line by line.
fn item_lines(text: &str) -> Vec<Line> {
    let mut pairs = Grammar::parse(Rule::item, text).expect("the parser took this item");
    let root = pairs.next().expect("the rule yields one pair");
    let mut source = Source::of(text, root);
    let docs = Maker { source: &source }.item();
    let starts = line_starts(&docs, source.pieces.len());
    source.attach(&starts);
    lay_out(&docs, &source.pieces, WIDTH_MAX)
}

/// A file that is being put together.
#[derive(Default)]
struct Page {
    lines: Vec<Line>,
    /// Whether the last item has more than one line; none is before the first.
    last_is_long: Option<bool>,
    /// Whether the next item had a blank line above it.
    blank: bool,
    /// Where the comments above the next item start.
    above: usize,
}

impl Page {
    /// What stands between two items: comments and blank lines.
    fn between(&mut self, gap: &str, item_follows: bool) {
        let mut lines = gap.trim_start_matches('\u{feff}').split('\n');
        let behind = lines.next().unwrap_or("").trim();
        if !behind.is_empty() {
            match self.lines.last_mut().filter(|_| self.last_is_long.is_some()) {
                Some(last) => last.comment = Some(behind.to_owned()),
                None => self.lines.push(Line { code: behind.to_owned(), comment: None }),
            }
        }
        self.above = self.lines.len();
        self.blank = false;
        let last = gap.matches('\n').count();
        for (at, line) in lines.map(str::trim).enumerate() {
            if !line.is_empty() {
                self.separate();
                self.lines.push(Line { code: line.to_owned(), comment: None });
            } else if at + 1 < last || !item_follows {
                self.blank = true;
            }
        }
    }

    /// A blank line, where there was one or an item must be set off.
    fn separate(&mut self) {
        let is_first = self.lines.len() == self.above;
        if !self.lines.is_empty() && (self.blank || is_first && self.last_is_long == Some(true)) {
            self.lines.push(Line::default());
        }
        self.blank = false;
    }

    fn item(&mut self, lines: &[Line]) {
        let is_long = lines.len() > 1;
        let is_first = self.lines.len() == self.above;
        self.blank |= is_first && is_long && self.last_is_long.is_some();
        self.separate();
        self.lines.extend(lines.iter().cloned());
        self.last_is_long = Some(is_long);
    }

    /// The whole text, the comments behind neighbouring lines below each other.
    fn text(&self) -> String {
        let mut text = String::new();
        for block in self.lines.chunk_by(is_one_block) {
            let commented = block.iter().filter(|line| line.comment.is_some());
            let widths =
                commented.map(|line| width_of(&line.code)).filter(|width| *width <= ALIGNED_WIDTH_MAX);
            let width = widths.max().unwrap_or(0);
            for line in block {
                text.push_str(&line.code);
                if let Some(comment) = &line.comment {
                    let blanks = width.saturating_sub(width_of(&line.code)) + 2;
                    text.push_str(&" ".repeat(blanks));
                    text.push_str(comment);
                }
                text.push('\n');
            }
        }
        text
    }
}

/// Lines of one depth that follow each other.
fn is_one_block(above: &Line, below: &Line) -> bool {
    let depth = |line: &Line| line.code.len() - line.code.trim_start().len();
    let is_comment = |line: &Line| line.code.trim_start().starts_with("//");
    let is_apart = above.code.is_empty() || below.code.is_empty() || is_comment(above) || is_comment(below);
    !is_apart && depth(above) == depth(below)
}
