//! Numbers, text, and the patterns of `like` and `matches`.

use std::sync::Arc;

use regex::Regex;

use super::patterns::PatternChecker;
use super::scope::Place;
use super::types::{Ty, Typed, a_type};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{Decimal, Type, Value};
use crate::lang::ast::{self, ExprKind, StringLiteral, TextMatch};
use crate::lang::hir::Expr;
use crate::lang::parse::parse_expression;

impl PatternChecker<'_, '_> {
    /// A number: with a point exact, with an exponent a float, else an int.
    pub(super) fn number(&mut self, text: &str, span: Span) -> Typed {
        let value = if text.contains(['e', 'E']) {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float)
        } else if let Some((_, fraction)) = text.split_once('.') {
            let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= Decimal::MAX_SCALE);
            scale.and_then(|scale| Decimal::parse(text, scale)).map(Value::Decimal)
        } else {
            text.parse().ok().map(Value::Int)
        };
        let Some(value) = value else {
            let diagnostic =
                Diagnostic::error(Code::BadLiteral, span, format!("`{text}` is too large a number"))
                    .note("whole and exact numbers have 64 bits, and at most 18 digits after the point")
                    .help("write it with an exponent, as a float: `1.5e20`");
            self.report(diagnostic);
            return Typed::error();
        };
        let ty = value.ty().expect("a number has a type");
        Typed::new(Expr::Const(value), ty)
    }

    /// Text. In a record `{…}` in it is an expression, unless the text is raw.
    pub(super) fn string(&mut self, place: Place, literal: &StringLiteral) -> Typed {
        if !matches!(place, Place::Emit | Place::Tally) || literal.is_raw || !literal.raw.contains(['{', '}'])
        {
            return Typed::new(Expr::Const(Value::text(&literal.text)), Type::String);
        }
        let mut parts = Vec::new();
        let mut right = true;
        for part in self.parts(literal) {
            match part {
                Part::Text(text) => parts.push(Expr::Const(Value::String(Arc::from(text)))),
                Part::Expression(span) if self.program.sources.text(span).contains("\\\"") => {
                    right = false;
                    self.quoted_in_braces(span);
                }
                Part::Expression(span) => match parse_expression(self.program.sources, span) {
                    Ok(expr) => {
                        let typed = self.expr(place, &expr);
                        right &= typed.ty != Ty::Error;
                        parts.push(typed.expr);
                    }
                    Err(diagnostic) => {
                        right = false;
                        self.report(diagnostic);
                    }
                },
            }
        }
        match (right, parts.as_slice()) {
            (false, _) => Typed { expr: Expr::Interpolate(parts), ty: Ty::Known(Type::String) },
            (true, []) => Typed::new(Expr::Const(Value::text("")), Type::String),
            (true, [Expr::Const(Value::String(text))]) => {
                Typed::new(Expr::Const(Value::String(Arc::clone(text))), Type::String)
            }
            (true, _) => Typed::new(Expr::Interpolate(parts), Type::String),
        }
    }

    /// Cuts text at its braces.
    fn parts(&mut self, literal: &StringLiteral) -> Vec<Part> {
        let raw = literal.raw.as_str();
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = 0;
        while let Some(character) = raw[rest..].chars().next() {
            let next = rest + character.len_utf8();
            match character {
                '\\' => {
                    let escaped = raw[next..].chars().next();
                    text.extend(escaped.map(unescaped));
                    rest = next + escaped.map_or(0, char::len_utf8);
                }
                '{' | '}' if raw[next..].starts_with(character) => {
                    text.push(character);
                    rest = next + 1;
                }
                '{' => {
                    let Some(length) = raw[next..].find('}') else {
                        self.bad_brace(literal, (rest, raw.len()), "a brace that is not closed");
                        break;
                    };
                    if raw[next..next + length].trim().is_empty() {
                        self.bad_brace(literal, (rest, next + length + 1), "nothing between braces");
                    } else {
                        if !text.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut text)));
                        }
                        parts.push(Part::Expression(within(literal, next, next + length)));
                    }
                    rest = next + length + 1;
                }
                other => {
                    text.push(other);
                    rest = next;
                }
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        parts
    }

    /// The grammar ends the string at a bare quote, and an escaped one is no quote to the expression.
    fn quoted_in_braces(&mut self, span: Span) {
        let text = self.program.sources.text(span);
        let quote = text.find("\\\"").unwrap_or(0) as u32;
        let place = Span { start: span.start + quote, end: span.start + quote + 2, ..span };
        let expression = text.replace("\\\"", "\"");
        let diagnostic = Diagnostic::error(Code::BadLiteral, place, "a quote inside of `{…}`")
            .note("the expression in `{…}` stands inside of a string, so it cannot hold one itself")
            .help(format!("join the parts: `concat(\"…\", {}, \"…\")`", expression.trim()));
        self.report(diagnostic);
    }

    fn bad_brace(&mut self, literal: &StringLiteral, (start, end): (usize, usize), message: &str) {
        let diagnostic = Diagnostic::error(Code::BadLiteral, within(literal, start, end), message)
            .note("in the text of a record `{…}` holds an expression")
            .help("write `{{` for a brace, or the whole text raw: `r\"…\"`");
        self.report(diagnostic);
    }

    /// `like` and `matches`.
    pub(super) fn text_match(
        &mut self,
        place: Place,
        item: &ast::Expr,
        kind: TextMatch,
        pattern: &ast::Expr,
        negated: bool,
    ) -> Typed {
        if self.is_quoted_field(place, item) {
            return Typed::error();
        }
        let typed = self.expr(place, item);
        let word = if kind == TextMatch::Like { "like" } else { "matches" };
        if let Ty::Known(ty) = typed.ty
            && ty != Type::String
        {
            let text = self.text(item.span);
            let diagnostic = Diagnostic::error(
                Code::TypeMismatch,
                item.span,
                format!("`{word}` looks at text, not at {}", a_type(ty)),
            )
            .help(format!("make it text: `string({text}) {word} …`"));
            self.report(diagnostic);
            return Typed::error();
        }
        let Some(regex) = self.regex(kind, pattern, word) else { return Typed::error() };
        if typed.ty == Ty::Error {
            return Typed::error();
        }
        let matches = Expr::Matches(Box::new(typed.expr), regex);
        Typed::new(if negated { Expr::Not(Box::new(matches)) } else { matches }, Type::Bool)
    }

    fn regex(&mut self, kind: TextMatch, pattern: &ast::Expr, word: &str) -> Option<Regex> {
        let ExprKind::String(literal) = &pattern.kind else {
            let diagnostic = Diagnostic::error(
                Code::BadLiteral,
                pattern.span,
                format!("the pattern of `{word}` is not a string"),
            )
            .note("it is compiled once, before anything runs, so it cannot come from an event")
            .help(format!(
                "write it as text: `{word} \"…\"`; for a part that varies use `contains` or `starts_with`"
            ));
            self.report(diagnostic);
            return None;
        };
        if kind == TextMatch::Like {
            self.warn_stars(&literal.text, pattern.span);
        }
        let source = match kind {
            TextMatch::Like => like(&literal.text),
            TextMatch::Matches => literal.text.clone(),
        };
        match Regex::new(&source) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let reason = match &error {
                    regex::Error::Syntax(text) => {
                        let last = text.lines().last().unwrap_or_default();
                        last.strip_prefix("error: ").unwrap_or(last).to_owned()
                    }
                    other => other.to_string(),
                };
                let diagnostic =
                    Diagnostic::error(Code::BadLiteral, pattern.span, "not a regular expression")
                        .note(reason)
                        .help("put a backslash before a character that is meant as itself: `r\"\\(\"`");
                self.report(diagnostic);
                None
            }
        }
    }
}

/// A piece of a text with braces.
enum Part {
    Text(String),
    Expression(Span),
}

/// The place of some bytes of a string's content.
fn within(literal: &StringLiteral, start: usize, end: usize) -> Span {
    let at = |byte: usize| literal.inner.start + byte as u32;
    Span { file: literal.inner.file, start: at(start), end: at(end) }
}

fn unescaped(escaped: char) -> char {
    match escaped {
        'n' => '\n',
        't' => '\t',
        other => other,
    }
}

/// The regular expression of a `like` pattern, which is about the whole text.
fn like(pattern: &str) -> String {
    let mut source = String::from("^");
    for character in pattern.chars() {
        match character {
            '%' => source.push_str("(?s:.*)"),
            '_' => source.push_str("(?s:.)"),
            other => source.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    source.push('$');
    source
}
