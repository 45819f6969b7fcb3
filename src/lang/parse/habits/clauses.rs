//! The frame of a pattern: `on`, `match`, steps and clauses that stand elsewhere, or have other words.

use super::{is_word, unit};
use crate::diag::{Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::{answer, first_word, in_body};
use crate::lang::parse::grammar::Rule;

/// Words that begin the lines of other languages' rules, and what to write.
const LINES: [(&[&str], &str); 4] = [
    (
        &[
            "return", "output", "raise", "fire", "report", "send", "notify", "print", "action", "alert",
            "yield",
        ],
        "write `emit NAME { field: value }` after the steps",
    ),
    (&["without", "no", "absent", "unless", "except", "never"], "write `then not b where …`"),
    (&["if", "filter", "condition", "assert"], "write the condition behind its step: `match a where …`"),
    (&["window", "during", "timeframe", "before"], "write `within 10m` after the steps"),
];

/// The diagnostic for a part of a pattern that stands elsewhere.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    emit(stop, span)
        .or_else(|| limit(stop, span))
        .or_else(|| colon(stop, span))
        .or_else(|| key(stop, span))
        .or_else(|| first_step(stop, span))
        .or_else(|| between_steps(stop, span))
        .or_else(|| choice(stop, span))
        .or_else(|| second_match(stop, span))
        .or_else(|| absence(stop, span))
        .or_else(|| after_window(stop, span))
        .or_else(|| event_time(stop, span))
        .or_else(|| field_name(stop, span))
        .or_else(|| line(stop, span))
}

/// `emit { … }`, `emit alert`, `emit alert(…)`, `emit alert { "card": … }`.
fn emit(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(2);
    if let ["emit" | "tally"] | [_, "emit" | "tally"] = before.as_slice()
        && stop.found == "{"
        && stop.expects(&[Rule::name])
    {
        let word = stop.previous;
        return Some(answer(
            span,
            format!("`{word}` says the stream that its records go to"),
            format!("write `{word} alert {{`"),
        ));
    }
    if let ["emit" | "tally", name] = before.as_slice()
        && stop.expects(&[Rule::l_brace, Rule::record])
    {
        let help = format!("write `{} {name} {{ field: value }}`", before[0]);
        return Some(answer(span, "the fields of a record stand in braces", help));
    }
    let in_record = stop.expects(&[Rule::entry]) && stop.expects(&[Rule::r_brace]);
    match stop.found {
        "*" if in_record => {
            Some(answer(span, "every field of a record is named", "write `card: card, amount: a.amount`"))
        }
        found if in_record && found.len() > 2 && found.starts_with(['"', '\'']) => {
            let name = found.trim_matches(['"', '\'']);
            let is_plain = is_word(name);
            let name = if is_plain { name.to_owned() } else { format!("`{name}`") };
            Some(answer(span, "the name of a field stands without quotes", format!("write `{name}: …`")))
        }
        _ => None,
    }
}

/// `limit 1`, `limit 1 per hour`, `limit to 1`.
fn limit(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(3);
    let (count, time) = match before.as_slice() {
        [.., "limit"] if stop.expects(&[Rule::integer]) => ("1", "1h"),
        [.., "limit", count] if stop.expects(&[Rule::kw_per]) => (*count, word_time(stop)),
        ["limit", count, "per"] if stop.expects(&[Rule::duration]) && !starts_number(stop.found) => {
            (*count, one(stop.found))
        }
        _ => return None,
    };
    Some(
        answer(
            span,
            "`limit` says how many records in how long",
            format!("write `limit {count} per {time}`"),
        )
        .note("it holds for each key; the time is event time"),
    )
}

fn starts_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The time that `limit 1 / 1h`, `limit 1 every day` mean.
fn word_time<'t>(stop: &Stop<'t>) -> &'t str {
    let line = stop.text[stop.at..stop.end].lines().next().unwrap_or("");
    let is_part = |c: char| !c.is_ascii_alphanumeric();
    let words: Vec<&str> = line.split(is_part).filter(|word| !word.is_empty()).collect();
    if stop.starts_line() {
        return "1h";
    }
    let written =
        words.iter().find(|word| starts_number(word) && !word.ends_with(|c: char| c.is_ascii_digit()));
    written
        .copied()
        .unwrap_or_else(|| words.iter().map(|word| one(word)).find(|time| *time != "1h").unwrap_or("1h"))
}

