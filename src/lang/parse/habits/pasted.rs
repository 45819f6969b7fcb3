//! What comes along from a spreadsheet or a text program: numbers with marks between thousands, dates as people write
//! them, dashes, and letters that no bare name has.

use crate::diag::{Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::answer;
use crate::lang::parse::grammar::Rule;
use crate::lang::pasted;

/// Dashes and signs that look like a minus.
const DASHES: [&str; 5] = ["–", "—", "−", "‐", "‒"];

/// The diagnostic for something that was pasted.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    dash(stop, span)
        .or_else(|| numeral(stop, span))
        .or_else(|| letters(stop, span))
        .or_else(|| quoted_key(stop, span))
}

/// `amount – 5`.
fn dash(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    DASHES.contains(&stop.found).then(|| answer(span, "this dash is no minus sign", "write `-`"))
}

/// `4.500,00`, `4.500.00`, `31.01.2026`: more than one mark in what should be a number.
fn numeral(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !(stop.expects_operator() || stop.expects_operand() || stop.expects(&[Rule::name])) {
        return None;
    }
    let (start, end) = around(stop, |c| c.is_ascii_digit() || ".,'’".contains(c));
    let written = stop.text[start..end].trim_end_matches(['.', ',', '\'', '’']);
    let place = Span { start: start as u32, end: (start + written.len()) as u32, ..span };
    if let Some(day) = pasted::day(written) {
        let help = format!("write `\"{day}T00:00:00Z\"`");
        return Some(answer(place, "a time stands in double quotes, with its offset from UTC", help));
    }
    // One mark alone is a fraction; commas are answered where a list is told from a number.
    let marks = written.chars().filter(|c| !c.is_ascii_digit()).count();
    let first = written.find(|c: char| !c.is_ascii_digit())?;
    if marks < 2 || written[first..].starts_with(',') {
        return None;
    }
    let number = pasted::number(written)?;
    Some(answer(place, "there is no mark between thousands", format!("write `{number}`")))
}

/// `kind == Überweisung`, `Währung == "EUR"`.
fn letters(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_letter = |c: char| c.is_alphanumeric() && !c.is_ascii();
    if !stop.found.starts_with(is_letter) {
        return None;
    }
    let (start, end) = around(stop, |c| c.is_alphanumeric() || c == '_');
    let word = &stop.text[start..end];
    let place = Span { start: start as u32, end: end as u32, ..span };
    let diagnostic =
        answer(place, "a bare name has only the letters a to z, digits and `_`", name_help(word));
    let before = stop.text[stop.start..start].trim_end();
    let is_value =
        ["==", "!=", "(", ","].iter().any(|mark| before.ends_with(mark)) || before.ends_with(" like");
    let text = format!("if it is a text, write `\"{word}\"`");
    Some(if is_value { answer(place, diagnostic.message, text).help(name_help(word)) } else { diagnostic })
}

/// `by "Name"`.
fn quoted_key(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let inner = stop.found.strip_prefix('"')?.strip_suffix('"').filter(|_| stop.previous == "by")?;
    let is_word = inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let help = match is_word {
        true => format!("write `by {inner}`"),
        false => format!("write the name that the stream gives to what it reads from `{inner}`: `by NAME`"),
    };
    Some(answer(span, "a field stands without quotes", help))
}

fn name_help(word: &str) -> String {
    format!(
        "write the name as the stream declares it; one with other letters stands in backquotes, `` `{word}` ``"
    )
}

/// What stands around the place, of such characters only.
fn around(stop: &Stop<'_>, is_part: impl Fn(char) -> bool) -> (usize, usize) {
    let before = stop.text[stop.start..stop.at].chars().rev().take_while(|c| is_part(*c));
    let start = stop.at - before.map(char::len_utf8).sum::<usize>();
    let after = stop.text[stop.at..stop.end].chars().take_while(|c| is_part(*c));
    (start, stop.at + after.map(char::len_utf8).sum::<usize>())
}
