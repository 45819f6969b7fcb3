//! The command line: one module per command.

pub mod r#gen;
pub mod score;
