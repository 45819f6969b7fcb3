//! The body as nodes, and the conditions of its steps.

use super::patterns::PatternChecker;
use super::scope::{Place, Reads};
use super::steps::bounds;
use super::types::Ty;
use crate::diag::{Code, Diagnostic, Span};
use crate::event::StepId;
use crate::lang::ast::{self, BinaryOp, ChoiceKind, Contiguity, Element, ElementKind, ExprKind};
use crate::lang::hir::{
    self, AbsenceNode, ChoiceNode, Conjunct, Greed, GroupNode, Node, Repeat, StepNode, Word,
};

/// Which step and which group come next, in the order in which they were collected.
#[derive(Default)]
struct Cursor {
    step: usize,
    group: usize,
}

impl PatternChecker<'_, '_> {
    /// Lowers the body whose steps were collected.
    pub(super) fn lower_body(&mut self, body: &[Element]) -> (Vec<Node>, Vec<hir::Step>) {
        let mut cursor = Cursor::default();
        let mut steps = Vec::new();
        let nodes = self.nodes(body, &mut cursor, &mut steps);
        (nodes, steps)
    }

    fn nodes(&mut self, body: &[Element], cursor: &mut Cursor, steps: &mut Vec<hir::Step>) -> Vec<Node> {
        body.iter().map(|element| self.node(element, cursor, steps)).collect()
    }

    fn node(&mut self, element: &Element, cursor: &mut Cursor, steps: &mut Vec<hir::Step>) -> Node {
        let word = lower_word(element.word.node);
        match &element.kind {
            ElementKind::Step(step) => {
                let at = self.lower_step(step.condition.as_ref(), cursor, steps);
                Node::Step(StepNode {
                    step: StepId(at as u32),
                    word,
                    repeat: repeat(step.quantifier.as_ref()),
                    between: between(step.contiguity.as_ref()),
                    greed: step.greed.map_or(Greed::Even, |greed| match greed.node {
                        ast::Greed::Greedy => Greed::Greedy,
                        ast::Greed::Lazy => Greed::Lazy,
                    }),
                    until: step.until.as_ref().map(|until| self.condition(Place::Until(at), until)),
                    gap: self.positive("gap", step.gap.as_ref()),
                })
            }
            ElementKind::Absence(absence) => {
                let at = self.lower_step(absence.condition.as_ref(), cursor, steps);
                Node::Absence(AbsenceNode {
                    step: StepId(at as u32),
                    next: word == Word::Next,
                    wait: self.positive("for", absence.wait.as_ref()),
                })
            }
            ElementKind::Group(group) => self.lower_group(group, word, cursor, steps),
            ElementKind::Choice(choice) => {
                let lower = |branch: &ast::Branch| {
                    StepId(self.lower_step(branch.step.condition.as_ref(), cursor, steps) as u32)
                };
                let branches: Vec<StepId> = choice.branches.iter().map(lower).collect();
                let take = match choice.kind.node {
                    ChoiceKind::One => None,
                    ChoiceKind::Each => Some(branches.len() as u32),
                    ChoiceKind::Some(take) => Some(u32::try_from(take).unwrap_or(1)),
                };
                let between = between(choice.contiguity.as_ref());
                Node::Choice(ChoiceNode {
                    branches,
                    word,
                    take,
                    between,
                    gap: self.positive("gap", choice.gap.as_ref()),
                })
            }
        }
    }

    fn lower_group(
        &mut self,
        group: &ast::Group,
        word: Word,
        cursor: &mut Cursor,
        steps: &mut Vec<hir::Step>,
    ) -> Node {
        let at = cursor.group;
        cursor.group += 1;
        let body = self.nodes(&group.body, cursor, steps);
        let until = group.until.as_ref().map(|until| self.condition(Place::GroupUntil(at), until));
        let within = self.positive("within", group.within.as_ref());
        let gap = self.positive("gap", group.gap.as_ref());
        let scope = &mut self.groups[at];
        if let Some(info) = &mut scope.info {
            info.until = until;
            info.within = within;
        }
        Node::Group(GroupNode {
            body,
            word,
            repeat: repeat(group.quantifier.as_ref()),
            between: between(group.contiguity.as_ref()),
            group: scope.id,
            gap,
        })
    }

