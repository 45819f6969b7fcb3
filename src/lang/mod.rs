//! The language: text to syntax tree to a small checked program.
//!
//! ```text
//! text --split--> items --parse--> ast --check--> hir
//! ```
//!
//! `split` cuts a file into items, so that one broken item does not hide the mistakes of the others; `parse` reads
//! each with the grammar in `grammar/cep.pest`; `check` resolves names, types expressions, and refuses what cannot be
//! honoured. Both return what they could make together with every diagnostic.

pub mod ast;
pub mod check;
mod compile;
pub mod format;
pub mod hir;
pub mod load;
pub mod parse;
mod pasted;
pub mod print;
mod scan;
mod split;
mod words;

pub use compile::{CompileError, compile};
