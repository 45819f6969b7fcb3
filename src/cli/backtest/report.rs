//! The arithmetic: what a comparison of alerts and frauds comes to.
//!
//! Quantiles are by nearest rank, so every delay that is told has been. What cannot be said, such as the precision of no
//! alert, is `None` and never a number.

use super::cases::{self, FalseAlert, Missed};
use super::compare::Comparison;
use crate::limits;
use crate::time::{Duration, EventTime};

/// What a backtest says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Report {
    pub(super) events: u64,
    /// The first and the last event.
    pub(super) span: Option<(EventTime, EventTime)>,
    /// By what alerts and frauds are joined.
    pub(super) key: Vec<String>,
    pub(super) frauds: u64,
    pub(super) near_misses: u64,
    /// Frauds that are over before the first event, or begin after the last.
    pub(super) outside: u64,
    pub(super) rules: Vec<RuleFigures>,
    pub(super) all: Figures,
    /// By kind of fraud, where labels name kinds.
    pub(super) kinds: Vec<KindFigures>,
    /// When the alerts came, and which are true.
    pub(super) moments: Vec<(EventTime, bool)>,
    /// The first false alerts, in the order of the output.
    pub(super) false_alerts: Vec<FalseAlert>,
    /// The key of an alert and that of a fraud, where none is of both: they may be written differently.
    pub(super) strangers: Option<(String, String)>,
    /// The first frauds that no rule has found, in order of their first events.
    pub(super) missed: Vec<Missed>,
}

/// What is said of a rule.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct RuleFigures {
    pub(super) name: String,
    /// The first paragraph of its doc comment.
    pub(super) doc: String,
    pub(super) figures: Figures,
}

/// The figures of a rule, or of all together.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Figures {
    pub(super) alerts: u64,
    pub(super) true_alerts: u64,
    /// False alerts about a near miss.
    pub(super) near_miss_alerts: u64,
    pub(super) found: u64,
    pub(super) found_first: u64,
    /// How many there were to be found.
    pub(super) frauds: u64,
    /// From the first event of each fraud found to the first alert for it; ascending.
    pub(super) delays: Vec<Duration>,
    /// Days from the first to the last event; `None` where there are none.
    pub(super) days: Option<f64>,
}

/// What is said of a kind of fraud.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct KindFigures {
    pub(super) name: String,
    pub(super) frauds: u64,
    pub(super) found: u64,
    /// As those of all rules together.
    pub(super) delays: Vec<Duration>,
}

impl Report {
    /// The figures of a comparison, over so many events.
    pub(super) fn new(comparison: &Comparison, events: u64) -> Report {
        let frauds = comparison.index.frauds.iter().filter(|fraud| !fraud.is_near_miss);
        let days = comparison.span.map(|(first, last)| last.since(first).micros() as f64 / 86_400e6);
        let blank = Figures {
            frauds: frauds.clone().count() as u64,
            days: days.filter(|days| *days > 0.0),
            ..Figures::default()
        };
        let mut rules: Vec<Figures> = vec![blank.clone(); comparison.rules.len()];
        let (mut all, mut moments) = (blank.clone(), Vec::new());
        for (alert, verdict) in comparison.alerts() {
            for figures in [&mut rules[verdict.rule], &mut all] {
                figures.alerts += 1;
                figures.true_alerts += u64::from(verdict.is_true());
                figures.near_miss_alerts += u64::from(verdict.is_about_near_miss());
            }
            moments.push((alert.at, verdict.is_true()));
        }
        credit(comparison, &mut rules, &mut all);
        let figures = comparison.rules.iter().zip(rules);
        Report {
            events,
            span: comparison.span,
            key: comparison.key.clone(),
            frauds: blank.frauds,
            near_misses: comparison.index.frauds.len() as u64 - blank.frauds,
            outside: frauds.filter(|fraud| comparison.is_outside(fraud)).count() as u64,
            rules: figures
                .map(|(rule, figures)| RuleFigures {
                    name: rule.name.clone(),
                    doc: rule.doc.clone(),
                    figures,
                })
                .collect(),
            all,
            kinds: kinds(comparison),
            moments,
            false_alerts: cases::false_alerts(comparison, limits::CASES_LISTED_MAX),
            strangers: cases::strangers(comparison),
            missed: cases::missed(comparison, limits::CASES_LISTED_MAX),
        }
    }
}

/// Gives every fraud that was found to those that have found it.
fn credit(comparison: &Comparison, rules: &mut [Figures], all: &mut Figures) {
    for (fraud, finds) in comparison.frauds() {
        for find in finds.all() {
            rules[find.rule].found += 1;
            rules[find.rule].delays.push(find.at.since(fraud.first));
        }
        if let Some(first) = finds.first() {
            rules[first.rule].found_first += 1;
            all.found += 1;
            all.found_first += 1;
            all.delays.push(first.at.since(fraud.first));
        }
    }
    rules.iter_mut().chain([all]).for_each(|figures| figures.delays.sort_unstable());
}

