//! What is said of patterns that have changed.

use serde_json::json;

use super::verdict::{Action, Change, Compared};
use crate::cli::CliError;
use crate::cli::program::counted;

/// What is refused: patterns that have changed, and nobody said what becomes of their state.
pub(super) fn refused(all: &[(Compared, Action)], place: &str) -> CliError {
    let asked: Vec<&Compared> =
        all.iter().filter(|(_, action)| *action == Action::Ask).map(|(one, _)| one).collect();
    let message = format!(
        "{} not what the state in {place} is of: {}",
        if asked.len() == 1 { "a pattern is" } else { "some patterns are" },
        asked.iter().map(|one| described(one)).collect::<Vec<_>>().join("; ")
    );
    let first = &asked[0].name;
    CliError::Asked {
        message,
        help: vec![
            "--changed drain: the old pattern finishes what is open, beside the new one, which begins anew"
                .to_owned(),
            "--changed reset: what is open of the old pattern is dropped".to_owned(),
            format!("of one pattern: --changed {first}=drain; `ensue check FILES --against` says more"),
        ],
    }
}

/// A pattern with what has become of it.
fn described(one: &Compared) -> String {
    let Compared { name, change, differences, .. } = one;
    let what = match change {
        Change::Changed => format!("has changed ({})", differences.join(", ")),
        Change::Removed => "is not there any more".to_owned(),
        Change::Unchanged => "is what it was".to_owned(),
        Change::New => "is new".to_owned(),
        Change::Draining => "was changed before, and finishes what is open".to_owned(),
    };
    format!("`{name}` {what}{}", held(one))
}

/// What is held of it.
fn held(one: &Compared) -> String {
    let holding = one.holding;
    if one.change == Change::New {
        return String::new();
    }
    let mut text = format!(", {}", open(holding.open));
    if !holding.is_shared && holding.keys > 0 {
        text.push_str(&format!(" of {}", counted(holding.keys as usize, "key")));
    }
    if holding.found > 0 {
        text.push_str(&format!(", {} found and not written yet", holding.found));
    }
    text
}

fn open(count: u64) -> String {
    format!("{count} open partial {}", if count == 1 { "match" } else { "matches" })
}

/// What is done with a pattern, where its rules have changed; nothing of one that is as it was.
pub(super) fn done(one: &Compared, action: Action) -> Option<String> {
    let what = match action {
        Action::Keep => return None,
        Action::Begin => "it begins here",
        Action::Drain if one.change == Change::Draining => return None,
        Action::Drain => "the old one finishes them",
        Action::Reset => "they are dropped",
        Action::Forget => "nothing of it is left",
        Action::Ask => return None,
    };
    Some(format!("{}: {what}", described(one)))
}

/// The answer of a comparison, for people.
pub(in crate::cli) fn table(all: &[(Compared, Action)]) -> String {
    let width = all.iter().map(|(one, _)| one.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (one, action) in all {
        let Compared { name, change, differences, .. } = one;
        let mut notes = vec![match action {
            Action::Keep => format!("kept: {}", held(one).trim_start_matches(", ")),
            Action::Begin => "begins without state".to_owned(),
            Action::Forget => "nothing of it is held".to_owned(),
            Action::Drain if *change == Change::Draining => format!("goes on draining{}", held(one)),
            Action::Drain => format!("drains{}", held(one)),
            Action::Reset => format!("reset{}", held(one)),
            Action::Ask => format!("asks for --changed drain or reset{}", held(one)),
        }];
        if !differences.is_empty() {
            notes.push(format!("what differs: {}", differences.join(", ")));
        }
        text.push_str(&format!("{name:width$}  {:9}  {}\n", change.name(), notes.join("; ")));
    }
    text
}

/// The same for programs: a line for each pattern.
pub(in crate::cli) fn json_lines(all: &[(Compared, Action)]) -> String {
    let line = |(one, action): &(Compared, Action)| {
        let action = match action {
            Action::Keep => "keep",
            Action::Begin => "begin",
            Action::Drain => "drain",
            Action::Reset => "reset",
            Action::Forget => "forget",
            Action::Ask => "ask",
        };
        let line = json!({
            "pattern": one.name,
            "change": one.change.name(),
            "differences": one.differences,
            "action": action,
            "open": one.holding.open,
            "keys": if one.holding.is_shared { None } else { Some(one.holding.keys) },
            "found": one.holding.found,
        });
        format!("{line}\n")
    };
    all.iter().map(line).collect()
}
