//! The answer for people: tables that fit 80 columns. What is listed below them is [`super::lists`].

use super::report::{Figures, KindFigures, Report, percentile};
use crate::cli::style::painted;
use crate::shown::grouped;
use crate::time::{Duration, EventTime};

/// The widest name of a rule; longer ones are cut.
pub(super) const NAME_WIDTH_MAX: usize = 22;

/// What stands where nothing can be said.
pub(super) const NONE: &str = "-";

/// The report as text.
pub(super) fn text(report: &Report, has_colour: bool) -> String {
    let bold = |line: String| format!("{}\n", painted(line.trim_end(), "1", has_colour));
    let names: Vec<String> = rows(report).map(|(name, _)| name.to_owned()).collect();
    let width = width(names.iter().map(String::as_str), "rule");
    let mut text = headline(report);
    text.push('\n');
    text += &bold(row(
        "rule",
        width,
        ["alerts", "true", "false", "precision", "found", "recall", "first"].map(str::to_owned),
    ));
    for (name, figures) in rows(report) {
        text += &format!("{}\n", row(name, width, counts(figures)));
    }
    text.push('\n');
    text += &bold(row("rule", width, ["per day", "delay median", "p90", "max"].map(str::to_owned)));
    for (name, figures) in rows(report) {
        text += &format!("{}\n", row(name, width, times(figures)));
    }
    if !report.kinds.is_empty() {
        let width = self::width(report.kinds.iter().map(|kind| kind.name.as_str()), "fraud");
        text.push('\n');
        text += &bold(row(
            "fraud",
            width,
            ["frauds", "found", "missed", "recall", "delay median"].map(str::to_owned),
        ));
        for kind in &report.kinds {
            text += &format!("{}\n", row(&kind.name, width, of_kind(kind)));
        }
    }
    text
}

/// How many events and frauds, and when.
pub(super) fn headline(report: &Report) -> String {
    let mut text = some(report.events, "event", "events");
    if let Some((first, last)) = report.span {
        text += &format!(" from {} to {}", minute(first), minute(last));
    }
    text += &format!("\n{}", some(report.frauds, "fraud", "frauds"));
    if !report.key.is_empty() {
        text += &format!(" by {}", report.key.join(", "));
    }
    if report.near_misses > 0 {
        let alerts = some(report.all.near_miss_alerts, "alert", "alerts");
        text += &format!(", {} with {alerts}", some(report.near_misses, "near miss", "near misses"));
    }
    text + "\n"
}

pub(super) fn some(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// The rules, and all together where there are several.
pub(super) fn rows(report: &Report) -> impl Iterator<Item = (&str, &Figures)> {
    let all = (report.rules.len() > 1).then_some(("all", &report.all));
    report.rules.iter().map(|rule| (rule.name.as_str(), &rule.figures)).chain(all)
}

/// The counts of a row, as text.
pub(super) fn counts(figures: &Figures) -> [String; 7] {
    [
        grouped(figures.alerts),
        grouped(figures.true_alerts),
        grouped(figures.false_alerts()),
        percent(figures.precision()),
        grouped(figures.found),
        percent(figures.recall()),
        grouped(figures.found_first),
    ]
}

/// The times of a row, as text.
pub(super) fn times(figures: &Figures) -> [String; 4] {
    let delay = |percent| percentile(&figures.delays, percent).map_or(NONE.to_owned(), span);
    let per_day = figures.alerts_per_day().map_or(NONE.to_owned(), rate);
    [per_day, delay(50), delay(90), delay(100)]
}

/// What is said of a kind, as text.
pub(super) fn of_kind(kind: &KindFigures) -> [String; 5] {
    [
        grouped(kind.frauds),
        grouped(kind.found),
        grouped(kind.frauds - kind.found),
        percent(kind.recall()),
        percentile(&kind.delays, 50).map_or(NONE.to_owned(), span),
    ]
}

/// A span by its two largest units: `2m13s`, `1d2h`, `430ms`.
pub(super) fn span(span: Duration) -> String {
    const UNITS: [i64; 6] = [86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1000, 1];
    let micros = span.micros();
    let largest = UNITS.iter().position(|unit| micros >= *unit).unwrap_or(UNITS.len() - 1);
    // Of seconds and less one unit is fine enough.
    let finest = UNITS[(largest + usize::from(largest < 3)).min(UNITS.len() - 1)];
    Duration::from_micros(micros - micros % finest).to_string()
}

/// With one digit behind the point; 100% only where it is all.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => NONE.to_owned(),
        Some(share) if share < 1.0 => format!("{:.1}%", (share * 100.0).min(99.9)),
        Some(_) => "100.0%".to_owned(),
    }
}

