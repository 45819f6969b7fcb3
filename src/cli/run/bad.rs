//! What becomes of lines that cannot become events: they are counted, written, shown where that is asked for, and end the
//! run where that is.

use std::collections::{BTreeMap, BTreeSet};

use super::outputs::Outputs;
use crate::cli::{CliError, note, style};
use crate::diag::{Excerpt, render_excerpt};
use crate::event::StreamId;
use crate::io::BadLine;

/// `--explain-bad`: shows the first bad line of each stream and reason.
#[derive(Default)]
pub(super) struct Explainer {
    shown: BTreeSet<(StreamId, &'static str)>,
}

impl Explainer {
    /// Shows a line, if it is the first of its reason.
    fn look(&mut self, bad: &BadLine, place: &str) {
        if self.shown.insert((bad.stream, bad.reason.label())) {
            note(&explained(bad, place, style::columns(), style::stderr_has_colour()));
        }
    }
}

/// A bad line with a caret under what is wrong, in so many columns; `place` is where all are written.
fn explained(bad: &BadLine, place: &str, columns: usize, colour: bool) -> String {
    let message = bad.reason.to_string();
    let note = format!("the first with this reason; all bad lines are in {place}");
    let excerpt = Excerpt {
        kind: "bad line",
        id: bad.reason.label(),
        message: &message,
        path: &bad.path,
        line: usize::try_from(bad.line).unwrap_or(usize::MAX),
        text: &bad.text,
        place: bad.place.clone(),
        note: &note,
    };
    render_excerpt(&excerpt, columns, colour)
}

/// The bad lines on the way to a batch.
pub(super) struct BadLines<'a, 'o> {
    counts: &'a mut BTreeMap<(StreamId, &'static str), u64>,
    outputs: &'a mut Outputs<'o>,
    explainer: Option<&'a mut Explainer>,
    is_strict: bool,
    /// Lines of which it is not known yet whether they stand before the end; none where there is no end but that of the
    /// input.
    held: Option<Vec<BadLine>>,
    failure: Option<CliError>,
}

impl<'a, 'o> BadLines<'a, 'o> {
    /// The most lines that are held. More than that on the way to one batch are told at once, and so perhaps some that
    /// stand behind the end.
    const HELD_MAX: usize = 4096;

    /// Bad lines that go to these counts and outputs.
    pub(super) fn new(
        counts: &'a mut BTreeMap<(StreamId, &'static str), u64>,
        outputs: &'a mut Outputs<'o>,
        explainer: Option<&'a mut Explainer>,
        is_strict: bool,
        may_end: bool,
    ) -> BadLines<'a, 'o> {
        BadLines { counts, outputs, explainer, is_strict, held: may_end.then(Vec::new), failure: None }
    }

    /// Takes the next one.
    pub(super) fn take(&mut self, bad: BadLine) {
        match &mut self.held {
            None => self.tell(&bad),
            Some(held) => {
                held.push(bad);
                if held.len() > BadLines::HELD_MAX {
                    self.tell_held(u64::MAX);
                }
            }
        }
    }

    /// No more come, and those behind a line do not count.
    pub(super) fn finish(mut self, last: Option<u64>) -> Result<(), CliError> {
        self.tell_held(last.unwrap_or(u64::MAX));
        self.failure.map_or(Ok(()), Err)
    }

    fn tell_held(&mut self, last: u64) {
        for bad in self.held.as_mut().map(std::mem::take).unwrap_or_default() {
            if bad.line <= last {
                self.tell(&bad);
            }
        }
    }

    fn tell(&mut self, bad: &BadLine) {
        *self.counts.entry((bad.stream, bad.reason.label())).or_default() += 1;
        if let Some(explainer) = &mut self.explainer {
            explainer.look(bad, &self.outputs.bad_place(bad.stream));
        }
        let written = self.outputs.write_bad(bad);
        if self.failure.is_none() {
            self.failure = written.err().or_else(|| self.is_strict.then(|| strict(bad)));
        }
    }
}

fn strict(bad: &BadLine) -> CliError {
    CliError::Strict { path: bad.path.clone(), line: bad.line, message: bad.reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::BadReason;

    #[test]
    fn a_bad_line_is_shown_with_its_place() {
        let bad = BadLine {
            stream: StreamId(0),
            path: "tx.csv".to_owned(),
            line: 12,
            reason: BadReason::TooManyDigits {
                field: "amount".to_owned(),
                scale: 2,
                found: "1.005".to_owned(),
            },
            text: "c1,1.005,2026-01-05".to_owned(),
            place: 3..8,
        };
        let shown = "\
bad line[too_many_digits]: field `amount`: 1.005 has more than 2 digits after the point
  --> tx.csv:12:4
   |
12 | c1,1.005,2026-01-05
   |    ^^^^^
   |
   = note: the first with this reason; all bad lines are in tx.bad.jsonl";
        assert_eq!(explained(&bad, "tx.bad.jsonl", 80, false), shown);
    }
}
