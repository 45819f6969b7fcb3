//! The clock of the machine. What it says is noted and shown, and nothing depends on it.

use std::time::SystemTime;

/// Milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "this is where it is read")]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}
