//! What saved state depends on: patterns are the same to it where these are.
//!
//! A pattern is taken apart into parts, each a hash of what the checker made of it, with names in place of the numbers
//! that depend on what else is in the program. So a pattern is known again in another program, and where it is another one,
//! it can be said in what. Its documentation, its `meta` and what it emits are no parts, but the fields that it emits of
//! its events are: they are captured with these.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::event::SlotId;
use crate::lang::hir::{Origin, Pattern, Program, Source, Step};
use crate::matcher::Class;
use crate::matcher::capture::Layout;

/// Patterns that are evaluated together, as far as their saved state depends on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitShape {
    /// Its number, by which the state of its keys is found.
    pub number: u32,
    /// The class that evaluates it.
    pub class: Class,
    /// Its patterns, in the order that the state of a family depends on.
    pub patterns: Vec<PatternShape>,
}

/// A pattern, as far as its saved state depends on it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PatternShape {
    /// Its name.
    pub name: String,
    /// Whether it begins nothing any more.
    pub drains: bool,
    /// Its parts, as people call them, with a hash of each.
    pub parts: Vec<(String, u64)>,
}

impl PatternShape {
    /// The shape of a pattern. Another version of Ensue may make something else of the same text: then it counts as
    /// changed, which is safe.
    pub fn of(program: &Program, pattern: &Pattern) -> PatternShape {
        let steps: Vec<Step> = pattern.steps.iter().map(without_text).collect();
        let sources: Vec<String> = pattern.sources.iter().map(|source| named(program, source)).collect();
        let parts = [
            ("the streams it reads", format!("{sources:?} {}", pattern.level)),
            ("its key", format!("{:?}", pattern.keys)),
            ("the fields it reads", format!("{:?} {:?}", pattern.slots, captured(pattern))),
            ("its steps", format!("{steps:?} {:?} {:?}", pattern.groups, pattern.body)),
            ("`match` or `skip`", format!("{:?} {:?}", pattern.mode, pattern.skip)),
            ("`within`", format!("{:?}", pattern.within)),
            ("`having`", format!("{:?}", pattern.having)),
            ("`limit`", format!("{:?}", pattern.limit)),
            ("`keep`", format!("{:?}", pattern.keep)),
            ("`tally`", format!("{:?}", pattern.tally)),
            ("whether it tells timeouts", format!("{}", !pattern.timeout_emits.is_empty())),
        ];
        PatternShape {
            name: pattern.name.clone(),
            drains: pattern.drains,
            parts: parts.into_iter().map(|(part, text)| (part.to_owned(), hash(&text))).collect(),
        }
    }

    /// Whether the state of the one is state of the other, too.
    pub fn is_same(&self, other: &PatternShape) -> bool {
        self.name == other.name && self.parts == other.parts
    }

    /// The parts that differ.
    pub fn differences<'a>(&'a self, other: &'a PatternShape) -> impl Iterator<Item = &'a str> {
        let differs = |part: &&(String, u64)| !other.parts.contains(part);
        self.parts.iter().filter(differs).map(|(part, _)| part.as_str())
    }
}

/// A stream as a pattern reads it, without numbers.
fn named(program: &Program, source: &Source) -> String {
    let stream = program.stream(source.stream);
    let name = |field: &usize| &stream.fields[*field].name;
    let time = match &stream.origin {
        Origin::Source { time_field, .. } => Some(name(time_field)),
        Origin::Derived { .. } => None,
    };
    let fields: Vec<_> = source.fields.iter().map(|field| field.as_ref().map(name)).collect();
    let keys: Vec<_> = source.keys.iter().map(name).collect();
    format!("{} {time:?} {:?} {fields:?} {keys:?}", stream.name, source.filter)
}

/// Where each field stands among those that are captured of an event.
fn captured(pattern: &Pattern) -> Option<Vec<Option<usize>>> {
    let layout = Layout::of(pattern)?;
    Some((0..pattern.slots.len() as u32).map(|slot| layout.word(SlotId(slot))).collect())
}

/// A step without what is for people only.
fn without_text(step: &Step) -> Step {
    let mut step = Step { text: String::new(), ..step.clone() };
    step.conditions.iter_mut().for_each(|part| part.text = String::new());
    step
}

fn hash(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
