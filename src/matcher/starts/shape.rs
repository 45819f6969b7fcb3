//! Which patterns the executor takes, and what it knows of them beforehand.

use std::sync::Arc;

use super::list::Tracked;
use super::reads::{Condition, Read, Rewriter, grows, reads_held};
use crate::event::StepId;
use crate::lang::hir::{Expr, Greed, GroupId, Keep, KeepPolicy, Mode, Node, Repeat, Skip, StepNode, Word};
use crate::matcher::capture::Layout;
use crate::matcher::linear::{Linear, POSITIONS_MAX, lifetime, refused};
use crate::matcher::{Plan, Refused};
use crate::nfa::Wait;
use crate::time::{Duration, EventTime};

/// What is the same for all keys.
#[derive(Debug)]
pub(super) struct Shape {
    /// The positions before the loop, or before the last.
    pub(super) prefix: Vec<Spot>,
    pub(super) repeated: Option<Repeated>,
    /// The last position; none where a loop is last.
    pub(super) last: Option<Spot>,
    /// What must not have come in so long before the first event.
    pub(super) leading: Vec<(Absent, Duration)>,
    /// What must not come at the end.
    pub(super) wait: Option<(Wait, Vec<Condition>)>,
    pub(super) having: Option<Condition>,
    /// Whether a match that a start does not give is given by no later one either.
    pub(super) oldest_decides: bool,
    pub(super) within: Option<Duration>,
    /// How long a start lives at most, if the pattern says so.
    lifetime: Option<Duration>,
    pub(super) skip: Skip,
    pub(super) keep: Option<Keep>,
    /// Whether matches are chosen by episode: `match`.
    pub(super) by_episode: bool,
    pub(super) tells_timeouts: bool,
    /// Whether all starts of a key have the same events in their loop.
    pub(super) is_shared: bool,
    pub(super) reads: Vec<Read>,
    pub(super) tracked: Vec<Tracked>,
    /// The step of each fixed position.
    pub(super) fixed: Vec<StepId>,
    /// The distinct steps, each with the positions that take its events, a bit each.
    pub(super) steps: Vec<(StepId, u64)>,
}

/// A position.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) step: StepId,
    pub(super) word: Word,
    /// What ends a run that waits for it.
    pub(super) absences: Vec<Absent>,
    /// What its event must meet with what is held.
    pub(super) conditions: Vec<Condition>,
    /// The groups of which its event begins an iteration.
    pub(super) enters: Vec<GroupId>,
    /// Its event comes less than so long after that of a position before.
    pub(super) windows: Vec<(usize, Duration)>,
}

/// What must not come.
#[derive(Debug)]
pub(super) struct Absent {
    pub(super) step: StepId,
    pub(super) conditions: Vec<Condition>,
}

/// A loop.
#[derive(Debug)]
pub(super) struct Repeated {
    /// Its first event.
    pub(super) first: Spot,
    /// What the others must meet with what is held.
    pub(super) conditions: Vec<Condition>,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) is_greedy: bool,
    pub(super) until: Option<Expr>,
    /// What must not come once it has its minimum.
    pub(super) after: Vec<Absent>,
}

impl Shape {
    /// The shape of a pattern.
    ///
    /// # Errors
    ///
    /// Why it is not for this executor.
    pub(super) fn of(plan: &Arc<Plan>) -> Result<(Shape, Arc<Layout>), Refused> {
        let pattern = &plan.pattern;
        if pattern.mode == Mode::Longest {
            return refused("`match longest` compares runs of different length");
        }
        if pattern.mode == Mode::All && pattern.skip != Skip::None {
            return refused("`match all` with a skip strategy makes matches wait for each other");
        }
        let Some(layout) = Layout::of(pattern) else { return refused("it reads more than 28 fields") };
        let shape = match loop_of(plan) {
            Some(at) => Draft { plan, layout: &layout }.with_loop(at)?,
            None => Draft { plan, layout: &layout }.chain()?,
        };
        Ok((shape, Arc::new(layout)))
    }

