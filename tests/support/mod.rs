//! From the text of a program to what can be run, for tests that write programs.

use std::sync::Arc;

use ensue::diag::{Code, Severity};
use ensue::event::PatternId;
use ensue::lang::hir::Program;
use ensue::lang::{check, load};
use ensue::matcher::Plan;

/// A checked program with the automata of its patterns.
pub(crate) struct Compiled {
    pub(crate) program: Arc<Program>,
    pub(crate) plans: Vec<Arc<Plan>>,
    /// All of them.
    pub(crate) patterns: Vec<PatternId>,
}

/// Parses, checks and compiles.
///
/// # Errors
///
/// The first error's code and message.
pub(crate) fn compile(text: &str) -> Result<Compiled, (Code, String)> {
    let loaded = load::load_text("case.cep", text);
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    let errors = loaded.diagnostics.iter().chain(&found);
    if let Some(error) = errors.into_iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err((error.code, error.message.clone()));
    }
    let plans = Plan::all(&program).map_err(|error| (Code::TooLarge, error.to_string()))?;
    let patterns = program.patterns.iter().map(|pattern| pattern.id).collect();
    Ok(Compiled { program: Arc::new(program), plans, patterns })
}
