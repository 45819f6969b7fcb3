//! What people bring from other languages, and what it is called here.
//!
//! Each function knows one mistake, and answers it or passes it on. Those that belong together have a file: the heads of
//! items, tests, counts, clauses, and what stands in conditions.

mod clauses;
mod counts;
pub(super) mod heads;
mod pasted;
mod scripts;
mod values;

use super::errors::Stop;
use super::foreign;
use super::grammar::Rule;
use super::words;
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::words::{RESERVED, STEP_WORDS};

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
const WORDS: [(&str, &str); 16] = [
    ("followed", "write `then` for a later event, `next` for the very next one"),
    ("followedby", "write `then` for a later event, `next` for the very next one"),
    ("partition", "write `on STREAM by KEY`"),
    ("group", "write the key behind the streams: `on STREAM by KEY`"),
    ("select", "write `emit NAME { field: value }` after the steps"),
    ("from", "write `on STREAM by KEY` before `match`"),
    ("when", "write `where` before the condition"),
    ("seq", "write one step on a line: `match a`, `then b`"),
    ("every", "leave it out: a pattern looks for every occurrence"),
    ("define", "write the condition of a step behind its name: `match a where amount < 5.00`"),
    ("measures", "write `emit NAME { field: value }` after the steps"),
    ("pattern", "write a step on a line: `match a{3,}`, then `next b`; a condition follows `where`"),
    ("after", "write `skip past last`, `skip to next`, `skip to first a` or `skip none` after the steps"),
    ("one", "leave it out: a match is one record"),
    ("order", "leave it out: events come in the order of their event time"),
    ("insert", "write `emit NAME { field: value }` after the steps"),
];

/// Keywords that are often written in capitals.
const OTHERS: [&str; 15] = [
    "match", "on", "by", "emit", "tally", "any", "skip", "limit", "keep", "greedy", "lazy", "strict",
    "longest", "all", "meta",
];

/// What units of time are called, and how they are written.
const UNITS: [(&str, &str); 9] = [
    ("milli", "ms"),
    ("ms", "ms"),
    ("micro", "us"),
    ("sec", "s"),
    ("min", "m"),
    ("hour", "h"),
    ("hr", "h"),
    ("day", "d"),
    ("week", "w"),
];

/// The diagnostic for a mistake that is known.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    heads::explain(stop, span)
        .or_else(|| scripts::explain(stop, span))
        .or_else(|| counts::explain(stop, span))
        .or_else(|| values::explain(stop, span))
        .or_else(|| clauses::explain(stop, span))
        .or_else(|| foreign::explain(stop, span))
        .or_else(|| values::duration(stop, span))
        .or_else(|| duration(stop, span))
        .or_else(|| mark(stop, span))
        .or_else(|| capitals(stop, span))
        .or_else(|| second_quantifier(stop, span))
        .or_else(|| cell(stop, span))
        .or_else(|| field(stop, span))
        .or_else(|| missing_comma(stop, span))
        .or_else(|| operand(stop, span))
        .or_else(|| assigned(stop, span))
        .or_else(|| second_key(stop, span))
        .or_else(|| step_after_clause(stop, span))
        .or_else(|| body(stop, span))
        .or_else(|| part_out_of_order(stop, span))
        .or_else(|| incomplete(stop, span))
        .or_else(|| reserved(stop, span))
        .or_else(|| word(stop, span))
        .or_else(|| misspelt(stop, span))
        .or_else(|| stray(stop, span))
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

/// A duration as it was meant: `10m` for `10min`.
pub(super) fn as_duration(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let word = &text[digits..];
    let unit = unit(word).filter(|_| word.chars().all(|c| c.is_ascii_alphabetic()))?;
    Some(format!("{}{unit}", &text[..digits]))
}

/// `5000` for `5k`.
pub(super) fn in_thousands(text: &str) -> Option<String> {
    let digits = text.strip_suffix(['k', 'K'])?;
    digits.chars().all(|c| c.is_ascii_digit()).then(|| format!("{digits}000"))
}

/// How the unit is written here.
pub(super) fn unit(word: &str) -> Option<&'static str> {
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
    let mut help = format!("write `{}`", small(&stop.text[stop.at..stop.end]));
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

