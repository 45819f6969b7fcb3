//! What an engine holds for a key, to be looked at.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Engine;
use super::crew::Hands;
use crate::event::{PatternId, Value};
use crate::matcher::OpenMatch;

/// What is open for a key of a pattern.
#[derive(Clone, Debug)]
pub struct OpenKey {
    /// The key.
    pub key: Arc<[Value]>,
    /// Its open partial matches, those that began first in front.
    pub matches: Vec<OpenMatch>,
}

impl Engine {
    /// What is open of a pattern, by key and in order of keys; of one key where one is given. Goes through all keys, and only
    /// where no crew works for the engine.
    pub fn open_matches(&self, pattern: PatternId, key: Option<&[Value]>) -> Vec<OpenKey> {
        let Hands::Here(shards) = &self.hands else { return Vec::new() };
        let mut all = Vec::new();
        for shard in shards {
            shard.each_open(pattern, key, self.now, &mut |open| all.push(open));
        }
        all.iter_mut().for_each(|open| open.matches.sort_by_key(|one| one.began));
        all.sort_by(|one, other| cmp_keys(&one.key, &other.key));
        all
    }
}

/// The order in which keys are shown: numbers by their size, all else by its text.
pub fn cmp_keys(left: &[Value], right: &[Value]) -> Ordering {
    let one = |(left, right): (&Value, &Value)| match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
        _ => left.to_string().cmp(&right.to_string()),
    };
    let parts = left.iter().zip(right).map(one).find(|order| order.is_ne());
    parts.unwrap_or_else(|| left.len().cmp(&right.len()))
}
