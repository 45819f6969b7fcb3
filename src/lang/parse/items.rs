//! Items, streams, tables and rolling features.

use super::grammar::Rule;
use super::tree::{Node, Tree, children, only_child};
use crate::diag::Span;
use crate::lang::ast::{Doc, EventTimeClause, FieldItem, Item, LetItem, StreamItem, TableItem};

impl Tree {
    /// The item of a whole chunk.
    pub(super) fn item(&mut self, node: Node<'_>) -> Item {
        let mut nodes = children(node);
        let doc = self.docs(nodes.expect(Rule::docs));
        let item = nodes.next().expect("an item");
        let span = self.span(&item);
        match item.as_rule() {
            Rule::stream => Item::Stream(self.stream(item, doc, span)),
            Rule::table => Item::Table(self.table(item, doc, span)),
            Rule::rolling => Item::Let(self.rolling(item, doc, span)),
            Rule::pattern => Item::Pattern(Box::new(self.pattern(item, doc, span))),
            Rule::test => Item::Test(self.test(item, doc, span)),
            _ => Item::Use(self.string_in(item)),
        }
    }

    fn stream(&mut self, node: Node<'_>, doc: Doc, span: Span) -> StreamItem {
        let mut nodes = children(node);
        let name = self.ident(&nodes.expect(Rule::name));
        let mut fields = Vec::new();
        let mut event_time: Option<EventTimeClause> = None;
        for part in nodes {
            if part.as_rule() == Rule::field {
                fields.push(self.field(part));
                continue;
            }
            let clause = self.event_time(part);
            match &event_time {
                None => event_time = Some(clause),
                Some(first) => self.twice("`event time`", first.span, clause.span),
            }
        }
        StreamItem { doc, span, name, fields, event_time }
    }

    fn event_time(&mut self, node: Node<'_>) -> EventTimeClause {
        let span = self.span(&node);
        let mut nodes = children(node);
        let field = self.ident(&nodes.expect(Rule::name));
        let (mut disorder, mut idle) = (None, None);
        for part in nodes {
            if part.as_rule() == Rule::disorder {
                let value = self.duration_in(part);
                self.once(&mut disorder, "`disorder`", value);
            } else {
                let value = self.duration_in(part);
                self.once(&mut idle, "`idle`", value);
            }
        }
        EventTimeClause { span, field, disorder, idle }
    }

    fn table(&mut self, node: Node<'_>, doc: Doc, span: Span) -> TableItem {
        let mut nodes = children(node);
        let name = self.ident(&nodes.expect(Rule::name));
        let fields = nodes.map(|field| self.field(field)).collect();
        TableItem { doc, span, name, fields }
    }

    fn field(&mut self, node: Node<'_>) -> FieldItem {
        let mut nodes = children(node);
        let doc = self.docs(nodes.expect(Rule::docs));
        let name = self.ident(&nodes.expect(Rule::name));
        let ty = self.ident(&only_child(nodes.expect(Rule::type_name)));
        let (mut ty_argument, mut forms) = (None, Vec::new());
        for part in nodes.accept(Rule::type_size).into_iter().flat_map(children) {
            match part.as_rule() {
                Rule::integer => ty_argument = Some(self.integer(&part)),
                _ => forms.push(self.string_text(part)),
            }
        }
        let nullable = nodes.accept(Rule::nullable).is_some();
        let from = nodes.accept(Rule::from).map(|from| self.string_in(from));
        let key = nodes.accept(Rule::key_flag).is_some();
        FieldItem { doc, name, ty, ty_argument, forms, nullable, from, key }
    }

    fn rolling(&mut self, node: Node<'_>, doc: Doc, span: Span) -> LetItem {
        let mut nodes = children(node);
        let name = self.ident(&nodes.expect(Rule::name));
        let value = self.expr(nodes.expect(Rule::expr), 0);
        let over = nodes.accept(Rule::duration).map(|over| self.duration(&over));
        let by = nodes.map(|key| self.expr(key, 0)).collect();
        LetItem { doc, span, name, value, over, by }
    }
}