/// By kind, where one is named: those most missed first.
fn kinds(comparison: &Comparison) -> Vec<KindFigures> {
    let mut kinds: Vec<KindFigures> = Vec::new();
    for (fraud, finds) in comparison.frauds() {
        let Some(name) = &fraud.kind else { continue };
        let at = kinds.iter().position(|kind| kind.name == *name).unwrap_or_else(|| {
            kinds.push(KindFigures { name: name.clone(), frauds: 0, found: 0, delays: Vec::new() });
            kinds.len() - 1
        });
        kinds[at].frauds += 1;
        if let Some(first) = finds.first() {
            kinds[at].found += 1;
            kinds[at].delays.push(first.at.since(fraud.first));
        }
    }
    kinds.iter_mut().for_each(|kind| kind.delays.sort_unstable());
    kinds.sort_by(|left, right| {
        let missed = |kind: &KindFigures| kind.frauds - kind.found;
        missed(right).cmp(&missed(left)).then_with(|| left.name.cmp(&right.name))
    });
    kinds
}

impl Figures {
    /// Alerts that are not true.
    pub(super) fn false_alerts(&self) -> u64 {
        self.alerts - self.true_alerts
    }

    /// Frauds that were not found.
    pub(super) fn missed(&self) -> u64 {
        self.frauds - self.found
    }

    /// True alerts / alerts.
    pub(super) fn precision(&self) -> Option<f64> {
        ratio(self.true_alerts, self.alerts)
    }

    /// Frauds found / frauds.
    pub(super) fn recall(&self) -> Option<f64> {
        ratio(self.found, self.frauds)
    }

    /// Alerts / days from the first to the last event.
    pub(super) fn alerts_per_day(&self) -> Option<f64> {
        self.days.map(|days| self.alerts as f64 / days)
    }
}

impl KindFigures {
    /// Frauds found / frauds.
    pub(super) fn recall(&self) -> Option<f64> {
        ratio(self.found, self.frauds)
    }
}

/// The least of some ascending delays that so many percent of them do not exceed.
pub(super) fn percentile(delays: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (delays.len() * percent).div_ceil(100);
    delays.get(rank.checked_sub(1)?).copied()
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;

    fn secs(seconds: i64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn report() -> Report {
        Report::new(&compare::tests::comparison(), 1000)
    }

    #[test]
    fn alerts_are_true_by_key_and_time() {
        let report = report();
        let [first, second] = [&report.rules[0].figures, &report.rules[1].figures];
        assert_eq!((first.alerts, first.true_alerts, first.false_alerts()), (3, 2, 1));
        assert_eq!((second.alerts, second.true_alerts, second.near_miss_alerts), (5, 2, 1));
        assert_eq!((report.all.alerts, report.all.true_alerts, report.all.near_miss_alerts), (8, 4, 1));
        assert_eq!(first.precision(), Some(2.0 / 3.0));
        assert_eq!((report.frauds, report.near_misses, report.outside), (3, 1, 1));
        assert_eq!(first.alerts_per_day(), Some(6.0));
    }

    #[test]
    fn a_fraud_is_found_once_by_each_rule_and_first_by_one() {
        let report = report();
        let [first, second] = [&report.rules[0].figures, &report.rules[1].figures];
        // Of two alerts of one time the one that comes out first is the first.
        assert_eq!((first.found, first.found_first, first.recall()), (1, 1, Some(1.0 / 3.0)));
        assert_eq!((second.found, second.found_first), (2, 1));
        assert_eq!((report.all.found, report.all.recall()), (2, Some(2.0 / 3.0)));
        assert_eq!(first.delays, [secs(7)]);
        assert_eq!(second.delays, [secs(7), secs(60)]);
        assert_eq!(report.all.delays, [secs(7), secs(60)]);
    }

    #[test]
    fn kinds_are_told_with_the_most_missed_first() {
        let kinds = report().kinds;
        let told: Vec<_> = kinds.iter().map(|kind| (kind.name.as_str(), kind.frauds, kind.found)).collect();
        assert_eq!(told, [("stolen", 2, 1), ("lost", 1, 1)]);
        assert_eq!(kinds[0].recall(), Some(0.5));
    }

    #[test]
    fn quantiles_are_delays_that_have_been() {
        let delays: Vec<Duration> = (1..=10).map(secs).collect();
        let told = [50, 90, 100].map(|percent| percentile(&delays, percent));
        assert_eq!(told, [Some(secs(5)), Some(secs(9)), Some(secs(10))]);
        assert_eq!(percentile(&delays[..1], 50), Some(secs(1)));
        assert_eq!(percentile(&delays[..3], 50), Some(secs(2)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn what_cannot_be_said_is_not_a_number() {
        let none = Figures::default();
        assert_eq!((none.precision(), none.recall(), none.alerts_per_day()), (None, None, None));
    }
}
