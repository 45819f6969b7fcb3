//! Tests: their tables aligned.

use super::layout::{Doc, blank, hard, hard_close_up, hard_first, text};
use super::maker::{Maker, columns_of};
use super::source::Node;
use crate::lang::parse::grammar::Rule;

impl Maker<'_> {
    pub(super) fn test(&self, node: &Node) -> Vec<Doc> {
        let (head, commands) = node.kids.split_at(4);
        let commands = &commands[..commands.len() - 1];
        let mut docs = self.words(&head[..3]);
        docs.extend([blank(), self.token(&head[3])]);
        let mut inner = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            inner.push(if at == 0 { hard_first() } else { hard() });
            let rows = command.kids.iter().position(|part| part.rule == Rule::header);
            let (words, rows) = command.kids.split_at(rows.unwrap_or(command.kids.len()));
            inner.extend(self.words(words));
            if !rows.is_empty() {
                inner.push(Doc::Nest(4, self.table(rows)));
            }
        }
        docs.push(Doc::Nest(4, inner));
        docs.extend(self.closing(commands.is_empty(), node));
        docs
    }

    /// The rows of a table.
    fn table(&self, rows: &[Node]) -> Vec<Doc> {
        let rows: Vec<Row> = rows.iter().map(|row| self.row(row)).collect();
        let mut widths: Vec<usize> = Vec::new();
        for row in &rows {
            widths.resize(widths.len().max(row.cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(columns_of(&self.cell(*cell)));
            }
        }
        let mut docs = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            docs.push(if at == 0 { hard_close_up() } else { hard() });
            docs.push(Doc::Token(row.first));
            for ((cell, bar), width) in row.cells.iter().zip(&row.bars).zip(&widths) {
                docs.extend(self.padded_cell(*cell, *width));
                docs.push(Doc::Token(*bar));
            }
        }
        docs
    }

    /// A cell in its column; numbers stand to the right.
    fn padded_cell(&self, cell: Option<usize>, width: usize) -> Vec<Doc> {
        let printed = self.cell(cell);
        let blanks = " ".repeat(width - columns_of(&printed));
        let is_number = printed.parse::<f64>().is_ok();
        let (left, right) = if is_number { (blanks, String::new()) } else { (String::new(), blanks) };
        [text(format!(" {left}"))]
            .into_iter()
            .chain(cell.map(Doc::Token))
            .chain([text(format!("{right} "))])
            .collect()
    }

    fn cell(&self, cell: Option<usize>) -> String {
        cell.map(|token| self.pieces()[token].text.clone()).unwrap_or_default()
    }

    fn row(&self, node: &Node) -> Row {
        let mut row = Row { first: node.kids[0].token.expect("a bar"), cells: Vec::new(), bars: Vec::new() };
        for pair in node.kids[1..].chunks(2) {
            let mut tokens = Vec::new();
            super::maker::tokens_of(&pair[0], &mut tokens);
            row.cells.push(tokens.first().copied());
            row.bars.push(pair[1].token.expect("a bar"));
        }
        row
    }
}

/// A row by its tokens: a bar, and a cell with a bar behind it for each column.
struct Row {
    first: usize,
    cells: Vec<Option<usize>>,
    bars: Vec<usize>,
}
