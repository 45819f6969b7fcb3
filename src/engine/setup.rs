//! How an engine is set up, and why it stops.

use thiserror::Error;

use crate::event::PatternId;
use crate::matcher::{Bounds, Class, Exceeded, Refused};
use crate::nfa::TooLarge;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The patterns that run; `None` for all. See [`with_inputs`](super::with_inputs) for adding those whose records they read.
    pub patterns: Option<Vec<PatternId>>,
    /// The executor class of every pattern; `None` for the cheapest that takes it.
    pub executor: Option<Class>,
    /// Over how many shards keys are split, at least 1.
    pub shards: u32,
    /// Whether only the order of the records of each key counts: what shards find is not merged. Without effect where
    /// patterns read each other's records.
    pub unordered: bool,
    /// What may be held.
    pub bounds: Bounds,
    /// Patterns whose state is to be taken, as they were evaluated before: each group by itself, by the class that it
    /// says, whatever [`Config::executor`] says. The engine puts the others together as it sees fit.
    pub groups: Vec<Group>,
}

/// Patterns that are evaluated together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The number by which the state of its keys is found.
    pub number: u32,
    /// The class that evaluates it.
    pub class: Class,
    /// Its patterns, in the order that the state of a family depends on.
    pub patterns: Vec<PatternId>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            patterns: None,
            executor: None,
            shards: 1,
            unordered: false,
            bounds: Bounds::default(),
            groups: Vec::new(),
        }
    }
}

/// Why an engine stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A pattern that is too large to be built.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The class that was asked for does not take a pattern.
    #[error("executor class `{class}` does not take pattern `{pattern}`: {why}")]
    Class {
        /// The class.
        class: Class,
        /// The pattern.
        pattern: String,
        /// Why not.
        why: Refused,
    },
    /// Patterns that cannot be a family, and were said to be one.
    #[error("patterns `{}` are not one family", .patterns.join("`, `"))]
    Group {
        /// Their names.
        patterns: Vec<String>,
    },
    /// State that was not in memory cannot be had.
    #[error("the state of a key that was not in memory cannot be had: {why}")]
    Lost {
        /// Why not.
        why: String,
    },
    /// A bound that says to fail.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The bound on all state.
    #[error(
        "the state of the patterns takes about {used} bytes, and {allowed} are allowed; pattern `{pattern}` holds the \
         most (open partial matches: {runs}, keys: {keys}): give it a shorter `within`, or `keep`, or allow more state"
    )]
    StateExceeded {
        /// About so many bytes are used.
        used: u64,
        /// So many are allowed.
        allowed: u64,
        /// The pattern that uses the most.
        pattern: String,
        /// Its open partial matches.
        runs: u64,
        /// Its keys with state.
        keys: u64,
    },
}
