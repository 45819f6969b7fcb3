//! What people bring from other languages, and what it is called here.

use super::errors::Stop;
use super::grammar::Rule;
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::words::RESERVED;

/// Marks of other languages, and what to write. The parser may stop in the middle of one.
const MARKS: [(&str, &str); 12] = [
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("=>", "write `>=` for \"at least\""),
    ("=<", "write `<=` for \"at most\""),
    ("<>", "write `!=` for \"not equal\""),
    ("===", "write `==`"),
    ("->", "write `then` for a later event, `next` for the very next one"),
    ("/*", "a comment starts with `//` and ends with its line"),
    ("--", "a comment starts with `//` and ends with its line"),
    ("#", "a comment starts with `//` and ends with its line"),
    ("'", "write strings in double quotes: `\"text\"`"),
    (";", "take it away: nothing needs to end a line"),
];

/// Words of other languages, in lower case, and what to write.
const WORDS: [(&str, &str); 7] = [
    ("followed", "write `then` for a later event, `next` for the very next one"),
    ("followedby", "write `then` for a later event, `next` for the very next one"),
    ("partition", "write `on STREAM by KEY`"),
    ("select", "write `emit NAME { field: value }` after the steps"),
    ("from", "write `on STREAM by KEY` before `match`"),
    ("when", "write `where` before the condition"),
    ("seq", "write one step on a line: `match a`, `then b`"),
];

/// Keywords that are often written in capitals.
const OTHERS: [&str; 14] = [
    "match", "on", "by", "emit", "any", "skip", "limit", "keep", "greedy", "lazy", "strict", "longest",
    "all", "meta",
];

/// What units of time are called, and how they are written.
const UNITS: [(&str, &str); 8] = [
    ("milli", "ms"),
    ("ms", "ms"),
    ("micro", "us"),
    ("sec", "s"),
    ("min", "m"),
    ("hour", "h"),
    ("day", "d"),
    ("week", "w"),
];

/// The diagnostic for a mistake that is known.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    duration(stop, span)
        .or_else(|| mark(stop, span))
        .or_else(|| capitals(stop, span))
        .or_else(|| second_quantifier(stop, span))
        .or_else(|| cell(stop, span))
        .or_else(|| step_after_clause(stop, span))
        .or_else(|| body(stop, span))
        .or_else(|| part_out_of_order(stop, span))
        .or_else(|| incomplete(stop, span))
        .or_else(|| reserved(stop, span))
        .or_else(|| word(stop, span))
}

fn unknown(found: &str, span: Span, help: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Syntax, span, format!("`{found}` is not part of the language"))
        .label("not expected here")
        .help(help)
}

/// `&&`, `->` and their like; `=` and `!` where an expression is.
fn mark(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    for (mark, help) in MARKS {
        for offset in 0..mark.len() {
            let Some(start) = stop.at.checked_sub(offset).filter(|&start| start >= stop.start) else {
                continue;
            };
            if stop.text.get(start..stop.end).is_some_and(|rest| rest.starts_with(mark)) {
                let span = Span { start: start as u32, end: (start + mark.len()) as u32, ..span };
                return Some(unknown(mark, span, help));
            }
        }
    }
    match stop.found {
        "=" if stop.expects_operator() => Some(
            Diagnostic::error(Code::Syntax, span, "`=` does not compare")
                .label("not expected here")
                .help("write `==` for \"equal\""),
        ),
        "!" if stop.expects_operand() => Some(unknown("!", span, "write `not`")),
        _ => None,
    }
}

/// `10 minutes`, `1.5h`.
fn duration(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_digit = |c: char| c.is_ascii_digit();
    let message = "a duration is a number and its unit in one word";
    // The parser stops at the number where only a duration can stand, else at the unit.
    let after_number = stop.previous.chars().all(is_digit) && !stop.previous.is_empty();
    if after_number && let Some(unit) = unit(stop.found) {
        let help = format!("write `{}{unit}`", stop.previous);
        return Some(Diagnostic::error(Code::Syntax, span, message).label("the unit").help(help));
    }
    if !stop.found.starts_with(is_digit) || !(stop.expects(&[Rule::duration]) || stop.expects_operand()) {
        return None;
    }
    let rest = &stop.text[stop.at..stop.end];
    let digits = rest.find(|c| !is_digit(c))?;
    if rest[digits..].starts_with('.') {
        let diagnostic = Diagnostic::error(Code::Syntax, span, "this is neither a number nor a duration");
        return Some(diagnostic.label("here").help("durations are of whole numbers: `1h30m`, `1s500ms`"));
    }
    let word: &str = rest[digits..].trim_start();
    let word = &word[..word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len())];
    let diagnostic = Diagnostic::error(Code::Syntax, span, message).label("here");
    match unit(word) {
        Some(unit) => Some(diagnostic.help(format!("write `{}{unit}`", &rest[..digits]))),
        None if stop.expects(&[Rule::duration]) => {
            Some(diagnostic.help("the units are w, d, h, m, s, ms, us: `10m`"))
        }
        None => None,
    }
}

/// How the unit is written here.
fn unit(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    UNITS.iter().find(|(start, _)| word.starts_with(start)).map(|(_, unit)| *unit)
}

