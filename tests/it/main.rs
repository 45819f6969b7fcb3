//! The integration tests, as one binary: linking is paid for once.

#[cfg(feature = "cli")]
mod command_line;
mod diagnostics;
mod tidy;
