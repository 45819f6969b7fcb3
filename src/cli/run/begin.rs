//! What a run begins with: nothing, the state of its directory, or a savepoint.

use std::path::Path;
use std::sync::Arc;

use super::durable::Durable;
use super::plan::{self, Wishes};
use super::resume::Inputs;
use super::{RunArgs, style};
use crate::cli::rules::{self, TakenUp, Taker};
use crate::cli::state::open_savepoint;
use crate::cli::{CliError, note};
use crate::engine::{Group, KeyState};
use crate::event::PatternId;
use crate::lang::hir::Program;
use crate::runtime::clock;
use crate::runtime::epochs::{self, InputMark, Mark, Recovered};
use crate::runtime::programs::{ProgramText, put_programs};
use crate::state::Changes;

/// What decides with what a run begins.
pub(super) struct Begin<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) wishes: &'a Wishes,
    pub(super) program: &'a Arc<Program>,
    pub(super) text: ProgramText,
}

/// What a run begins with.
pub(super) struct Beginning {
    /// The program, with what is left of older patterns.
    pub(super) program: Arc<Program>,
    /// How patterns that have state are evaluated.
    pub(super) groups: Vec<Group>,
    /// The state.
    pub(super) recovered: Option<Recovered>,
    /// Where epochs go.
    pub(super) durable: Option<Durable>,
    /// What may differ from the inputs of the state.
    pub(super) inputs: Inputs,
    /// Whether outputs begin here, though the state does not.
    pub(super) has_new_outputs: bool,
}

impl Begin<'_> {
    /// Decides it.
    ///
    /// # Errors
    ///
    /// Where a state cannot be taken, or somebody has to say what becomes of it.
    pub(super) fn begin(mut self) -> Result<Beginning, CliError> {
        let patterns = plan::select(self.program, &self.wishes.select)?;
        self.text.patterns = patterns.iter().map(|id| self.program.pattern(*id).name.clone()).collect();
        let (mut durable, left) = match &self.args.state {
            Some(directory) => Durable::open(directory, self.args.checkpoint_every, self.args.memory)
                .map(|(durable, left)| (Some(durable), left))?,
            None => (None, None),
        };
        let is_from = left.is_none();
        let beginning = match (left, &self.args.from) {
            (Some(left), from) => {
                let directory = self.args.state.as_deref().expect("it was left in a directory");
                self.go_on(directory, left, &patterns, &mut durable, from.is_some())?
            }
            (None, Some(from)) => self.begin_from(from, &patterns, &mut durable)?,
            (None, None) => {
                if let Some(durable) = &mut durable {
                    let mut changes = Changes::new();
                    put_programs(std::slice::from_ref(&self.text), &mut changes);
                    durable.write(&mut changes, 0)?;
                }
                (Arc::clone(self.program), Vec::new(), None, Inputs::Same)
            }
        };
        let (program, groups, recovered, inputs) = beginning;
        let has_new_outputs = is_from && recovered.is_some();
        Ok(Beginning { program, groups, recovered, durable, inputs, has_new_outputs })
    }

    fn take_up(&self, left: Recovered, place: &Path, patterns: &[PatternId]) -> Result<TakenUp, CliError> {
        let executor = self.args.executor;
        let taker = Taker { program: self.program, patterns, text: &self.text, executor };
        rules::take_up(&taker, left, &place.display().to_string(), &self.args.changed)
    }

    /// Goes on in a directory.
    fn go_on(
        &self,
        directory: &Path,
        left: Recovered,
        patterns: &[PatternId],
        durable: &mut Option<Durable>,
        has_from: bool,
    ) -> Result<Begun, CliError> {
        tell(&resumed(directory, &left.mark));
        if has_from {
            tell("--from was read when the directory was new; it goes on from what is there now");
        }
        let TakenUp { program, groups, mut recovered, changed } = self.take_up(left, directory, patterns)?;
        if let Some(changed) = changed.filter(|_| !recovered.mark.is_done) {
            changed.told.iter().for_each(|line| tell(line));
            recovered.mark.epoch += 1;
            recovered.mark.at_ms = clock::now_ms();
            write(durable, &changed.keys, &recovered)?;
        }
        // The same command may have begun with a savepoint and other inputs, and not have come to its first epoch.
        let inputs = if has_from { self.other_inputs() } else { Inputs::Same };
        Ok((program, groups, Some(recovered), inputs))
    }

    fn other_inputs(&self) -> Inputs {
        if self.args.missing_inputs { Inputs::Others } else { Inputs::More }
    }

    /// Begins with a savepoint.
    fn begin_from(
        &self,
        from: &Path,
        patterns: &[PatternId],
        durable: &mut Option<Durable>,
    ) -> Result<Begun, CliError> {
        let store = open_savepoint(from)?;
        let mut left = epochs::recover(&store)?.ok_or_else(|| {
            let message = format!("the savepoint {} has no epoch", from.display());
            CliError::asked(message, "write one of a run that has come to its first epoch")
        })?;
        tell(&format!("begins with epoch {} of {}: {}", left.mark.epoch, from.display(), behind(&left.mark)));
        // There may be more to read by now.
        left.mark.is_done = false;
        let TakenUp { program, groups, mut recovered, changed } = self.take_up(left, from, patterns)?;
        changed.iter().flat_map(|changed| &changed.told).for_each(|line| tell(line));
        recovered.mark.outputs.clear();
        recovered.mark.at_ms = clock::now_ms();
        write(durable, &recovered.keys, &recovered)?;
        Ok((program, groups, Some(recovered), self.other_inputs()))
    }
}

/// The parts of a [`Beginning`] but for where epochs go.
type Begun = (Arc<Program>, Vec<Group>, Option<Recovered>, Inputs);

/// Writes what a run begins with where epochs go.
fn write(durable: &mut Option<Durable>, keys: &[KeyState], recovered: &Recovered) -> Result<(), CliError> {
    match durable {
        Some(durable) => durable.write(&mut rules::changes(keys, recovered), recovered.mark.epoch),
        None => Ok(()),
    }
}

fn tell(what: &str) {
    note(&format!("{} {what}", style::help("note:")));
}

/// What is said where a run goes on.
fn resumed(directory: &Path, left: &Mark) -> String {
    let directory = directory.display();
    if left.is_done {
        let events = left.counts.get("events").copied().unwrap_or_default();
        return format!(
            "the run in {directory} has come to its end, with {events} events; there is nothing to do (for another run give \
             another --state)"
        );
    }
    format!("going on from epoch {} in {directory}: {}", left.epoch, behind(left))
}

/// What is behind a run.
fn behind(left: &Mark) -> String {
    let events = left.counts.get("events").copied().unwrap_or_default();
    let at = |input: &InputMark| format!("{} at line {}", input.name, input.lines);
    let inputs: Vec<String> = left.inputs.iter().map(at).collect();
    format!("{events} events are behind, {}", inputs.join(", "))
}
