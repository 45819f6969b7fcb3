//! Why a column is not what most of its values are: how many are of a kind, and the first that is not.

use std::fmt;
use std::path::Path;

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The file, where there are several.
    pub(super) path: Option<&'a Path>,
    pub(super) line: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path {
            Some(path) => write!(f, "line {} of {}", self.line, path.display()),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// How many values are of a kind.
#[derive(Default, Debug)]
pub(super) struct Tally {
    fits: u64,
    /// The first that is not, and its place, in words.
    exception: Option<String>,
}

impl Tally {
    /// Counts a value; an empty text is one that is not there.
    pub(super) fn count(&mut self, fits: bool, text: &str, place: Place<'_>) {
        if fits {
            self.fits += 1;
        } else if self.exception.is_none() {
            self.exception = Some(match text.trim() {
                "" => format!("{place}, which has none"),
                text => format!("{place}: `{}`", shortened(text)),
            });
        }
    }

    /// `in 29 of 30 rows, but not in line 31: …`, where more than half of the rows are so, and not all.
    pub(super) fn nearly(&self, rows: u64) -> Option<String> {
        (self.fits < rows && self.fits * 2 > rows).then(|| {
            let but = self.exception.as_ref().map_or(String::new(), |what| format!(", but not in {what}"));
            format!("in {} of {rows} rows{but}", self.fits)
        })
    }
}

/// The beginning of a text, on one line.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let is_long = text.chars().nth(CHARACTERS_MAX).is_some();
    let start = text.chars().take(CHARACTERS_MAX).map(|c| if c.is_control() { ' ' } else { c });
    start.chain(is_long.then_some('…')).collect()
}
