//! By what alerts and frauds are joined: a few fields, found in alerts, in events, and in a label file.
//!
//! Keys are compared as text, as records print them: a label file has no types.

use rustc_hash::FxHashMap;

use crate::cli::CliError;
use crate::cli::program::did_you_mean;
use crate::cli::run::Ready;
use crate::engine::Record;
use crate::event::{Batch, PatternId, StreamId, Value};
use crate::lang::hir::{DERIVED_FIELDS, Pattern, Program};

/// What stands between the parts of a key as text: no text of a person has it.
const BETWEEN: char = '\u{1f}';

/// By what alerts and frauds are joined.
pub(super) struct KeyPlan {
    /// The names of the fields.
    pub(super) names: Vec<String>,
    /// For each pattern and stream that it emits alerts to, where the parts stand.
    places: FxHashMap<(PatternId, StreamId), Vec<Place>>,
}

/// Where a part of the key stands in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// A part of the pattern's key.
    Key(usize),
    /// A field of the record.
    Field(usize),
}

impl KeyPlan {
    /// The key that was asked for, or what all patterns with alerts have in common.
    pub(super) fn new(ready: &Ready, asked: &[String], alerts: &[StreamId]) -> Result<KeyPlan, CliError> {
        let program = &ready.program;
        let rules = rules(program, ready.patterns(), alerts);
        if rules.is_empty() {
            let message = "no running pattern emits an alert";
            return Err(CliError::asked(
                message,
                "leave out --alerts, or name a stream that a pattern emits to",
            ));
        }
        let names = if asked.is_empty() { common(program, &rules)? } else { asked.to_vec() };
        let mut places = FxHashMap::default();
        for (id, stream) in rules {
            let pattern = program.pattern(id);
            let parts =
                names.iter().map(|name| place(program, pattern, stream, name)).collect::<Result<_, _>>()?;
            places.insert((id, stream), parts);
        }
        Ok(KeyPlan { names, places })
    }

    /// Whether a record is an alert.
    pub(super) fn is_alert(&self, record: &Record) -> bool {
        self.places.contains_key(&(record.pattern, record.stream))
    }

    /// Whether a pattern makes alerts.
    pub(super) fn is_rule(&self, pattern: PatternId) -> bool {
        self.places.keys().any(|(of, _)| *of == pattern)
    }

    /// The key of an alert; `None` where a part is null.
    pub(super) fn of_alert(&self, record: &Record) -> Option<String> {
        let places = &self.places[&(record.pattern, record.stream)];
        joined(places.iter().map(|place| match *place {
            Place::Key(at) => record.outcome.keys[at].clone(),
            Place::Field(at) => record.fields[at].clone(),
        }))
    }

    /// The fields of a stream that are the key of its events.
    pub(super) fn of_events(&self, ready: &Ready, stream: StreamId) -> Result<Vec<usize>, CliError> {
        let field = |name: &String| {
            event_field(&ready.program, ready.patterns(), stream, name).ok_or_else(|| {
                let declared = ready.program.stream(stream);
                let fields: Vec<&str> = declared.fields.iter().map(|field| field.name.as_str()).collect();
                let message =
                    format!("stream `{}` has labels, and no field `{name}` to know them by", declared.name);
                CliError::asked(
                    message,
                    format!("say by what with --key; its fields are {}", fields.join(", ")),
                )
            })
        };
        self.names.iter().map(field).collect()
    }

    /// What the parts may be called in a label file: as the field, or as in the input of the streams.
    pub(super) fn columns(&self, ready: &Ready) -> Vec<Vec<String>> {
        let program = &ready.program;
        let names = |name: &String| {
            let mut names = vec![name.clone()];
            for stream in ready.streams() {
                if let Some(field) = event_field(program, ready.patterns(), stream, name) {
                    let field = &program.stream(stream).fields[field];
                    names.extend([field.name.clone(), field.path.join(".")]);
                }
            }
            names.dedup();
            names
        };
        self.names.iter().map(names).collect()
    }
}

/// The key of an event; `None` where a part is null.
pub(super) fn of_event(batch: &Batch, row: usize, fields: &[usize]) -> Option<String> {
    joined(fields.iter().map(|field| batch.value(row, *field)))
}

/// A key as text.
pub(super) fn of_texts<'a>(parts: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let parts: Option<Vec<&str>> = parts.collect();
    Some(parts?.join(&BETWEEN.to_string()))
}

/// The parts of a key that is text, so many.
pub(super) fn parts(key: &str, count: usize) -> impl Iterator<Item = &str> {
    key.splitn(count, BETWEEN)
}

fn joined(values: impl Iterator<Item = Value>) -> Option<String> {
    let mut text = String::new();
    for (at, value) in values.enumerate() {
        if value.is_null() {
            return None;
        }
        if at > 0 {
            text.push(BETWEEN);
        }
        text.push_str(&value.to_string());
    }
    Some(text)
}

