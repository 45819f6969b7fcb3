//! Which matches come out: what a mode, a skip and `on timeout` can and cannot mean.
//!
//! Under `match` a record comes as soon as a match is certain, so whatever could still be taken at the end never is.
//! Under `match longest` a record comes once nothing can be taken any more, so every way must end some time.

use super::absences::absence_of;
use super::names::{ordinal, suggestion};
use super::patterns::PatternChecker;
use super::steps::{bounds, choice_words, may_be_nothing, written};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::StepId;
use crate::lang::ast::{
    Absence, Choice, ChoiceKind, Contiguity, Element, ElementKind, Greed, Ident, Mode, Quantifier, Skip,
    Spanned, Word,
};
use crate::lang::hir;

impl PatternChecker<'_, '_> {
    /// Refuses what the mode cannot honour; where to go on after a match.
    pub(super) fn check_mode(&mut self, body: &[Element]) -> hir::Skip {
        match self.item.mode.node {
            Mode::First if self.item.having.is_none() => {
                if let Some(diagnostic) = never_more(body) {
                    self.report(diagnostic);
                }
            }
            Mode::Longest if self.item.within.is_none() => {
                if let Some(open) = endless(body, true) {
                    self.report_endless(&open);
                }
            }
            Mode::First | Mode::Longest | Mode::All => {}
        }
        self.check_timeouts(body);
        self.skip()
    }

    fn report_endless(&mut self, open: &Open) {
        let diagnostic =
            Diagnostic::error(Code::LongestNeverEnds, self.item.mode.span, "`match longest` without an end")
                .also(open.span, open.why.clone())
                .note("the longest match is known only once it cannot grow any more")
                .help("give the pattern a `within 10m`, or the step a `gap 30s`, an `until`, or `strict`");
        self.report(diagnostic);
    }

    fn check_timeouts(&mut self, body: &[Element]) {
        let Some(first) = self.item.timeout_emits.first() else { return };
        if self.item.within.is_none() && !body.iter().any(has_window) {
            let diagnostic = Diagnostic::error(
                Code::TimeoutWithoutWindow,
                first.span,
                "`on timeout` in a pattern that never times out",
            )
            .note("a partial match times out when a window closes")
            .help("give the pattern a `within 10m`, or a step a `gap 30s`");
            self.report(diagnostic);
        }
    }

    fn skip(&mut self) -> hir::Skip {
        let mode = self.item.mode.node;
        let Some(skip) = &self.item.skip else {
            return if mode == Mode::All { hir::Skip::None } else { hir::Skip::PastLast };
        };
        if mode == Mode::Longest {
            let diagnostic = Diagnostic::error(Code::BadSkip, skip.span, "`skip` with `match longest`")
                .also(self.item.mode.span, "the mode")
                .note("`match longest` always goes on after the last event of a match")
                .help("leave `skip` out, or use `match all` with it");
            self.report(diagnostic);
            return hir::Skip::PastLast;
        }
        match &skip.node {
            Skip::None if mode == Mode::First => {
                let diagnostic = Diagnostic::error(Code::BadSkip, skip.span, "`skip none` with `match`")
                    .also(self.item.mode.span, "the mode")
                    .note("`match` gives one match per episode; without a skip there are no episodes")
                    .help("write `match all` for every match, or `skip to next` for one from each start");
                self.report(diagnostic);
                hir::Skip::PastLast
            }
            Skip::None => hir::Skip::None,
            Skip::ToNext => hir::Skip::ToNext,
            Skip::PastLast => hir::Skip::PastLast,
            Skip::ToFirst(name) => self.skip_step(name).map_or(hir::Skip::PastLast, hir::Skip::ToFirst),
            Skip::ToLast(name) => self.skip_step(name).map_or(hir::Skip::PastLast, hir::Skip::ToLast),
        }
    }

    fn skip_step(&mut self, name: &Ident) -> Option<StepId> {
        let Some(step) = self.step_named(&name.text) else {
            let steps: Vec<&str> =
                self.steps.iter().filter(|step| !step.absent).map(|step| step.name.text.as_str()).collect();
            let message = format!("the pattern has no step `{}` to skip to", name.text);
            let diagnostic = Diagnostic::error(Code::UnknownStep, name.span, message)
                .help(suggestion(&name.text, "steps", steps));
            self.report(diagnostic);
            return None;
        };
        if self.steps[step].absent {
            let diagnostic = Diagnostic::error(
                Code::BadSkip,
                name.span,
                format!("`{}` is an absence, so it has no event to skip to", name.text),
            )
            .also(self.steps[step].name.span, "declared here")
            .help("name a step that takes an event");
            self.report(diagnostic);
            return None;
        }
        Some(StepId(step as u32))
    }
}

