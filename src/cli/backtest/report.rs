//! The arithmetic: alerts against frauds.
//!
//! Quantiles are by nearest rank, so every delay that is told has been. What cannot be said, such as the precision of no
//! alert, is `None` and never a number.

use rustc_hash::FxHashMap;

use super::frauds::FraudIndex;
use super::witness::Alert;
use crate::event::PatternId;
use crate::time::{Duration, EventTime};

/// What is compared.
pub(super) struct Comparison<'a> {
    /// The patterns that make alerts, in file order.
    pub(super) rules: &'a [PatternId],
    pub(super) index: FraudIndex,
    /// In the order of the output.
    pub(super) alerts: &'a [Alert],
    /// The first and the last event.
    pub(super) span: Option<(EventTime, EventTime)>,
}

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

/// An alert that is the first of something: when it came, and its place in the output.
type Place = (EventTime, usize);

impl Comparison<'_> {
    /// The report. `titles` are the name and the description of each rule.
    pub(super) fn report(&self, titles: Vec<(String, String)>, key: Vec<String>, events: u64) -> Report {
        let frauds = self.index.frauds.iter().filter(|fraud| !fraud.is_near_miss);
        let days = self.span.map(|(first, last)| last.since(first).micros() as f64 / 86_400e6);
        let blank = Figures {
            frauds: frauds.clone().count() as u64,
            days: days.filter(|days| *days > 0.0),
            ..Figures::default()
        };
        let mut rules: Vec<Figures> = vec![blank.clone(); self.rules.len()];
        let (mut all, mut moments) = (blank.clone(), Vec::new());
        // For each fraud the first alert of each rule that has found it.
        let mut firsts: Vec<FxHashMap<usize, Place>> = vec![FxHashMap::default(); self.index.frauds.len()];
        for (number, alert) in self.alerts.iter().enumerate() {
            let rule = self.rules.iter().position(|id| *id == alert.rule).expect("an alert is of a rule");
            let hits = alert.key.map_or(Vec::new(), |key| self.index.between(key, alert.from, alert.to));
            let (near_misses, found): (Vec<usize>, Vec<usize>) =
                hits.into_iter().partition(|fraud| self.index.frauds[*fraud].is_near_miss);
            for figures in [&mut rules[rule], &mut all] {
                figures.alerts += 1;
                figures.true_alerts += u64::from(!found.is_empty());
                figures.near_miss_alerts += u64::from(found.is_empty() && !near_misses.is_empty());
            }
            moments.push((alert.at, !found.is_empty()));
            for fraud in found {
                let first = firsts[fraud].entry(rule).or_insert((alert.at, number));
                *first = (*first).min((alert.at, number));
            }
        }
        self.credit(&firsts, &mut rules, &mut all);
        let figures = titles.into_iter().zip(rules);
        Report {
            events,
            span: self.span,
            key,
            frauds: blank.frauds,
            near_misses: self.index.frauds.len() as u64 - blank.frauds,
            outside: frauds.filter(|fraud| self.is_outside(fraud.first, fraud.last)).count() as u64,
            rules: figures.map(|((name, doc), figures)| RuleFigures { name, doc, figures }).collect(),
            all,
            kinds: self.kinds(&firsts),
            moments,
        }
    }

    /// Gives every fraud that was found to those that have found it.
    fn credit(&self, firsts: &[FxHashMap<usize, Place>], rules: &mut [Figures], all: &mut Figures) {
        for (fraud, firsts) in self.index.frauds.iter().zip(firsts) {
            for (rule, (at, _)) in firsts {
                rules[*rule].found += 1;
                rules[*rule].delays.push(at.since(fraud.first));
            }
            if let Some((rule, (at, _))) = firsts.iter().min_by_key(|(_, place)| **place) {
                rules[*rule].found_first += 1;
                all.found += 1;
                all.found_first += 1;
                all.delays.push(at.since(fraud.first));
            }
        }
        rules.iter_mut().chain([all]).for_each(|figures| figures.delays.sort_unstable());
    }

    /// By kind, where one is named: those most missed first.
    fn kinds(&self, firsts: &[FxHashMap<usize, Place>]) -> Vec<KindFigures> {
        let mut kinds: Vec<KindFigures> = Vec::new();
        for (fraud, firsts) in self.index.frauds.iter().zip(firsts).filter(|(fraud, _)| !fraud.is_near_miss) {
            let Some(name) = &fraud.kind else { continue };
            let at = kinds.iter().position(|kind| kind.name == *name).unwrap_or_else(|| {
                kinds.push(KindFigures { name: name.clone(), frauds: 0, found: 0, delays: Vec::new() });
                kinds.len() - 1
            });
            kinds[at].frauds += 1;
            if let Some((at_first, _)) = firsts.values().min() {
                kinds[at].found += 1;
                kinds[at].delays.push(at_first.since(fraud.first));
            }
        }
        kinds.iter_mut().for_each(|kind| kind.delays.sort_unstable());
        kinds.sort_by(|left, right| {
            let missed = |kind: &KindFigures| kind.frauds - kind.found;
            missed(right).cmp(&missed(left)).then_with(|| left.name.cmp(&right.name))
        });
        kinds
    }

    fn is_outside(&self, first: EventTime, last: EventTime) -> bool {
        self.span.is_none_or(|(begin, end)| last < begin || first > end)
    }
}

impl Figures {
    /// Alerts that are not true.
    pub(super) fn false_alerts(&self) -> u64 {
        self.alerts - self.true_alerts
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
    use super::super::frauds::{Frauds, Label};
    use super::*;

    fn at(seconds: i64) -> EventTime {
        EventTime::from_millis(seconds * 1000)
    }

    fn secs(seconds: i64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Two rules over a day: three frauds, a near miss, and a key that nothing is known of.
    fn report() -> Report {
        let mut frauds = Frauds::new(secs(60));
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
            key,
            from: at(from),
            to: at(to),
            at: at(shown),
        };
        let alerts = [
            alert(0, Some(a), 90, 105, 107),
            alert(2, Some(a), 100, 107, 107),
            alert(0, Some(a), 110, 120, 120),
            alert(2, Some(b), 250, 260, 260),
            alert(0, Some(b), 310, 320, 320),
            alert(2, Some(b), 550, 560, 560),
            alert(2, Some(c), 100, 200, 200),
            alert(2, None, 100, 200, 200),
        ];
        let rules = [PatternId(0), PatternId(2)];
        let span = Some((at(0), at(43_200)));
        let comparison = Comparison { rules: &rules, index: frauds.index(), alerts: &alerts, span };
        let title = |name: &str| (name.to_owned(), String::new());
        comparison.report(vec![title("first"), title("second")], vec!["card".to_owned()], 1000)
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
