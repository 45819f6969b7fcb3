//! Single alerts and single frauds: what an analyst looks at next, once the figures are told.
//!
//! All of them go to files, row by row as they are compared, so that nothing is held for it. The table and the page list the
//! first false alerts and the first missed frauds. A file of frauds can be a label file again: it has the key under its
//! own name, and the columns of one.

use rustc_hash::FxHashSet;

use super::compare::{Comparison, Finds, Verdict};
use super::frauds::{Fraud, Key};
use super::key;
use super::labels::{FIRST, KIND, LAST, NEAR_MISS};
use super::witness::Alert;
use crate::event::Value;
use crate::time::{Duration, EventTime};

/// A false alert, as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FalseAlert {
    pub(super) rule: String,
    /// The parts of its key; empty where it has none.
    pub(super) key: Vec<String>,
    /// Its first event.
    pub(super) first: EventTime,
    /// How long after it the alert came.
    pub(super) delay: Duration,
    /// Where it is about a near miss, of which kind that is.
    pub(super) near_miss: Option<String>,
}

/// A fraud that no rule has found, as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Missed {
    pub(super) key: Vec<String>,
    pub(super) first: EventTime,
    /// From its first event to its last.
    pub(super) lasted: Duration,
    pub(super) kind: Option<String>,
}

/// The first false alerts.
pub(super) fn false_alerts(comparison: &Comparison, most: usize) -> Vec<FalseAlert> {
    let listed = |(alert, verdict): (&Alert, &Verdict)| FalseAlert {
        rule: comparison.rules[verdict.rule].name.clone(),
        key: alert.key.map_or(Vec::new(), |key| parts(comparison, key).map(str::to_owned).collect()),
        first: alert.from,
        delay: alert.at.since(alert.from),
        near_miss: comparison
            .label(verdict)
            .map(|near_miss| near_miss.kind.clone().unwrap_or_else(|| "near miss".to_owned())),
    };
    comparison.alerts().filter(|(_, verdict)| !verdict.is_true()).map(listed).take(most).collect()
}

/// The first missed frauds.
pub(super) fn missed(comparison: &Comparison, most: usize) -> Vec<Missed> {
    let listed = |(fraud, _): (&Fraud, &Finds)| Missed {
        key: parts(comparison, fraud.key).map(str::to_owned).collect(),
        first: fraud.first,
        lasted: fraud.last.since(fraud.first),
        kind: fraud.kind.clone(),
    };
    comparison.frauds().filter(|(_, finds)| finds.first().is_none()).map(listed).take(most).collect()
}

/// The key of an alert and that of a fraud, where no fraud and no near miss has the key of an alert.
pub(super) fn strangers(comparison: &Comparison) -> Option<(String, String)> {
    let labelled: FxHashSet<Key> = comparison.index.frauds.iter().map(|fraud| fraud.key).collect();
    let mut keys = comparison.alerts().filter_map(|(alert, _)| alert.key);
    let (alert, (fraud, _)) = (keys.next()?, comparison.frauds().next()?);
    let shown = |key| parts(comparison, key).collect::<Vec<&str>>().join(", ");
    let are_strangers = [alert].into_iter().chain(keys).all(|key| !labelled.contains(&key));
    are_strangers.then(|| (shown(alert), shown(fraud.key)))
}

/// What the columns of a file of alerts are called.
pub(super) fn alert_names(key: &[String]) -> Vec<String> {
    let before = ["at", "pattern", "id"];
    let behind = [
        "is_true",
        NEAR_MISS,
        FIRST,
        LAST,
        "label_first_at",
        "label_kind",
        "frauds",
        "delay_seconds",
        "found_first",
    ];
    with_key(&before, key, &behind)
}

/// All alerts, in the order of the output, by these columns.
pub(super) fn alert_rows(comparison: &Comparison) -> impl Iterator<Item = Vec<Value>> + '_ {
    comparison.alerts().map(|(alert, verdict)| {
        let label = comparison.label(verdict);
        let found = label.filter(|_| verdict.is_true());
        let mut row = vec![
            Value::Timestamp(alert.at),
            Value::text(&comparison.rules[verdict.rule].name),
            Value::text(&format!("{:032x}", alert.id)),
        ];
        match alert.key {
            Some(key) => row.extend(parts(comparison, key).map(Value::text)),
            None => row.extend(comparison.key.iter().map(|_| Value::Null)),
        }
        row.extend([
            Value::Bool(verdict.is_true()),
            Value::Bool(verdict.is_about_near_miss()),
            Value::Timestamp(alert.from),
            Value::Timestamp(alert.to),
            label.map_or(Value::Null, |label| Value::Timestamp(label.first)),
            text(label.and_then(|label| label.kind.as_deref())),
            Value::Int(i64::from(verdict.frauds)),
            found.map_or(Value::Null, |fraud| seconds(alert.at.since(fraud.first))),
            Value::Bool(verdict.is_first),
        ]);
        row
    })
}