/// The keywords at the start of a text in small letters: `is not null` for `IS NOT NULL x`.
fn small(text: &str) -> String {
    let is_known = |word: &String| RESERVED.contains(&word.as_str()) || OTHERS.contains(&word.as_str());
    let is_large = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<String> = (text.split_whitespace().enumerate())
        .take_while(|(at, word)| *at == 0 || is_large(word))
        .map(|(_, word)| first_word(word).to_ascii_lowercase())
        .take_while(is_known)
        .collect();
    words.join(" ")
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len())]
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

/// `match a within 5m then b`, `match a within 5m where x`.
fn step_after_clause(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_step = matches!(stop.found, "then" | "next");
    let is_part = matches!(stop.found, "where" | "until" | "gap");
    let past_steps =
        stop.expected.iter().any(|rule| super::words::is_clause(*rule)) || stop.expects(&[Rule::r_paren]);
    let steps_too = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    let steps_too = steps_too || stop.expects_operand() || stop.expects_operator();
    if !(is_step || is_part) || !past_steps || steps_too {
        return None;
    }
    let (message, label) = match is_step {
        true => ("a step after a clause of the whole pattern", "no step can stand here"),
        false => ("a part of a step after a clause of the whole pattern", "no step is left to belong to"),
    };
    Some(
        Diagnostic::error(Code::Syntax, span, message)
            .label(label)
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
        "within" | "having" | "skip" | "limit" | "keep" | "emit" | "tally"
            if stop.expects(&[Rule::first_line, Rule::match_word]) =>
        {
            ("the steps come first", "write `match` and its steps before the clauses")
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
    let digits = stop.text[stop.at..stop.end].strip_prefix('{').map(str::trim_start);
    let counts = digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let repeats = matches!(stop.found, "+" | "*" | "?") && !stop.expects_operator();
    if (counts || repeats) && in_body {
        let diagnostic = Diagnostic::error(Code::Syntax, span, "a quantifier cannot stand here");
        return Some(
            diagnostic
                .label("not expected here")
                .help("write it directly behind the step's name: `a{3} where …`"),
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

/// `card string required`: the third word is taken for the next field, and the parser stops further down.
fn field(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let item = &stop.text[stop.start..stop.end];
    if !["stream", "table"].contains(&item_word(item)) {
        return None;
    }
    let stops_at = stop.at - stop.start;
    let mut line_start = 0;
    for line in item.split_inclusive('\n').take_while(|line| {
        let starts_at = line_start;
        line_start += line.len();
        starts_at <= stops_at
    }) {
        let code = line.split("//").next().unwrap_or(line);
        let words: Vec<&str> = code.split_whitespace().collect();
        let is_plain = code.chars().all(|c| c.is_alphanumeric() || "_?()".contains(c) || c.is_whitespace());
        let [name, _, stray, ..] = words.as_slice() else { continue };
        if !is_plain
            || words.len().is_multiple_of(2)
            || ["event", "stream", "table"].contains(name)
            || *stray == "key"
        {
            continue;
        }
        let start = stray.as_ptr() as usize - stop.text.as_ptr() as usize;
        let span = Span { start: start as u32, end: (start + stray.len()) as u32, ..span };
        return Some(
            Diagnostic::error(Code::Syntax, span, format!("`{stray}` is not part of a field"))
                .label("not expected here")
                .help("a field is a name and a type: `card string`, or `card string?` where it may be null"),
        );
    }
    None
}

/// The word that an item starts with, behind its doc comments.
fn item_word(item: &str) -> &str {
    let mut lines = item.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or("")
}

/// `card: card` and then `amount: big.amount`.
fn missing_comma(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let rest = &stop.text[stop.at + stop.found.len()..stop.end];
    let is_entry = is_word(stop.found) && rest.trim_start().starts_with(':');
    if !is_entry || !stop.expects(&[Rule::comma]) || !stop.expects(&[Rule::r_brace]) {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, "the entries of a record are separated by commas")
            .label("not expected here")
            .help(format!("write a `,` before `{}`", stop.found)),
    )
}

/// `count(*)`, `x is "US"`.
fn operand(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let (message, help) = match stop.found {
        "*" if stop.previous == "(" && stop.expects_operand() => (
            "`*` stands for nothing here",
            "write `count(a)` for the events that a loop `a` took, or, in a `tally`, `count()` for the matches",
        ),
        found if stop.previous == "is" && stop.expects(&[Rule::null]) => (
            "`is` only asks for null",
            match found {
                "true" => "leave `is true` out: the value is a condition itself",
                "false" => "write `not` before the value",
                _ => "write `==` to compare, or `is null`, `is not null`",
            },
        ),
        _ => return None,
    };
    Some(Diagnostic::error(Code::Syntax, span, message).label("not expected here").help(help))
}

/// `amount = big.amount` in a record.
fn assigned(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "=" || !stop.expects(&[Rule::colon]) || !is_word(stop.previous) {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, "`=` gives no field its value")
            .label("not expected here")
            .help(format!("write `{}: …`", stop.previous)),
    )
}

/// `on logins by user, payments by user`: the second stream was read as a part of the key.
fn second_key(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "by" || !stop.expects(&[Rule::first_line, Rule::match_word]) {
        return None;
    }
    Some(
        Diagnostic::error(Code::Syntax, span, "all streams of a pattern have one key")
            .label("a second key")
            .help("write `on a, b by key`, or `on a, b by a.key = b.id` where it has two names"),
    )
}

/// `where x and` and then `emit a`, which reads as `where x and emit`; `then` and then `within 10m`.
fn incomplete(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let clause = ["emit", "tally", "limit", "keep", "skip", "on"].contains(&stop.previous);
    let is_name = stop.found.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_step = stop.expects(&[Rule::quantifier, Rule::q_optional, Rule::contiguity]);
    let opens_part = ["within", "having", "where", "until", "gap", "for"].contains(&stop.previous);
    if (clause || opens_part) && is_name && is_step {
        let message = format!("`{}` was read as the name of a step", stop.previous);
        let help = match (stop.previous, stop.tokens_before(2).first()) {
            ("where", Some(word)) => format!("write the name of the step before it: `{word} a where …`"),
            _ => "the step before it is not complete: write its name behind `then` or `next`".to_owned(),
        };
        return Some(
            Diagnostic::error(Code::Syntax, span, message).label("so this is not expected here").help(help),
        );
    }
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

/// `wihtin 10m`.
fn misspelt(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !is_word(stop.found) || stop.found.len() < 3 {
        return None;
    }
    let lower = stop.found.to_ascii_lowercase();
    let allowed = if lower.len() < 5 { 1 } else { 2 };
    let among_steps = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    let keywords = stop.expected.iter().map(|rule| words::phrase(*rule).trim_matches('`'));
    let keywords = keywords.chain(["then", "next"].into_iter().filter(|_| among_steps && stop.starts_line()));
    let meant = keywords
        .filter(|keyword| keyword.len() > 2 && is_word(keyword))
        .map(|keyword| (strsim::damerau_levenshtein(keyword, &lower), keyword))
        .min()
        .filter(|(distance, _)| *distance <= allowed)?
        .1;
    Some(
        Diagnostic::error(Code::Syntax, span, format!("`{}` is no keyword", stop.found))
            .label("not expected here")
            .help(format!("did you mean `{meant}`?")),
    )
}

/// A word that belongs nowhere, among the steps.
fn stray(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let found = stop.found;
    let among_steps = stop.expects(&[Rule::element, Rule::word_then, Rule::word_next]);
    if !among_steps || !is_word(found) || is_keyword(found) {
        return None;
    }
    let (message, help) = if stop.starts_line() {
        (
            format!("neither a step nor a clause starts with `{found}`"),
            "a step starts with `then` or `next`; the clauses are `within`, `having`, `skip`, `limit`, `keep`, `emit`, `on timeout emit`"
                .to_owned(),
        )
    } else if stop.expects_operator() {
        (format!("expected an operator, found `{found}`"), "join conditions with `and` or `or`".to_owned())
    } else if let ["then" | "next", twice @ ("then" | "next")] = stop.tokens_before(2)[..] {
        // The first of them may end the line before, where it hardly shows.
        (
            format!("there is a word for a step before `{twice}` already"),
            format!("write one of them: `then {found}`, or `next {found}` for the very next event"),
        )
    } else {
        (
            format!("`{found}` is no part of the step"),
            format!("if it is a step, write `then {found}`; else its condition starts with `where`"),
        )
    };
    Some(Diagnostic::error(Code::Syntax, span, message).label("not expected here").help(help))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_keyword(text: &str) -> bool {
    RESERVED.contains(&text) || STEP_WORDS.contains(&text)
}
