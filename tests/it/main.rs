//! The integration tests, as one binary: linking is paid for once.

#[cfg(feature = "cli")]
mod answers;
#[cfg(feature = "cli")]
mod backtest;
#[cfg(feature = "cli")]
mod bad_lines;
#[cfg(feature = "cli")]
mod bounds;
#[cfg(feature = "cli")]
mod command_line;
#[cfg(feature = "remote")]
mod copies;
mod corpus;
mod diagnostics;
#[cfg(feature = "cli")]
mod disorder;
mod docs;
#[cfg(feature = "cli")]
mod explained;
mod families;
#[cfg(feature = "cli")]
mod files;
#[cfg(feature = "cli")]
mod folder;
mod follow;
mod format;
#[cfg(feature = "cli")]
mod formats;
#[path = "../support/formatting.rs"]
mod formatting;
#[cfg(all(feature = "cli", target_os = "linux"))]
mod full_disk;
#[cfg(feature = "cli")]
mod going_on;
#[cfg(feature = "cli")]
mod help;
#[cfg(feature = "cli")]
mod inferred;
mod long_runs;
#[cfg(feature = "cli")]
mod metrics;
mod mistakes;
#[cfg(feature = "cli")]
mod parts;
#[cfg(feature = "cli")]
mod pictures;
#[cfg(feature = "cli")]
mod progress;
#[cfg(feature = "cli")]
mod rules;
mod saved;
#[cfg(feature = "cli")]
mod savepoints;
#[cfg(feature = "cli")]
mod silent;
mod slips;
#[cfg(feature = "state")]
mod state;
#[cfg(feature = "cli")]
mod test_command;
#[cfg(feature = "cli")]
mod threads;
mod tidy;
#[cfg(feature = "cli")]
mod tutorial;
#[cfg(feature = "cli")]
mod xml;
