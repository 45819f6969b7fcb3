//! `ensue state diff`: what differs between two states.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value as Json, json};

use super::{Found, name_of, open};
use crate::cli::{CliError, Format, Verdict, print};
use crate::engine::cmp_keys;
use crate::event::Value;
use crate::matcher::bounds::shown_key;

/// Say which keys differ between two states, pattern by pattern
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state diff monday.savepoint tuesday.savepoint
  ensue state diff monday.savepoint state --format json

Exit code 1: something differs.")]
pub(super) struct DiffArgs {
    /// A state directory, or a savepoint
    #[arg(value_name = "BEFORE")]
    before: PathBuf,

    /// Another one
    #[arg(value_name = "AFTER")]
    after: PathBuf,

    /// The most keys that are named of each kind
    #[arg(long, value_name = "N", default_value_t = 10)]
    keys: usize,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The records of keys by the name of their unit.
type ByUnit<'a> = BTreeMap<String, Vec<(&'a Arc<[Value]>, &'a [u8])>>;

/// What differs in a unit.
#[derive(Default)]
struct Difference<'a> {
    added: Vec<&'a Arc<[Value]>>,
    gone: Vec<&'a Arc<[Value]>>,
    changed: Vec<&'a Arc<[Value]>>,
}

pub(super) fn run(args: &DiffArgs) -> Result<Verdict, CliError> {
    let (before, after) = (open(&args.before)?, open(&args.after)?);
    let differences = compare(&by_unit(&before), &by_unit(&after));
    print(&match args.format {
        Format::Text => text(args, &before, &after, &differences),
        Format::Json => as_json(args, &before, &after, &differences),
    })?;
    Ok(if differences.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// The records of a state, in order of keys.
fn by_unit(found: &Found) -> ByUnit<'_> {
    let mut all = ByUnit::new();
    for unit in &found.recovered.mark.units {
        let own = found.recovered.keys.iter().filter(|state| state.unit == unit.number);
        let records = all.entry(name_of(unit)).or_default();
        records.extend(own.map(|state| (&state.key, state.bytes.as_slice())));
        records.sort_by(|one, other| cmp_keys(one.0, other.0));
    }
    all
}

/// The units in which something differs.
fn compare<'a>(before: &ByUnit<'a>, after: &ByUnit<'a>) -> BTreeMap<String, Difference<'a>> {
    let mut all = BTreeMap::new();
    let none = Vec::new();
    for name in before.keys().chain(after.keys()) {
        let of = |records: &ByUnit<'a>| records.get(name).unwrap_or(&none).clone();
        let difference = compare_unit(&of(before), &of(after));
        if difference.count() > 0 {
            all.insert(name.clone(), difference);
        }
    }
    all
}

/// Goes through both in order of keys.
fn compare_unit<'a>(
    before: &[(&'a Arc<[Value]>, &'a [u8])],
    after: &[(&'a Arc<[Value]>, &'a [u8])],
) -> Difference<'a> {
    let mut difference = Difference::default();
    let (mut left, mut right) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return difference,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => cmp_keys(one.0, other.0),
        };
        let old = if order.is_le() { left.next() } else { None };
        let new = if order.is_ge() { right.next() } else { None };
        match (old, new) {
            (Some(old), None) => difference.gone.push(old.0),
            (None, Some(new)) => difference.added.push(new.0),
            (Some(old), Some(new)) if old.1 != new.1 => difference.changed.push(old.0),
            _ => {}
        }
    }
}

impl<'a> Difference<'a> {
    fn kinds(&self) -> [(&'static str, &Vec<&'a Arc<[Value]>>); 3] {
        [("added", &self.added), ("gone", &self.gone), ("changed", &self.changed)]
    }

    fn count(&self) -> usize {
        self.kinds().iter().map(|(_, keys)| keys.len()).sum()
    }
}

fn text(
    args: &DiffArgs,
    before: &Found,
    after: &Found,
    differences: &BTreeMap<String, Difference<'_>>,
) -> String {
    let head = |path: &PathBuf, found: &Found| {
        let mark = &found.recovered.mark;
        let events = mark.counts.get("events").copied().unwrap_or_default();
        format!("{}: epoch {}, {events} events\n", path.display(), mark.epoch)
    };
    let mut text = head(&args.before, before) + &head(&args.after, after);
    for (name, difference) in differences {
        let counts: Vec<String> = difference
            .kinds()
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(kind, keys)| format!("{} {kind}", keys.len()))
            .collect();
        text.push_str(&format!("{name}: {}\n", counts.join(", ")));
        for (kind, keys) in difference.kinds() {
            for key in keys.iter().take(args.keys) {
                text.push_str(&format!("  {kind} {}\n", shown_key(key)));
            }
            if keys.len() > args.keys {
                text.push_str(&format!("  {kind}: {} more (--keys)\n", keys.len() - args.keys));
            }
        }
    }
    if differences.is_empty() {
        text.push_str("the state of keys is the same\n");
    }
    text
}

fn as_json(
    args: &DiffArgs,
    before: &Found,
    after: &Found,
    differences: &BTreeMap<String, Difference<'_>>,
) -> String {
    let keys = |keys: &Vec<&Arc<[Value]>>| {
        let named: Vec<String> = keys.iter().take(args.keys).map(|key| shown_key(key)).collect();
        json!({ "count": keys.len(), "keys": named })
    };
    let one = |(name, difference): (&String, &Difference<'_>)| {
        let kinds = difference.kinds().map(|(kind, found)| (kind.to_owned(), keys(found)));
        (name.clone(), Json::Object(kinds.into_iter().collect()))
    };
    let patterns: serde_json::Map<String, Json> = differences.iter().map(one).collect();
    let line = json!({
        "before": { "place": args.before.display().to_string(), "epoch": before.recovered.mark.epoch },
        "after": { "place": args.after.display().to_string(), "epoch": after.recovered.mark.epoch },
        "patterns": patterns,
    });
    format!("{line}\n")
}
