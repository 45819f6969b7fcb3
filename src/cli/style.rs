//! Colours, where a person sees them.

use std::io::{IsTerminal, Write, stderr, stdout};

/// Whether standard output shows colours.
pub(super) fn stdout_has_colour() -> bool {
    stdout().is_terminal() && are_wanted()
}

/// Whether standard error shows colours.
pub(super) fn stderr_has_colour() -> bool {
    stderr().is_terminal() && are_wanted()
}

/// See <https://no-color.org>: any value but the empty one says no.
fn are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A word on standard error that says: this went wrong.
pub(super) fn error(word: &str) -> String {
    painted(word, "1;31", stderr_has_colour())
}

/// A word on standard error that says: do this.
pub(super) fn help(word: &str) -> String {
    painted(word, "1;36", stderr_has_colour())
}

/// A word in a colour, if there are colours.
pub(super) fn painted(word: &str, colour: &str, has_colour: bool) -> String {
    if has_colour { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
}

/// Replaces the last line of a terminal on standard error.
pub(super) fn rewrite_line(text: &str) {
    let mut stderr = stderr().lock();
    let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
}
