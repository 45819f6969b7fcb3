//! Which executor evaluates a pattern.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::aggregate::Aggregate;
use super::enumerable::Enumerable;
use super::family::{self, families};
use super::limited::limited;
use super::linear::refused;
use super::queues::Queues;
use super::runs::Runs;
use super::starts::{self, Starts};
use super::strict::Strict;
use super::{Executor, Plan};

/// A kind of executor. Each gives the same answers on the patterns that it takes; they differ in what an event costs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Every event is the very next of its key: a bit for each open run.
    Strict,
    /// Chains whose matches are tallied: they are counted through and never made.
    Aggregate,
    /// Chains of `then` with conditions on single events: runs that wait for the same stand in one queue.
    Queues,
    /// Comparisons with earlier steps, and loops under `match`: a record for each first event, none for each run.
    Starts,
    /// Every later event that fits, under `match all`: choices are only made when a match is complete.
    Enumerable,
    /// Chains of `then` that differ from each other only in the numbers they compare with: all of them at once.
    Family,
    /// Any pattern, one object per open run.
    Runs,
}

/// Why a class does not take a pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Class {
    /// All classes, the cheapest first.
    pub const ALL: [Class; 7] = [
        Class::Strict,
        Class::Aggregate,
        Class::Queues,
        Class::Starts,
        Class::Enumerable,
        Class::Family,
        Class::Runs,
    ];

    /// The cheapest class that takes a pattern alone.
    pub fn of(plan: &Arc<Plan>) -> Class {
        let takes = |class: &Class| class.executor(plan).is_ok();
        Class::ALL.into_iter().find(takes).expect("the general executor takes every pattern")
    }

    /// An executor of this class.
    ///
    /// # Errors
    ///
    /// Why the class does not take the pattern.
    pub fn executor(self, plan: &Arc<Plan>) -> Result<Box<dyn Executor>, Refused> {
        match self {
            Class::Strict => Ok(limited(plan, Strict::new(plan)?)),
            Class::Aggregate => Ok(Box::new(Aggregate::new(plan)?)),
            Class::Enumerable => Ok(Box::new(Enumerable::new(plan)?)),
            Class::Queues => Ok(limited(plan, Queues::new(plan)?)),
            Class::Starts => Ok(limited(plan, Starts::new(plan)?)),
            Class::Family => match families(&[Arc::clone(plan)], 1).0.first() {
                Some(family) => Ok(family::executor(family)),
                None => refused("it is no chain of `then` that only compares fields with numbers"),
            },
            Class::Runs => Ok(Box::new(Runs::new(Arc::clone(plan)))),
        }
    }

    /// What an event costs, in words.
    pub fn cost(self) -> &'static str {
        match self {
            Class::Strict => "a bit for each open run; an event costs one pass over a few words",
            Class::Aggregate => {
                "matches are counted and never made; an event costs the same however many are open or complete"
            }
            Class::Queues => {
                "runs that wait for the same move together; an event costs the same however many are open"
            }
            Class::Starts => {
                "one record for each first event, whatever the runs; an event costs something for those that it can move on"
            }
            Class::Enumerable => {
                "events are kept, not runs; an event costs the same however many are open, a match what it holds"
            }
            Class::Family => {
                "rules that differ in numbers share their runs; an event costs the same however many rules there are"
            }
            Class::Runs => "runs are kept one by one; an event costs something for each open run of its key",
        }
    }

    /// What in a pattern that it evaluates costs something for each open match, and what would make that cheaper.
    pub fn advice(self, plan: &Plan) -> Vec<String> {
        match self {
            Class::Starts => starts::advice(plan),
            _ => Vec::new(),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Class::Strict => "strict",
            Class::Aggregate => "aggregate",
            Class::Enumerable => "enumerable",
            Class::Queues => "queues",
            Class::Starts => "starts",
            Class::Family => "family",
            Class::Runs => "runs",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(text: &str) -> Result<Class, String> {
        let names = Class::ALL.map(Class::name).join(", ");
        let class = Class::ALL.into_iter().find(|class| class.name() == text);
        class.ok_or_else(|| format!("there is no executor class `{text}`: there are {names}"))
    }
}
