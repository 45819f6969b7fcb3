//! What users of FlinkCEP, of SQL's `MATCH_RECOGNIZE` and of Siddhi write, and what it is called here.
//!
//! A whole text of theirs is answered with the shape of a pattern; a habit inside of a pattern with its counterpart.

use super::errors::Stop;
use super::grammar::Rule;
use super::habits::unit;
use crate::diag::{Code, Diagnostic, Span};

/// What a pattern looks like.
const SHAPE: &str = "write it as a pattern:
pattern NAME {
    on STREAM by KEY
    match a{3,}  where CONDITION
    then  b      where CONDITION
    within 10m
    emit NAME { FIELD: a.FIELD }
}";

/// Methods and words of FlinkCEP, in lower case, and what to write.
const FLINK: [(&str, &str); 17] = [
    ("begin", "write `match` before the first step"),
    ("followedby", "write `then b`, on a line of its own"),
    ("followedbyany", "write `then any b`, on a line of its own"),
    ("next", "write `next b`, on a line of its own"),
    ("notfollowedby", "write `then not b where …`, with `for 5m` behind it if it is the last step"),
    ("notnext", "write `next not b where …`"),
    ("where", "write `where` and the condition, without dot and brackets"),
    ("or", "write `or` between two conditions"),
    ("until", "write `until` and the condition, without dot and brackets"),
    ("oneormore", "write the quantifier behind the name: `a+`"),
    ("timesormore", "write the quantifier behind the name: `a{3,}`"),
    ("times", "write the quantifier behind the name: `a{3}`, or `a{3,5}`"),
    ("optional", "write the quantifier behind the name: `a?`"),
    ("greedy", "write `greedy` behind the quantifier: `a+ greedy`"),
    ("consecutive", "write `strict` behind the quantifier: `a+ strict`"),
    ("allowcombinations", "write `any` behind the quantifier: `a+ any`"),
    ("within", "write `within 10m` behind the steps"),
];

/// The diagnostic for a text that is in none of our items, by its first word.
pub(super) fn whole(text: &str, word: &str, span: Span) -> Option<Diagnostic> {
    let lower = word.to_ascii_lowercase();
    let upper = text.to_ascii_uppercase();
    let (message, note, help) = match lower.as_str() {
        "select" | "insert" | "create" if upper.contains("MATCH_RECOGNIZE") => (
            "this is SQL, not a pattern of Ensue",
            "`PARTITION BY k` is `on STREAM by k`; `PATTERN (A{3,} B)` is `match a{3,}` and `next b`, each with its \
             `DEFINE` as `where`; `MEASURES` are the fields of `emit`; the order is that of event time",
            SHAPE,
        ),
        "select" | "insert" | "create" => {
            ("this is SQL, not a part of Ensue", "a `.cep` file declares streams and patterns", SHAPE)
        }
        "from" | "partition" | "every" => (
            "this is Siddhi or SQL, not a pattern of Ensue",
            "`e1=s[x]` is `match e1 where x`; `->` is `then`, `,` is `next`; `<3:>` is `{3,}`; `every` is not needed; \
             `within 10 min` is `within 10m`; `select … insert into alerts` is `emit alerts { … }`",
            SHAPE,
        ),
        "define" | "@source" | "@app" => (
            "a stream is declared in another way",
            "fields stand one on a line, a name and a type; one of them is the event time",
            "write it as a stream:\nstream NAME {\n    card    string\n    amount  decimal(2)\n    at      timestamp\n    \
             event time at\n}",
        ),
        "pattern" | "import" | "val" | "var" | "datastream"
            if text.contains(".begin(") || text.contains("begin(") =>
        {
            (
                "this is FlinkCEP's API, not a pattern of Ensue",
                "`begin` is `match`; `next` is `next`, `followedBy` is `then`, `followedByAny` is `then any`, \
             `notFollowedBy` is `then not`; `timesOrMore(3)` is `{3,}`, `oneOrMore()` is `+`; `keyBy` is `by`",
                SHAPE,
            )
        }
        _ => return None,
    };
    let diagnostic = Diagnostic::error(Code::Syntax, span, message).label("from here");
    Some(diagnostic.note(note).help(help))
}

