//! The steps of a body: which there are, what they are called, and how often they may be taken.
//!
//! A group of one step is that step, so the body is [`normalized`] first; everything after works on that.

use super::names::nearest;
use super::patterns::{PatternChecker, unknown_stream};
use super::scope::{GroupScope, StepScope};
use crate::diag::{Code, Diagnostic, Span};
use crate::lang::ast::{
    Absence, Choice, ChoiceKind, Contiguity, Element, ElementKind, Greed, Group, Ident, Quantifier, Spanned,
    Step,
};
use crate::lang::hir::{GroupId, GroupInfo};
use crate::limits::{BRANCHES_MAX, POSITIONS_MAX};

/// The body, with every group that is only one step replaced by that step.
pub(super) fn normalized(body: &[Element]) -> Vec<Element> {
    let normal = |element: &Element| {
        let mut element = element.clone();
        if let ElementKind::Group(group) = &mut element.kind {
            group.body = normalized(&group.body);
            if let Some(step) = only_step(group) {
                element.kind = ElementKind::Step(step);
            }
        }
        element
    };
    body.iter().map(normal).collect()
}

/// The step that a group is, if it is only that: no window, and nothing said both inside and outside.
fn only_step(group: &Group) -> Option<Step> {
    let [Element { kind: ElementKind::Step(step), .. }] = group.body.as_slice() else { return None };
    let twice = group.within.is_some()
        || (group.quantifier.is_some() && step.quantifier.is_some())
        || (group.contiguity.is_some() && step.contiguity.is_some())
        || (group.greed.is_some() && step.greed.is_some())
        || (group.until.is_some() && step.until.is_some())
        || (group.gap.is_some() && step.gap.is_some());
    (!twice).then(|| Step {
        quantifier: step.quantifier.or(group.quantifier),
        contiguity: step.contiguity.or(group.contiguity),
        greed: step.greed.or(group.greed),
        until: step.until.clone().or_else(|| group.until.clone()),
        gap: step.gap.or(group.gap),
        ..step.clone()
    })
}

/// How often: at least and at most.
pub(super) fn bounds(quantifier: Option<&Spanned<Quantifier>>) -> (i64, Option<i64>) {
    quantifier.map_or((1, Some(1)), |quantifier| (quantifier.node.min, quantifier.node.max))
}

/// Whether more than one event, or iteration, may be taken.
pub(super) fn loops(quantifier: Option<&Spanned<Quantifier>>) -> bool {
    bounds(quantifier).1 != Some(1)
}

/// Whether it may take no event at all.
pub(super) fn may_be_nothing(element: &Element) -> bool {
    match &element.kind {
        ElementKind::Step(step) => bounds(step.quantifier.as_ref()).0 == 0,
        ElementKind::Absence(_) => true,
        ElementKind::Group(group) => {
            bounds(group.quantifier.as_ref()).0 == 0 || group.body.iter().all(may_be_nothing)
        }
        ElementKind::Choice(_) => false,
    }
}

/// The groups around what is being collected.
#[derive(Clone, Default)]
struct Around {
    looped: Vec<usize>,
    innermost: Option<GroupId>,
}

impl PatternChecker<'_, '_> {
    /// Gives every step, absence and branch its number, and refuses what is wrong with it alone.
    pub(super) fn collect_steps(&mut self, body: &[Element]) {
        let reported = self.program.diagnostics.len();
        let mut choices = 0;
        self.collect(body, &Around::default(), &mut choices);
        self.look_back(body);
        for step in 0..self.steps.len() {
            self.check_name(step);
        }
        let positions = positions(body);
        if positions > POSITIONS_MAX as u64
            && !self.program.diagnostics[reported..].iter().any(|told| told.code == Code::TooLarge)
        {
            let name = &self.item.name;
            let message = format!("pattern `{}` unrolls into {positions} positions", name.text);
            let diagnostic = Diagnostic::error(Code::TooLarge, name.span, message)
                .note(format!(
                    "each required repetition is a position; a pattern has at most {POSITIONS_MAX}"
                ))
                .help("use an open quantifier and a condition: `a+ … having count(a) >= 5000`");
            self.report(diagnostic);
        }
    }

