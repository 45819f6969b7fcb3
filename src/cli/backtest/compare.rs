//! Alerts against frauds: which alerts are true, which frauds are found, and by whom first.
//!
//! Everything that is said, figures and lists, is read off one [`Comparison`].

use rustc_hash::FxHashMap;

use super::frauds::{Fraud, FraudIndex};
use super::witness::Alert;
use crate::event::PatternId;
use crate::time::EventTime;

/// A pattern that makes alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule {
    pub(super) id: PatternId,
    pub(super) name: String,
    /// The first paragraph of its doc comment.
    pub(super) doc: String,
}

/// Alerts and frauds, compared.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The patterns that make alerts, in file order.
    pub(super) rules: Vec<Rule>,
    /// The fields that alerts and frauds are joined by.
    pub(super) key: Vec<String>,
    pub(super) index: FraudIndex,
    /// The first and the last event.
    pub(super) span: Option<(EventTime, EventTime)>,
    /// In the order of the output.
    alerts: Vec<Alert>,
    /// One for each alert.
    verdicts: Vec<Verdict>,
    /// One for each fraud and near miss.
    finds: Vec<Finds>,
}

/// What is said of an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    /// Which of the rules has made it.
    pub(super) rule: usize,
    /// How many frauds it has found; it is true if there is one.
    pub(super) frauds: u32,
    /// What it is about: the earliest of these frauds; if it has found none, the earliest near miss.
    pub(super) label: Option<usize>,
    /// Whether it is the first alert for a fraud.
    pub(super) is_first: bool,
}

/// Who has found a fraud: the first alert of each rule that has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Finds(FxHashMap<usize, Place>);

/// When an alert came, and its place in the output: of several at one time that before the others is the first.
type Place = (EventTime, usize);

/// The first alert of a rule for a fraud.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Find {
    pub(super) rule: usize,
    pub(super) at: EventTime,
}

impl Comparison {
    /// Compares. Alerts come in the order of the output; `span` is the first and the last event.
    pub(super) fn new(
        rules: Vec<Rule>,
        key: Vec<String>,
        index: FraudIndex,
        alerts: Vec<Alert>,
        span: Option<(EventTime, EventTime)>,
    ) -> Comparison {
        let mut finds = vec![Finds::default(); index.frauds.len()];
        let mut verdicts = Vec::with_capacity(alerts.len());
        for (number, alert) in alerts.iter().enumerate() {
            let rule = rules.iter().position(|rule| rule.id == alert.rule).expect("an alert is of a rule");
            let hits = alert.key.map_or(Vec::new(), |key| index.between(key, alert.from, alert.to));
            let is_near_miss = |hit: &&usize| index.frauds[**hit].is_near_miss;
            let found = || hits.iter().filter(|hit| !is_near_miss(hit));
            for fraud in found() {
                let first = finds[*fraud].0.entry(rule).or_insert((alert.at, number));
                *first = (*first).min((alert.at, number));
            }
            let label = found().next().or_else(|| hits.iter().find(is_near_miss)).copied();
            verdicts.push(Verdict { rule, frauds: found().count() as u32, label, is_first: false });
        }
        for (_, (_, number)) in finds.iter().filter_map(Finds::first_place) {
            verdicts[number].is_first = true;
        }
        Comparison { rules, key, index, span, alerts, verdicts, finds }
    }

    /// The alerts, in the order of the output, each with what is said of it.
    pub(super) fn alerts(&self) -> impl Iterator<Item = (&Alert, &Verdict)> {
        self.alerts.iter().zip(&self.verdicts)
    }

    /// The frauds, in order of their first events, each with who has found it.
    pub(super) fn frauds(&self) -> impl Iterator<Item = (&Fraud, &Finds)> {
        self.index.frauds.iter().zip(&self.finds).filter(|(fraud, _)| !fraud.is_near_miss)
    }

    /// What an alert is about, fraud or near miss.
    pub(super) fn label(&self, verdict: &Verdict) -> Option<&Fraud> {
        verdict.label.map(|at| &self.index.frauds[at])
    }

    /// Whether a fraud is over before the first event, or begins after the last.
    pub(super) fn is_outside(&self, fraud: &Fraud) -> bool {
        self.span.is_none_or(|(begin, end)| fraud.last < begin || fraud.first > end)
    }
}