    /// How long before a first event is looked back.
    pub(super) fn looks_back(&self) -> Option<Duration> {
        self.leading.iter().map(|(_, wait)| *wait).max()
    }

    /// When the wait at the end is over for a start whose last event has come, if there is one.
    pub(super) fn wait_ends(&self, began: EventTime, last: EventTime) -> Option<EventTime> {
        let (wait, _) = self.wait.as_ref()?;
        Some(match wait.wait {
            Some(wait) => last.plus(wait),
            None => began.plus(self.within.expect("a wait without an end has a window")),
        })
    }

    /// How long an event is held at most, if the pattern says so.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        self.lifetime.map(|lifetime| lifetime.max(self.looks_back().unwrap_or_default()))
    }

    /// The bit of the loop.
    pub(super) fn loop_bit(&self) -> u64 {
        if self.repeated.is_some() { 1 << self.prefix.len() } else { 0 }
    }

    /// The bit of the last position.
    pub(super) fn last_bit(&self) -> u64 {
        let at = self.prefix.len() + usize::from(self.repeated.is_some());
        if self.last.is_some() { 1 << at } else { 0 }
    }

    /// Whether some event between two others matters that fits no step.
    pub(super) fn sees_all(&self) -> bool {
        let is_next = |spot: &Spot| spot.word == Word::Next;
        self.prefix.iter().skip(1).chain(&self.last).any(is_next)
            || self.repeated.as_ref().is_some_and(|repeated| repeated.until.is_some())
    }
}

/// The step that is run as a loop: the one whose number is open, or one of a fixed number before the last step.
pub(super) fn loop_of(plan: &Plan) -> Option<usize> {
    let body = &plan.pattern.body;
    let repeat = |node: &Node| match node {
        Node::Step(step) => Some(step.repeat),
        _ => None,
    };
    let is_open = |node: &Node| repeat(node).is_some_and(|Repeat { min, max }| max != Some(min));
    if let Some(at) = body.iter().position(is_open) {
        return Some(at);
    }
    let [.., before, Node::Step(last)] = body.as_slice() else { return None };
    let is_flat = plan.pattern.groups.is_empty() && body.iter().all(|node| repeat(node).is_some());
    let is_loop = repeat(before).is_some_and(Repeat::loops) && !last.repeat.loops();
    let Node::Step(step) = before else { return None };
    let is_plain = step.between == Word::Then
        && step.gap.is_none()
        && step.word == Word::Then
        && last.word == Word::Then
        && plan.pattern.step(step.step).conditions.iter().all(|part| part.local);
    (is_flat && is_loop && is_plain && plan.pattern.mode == Mode::First).then(|| body.len() - 2)
}

/// Makes the shape of one pattern.
struct Draft<'a> {
    plan: &'a Arc<Plan>,
    layout: &'a Layout,
}

