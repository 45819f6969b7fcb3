//! The declaration of a stream, with why.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::column::{Column, Guess};
use super::names::word_of;

/// A column with what it became.
pub(super) type Guessed<'a> = (&'a Column, Result<Guess, String>);

/// A declaration: its fields, and the event time among them.
pub(super) struct Declaration<'a> {
    pub(super) stream: &'a str,
    pub(super) source: String,
    pub(super) rows: u64,
    pub(super) columns: Vec<Guessed<'a>>,
    /// Among the columns.
    pub(super) time: usize,
    pub(super) has_columns: bool,
}

impl Declaration<'_> {
    /// Its text, with this disorder, and what was found of it.
    pub(super) fn text(&self, disorder: &str, notes: &[String]) -> String {
        let mut text = format!("/// Made from {}\nstream {} {{\n", self.source, self.stream);
        let mut taken = HashSet::new();
        let mut lines = Vec::new();
        let mut time = String::new();
        for (at, (column, guess)) in self.columns.iter().enumerate() {
            let shown = column.path.join(".");
            let (guess, name) = match (guess, self.is_reachable(column)) {
                (Ok(guess), true) => (guess, unique(&name_of(column), &mut taken)),
                (Err(why), _) => {
                    lines.push((String::new(), String::new(), format!("`{shown}` is left out: {why}")));
                    continue;
                }
                (_, false) if shown.is_empty() => {
                    lines.push((
                        String::new(),
                        String::new(),
                        "a column without a name is left out".to_owned(),
                    ));
                    continue;
                }
                (_, false) => {
                    let why = format!("`{shown}` is left out: its name cannot be written after `from`");
                    lines.push((String::new(), String::new(), why));
                    continue;
                }
            };
            if at == self.time {
                time.clone_from(&name);
            }
            let nullable = if guess.nullable { "?" } else { "" };
            let mut ty = format!("{}{nullable}", guess.ty);
            if name != shown {
                let _ = write!(ty, "  from \"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\""));
            }
            let mut notes = guess.notes.clone();
            if guess.nullable && column.values > 0 {
                notes.push(format!("missing in {} of {} rows", self.rows - column.values, self.rows));
            }
            if self.is_key(column, guess) {
                notes.push(format!("a possible key: {} different values", column.different()));
            }
            lines.push((quoted(&name), ty, notes.join("; ")));
        }
        let widths = |part: fn(&(String, String, String)) -> &str| {
            lines.iter().map(|line| part(line).chars().count()).max().unwrap_or(0)
        };
        let (names, types) = (widths(|line| &line.0), widths(|line| &line.1).min(48));
        for (name, ty, note) in &lines {
            let line = match (name.is_empty(), note.is_empty()) {
                (true, _) => format!("    // {note}"),
                (false, true) => format!("    {name:names$}  {ty}"),
                (false, false) => format!("    {name:names$}  {ty:types$}  // {note}"),
            };
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
        notes.iter().for_each(|note| text.push_str(&format!("    // {note}\n")));
        let _ = writeln!(text, "    event time {}, disorder {disorder}", quoted(&time));
        text.push_str("}\n");
        text
    }

    /// Whether `from` can name it.
    fn is_reachable(&self, column: &Column) -> bool {
        let is_plain = |name: &String| {
            !name.is_empty()
                && !name.chars().any(char::is_control)
                && (self.has_columns || !name.contains('.'))
        };
        let whole = column.path.join(".");
        column.path.iter().all(is_plain) && !whole.split('.').any(str::is_empty)
    }

    /// Whether a pattern could be keyed by it: several rows of each, and several values.
    fn is_key(&self, column: &Column, guess: &Guess) -> bool {
        let is_kind = matches!(guess.ty.as_str(), "string" | "int");
        let (different, values) = (column.different() as u64, column.values);
        is_kind && different > 2 && 2 * different <= values && different * different >= values
    }
}

/// What a field may be called after its column.
fn name_of(column: &Column) -> String {
    let name = column.path.join("_");
    let is_word = |name: &str| {
        name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
            && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    if column.path.len() == 1 && is_word(&name) {
        return name;
    }
    let word = word_of(&name);
    if is_word(&word) { word } else { format!("c_{word}").trim_end_matches('_').to_owned() }
}

fn unique(name: &str, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.to_owned();
    for number in 2.. {
        if taken.insert(candidate.clone()) {
            break;
        }
        candidate = format!("{name}_{number}");
    }
    candidate
}

/// A name as a program has it: what could be read as something else stands in backquotes.
fn quoted(name: &str) -> String {
    let is_read_otherwise = matches!(
        name,
        "event"
            | "key"
            | "true"
            | "false"
            | "null"
            | "and"
            | "or"
            | "not"
            | "in"
            | "is"
            | "between"
            | "like"
            | "matches"
            | "if"
            | "then"
            | "else"
            | "where"
            | "from"
    );
    if is_read_otherwise { format!("`{name}`") } else { name.to_owned() }
}
