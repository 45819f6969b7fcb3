//! The answer for programs: one line, whose shape `docs/backtest.md` promises.

use serde_json::{Value as Json, json};

use super::report::{Figures, KindFigures, Report, percentile};
use crate::time::Duration;

/// The report as JSON.
pub(super) fn json(report: &Report) -> String {
    let with_name = |name: &str, figures: &Figures| {
        let mut members = json!({ "rule": name });
        let (Json::Object(into), Json::Object(more)) = (&mut members, of(figures)) else {
            unreachable!("both are written as objects")
        };
        into.extend(more);
        members
    };
    let kind = |kind: &KindFigures| {
        json!({
            "kind": kind.name,
            "frauds": kind.frauds,
            "found": kind.found,
            "recall": kind.recall(),
            "delay_seconds": delays(&kind.delays),
        })
    };
    json!({
        "events": report.events,
        "from": report.span.map(|(first, _)| first.to_string()),
        "to": report.span.map(|(_, last)| last.to_string()),
        "days": report.all.days,
        "key": report.key,
        "frauds": report.frauds,
        "frauds_outside": report.outside,
        "near_misses": report.near_misses,
        "rules": report.rules.iter().map(|rule| with_name(&rule.name, &rule.figures)).collect::<Vec<Json>>(),
        "all": of(&report.all),
        "kinds": report.kinds.iter().map(kind).collect::<Vec<Json>>(),
    })
    .to_string()
}

fn of(figures: &Figures) -> Json {
    json!({
        "alerts": figures.alerts,
        "true_positives": figures.true_alerts,
        "false_positives": figures.false_alerts(),
        "near_miss_alerts": figures.near_miss_alerts,
        "precision": figures.precision(),
        "found": figures.found,
        "recall": figures.recall(),
        "found_first": figures.found_first,
        "delay_seconds": delays(&figures.delays),
        "alerts_per_day": figures.alerts_per_day(),
    })
}

fn delays(delays: &[Duration]) -> Json {
    let seconds = |percent| percentile(delays, percent).map(|delay| delay.micros() as f64 / 1e6);
    json!({ "median": seconds(50), "p90": seconds(90), "max": seconds(100) })
}
