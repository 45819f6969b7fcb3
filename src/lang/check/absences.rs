//! Absences: where `not` may stand.
//!
//! An absence forbids events between two others, so there must be two certain ones around it. At the start and at
//! the end there is only one, and a duration takes the place of the other.

use super::patterns::PatternChecker;
use super::steps::may_be_nothing;
use crate::diag::{Code, Diagnostic};
use crate::lang::ast::{Absence, Element, ElementKind, Word};

impl PatternChecker<'_, '_> {
    pub(super) fn check_absences(&mut self, body: &[Element]) {
        let is_absence = |element: &Element| absence_of(element).is_some();
        let leading = body.iter().take_while(|element| is_absence(element)).count();
        let trailing = body.iter().rev().take_while(|element| is_absence(element)).count();
        if leading == body.len() {
            if let Some((element, absence)) = body.first().and_then(|e| Some((e, absence_of(e)?))) {
                let diagnostic = unanchored(element, absence)
                    .note("a match holds at least one event")
                    .help("add the step that it is about: `then a` behind it, or `match a` before it");
                self.report(diagnostic);
            }
            return;
        }
        for (at, element) in body.iter().enumerate() {
            self.check_inside(element);
            let Some(absence) = absence_of(element) else { continue };
            self.check_word(element, absence);
            if at < leading {
                self.check_leading(absence, &body[leading]);
            } else if at >= body.len() - trailing {
                self.check_trailing(element, absence, &body[..at]);
            } else {
                self.check_between(element, absence, &body[..at], &body[at + 1..]);
            }
        }
    }

    /// Absences inside a group have events of that group around them.
    fn check_inside(&mut self, element: &Element) {
        let ElementKind::Group(group) = &element.kind else { return };
        let last = group.body.len().saturating_sub(1);
        for (at, inner) in group.body.iter().enumerate() {
            self.check_inside(inner);
            let Some(absence) = absence_of(inner) else { continue };
            self.check_word(inner, absence);
            let is_absence = |element: &Element| absence_of(element).is_some();
            let first = group.body[..at].iter().all(is_absence);
            if first || group.body[(at + 1).min(last + 1)..].iter().all(is_absence) {
                let (place, help) = match first {
                    true => ("first", "put it before the group"),
                    false => ("last", "put it after the group"),
                };
                let message = format!("absence `{}` stands {place} in a group", absence.name.text);
                let diagnostic = Diagnostic::error(Code::AbsenceInGroup, inner.span, message)
                    .note("inside a group an absence forbids what lies between two of the group's own events")
                    .help(format!("{help}, or between two of its steps"));
                self.report(diagnostic);
                continue;
            }
            self.check_between(inner, absence, &group.body[..at], &group.body[at + 1..]);
        }
    }

    fn check_word(&mut self, element: &Element, absence: &Absence) {
        if element.word.node == Word::ThenAny {
            let name = &absence.name.text;
            let diagnostic = Diagnostic::error(Code::NotHere, element.word.span, "`any` before an absence")
                .note("an absence takes no event, so there is nothing to choose between")
                .help(format!("write `then not {name}`"));
            self.report(diagnostic);
        }
    }

    /// `not b for D` at the start looks back from the first event.
    fn check_leading(&mut self, absence: &Absence, after: &Element) {
        let name = &absence.name.text;
        if absence.wait.is_none() {
            let diagnostic = Diagnostic::error(
                Code::AbsenceWait,
                absence.not.to(absence.name.span),
                format!("absence `{name}` at the start does not say since when"),
            )
            .note("there is no event before it to count from")
            .help(format!("write `not {name} … for 5m`: none in the 5 minutes before the first event"));
            self.report(diagnostic);
        }
        if after.word.node != Word::Then {
            let diagnostic = Diagnostic::error(
                Code::AbsenceWait,
                after.word.span,
                "an absence at the start is followed by `then`",
            )
            .note("the first event has no event before it, so `next` or `any` say nothing")
            .help("write `then`");
            self.report(diagnostic);
        }
        if may_be_nothing(after) {
            let diagnostic = Diagnostic::error(
                Code::AbsenceBeforeOptional,
                absence.not.to(absence.name.span),
                format!("absence `{name}` looks back from an event that may be left out"),
            )
            .also(after.span, "optional")
            .help("make the first step required");
            self.report(diagnostic);
        }
    }

