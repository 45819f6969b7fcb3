//! How items begin: the word, the name, the brace; and what stands between items.

use super::item_word;
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::answer;
use crate::lang::parse::grammar::Rule;

/// What begins a comment elsewhere.
const COMMENTS: [&str; 7] = ["#", "--", "/*", "<!--", "\"\"\"", "%", ";"];

/// The diagnostic for the head of an item that is not as it should be.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.opened().is_some() {
        return None;
    }
    let word = item_word(&stop.text[stop.start..stop.end]);
    match word {
        "use" if stop.previous == "use" => Some(used(stop, span)),
        "stream" | "pattern" | "table" | "test" if stop.previous == word => name(stop, span, word),
        "test" if stop.expects(&[Rule::string]) => Some(answer(
            span,
            "a test has a title",
            format!("write `test {} \"what it shows\" {{`", stop.previous),
        )),
        "stream" | "pattern" | "table" | "test" if stop.expects(&[Rule::l_brace]) => {
            Some(brace(stop, span, word))
        }
        _ => None,
    }
}

/// `use streams.cep`.
fn used(stop: &Stop<'_>, span: Span) -> Diagnostic {
    let line = stop.text[stop.at..].lines().next().unwrap_or("").trim();
    let path = line.trim_matches(|c: char| "'`“”‘’;<>".contains(c));
    let path = if path.is_empty() { "streams.cep" } else { path };
    answer(span, "the path of a file stands in double quotes", format!("write `use \"{path}\"`"))
}

/// `pattern {`, `pattern "card testing" {`.
fn name(stop: &Stop<'_>, span: Span, word: &str) -> Option<Diagnostic> {
    if !stop.expects(&[Rule::name]) {
        return None;
    }
    if !stop.found.starts_with('"') {
        let title = if word == "test" { " \"what it shows\"" } else { "" };
        let message = format!("a {word} has a name");
        return (stop.found == "{").then(|| answer(span, message, format!("write `{word} NAME{title} {{`")));
    }
    Some(match word {
        "test" => answer(
            span,
            "a test says first which pattern it is of",
            format!("write `test PATTERN {} {{`", stop.found),
        ),
        _ => answer(
            span,
            "a name stands without quotes",
            format!("write `{word} {} {{`", joined(stop.found.trim_matches('"'))),
        ),
    })
}

/// `pattern p:`, `pattern card-testing {`, `stream s (`.
fn brace(stop: &Stop<'_>, span: Span, word: &str) -> Diagnostic {
    let line = stop.text[stop.at..].lines().next().unwrap_or("");
    let rest = line.split('{').next().unwrap_or("").trim();
    let is_name = |c: char| c.is_alphanumeric() || "_- ".contains(c);
    let is_keyword = ["meta", "on", "by", "match", "emit", "given", "expect", "event"].contains(&stop.found);
    let goes_on = !is_keyword && !stop.starts_line() && line.contains('{') && rest.chars().all(is_name);
    if word != "test" && goes_on {
        let glue = if stop.found == "-" { "" } else { " " };
        let name = joined(&format!("{}{glue}{rest}", stop.previous));
        return answer(
            span,
            "a name is one word of letters, digits and `_`",
            format!("write `{word} {name} {{`"),
        );
    }
    let head: Vec<&str> = stop.text[stop.start..stop.at].split_whitespace().collect();
    let from = head.iter().rposition(|part| *part == word).unwrap_or(0);
    let message = format!("expected `{{`, found `{}`", stop.found);
    let message = if stop.found.is_empty() { "expected `{` behind the name".to_owned() } else { message };
    answer(
        span,
        message,
        format!("write `{} {{` on a line, and a `}}` behind all of it", head[from..].join(" ")),
    )
}

/// `card_testing` for `Card testing`.
fn joined(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("_").to_ascii_lowercase();
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { name } else { format!("p_{name}") }
}

/// The help for text between items that starts so.
pub(in crate::lang::parse) fn stray(text: &str, found: &str) -> Option<String> {
    let line = text.lines().next().unwrap_or("").trim();
    if line == ";" || found == "," {
        return Some("take it away: nothing needs to end an item".to_owned());
    }
    if COMMENTS.iter().any(|mark| text.starts_with(mark)) {
        return Some("a comment starts with `//` and ends with its line".to_owned());
    }
    let help = match found.to_ascii_lowercase().as_str() {
        "rule" | "alert" | "query" | "detect" | "detection" | "signature" | "scenario" | "sequence" => {
            "a rule is a pattern: write `pattern NAME {`, with the events that it looks for inside"
        }
        "match" | "on" | "when" | "where" | "then" | "next" | "within" | "having" | "emit" | "if" => {
            "put it into a pattern: write `pattern NAME {` above it and `}` below"
        }
        "given" | "expect" | "watermark" => {
            "put it into a test: write `test PATTERN \"what it shows\" {` above it and `}` below"
        }
        "import" | "include" | "require" | "load" | "using" => "write `use \"streams.cep\"`",
        "schema" | "event" | "type" | "input" | "source" | "topic" | "struct" | "record" => {
            "the fields of events are declared so: `stream NAME {`, a field and its type on each line"
        }
        "tests" | "testcase" | "check" | "assert" => "write `test PATTERN \"what it shows\" {`",
        _ => return None,
    };
    Some(help.to_owned())
}

/// A string or a name that no keyboard of a programmer has: `“text”`.
pub(super) fn curly(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let closing = match stop.found {
        "“" | "”" | "„" => "”“",
        "‘" | "’" | "‚" => "’‘",
        "«" => "»",
        _ => return None,
    };
    let rest = &stop.text[stop.at + stop.found.len()..stop.end];
    let line = rest.lines().next().unwrap_or("");
    let inner = line.split(|c: char| closing.contains(c)).next().unwrap_or("");
    Some(
        Diagnostic::error(Code::Syntax, span, "a text stands in straight double quotes")
            .label("a quote of a word processor")
            .help(format!("write `\"{inner}\"`")),
    )
}
