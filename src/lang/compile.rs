//! Text to checked program in one call, for who embeds the engine.

use std::fmt;
use std::sync::Arc;

use super::check::check;
use super::hir::Program;
use super::load::load_text;
use crate::diag::{Diagnostic, Severity, Sources, render_text};

/// A text that cannot run, with everything that is wrong in it. Prints as `ensue check` does.
#[derive(Clone, Debug)]
pub struct CompileError {
    /// The text that the places point into.
    pub sources: Sources,
    /// The mistakes, and the warnings beside them.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(render_text(&self.sources, &self.diagnostics, false).trim_end())
    }
}

impl std::error::Error for CompileError {}

/// Compiles a text that uses no other file. `name` stands in the diagnostics.
///
/// A text with only warnings compiles, and these are not told: [`load_text`] and [`check`] give them, and
/// [`load`](super::load::load) follows `use`.
///
/// # Errors
///
/// Every mistake of the text at once.
///
/// # Example
///
/// ```
/// let error = ensue::compile("a.cep", "pattern p { on s  match a  emit m { v: a.v } }").expect_err("no stream");
/// assert!(error.to_string().contains("there is no stream `s`"), "{error}");
/// ```
pub fn compile(name: &str, text: &str) -> Result<Arc<Program>, CompileError> {
    let loaded = load_text(name, text);
    let mut diagnostics = loaded.diagnostics;
    let (program, found) = check(&loaded.sources, &loaded.files);
    diagnostics.extend(found);
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span.start);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(CompileError { sources: loaded.sources, diagnostics });
    }
    Ok(Arc::new(program))
}
