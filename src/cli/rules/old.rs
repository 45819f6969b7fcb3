//! The engine of a state: its patterns as they were written, and what is open of them.

use std::sync::Arc;

use super::compose::{Old, add_drained};
use crate::cli::CliError;
use crate::engine::{Config, Engine, Group, KeyState, PatternShape, UnitShape};
use crate::event::PatternId;
use crate::lang::hir::Program;
use crate::runtime::epochs::Recovered;
use crate::runtime::programs::ProgramText;

/// The programs of a state, put together as they ran.
pub(in crate::cli) struct OldProgram {
    /// The patterns that ran, and behind them those that drained.
    pub(in crate::cli) program: Arc<Program>,
    /// Which of them ran or drained.
    pub(in crate::cli) patterns: Vec<PatternId>,
    /// How they were evaluated.
    pub(in crate::cli) groups: Vec<Group>,
    /// For each pattern of the program the text that it comes from: the number of it, and the pattern there.
    origins: Vec<(usize, Old)>,
}

impl OldProgram {
    /// Compiles the texts of a state.
    ///
    /// # Errors
    ///
    /// Where they are not what this version takes for the same patterns.
    pub(in crate::cli) fn of(recovered: &Recovered, place: &str) -> Result<OldProgram, CliError> {
        OldProgram::compiled(&recovered.programs, &recovered.mark.units).ok_or_else(|| {
            CliError::asked(
                format!("this version reads the patterns of the state in {place} as others"),
                "use the version that wrote it, or begin anew with another --state",
            )
        })
    }

    fn compiled(texts: &[ProgramText], units: &[UnitShape]) -> Option<OldProgram> {
        let current = Arc::new(texts.first()?.compile()?);
        let mut program = Program::clone(&current);
        let running = texts[0].patterns.iter().map(|name| current.pattern_named(name));
        let mut patterns: Vec<PatternId> = running.collect::<Option<_>>()?;
        let own = |id: &PatternId| (0, Old { program: Arc::clone(&current), pattern: *id });
        let mut origins: Vec<(usize, Old)> =
            current.patterns.iter().map(|pattern| own(&pattern.id)).collect();
        for (number, text) in texts.iter().enumerate().skip(1) {
            let older = Arc::new(text.compile()?);
            for name in &text.patterns {
                let old = Old { program: Arc::clone(&older), pattern: older.pattern_named(name)? };
                patterns.push(add_drained(&mut program, &old).ok()?);
                origins.push((number, old));
            }
        }
        let groups = groups(&program, &patterns, units)?;
        Some(OldProgram { program: Arc::new(program), patterns, groups, origins })
    }

    /// Where a pattern comes from: which of the texts, and the pattern there.
    pub(in crate::cli) fn origin(&self, id: PatternId) -> &(usize, Old) {
        &self.origins[id.index()]
    }

    /// An engine with the state of these keys.
    ///
    /// # Errors
    ///
    /// Where the state cannot be taken.
    pub(in crate::cli) fn engine(
        &self,
        (rest, keys): (&[u8], Vec<KeyState>),
        place: &str,
    ) -> Result<Engine, CliError> {
        let config = Config {
            patterns: Some(self.patterns.clone()),
            groups: self.groups.clone(),
            ..Config::default()
        };
        let mut engine = Engine::new(Arc::clone(&self.program), &config)?;
        engine.restore(rest, keys).map_err(|what| CliError::Damaged { place: place.to_owned(), what })?;
        Ok(engine)
    }
}

/// The groups that some units are, of these patterns of a program. None where a pattern is not there as it was.
pub(in crate::cli) fn groups(
    program: &Program,
    patterns: &[PatternId],
    units: &[UnitShape],
) -> Option<Vec<Group>> {
    let mut left: Vec<(PatternId, PatternShape)> =
        patterns.iter().map(|id| (*id, PatternShape::of(program, program.pattern(*id)))).collect();
    let mut find = |shape: &PatternShape| {
        let at = left.iter().position(|(_, own)| own.drains == shape.drains && own.is_same(shape))?;
        Some(left.remove(at).0)
    };
    let mut group = |unit: &UnitShape| {
        let patterns = unit.patterns.iter().map(&mut find).collect::<Option<Vec<PatternId>>>()?;
        Some(Group { number: unit.number, class: unit.class, patterns })
    };
    units.iter().map(&mut group).collect()
}
