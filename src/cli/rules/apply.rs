//! From the state of old patterns to one that new patterns go on from.
//!
//! What is made is a whole state, as if the new patterns had written it: the run that takes it knows nothing of a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compose::{Old, add_drained, other_order};
use super::old::{OldProgram, groups};
use super::reread::reread;
use super::verdict::{Action, Compared};
use crate::cli::CliError;
use crate::codec::Damaged;
use crate::engine::{Config, Engine, Group, KeyState, Unread};
use crate::event::PatternId;
use crate::lang::hir::{Pattern, Program};
use crate::matcher::Class;
use crate::matcher::family::regrouped;
use crate::runtime::epochs::{Mark, Recovered};
use crate::runtime::programs::ProgramText;

/// The patterns that are to take a state.
pub(in crate::cli) struct Taker<'a> {
    /// Their program.
    pub(in crate::cli) program: &'a Arc<Program>,
    /// Those that run.
    pub(in crate::cli) patterns: &'a [PatternId],
    /// Their text.
    pub(in crate::cli) text: &'a ProgramText,
    /// The class that is asked for.
    pub(in crate::cli) executor: Option<Class>,
}

/// What a run goes on with.
pub(in crate::cli) struct Taken {
    /// The program, with what drains.
    pub(in crate::cli) program: Arc<Program>,
    /// How patterns that have state are evaluated.
    pub(in crate::cli) groups: Vec<Group>,
    /// The state.
    pub(in crate::cli) recovered: Recovered,
    /// The keys whose records are gone from where they were: without bytes.
    pub(in crate::cli) removed: Vec<KeyState>,
    /// The units that have records which they did not have before.
    pub(in crate::cli) changed_units: Vec<u32>,
    /// Matches that were found, were not told yet, and are dropped with their patterns.
    pub(in crate::cli) dropped: u64,
}

/// Makes the state that the new patterns go on from. `actions` says what is done with each of those compared.
///
/// # Errors
///
/// Where a pattern cannot drain, or an input cannot be read again.
pub(in crate::cli) fn apply(
    taker: &Taker<'_>,
    left: Recovered,
    (old, old_engine): (&OldProgram, &Engine),
    actions: &[(Compared, Action)],
    place: &str,
) -> Result<Taken, CliError> {
    if let Some([stream, now, before]) = other_order(&old.program, taker.program, taker.patterns) {
        let message = format!(
            "stream `{stream}` is ordered by `{now}` now, and was by `{before}`: what waits in {place} cannot be gone on with"
        );
        return Err(CliError::asked(message, "order it as before, or begin anew with another --state"));
    }
    let mut change = Building::new(taker, &left, old);
    for (number, _) in left.mark.units.iter().enumerate() {
        let members: Vec<&(Compared, Action)> =
            actions.iter().filter(|(one, _)| one.place.is_some_and(|(at, _)| at == number)).collect();
        change.unit(number, &members)?;
    }
    let program = Arc::new(change.program);
    let mut patterns = taker.patterns.to_vec();
    patterns.extend(change.drained.iter());
    let config = Config {
        patterns: Some(patterns.clone()),
        executor: taker.executor,
        groups: change.groups.clone(),
        ..Config::default()
    };
    let mut engine = Engine::new(Arc::clone(&program), &config)?;
    let renamed = &change.renamed;
    let inputs = &left.mark.inputs;
    let mut again = |unread: &Unread| reread(&program, &patterns, inputs, unread);
    let behind = engine.carry(old_engine, &|id| renamed.get(&id).copied(), &mut again)?;
    let mut texts = vec![taker.text.clone()];
    texts.extend(change.texts.into_values());
    let mark = Mark { units: engine.units().to_vec(), ..left.mark };
    let (keys, removed) = moved(left.keys, &change.moves)
        .map_err(|what| CliError::Damaged { place: place.to_owned(), what })?;
    let groups =
        groups(&program, &patterns, &mark.units).expect("an engine has the patterns that it was given");
    Ok(Taken {
        program,
        groups,
        recovered: Recovered { mark, rest: engine.rest(), keys, programs: texts },
        removed,
        changed_units: change.moves.values().flatten().map(|(to, _)| *to).collect(),
        dropped: behind.outcomes,
    })
}

/// Where the records of a unit go: to which units, and of a family which of its rules.
type Moves = Vec<(u32, Option<Regrouping>)>;

/// Rules of a family that become another.
struct Regrouping {
    pattern: Pattern,
    before: usize,
    rules: Vec<usize>,
}

