//! Conditions: what is not finished, and numbers, times, texts and operators of other languages.

use super::{is_word, unit};
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::{answer, first_word};
use crate::lang::parse::grammar::Rule;
use crate::lang::words::RESERVED;

/// What needs something behind it.
const JOINS: [&str; 23] = [
    "and", "or", "not", "where", "having", "until", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/",
    "%", "??", "in", "between", "like", "matches", "=",
];

/// What cannot begin a value: the next part of a pattern.
const PARTS: [&str; 15] = [
    "then", "next", "within", "having", "until", "gap", "for", "where", "emit", "tally", "skip", "limit",
    "keep", "on", "and",
];

/// Words that compare elsewhere, and the operator that does so here.
const COMPARISONS: [(&[&str], &str); 6] = [
    (&["equals", "equal", "eq"], "=="),
    (&["ne", "isnt", "differs"], "!="),
    (&["greater", "gt", "above", "over", "exceeds", "more", "larger", "bigger"], ">"),
    (&["less", "lt", "below", "under", "smaller", "fewer"], "<"),
    (&["gte", "ge"], ">="),
    (&["lte", "le"], "<="),
];

/// Characters that compare elsewhere.
const CHARACTERS: [(&str, &str); 8] = [
    ("≥", "write `>=`"),
    ("≤", "write `<=`"),
    ("≠", "write `!=`"),
    ("×", "write `*`"),
    ("÷", "write `/`"),
    ("∧", "write `and`"),
    ("∨", "write `or`"),
    ("~", "write `matches \"…\"` for a regular expression, `like \"A%\"` for a simple pattern"),
];

/// The diagnostic for a condition that is not one here.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    percent(stop, span)
        .or_else(|| unfinished(stop, span))
        .or_else(|| super::pasted::explain(stop, span))
        .or_else(|| time(stop, span))
        .or_else(|| money(stop, span))
        .or_else(|| number(stop, span))
        .or_else(|| quotes(stop, span))
        .or_else(|| large_word(stop, span))
        .or_else(|| list(stop, span))
        .or_else(|| distinct(stop, span))
        .or_else(|| prefixed(stop, span))
        .or_else(|| operator(stop, span))
        .or_else(|| bracket(stop, span))
}

/// The place of a piece of the text.
fn place(stop: &Stop<'_>, piece: &str, span: Span) -> Span {
    let start = piece.as_ptr() as usize - stop.text.as_ptr() as usize;
    Span { start: start as u32, end: (start + piece.len()) as u32, ..span }
}

/// `where amount < 5.00 or`, and the next part of the pattern; `where` and nothing.
fn unfinished(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(3);
    let rest = stop.text[stop.at + stop.found.len()..stop.end].trim_start();
    let compares = rest.starts_with(['=', '!', '<', '>']) || matches!(first_word(rest), "is" | "in" | "like");
    if compares && RESERVED.contains(&stop.found) {
        return None; // a field of that name, see `reserved`
    }
    let is_end = PARTS.contains(&stop.found) || matches!(stop.found, "}" | ")" | "" | ",");
    let (join, at_part) = match before.as_slice() {
        // A clause's word was read as the name of a field.
        [.., join, part] if PARTS.contains(part) && stop.expects_operator() && JOINS.contains(join) => {
            (join, *part)
        }
        [.., join] if is_end && JOINS.contains(join) && stop.expects_operand() => (join, stop.found),
        _ => return None,
    };
    let is_step_of_that_name =
        *join == "where" && is_word(stop.found) && !stop.expects_operand() && !stop.expects_operator();
    if is_step_of_that_name {
        return None;
    }
    let (message, help) = match *join {
        "where" | "having" | "until" => (
            format!("nothing stands behind `{join}`"),
            format!("write a condition behind it, such as `{join} amount > 5`, or take it away"),
        ),
        "and" | "or" | "not" => (
            format!("the condition is not complete: nothing stands behind `{join}`"),
            format!("write the next condition behind `{join}`, or take it away"),
        ),
        _ => (
            format!("the condition is not complete: nothing stands behind `{join}`"),
            "write a value behind it: a number, a text in double quotes, or a field".to_owned(),
        ),
    };
    let diagnostic = Diagnostic::error(Code::Syntax, place(stop, join, span), message);
    let next = if at_part == stop.found { span } else { place(stop, at_part, span) };
    Some(
        match at_part {
            "" => diagnostic.label("here it ends"),
            _ => diagnostic.label("something is missing behind it").also(next, "what comes next"),
        }
        .help(help),
    )
}

