//! Which patterns are evaluated together, and by what.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::{EngineError, UnitShape};
use crate::event::PatternId;
use crate::lang::hir::{Pattern, Program};
use crate::matcher::chunk::Lens;
use crate::matcher::family::{self, Family};
use crate::matcher::predicates::Predicates;
use crate::matcher::{Bounds, Class, Executor, Plan};

/// A pattern alone, or a family of them.
pub(super) struct Unit {
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
    /// The units of some patterns.
    ///
    /// # Errors
    ///
    /// [`EngineError::Class`], if the class that is asked for does not take one of them.
    pub(super) fn all(
        program: &Program,
        plans: &[Arc<Plan>],
        class: Option<Class>,
        predicates: &mut Predicates,
    ) -> Result<Vec<Unit>, EngineError> {
        let (families, alone) = match class {
            None => family::families(plans, family::RULES_MIN),
            Some(Class::Family) => family::families(plans, 1),
            Some(_) => (Vec::new(), plans.to_vec()),
        };
        let mut units = Vec::new();
        for plan in alone {
            let class = class.unwrap_or_else(|| Class::of(&plan));
            class.executor(&plan).map_err(|why| {
                let pattern = plan.pattern.name.clone();
                EngineError::Class { class, pattern, why }
            })?;
            let lens = lens(program, &plan, predicates);
            units.push(Unit { patterns: vec![plan.pattern.id], plan, lens, kind: Kind::Alone(class) });
        }
        for family in families {
            let (patterns, plan) = (family.rules.clone(), Arc::clone(&family.loosest));
            let lens = lens(program, &plan, predicates);
            units.push(Unit { patterns, plan, lens, kind: Kind::Family(family) });
        }
        Ok(units)
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
        let patterns: Vec<&Pattern> = self.patterns.iter().map(|id| program.pattern(*id)).collect();
        // Another version may check a pattern to another tree: then it is refused, which is safe.
        let mut hasher = SipHasher13::new();
        patterns.iter().for_each(|pattern| hasher.write(format!("{pattern:?}").as_bytes()));
        UnitShape {
            patterns: patterns.iter().map(|pattern| pattern.name.clone()).collect(),
            shape: format!("{} {:032x}", self.class(), hasher.finish128().as_u128()),
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
