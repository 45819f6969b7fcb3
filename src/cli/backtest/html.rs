//! The answer as a page: one file with its style and charts inside, that asks for nothing.
//!
//! The page is also well-formed XML, so that whoever wants to can take it apart.

use std::fmt::Write as _;

use super::charts;
use super::lists;
use super::report::Report;
use super::table::{counts, headline, of_kind, rows, second, span, times};
use crate::shown::escaped;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>Backtest</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Backtest</h1>\n"
    );
    for line in headline(report).lines() {
        put(&mut page, format_args!("<p class=\"lead\">{}</p>\n", escaped(line)));
    }
    section(&mut page, "Rules", &rules(report));
    let colours =
        "<p class=\"key\"><i class=\"precision\"></i>precision <i class=\"recall\"></i>recall</p>\n";
    section(&mut page, "Precision and recall", &(colours.to_owned() + &charts::shares(report)));
    let alerts = charts::alerts(report);
    if !alerts.is_empty() {
        let colours = "<p class=\"key\"><i class=\"true\"></i>true <i class=\"false\"></i>false</p>\n";
        section(&mut page, "Alerts over time", &(colours.to_owned() + &alerts));
    }
    let delays = charts::delays(report);
    if !delays.is_empty() {
        section(&mut page, "From the first event of a fraud to the first alert", &delays);
    }
    if !report.kinds.is_empty() {
        section(&mut page, "Kinds of fraud", &kinds(report));
    }
    if !report.false_alerts.is_empty() {
        section(&mut page, "False alerts", &false_alerts(report));
    }
    if !report.missed.is_empty() {
        section(&mut page, "Missed frauds", &missed(report));
    }
    page + DEFINITIONS + "</main>\n</body>\n</html>\n"
}

const DEFINITIONS: &str = "<section class=\"small\">\n<h2>What the words mean</h2>\n\
<p>An alert is true if a fraudulent event of its key lies between its first event and the moment when its last condition was met. \
Precision is the share of alerts that are true, recall the share of frauds for which there is a true alert. First counts the frauds \
for which no rule has an earlier one. A delay goes from the first event of a fraud to the first alert for it, in event time; \
half of them are at most the median, nine of ten at most p90.</p>\n</section>\n";

fn section(page: &mut String, title: &str, body: &str) {
    put(page, format_args!("<section>\n<h2>{}</h2>\n{body}</section>\n", escaped(title)));
}

fn rules(report: &Report) -> String {
    let heads = [
        "alerts",
        "true",
        "false",
        "precision",
        "found",
        "recall",
        "first",
        "per day",
        "delay: median",
        "p90",
        "max",
    ];
    let mut table = head("rule", &heads);
    for (at, (name, figures)) in rows(report).enumerate() {
        let doc = report.rules.get(at).map_or("", |rule| rule.doc.as_str());
        let doc = if doc.is_empty() { String::new() } else { format!("<small>{}</small>", escaped(doc)) };
        let cells: Vec<String> = counts(figures).into_iter().chain(times(figures)).collect();
        row(
            &mut table,
            if at < report.rules.len() { "" } else { " class=\"all\"" },
            &(escaped(name) + &doc),
            &cells,
        );
    }
    table + "</tbody>\n</table></div>\n"
}

fn kinds(report: &Report) -> String {
    let mut table = head("fraud", &["frauds", "found", "missed", "recall", "delay: median"]);
    for kind in &report.kinds {
        row(&mut table, "", &escaped(&kind.name), &of_kind(kind));
    }
    table + "</tbody>\n</table></div>\n"
}

fn false_alerts(report: &Report) -> String {
    let title =
        lists::title(("false alert", "false alerts"), report.false_alerts.len(), report.all.false_alerts());
    let mut table =
        listed(&title, "--alerts-out FILE writes all alerts", report, &["rule", "came after", "near miss"]);
    for alert in &report.false_alerts {
        let near_miss = alert.near_miss.clone().unwrap_or_default();
        let cells = [lists::key(&alert.key), alert.rule.clone(), span(alert.delay), near_miss];
        row(&mut table, "", &second(alert.first), &cells);
    }
    table + "</tbody>\n</table></div>\n"
}

fn missed(report: &Report) -> String {
    let title = lists::title(("missed fraud", "missed frauds"), report.missed.len(), report.all.missed());
    let mut table = listed(&title, "--frauds-out FILE writes all frauds", report, &["lasted", "fraud"]);
    for fraud in &report.missed {
        let cells = [lists::key(&fraud.key), span(fraud.lasted), fraud.kind.clone().unwrap_or_default()];
        row(&mut table, "", &second(fraud.first), &cells);
    }
    table + "</tbody>\n</table></div>\n"
}

/// The beginning of a list: how much of it there is, and its columns.
fn listed(title: &str, whole: &str, report: &Report, others: &[&str]) -> String {
    let key = escaped(&report.key.join(", "));
    let heads: Vec<&str> = [key.as_str()].into_iter().chain(others.iter().copied()).collect();
    let mut title = title.to_owned();
    // A sentence begins with a large letter; names and numbers do not change.
    title[..1].make_ascii_uppercase();
    let table = head("first event", &heads).replacen("<table>", "<table class=\"list\">", 1);
    format!("<p class=\"key\">{}; {}.</p>\n{table}", escaped(&title), escaped(whole))
}

fn head(first: &str, others: &[&str]) -> String {
    let cells: String = others.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">{first}</th>{cells}</tr></thead>\n<tbody>\n"
    )
}

/// A row; `name` is escaped already.
fn row(table: &mut String, class: &str, name: &str, cells: &[String]) {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
    put(table, format_args!("<tr{class}><th scope=\"row\">{name}</th>{cells}</tr>\n"));
}

fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("text takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_text() {
        assert_eq!(escaped("<b a=\"1\">&'\u{0}\n"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{fffd}\n");
    }
}