/// The diagnostic for a habit inside of an item.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    interval(stop, span)
        .or_else(|| method_of_step(stop, span))
        .or_else(|| word_of_flink(stop, span))
        .or_else(|| method_of_field(stop, span))
        .or_else(|| time_of_flink(stop, span))
        .or_else(|| every(stop, span))
        .or_else(|| filter(stop, span))
        .or_else(|| count(stop, span))
        .or_else(|| measure(stop, span))
        .or_else(|| decimal_comma(stop, span))
}

/// A diagnostic with its remedy.
pub(super) fn answer(span: Span, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::Syntax, span, message).label("not expected here").help(help)
}

/// Whether the next part of a step, or the next step, was tried.
pub(super) fn in_body(stop: &Stop<'_>) -> bool {
    stop.expects(&[Rule::element, Rule::word_then, Rule::word_next, Rule::quantifier, Rule::condition])
}

fn of_flink(word: &str) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    FLINK.iter().find(|(method, _)| *method == lower).map(|(_, help)| *help)
}

/// The word at the start of a text.
pub(super) fn first_word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// `small.timesOrMore(3)`, `.followedBy("b")`.
fn method_of_step(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "." || !in_body(stop) || stop.expects_operator() {
        return None;
    }
    let method = first_word(stop.text[stop.at + 1..stop.end].trim_start());
    let help = of_flink(method).unwrap_or("write the condition behind `where`");
    Some(answer(span, format!("a step has no method `{method}`"), help))
}

/// `oneOrMore`, `notFollowedBy b`.
fn word_of_flink(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    // In small letters it is a name or a word of ours, in large ones a word of SQL.
    let is_mixed = stop.found.contains(|c: char| c.is_ascii_lowercase())
        && stop.found.contains(|c: char| c.is_ascii_uppercase());
    if !in_body(stop) || !(is_mixed || matches!(stop.found, "times" | "optional" | "consecutive")) {
        return None;
    }
    let name = first_word(stop.text[stop.at + stop.found.len()..stop.end].trim_start());
    let mut help = of_flink(stop.found)?.to_owned();
    if !name.is_empty() && name != "where" {
        help = help.replace(" b`", &format!(" {name}`")).replace(" b where", &format!(" {name} where"));
    }
    Some(answer(span, format!("`{}` is not part of the language", stop.found), help))
}

/// `kind.equals("x")`, `tx.getAmount()`.
fn method_of_field(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "(" || !stop.expects_operator() {
        return None;
    }
    let before = stop.text[stop.start..stop.at].trim_end();
    let called = before.rsplit(|c: char| c.is_whitespace() || c == '(').next()?;
    let (value, method) = called.rsplit_once('.')?;
    let argument = stop.text[stop.at + 1..stop.end].split([')', '\n']).next().unwrap_or("").trim();
    let help = match (method, method.strip_prefix("get")) {
        ("equals" | "equalsIgnoreCase", _) => format!("write `{value} == {argument}`"),
        (_, Some(field)) if !field.is_empty() => format!("write the field: `{}`", lowered(field)),
        _ if argument.is_empty() => format!("write `{method}({value})`"),
        _ => format!("functions stand before what they are of: `{method}({value}, {argument})`"),
    };
    Some(answer(span, "a field has no methods", help))
}

