//! Below the tables: the first false alerts and the first missed frauds, and where all of them are.

use std::path::Path;

use super::cases::{FalseAlert, Missed};
use super::report::Report;
use super::table::{NAME_WIDTH_MAX, NONE, cut, second, span};
use crate::cli::style::painted;
use crate::limits::CASES_SHOWN_MAX;
use crate::shown::grouped;

/// The widest line.
const WIDTH: usize = 80;

/// Where alerts and frauds are written to, if they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) alerts: Option<&'a Path>,
    pub(super) frauds: Option<&'a Path>,
}

/// A list: what stands above its columns, and how its cells stand.
struct List {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The column of the key, which has what the others leave.
    key: usize,
}

/// Both lists as text, each behind an empty line.
pub(super) fn text(report: &Report, places: Places<'_>, has_colour: bool) -> String {
    let mut text = String::new();
    let false_alerts = &report.false_alerts[..report.false_alerts.len().min(CASES_SHOWN_MAX)];
    if !false_alerts.is_empty() {
        let all = report.all.false_alerts();
        let title = title(("false alert", "false alerts"), false_alerts.len(), all);
        text += &format!("\n{title}; {}\n", whole("all alerts", "--alerts-out", places.alerts));
        text += &of_alerts(report, false_alerts).text(has_colour);
    }
    let missed = &report.missed[..report.missed.len().min(CASES_SHOWN_MAX)];
    if !missed.is_empty() {
        let title = title(("missed fraud", "missed frauds"), missed.len(), report.all.missed());
        text += &format!("\n{title}; {}\n", whole("all frauds", "--frauds-out", places.frauds));
        text += &of_missed(report, missed).text(has_colour);
    }
    text
}

/// How many of how many are listed.
pub(super) fn title((one, many): (&str, &str), listed: usize, all: u64) -> String {
    match (listed as u64, all) {
        (_, 1) => format!("1 {one}"),
        (listed, all) if listed == all => format!("{} {many}", grouped(all)),
        (listed, all) => format!("the first {} of {} {many}", grouped(listed), grouped(all)),
    }
}

/// Where all are, or how they come to be written.
fn whole(what: &str, option: &str, place: Option<&Path>) -> String {
    match place {
        Some(path) => format!("{what} are in {}", path.display()),
        None => format!("{option} FILE writes {what}"),
    }
}

/// The parts of a key beside each other; of none that there is none.
pub(super) fn key(parts: &[String]) -> String {
    if parts.is_empty() { NONE.to_owned() } else { parts.join(", ") }
}

fn of_alerts(report: &Report, alerts: &[FalseAlert]) -> List {
    // What is the same in every row is not shown.
    let has_rules = report.rules.len() > 1;
    let has_near_misses = alerts.iter().any(|alert| alert.near_miss.is_some());
    let row = |alert: &FalseAlert| {
        let mut row = vec![second(alert.first), key(&alert.key), span(alert.delay)];
        if has_near_misses {
            row.push(alert.near_miss.clone().unwrap_or_else(|| NONE.to_owned()));
        }
        if has_rules {
            row.insert(1, cut(&alert.rule, NAME_WIDTH_MAX));
        }
        row
    };
    let mut heads = vec!["first event".to_owned(), report.key.join(", "), "came after".to_owned()];
    if has_near_misses {
        heads.push("near miss".to_owned());
    }
    if has_rules {
        heads.insert(1, "rule".to_owned());
    }
    List { heads, rows: alerts.iter().map(row).collect(), key: 1 + usize::from(has_rules) }
}

fn of_missed(report: &Report, missed: &[Missed]) -> List {
    let has_kinds = missed.iter().any(|fraud| fraud.kind.is_some());
    let row = |fraud: &Missed| {
        let mut row = vec![second(fraud.first), key(&fraud.key), span(fraud.lasted)];
        if has_kinds {
            row.push(fraud.kind.clone().unwrap_or_else(|| NONE.to_owned()));
        }
        row
    };
    let mut heads = vec!["first event".to_owned(), report.key.join(", "), "lasted".to_owned()];
    if has_kinds {
        heads.push("fraud".to_owned());
    }
    List { heads, rows: missed.iter().map(row).collect(), key: 1 }
}

impl List {
    /// Columns two blanks apart. The last is cut to what is left; before that, the key is, but not below what shows something.
    fn text(&self, has_colour: bool) -> String {
        const KEY_WIDTH_MIN: usize = 12;
        let lines = || std::iter::once(&self.heads).chain(&self.rows);
        let widest = |at: usize| lines().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..self.heads.len()).map(widest).collect();
        let gaps = 2 * (widths.len() - 1);
        for (at, least) in [(widths.len() - 1, 9), (self.key, KEY_WIDTH_MIN)] {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(WIDTH);
            widths[at] = widths[at].saturating_sub(over).max(least.min(widths[at]));
        }
        let mut text = String::new();
        for (number, row) in lines().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:width$}", cut(cell, *width)));
            let line = cells.collect::<Vec<String>>().join("  ");
            let line = line.trim_end();
            text += &if number == 0 { painted(line, "1", has_colour) } else { line.to_owned() };
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;

    #[test]
    fn what_is_shown_says_where_the_rest_is() {
        let report = Report::new(&compare::tests::comparison(), 1000);
        let file = Path::new("frauds.csv");
        let expected = "
4 false alerts; --alerts-out FILE writes all alerts
first event          rule    card  came after  near miss
1970-01-01 00:05:10  first   b     10s         -
1970-01-01 00:09:10  second  b     10s         stolen
1970-01-01 00:01:40  second  c     1m40s       -
1970-01-01 00:01:40  second  -     1m40s       -

1 missed fraud; all frauds are in frauds.csv
first event          card  lasted  fraud
1970-01-02 01:00:00  c     1s      stolen
";
        assert_eq!(text(&report, Places { alerts: None, frauds: Some(file) }, false), expected);
    }

    #[test]
    fn a_list_ends_and_says_so() {
        assert_eq!(title(("fraud", "frauds"), 5, 1234), "the first 5 of 1 234 frauds");
        assert_eq!(title(("fraud", "frauds"), 5, 5), "5 frauds");
        let mut report = Report::new(&compare::tests::comparison(), 1000);
        report.false_alerts = vec![report.false_alerts[0].clone(); 50];
        report.all.alerts = 100;
        let text = text(&report, Places::default(), false);
        assert!(text.starts_with("\nthe first 5 of 96 false alerts; "), "{text}");
        assert_eq!(text.matches("1970-01-01 00:05:10").count(), 5);
    }

    #[test]
    fn lists_fit_80_columns_whatever_keys_and_kinds_are_called() {
        let mut report = Report::new(&compare::tests::comparison(), 1000);
        for alert in &mut report.false_alerts {
            (alert.rule, alert.key) = ("rule".repeat(20), vec!["é".repeat(40), "k".repeat(40)]);
            alert.near_miss = Some("near miss".repeat(9));
        }
        report.missed[0].kind = Some("kind".repeat(40));
        let text = text(&report, Places::default(), false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains("  ééééééééééé…  10s"), "{text}");
    }
}