    fn check_between(&mut self, element: &Element, absence: &Absence, before: &[Element], after: &[Element]) {
        let name = &absence.name.text;
        if let Some(wait) = &absence.wait {
            let diagnostic = Diagnostic::error(
                Code::AbsenceWait,
                wait.span,
                format!("`for` on absence `{name}`, which is neither first nor last"),
            )
            .note("between two events it lasts from the one to the other")
            .help(format!(
                "leave `for {}` out; `gap {0}` on the step after it bounds the time between",
                wait.node
            ));
            self.report(diagnostic);
        }
        self.check_anchor(element, absence, before);
        if after.iter().all(may_be_nothing) {
            let first = after.iter().find(|element| absence_of(element).is_none());
            let mut diagnostic = Diagnostic::error(
                Code::AbsenceBeforeOptional,
                absence.not.to(absence.name.span),
                format!("absence `{name}` is followed only by what may be left out"),
            )
            .note("without an event after it, it is not certain when the absence ends")
            .help("make a step after it required, or move the absence to the end with `for 5m`");
            if let Some(first) = first {
                diagnostic = diagnostic.also(first.span, "optional");
            }
            self.report(diagnostic);
        }
    }

    fn check_trailing(&mut self, element: &Element, absence: &Absence, before: &[Element]) {
        let name = &absence.name.text;
        self.check_anchor(element, absence, before);
        let place = absence.not.to(absence.name.span);
        match (&absence.wait, element.word.node) {
            (Some(wait), Word::Next) => {
                let diagnostic =
                    Diagnostic::error(Code::AbsenceWait, wait.span, format!("`for` on `next not {name}`"))
                        .note("`next not` looks at the one event after, however late it comes")
                        .help(format!("write `next not {name}`, or `then not {name} … for {}`", wait.node));
                self.report(diagnostic);
            }
            (None, Word::Then | Word::ThenAny) if self.item.within.is_none() => {
                let diagnostic = Diagnostic::error(
                    Code::AbsenceWait,
                    place,
                    format!("absence `{name}` at the end does not say until when"),
                )
                .note("the match is certain only once no such event can come any more")
                .help(format!("write `then not {name} … for 5m`, or give the pattern a `within`"));
                self.report(diagnostic);
            }
            _ => {}
        }
    }

    /// A required step before, from which the absence counts.
    fn check_anchor(&mut self, element: &Element, absence: &Absence, before: &[Element]) {
        if before.iter().all(may_be_nothing) {
            let mut diagnostic = unanchored(element, absence)
                .note("an absence counts from the event taken before it")
                .help("make a step before it required");
            if let Some(optional) = before.iter().find(|element| absence_of(element).is_none()) {
                diagnostic = diagnostic.also(optional.span, "optional");
            }
            self.report(diagnostic);
        }
    }
}

fn unanchored(element: &Element, absence: &Absence) -> Diagnostic {
    let span = absence.not.to(absence.name.span);
    let span = if span.file == element.span.file { span } else { element.span };
    let message = format!("absence `{}` has no certain event before it", absence.name.text);
    Diagnostic::error(Code::AbsenceUnanchored, span, message)
}

pub(super) fn absence_of(element: &Element) -> Option<&Absence> {
    match &element.kind {
        ElementKind::Absence(absence) => Some(absence),
        ElementKind::Step(_) | ElementKind::Group(_) | ElementKind::Choice(_) => None,
    }
}