/// What is put together, unit by unit.
struct Building<'a> {
    taker: &'a Taker<'a>,
    old: &'a OldProgram,
    program: Program,
    groups: Vec<Group>,
    drained: Vec<PatternId>,
    /// From patterns of the state to those that go on.
    renamed: BTreeMap<PatternId, PatternId>,
    /// By the number of the old text what drains of it.
    texts: BTreeMap<usize, ProgramText>,
    /// The old texts.
    old_texts: Vec<ProgramText>,
    /// Units whose records do not stay where they are.
    moves: BTreeMap<u32, Moves>,
    next_number: u32,
}

impl<'a> Building<'a> {
    fn new(taker: &'a Taker<'a>, left: &Recovered, old: &'a OldProgram) -> Building<'a> {
        Building {
            taker,
            old,
            program: Program::clone(taker.program),
            groups: Vec::new(),
            drained: Vec::new(),
            renamed: BTreeMap::new(),
            texts: BTreeMap::new(),
            old_texts: left.programs.clone(),
            moves: BTreeMap::new(),
            next_number: old.groups.iter().map(|group| group.number + 1).max().unwrap_or(0),
        }
    }

    fn unit(&mut self, number: usize, members: &[&(Compared, Action)]) -> Result<(), CliError> {
        let group = &self.old.groups[number];
        let (mut kept, mut draining) = (Vec::new(), Vec::new());
        // Of what is dropped, what is found already still comes out.
        let mut only_found = Vec::new();
        for (at, (one, action)) in members.iter().enumerate() {
            match action {
                Action::Keep => kept.push((at, self.kept(group.patterns[at], &one.name)?)),
                Action::Drain => draining.push((at, self.drain(group.patterns[at])?)),
                Action::Reset if one.holding.found > 0 => {
                    only_found.extend(self.drain(group.patterns[at]).ok());
                }
                _ => {}
            }
        }
        let mut moves = Moves::new();
        for (members, is_first) in [(&kept, true), (&draining, kept.is_empty())] {
            if members.is_empty() {
                continue;
            }
            let number = if is_first { group.number } else { self.new_number() };
            let patterns = members.iter().map(|(_, id)| *id).collect();
            self.groups.push(Group { number, class: group.class, patterns });
            moves.push((number, self.regrouping(group, members)));
        }
        for id in only_found {
            let number = self.new_number();
            self.groups.push(Group { number, class: group.class, patterns: vec![id] });
        }
        let stays = matches!(moves.as_slice(), [(to, None)] if *to == group.number);
        if !stays {
            self.moves.insert(group.number, moves);
        }
        Ok(())
    }

    fn new_number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// The pattern of this name that goes on.
    fn kept(&mut self, old: PatternId, name: &str) -> Result<PatternId, CliError> {
        let id = self.taker.program.pattern_named(name).expect("it was compared with one of this name");
        self.renamed.insert(old, id);
        Ok(id)
    }

    /// Adds what is left of an old pattern.
    fn drain(&mut self, old: PatternId) -> Result<PatternId, CliError> {
        let (text, origin): &(usize, Old) = self.old.origin(old);
        let name = &origin.pattern().name;
        let id = add_drained(&mut self.program, origin).map_err(|why| {
            let message = format!("the old `{name}` cannot finish what is open: {why}");
            CliError::asked(message, format!("--changed {name}=reset drops what is open of it"))
        })?;
        self.drained.push(id);
        self.renamed.insert(old, id);
        let names = self
            .texts
            .entry(*text)
            .or_insert_with(|| ProgramText { patterns: Vec::new(), ..self.old_texts[*text].clone() });
        names.patterns.push(name.clone());
        Ok(id)
    }

    /// What is done to the records of a unit of which only these members go on; nothing where all do.
    fn regrouping(&self, group: &Group, members: &[(usize, PatternId)]) -> Option<Regrouping> {
        if group.class != Class::Family || members.len() == group.patterns.len() {
            return None;
        }
        let pattern = self.old.program.pattern(group.patterns[0]).clone();
        let rules = members.iter().map(|(at, _)| *at).collect();
        Some(Regrouping { pattern, before: group.patterns.len(), rules })
    }
}

/// The records of keys where they go, and where they were before they went.
fn moved(
    keys: Vec<KeyState>,
    moves: &BTreeMap<u32, Moves>,
) -> Result<(Vec<KeyState>, Vec<KeyState>), Damaged> {
    let mut all = Vec::with_capacity(keys.len());
    let mut removed = Vec::new();
    for mut state in keys {
        let Some(moves) = moves.get(&state.unit) else {
            all.push(state);
            continue;
        };
        for (unit, regrouping) in moves {
            let bytes = match regrouping {
                Some(to) => regrouped(&state.bytes, &to.pattern, to.before, &to.rules)?,
                None => state.bytes.clone(),
            };
            if !bytes.is_empty() {
                all.push(KeyState { unit: *unit, key: Arc::clone(&state.key), bytes });
            }
        }
        state.bytes.clear();
        removed.push(state);
    }
    Ok((all, removed))
}
