//! Numbers, durations and strings.

use super::grammar::Rule;
use super::habits;
use super::tree::{Node, Tree, only_child};
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::ast::{Spanned, StringLiteral};
use crate::time::Duration;

impl Tree {
    /// A whole number, underscores allowed.
    pub(super) fn integer(&mut self, node: &Node<'_>) -> Spanned<i64> {
        let span = self.span(node);
        let value = node.as_str().replace('_', "").parse();
        let node = value.unwrap_or_else(|_| {
            self.bad_literal(span, "the number is too large");
            i64::MAX
        });
        Spanned { node, span }
    }

    /// The duration of a clause like `within 10m`; the place is the duration's.
    pub(super) fn duration_in(&mut self, clause: Node<'_>) -> Spanned<Duration> {
        self.duration(&only_child(clause))
    }

    /// A duration.
    pub(super) fn duration(&mut self, node: &Node<'_>) -> Spanned<Duration> {
        let span = self.span(node);
        let node = Duration::parse(node.as_str()).unwrap_or_else(|| {
            let text = format!("`{}` is no duration", node.as_str());
            let meant = habits::in_thousands(node.as_str()).or_else(|| habits::as_duration(node.as_str()));
            let help = match meant {
                Some(meant) => format!("write `{meant}`"),
                None => {
                    "write whole numbers with units, the longest first: w, d, h, m, s, ms, us, as in `1h30m`"
                        .to_owned()
                }
            };
            self.diagnostics.push(Diagnostic::error(Code::BadLiteral, span, text).help(help));
            // More than nothing, so that the clause is not refused as well.
            Duration::from_micros(1)
        });
        Spanned { node, span }
    }

    /// The string of a clause like `from "path"`; the place is the string's.
    pub(super) fn string_in(&mut self, clause: Node<'_>) -> Spanned<String> {
        self.string_text(only_child(clause))
    }

    /// A string's text.
    pub(super) fn string_text(&mut self, node: Node<'_>) -> Spanned<String> {
        let span = self.span(&node);
        Spanned { node: self.string(&node).text, span }
    }

    /// `"…"` or `r"…"`.
    pub(super) fn string(&mut self, node: &Node<'_>) -> StringLiteral {
        let is_raw = node.as_rule() == Rule::raw_string;
        let opening = if is_raw { 2 } else { 1 };
        let (start, end) = (node.as_span().start() + opening, node.as_span().end() - 1);
        let raw = &node.as_str()[opening..node.as_str().len() - 1];
        let text = if is_raw { raw.to_owned() } else { self.unescape(raw, start) };
        StringLiteral { text, raw: raw.to_owned(), inner: self.span_at(start, end), is_raw }
    }

    /// Resolves the escapes of a string's content, which starts at this byte.
    fn unescape(&mut self, raw: &str, start: usize) -> String {
        let mut text = String::with_capacity(raw.len());
        let mut characters = raw.char_indices();
        while let Some((at, character)) = characters.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            let escaped = characters.next().map_or('\\', |(_, escaped)| escaped);
            match escaped {
                '"' | '\\' => text.push(escaped),
                'n' => text.push('\n'),
                't' => text.push('\t'),
                _ => {
                    let span = self.span_at(start + at, start + at + 1 + escaped.len_utf8());
                    self.bad_escape(span, escaped);
                    text.push(escaped);
                }
            }
        }
        text
    }

    fn bad_escape(&mut self, span: Span, escaped: char) {
        self.diagnostics.push(
            Diagnostic::error(Code::BadLiteral, span, format!("`\\{escaped}` is no escape"))
                .note("the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`")
                .help("write `r\"…\"`, where a backslash is only a backslash, or double it"),
        );
    }

    pub(super) fn bad_literal(&mut self, span: Span, message: &str) {
        self.diagnostics.push(Diagnostic::error(Code::BadLiteral, span, message));
    }
}
