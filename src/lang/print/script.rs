//! Tests, their tables aligned.

use super::{Page, name, padded, quoted, width_of};
use crate::lang::ast::{Cell, TestBlock, TestCommand, TestItem, TestRow};

impl Page {
    pub(super) fn test(&mut self, test: &TestItem) {
        self.doc(&test.doc);
        self.open(format!("test {} {} {{", name(&test.pattern), quoted(&test.title.node)));
        for command in &test.commands {
            match command {
                TestCommand::Given(block) => self.block("given", block),
                TestCommand::Watermark(time) => self.line(format!("watermark {}", time.node)),
                TestCommand::Expect(block) => self.block("expect", block),
                TestCommand::ExpectTimeout(block) => self.block("expect timeout", block),
                TestCommand::ExpectLate(block) => self.block("expect late", block),
                TestCommand::ExpectNothing(_) => self.line("expect nothing"),
            }
        }
        self.close("}");
    }

    fn block(&mut self, words: &str, block: &TestBlock) {
        self.open(format!("{words} {}", name(&block.name)));
        let header: Vec<String> = block.columns.iter().map(name).collect();
        let rows: Vec<Vec<String>> = block.rows.iter().map(cells).collect();
        let mut widths: Vec<usize> = header.iter().map(|column| width_of(column)).collect();
        for row in &rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(width_of(cell));
            }
        }
        self.row(&header, &widths);
        for row in &rows {
            self.row(row, &widths);
        }
        self.depth -= 1;
    }

    /// A row; numbers stand to the right of their column.
    fn row(&mut self, cells: &[String], widths: &[usize]) {
        let cells = cells.iter().zip(widths).map(|(cell, &width)| match cell.parse::<f64>() {
            Ok(_) => format!("{}{cell}", " ".repeat(width - width_of(cell))),
            Err(_) => padded(cell, width),
        });
        self.line(format!("| {} |", cells.collect::<Vec<_>>().join(" | ")));
    }
}

fn cells(row: &TestRow) -> Vec<String> {
    let cells = row.cells.iter().map(|cell| match &cell.node {
        Cell::Empty => String::new(),
        Cell::Bare(text) => text.clone(),
        Cell::Quoted(text) => quoted(text),
    });
    cells.collect()
}