/// What the end could take beyond its minimum, as a diagnostic.
fn never_more(body: &[Element]) -> Option<Diagnostic> {
    let trailing = body.iter().rev().map_while(absence_of);
    let count = trailing.clone().count();
    let last = open_end(body[..body.len() - count].last()?)?;
    let Some(absence) = trailing.last() else { return Some(refused_last(&last)) };
    // Until the window closes every run waits alike, and the fullest is taken.
    let waits_for_window = |element: &Element| {
        absence_of(element).is_some_and(|a| a.wait.is_none()) && element.word.node != Word::Next
    };
    let waits_for_window = body[body.len() - count..].iter().any(waits_for_window);
    (!waits_for_window && !last.greedy).then(|| refused_before_absence(&last, absence))
}

/// A loop, or something optional, that stands last.
struct OpenEnd<'e> {
    quantifier: Spanned<Quantifier>,
    name: &'e str,
    greedy: bool,
    /// Whether `greedy` could be written there.
    could_be_greedy: bool,
}

fn open_end(last: &Element) -> Option<OpenEnd<'_>> {
    let open = |quantifier: &Spanned<Quantifier>| quantifier.node.max != Some(quantifier.node.min);
    match &last.kind {
        ElementKind::Step(step) => Some(OpenEnd {
            quantifier: step.quantifier.filter(open)?,
            name: &step.name.text,
            greedy: step.greed.is_some_and(|greed| greed.node == Greed::Greedy),
            could_be_greedy: step.contiguity.is_none_or(|between| between.node != Contiguity::Any),
        }),
        ElementKind::Group(group) => match group.quantifier.filter(open) {
            Some(quantifier) => {
                Some(OpenEnd { quantifier, name: "( … )", greedy: false, could_be_greedy: false })
            }
            None => group.body.last().and_then(open_end),
        },
        // A choice takes as many as it says.
        ElementKind::Absence(_) | ElementKind::Choice(_) => None,
    }
}

/// A run with fewer events always waits for less, so it is certain first.
fn refused_before_absence(last: &OpenEnd<'_>, absence: &Absence) -> Diagnostic {
    let (name, quantifier) = (last.name, written(last.quantifier.node));
    let (takes, instead) = takes_and_instead(last);
    let help = match last.could_be_greedy {
        true => format!(
            "write `{name}{quantifier} greedy` to take all that come and wait after the last; else {instead}"
        ),
        false => instead,
    };
    Diagnostic::error(
        Code::LastNeverMore,
        last.quantifier.span,
        format!("under `match`, `{name}{quantifier}` before the last absence {takes}"),
    )
    .also(absence.not.to(absence.name.span), "is waited for with as few events as will do")
    .note("`match` gives a match as soon as it is certain, and a run with fewer events is certain first")
    .help(help)
}

fn refused_last(last: &OpenEnd<'_>) -> Diagnostic {
    let (takes, instead) = takes_and_instead(last);
    let (name, quantifier) = (last.name, written(last.quantifier.node));
    Diagnostic::error(
        Code::LastNeverMore,
        last.quantifier.span,
        format!("under `match`, `{name}{quantifier}` at the end {takes}"),
    )
    .note("`match` gives a match as soon as it is certain, which it is at the minimum")
    .help(format!("{instead}, or `match longest` to wait for the end"))
}

/// What such an end amounts to, and how to say that.
fn takes_and_instead(last: &OpenEnd<'_>) -> (String, String) {
    let (name, min) = (last.name, last.quantifier.node.min);
    match min {
        0 => ("is never taken".to_owned(), "leave it out".to_owned()),
        1 => (
            "takes one event, and never more".to_owned(),
            format!("write `{name}` for an alert at the first"),
        ),
        _ => (
            format!("takes {min}, and never more"),
            format!("write `{name}{{{min}}}` for an alert at the {}", ordinal(min)),
        ),
    }
}

/// A way that may stay open for ever.
struct Open {
    span: Span,
    why: String,
}

/// A way that no event and no time is sure to close once a match is complete. `first`: nothing comes before.
fn endless(body: &[Element], first: bool) -> Option<Open> {
    let mut first = first;
    for element in body {
        if let Some(open) = endless_element(element, first) {
            return Some(open);
        }
        first &= absence_of(element).is_some();
    }
    None
}

