//! `test` items: their commands and tables.

use super::grammar::Rule;
use super::tree::{Children, Node, Tree, children, only_child};
use crate::diag::Span;
use crate::lang::ast::{Cell, Doc, Spanned, TestBlock, TestCommand, TestItem, TestRow};

impl Tree {
    /// A test.
    pub(super) fn test(&mut self, node: Node<'_>, doc: Doc, span: Span) -> TestItem {
        let mut nodes = children(node);
        let pattern = self.ident(&nodes.expect(Rule::name));
        let title = self.string_text(nodes.expect(Rule::string));
        let commands = nodes.map(|command| self.command(command)).collect();
        TestItem { doc, span, pattern, title, commands }
    }

    fn command(&mut self, node: Node<'_>) -> TestCommand {
        let span = self.span(&node);
        match node.as_rule() {
            Rule::watermark => {
                let instant = only_child(node);
                let span = self.span(&instant);
                TestCommand::Watermark(Spanned { node: instant.as_str().to_owned(), span })
            }
            Rule::expect_nothing => TestCommand::ExpectNothing(span),
            Rule::given => TestCommand::Given(self.block(node)),
            Rule::expect_timeout => TestCommand::ExpectTimeout(self.block(node)),
            Rule::expect_late => TestCommand::ExpectLate(self.block(node)),
            _ => TestCommand::Expect(self.block(node)),
        }
    }

    /// A name and its table. The place is the command with its name.
    fn block(&mut self, node: Node<'_>) -> TestBlock {
        let command = self.span(&node);
        let mut nodes: Children<'_> = children(node);
        let name = self.ident(&nodes.expect(Rule::name));
        let header = nodes.expect(Rule::header);
        let columns = children(header).map(|column| self.ident(&column)).collect();
        let rows = nodes.map(|row| self.row(row)).collect();
        TestBlock { span: Span { end: name.span.end, ..command }, name, columns, rows }
    }

    fn row(&mut self, node: Node<'_>) -> TestRow {
        TestRow { span: self.span(&node), cells: children(node).map(|cell| self.cell(cell)).collect() }
    }

    fn cell(&mut self, node: Node<'_>) -> Spanned<Cell> {
        let Some(content) = children(node.clone()).next() else {
            return Spanned { node: Cell::Empty, span: self.span(&node) };
        };
        if content.as_rule() == Rule::cell_quoted {
            let text = self.string_text(only_child(content));
            return Spanned { node: Cell::Quoted(text.node), span: text.span };
        }
        let text = content.as_str().trim_end();
        let start = content.as_span().start();
        Spanned { node: Cell::Bare(text.to_owned()), span: self.span_at(start, start + text.len()) }
    }
}