/// One of a unit.
fn one(word: &str) -> &'static str {
    match unit(word) {
        Some("s") => "1s",
        Some("m") => "1m",
        Some("d") => "1d",
        Some("w") => "1w",
        _ => "1h",
    }
}

/// `on: s`, `match: a`.
fn colon(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_word = matches!(
        stop.previous,
        "on" | "by" | "match" | "then" | "next" | "where" | "within" | "having" | "emit" | "given" | "expect"
    );
    if stop.found != ":" || !is_word {
        return None;
    }
    Some(answer(span, format!("no `:` stands behind `{}`", stop.previous), "take it away"))
}

/// `on s per card`, `by card and kind`, `on s, by card`.
fn key(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !stop.expects(&[Rule::first_line, Rule::match_word]) || stop.starts_line() {
        return None;
    }
    let before = stop.tokens_before(3);
    if let [_, ",", "by"] = before.as_slice() {
        let help = format!("take the comma before `by` away: `by {}`", stop.found);
        return Some(answer(span, "`by` was read as the name of a stream", help));
    }
    match stop.found {
        "and" | "&" | "+" => {
            Some(answer(span, "the parts of a key are separated by commas", "write `by card, merchant`"))
        }
        "per" | "for" | "keyed" | "key" | "keyBy" | "partitioned" | "grouped" => {
            let words = stop.text[stop.at..stop.end].lines().next().unwrap_or("").split_whitespace();
            let skipped = [
                "per",
                "for",
                "each",
                "every",
                "keyed",
                "key",
                "keyBy",
                "partitioned",
                "grouped",
                "by",
                "the",
            ];
            let key = words.map(|word| word.trim_matches(['(', ')'])).find(|word| !skipped.contains(word));
            let key = key.filter(|key| is_word(key)).unwrap_or("KEY");
            Some(answer(span, "the key of a pattern follows `by`", format!("write `by {key}`")))
        }
        _ => None,
    }
}

/// `a where …` and `where …` in the place of `match`; `match a` before `on`.
fn first_step(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.previous == "on" && stop.expects(&[Rule::kw_timeout]) && is_word(stop.found) {
        return Some(answer(
            span,
            "`on` and its stream stand before `match`",
            "put the line above `match`; `on timeout emit` alone stands behind the steps",
        ));
    }
    if !stop.expects(&[Rule::first_line, Rule::match_word]) || !stop.starts_line() || !is_word(stop.found) {
        return None;
    }
    let rest = stop.text[stop.at + stop.found.len()..stop.end].trim_start();
    let next = first_word(rest);
    match stop.found {
        "where" | "if" => {
            Some(answer(span, "a condition belongs to a step", "write a step before it: `match a where …`"))
        }
        "when" | "find" | "detect" | "start" | "first" | "begin" if is_word(next) && next != "by" => {
            let help = if next == "where" {
                "write `match a where …`"
            } else {
                "write `match` for the first step"
            };
            Some(answer(span, format!("`{}` is not part of the language", stop.found), help))
        }
        found if next == "where" || rest.starts_with('{') => {
            Some(answer(span, "the first step has no word before it", format!("write `match {found}`")))
        }
        _ => None,
    }
}

/// `and b where …` as a step; `match a or b`, `(a | b)`.
fn between_steps(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !in_body(stop) {
        return None;
    }
    let before = stop.tokens_before(2);
    let word = match (before.as_slice(), stop.found) {
        ([word @ ("and" | "or"), name], "where" | "{" | ":") if is_word(name) => word,
        (_, word @ ("and" | "or" | "|" | "||" | "&" | "&&"))
            if !stop.expects_operator() && !stop.is_past_steps() =>
        {
            word
        }
        _ => return None,
    };
    let (message, help) = match word {
        "or" | "|" | "||" => {
            ("steps are not joined by `or`", "write `one of ( a where …, b where … )` for either of two")
        }
        _ => (
            "steps are not joined by `and`",
            "write `then b where …` for a later event, `each of ( a where …, b where … )` for both in any order",
        ),
    };
    Some(answer(span, message, help))
}

