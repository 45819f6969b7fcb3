//! The integration tests, as one binary: linking is paid for once.

mod diagnostics;
#[cfg(feature = "cli")]
mod command_line;
mod tidy;
