//! What there is to be found: fraudulent events put together to frauds, and looked up by key and time.
//!
//! Fraudulent events of one key are one fraud while each comes at most a gap after the one before. A label that spans two
//! times is a fraud of its own. A near miss is a label that says the opposite: this looks like fraud and is none.

use rustc_hash::FxHashMap;

use crate::time::{Duration, EventTime};

/// A key by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Key(u32);

/// A label: an event, or all between two times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) key: Key,
    pub(super) first: EventTime,
    pub(super) last: EventTime,
    /// Whether it is one event, which may be of the same fraud as others.
    pub(super) is_event: bool,
    /// What kind of fraud it is, where that is said.
    pub(super) kind: Option<String>,
    /// Whether it is none.
    pub(super) is_near_miss: bool,
}

/// The labels of a backtest.
#[derive(Debug)]
pub(super) struct Frauds {
    gap: Duration,
    keys: FxHashMap<String, Key>,
    labels: Vec<Label>,
}

/// A fraud, or a near miss.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fraud {
    pub(super) key: Key,
    /// The first fraudulent event.
    pub(super) first: EventTime,
    /// The last.
    pub(super) last: EventTime,
    /// As its first label says.
    pub(super) kind: Option<String>,
    pub(super) is_near_miss: bool,
}

/// Frauds that can be looked up.
#[derive(Debug, Default)]
pub(super) struct FraudIndex {
    pub(super) frauds: Vec<Fraud>,
    /// The text of every key, by its number.
    keys: Vec<String>,
    spans: FxHashMap<Key, Vec<Span>>,
}

/// A label of a fraud.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: EventTime,
    last: EventTime,
    /// The latest end of this one and all before it.
    latest: EventTime,
    fraud: usize,
}

impl Frauds {
    pub(super) fn new(gap: Duration) -> Frauds {
        Frauds { gap, keys: FxHashMap::default(), labels: Vec::new() }
    }

    /// The number of a key.
    pub(super) fn key(&mut self, text: String) -> Key {
        let next = Key(self.keys.len() as u32);
        *self.keys.entry(text).or_insert(next)
    }

    /// Adds a label.
    pub(super) fn add(&mut self, label: Label) {
        assert!(label.first <= label.last, "a label ends where it begins, or later");
        self.labels.push(label);
    }

    /// A fraudulent event.
    pub(super) fn add_event(&mut self, key: Key, at: EventTime, kind: Option<String>) {
        self.add(Label { key, first: at, last: at, is_event: true, kind, is_near_miss: false });
    }

    /// Puts the labels together, frauds in order of their first events.
    pub(super) fn index(mut self) -> FraudIndex {
        self.labels.sort_by_key(|label| (label.first, label.key, label.last));
        let mut index = FraudIndex { keys: vec![String::new(); self.keys.len()], ..FraudIndex::default() };
        for (text, key) in self.keys {
            index.keys[key.0 as usize] = text;
        }
        // For each key the fraud of its last fraudulent event.
        let mut open: FxHashMap<(Key, bool), usize> = FxHashMap::default();
        for label in self.labels {
            let Label { key, first, last, is_event, kind, is_near_miss } = label;
            let before = open.get(&(key, is_near_miss)).copied().filter(|_| is_event);
            let joined = before.filter(|fraud| first.since(index.frauds[*fraud].last) <= self.gap);
            let fraud = joined.unwrap_or_else(|| {
                index.frauds.push(Fraud { key, first, last, kind, is_near_miss });
                index.frauds.len() - 1
            });
            if is_event {
                index.frauds[fraud].last = last;
                open.insert((key, is_near_miss), fraud);
            }
            let spans = index.spans.entry(key).or_default();
            let latest = spans.last().map_or(last, |span: &Span| span.latest.max(last));
            spans.push(Span { first, last, latest, fraud });
        }
        index
    }
}

impl FraudIndex {
    /// A key as text.
    pub(super) fn key(&self, key: Key) -> &str {
        &self.keys[key.0 as usize]
    }

    /// The frauds and near misses with a label of this key between two times, ends included; each once, in order.
    pub(super) fn between(&self, key: Key, from: EventTime, to: EventTime) -> Vec<usize> {
        let spans = self.spans.get(&key).map_or(&[][..], Vec::as_slice);
        let behind = spans.partition_point(|span| span.first <= to);
        let near = spans[..behind].iter().rev().take_while(|span| span.latest >= from);
        let mut found: Vec<usize> = near.filter(|span| span.last >= from).map(|span| span.fraud).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_millis(seconds * 1000)
    }

    fn spans(index: &FraudIndex) -> Vec<(EventTime, EventTime)> {
        index.frauds.iter().map(|fraud| (fraud.first, fraud.last)).collect()
    }

    #[test]
    fn events_of_one_key_within_the_gap_are_one_fraud() {
        let mut frauds = Frauds::new(Duration::from_secs(10));
        let (a, b) = (frauds.key("a".to_owned()), frauds.key("b".to_owned()));
        assert_eq!(frauds.key("a".to_owned()), a);
        // Out of order, as late events and several files are.
        for (key, seconds) in [(a, 20), (a, 0), (b, 5), (a, 10), (a, 31)] {
            frauds.add_event(key, at(seconds), None);
        }
        let index = frauds.index();
        assert_eq!(spans(&index), [(at(0), at(20)), (at(5), at(5)), (at(31), at(31))]);
    }

    #[test]
    fn labels_with_two_times_are_frauds_of_their_own() {
        let mut frauds = Frauds::new(Duration::from_secs(10));
        let key = frauds.key("a".to_owned());
        for (first, last, is_near_miss) in [(0, 5, false), (3, 9, false), (4, 4, true)] {
            let (first, last) = (at(first), at(last));
            frauds.add(Label { key, first, last, is_event: false, kind: None, is_near_miss });
        }
        frauds.add_event(key, at(5), Some("lost".to_owned()));
        let index = frauds.index();
        assert_eq!(spans(&index), [(at(0), at(5)), (at(3), at(9)), (at(4), at(4)), (at(5), at(5))]);
        assert_eq!(index.frauds[3].kind.as_deref(), Some("lost"));
        assert_eq!((index.frauds[3].key, index.key(key)), (key, "a"));
        assert_eq!(index.between(key, at(5), at(5)), [0, 1, 3]);
    }

    #[test]
    fn a_fraud_is_found_where_it_has_a_label_and_not_between_them() {
        let mut frauds = Frauds::new(Duration::from_secs(10));
        let (key, other) = (frauds.key("a".to_owned()), frauds.key("b".to_owned()));
        frauds.add_event(key, at(10), None);
        frauds.add_event(key, at(20), None);
        let long =
            Label { key, first: at(0), last: at(100), is_event: false, kind: None, is_near_miss: false };
        frauds.add(Label { key: other, ..long.clone() });
        frauds.add(Label { key: other, first: at(30), last: at(31), ..long });
        let index = frauds.index();
        let found = |key, from, to| index.between(key, at(from), at(to)).len();
        assert_eq!(found(key, 11, 19), 0);
        assert_eq!(found(key, 0, 9), 0);
        assert_eq!((found(key, 10, 10), found(key, 20, 25), found(key, 0, 99)), (1, 1, 1));
        // A long one is found behind a short one that is over.
        assert_eq!((found(other, 50, 60), found(other, 31, 60), found(other, 101, 102)), (1, 2, 0));
    }
}
