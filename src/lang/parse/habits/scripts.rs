//! Tests: their words, and what is expected.

use super::{is_word, item_word};
use crate::diag::{Diagnostic, Span};
use crate::lang::parse::errors::Stop;
use crate::lang::parse::foreign::answer;
use crate::lang::parse::grammar::Rule;

/// The words that lines of a test begin with.
const COMMANDS: [&str; 3] = ["given", "watermark", "expect"];

/// The diagnostic for a mistake in a test.
pub(super) fn explain(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if item_word(&stop.text[stop.start..stop.end]) != "test" || stop.opened().is_none() {
        return None;
    }
    watermark(stop, span).or_else(|| expectation(stop, span)).or_else(|| command(stop, span))
}

/// `watermark +10m`, `watermark "12:05"`.
fn watermark(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    if stop.previous != "watermark" || !stop.expects(&[Rule::instant]) {
        return None;
    }
    let help = match stop.found.strip_prefix('"').and_then(|found| found.strip_suffix('"')) {
        Some(time) => format!("write `watermark {time}`"),
        None => "write the time that event time has come to: `watermark 12:05:00`".to_owned(),
    };
    Some(answer(span, "a watermark is a time", help))
}

/// `expect none`, `expect alert` without a table.
fn expectation(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let before = stop.tokens_before(3);
    let what = match before.as_slice() {
        [.., "expect"] => stop.found,
        [.., "expect", what] => what,
        [.., "expect", "timeout" | "late", what] => what,
        _ => return None,
    };
    let nothing = "write `expect nothing`: no record, no timeout, no late event";
    let start = what.as_ptr() as usize - stop.text.as_ptr() as usize;
    let span = Span { start: start as u32, end: (start + what.len()) as u32, ..span };
    let is_none = |word: &str| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "none" | "no" | "not" | "nil" | "null" | "empty" | "never" | "zero" | "0" | "nothing"
        )
    };
    if is_none(what) || is_none(stop.found) {
        return Some(answer(span, "that nothing is expected has its own word", nothing));
    }
    let no_table = stop.expects(&[Rule::header, Rule::bar]) && !stop.found.starts_with('|');
    let counts = what == stop.found && stop.found.starts_with(|c: char| c.is_ascii_digit());
    if !no_table && !counts {
        return None;
    }
    let stream = match what {
        what if counts || !is_word(what) => "NAME",
        "timeout" | "late" => return Some(unnamed(span, what)),
        what => what,
    };
    Some(
        answer(
            span,
            "what is expected is a table of records",
            format!(
                "write `expect {stream}`, then its columns and rows, a line each: `| at | card |`, `| 12:00:00 | c1 |`"
            ),
        )
        .note("columns that are left out are not compared; `expect nothing` is for no record at all"),
    )
}

fn unnamed(span: Span, kind: &str) -> Diagnostic {
    let help = format!("write `expect {kind} STREAM`, and a table; or `expect nothing`");
    answer(span, format!("`expect {kind}` names a stream"), help)
}

/// `when s`, `assert alert`, `wait 10m`.
fn command(stop: &Stop<'_>, span: Span) -> Option<Diagnostic> {
    let is_here =
        stop.expects(&[Rule::given, Rule::kw_given, Rule::watermark, Rule::kw_watermark, Rule::expect]);
    if !is_here || !is_word(stop.found) || COMMANDS.contains(&stop.found) {
        return None;
    }
    let lower = stop.found.to_ascii_lowercase();
    let near = COMMANDS.iter().find(|word| strsim::damerau_levenshtein(word, &lower) <= 2);
    let help = match (near, lower.as_str()) {
        (Some(word), _) => format!("did you mean `{word}`?"),
        (_, "when" | "with" | "input" | "events" | "event" | "data" | "send" | "insert" | "on" | "from") => {
            "write `given STREAM` and a table of its events".to_owned()
        }
        (_, "assert" | "should" | "then" | "verify" | "check" | "emit" | "output" | "alert" | "want") => {
            "write `expect NAME` and a table of the records, or `expect nothing`".to_owned()
        }
        (_, "wait" | "advance" | "sleep" | "after" | "until" | "time" | "clock" | "at") => {
            "write how far event time has come: `watermark 12:05:00`".to_owned()
        }
        _ => "write `given STREAM` and a table, `watermark 12:05:00`, `expect NAME` and a table, or `expect nothing`"
            .to_owned(),
    };
    Some(answer(span, format!("no line of a test starts with `{}`", stop.found), help))
}
