//! How deep brackets nest, looked at before the grammar recurses into them.

use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::lang::scan::{Scanner, Token};
use crate::limits;

/// Refuses text whose brackets nest too deep.
pub(super) fn check(text: &str, file: FileId, start: usize, end: usize) -> Result<(), Diagnostic> {
    let mut depth: usize = 0;
    for (at, token) in Scanner::new(text, start, end) {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::NESTING_MAX {
            let place = Span { file, start: at as u32, end: at as u32 + 1 };
            return Err(Diagnostic::error(Code::TooLarge, place, "this is nested too deep")
                .note(format!("brackets nest at most {} deep", limits::NESTING_MAX)));
        }
    }
    Ok(())
}
