//! The body of a pattern: steps, absences, groups and choices.

use super::grammar::Rule;
use super::tree::{Children, Node, Tree, children, only_child};
use crate::lang::ast::{
    Absence, Branch, Choice, ChoiceKind, Contiguity, Element, ElementKind, Expr, Greed, Group, Mode,
    PatternItem, Quantifier, Spanned, Step, Word,
};
use crate::time::Duration;

impl Tree {
    /// `match`, its mode, and the first of the body.
    pub(super) fn first_line(&mut self, pattern: &mut PatternItem, node: Node<'_>) {
        let mut nodes = children(node);
        let doc = self.docs(nodes.expect(Rule::docs));
        let word = self.span(&nodes.expect(Rule::match_word));
        pattern.mode = match nodes.accept(Rule::mode) {
            None => Spanned { node: Mode::First, span: word },
            Some(mode) => {
                let span = word.to(self.span(&mode));
                let all = only_child(mode).as_rule() == Rule::mode_all;
                Spanned { node: if all { Mode::All } else { Mode::Longest }, span }
            }
        };
        let kind = nodes.next().expect("a first step");
        let span = word.to(self.span(&kind));
        let kind = self.kind(kind);
        let word = Spanned { node: Word::Match, span: word };
        pattern.body.push(Element { doc, span, word, kind });
    }

    /// A later line of a body: its word and what comes.
    pub(super) fn element(&mut self, node: Node<'_>) -> Element {
        let mut nodes = children(node);
        let doc = self.docs(nodes.expect(Rule::docs));
        let word = nodes.next().expect("a word");
        let node = match word.as_rule() {
            Rule::word_then_any => Word::ThenAny,
            Rule::word_then => Word::Then,
            _ => Word::Next,
        };
        let word = Spanned { node, span: self.span(&word) };
        let kind = nodes.next().expect("a step");
        let span = word.span.to(self.span(&kind));
        Element { doc, span, word, kind: self.kind(kind) }
    }

    /// The first of a group's body, which has no word: its word's place is empty.
    fn group_first(&mut self, node: Node<'_>) -> Element {
        let mut nodes = children(node);
        let doc = self.docs(nodes.expect(Rule::docs));
        let kind = nodes.next().expect("a first step");
        let span = self.span(&kind);
        let word = Spanned { node: Word::Match, span: crate::diag::Span { end: span.start, ..span } };
        Element { doc, span, word, kind: self.kind(kind) }
    }

    fn kind(&mut self, node: Node<'_>) -> ElementKind {
        match node.as_rule() {
            Rule::absence => ElementKind::Absence(self.absence(node)),
            Rule::group => ElementKind::Group(self.group(node)),
            Rule::choice => ElementKind::Choice(self.choice(node)),
            _ => ElementKind::Step(self.step(node)),
        }
    }

    fn step(&mut self, node: Node<'_>) -> Step {
        let mut nodes = children(node);
        Step {
            name: self.ident(&nodes.expect(Rule::name)),
            quantifier: self.quantifier(&mut nodes),
            contiguity: self.contiguity(&mut nodes),
            greed: self.greed(&mut nodes),
            stream: nodes.accept(Rule::of_stream).map(|stream| self.ident(&only_child(stream))),
            condition: self.condition(&mut nodes, Rule::condition),
            until: self.condition(&mut nodes, Rule::until),
            gap: self.time(&mut nodes, Rule::gap),
        }
    }

    fn absence(&mut self, node: Node<'_>) -> Absence {
        let mut nodes = children(node);
        Absence {
            not: self.span(&nodes.expect(Rule::negated)),
            name: self.ident(&nodes.expect(Rule::name)),
            stream: nodes.accept(Rule::of_stream).map(|stream| self.ident(&only_child(stream))),
            condition: self.condition(&mut nodes, Rule::condition),
            wait: self.time(&mut nodes, Rule::wait),
        }
    }

    fn group(&mut self, node: Node<'_>) -> Group {
        let mut nodes = children(node);
        let mut body = vec![self.group_first(nodes.expect(Rule::group_first))];
        while let Some(element) = nodes.accept(Rule::element) {
            body.push(self.element(element));
        }
        Group {
            body,
            within: self.time(&mut nodes, Rule::within),
            quantifier: self.quantifier(&mut nodes),
            contiguity: self.contiguity(&mut nodes),
            greed: self.greed(&mut nodes),
            until: self.condition(&mut nodes, Rule::until),
            gap: self.time(&mut nodes, Rule::gap),
        }
    }

    fn choice(&mut self, node: Node<'_>) -> Choice {
        let mut nodes = children(node);
        let kind = self.choice_kind(nodes.expect(Rule::choice_kind));
        let mut branches = Vec::new();
        while let Some(branch) = nodes.accept(Rule::branch) {
            let mut parts = children(branch);
            let doc = self.docs(parts.expect(Rule::docs));
            branches.push(Branch { doc, step: self.step(parts.expect(Rule::step)) });
        }
        Choice {
            kind,
            branches,
            quantifier: self.quantifier(&mut nodes),
            contiguity: self.contiguity(&mut nodes),
            gap: self.time(&mut nodes, Rule::gap),
        }
    }

    fn choice_kind(&mut self, node: Node<'_>) -> Spanned<ChoiceKind> {
        let span = self.span(&node);
        let word = only_child(node);
        let node = match word.as_rule() {
            Rule::choice_one => ChoiceKind::One,
            Rule::choice_each => ChoiceKind::Each,
            _ => ChoiceKind::Some(self.integer(&word).node),
        };
        Spanned { node, span }
    }

    fn quantifier(&mut self, nodes: &mut Children<'_>) -> Option<Spanned<Quantifier>> {
        let node = nodes.accept(Rule::quantifier)?;
        let span = self.span(&node);
        let form = only_child(node);
        let rule = form.as_rule();
        let mut numbers = Vec::new();
        if matches!(rule, Rule::q_exact | Rule::q_open | Rule::q_between) {
            numbers.extend(children(form).map(|number| self.integer(&number).node));
        }
        let (min, max) = match (rule, numbers.as_slice()) {
            (Rule::q_optional, _) => (0, Some(1)),
            (Rule::q_plus, _) => (1, None),
            (Rule::q_exact, &[count]) => (count, Some(count)),
            (Rule::q_open, &[min]) => (min, None),
            (Rule::q_between, &[min, max]) => (min, Some(max)),
            _ => (0, None),
        };
        Some(Spanned { node: Quantifier { min, max }, span })
    }

    fn contiguity(&mut self, nodes: &mut Children<'_>) -> Option<Spanned<Contiguity>> {
        let node = nodes.accept(Rule::contiguity)?;
        let span = self.span(&node);
        let strict = only_child(node).as_rule() == Rule::contiguity_strict;
        Some(Spanned { node: if strict { Contiguity::Strict } else { Contiguity::Any }, span })
    }

    fn greed(&mut self, nodes: &mut Children<'_>) -> Option<Spanned<Greed>> {
        let node = nodes.accept(Rule::greed)?;
        let span = self.span(&node);
        let greedy = only_child(node).as_rule() == Rule::greedy;
        Some(Spanned { node: if greedy { Greed::Greedy } else { Greed::Lazy }, span })
    }

    fn condition(&mut self, nodes: &mut Children<'_>, rule: Rule) -> Option<Expr> {
        nodes.accept(rule).map(|clause| self.expr(only_child(clause), 0))
    }

    fn time(&mut self, nodes: &mut Children<'_>, rule: Rule) -> Option<Spanned<Duration>> {
        nodes.accept(rule).map(|clause| self.duration_in(clause))
    }
}