    fn collect(&mut self, body: &[Element], around: &Around, choices: &mut usize) {
        for element in body {
            match &element.kind {
                ElementKind::Step(step) => {
                    self.check_step(step);
                    self.add_step(&step.name, step.stream.as_ref(), around);
                    let looping = loops(step.quantifier.as_ref());
                    self.steps.last_mut().expect("just added").loops = looping;
                }
                ElementKind::Absence(absence) => self.collect_absence(absence, around),
                ElementKind::Group(group) => self.collect_group(group, around, choices),
                ElementKind::Choice(choice) => {
                    self.check_choice(choice);
                    for branch in &choice.branches {
                        self.add_step(&branch.step.name, branch.step.stream.as_ref(), around);
                        let one_of = choice.kind.node == ChoiceKind::One;
                        self.steps.last_mut().expect("just added").choice = Some((*choices, one_of));
                    }
                    *choices += 1;
                }
            }
        }
    }

    fn collect_absence(&mut self, absence: &Absence, around: &Around) {
        self.add_step(&absence.name, absence.stream.as_ref(), around);
        self.steps.last_mut().expect("just added").absent = true;
    }

    fn collect_group(&mut self, group: &Group, around: &Around, choices: &mut usize) {
        self.check_group(group);
        let looped = loops(group.quantifier.as_ref());
        let at = self.groups.len();
        let mut inside = around.clone();
        let mut id = None;
        let mut info = None;
        if looped || group.within.is_some() {
            let number = self.groups.iter().filter(|group| group.id.is_some()).count();
            id = Some(GroupId(number as u32));
            info = Some(GroupInfo { parent: around.innermost, within: None, until: None, looped });
            inside.innermost = id;
        }
        if looped {
            inside.looped.push(at);
        }
        let first = self.steps.len();
        self.groups.push(GroupScope {
            steps: (first, first),
            looped_groups: around.looped.clone(),
            id,
            info,
        });
        self.collect(&group.body, &inside, choices);
        self.groups[at].steps.1 = self.steps.len();
    }

    fn add_step(&mut self, name: &Ident, stream: Option<&Ident>, around: &Around) {
        let all: Vec<usize> = (0..self.sources.len()).collect();
        let (sources, known) = match stream {
            None => (all, true),
            Some(stream) => match all.iter().find(|source| self.stream_name(**source) == stream.text) {
                Some(source) => (vec![*source], true),
                None => {
                    self.unread_stream(name, stream);
                    (all, false)
                }
            },
        };
        self.steps.push(StepScope {
            name: name.clone(),
            sources,
            known,
            loops: false,
            absent: false,
            looped_groups: around.looped.clone(),
            group: around.innermost,
            choice: None,
            looks_back_from: None,
        });
    }

    fn unread_stream(&mut self, step: &Ident, stream: &Ident) {
        // What the step reads cannot be checked either.
        let were_known = std::mem::replace(&mut self.sources_known, false);
        let read: Vec<&str> = (0..self.sources.len()).map(|source| self.stream_name(source)).collect();
        let in_item = self.item.sources.iter().any(|source| source.stream.text == stream.text);
        let diagnostic = if self.program.stream_named(&stream.text).is_some() {
            let list = self.item.sources.iter().map(|source| source.stream.text.as_str());
            let list: Vec<&str> = list.chain([stream.text.as_str()]).collect();
            let message = format!("the pattern does not read `{}`", stream.text);
            Some(
                Diagnostic::error(Code::UnknownStream, stream.span, message)
                    .help(format!("add it to the streams of the pattern: `on {}`", list.join(", "))),
            )
        } else if in_item || (!were_known && nearest(&stream.text, read.iter().copied()).is_none()) {
            None // the same mistake as in `on`
        } else {
            unknown_stream(stream, read, self.program.is_answered(&stream.text))
                .map(|diagnostic| diagnostic.label(format!("the stream of step `{}`", step.text)))
        };
        self.program.diagnostics.extend(diagnostic);
    }

