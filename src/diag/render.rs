//! Rendering of diagnostics.

use super::{Diagnostic, Sources};

/// For people.
pub fn render_text(_sources: &Sources, _diagnostics: &[Diagnostic], _colour: bool) -> String {
    unimplemented!()
}

/// For programs.
pub fn render_json(_sources: &Sources, _diagnostics: &[Diagnostic]) -> String {
    unimplemented!()
}
