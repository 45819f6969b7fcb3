//! The clock on the wall. Nothing that decides what comes out asks it; metrics say by it when something was.

use std::time::{Duration, SystemTime};

/// How long 1970 is ago; nothing where the clock stands before it.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The same in milliseconds.
pub fn now_ms() -> u64 {
    since_1970().as_millis() as u64
}