fn lowered(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// `Time.minutes(10)`, `Duration.ofMinutes(10)`.
fn time_of_flink(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if !matches!(stop.found, "Time" | "Duration") || !stop.expects(&[Rule::duration]) {
        return None;
    }
    let rest = stop.text[stop.at + stop.found.len()..stop.end].strip_prefix('.')?;
    let word = first_word(rest);
    let unit = unit(word.strip_prefix("of").unwrap_or(word))?;
    let number = rest[word.len()..].strip_prefix('(')?.split(')').next()?.trim();
    let number = number.trim_end_matches('L');
    Some(answer(span, "a duration is a number and its unit in one word", format!("write `{number}{unit}`")))
}

/// `interval '10' minute`, in any letters.
fn interval(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let rest = &stop.text[stop.at..stop.end];
    let mut words = rest.split_whitespace().peekable();
    let has_within = words.next_if(|word| word.eq_ignore_ascii_case("within")).is_some();
    words.next_if(|word| word.eq_ignore_ascii_case("interval"))?;
    let number = words.next()?.trim_matches(['\'', '"']);
    let unit = unit(words.next()?)?;
    let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    let word = if has_within { "within " } else { "" };
    let help =
        if is_number { format!("write `{word}{number}{unit}`") } else { format!("write `{word}10{unit}`") };
    Some(answer(span, "a duration is a number and its unit in one word", help))
}

/// `match every a`.
fn every(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.previous != "every" || !in_body(stop) {
        return None;
    }
    Some(
        answer(span, "`every` was read as the name of a step", "leave it out")
            .note("a pattern looks for every occurrence; `match all` gives those that overlap too"),
    )
}

/// `a[amount > 5]`.
fn filter(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "[" || !in_body(stop) || stop.expects_operator() {
        return None;
    }
    let inner = stop.text[stop.at + 1..stop.end].split([']', '\n']).next().unwrap_or("").trim();
    Some(answer(span, "the condition of a step follows `where`", format!("write `where {inner}`")))
}

/// `a<3:5>`.
fn count(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.found != "<" || !in_body(stop) || stop.expects_operator() {
        return None;
    }
    let inner = stop.text[stop.at + 1..stop.end].split(['>', '\n']).next().unwrap_or("").trim();
    let help = match inner.split_once(':') {
        Some(("", most)) => format!("write `{{1,{most}}}`"),
        Some((least, most)) => format!("write `{{{least},{most}}}`"),
        None => format!("write `{{{inner}}}`"),
    };
    Some(answer(span, "a quantifier stands in braces", help))
}

/// `first(a).at as first_at`, `a.amount`, `amount` alone, in a record.
fn measure(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_end = matches!(stop.found, "(" | "." | "," | "}" | "as" | "AS" | "+" | "-" | "*" | "/");
    if !is_end || !stop.expects(&[Rule::colon]) || in_body(stop) {
        return None;
    }
    let from = stop.text[stop.start..stop.at].rfind(['{', ',', '\n'])? + stop.start + 1;
    let entry = stop.text[from..stop.end].split([',', '}', '\n']).next().unwrap_or("").trim();
    let words: Vec<&str> = entry.split_whitespace().collect();
    let help = match words.as_slice() {
        [value @ .., word, name] if word.eq_ignore_ascii_case("as") => {
            format!("write `{name}: {}`", value.join(" "))
        }
        _ => {
            let name = entry.rsplit(['.', ')']).find(|part| first_word(part) == *part && !part.is_empty());
            format!("write `{}: {entry}`", name.unwrap_or("NAME"))
        }
    };
    Some(answer(span, "an entry of a record is a name, a colon and a value", help))
}

/// `500,00`, and `1,000`.
fn decimal_comma(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let after = first_word(stop.text[stop.at..stop.end].get(1..)?);
    let previous = stop.previous.rsplit(char::is_whitespace).next().unwrap_or("");
    if stop.found != "," || !stop.expects_operator() || !is_number(previous) || !is_number(after) {
        return None;
    }
    let is_mark = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
    let rest: String = stop.text[stop.at..].chars().take_while(|c| is_mark(*c)).collect();
    let rest = rest.trim_end_matches([',', '.']);
    let mut groups = rest.split('.').next().unwrap_or("").split(',').skip(1);
    if previous.len() <= 3 && !previous.starts_with('0') && groups.all(|group| group.len() == 3) {
        let number = format!("{previous}{rest}").replace(',', "");
        let help = match number.contains('.') || rest.matches(',').count() > 1 {
            true => format!("write `{number}`"),
            false => format!("write `{number}`, or `{previous}.{after}` for a fraction"),
        };
        return Some(answer(span, "there is no mark between thousands", help));
    }
    Some(answer(span, "a number has a point, not a comma", format!("write `{previous}.{after}`")))
}
