//! Whether the first line of a file names its columns.

use super::column::is_written_number;
use super::tally::shortened;
use super::time::Ways;

/// Why a first line does not look like one that names columns, and what to do; `None` where it does.
pub(super) fn doubt(names: &[String]) -> Option<(String, &'static str)> {
    let empty = names.iter().filter(|name| name.is_empty()).count();
    if names.len() > 1 && empty * 2 > names.len() {
        let why =
            format!("most columns have no name in the first line, which begins `{}`", shortened(&names[0]));
        return Some((why, "if it is a title, take it off, up to the line that names the columns"));
    }
    let is_time = |name: &&String| Ways::default().see(name);
    let is_amount = |name: &&String| is_written_number(name) && name.contains(['.', ',']);
    let numbers = names.iter().filter(|name| is_written_number(name)).count();
    let value = names.iter().find(|name| is_time(name) || is_amount(name));
    let value =
        value.or_else(|| names.iter().find(|name| numbers * 2 > names.len() && is_written_number(name)));
    value.map(|value| {
        let why = format!(
            "the first line is taken for the names of the columns, and `{}` looks like a value",
            shortened(value)
        );
        (why, "if the file has no such line, add a first line that names the columns")
    })
}