/// A time to the minute.
pub(super) fn minute(time: EventTime) -> String {
    clipped(time, "2026-01-05 12:00".len())
}

/// A time to the second.
pub(super) fn second(time: EventTime) -> String {
    clipped(time, "2026-01-05 12:00:00".len())
}

fn clipped(time: EventTime, width: usize) -> String {
    let text = time.to_string();
    // Of a year that is longer than usual nothing is left out.
    let is_usual = text.find('T') == Some("2026-01-05".len());
    text.get(..width).filter(|_| is_usual).map_or(text.clone(), |text| text.replace('T', " "))
}

fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        10.0.. => grouped(rate.round() as u64),
        _ => format!("{rate:.2}"),
    }
}

fn width<'a>(names: impl Iterator<Item = &'a str>, head: &'a str) -> usize {
    names.chain([head]).map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_WIDTH_MAX)
}

/// A name, and columns from the right.
fn row<const N: usize>(name: &str, width: usize, cells: [String; N]) -> String {
    // So many columns fit beside the widest name.
    let column = |at: usize| match N {
        7 => [9, 8, 8, 11, 7, 8, 7][at],
        4 => [9, 15, 10, 10][at],
        _ => [9, 8, 8, 8, 15][at],
    };
    let mut text = format!("{:width$}", cut(name, width));
    for (at, cell) in cells.iter().enumerate() {
        text += &format!("{cell:>width$}", width = column(at));
    }
    text
}

pub(super) fn cut(name: &str, width: usize) -> String {
    match name.chars().count() > width {
        true => name.chars().take(width - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::backtest::report::RuleFigures;

    fn figures() -> Figures {
        Figures {
            alerts: 12_345,
            true_alerts: 12_344,
            near_miss_alerts: 0,
            found: 300,
            found_first: 299,
            frauds: 400,
            delays: vec![Duration::from_secs(133), Duration::from_millis(93_784_005)],
            days: Some(10.0),
        }
    }

    #[test]
    fn spans_have_two_units() {
        let shown = |micros| span(Duration::from_micros(micros));
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(430_900), "430ms");
        assert_eq!(shown(7_430_000), "7s");
        assert_eq!(shown(133_430_000), "2m13s");
        assert_eq!(shown(3_600_000_000), "1h");
        assert_eq!(shown(93_784_005_000), "1d2h");
        assert_eq!(shown(12), "12us");
    }

    #[test]
    fn a_share_is_100_percent_only_where_it_is_all() {
        assert_eq!(percent(Some(1.0)), "100.0%");
        assert_eq!(percent(Some(0.9999)), "99.9%");
        assert_eq!(percent(Some(0.12345)), "12.3%");
        assert_eq!(percent(None), "-");
    }

    #[test]
    fn the_tables_fit_80_columns_whatever_the_rules_are_called() {
        let rule = |name: &str| RuleFigures { name: name.to_owned(), doc: String::new(), figures: figures() };
        let kind = KindFigures { name: "é".repeat(40), frauds: 3, found: 2, delays: Vec::new() };
        let report = Report {
            events: 1_000_000,
            span: Some((EventTime::from_millis(0), EventTime::from_millis(864_000_000))),
            key: vec!["card".to_owned()],
            frauds: 400,
            near_misses: 7,
            outside: 0,
            rules: vec![rule("a"), rule(&"long".repeat(20))],
            all: figures(),
            kinds: vec![kind],
            moments: Vec::new(),
            false_alerts: Vec::new(),
            strangers: None,
            missed: Vec::new(),
        };
        let text = text(&report, false);
        assert!(text.lines().all(|line| line.chars().count() <= 80 && line.trim_end() == line), "{text}");
        let words: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let wanted =
            ["longlonglonglonglongl… 12 345 12 344 1 99.9% 300 75.0% 299", "a 1 235 2m13s 1d2h 1d2h"];
        assert!(wanted.iter().all(|line| words.iter().any(|found| found == line)), "{text}");
        assert!(self::text(&report, true).contains("\x1b[1mrule"));
    }
}