    /// Lets the leading absences read the step directly after them.
    fn look_back(&mut self, body: &[Element]) {
        let leading =
            body.iter().take_while(|element| matches!(element.kind, ElementKind::Absence(_))).count();
        let step = body.get(leading).filter(|element| matches!(element.kind, ElementKind::Step(_)));
        if step.is_some() {
            for absence in &mut self.steps[..leading] {
                absence.looks_back_from = Some(leading);
            }
        }
    }

    fn check_name(&mut self, step: usize) {
        let name = self.steps[step].name.clone();
        if let Some(first) = self.steps[..step].iter().find(|earlier| earlier.name.text == name.text) {
            let message = format!("two steps are called `{}`", name.text);
            let diagnostic = Diagnostic::error(Code::DuplicateName, name.span, message)
                .also(first.name.span, "first here")
                .help(format!("rename one of them, or write `{}{{2}}` for two of one kind", name.text));
            self.report(diagnostic);
            return;
        }
        let Some((what, place)) = self.shadowed(&name.text) else { return };
        let message = format!("step `{}` shares its name with {what}", name.text);
        let mut diagnostic = Diagnostic::error(Code::NameShadows, name.span, message)
            .note("in a condition a name would then have two meanings")
            .help(format!("give the step a name of its own: `{}_event`", name.text));
        if let Some(place) = place {
            diagnostic = diagnostic.also(place, "here");
        }
        self.report(diagnostic);
    }

    /// What else in scope has this name.
    fn shadowed(&self, name: &str) -> Option<(String, Option<Span>)> {
        for source in &self.sources {
            let stream = &self.program.streams[source.stream];
            if stream.field(name).is_some() {
                return Some((format!("a field of stream `{}`", stream.name), stream.span));
            }
        }
        if self.keys.iter().any(|key| key.name == name) {
            return Some(("a part of the key".to_owned(), None));
        }
        if let Some(stream) = self.program.stream_named(name) {
            return Some(("a stream".to_owned(), self.program.streams[stream].span));
        }
        let planned = self.program.planned.get(name)?;
        Some(("a table or `let`".to_owned(), Some(*planned)))
    }

    fn check_step(&mut self, step: &Step) {
        self.check_quantifier(step.quantifier.as_ref());
        let (min, max) = bounds(step.quantifier.as_ref());
        let name = &step.name.text;
        if let Some(contiguity) = step.contiguity.filter(|_| max == Some(1)) {
            self.no_loop(contiguity_word(contiguity.node), contiguity.span, name);
        }
        if let (Some(until), true) = (&step.until, max == Some(1)) {
            self.no_loop("until", until.span, name);
        }
        let Some(greed) = step.greed else { return };
        let word = greed_word(greed.node);
        let any = step.contiguity.filter(|contiguity| contiguity.node == Contiguity::Any);
        let diagnostic = if Some(min) == max {
            let written =
                step.quantifier.map_or_else(|| name.clone(), |q| format!("{name}{}", written(q.node)));
            Diagnostic::error(
                Code::BadGreed,
                greed.span,
                format!("`{word}` on a step that takes a fixed number of events"),
            )
            .note(format!("`{written}` leaves nothing to prefer"))
            .help(match min {
                ..=1 => format!("leave `{word}` out, or let the step loop: `{name}+ {word}`"),
                _ => format!("leave `{word}` out, or open the quantifier: `{name}{{{min},}} {word}`"),
            })
        } else if let (Some(any), Greed::Greedy) = (any, greed.node) {
            Diagnostic::error(Code::BadGreed, greed.span, "`greedy` together with `any`")
                .also(any.span, "`any` keeps every way open")
                .note(
                    "`greedy` closes the ways out of the loop while events fit it, `any` keeps all ways open",
                )
                .help("leave one of the two out")
        } else {
            return;
        };
        self.report(diagnostic);
    }

    fn no_loop(&mut self, word: &str, span: Span, name: &str) {
        let message = format!("`{word}` on a step that does not loop");
        let diagnostic = Diagnostic::error(Code::BadQuantifier, span, message)
            .note(format!(
                "`{word}` speaks of the repetitions of a loop, and `{name}` takes at most one event"
            ))
            .help(format!("leave it out, or give the step a quantifier: `{name}+`"));
        self.report(diagnostic);
    }

