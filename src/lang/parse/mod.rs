//! Text to syntax tree.
//!
//! `split` cuts a file into items; each is parsed alone with the grammar in `grammar/cep.pest` and
//! its pairs are turned into the tree of [`ast`](super::ast). So there is at most one syntax error in an item, and
//! the other items are there all the same. Nothing is resolved here, and no text makes it panic: depth is bounded
//! before the grammar recurses and while the tree grows.

mod errors;
mod expr;
mod foreign;
mod habits;
mod items;
mod literals;
mod nesting;
mod pattern;
mod scripts;
mod steps;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use pest::Parser as _;

use crate::diag::{Code, Diagnostic, FileId, Sources, Span};
use crate::lang::ast::{Expr, Item};
use crate::lang::split::{self, Chunk, ChunkKind};
use crate::limits;

use tree::Tree;

/// The generated parser. Beside this module only `format` sees pairs: it needs every token.
pub(super) mod grammar {
    #![allow(missing_docs, unreachable_pub)]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/cep.pest"]
    pub(in crate::lang) struct Grammar;
}

use grammar::{Grammar, Rule};

/// The items of a file, and what is wrong with the others.
///
/// # Example
///
/// ```
/// use ensue::diag::Sources;
/// use ensue::lang::parse::parse_file;
///
/// let mut sources = Sources::default();
/// let file = sources.add("a.cep", "stream s { at timestamp, event time at }\npattern p { on }");
/// let (items, diagnostics) = parse_file(&sources, file);
/// assert_eq!((items.len(), diagnostics.len()), (1, 1));
/// ```
pub fn parse_file(sources: &Sources, file: FileId) -> (Vec<Item>, Vec<Diagnostic>) {
    let text = &sources.file(file).text;
    let mut items = Vec::new();
    let mut diagnostics = Vec::new();
    if text.len() > limits::PROGRAM_BYTES_MAX {
        diagnostics.push(too_large_file(file, text.len()));
        return (items, diagnostics);
    }
    for chunk in split::split(text) {
        match parse_chunk(text, file, &chunk) {
            Ok((item, complaints)) => {
                items.push(item);
                diagnostics.extend(complaints);
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    (items, diagnostics)
}

/// The text of a span as one expression: what stands in `{…}` in a string of `emit`.
///
/// # Errors
///
/// The one mistake that keeps the text from being an expression.
pub fn parse_expression(sources: &Sources, span: Span) -> Result<Expr, Diagnostic> {
    let whole = &sources.file(span.file).text;
    let (start, end) = (span.start as usize, span.end as usize);
    nesting::check(whole, span.file, start, end)?;
    let text = &whole[start..end];
    let mut pairs = Grammar::parse(Rule::lone_expr, text)
        .map_err(|error| errors::explain(&error, whole, span.file, start, end))?;
    let root = pairs.next().expect("the rule yields one pair");
    let mut tree = Tree::new(span.file, start);
    let mut children = tree::children(root);
    let expr = tree.expr(children.expect(Rule::expr), 0);
    match tree.diagnostics.into_iter().next() {
        Some(diagnostic) => Err(diagnostic),
        None => Ok(expr),
    }
}

/// One item, with mistakes that leave it readable.
fn parse_chunk(text: &str, file: FileId, chunk: &Chunk) -> Result<(Item, Vec<Diagnostic>), Diagnostic> {
    match chunk.kind {
        ChunkKind::Item => {}
        ChunkKind::Stray => return Err(errors::stray(text, file, chunk)),
        ChunkKind::Docs => return Err(errors::misplaced_doc(file, chunk.start, chunk.end)),
    }
    nesting::check(text, file, chunk.start, chunk.end)?;
    let mut pairs = Grammar::parse(Rule::item, &text[chunk.start..chunk.end])
        .map_err(|error| errors::explain(&error, text, file, chunk.start, chunk.end))?;
    let root = pairs.next().expect("the rule yields one pair");
    let mut tree = Tree::new(file, chunk.start);
    let item = tree.item(root);
    Ok((item, tree.diagnostics))
}

/// A file that no one wrote by hand.
fn too_large_file(file: FileId, bytes: usize) -> Diagnostic {
    let start = Span { file, start: 0, end: 0 };
    Diagnostic::error(Code::TooLarge, start, "the file is too large")
        .note(format!("it has {bytes} bytes; at most {} are read", limits::PROGRAM_BYTES_MAX))
}