impl<'a> Draft<'a> {
    fn rewriter(&self, repeated: Option<StepId>, fixed: &'a [StepId]) -> Rewriter<'a> {
        Rewriter {
            plan: self.plan,
            layout: self.layout,
            repeated,
            fixed,
            reads: Vec::new(),
            tracked: Vec::new(),
        }
    }

    /// A pattern without a fork.
    fn chain(&self) -> Result<Shape, Refused> {
        let pattern = &self.plan.pattern;
        let linear = Linear::with_windows(self.plan)?;
        let has_windows = linear.links.iter().any(|link| !link.windows.is_empty());
        if has_windows && (pattern.keep.is_some() || !pattern.timeout_emits.is_empty()) {
            return refused("`gap`, or the window of a group, beside `keep` or timeouts that are told");
        }
        if linear.links.iter().skip(1).any(|link| link.word == Word::ThenAny) {
            return refused("`any` keeps every way open");
        }
        let lifetime = lifetime(self.plan, &linear);
        let fixed: Vec<StepId> = linear.links.iter().map(|link| link.step).collect();
        let mut rewriter = Rewriter { fixed: &fixed, ..self.rewriter(None, &[]) };
        let mut spots = Vec::new();
        for (at, link) in linear.links.iter().enumerate() {
            let conditions = &pattern.step(link.step).conditions;
            let held = link.held_conditions.iter().map(|part| &conditions[*part].expr);
            spots.push(Spot {
                step: link.step,
                word: link.word,
                absences: link.absences.iter().map(|step| absent(&mut rewriter, *step, at)).collect(),
                conditions: held.map(|expr| rewriter.condition(expr, at)).collect(),
                enters: link.enters.clone(),
                windows: link.windows.clone(),
            });
        }
        let len = fixed.len();
        let wait = linear.wait.map(|wait| (wait, absent(&mut rewriter, wait.step, len).conditions));
        let having = pattern.having.as_ref().map(|having| rewriter.condition(having, len));
        let leading = self.leading(&mut rewriter);
        let (reads, tracked) = (rewriter.reads, rewriter.tracked);
        let last = spots.pop();
        Ok(Shape {
            steps: linear.steps(),
            leading,
            wait,
            having,
            lifetime,
            is_shared: false,
            reads,
            tracked,
            fixed,
            ..self.empty(spots, None, last)
        })
    }

    /// A pattern with a loop at this place of its body.
    fn with_loop(&self, at: usize) -> Result<Shape, Refused> {
        let pattern = &self.plan.pattern;
        let Node::Step(node) = &pattern.body[at] else {
            return refused("several events can come next at one place");
        };
        self.check_loop(node, at)?;
        let steps = self.positions(node.step);
        if steps.len() > POSITIONS_MAX {
            return refused("it has more than 63 positions");
        }
        let fixed: Vec<StepId> = steps.iter().copied().filter(|step| *step != node.step).collect();
        let prefix = steps.iter().position(|step| *step == node.step).expect("it is one of them");
        let mut rewriter = Rewriter { fixed: &fixed, ..self.rewriter(Some(node.step), &[]) };
        let mut spots = self.spots(&mut rewriter, node.step);
        let later = pattern.step(node.step).conditions.iter().filter(|part| !part.local);
        let conditions: Vec<Condition> = later.map(|part| rewriter.condition(&part.expr, prefix)).collect();
        let having = pattern.having.as_ref().map(|having| rewriter.condition(having, prefix));
        let leading = self.leading(&mut rewriter);
        if prefix == 0 && leading.iter().any(|(absent, _)| !absent.conditions.is_empty()) {
            return refused("an absence before the first step compares with an event of a loop");
        }
        let (reads, tracked) = (rewriter.reads, rewriter.tracked);
        let mut last = spots.split_off(prefix + 1).pop();
        let first = spots.pop().expect("the loop");
        let is_shared = first.conditions.is_empty() && conditions.is_empty();
        let oldest_decides = is_shared && prefix == 0 && self.oldest_decides(node, last.as_ref());
        let repeated = Repeated {
            first,
            conditions,
            min: node.repeat.min as usize,
            max: node.repeat.max.map_or(usize::MAX, |max| max as usize),
            is_greedy: node.greed == Greed::Greedy,
            until: node.until.clone(),
            after: last.as_mut().map_or_else(Vec::new, |last| std::mem::take(&mut last.absences)),
        };
        Ok(Shape {
            steps: bits(&steps),
            leading,
            having,
            oldest_decides,
            lifetime: pattern.within,
            is_shared,
            reads,
            tracked,
            fixed,
            ..self.empty(spots, Some(repeated), last)
        })
    }

    /// The nodes behind absences before the first step.
    fn nodes(&self) -> &'a [Node] {
        &self.plan.pattern.body[self.plan.automaton.leading.len()..]
    }

    /// The step of each position, the loop being one.
    fn positions(&self, repeated: StepId) -> Vec<StepId> {
        let steps = self.nodes().iter().filter_map(|node| match node {
            Node::Step(step) => Some(step),
            _ => None,
        });
        let count = |step: &StepNode| if step.step == repeated { 1 } else { step.repeat.min as usize };
        steps.flat_map(|step| std::iter::repeat_n(step.step, count(step))).collect()
    }