    fn check_quantifier(&mut self, quantifier: Option<&Spanned<Quantifier>>) {
        let Some(Spanned { node: Quantifier { min, max }, span }) = quantifier else { return };
        let diagnostic = if *max == Some(0) || *min < 0 {
            Diagnostic::error(Code::BadQuantifier, *span, "a quantifier that takes no event")
                .note("a step that is never taken says nothing")
                .help("remove the step, or write `not` before it if no such event may come")
        } else if max.is_some_and(|max| max < *min) {
            let max = max.unwrap_or(0);
            Diagnostic::error(
                Code::BadQuantifier,
                *span,
                format!("at least {min} and at most {max} cannot be met"),
            )
            .help(format!("write `{{{max},{min}}}`"))
        } else if max.unwrap_or(0).max(*min) > POSITIONS_MAX as i64 {
            Diagnostic::error(
                Code::TooLarge,
                *span,
                format!("a loop unrolls into at most {POSITIONS_MAX} positions"),
            )
            .note("each repetition that is counted is a position of the automaton")
            .help(format!("use `+` and `having count(…) >= {}`", max.unwrap_or(0).max(*min)))
        } else {
            return;
        };
        self.report(diagnostic);
    }

    fn check_group(&mut self, group: &Group) {
        self.check_quantifier(group.quantifier.as_ref());
        let looped = loops(group.quantifier.as_ref());
        if let Some(greed) = group.greed {
            let word = greed_word(greed.node);
            let diagnostic = Diagnostic::error(Code::BadGreed, greed.span, format!("`{word}` on a group"))
                .note("an event does not fit a group as a whole, so there is nothing to decide by")
                .help(format!("leave it out, or write `{word}` on a step inside the group"));
            self.report(diagnostic);
        }
        if let Some(contiguity) = group.contiguity.filter(|_| !looped) {
            self.no_loop_group(contiguity_word(contiguity.node), contiguity.span);
        }
        if let (Some(until), false) = (&group.until, looped) {
            self.no_loop_group("until", until.span);
        }
        let takes = group.body.iter().any(|element| !matches!(element.kind, ElementKind::Absence(_)));
        if looped && takes && group.body.iter().all(may_be_nothing) {
            let quantifier = group.quantifier.as_ref().expect("it loops");
            let first = group.body[0].span;
            let diagnostic = Diagnostic::error(
                Code::EmptyMatch,
                quantifier.span,
                "a loop over a group that may take no event",
            )
            .also(first, "everything inside is optional")
            .note("such a group could match nothing, again and again")
            .help("make one step inside it required");
            self.report(diagnostic);
        }
    }

    fn no_loop_group(&mut self, word: &str, span: Span) {
        let message = format!("`{word}` on a group that does not loop");
        let diagnostic = Diagnostic::error(Code::BadQuantifier, span, message)
            .note(format!("`{word}` speaks of the repetitions of a loop"))
            .help("leave it out, or give the group a quantifier: `( … )+`");
        self.report(diagnostic);
    }

