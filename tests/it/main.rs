//! The integration tests, as one binary: linking is paid for once.

#[cfg(feature = "cli")]
mod bad_lines;
#[cfg(feature = "cli")]
mod bounds;
#[cfg(feature = "cli")]
mod command_line;
mod corpus;
mod diagnostics;
#[cfg(feature = "cli")]
mod disorder;
mod docs;
mod families;
#[cfg(feature = "cli")]
mod folder;
mod format;
#[path = "../support/formatting.rs"]
mod formatting;
#[cfg(feature = "cli")]
mod going_on;
mod long_runs;
#[cfg(feature = "cli")]
mod metrics;
mod mistakes;
mod saved;
#[cfg(feature = "state")]
mod state;
#[cfg(feature = "cli")]
mod threads;
mod tidy;
