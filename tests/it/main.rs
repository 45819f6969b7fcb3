//! The integration tests, as one binary: linking is paid for once.

#[cfg(feature = "cli")]
mod command_line;
mod corpus;
mod diagnostics;
mod docs;
mod tidy;