/// `5%`.
fn percent(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(3);
    let (number, sign) = match before.as_slice() {
        [.., number, sign @ "%", part] if PARTS.contains(part) && stop.expects_operator() => (number, sign),
        [.., number, sign @ "%"] if stop.expects_operand() => (number, sign),
        _ => return None,
    };
    let value: u64 = number.parse().ok()?;
    let share = format!("{}.{:02}", value / 100, value % 100);
    let diagnostic =
        Diagnostic::error(Code::Syntax, place(stop, sign, span), "`%` is the rest of a division");
    Some(
        diagnostic.label("not expected here").help(format!("write {value}% as `{share}`: `x > {share} * y`")),
    )
}

/// A date or a time of day as it is written without quotes: `2026-01-05T12:00:00Z`, `22:00`.
fn time(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !(stop.expects_operand() || stop.expects_operator()) {
        return None;
    }
    let is_part = |c: char| c.is_ascii_digit() || "-:.+TZtz".contains(c);
    let start = stop.text[..stop.at]
        .rfind(|c| !is_part(c))
        .map_or(0, |at| at + stop.text[at..].chars().next().map_or(1, char::len_utf8));
    let end = stop.text[stop.at..stop.end].find(|c| !is_part(c)).map_or(stop.end, |length| stop.at + length);
    let written = &stop.text[start..end];
    let numbers: Vec<&str> =
        written.split(['-', ':', 'T', 't', '.']).take_while(|part| !part.is_empty()).collect();
    let is_number = |part: &&str| part.chars().all(|c| c.is_ascii_digit());
    let date = |parts: &[&str]| parts.len() >= 3 && parts[0].len() == 4 && parts[..3].iter().all(is_number);
    let span = Span { start: start as u32, end: end as u32, ..span };
    if date(&numbers) {
        let clock = numbers.get(3..).unwrap_or(&[]);
        let clock = |at: usize| {
            clock.get(at).copied().filter(|part| part.len() == 2 && is_number(part)).unwrap_or("00")
        };
        let (year, month, day) = (numbers[0], numbers[1], numbers[2]);
        let help = format!("write `\"{year}-{month}-{day}T{}:{}:{}Z\"`", clock(0), clock(1), clock(2));
        return Some(answer(span, "a time stands in double quotes, with its offset from UTC", help));
    }
    let [hour, minute, ..] = numbers.as_slice() else { return None };
    if !written.contains(':') || !is_number(hour) || !is_number(minute) || hour.len() > 2 || minute.len() != 2
    {
        return None;
    }
    let hour = hour.trim_start_matches('0');
    let hour = if hour.is_empty() { "0" } else { hour };
    Some(
        answer(span, "there is no time of day as a value", format!("compare the hour: `hour(at) >= {hour}`"))
            .note("`hour(at, \"Europe/Paris\")` is that of a zone; `minute(at)` and `weekday(at)` are there, too"),
    )
}

/// `$5`, `5 €`, `5 USD`, `$a.amount`.
fn money(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_sign = matches!(stop.found, "$" | "€" | "£" | "¥" | "₹");
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let is_code = stop.found.len() == 3 && stop.found.chars().all(|c| c.is_ascii_uppercase());
    let is_code =
        is_code && is_number(stop.previous) && !RESERVED.contains(&stop.found.to_ascii_lowercase().as_str());
    if is_sign && stop.expects_operand() {
        let rest = stop.text[stop.at + stop.found.len()..stop.end].trim_start();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == ',';
        let value = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let value = value.trim_end_matches(['.', ',']).replace(',', "");
        let message = match is_number(&value) {
            true => "a number has no sign of a currency",
            false => "a name has no sign before it",
        };
        return (!value.is_empty()).then(|| answer(span, message, format!("write `{value}`")));
    }
    if (is_sign || is_code) && stop.expects_operator() && is_number(stop.previous) {
        let message = "a number has no sign of a currency";
        return Some(answer(span, message, format!("take `{}` away", stop.found)));
    }
    None
}