/// `any of (…)`, `all of (…)`, `either (…)`.
fn choice(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_of = stop.found == "of" || (stop.found == "(" && stop.previous == "of");
    let before = stop.tokens_before(2);
    let kind = match before.as_slice() {
        [.., "any" | "either" | "some"] if is_of => "one",
        [.., "all" | "both" | "every"] if is_of => "each",
        [kind, "of"] if is_of => match *kind {
            "any" | "either" | "some" => "one",
            "all" | "both" | "every" => "each",
            _ => return None,
        },
        [.., "either"] if stop.found == "(" => "one",
        [.., "both"] if stop.found == "(" => "each",
        _ => return None,
    };
    let help = match kind {
        "one" => "write `one of ( a …, b … )`",
        _ => "write `each of ( a …, b … )`",
    };
    Some(
        answer(span, "a choice has other words", help)
            .note("`one of` takes one event, of any branch; `each of` one for every branch, in any order; `2 of` two of them"),
    )
}

/// `match a …` and `match b …`.
fn second_match(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "match" || !stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]) {
        return None;
    }
    Some(answer(
        span,
        "a pattern has one `match`, for its first step",
        "write `then` for a later event, `next` for the very next one",
    ))
}

/// `not b where …` without its word.
fn absence(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let among_steps = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    if stop.found != "not" || !among_steps || !stop.starts_line() {
        return None;
    }
    let name = first_word(stop.text[stop.at + 3..stop.end].trim_start());
    let help = format!("write `then not {name}`, or `next not {name}` for the very next event");
    Some(answer(span, "an absence has the word of a step before it", help))
}

/// `within 10m where …`, `within 10m and …`.
fn after_window(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !matches!(stop.found, "where" | "and" | "or") || !stop.is_past_steps() || stop.expects_operator() {
        return None;
    }
    let rest = stop.text[stop.at + stop.found.len()..stop.end].lines().next().unwrap_or("").trim();
    let having = if rest.is_empty() { "…" } else { rest };
    Some(
        answer(
            span,
            "no condition follows a clause of the whole pattern",
            format!("for a condition on the whole match write `having {having}`"),
        )
        .help("for one on a step put `where` behind the step: `match a where …`, before `within`"),
    )
}

/// `event time at disorder 5s`: the word is read as the name of the next field.
fn event_time(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_word = matches!(stop.previous, "disorder" | "idle");
    if !is_word || !stop.expects(&[Rule::type_name, Rule::name]) || !starts_number(stop.found) {
        return None;
    }
    let help = format!("write a comma before it: `event time at, {} {}`", stop.previous, stop.found);
    Some(answer(span, format!("`{}` was read as the name of a field", stop.previous), help))
}

/// `card-number string` in a stream.
fn field_name(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !matches!(stop.found, "-" | "." | " ") || !stop.expects(&[Rule::type_name]) || !is_word(stop.previous)
    {
        return None;
    }
    let rest = &stop.text[stop.at..stop.end];
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let written = format!("{}{}", stop.previous, &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]);
    let name = written.replace(['-', '.'], "_");
    Some(answer(
        span,
        "a name has letters, digits and `_`",
        format!("write `{name}`, and behind its type `from \"{written}\"`"),
    ))
}

/// `return alert`, `without b`.
fn line(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let among_steps = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    if !(among_steps || stop.is_past_steps()) || !stop.starts_line() {
        return None;
    }
    let lower = stop.found.to_ascii_lowercase();
    let (_, help) = LINES.iter().find(|(words, _)| words.contains(&lower.as_str()))?;
    Some(answer(span, format!("neither a step nor a clause starts with `{}`", stop.found), *help))
}
