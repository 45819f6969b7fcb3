//! Colours, and a line that changes, where a person sees them.

use std::io::{IsTerminal, StderrLock, Write, stderr, stdin, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Whether the last line of the terminal on standard error is one that changes.
static HAS_LINE: AtomicBool = AtomicBool::new(false);

/// Goes to the start of a line and empties it.
const EMPTY_LINE: &str = "\r\x1b[K";

/// Whether standard error can have a line that changes.
pub(super) fn has_live_line() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// Shows a line that changes as the last one of the terminal, in the place of the one before it.
pub(super) fn show_line(text: &str) {
    let mut stderr = stderr().lock();
    HAS_LINE.store(true, Ordering::Relaxed);
    let _ = write!(stderr, "{EMPTY_LINE}{text}").and_then(|()| stderr.flush());
}

/// Takes that line away, if there is one.
pub(super) fn clear_line() {
    clear_line_of(&mut stderr().lock());
}

/// The same for whoever is about to write there. Who holds standard error holds the line.
pub(super) fn clear_line_of(stderr: &mut StderrLock<'_>) {
    if HAS_LINE.swap(false, Ordering::Relaxed) {
        let _ = write!(stderr, "{EMPTY_LINE}").and_then(|()| stderr.flush());
    }
}

/// How many columns the terminal on standard error has; what every terminal has, where it is none.
pub(super) fn columns() -> usize {
    terminal_size::terminal_size_of(stderr()).map_or(80, |(width, _)| usize::from(width.0))
}

/// How many columns the terminal on standard output has; nothing where it is none.
pub(super) fn stdout_columns() -> Option<usize> {
    let size = stdout().is_terminal().then(|| terminal_size::terminal_size_of(stdout()))?;
    Some(size.map_or(80, |(width, _)| usize::from(width.0)))
}

/// Whether somebody types what is read from standard input.
pub(super) fn stdin_is_terminal() -> bool {
    stdin().is_terminal()
}

/// Whether what is written to standard output goes to a file, where no person sees it and no other program that may write
/// to the terminal, too.
#[cfg(unix)]
pub(super) fn stdout_is_file() -> bool {
    use std::os::fd::AsFd;
    let file = stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|data| data.is_file())
}

/// Nobody knows: as if it did not.
#[cfg(not(unix))]
pub(super) fn stdout_is_file() -> bool {
    false
}