    /// The positions, the loop being one.
    fn spots(&self, rewriter: &mut Rewriter<'_>, repeated: StepId) -> Vec<Spot> {
        let mut spots: Vec<Spot> = Vec::new();
        let mut absences: Vec<StepId> = Vec::new();
        for node in self.nodes() {
            match node {
                Node::Absence(absence) => absences.push(absence.step),
                Node::Step(step) => {
                    let count = if step.step == repeated { 1 } else { step.repeat.min as usize };
                    for number in 0..count {
                        let absences = std::mem::take(&mut absences);
                        spots.push(self.spot(rewriter, step, absences, spots.len(), number == 0));
                    }
                }
                Node::Group(_) | Node::Choice(_) => {}
            }
        }
        spots
    }

    /// Whether what the oldest start does not give no later one gives either: the loop of a later start is a part of
    /// its loop, if nothing cuts that off, and what is asked can only become true with more events.
    fn oldest_decides(&self, node: &StepNode, last: Option<&Spot>) -> bool {
        let is_nested = node.repeat.max.is_none()
            && node.until.is_none()
            && node.greed != Greed::Greedy
            && last.is_none_or(|last| last.absences.is_empty());
        let pattern = &self.plan.pattern;
        let grows = |expr: &Expr| grows(expr, node.step);
        is_nested
            && match last {
                Some(last) => {
                    pattern.step(last.step).conditions.iter().all(|part| part.local || grows(&part.expr))
                }
                None => pattern.having.iter().all(grows),
            }
    }

    fn leading(&self, rewriter: &mut Rewriter<'_>) -> Vec<(Absent, Duration)> {
        let leading = self.plan.automaton.leading.iter();
        leading.map(|absence| (absent(rewriter, absence.step, 1), absence.wait)).collect()
    }