/// `.5`, `5.`, `+5`, `1 000`, `1'000`.
fn number(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let rest = &stop.text[stop.at + stop.found.len()..stop.end];
    let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let before = stop.tokens_before(3);
    match (before.as_slice(), stop.found) {
        (_, ".") if stop.expects_operand() && !digits.is_empty() => {
            Some(answer(span, "a number begins with a digit", format!("write `0.{digits}`")))
        }
        (_, "+") if stop.expects_operand() && !digits.is_empty() => {
            Some(answer(span, "a number has no plus sign before it", format!("write `{digits}`")))
        }
        ([.., number, dot @ "."], _) if is_digits(number) && stop.expects(&[Rule::name]) => {
            let place = place(stop, dot, span);
            Some(answer(
                place,
                "a number does not end with its point",
                format!("write `{number}`, or `{number}.0`"),
            ))
        }
        ([.., number, dot @ ".", part], _) if is_digits(number) && PARTS.contains(part) => {
            let place = place(stop, dot, span);
            Some(answer(
                place,
                "a number does not end with its point",
                format!("write `{number}`, or `{number}.0`"),
            ))
        }
        ([.., number], "'") if is_digits(number) && digits.len() == 3 && stop.expects_operator() => {
            Some(answer(span, "there is no mark between thousands", format!("write `{number}{digits}`")))
        }
        ([.., number], found)
            if is_digits(number) && is_digits(found) && found.len() == 3 && stop.expects_operator() =>
        {
            Some(answer(span, "there is no blank between thousands", format!("write `{number}{found}`")))
        }
        ([.., number], "e" | "k" | "K" | "M") if is_digits(number) && stop.expects_operator() => {
            Some(answer(span, "a number is written with all its digits", format!("write `{number}000`")))
        }
        _ => None,
    }
}

/// `'text'`, `'100'`, `“text”`.
fn quotes(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if let Some(diagnostic) = super::heads::curly(stop, span) {
        return Some(diagnostic);
    }
    if stop.found != "'" || !stop.expects_operand() {
        return None;
    }
    let line = stop.text[stop.at + 1..stop.end].lines().next().unwrap_or("");
    let (inner, _) = line.split_once('\'')?;
    let is_number = inner.parse::<f64>().is_ok();
    let compares = matches!(stop.previous, ">" | "<" | ">=" | "<=");
    let help = match is_number {
        true if compares => format!("a number stands without quotes: write `{inner}`"),
        true => format!("write `{inner}` for a number, `\"{inner}\"` for a text"),
        false => format!("write `\"{inner}\"`"),
    };
    Some(answer(span, "a text stands in double quotes", help))
}

/// `NOT amount > 5`: the word was read as a field.
fn large_word(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let lower = stop.previous.to_ascii_lowercase();
    let is_large = lower != stop.previous && RESERVED.contains(&lower.as_str());
    if !is_large || !stop.expects_operator() || !(is_word(stop.found) || stop.found == "(") {
        return None;
    }
    let place = place(stop, stop.previous, span);
    let diagnostic = Diagnostic::error(Code::Syntax, place, "keywords are written in small letters");
    Some(diagnostic.label("was read as the name of a field").help(format!("write `{lower}`")))
}

/// `in ["a", "b"]`, `in "a", "b"`.
fn list(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(2);
    let (opens, rest) = match (before.as_slice(), stop.found) {
        ([.., "in"], "[" | "{") => (true, &stop.text[stop.at + 1..stop.end]),
        (["in", value], ",") if !is_word(value) => {
            let start = place(stop, value, span).start as usize;
            (false, &stop.text[start..stop.end])
        }
        _ => return None,
    };
    let line = rest.lines().next().unwrap_or("");
    let inner = if opens { line.split([']', '}']).next().unwrap_or("") } else { line };
    let help = format!("write `in ({})`", inner.trim().replace('\'', "\""));
    Some(answer(span, "a list stands in round brackets", help))
}

