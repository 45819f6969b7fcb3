//! Runs the text of a case through the language, the oracle and the engine.

use std::collections::BTreeSet;

use crate::case::{Case, Found};
use crate::translate::Translated;

/// What came out, as sets: the order within one event is nobody's promise.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) matches: BTreeSet<Found>,
    pub(crate) timeouts: BTreeSet<Found>,
}

/// Why a case could not be run.
pub(crate) enum Refusal {
    /// The language refuses it, with this code.
    Code(String, String),
    /// It has not been built.
    Missing,
}

/// The answers of the oracle and of the engine.
pub(crate) struct Answers {
    pub(crate) oracle: Outcome,
    pub(crate) engine: Outcome,
}

/// Runs a case.
pub(crate) fn run(_case: &Case, _translated: &Translated) -> Result<Answers, Refusal> {
    Err(Refusal::Missing)
}