/// What the columns of a file of frauds are called.
pub(super) fn fraud_names(key: &[String]) -> Vec<String> {
    with_key(&[], key, &[FIRST, LAST, KIND, "missed", "outside", "found_by", "found_at", "delay_seconds"])
}

/// All frauds, in order of their first events, by these columns.
pub(super) fn fraud_rows(comparison: &Comparison) -> impl Iterator<Item = Vec<Value>> + '_ {
    comparison.frauds().map(|(fraud, finds)| {
        let first = finds.first();
        let mut found_by: Vec<&str> = Vec::new();
        // The first stands first, the others behind it in the order of the files.
        let others = finds.all().into_iter().filter(|find| Some(*find) != first);
        found_by
            .extend(first.into_iter().chain(others).map(|find| comparison.rules[find.rule].name.as_str()));
        let mut row: Vec<Value> = parts(comparison, fraud.key).map(Value::text).collect();
        row.extend([
            Value::Timestamp(fraud.first),
            Value::Timestamp(fraud.last),
            text(fraud.kind.as_deref()),
            Value::Bool(first.is_none()),
            Value::Bool(comparison.is_outside(fraud)),
            text(first.is_some().then(|| found_by.join(",")).as_deref()),
            first.map_or(Value::Null, |find| Value::Timestamp(find.at)),
            first.map_or(Value::Null, |find| seconds(find.at.since(fraud.first))),
        ]);
        row
    })
}

/// The names of a file's columns with those of the key among them: one that is taken already becomes `key.NAME`.
fn with_key(before: &[&str], key: &[String], behind: &[&str]) -> Vec<String> {
    let is_taken = |name: &String| before.iter().chain(behind).any(|taken| taken == name);
    let key = key.iter().map(|name| if is_taken(name) { format!("key.{name}") } else { name.clone() });
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    own(before).into_iter().chain(key).chain(own(behind)).collect()
}

fn parts(comparison: &Comparison, key: Key) -> impl Iterator<Item = &str> {
    key::parts(comparison.index.key(key), comparison.key.len())
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::text)
}

fn seconds(span: Duration) -> Value {
    Value::Float(span.micros() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::compare::Rule;
    use super::super::compare::tests::comparison;
    use super::super::frauds::Frauds;
    use super::*;
    use crate::event::PatternId;

    #[test]
    fn lists_have_the_first_and_no_more() {
        let comparison = comparison();
        let listed = false_alerts(&comparison, 2);
        let near_misses: Vec<_> = listed.iter().map(|alert| alert.near_miss.as_deref()).collect();
        assert_eq!(near_misses, [None, Some("stolen")]);
        assert_eq!((listed[0].rule.as_str(), &listed[0].key), ("first", &vec!["b".to_owned()]));
        assert_eq!(listed[0].delay, Duration::from_secs(10));
        assert_eq!(false_alerts(&comparison, 100).last().map(|alert| alert.key.len()), Some(0));
        let missed = missed(&comparison, 100);
        assert_eq!(missed.len(), 1);
        assert_eq!((missed[0].lasted, missed[0].kind.as_deref()), (Duration::from_secs(1), Some("stolen")));
    }

    #[test]
    fn keys_that_no_label_has_are_told() {
        assert_eq!(strangers(&comparison()), None);
        let only = |key: &str| {
            let mut frauds = Frauds::new(Duration::ZERO);
            let (one, other) = (frauds.key("c1".to_owned()), frauds.key(key.to_owned()));
            frauds.add_event(other, EventTime::from_millis(0), None);
            let at = EventTime::from_millis(9);
            let alert = Alert { rule: PatternId(0), id: 1, key: Some(one), from: at, to: at, at };
            let rule = Rule { id: PatternId(0), name: String::new(), doc: String::new() };
            Comparison::new(vec![rule], vec!["card".to_owned()], frauds.index(), vec![alert], None)
        };
        assert_eq!(strangers(&only("1")), Some(("c1".to_owned(), "1".to_owned())));
        assert_eq!(strangers(&only("c1")), None);
    }

    #[test]
    fn rows_have_a_value_for_each_name_also_without_a_key() {
        let comparison = comparison();
        let names = alert_names(&comparison.key);
        assert!(alert_rows(&comparison).all(|row| row.len() == names.len()));
        let last = alert_rows(&comparison).last().expect("there is one");
        assert_eq!((&names[3], &last[3]), (&"card".to_owned(), &Value::Null));
        let names = fraud_names(&comparison.key);
        assert!(fraud_rows(&comparison).all(|row| row.len() == names.len()));
    }

    #[test]
    fn a_key_that_is_called_like_a_column_is_told_apart() {
        let key = ["id".to_owned(), "user".to_owned()];
        assert_eq!(alert_names(&key)[..5], ["at", "pattern", "id", "key.id", "user"]);
        assert_eq!(fraud_names(&["at".to_owned()])[0], "at");
    }
}
