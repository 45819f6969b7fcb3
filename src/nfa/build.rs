//! Unrolls a pattern's body into an automaton.
//!
//! Nodes are compiled from the last to the first. Compiling a node takes the *tail*, the moves that lead to whatever
//! follows, and gives the moves that lead to the node or past it. A position keeps the tail it was compiled with as
//! its ways.

use thiserror::Error;

use super::{Automaton, End, LeadingAbsence, Loop, LoopId, Position, PositionId, Wait, Way};
use crate::event::StepId;
use crate::lang::hir::{
    AbsenceNode, ChoiceNode, Expr, Greed, GroupId, GroupNode, Node, Pattern, StepNode, Word,
};
use crate::limits::POSITIONS_MAX;
use crate::time::Duration;

/// A pattern that unrolls into more positions than [`POSITIONS_MAX`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("pattern `{pattern}` unrolls into more than {POSITIONS_MAX} positions")]
#[non_exhaustive]
pub struct TooLarge {
    /// The pattern's name.
    pub pattern: String,
}

/// Builds the automaton of a pattern.
///
/// # Errors
///
/// [`TooLarge`], where nested counts multiply.
pub fn build(pattern: &Pattern) -> Result<Automaton, TooLarge> {
    let mut builder = Builder { positions: Vec::new(), loops: Vec::new(), is_too_large: false };
    let leading = pattern.body.iter().take_while(|node| matches!(node, Node::Absence(_))).count();
    let end = Move { target: Target::End, ..Move::default() };
    let start = builder.sequence(&pattern.body[leading..], &[end]);
    if builder.is_too_large {
        return Err(TooLarge { pattern: pattern.name.clone() });
    }
    let leading = pattern.body[..leading].iter().filter_map(leading_absence).collect();
    let start = start.into_iter().filter_map(Move::into_way).collect();
    let positions = builder.positions.into_iter().map(Draft::finish).collect();
    Ok(Automaton { start, positions, loops: builder.loops, leading })
}

fn leading_absence(node: &Node) -> Option<LeadingAbsence> {
    match node {
        Node::Absence(AbsenceNode { step, wait, .. }) => {
            Some(LeadingAbsence { step: *step, wait: wait.expect("a leading absence says `for`") })
        }
        _ => None,
    }
}

/// Where a move leads.
#[derive(Clone, PartialEq, Debug, Default)]
enum Target {
    /// To one of these positions.
    Positions(Vec<PositionId>),
    /// To the end of the pattern.
    #[default]
    End,
    /// To the beginning of an iteration of a group that is still being compiled.
    Again(usize),
}

/// A way under construction, with what it goes past.
#[derive(Clone, PartialEq, Debug)]
struct Move {
    /// The word, once it is known.
    word: Word,
    /// Whether it leads to the first node of the body under way, so that a word outside governs it.
    is_entry: bool,
    target: Target,
    gap: Option<Duration>,
    takes: Option<LoopId>,
    repeats: bool,
    leaves: Vec<LoopId>,
    enters: Vec<GroupId>,
    /// Absences that it goes past: the step, whether `next not`, and how long a last one waits.
    past: Vec<(StepId, bool, Option<Duration>)>,
}

impl Default for Move {
    fn default() -> Move {
        Move {
            word: Word::Then,
            is_entry: false,
            target: Target::End,
            gap: None,
            takes: None,
            repeats: false,
            leaves: Vec::new(),
            enters: Vec::new(),
            past: Vec::new(),
        }
    }
}

impl Move {
    fn into_way(self) -> Option<Way> {
        let Target::Positions(targets) = self.target else { return None };
        let Move { word, gap, takes, repeats, leaves, enters, past, .. } = self;
        let past = past.into_iter().filter(|(_, next, _)| !next).map(|(step, ..)| step).collect();
        Some(Way { word, targets, gap, takes, repeats, leaves, enters, past })
    }
}

/// A position under construction.
struct Draft {
    step: StepId,
    loop_: Option<LoopId>,
    moves: Vec<Move>,
}

impl Draft {
    fn finish(self) -> Position {
        let mut absences = Vec::new();
        let mut next_absences = Vec::new();
        let mut end = None;
        for one in &self.moves {
            let is_end = one.target == Target::End;
            for (step, next, _) in &one.past {
                let list = if *next { &mut next_absences } else { &mut absences };
                if !is_end && !list.contains(step) {
                    list.push(*step);
                }
            }
            if is_end {
                end = Some(End { leaves: one.leaves.clone(), ..finish_end(&one.past) });
            }
        }
        let ways = self.moves.into_iter().filter_map(Move::into_way).collect();
        Position { step: self.step, loop_: self.loop_, ways, end, absences, next_absences }
    }
}