    fn check_choice(&mut self, choice: &Choice) {
        let branches = choice.branches.len();
        let bad = |span: Span, message: String| Diagnostic::error(Code::BadChoice, span, message);
        let mut found = Vec::new();
        if branches < 2 {
            let name = choice.branches.first().map_or("a", |branch| branch.step.name.text.as_str());
            found.push(
                bad(choice.kind.span, "a choice of a single branch".to_owned())
                    .help(format!("write the step alone: `{name}`, or add a branch")),
            );
        } else if let ChoiceKind::Some(take) = choice.kind.node
            && !(1..=branches as i64).contains(&take)
        {
            found.push(
                bad(choice.kind.span, format!("{take} of {branches} branches cannot be taken"))
                    .help(format!("write a number from 1 to {branches}")),
            );
        }
        if choice.kind.node != ChoiceKind::One && branches > BRANCHES_MAX {
            let message = format!("a choice of {branches} branches in any order");
            found.push(
                Diagnostic::error(Code::TooLarge, choice.kind.span, message)
                    .note(format!(
                        "every set of branches taken is a position, so there may be {BRANCHES_MAX} at most"
                    ))
                    .help("use `one of`, or split the choice over several steps"),
            );
        }
        if let Some(quantifier) = choice.quantifier {
            let kind = choice_words(choice.kind.node);
            found.push(
                bad(quantifier.span, "a quantifier on a choice".to_owned())
                    .note("it could mean the same branch again, or another choice")
                    .help(format!(
                        "write `( {kind} (…) ){}` for a new choice each time",
                        written(quantifier.node)
                    )),
            );
        }
        if let Some(contiguity) = choice.contiguity.filter(|_| choice.kind.node == ChoiceKind::One) {
            let word = contiguity_word(contiguity.node);
            found.push(
                Diagnostic::error(Code::BadQuantifier, contiguity.span, format!("`{word}` on `one of`"))
                    .note("`one of` takes a single event, so there is nothing between")
                    .help("leave it out; `next` or `then any` before `one of` say how it is reached"),
            );
        }
        for branch in &choice.branches {
            found.extend(branch_refusal(&branch.step));
        }
        self.program.diagnostics.extend(found);
    }
}

/// Branches are single events.
fn branch_refusal(step: &Step) -> Option<Diagnostic> {
    let name = &step.name.text;
    let (what, span, help) = if let Some(quantifier) = &step.quantifier {
        (
            "a quantifier",
            quantifier.span,
            "move the loop out of the choice; a group may hold choices, not the other way round".to_owned(),
        )
    } else if let Some(until) = &step.until {
        ("`until`", until.span, format!("put its opposite into the condition of `{name}`"))
    } else if let Some(gap) = &step.gap {
        ("`gap`", gap.span, format!("write it once, after the choice: `(…) gap {}`", gap.node))
    } else if let Some(contiguity) = &step.contiguity {
        ("`strict` or `any`", contiguity.span, "write it once, after the choice".to_owned())
    } else if let Some(greed) = &step.greed {
        ("`greedy` or `lazy`", greed.span, "leave it out".to_owned())
    } else {
        return None;
    };
    Some(
        Diagnostic::error(Code::BadChoice, span, format!("{what} on branch `{name}`"))
            .note("a branch takes a single event")
            .help(help),
    )
}

pub(super) fn contiguity_word(contiguity: Contiguity) -> &'static str {
    match contiguity {
        Contiguity::Strict => "strict",
        Contiguity::Any => "any",
    }
}

fn greed_word(greed: Greed) -> &'static str {
    match greed {
        Greed::Greedy => "greedy",
        Greed::Lazy => "lazy",
    }
}

pub(super) fn choice_words(kind: ChoiceKind) -> String {
    match kind {
        ChoiceKind::One => "one of".to_owned(),
        ChoiceKind::Each => "each of".to_owned(),
        ChoiceKind::Some(take) => format!("{take} of"),
    }
}

/// A quantifier as it is written.
pub(super) fn written(quantifier: Quantifier) -> String {
    match (quantifier.min, quantifier.max) {
        (0, Some(1)) => "?".to_owned(),
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}

/// How many positions a body unrolls into.
fn positions(body: &[Element]) -> u64 {
    let repeated = |quantifier: Option<&Spanned<Quantifier>>, each: u64| {
        let (min, max) = bounds(quantifier);
        each.saturating_mul(max.unwrap_or(min.saturating_add(1)).clamp(1, i64::MAX) as u64)
    };
    let of = |element: &Element| match &element.kind {
        ElementKind::Step(step) => repeated(step.quantifier.as_ref(), 1),
        ElementKind::Absence(_) => 1,
        ElementKind::Group(group) => repeated(group.quantifier.as_ref(), positions(&group.body)),
        ElementKind::Choice(choice) => match choice.kind.node {
            ChoiceKind::One => 1,
            ChoiceKind::Each | ChoiceKind::Some(_) => 1 << choice.branches.len().min(BRANCHES_MAX),
        },
    };
    body.iter().map(of).fold(0, u64::saturating_add)
}