/// `AND`, `WITHIN 10 MINUTES`.
fn capitals(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let lower = stop.found.to_ascii_lowercase();
    let known = RESERVED.contains(&lower.as_str()) || OTHERS.contains(&lower.as_str());
    if !known || lower == stop.found {
        return None;
    }
    let mut help = format!("write `{lower}`");
    let mut rest = stop.text[stop.at + lower.len()..stop.end].split_whitespace();
    if lower == "within"
        && let (Some(number), Some(name)) = (rest.next(), rest.next())
        && number.chars().all(|c| c.is_ascii_digit())
        && let Some(unit) = unit(name)
    {
        help = format!("write `within {number}{unit}`");
    }
    let diagnostic = Diagnostic::error(Code::Syntax, span, "keywords are written in small letters");
    Some(diagnostic.label("not expected here").help(help))
}

/// `a{2}?`, `a+*`.
fn second_quantifier(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_quantifier = matches!(stop.found, "?" | "+" | "*" | "{");
    let follows = stop.previous.ends_with(['}', '?', '+', '*']);
    let in_body =
        stop.expects(&[Rule::element, Rule::word_then, Rule::word_next, Rule::r_paren, Rule::condition]);
    if !is_quantifier || !follows || !in_body || stop.expects_operator() {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, "a step has one quantifier")
            .label("the second")
            .help("for two or none write `( a{2} )?`; to leave a loop as soon as it may write `lazy`"),
    )
}

/// `match a within 5m then b`.
fn step_after_clause(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_word = matches!(stop.found, "then" | "next");
    let past_steps =
        stop.expected.iter().any(|rule| super::words::is_clause(*rule)) || stop.expects(&[Rule::r_paren]);
    let steps_too = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    let steps_too = steps_too || stop.expects_operand() || stop.expects_operator();
    if !is_word || !past_steps || steps_too {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, "a step after a clause of the whole pattern")
            .label("no step can stand here")
            .note("`within` and the other clauses are said once, after the last step")
            .help("for the time between two steps write `gap` behind the step"),
    )
}

/// `match a, b`, `not (…)`, `then` without `match`, `card: string`.
fn body(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let in_body = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    let in_stream =
        stop.text[stop.start..].starts_with("stream") || stop.text[stop.start..].starts_with("table");
    let (message, help) = match stop.found {
        "," if in_body && !stop.expects_operator() => {
            ("a step cannot follow a comma", "write its word instead: `next`, `then` or `then any`")
        }
        "(" if in_body && stop.previous == "not" => (
            "an absence is of one step",
            "write `then not b`, and the next absence on the next line: both hold",
        ),
        "then" | "next" if stop.expects(&[Rule::first_line, Rule::match_word]) => {
            ("the first step has another word", "write `match` before the first step")
        }
        ":" if in_stream => ("a field's type follows its name", "take the `:` away: `card string`"),
        _ => return None,
    };
    Some(Diagnostic::error(Code::Syntax, span, message).label("not expected here").help(help))
}

/// A row of a test's table that does not end with a bar.
pub(super) fn open_row(end: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, end, "a row of a table ends with `|`").label("expected here")
}

/// Tables of tests.
fn cell(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !stop.expects(&[Rule::bar, Rule::header]) {
        return None;
    }
    let line = stop.text[stop.start..stop.at].rsplit('\n').next().unwrap_or("").trim_start();
    let diagnostic = if line.starts_with('|') {
        Diagnostic::error(Code::Syntax, span, "this is no cell").help(
            "a cell is bare text, or one string in quotes, or empty; the first row holds names of columns",
        )
    } else {
        Diagnostic::error(Code::Syntax, span, format!("expected a table, found `{}`", stop.found))
            .help("write its columns first: `| at | card |`")
    };
    Some(diagnostic.label("not expected here"))
}

/// `match a gap 5s where x`.
fn part_out_of_order(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_part =
        matches!(stop.found, "where" | "until" | "gap" | "strict" | "any" | "greedy" | "lazy" | ":");
    let in_body = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    if stop.found == "for" && in_body {
        let diagnostic = Diagnostic::error(Code::Syntax, span, "only an absence has `for`");
        return Some(
            diagnostic.label("not expected here").help("write `then not b for 5m`, or `gap 5m` for a step"),
        );
    }
    if !is_part || !in_body {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, format!("`{}` cannot stand here", stop.found))
            .label("not expected here")
            .note("the parts of a step, in order: name, quantifier, `strict` or `any`, `greedy` or `lazy`, `: stream`, `where`, `until`, `gap`"),
    )
}

/// `where x and` and then `emit a`, which reads as `where x and emit`.
fn incomplete(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let clause = ["emit", "limit", "keep", "skip", "on"].contains(&stop.previous);
    let is_name = stop.found.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !clause || !is_name || !stop.expects_operator() {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, format!("`{}` was read as the name of a field", stop.previous))
            .label("so this is not expected here")
            .help("the condition is not complete before it"),
    )
}

/// A reserved word where a field could be.
fn reserved(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !RESERVED.contains(&stop.found) || !stop.expects_operand() {
        return None;
    }
    Some(
        Diagnostic::error(
            Code::Syntax,
            span,
            format!("expected an expression, found the keyword `{}`", stop.found),
        )
        .label("not expected here")
        .help(format!("a field of this name is written in backquotes: `` `{}` ``", stop.found)),
    )
}

/// `FOLLOWED BY`, `PARTITION BY`.
fn word(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let lower = stop.found.to_ascii_lowercase();
    let (_, help) = WORDS.iter().find(|(word, _)| *word == lower)?;
    Some(unknown(stop.found, span, *help))
}