fn endless_element(element: &Element, first: bool) -> Option<Open> {
    let open = |why: String| Some(Open { span: element.span, why });
    // The way to an element stays open where it may be left out, or where every later event may take it.
    let word = element.word.node;
    let entered = first || word == Word::Next;
    match &element.kind {
        ElementKind::Step(step) => {
            let name = &step.name.text;
            let (min, max) = bounds(step.quantifier.as_ref());
            if step.gap.is_some() {
                return None;
            }
            if !entered && word == Word::ThenAny {
                return open(format!("any later event may be `{name}`"));
            }
            if !entered && min == 0 && step.until.is_none() {
                return open(format!("`{name}` may still come after it was left out"));
            }
            let contiguity = step.contiguity.map(|contiguity| contiguity.node);
            let ends = step.until.is_some() || contiguity == Some(Contiguity::Strict);
            let grows = max != Some(min) && max != Some(1) || contiguity == Some(Contiguity::Any);
            if grows && !ends { open(format!("`{name}` may take ever more")) } else { None }
        }
        ElementKind::Absence(_) => None,
        ElementKind::Group(group) => {
            if group.gap.is_some() {
                return None;
            }
            if !entered && (word == Word::ThenAny || may_be_nothing(element)) {
                return open("the group may still begin".to_owned());
            }
            let (min, max) = bounds(group.quantifier.as_ref());
            let contiguity = group.contiguity.map(|contiguity| contiguity.node);
            let ends = group.until.is_some() || contiguity == Some(Contiguity::Strict);
            let grows = max != Some(min) && max != Some(1) || contiguity == Some(Contiguity::Any);
            if grows && !ends {
                return open("the group may be repeated ever more".to_owned());
            }
            if group.within.is_some() {
                return None;
            }
            endless(&group.body, first || word == Word::Next)
        }
        ElementKind::Choice(choice) => {
            let any = !entered && word == Word::ThenAny;
            let between = choice.contiguity.is_some_and(|contiguity| contiguity.node == Contiguity::Any);
            let rest = takes_fewer(choice);
            if choice.gap.is_none() && (any || between || rest) {
                let words = choice_words(choice.kind.node);
                return open(format!("`{words}` may still take another branch"));
            }
            None
        }
    }
}

/// Whether branches are left when the choice is made, which other runs wait for.
fn takes_fewer(choice: &Choice) -> bool {
    matches!(choice.kind.node, ChoiceKind::Some(take) if take > 1 && take < choice.branches.len() as i64)
        && !choice.contiguity.is_some_and(|contiguity| contiguity.node == Contiguity::Strict)
}

fn has_window(element: &Element) -> bool {
    match &element.kind {
        ElementKind::Step(step) => step.gap.is_some(),
        ElementKind::Absence(_) => false,
        ElementKind::Group(group) => {
            group.gap.is_some() || group.within.is_some() || group.body.iter().any(has_window)
        }
        ElementKind::Choice(choice) => choice.gap.is_some(),
    }
}

/// Warns where a run may wait for ever, so that its state is never freed.
pub(super) fn warn_unbounded(checker: &mut PatternChecker<'_, '_>, body: &[Element]) {
    let item = checker.item;
    let refused = item.mode.node == Mode::Longest && endless(body, true).is_some();
    if item.within.is_some() || item.keep.is_some() || refused {
        return;
    }
    if let Some(open) = waits_for_ever(body, true) {
        let message = format!("pattern `{}` keeps every start until it is complete", item.name.text);
        let diagnostic = Diagnostic::warning(Code::UnboundedState, item.name.span, message)
            .also(open.span, open.why)
            .note("its state has no bound but the global one, which stops the run when it is reached")
            .help("give the pattern a `within 10m`, or a `keep 1000 per key, drop oldest`");
        checker.report(diagnostic);
    }
}

/// A way, other than to the first event, that is closed neither by the next event nor by time.
fn waits_for_ever(body: &[Element], first: bool) -> Option<Open> {
    let mut first = first;
    for element in body {
        if let Some(open) = waits(element, first) {
            return Some(open);
        }
        first &= absence_of(element).is_some();
    }
    None
}

fn waits(element: &Element, first: bool) -> Option<Open> {
    let open = |why: &str| Some(Open { span: element.span, why: why.to_owned() });
    let waits = !first && element.word.node != Word::Next;
    match &element.kind {
        ElementKind::Absence(_) => None,
        ElementKind::Step(step) => {
            if step.gap.is_some() {
                return None;
            }
            let bounded = step.contiguity.is_some_and(|contiguity| contiguity.node == Contiguity::Strict);
            if waits {
                return open("a run may wait here for ever");
            }
            let repeats = bounds(step.quantifier.as_ref()).1 != Some(1);
            if repeats && !bounded && step.until.is_none() {
                open("a run may wait here for ever")
            } else {
                None
            }
        }
        ElementKind::Choice(choice) => {
            let several = choice.kind.node != ChoiceKind::One && choice.kind.node != ChoiceKind::Some(1);
            let strict = choice.contiguity.is_some_and(|contiguity| contiguity.node == Contiguity::Strict);
            if choice.gap.is_none() && (waits || (several && !strict)) {
                return open("a run may wait here for ever");
            }
            None
        }
        ElementKind::Group(group) => {
            if group.gap.is_some() {
                return None;
            }
            let repeats = bounds(group.quantifier.as_ref()).1 != Some(1);
            let strict = group.contiguity.is_some_and(|contiguity| contiguity.node == Contiguity::Strict);
            if waits || (repeats && !strict && group.until.is_none()) {
                return open("a run may wait here for ever");
            }
            if group.within.is_some() {
                return None;
            }
            waits_for_ever(&group.body, true)
        }
    }
}
