//! What is well typed, and hardly meant: a field's name in quotes, a number with a mark between its thousands, `*` in the
//! pattern of `like`.

use super::patterns::PatternChecker;
use super::scope::Place;
use crate::diag::{Code, Diagnostic, Span};
use crate::event::Type;
use crate::lang::ast::{self, ExprKind};
use crate::lang::hir::{Field, Form};
use crate::lang::scan::is_word;
use crate::lang::words::RESERVED;

impl PatternChecker<'_, '_> {
    /// Whether a text is the name of a field, or of its column, where a value is wanted: reports it.
    pub(super) fn is_quoted_field(&mut self, place: Place, expr: &ast::Expr) -> bool {
        let ExprKind::String(literal) = &expr.kind else { return false };
        let Some(name) = self.field_called(place, &literal.text).map(|field| field.name.clone()) else {
            return false;
        };
        let meant = match place.is_of_a_match() {
            false => in_pattern(&name),
            true => format!("{}.{}", self.first_step(), in_pattern(&name)),
        };
        let text = &literal.text;
        let diagnostic =
            Diagnostic::error(Code::NotHere, expr.span, format!("`\"{text}\"` is a text, not a field"))
                .note("what stands in double quotes is always a text; a field stands without them")
                .help(format!("write `{meant}`"));
        self.report_field(if *text == name {
            diagnostic
        } else {
            diagnostic.note(format!("the field that is read from `{text}` is called `{name}`"))
        });
        true
    }

    /// The field with this name, or that is read from a column with this name.
    pub(super) fn field_called(&self, place: Place, name: &str) -> Option<&Field> {
        let sources = self.candidate(place).unwrap_or_else(|| (0..self.sources.len()).collect());
        self.field_of_column(&sources, name)
    }

    /// That of some sources.
    pub(super) fn field_of_column(&self, sources: &[usize], name: &str) -> Option<&Field> {
        let fields =
            || sources.iter().flat_map(|source| &self.program.streams[self.sources[*source].stream].fields);
        let same = |text: &str| text.to_lowercase() == name.to_lowercase();
        fields()
            .find(|field| field.name == name || field.path.join(".") == name)
            .or_else(|| fields().find(|field| same(&field.name) || same(&field.path.join("."))))
    }

    /// Help for a name that is no field, but a column that a field is read from.
    pub(super) fn column_help(&self, sources: &[usize], name: &str) -> Option<String> {
        let field = self.field_of_column(sources, name)?;
        let is_column = field.path.join(".").to_lowercase() == name.to_lowercase() && field.name != name;
        is_column.then(|| {
            let column = field.path.join(".");
            format!("write `{}`: so the stream calls what it reads from `{column}`", in_pattern(&field.name))
        })
    }

    fn first_step(&self) -> String {
        let step = self.steps.iter().find(|step| !step.absent);
        step.map_or_else(|| "a".to_owned(), |step| step.name.text.clone())
    }

    /// Warns of `amount > 4.500` where the stream reads `4.500` as four thousand five hundred.
    pub(super) fn warn_thousands(&mut self, value: &ast::Expr, literal: &ast::Expr) {
        let number = match &literal.kind {
            ExprKind::Negate(inner) => inner,
            _ => literal,
        };
        let ExprKind::Number(text) = &number.kind else { return };
        let Some((whole, fraction)) = text.split_once('.') else { return };
        let could_be = fraction.len() == 3 && matches!(whole.len(), 1..=3) && !whole.starts_with('0');
        let Some(name) = field_in(value).filter(|_| could_be) else { return };
        let mut fields = (self.sources.iter())
            .flat_map(|source| &self.program.streams[source.stream].fields)
            .filter(|field| field.name == name && matches!(field.form, Form::Number { group: '.', .. }));
        let Some(field) = fields.find(|field| !matches!(field.ty, Type::Decimal(3..))) else { return };
        let digits = match field.ty {
            Type::Decimal(digits) => usize::from(digits),
            _ => 0,
        };
        let zeros = if digits == 0 { String::new() } else { format!(".{}", "0".repeat(digits)) };
        let short = format!("{whole}.{}", fraction.trim_end_matches('0'));
        let short = short.trim_end_matches('.');
        let diagnostic = Diagnostic::warning(
            Code::Misleading,
            number.span,
            format!("`{text}` is {short}: in a pattern the point stands before the fraction"),
        )
        .note(format!("in the input of `{name}` a point stands between thousands"))
        .help(format!("write `{whole}{fraction}{zeros}` if thousands are meant, else `{short}`"));
        self.report(diagnostic);
    }

    /// Warns of `like "*text*"`.
    pub(super) fn warn_stars(&mut self, pattern: &str, span: Span) {
        if !pattern.contains('*') || pattern.contains(['%', '_']) {
            return;
        }
        let meant = pattern.replace('*', "%");
        let diagnostic =
            Diagnostic::warning(Code::Misleading, span, "`*` is only itself in the pattern of `like`")
                .note("`%` stands for any characters, `_` for one")
                .help(format!("write `like \"{meant}\"`, or `contains(…, \"*\")` if a star is meant"));
        self.report(diagnostic);
    }
}

/// The field that an expression is about: `f`, `a.f`, `sum(a.f)`.
fn field_in(expr: &ast::Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Member(_, field) => Some(&field.text),
        ExprKind::Call(_, arguments) => arguments.first().and_then(|argument| field_in(&argument.value)),
        _ => None,
    }
}

/// A name as patterns write it, in backquotes where they must be.
fn in_pattern(name: &str) -> String {
    let is_bare = name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_bare && !RESERVED.contains(&name) { name.to_owned() } else { format!("`{name}`") }
}