/// `f"card {card}"`.
fn prefixed(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_prefix = stop.previous.len() == 1 && stop.text[..stop.at].ends_with(stop.previous);
    if !stop.found.starts_with('"') || !is_prefix || !is_word(stop.previous) {
        return None;
    }
    let help = format!(
        "take `{}` away: in `emit` every text may have `{{…}}` with an expression inside",
        stop.previous
    );
    Some(answer(
        place(stop, stop.previous, span),
        "a text has no letter before it but `r`, for a raw one",
        help,
    ))
}

/// `count(distinct a.f)`, `distinct a.f`.
fn distinct(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_distinct =
        stop.previous.eq_ignore_ascii_case("distinct") || stop.previous.eq_ignore_ascii_case("unique");
    if !is_distinct || !is_word(stop.found) || !stop.expects_operator() {
        return None;
    }
    let rest = &stop.text[stop.at..stop.end];
    let path = &rest
        [..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len())];
    let path = if path.contains('.') { path.to_owned() } else { format!("a.{path}") };
    Some(
        answer(
            span,
            "how many different values there are is a function of its own",
            format!("write `distinct({path})`"),
        )
        .note("it counts the different values of a field in the events that a loop took"),
    )
}

/// `kind contains "a"`, `amount greater than 5`, `amount ≥ 5`, `amount not > 5`, `is not "a"`.
fn operator(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let rest = stop.text[stop.at + stop.found.len()..stop.end].trim_start();
    let not_of_language = || format!("`{}` is not part of the language", stop.found);
    if let [.., "is", "not"] = stop.tokens_before(2).as_slice()
        && stop.expects(&[Rule::null])
    {
        return Some(answer(span, "`is not` only asks for null", "write `!=` to compare, or `is not null`"));
    }
    if !(stop.expects_operator() || stop.expects_operand()) {
        return None;
    }
    if let Some((_, help)) = CHARACTERS.iter().find(|(character, _)| *character == stop.found) {
        return Some(answer(span, not_of_language(), *help));
    }
    if stop.previous == "not" && matches!(stop.found, "=" | "<" | ">" | "!") {
        return Some(answer(
            span,
            "`not` stands before the whole comparison",
            "write `not x > 5`, or turn the operator round",
        ));
    }
    match stop.found {
        "^" => {
            return Some(answer(span, not_of_language(), "write `x * x` for a square, `sqrt(x)` for a root"));
        }
        "*" if stop.previous == "*" => {
            return Some(answer(
                span,
                "there are no powers",
                "write `x * x` for a square, `sqrt(x)` for a root",
            ));
        }
        "?" if stop.expects_operator() => {
            return Some(answer(span, "a choice of two values has words", "write `if c then x else y`"));
        }
        "=" if rest.starts_with('~') => {
            return Some(answer(span, "`=~` is not part of the language", "write `matches \"…\"`"));
        }
        _ => {}
    }
    let is_keyword = RESERVED.contains(&stop.found.to_ascii_lowercase().as_str());
    if !stop.expects_operator() || !is_word(stop.found) || is_keyword || stop.starts_line() {
        return None;
    }
    let left = left_of(stop);
    let right = rest.split([' ', ')', '\n']).next().unwrap_or("").replace('\'', "\"");
    let help = match stop.found.to_ascii_lowercase().as_str() {
        "contains" | "has" | "includes" => format!("write `contains({left}, {right})`"),
        "startswith" | "starts_with" | "starts" | "begins" => {
            format!("write `starts_with({left}, {})`", last_word(rest))
        }
        "endswith" | "ends_with" | "ends" => format!("write `ends_with({left}, {})`", last_word(rest)),
        "ilike" => format!("write `lower({left}) like {right}`"),
        "regex" | "regexp" | "rlike" | "similar" | "match" => format!("write `{left} matches {right}`"),
        "mod" => format!("write `{left} % {right}`"),
        "isnull" | "exists" => format!("write `{left} is null`, or `{left} is not null`"),
        "ago" => "compare with another event: `at - a.at < 10m`".to_owned(),
        word => {
            let (_, operator) = COMPARISONS.iter().find(|(words, _)| words.contains(&word))?;
            format!("write `{left} {operator} {}`", last_word(rest))
        }
    };
    Some(answer(span, not_of_language(), help))
}