    fn lower_step(
        &mut self,
        condition: Option<&ast::Expr>,
        cursor: &mut Cursor,
        steps: &mut Vec<hir::Step>,
    ) -> usize {
        let at = cursor.step;
        cursor.step += 1;
        let conditions = condition.map_or_else(Vec::new, |condition| self.conjuncts(at, condition));
        let scope = &self.steps[at];
        steps.push(hir::Step {
            name: scope.name.text.clone(),
            sources: scope.sources.clone(),
            conditions,
            text: condition.map_or_else(String::new, |condition| self.text(condition.span)),
            many: scope.many(),
            absent: scope.absent,
            group: scope.group,
        });
        at
    }

    fn conjuncts(&mut self, step: usize, condition: &ast::Expr) -> Vec<Conjunct> {
        let mut parts = Vec::new();
        split(condition, &mut parts);
        let lower = |part: &ast::Expr| {
            self.reads = Reads::default();
            let expr = self.condition(Place::Condition(step), part);
            let conjunct = Conjunct {
                expr,
                text: self.text(part.span),
                local: !self.reads.held,
                waived_while_empty: self.reads.own_events,
            };
            (part.span, conjunct)
        };
        let parts: Vec<(Span, Conjunct)> = parts.into_iter().map(lower).collect();
        self.warn_never(step, &parts);
        parts.into_iter().map(|(_, conjunct)| conjunct).collect()
    }

    /// An expression that must be true or false.
    pub(super) fn condition(&mut self, place: Place, expr: &ast::Expr) -> hir::Expr {
        let typed = self.expr(place, expr);
        match typed.ty {
            Ty::Known(crate::event::Type::Bool) | Ty::Error => {}
            Ty::Null => {
                let diagnostic = Diagnostic::error(Code::NotACondition, expr.span, "`null` is never true")
                    .help("write a condition, such as `x is null`");
                self.report(diagnostic);
            }
            Ty::Known(ty) => {
                let text = self.text(expr.span);
                let help = match ty {
                    crate::event::Type::String => format!("compare it: `{text} == \"…\"`"),
                    crate::event::Type::Timestamp => format!("compare it, or ask `{text} is not null`"),
                    crate::event::Type::Duration => format!("compare it: `{text} > 5m`"),
                    _ => format!("compare it: `{text} > 0`"),
                };
                let diagnostic = Diagnostic::error(
                    Code::NotACondition,
                    expr.span,
                    format!("`{text}` is {ty}, not a condition"),
                )
                .help(help);
                self.report(diagnostic);
            }
        }
        typed.expr
    }
}

/// The parts that are joined by `and`.
pub(super) fn split<'e>(expr: &'e ast::Expr, parts: &mut Vec<&'e ast::Expr>) {
    match &expr.kind {
        ExprKind::Binary(op, left, right) if op.node == BinaryOp::And => {
            split(left, parts);
            split(right, parts);
        }
        _ => parts.push(expr),
    }
}

fn lower_word(word: ast::Word) -> Word {
    match word {
        ast::Word::Match | ast::Word::Then => Word::Then,
        ast::Word::Next => Word::Next,
        ast::Word::ThenAny => Word::ThenAny,
    }
}

fn between(contiguity: Option<&ast::Spanned<Contiguity>>) -> Word {
    contiguity.map_or(Word::Then, |contiguity| match contiguity.node {
        Contiguity::Strict => Word::Next,
        Contiguity::Any => Word::ThenAny,
    })
}

fn repeat(quantifier: Option<&ast::Spanned<ast::Quantifier>>) -> Repeat {
    let (min, max) = bounds(quantifier);
    // What does not fit was refused.
    let narrow = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
    Repeat { min: narrow(min), max: max.map(|max| narrow(max).max(1)) }
}