fn finish_end(past: &[(StepId, bool, Option<Duration>)]) -> End {
    let mut end = End::default();
    for (step, next, wait) in past {
        if *next {
            end.next.push(*step);
        } else {
            end.waits.push(Wait { step: *step, wait: *wait });
        }
    }
    end
}

struct Builder {
    positions: Vec<Draft>,
    loops: Vec<Loop>,
    is_too_large: bool,
}

impl Builder {
    /// The moves to a sequence of nodes, or past it. Those to its first node are entries.
    fn sequence(&mut self, nodes: &[Node], tail: &[Move]) -> Vec<Move> {
        let mut moves = tail.to_vec();
        for (index, node) in nodes.iter().enumerate().rev() {
            moves = match node {
                Node::Step(step) => self.step(step, &moves),
                Node::Absence(absence) => go_past(absence, moves),
                Node::Group(group) => self.group(group, &moves),
                Node::Choice(choice) => self.choice(choice, &moves),
            };
            if index > 0 {
                govern(&mut moves, word_of(node));
            }
        }
        moves
    }

    fn position(&mut self, step: StepId, loop_: Option<LoopId>, moves: Vec<Move>) -> PositionId {
        if self.positions.len() >= POSITIONS_MAX {
            self.is_too_large = true;
            return PositionId(0);
        }
        self.positions.push(Draft { step, loop_, moves });
        PositionId(self.positions.len() as u32 - 1)
    }

    fn step(&mut self, node: &StepNode, tail: &[Move]) -> Vec<Move> {
        let (min, max) = (node.repeat.min, node.repeat.max);
        let loops = node.repeat.loops() || min == 0;
        let loop_ = loops.then(|| self.new_loop(node.step, node.greed, node.until.clone()));
        let out = leaving(tail, loop_);
        let to = |position: PositionId| Move {
            target: Target::Positions(vec![position]),
            gap: node.gap,
            takes: loop_,
            ..Move::default()
        };
        let again = |position| Move { word: node.between, repeats: true, ..to(position) };
        // From the last repetition to the first; the last of an open loop leads to itself.
        let last = max.unwrap_or(min.max(1));
        let mut next: Option<PositionId> = None;
        for number in (1..=last).rev() {
            let mut moves: Vec<Move> = next.map(again).into_iter().collect();
            if max.is_none() && number == last && self.positions.len() < POSITIONS_MAX {
                moves.push(again(PositionId(self.positions.len() as u32)));
            }
            if number >= min.max(1) {
                moves.extend(out.iter().cloned());
            }
            next = Some(self.position(node.step, loop_, moves));
            if self.is_too_large {
                return tail.to_vec();
            }
        }
        let first = next.expect("a step repeats at least once");
        let mut moves = vec![Move { is_entry: true, ..to(first) }];
        if min == 0 {
            moves.extend(out);
        }
        moves
    }

    fn new_loop(&mut self, step: StepId, greed: Greed, until: Option<Expr>) -> LoopId {
        self.loops.push(Loop { step, greed, until });
        LoopId(self.loops.len() as u32 - 1)
    }

    fn group(&mut self, node: &GroupNode, tail: &[Move]) -> Vec<Move> {
        let (min, max) = (node.repeat.min, node.repeat.max);
        let last = max.unwrap_or(min.max(1));
        let mut next: Vec<Move> = Vec::new();
        for number in (1..=last).rev() {
            let mut after = next.clone();
            govern(&mut after, node.between);
            let first_position = self.positions.len();
            let is_open = max.is_none() && number == last;
            if is_open {
                after.push(Move { target: Target::Again(first_position), ..Move::default() });
            }
            if number >= min.max(1) {
                after.extend(tail.iter().cloned());
            }
            next = self.sequence(&node.body, &after);
            if self.is_too_large {
                return tail.to_vec();
            }
            // Only moves into this iteration enter it; a move past an empty body enters nothing.
            for one in next.iter_mut().filter(|one| leads_at_or_after(one, first_position)) {
                one.enters.extend(node.group);
            }
            self.bound_gaps(first_position, &mut next, node.gap);
            if is_open {
                let mut entries = next.clone();
                govern(&mut entries, node.between);
                self.close_circle(first_position, &entries);
                next.retain(|one| one.target != Target::Again(first_position));
            }
        }
        if min == 0 {
            // Leaving out a group of one loop is leaving the loop: `( a{2,} greedy )?`.
            let only = if let [Node::Step(_)] = node.body.as_slice() { next[0].takes } else { None };
            for one in leaving(tail, only) {
                if !next.contains(&one) {
                    next.push(one);
                }
            }
        }
        next
    }