impl Verdict {
    /// Whether it has found a fraud.
    pub(super) fn is_true(&self) -> bool {
        self.frauds > 0
    }

    /// Whether it is false, and about what looks like fraud.
    pub(super) fn is_about_near_miss(&self) -> bool {
        !self.is_true() && self.label.is_some()
    }
}

impl Finds {
    /// The first alert of each rule that has found it, in the order of the rules.
    pub(super) fn all(&self) -> Vec<Find> {
        let mut all: Vec<Find> = self.0.iter().map(|(rule, (at, _))| Find { rule: *rule, at: *at }).collect();
        all.sort_unstable_by_key(|find| find.rule);
        all
    }

    /// The first alert of all.
    pub(super) fn first(&self) -> Option<Find> {
        self.first_place().map(|(rule, (at, _))| Find { rule, at })
    }

    fn first_place(&self) -> Option<(usize, Place)> {
        self.0.iter().min_by_key(|(_, place)| **place).map(|(rule, place)| (*rule, *place))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::frauds::{Frauds, Label};
    use super::*;
    use crate::time::Duration;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_millis(seconds * 1000)
    }

    /// Two rules over a day: three frauds, a near miss, and a key that nothing is known of.
    pub(in super::super) fn comparison() -> Comparison {
        let mut frauds = Frauds::new(Duration::from_secs(60));
        let (a, b, c) = (frauds.key("a".into()), frauds.key("b".into()), frauds.key("c".into()));
        for seconds in [100, 110] {
            frauds.add_event(a, at(seconds), Some("lost".to_owned()));
        }
        let label = |key, first, last, kind: &str, is_near_miss| Label {
            key,
            first: at(first),
            last: at(last),
            is_event: false,
            kind: Some(kind.to_owned()),
            is_near_miss,
        };
        frauds.add(label(b, 200, 300, "stolen", false));
        frauds.add(label(b, 500, 600, "stolen", true));
        frauds.add(label(c, 90_000, 90_001, "stolen", false));
        let alert = |rule, key, from, to, shown| Alert {
            rule: PatternId(rule),
            id: from as u128,
            key,
            from: at(from),
            to: at(to),
            at: at(shown),
        };
        let alerts = vec![
            alert(0, Some(a), 90, 105, 107),
            alert(2, Some(a), 100, 107, 107),
            alert(0, Some(a), 110, 120, 120),
            alert(2, Some(b), 250, 260, 260),
            alert(0, Some(b), 310, 320, 320),
            alert(2, Some(b), 550, 560, 560),
            alert(2, Some(c), 100, 200, 200),
            alert(2, None, 100, 200, 200),
        ];
        let rule = |id, name: &str| Rule { id: PatternId(id), name: name.to_owned(), doc: String::new() };
        let rules = vec![rule(0, "first"), rule(2, "second")];
        let span = Some((at(0), at(43_200)));
        Comparison::new(rules, vec!["card".to_owned()], frauds.index(), alerts, span)
    }

    #[test]
    fn every_alert_is_told_what_it_is_about() {
        let comparison = comparison();
        let told: Vec<_> = comparison
            .alerts()
            .map(|(_, verdict)| (verdict.frauds, verdict.label, verdict.is_first))
            .collect();
        let expected = [
            // Of two alerts of one time the one that comes out first is the first.
            (1, Some(0), true),
            (1, Some(0), false),
            (1, Some(0), false),
            (1, Some(1), true),
            (0, None, false),
            (0, Some(2), false),
            (0, None, false),
            (0, None, false),
        ];
        assert_eq!(told, expected);
        assert!(comparison.alerts().nth(5).expect("there is one").1.is_about_near_miss());
    }

    #[test]
    fn every_fraud_is_told_who_has_found_it() {
        let comparison = comparison();
        let told: Vec<Vec<usize>> = comparison
            .frauds()
            .map(|(_, finds)| finds.all().into_iter().map(|find| find.rule).collect())
            .collect();
        assert_eq!(told, [vec![0, 1], vec![1], vec![]]);
        let first: Vec<_> =
            comparison.frauds().map(|(_, finds)| finds.first().map(|find| find.rule)).collect();
        assert_eq!(first, [Some(0), Some(1), None]);
        let outside: Vec<bool> = comparison.frauds().map(|(fraud, _)| comparison.is_outside(fraud)).collect();
        assert_eq!(outside, [false, false, true]);
    }
}
