//! `ensue state show`: the open partial matches of a pattern, with their events.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Place, open};
use crate::cli::program::did_you_mean;
use crate::cli::{CliError, Format, Verdict, print};
use crate::engine::OpenKey;
use crate::event::{Decimal, PatternId, SlotId, Type, Value};
use crate::io::push_value;
use crate::lang::hir::{KeyPart, Pattern, Program};
use crate::matcher::bounds::shown_key;
use crate::matcher::{OpenEvent, OpenMatch};
use crate::time::{Duration, EventTime};

/// Show open partial matches with their events and deadlines
///
/// A pattern of class `enumerable` keeps events and chooses when a match is complete: behind the first event stand all that may
/// be chosen. One of class `aggregate` counts through and keeps no events.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state show state --pattern velocity
  ensue state show state --pattern velocity --key c014754
  ensue state show state --pattern shared_device --key d7,web --format json")]
pub(super) struct ShowArgs {
    #[command(flatten)]
    place: Place,

    /// The pattern
    #[arg(long, value_name = "PATTERN")]
    pattern: String,

    /// Only this key: its values, with commas between them; a comma in a value is written \\,
    #[arg(long, value_name = "VALUES")]
    key: Option<String>,
}

pub(super) fn run(args: &ShowArgs) -> Result<Verdict, CliError> {
    let found = open(&args.place.place)?;
    let (old, engine) = found.engine(&args.place.place)?;
    let named = |id: &&PatternId| old.program.pattern(**id).name == args.pattern;
    let ids: Vec<PatternId> = old.patterns.iter().filter(named).copied().collect();
    if ids.is_empty() {
        let known: Vec<&str> = old.patterns.iter().map(|id| old.program.pattern(*id).name.as_str()).collect();
        let message = format!("there is no pattern `{}` in {}", args.pattern, args.place.place.display());
        return Err(CliError::asked(message, did_you_mean(&args.pattern, known.into_iter(), "patterns")));
    }
    let mut text = String::new();
    for id in ids {
        let pattern = old.program.pattern(id);
        let key = args.key.as_ref().map(|key| parse_key(pattern, key)).transpose()?;
        for open in engine.open_matches(id, key.as_deref()) {
            text.push_str(&match args.place.format {
                Format::Text => shown(&old.program, pattern, &open),
                Format::Json => json_lines(&old.program, pattern, &open),
            });
        }
    }
    if text.is_empty() && args.place.format == Format::Text {
        text = format!("nothing is open of `{}`\n", args.pattern);
    }
    print(&text)?;
    Ok(Verdict::Yes)
}

/// The values of a key as they are written on the command line.
fn parse_key(pattern: &Pattern, text: &str) -> Result<Vec<Value>, CliError> {
    let parts = split(text);
    let described: Vec<String> =
        pattern.keys.iter().map(|part| format!("{} {}", part.name, part.ty)).collect();
    if parts.len() != pattern.keys.len() {
        let message = match described.is_empty() {
            true => format!("pattern `{}` has no `by`, so it has one key without values", pattern.name),
            false => format!(
                "the key of pattern `{}` has {} values ({}), and {} were given",
                pattern.name,
                described.len(),
                described.join(", "),
                parts.len()
            ),
        };
        let help =
            if described.is_empty() { "leave out --key" } else { "write them with commas between them" };
        return Err(CliError::asked(message, help));
    }
    let parse = |(part, text): (&KeyPart, &String)| {
        parse_value(part.ty, text).ok_or_else(|| {
            let message = format!(
                "`{text}` is no {}, as the key `{}` of pattern `{}` is",
                part.ty, part.name, pattern.name
            );
            CliError::asked(message, format!("the key is: {}", described.join(", ")))
        })
    };
    pattern.keys.iter().zip(&parts).map(parse).collect()
}

/// Parts between commas; `\,` is a comma.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = parts.last_mut().expect("there is one from the start");
        match letter {
            '\\' if matches!(letters.peek(), Some(',' | '\\')) => last.extend(letters.next()),
            ',' => parts.push(String::new()),
            letter => last.push(letter),
        }
    }
    parts
}

fn parse_value(ty: Type, text: &str) -> Option<Value> {
    Some(match ty {
        Type::Bool => Value::Bool(text.parse().ok()?),
        Type::Int => Value::Int(text.parse().ok()?),
        Type::Float => Value::Float(text.parse().ok()?),
        Type::Decimal(scale) => Value::Decimal(Decimal::parse(text, scale)?),
        Type::String => Value::text(text),
        Type::Timestamp => Value::Timestamp(match text.parse() {
            Ok(millis) => EventTime::from_millis(millis),
            Err(_) => EventTime::parse_rfc3339(text)?,
        }),
        Type::Duration => Value::Duration(Duration::parse(text)?),
    })
}