    /// Replaces the moves that begin another iteration by the moves to its first positions.
    fn close_circle(&mut self, first_position: usize, entries: &[Move]) {
        for draft in &mut self.positions[first_position..] {
            let mut moves = Vec::with_capacity(draft.moves.len());
            for one in draft.moves.drain(..) {
                if one.target != Target::Again(first_position) {
                    moves.push(one);
                    continue;
                }
                for entry in entries.iter().filter(|entry| matches!(entry.target, Target::Positions(_))) {
                    let mut entry = entry.clone();
                    entry.leaves.extend(&one.leaves);
                    entry.past.extend(&one.past);
                    moves.push(entry);
                }
            }
            draft.moves = moves;
        }
    }

    /// A group's `gap` holds for every event that it takes.
    fn bound_gaps(&mut self, first_position: usize, entries: &mut [Move], gap: Option<Duration>) {
        let Some(gap) = gap else { return };
        let inside = self.positions[first_position..].iter_mut().flat_map(|draft| draft.moves.iter_mut());
        for one in inside.chain(entries) {
            if leads_at_or_after(one, first_position) {
                one.gap = Some(one.gap.map_or(gap, |own| own.min(gap)));
            }
        }
    }

    fn choice(&mut self, node: &ChoiceNode, tail: &[Move]) -> Vec<Move> {
        match node.take {
            None => {
                let targets =
                    node.branches.iter().map(|step| self.position(*step, None, tail.to_vec())).collect();
                vec![Move {
                    is_entry: true,
                    target: Target::Positions(targets),
                    gap: node.gap,
                    ..Move::default()
                }]
            }
            Some(count) => {
                let mut made = vec![None; node.branches.len() << node.branches.len()];
                let mut moves = self.branches_left(node, count, 0, tail, &mut made);
                for one in &mut moves {
                    one.is_entry = true;
                }
                moves
            }
        }
    }

    /// The moves to the branches not in `taken`; `made` remembers the position of each (branch, set taken).
    fn branches_left(
        &mut self,
        node: &ChoiceNode,
        count: u32,
        taken: usize,
        tail: &[Move],
        made: &mut [Option<PositionId>],
    ) -> Vec<Move> {
        if taken.count_ones() == count {
            return tail.to_vec();
        }
        let mut moves = Vec::new();
        for (branch, step) in node.branches.iter().enumerate() {
            let with = taken | 1 << branch;
            if with == taken {
                continue;
            }
            let key = with * node.branches.len() + branch;
            let position = match made[key] {
                Some(position) => position,
                None => {
                    let after = self.branches_left(node, count, with, tail, made);
                    let position = self.position(*step, None, after);
                    made[key] = Some(position);
                    position
                }
            };
            let target = Target::Positions(vec![position]);
            moves.push(Move { word: node.between, target, gap: node.gap, ..Move::default() });
        }
        moves
    }
}

/// The word written before a node, where it takes events.
fn word_of(node: &Node) -> Word {
    match node {
        Node::Step(step) => step.word,
        Node::Group(group) => group.word,
        Node::Choice(choice) => choice.word,
        Node::Absence(_) => Word::Then,
    }
}

/// Gives the entries among some moves their word.
fn govern(moves: &mut [Move], word: Word) {
    for one in moves.iter_mut().filter(|one| one.is_entry) {
        one.word = word;
        one.is_entry = false;
    }
}

fn leaving(tail: &[Move], loop_: Option<LoopId>) -> Vec<Move> {
    let mut moves = tail.to_vec();
    for one in &mut moves {
        one.leaves.extend(loop_);
    }
    moves
}

fn go_past(absence: &AbsenceNode, mut tail: Vec<Move>) -> Vec<Move> {
    for one in &mut tail {
        one.past.push((absence.step, absence.next, absence.wait));
    }
    tail
}

fn leads_at_or_after(one: &Move, first_position: usize) -> bool {
    matches!(&one.target, Target::Positions(targets)
        if targets.iter().all(|target| target.index() >= first_position))
}
