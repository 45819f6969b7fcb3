//! Which patterns are evaluated together, and by what.

use std::sync::Arc;

use super::{Config, EngineError, Group, PatternShape, UnitShape};
use crate::event::PatternId;
use crate::lang::hir::Program;
use crate::matcher::chunk::Lens;
use crate::matcher::family::{self, Family};
use crate::matcher::predicates::Predicates;
use crate::matcher::{Bounds, Class, Executor, Plan};

/// A pattern alone, or a family of them.
pub(super) struct Unit {
    /// Its number, by which the state of its keys is found.
    pub(super) number: u32,
    /// Its patterns.
    pub(super) patterns: Vec<PatternId>,
    /// The pattern; of a family one that stands for all where the events are chosen that it sees.
    pub(super) plan: Arc<Plan>,
    /// How it sees its streams.
    pub(super) lens: Lens,
    kind: Kind,
}

enum Kind {
    Alone(Class),
    Family(Family),
}

impl Unit {
    /// The units of some patterns: the groups that are asked for, then what is made of the others.
    ///
    /// # Errors
    ///
    /// [`EngineError::Class`], if the class that is asked for does not take one of them; [`EngineError::Group`].
    pub(super) fn all(
        program: &Program,
        plans: &[Arc<Plan>],
        config: &Config,
        predicates: &mut Predicates,
    ) -> Result<Vec<Unit>, EngineError> {
        let mut units = Vec::new();
        for group in &config.groups {
            units.push(Unit::of_group(program, plans, group, predicates)?);
        }
        let is_free =
            |plan: &&Arc<Plan>| !config.groups.iter().any(|group| group.patterns.contains(&plan.pattern.id));
        let free: Vec<Arc<Plan>> = plans.iter().filter(is_free).cloned().collect();
        let (families, alone) = match config.executor {
            None => family::families(&free, family::RULES_MIN),
            Some(Class::Family) => family::families(&free, 1),
            Some(_) => (Vec::new(), free),
        };
        let mut number = config.groups.iter().map(|group| group.number + 1).max().unwrap_or(0);
        for plan in alone {
            let class = config.executor.unwrap_or_else(|| Class::of(&plan));
            units.push(Unit::alone(program, plan, (number, class), predicates)?);
            number += 1;
        }
        for family in families {
            units.push(Unit::family(program, family, number, predicates));
            number += 1;
        }
        Ok(units)
    }

    /// The unit that a group is.
    fn of_group(
        program: &Program,
        plans: &[Arc<Plan>],
        group: &Group,
        predicates: &mut Predicates,
    ) -> Result<Unit, EngineError> {
        let plan = |id: &PatternId| plans.iter().find(|plan| plan.pattern.id == *id).cloned();
        let members: Vec<Arc<Plan>> = group.patterns.iter().filter_map(plan).collect();
        let refused = || EngineError::Group {
            patterns: members.iter().map(|plan| plan.pattern.name.clone()).collect(),
        };
        if group.class != Class::Family {
            let [plan] = members.as_slice() else { return Err(refused()) };
            return Unit::alone(program, Arc::clone(plan), (group.number, group.class), predicates);
        }
        let (mut families, alone) = family::families(&members, 1);
        match families.pop().filter(|_| families.is_empty() && alone.is_empty()) {
            Some(family) => Ok(Unit::family(program, family, group.number, predicates)),
            None => Err(refused()),
        }
    }

    fn alone(
        program: &Program,
        plan: Arc<Plan>,
        (number, class): (u32, Class),
        predicates: &mut Predicates,
    ) -> Result<Unit, EngineError> {
        class.executor(&plan).map_err(|why| {
            let pattern = plan.pattern.name.clone();
            EngineError::Class { class, pattern, why }
        })?;
        let lens = lens(program, &plan, predicates);
        Ok(Unit { number, patterns: vec![plan.pattern.id], plan, lens, kind: Kind::Alone(class) })
    }

    fn family(program: &Program, family: Family, number: u32, predicates: &mut Predicates) -> Unit {
        let (patterns, plan) = (family.rules.clone(), Arc::clone(&family.loosest));
        let lens = lens(program, &plan, predicates);
        Unit { number, patterns, plan, lens, kind: Kind::Family(family) }
    }

    /// The class that evaluates it.
    pub(super) fn class(&self) -> Class {
        match self.kind {
            Kind::Alone(class) => class,
            Kind::Family(_) => Class::Family,
        }
    }

    /// What its saved state depends on.
    pub(super) fn shape(&self, program: &Program) -> UnitShape {
        let pattern = |id: &PatternId| PatternShape::of(program, program.pattern(*id));
        UnitShape {
            number: self.number,
            class: self.class(),
            patterns: self.patterns.iter().map(pattern).collect(),
        }
    }

    /// An executor for a shard.
    pub(super) fn executor(&self, bounds: &Bounds) -> Box<dyn Executor> {
        let mut executor = match &self.kind {
            Kind::Alone(class) => class.executor(&self.plan).expect("it was made once before"),
            Kind::Family(family) => family::executor(family),
        };
        executor.set_bounds(bounds);
        executor
    }
}

/// How a pattern sees the streams that it reads.
fn lens(program: &Program, plan: &Arc<Plan>, predicates: &mut Predicates) -> Lens {
    let mut sources = vec![None; program.streams.len()];
    for (index, source) in plan.pattern.sources.iter().enumerate() {
        sources[source.stream.index()] = Some(index as u32);
    }
    let asked = (0..plan.pattern.sources.len()).map(|source| predicates.add(plan, source)).collect();
    Lens { sources, predicates: asked }
}
