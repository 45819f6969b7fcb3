//! The integration tests, as one binary: linking is paid for once.

mod diagnostics;
mod tidy;
