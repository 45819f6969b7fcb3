//! How often: quantifiers, and the numbers that people put elsewhere.

use super::is_word;
use crate::diag::{Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::{answer, first_word, in_body};
use crate::lang::parse::grammar::Rule;

/// The diagnostic for a count that is not written as one.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    inside(stop, span)
        .or_else(|| before_the_name(stop, span))
        .or_else(|| at_least(stop, span))
        .or_else(|| behind_the_name(stop, span))
}

/// `a{,3}`, `a{6+}`, `a{3 to 5}`.
fn inside(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let begins = stop.expects(&[Rule::integer]);
    let goes_on = stop.expects(&[Rule::r_brace]) && stop.expects(&[Rule::comma]);
    let open = stop.opened().filter(|open| stop.text[*open..].starts_with('{'))?;
    let is_count = |c: char| c.is_ascii_digit() || c == ',' || c.is_whitespace();
    let is_quantifier = (begins || goes_on || stop.expects(&[Rule::r_brace]))
        && stop.text[open + 1..stop.at].chars().all(is_count)
        && !stop.expects(&[Rule::entry, Rule::name]);
    if !is_quantifier {
        return None;
    }
    let line = stop.text[open + 1..stop.end].lines().next().unwrap_or("");
    let Some((inner, _)) = line.split_once('}').filter(|(inner, _)| !inner.contains("where")) else {
        let count = line.trim_end_matches(|c: char| !c.is_ascii_digit() && c != ',');
        let count = &count[..count.find(|c: char| c.is_alphabetic()).unwrap_or(count.len())];
        let help = match count.trim() {
            "" => "write `{3}`, or `{3,}` for three or more".to_owned(),
            count => format!("write `{{{count}}}`"),
        };
        return Some(answer(span, "the quantifier before this is never closed", help));
    };
    let inner = inner.trim();
    let numbers: Vec<u32> =
        inner.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    let says = |words: &[&str]| words.iter().any(|word| inner.contains(word));
    let help = match numbers.as_slice() {
        [most] if inner.starts_with(',') || says(&["<=", "at most", "up to", "max"]) => {
            format!("write `{{1,{most}}}` for one to {most}, `{{0,{most}}}` where there may be none")
        }
        [most] if inner.starts_with('<') => {
            let most = most.saturating_sub(1).max(1);
            format!("write `{{1,{most}}}` for one to {most}, `{{0,{most}}}` where there may be none")
        }
        [least] if inner.starts_with('>') && !inner.starts_with(">=") => {
            format!("write `{{{},}}`", least.saturating_add(1))
        }
        [least] => format!("write `{{{least},}}` for {least} or more, `{{{least}}}` for just {least}"),
        [least, most] => format!("write `{{{least},{most}}}`"),
        _ => "write numbers: `{3}`, `{3,}` for three or more, `{3,5}` for three to five".to_owned(),
    };
    Some(answer(span, "this is no quantifier", help))
}

/// `match 3 probe`, `then 3x probe`.
fn before_the_name(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let (number, rest) = match stop.found.trim_end_matches(['x', 'X']) {
        number if number != stop.found && is_number(number) && stop.expects(&[Rule::step, Rule::name]) => {
            (number, &stop.text[stop.at + stop.found.len()..stop.end])
        }
        _ if is_number(stop.previous) && stop.expects(&[Rule::kw_of]) => {
            (stop.previous, &stop.text[stop.at..stop.end])
        }
        _ => return None,
    };
    let name = match first_word(rest.trim_start()) {
        "times" | "x" | "or" | "" | "of" => "a",
        name => name,
    };
    let help = format!("write `{name}{{{number}}}`, or `{name}{{{number},}}` for {number} or more");
    Some(answer(span, "how often a step is taken stands behind its name", help))
}

/// `match at least 3 probe`, `at least 2 of (…)`.
fn at_least(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let word = match (stop.previous, stop.found) {
        ("at", "least") => "least",
        ("at", "most") | ("up", "to") => "most",
        ("exactly", _) => "exactly",
        _ => return None,
    };
    if !in_body(stop) || stop.expects_operator() {
        return None;
    }
    let skip = if word == "exactly" { 0 } else { 1 };
    let mut words = stop.text[stop.at..stop.end].split_whitespace().skip(skip);
    let number = words.next().filter(|word| word.chars().all(|c| c.is_ascii_digit()))?;
    let name = first_word(words.next().unwrap_or(""));
    let help = match (word, name) {
        (_, "of") => format!("write `{number} of ( a …, b … )`"),
        ("least", name) => format!("write `{}{{{number},}}`", named(name)),
        ("most", name) => format!("write `{}{{1,{number}}}`", named(name)),
        (_, name) => format!("write `{}{{{number}}}`", named(name)),
    };
    Some(answer(span, "how often a step is taken is a quantifier behind its name", help))
}

fn named(name: &str) -> &str {
    if name.is_empty() { "a" } else { name }
}

/// `probe 3`, `probe x3`, `probe(3)`, `probe[3]`, `probe*3`.
fn behind_the_name(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !in_body(stop) || stop.expects_operator() {
        return None;
    }
    let rest = stop.text[stop.at..stop.end].trim_start_matches(['(', '[', '<', 'x', 'X', '*', '×', ' ']);
    let number = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let behind = rest[number.len()..].chars().next();
    let is_alone = behind.is_none_or(|c| c.is_whitespace() || ")]>+".contains(c));
    if number.is_empty() || !is_alone || rest[number.len()..].trim_start().starts_with(':') {
        return None;
    }
    let before = stop.tokens_before(2);
    let name = match before.as_slice() {
        [name, "*" | "+" | "?"] | [.., name] if is_word(name) => name,
        _ => return None,
    };
    let help = format!("write `{name}{{{number}}}`, or `{name}{{{number},}}` for {number} or more");
    Some(answer(span, "how often a step is taken stands in braces", help))
}