/// Every running pattern with each of the streams that it emits alerts to.
fn rules(program: &Program, patterns: &[PatternId], alerts: &[StreamId]) -> Vec<(PatternId, StreamId)> {
    let mut rules = Vec::new();
    for id in patterns {
        let pattern = program.pattern(*id);
        for emit in pattern.emits.iter().chain(&pattern.timeout_emits) {
            if alerts.contains(&emit.stream) && !rules.contains(&(*id, emit.stream)) {
                rules.push((*id, emit.stream));
            }
        }
    }
    rules
}

/// The parts that the keys of all rules have in common.
fn common(program: &Program, rules: &[(PatternId, StreamId)]) -> Result<Vec<String>, CliError> {
    let names = |id: PatternId| program.pattern(id).keys.iter().map(|part| part.name.clone());
    let has = |id: PatternId, name: &String| names(id).any(|part| part == *name);
    let common: Vec<String> =
        names(rules[0].0).filter(|name| rules.iter().all(|(id, _)| has(*id, name))).collect();
    if common.is_empty() && rules.iter().any(|(id, _)| names(*id).len() > 0) {
        let mut told: Vec<String> = Vec::new();
        for (id, _) in rules {
            let key: Vec<String> = names(*id).collect();
            let by = if key.is_empty() { "by nothing".to_owned() } else { format!("by {}", key.join(", ")) };
            let line = format!("`{}` is {by}", program.pattern(*id).name);
            if !told.contains(&line) {
                told.push(line);
            }
        }
        return Err(CliError::Asked {
            message: format!("the patterns have no key in common: {}", told.join("; ")),
            help: vec![
                "say of what a fraud is: --key FIELD; a pattern that is by something else must emit that field".to_owned(),
                "or measure fewer patterns at once: --select PATTERN".to_owned(),
            ],
        });
    }
    Ok(common)
}

fn place(program: &Program, pattern: &Pattern, stream: StreamId, name: &str) -> Result<Place, CliError> {
    let of_key = pattern.keys.iter().position(|part| part.name == *name).map(Place::Key);
    let is_emitted = |at: usize| {
        let mut emits = pattern.emits.iter().chain(&pattern.timeout_emits);
        emits.any(|emit| emit.stream == stream && emit.fields.iter().any(|(field, _)| *field == at))
    };
    let fields = &program.stream(stream).fields;
    let of_record = || {
        let field = fields.iter().position(|field| field.name == *name);
        field.filter(|at| is_emitted(*at)).map(Place::Field)
    };
    of_key.or_else(of_record).ok_or_else(|| without_part(program, pattern, stream, name))
}

/// What is said where the alerts of a pattern have no such part of a key.
fn without_part(program: &Program, pattern: &Pattern, stream: StreamId, name: &str) -> CliError {
    let emitted = program.stream(stream);
    let message = format!(
        "the alerts of `{}` have no `{name}`: neither its key nor its record on `{}`",
        pattern.name, emitted.name
    );
    let sources = pattern.sources.iter().map(|source| program.stream(source.stream));
    let mut events = sources.flat_map(|source| &source.fields);
    // What the events do not have cannot be emitted: it is a slip.
    let help = match events.any(|field| field.name == *name) {
        true => format!("emit it: `emit {} {{ {name}: … }}`", emitted.name),
        false => {
            let own = emitted.fields.iter().skip(DERIVED_FIELDS).map(|field| field.name.as_str());
            let known = pattern.keys.iter().map(|part| part.name.as_str()).chain(own);
            let mut known: Vec<&str> = known.collect();
            known.sort_unstable();
            known.dedup();
            did_you_mean(name, known.into_iter(), "its alerts have")
        }
    };
    let others = "or leave the pattern out with --select or --alerts, or say another --key".to_owned();
    let renamed = format!(
        "if `{name}` is a column of the label file, call it there as a part of the key is called: {}",
        pattern.keys.iter().map(|part| format!("`{}`", part.name)).collect::<Vec<_>>().join(", ")
    );
    let renamed = Some(renamed).filter(|_| !pattern.keys.is_empty());
    CliError::Asked { message, help: [help, others].into_iter().chain(renamed).collect() }
}

/// The field of a stream that is a part of the key: of its name, or what a pattern by that part reads of the stream.
fn event_field(program: &Program, patterns: &[PatternId], stream: StreamId, name: &str) -> Option<usize> {
    let named = program.stream(stream).fields.iter().position(|field| field.name == *name);
    named.or_else(|| {
        patterns.iter().find_map(|id| {
            let pattern = program.pattern(*id);
            let source = &pattern.sources[pattern.source_of(stream)?];
            Some(source.keys[pattern.keys.iter().position(|part| part.name == *name)?])
        })
    })
}