    fn empty(&self, prefix: Vec<Spot>, repeated: Option<Repeated>, last: Option<Spot>) -> Shape {
        let pattern = &self.plan.pattern;
        Shape {
            prefix,
            repeated,
            last,
            leading: Vec::new(),
            wait: None,
            having: None,
            oldest_decides: false,
            within: pattern.within,
            lifetime: None,
            skip: pattern.skip,
            keep: pattern.keep,
            by_episode: pattern.mode == Mode::First,
            tells_timeouts: !pattern.timeout_emits.is_empty() && pattern.within.is_some(),
            is_shared: false,
            reads: Vec::new(),
            tracked: Vec::new(),
            fixed: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn spot(
        &self,
        rewriter: &mut Rewriter<'_>,
        node: &StepNode,
        absences: Vec<StepId>,
        taken: usize,
        is_first: bool,
    ) -> Spot {
        let conditions = self.plan.pattern.step(node.step).conditions.iter();
        let held = conditions.filter(|part| !(part.local || is_first && part.waived_while_empty));
        Spot {
            step: node.step,
            word: Word::Then,
            absences: absences.into_iter().map(|step| absent(rewriter, step, taken)).collect(),
            conditions: held.map(|part| rewriter.condition(&part.expr, taken)).collect(),
            enters: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// Whether a loop stands where, and is as, it can be run.
    fn check_loop(&self, node: &StepNode, at: usize) -> Result<(), Refused> {
        let (pattern, body) = (&self.plan.pattern, &self.plan.pattern.body);
        let name = &pattern.step(node.step).name;
        let no = |reason: String| Err(Refused(reason));
        if pattern.mode == Mode::All {
            return no(format!(
                "`match all` asks for every length of `{name}`; `match` gives one match for each episode"
            ));
        }
        if !matches!(pattern.skip, Skip::PastLast | Skip::ToNext) {
            return refused("`skip to` a step goes on inside of a match with a loop");
        }
        if !pattern.groups.is_empty()
            || body.iter().any(|node| !matches!(node, Node::Step(_) | Node::Absence(_)))
        {
            return refused("a group or a choice beside a loop");
        }
        if node.between != Word::Then {
            return no(format!("`{name}` is `strict` or `any`"));
        }
        let behind: Vec<&Node> = body[at + 1..].iter().filter(|node| matches!(node, Node::Step(_))).collect();
        let is_last_once = match behind.as_slice() {
            [] => true,
            [Node::Step(last)] => last.repeat == Repeat::ONCE,
            _ => false,
        };
        if !is_last_once {
            return no(format!("more than one event comes after the loop `{name}`"));
        }
        if matches!(body.last(), Some(Node::Absence(_))) {
            return no(format!("an absence ends it, after the loop `{name}`"));
        }
        if node.repeat.min == 0 && !body[..at].iter().any(|node| matches!(node, Node::Step(_))) {
            return no(format!("`{name}` comes first and can be left out"));
        }
        self.check_nodes(node, at, behind.is_empty())
    }

    fn check_nodes(&self, node: &StepNode, at: usize, is_last: bool) -> Result<(), Refused> {
        let (pattern, body) = (&self.plan.pattern, &self.plan.pattern.body);
        let name = &pattern.step(node.step).name;
        let no = |reason: String| Err(Refused(reason));
        if pattern.having.is_some() && !is_last {
            return refused(
                "`having` is asked after the last step; as a condition of that step it costs less",
            );
        }
        let is_kept = |keep: &Keep| pattern.skip != Skip::PastLast || keep.policy == KeepPolicy::Fail;
        if pattern.keep.as_ref().is_some_and(is_kept) {
            return refused("`keep` counts starts beside a loop");
        }
        if is_last && (node.greed == Greed::Lazy || node.repeat.min == 0) {
            return no(format!("`{name}` is last, and `lazy` or left out"));
        }
        if node.until.as_ref().is_some_and(reads_held) {
            return no(format!("`until` of `{name}` looks at what is held"));
        }
        for (index, other) in body.iter().enumerate().skip(self.plan.automaton.leading.len()) {
            match other {
                Node::Step(step) => {
                    if step.gap.is_some() {
                        return refused("`gap` beside a loop");
                    }
                    if index > 0 && step.word != Word::Then
                        || step.repeat.loops() && step.between != Word::Then
                    {
                        return no(format!("`next` or `any` beside the loop `{name}`"));
                    }
                    if index != at && step.repeat.max != Some(step.repeat.min) {
                        return no(format!("`{}` and `{name}` both loop", pattern.step(step.step).name));
                    }
                    if index < at && pattern.step(step.step).conditions.iter().any(|part| !part.local) {
                        return no(format!(
                            "`{}` compares with what is held, before the loop `{name}`",
                            pattern.step(step.step).name
                        ));
                    }
                }
                Node::Absence(absence) => {
                    let is_local = pattern.step(absence.step).conditions.iter().all(|part| part.local);
                    if absence.next || !is_local {
                        return no(format!(
                            "`next not`, or an absence that compares, beside the loop `{name}`"
                        ));
                    }
                    if node.repeat.min == 0 && index < at {
                        return no(format!("an absence before `{name}`, which can be left out"));
                    }
                }
                _ => return refused("a group or a choice beside a loop"),
            }
        }
        Ok(())
    }
}

fn absent(rewriter: &mut Rewriter<'_>, step: StepId, taken: usize) -> Absent {
    let parts = rewriter.plan.pattern.step(step).conditions.iter();
    let parts = parts.filter(|part| !part.local && !part.waived_while_empty);
    let exprs: Vec<Expr> = parts.map(|part| part.expr.clone()).collect();
    Absent { step, conditions: exprs.iter().map(|expr| rewriter.condition(expr, taken)).collect() }
}

fn bits(positions: &[StepId]) -> Vec<(StepId, u64)> {
    let mut steps: Vec<(StepId, u64)> = Vec::new();
    for (at, step) in positions.iter().enumerate() {
        match steps.iter_mut().find(|(known, _)| known == step) {
            Some((_, bits)) => *bits |= 1 << at,
            None => steps.push((*step, 1 << at)),
        }
    }
    steps
}