/// The open partial matches of a key, for people.
fn shown(program: &Program, pattern: &Pattern, open: &OpenKey) -> String {
    let drains = if pattern.drains { " (draining)" } else { "" };
    let count = open.matches.len();
    let key = shown_key(&open.key);
    let mut text = format!("{}{drains} key {key}: {count} open\n", pattern.name);
    for OpenMatch { began, events, deadline, .. } in &open.matches {
        let until = deadline.map_or("no window ends it".to_owned(), |until| format!("until {until}"));
        text.push_str(&format!("  began {began}, {until}\n"));
        for event in events {
            text.push_str(&format!("    {}\n", shown_event(program, pattern, event)));
        }
    }
    text
}

fn shown_event(program: &Program, pattern: &Pattern, event: &OpenEvent) -> String {
    let position = event.order.position;
    let stream = &program.stream(position.stream).name;
    let value = |(slot, value): &(SlotId, Value)| {
        let text = match value {
            Value::String(text) => format!("{text:?}"),
            Value::Null => "null".to_owned(),
            value => value.to_string(),
        };
        format!("{} {text}", pattern.slots[slot.index()].name)
    };
    let values: Vec<String> = event.values.iter().map(value).collect();
    let place = format!("{stream}/{} {}", position.partition.0, position.record);
    format!("{} at {}  [{place}]  {}", pattern.step(event.step).name, event.order.time, values.join(", "))
        .trim_end()
        .to_owned()
}

/// An open partial match, for programs.
#[derive(Serialize)]
struct MatchLine<'a> {
    pattern: &'a str,
    draining: bool,
    key: BTreeMap<&'a str, Box<RawValue>>,
    began: String,
    deadline: Option<String>,
    events: Vec<EventLine<'a>>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    step: &'a str,
    at: String,
    stream: &'a str,
    partition: u32,
    record: u64,
    fields: BTreeMap<&'a str, Box<RawValue>>,
}

fn json_lines(program: &Program, pattern: &Pattern, open: &OpenKey) -> String {
    let names = pattern.keys.iter().map(|part| part.name.as_str());
    let key: BTreeMap<&str, Box<RawValue>> = names.zip(open.key.iter().map(raw)).collect();
    let event = |event: &OpenEvent| {
        let position = event.order.position;
        let name = |slot: SlotId| pattern.slots[slot.index()].name.as_str();
        EventLine {
            step: &pattern.step(event.step).name,
            at: event.order.time.to_string(),
            stream: program.stream(position.stream).name.as_str(),
            partition: position.partition.0,
            record: position.record,
            fields: event.values.iter().map(|(slot, value)| (name(*slot), raw(value))).collect(),
        }
    };
    let line = |one: &OpenMatch| {
        let line = MatchLine {
            pattern: &pattern.name,
            draining: pattern.drains,
            key: key.clone(),
            began: one.began.to_string(),
            deadline: one.deadline.map(|at| at.to_string()),
            events: one.events.iter().map(event).collect(),
        };
        format!("{}\n", serde_json::to_string(&line).expect("these members are JSON"))
    };
    open.matches.iter().map(line).collect()
}

/// A value as records print it.
fn raw(value: &Value) -> Box<RawValue> {
    let mut text = Vec::new();
    push_value(&mut text, value);
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    RawValue::from_string(text).expect("a value is written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_as_its_types() {
        assert_eq!(split("a,b\\,c,"), ["a", "b,c", ""]);
        assert_eq!(split(""), [""]);
        assert_eq!(parse_value(Type::Int, "-7"), Some(Value::Int(-7)));
        assert_eq!(
            parse_value(Type::Decimal(2), "7.5").map(|value| value.to_string()).as_deref(),
            Some("7.50")
        );
        assert_eq!(
            parse_value(Type::Timestamp, "1000"),
            parse_value(Type::Timestamp, "1970-01-01T00:00:01Z")
        );
        for (ty, text) in
            [(Type::Int, "x"), (Type::Bool, "1"), (Type::Timestamp, "noon"), (Type::Duration, "1")]
        {
            assert_eq!(parse_value(ty, text), None, "{text}");
        }
    }
}