/// The value directly before the place.
fn left_of<'t>(stop: &Stop<'t>) -> &'t str {
    let before = stop.text[..stop.at].trim_end();
    let is_part = |c: char| c.is_alphanumeric() || "_.`".contains(c);
    let start = before
        .rfind(|c| !is_part(c))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    if start == before.len() { "x" } else { &before[start..] }
}

/// The value behind words such as `than` and `with`.
fn last_word(rest: &str) -> String {
    let line = rest.lines().next().unwrap_or("");
    let mut words = line.split_whitespace().skip_while(|word| matches!(*word, "than" | "to" | "with" | "by"));
    words.next().unwrap_or("5").trim_end_matches(')').replace('\'', "\"")
}

/// `amount > 5)`.
fn bracket(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let opened = stop.opened().map_or("", |open| &stop.text[open..open + 1]);
    let is_more = match stop.found {
        ")" => opened != "(",
        "]" => opened != "[",
        _ => false,
    };
    if !is_more || !stop.expects_operator() {
        return None;
    }
    Some(answer(
        span,
        format!("this `{}` closes nothing", stop.found),
        "take it away, or write the bracket that it closes before the condition",
    ))
}

/// What a duration should have been: `within "10m"`, `within ten minutes`, `within 1 month`, `within 10m30`.
pub(super) fn duration(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !stop.expects(&[Rule::duration]) || stop.expects_operator() {
        return None;
    }
    let rest = &stop.text[stop.at..stop.end];
    let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    if rest[digits.len()..].starts_with('.') {
        return None;
    }
    let word = first_word(rest[digits.len()..].trim_start());
    let message = "a duration is a number and its unit in one word";
    if let Some(inner) = stop.found.strip_prefix('"').and_then(|found| found.strip_suffix('"')) {
        let inner: String = inner.split_whitespace().collect();
        let inner = super::as_duration(&inner).unwrap_or(inner);
        return Some(answer(span, "a duration stands without quotes", format!("write `{inner}`")));
    }
    if digits.is_empty() {
        let next = first_word(stop.text[stop.at + stop.found.len()..stop.end].trim_start());
        let help = match unit(next).or_else(|| unit(stop.found)) {
            Some(one) if matches!(stop.found, "one" | "a" | "an") || unit(stop.found).is_some() => {
                format!("write `1{one}`")
            }
            Some(unit) => format!("write the number in digits: `10{unit}`"),
            None => return None,
        };
        return Some(answer(span, message, help));
    }
    let lower = word.to_ascii_lowercase();
    let number: u64 = digits.parse().ok()?;
    let help = match lower.as_str() {
        "s" | "m" | "h" | "d" | "w" if stop.found == digits => format!("write `{digits}{lower}`"),
        "month" | "months" | "mo" => {
            format!("a month has no fixed length: write `{}d`", number.saturating_mul(30))
        }
        "year" | "years" | "y" => {
            format!("a year has no fixed length: write `{}d`", number.saturating_mul(365))
        }
        _ if stop.found == digits && (word.is_empty() || unit(word).is_none()) => {
            format!("write its unit: `{digits}s`, `{digits}m` for minutes, `{digits}h`, `{digits}d`")
        }
        _ if stop.found.ends_with(|c: char| c.is_ascii_digit()) && stop.found != digits => {
            format!("write the unit of the last number: `{}s`", stop.found)
        }
        _ => return None,
    };
    Some(answer(span, message, help))
}
