//! Charts as SVG, with nothing but what is in the page: shapes, texts, and classes that its style colours.
//!
//! A chart is drawn on a surface of its own size, and scales with the page. Every mark says its numbers where the pointer
//! rests on it (`<title>`).

use std::fmt::Write as _;

use super::report::{Figures, Report};
use super::scale;
use super::table::{minute, percent, rows, some, span};
use crate::shown::{escaped, grouped};
use crate::time::{Duration, EventTime};

const WIDTH: f64 = 720.0;
/// Where the bars of a chart by rule begin.
const LEFT: f64 = 200.0;
/// How high the plot of a chart over time is, and where it begins.
const HEIGHT: f64 = 160.0;
const MARGIN: f64 = 44.0;
/// The most bars of a chart over time.
const BARS_MAX: i64 = 60;

/// Precision and recall of every rule, as two bars each.
pub(super) fn shares(report: &Report) -> String {
    let rows: Vec<(&str, &Figures)> = rows(report).collect();
    let height = 26.0 + 40.0 * rows.len() as f64;
    let mut chart = Chart::new("Precision and recall by rule", height);
    let full = WIDTH - LEFT - 60.0;
    for step in 0..=4 {
        let x = LEFT + full * f64::from(step) / 4.0;
        chart.line((x, 4.0), (x, height - 20.0));
        chart.text((x, height - 6.0), "middle", &format!("{}%", step * 25));
    }
    for (at, (name, figures)) in rows.into_iter().enumerate() {
        let top = 10.0 + 40.0 * at as f64;
        chart.text((LEFT - 10.0, top + 16.0), "end", &clipped(name));
        let bars = [("precision", figures.precision()), ("recall", figures.recall())];
        for ((word, share), y) in bars.into_iter().zip([top, top + 13.0]) {
            // What cannot be said has no bar; what is nothing has a thin one.
            let width = share.map_or(0.0, |share| (full * share).max(1.0));
            if share.is_some() {
                let title = format!("{name}: {word} {}", percent(share));
                chart.bar(word, (LEFT, y), (width, 11.0), &title);
            }
            chart.text((LEFT + width + 6.0, y + 9.5), "start", &percent(share));
        }
    }
    chart.end()
}

/// Alerts over event time, true ones below and false ones on top.
pub(super) fn alerts(report: &Report) -> String {
    let moments = report.moments.iter().map(|(at, _)| *at);
    let (Some((mut first, mut last)), Some(oldest), Some(newest)) =
        (report.span, moments.clone().min(), moments.max())
    else {
        return String::new();
    };
    // A deadline may lie behind the last event.
    (first, last) = (first.min(oldest), last.max(newest));
    let step = step(last.since(first));
    let begin = first.micros().div_euclid(step);
    let count = last.micros().div_euclid(step) - begin + 1;
    let mut bars = vec![(0_u64, 0_u64); count as usize];
    for (at, is_true) in &report.moments {
        let bar = &mut bars[(at.micros().div_euclid(step) - begin) as usize];
        *(if *is_true { &mut bar.0 } else { &mut bar.1 }) += 1;
    }
    let width = Duration::from_micros(step);
    let named = bars.iter().enumerate().map(|(at, (good, bad))| {
        let time = minute(EventTime::from_micros((begin + at as i64).saturating_mul(step)));
        (format!("{time}, {width}: {} true, {} false", grouped(*good), grouped(*bad)), *good, *bad)
    });
    let mut chart = Chart::new(&format!("Alerts over time, each bar {width}"), HEIGHT + 40.0);
    chart.columns(&named.collect::<Vec<_>>());
    chart.text((MARGIN, HEIGHT + 30.0), "start", &minute(first));
    chart.text((WIDTH - 10.0, HEIGHT + 30.0), "end", &minute(last));
    chart.end()
}

/// How many frauds were found how long after their first event.
pub(super) fn delays(report: &Report) -> String {
    let delays = &report.all.delays;
    let (Some(least), Some(most)) = (delays.first(), delays.last()) else { return String::new() };
    let upto = |end: &Duration| delays.partition_point(|delay| delay <= end) as u64;
    let (mut bars, mut before) = (Vec::new(), (0, None));
    for end in scale::ends(*least, *most) {
        let count = upto(&end) - before.0;
        let from = before.1.map_or(String::new(), |from| format!("more than {from}, "));
        bars.push((format!("{from}at most {end}: {}", some(count, "fraud", "frauds")), count, 0));
        before = (upto(&end), Some(end));
    }
    let mut chart = Chart::new("Delay from the first event of a fraud to the first alert", HEIGHT + 40.0);
    chart.columns(&bars);
    let each = (WIDTH - MARGIN - 10.0) / bars.len() as f64;
    for (at, end) in scale::ends(*least, *most).into_iter().enumerate() {
        let name = if end == Duration::ZERO { "at once".to_owned() } else { format!("≤ {}", span(end)) };
        chart.text((MARGIN + each * (at as f64 + 0.5), HEIGHT + 30.0), "middle", &name);
    }
    chart.end()
}

/// How long a bar is that there are not too many: one that a clock or a calendar shows.
fn step(span: Duration) -> i64 {
    const STEPS: [i64; 12] = [1, 10, 60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000];
    let fits = |seconds: &i64| span.micros() / (seconds * 1_000_000) < BARS_MAX;
    let seconds = STEPS.into_iter().find(fits);
    seconds.map_or(span.micros() / (BARS_MAX - 1) + 1, |seconds| seconds * 1_000_000)
}

/// The least round number that is not less.
fn round_up(count: u64) -> u64 {
    let mut power = 1;
    loop {
        for digit in [1, 2, 3, 4, 5, 6, 8] {
            if digit * power >= count || power >= u64::MAX / 100 {
                return digit * power;
            }
        }
        power *= 10;
    }
}

fn clipped(name: &str) -> String {
    match name.chars().count() {
        0..=26 => name.to_owned(),
        _ => name.chars().take(25).chain(['…']).collect(),
    }
}

/// A chart under way.
struct Chart(String);

impl Chart {
    fn new(title: &str, height: f64) -> Chart {
        let title = escaped(title);
        Chart(format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n"))
    }

    fn line(&mut self, (x, y): (f64, f64), (to_x, to_y): (f64, f64)) {
        self.put(format_args!("<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\"/>\n"));
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        let text = escaped(text);
        self.put(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"));
    }

    fn bar(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), title: &str) {
        let title = escaped(title);
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{title}</title></rect>\n"
        ));
    }

    /// Upright bars beside each other: what they say, and how high their two parts are.
    fn columns(&mut self, bars: &[(String, u64, u64)]) {
        let most = round_up(bars.iter().map(|(_, good, bad)| good + bad).max().unwrap_or(0).max(1));
        let bottom = HEIGHT + 12.0;
        for quarter in 0..=2_u64 {
            let y = bottom - HEIGHT * quarter as f64 / 2.0;
            self.line((MARGIN, y), (WIDTH - 10.0, y));
            if (most * quarter).is_multiple_of(2) {
                self.text((MARGIN - 6.0, y + 4.0), "end", &grouped(most * quarter / 2));
            }
        }
        let each = (WIDTH - MARGIN - 10.0) / bars.len() as f64;
        for (at, (title, good, bad)) in bars.iter().enumerate() {
            let x = MARGIN + each * (at as f64 + 0.08);
            let high = |count: u64| HEIGHT * count as f64 / most as f64;
            let (low, top) = (bottom - high(*good), bottom - high(good + bad));
            for (class, y, height) in [("true", low, high(*good)), ("false", top, high(*bad))] {
                if height > 0.0 {
                    self.bar(class, (x, y), (each * 0.84, height), title);
                }
            }
        }
    }

    fn end(self) -> String {
        self.0 + "</svg>\n"
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("text takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;

    #[test]
    fn every_delay_is_drawn_and_what_cannot_be_said_is_not() {
        let mut report = Report::new(&compare::tests::comparison(), 1000);
        // After 7s and after 60s; what lies between is empty, and there.
        let drawn = delays(&report);
        assert!(drawn.contains("<title>at most 7s: 1 fraud</title>"), "{drawn}");
        assert!(drawn.contains("<title>more than 45s, at most 1m: 1 fraud</title>"), "{drawn}");
        assert_eq!((drawn.matches("<rect").count(), drawn.matches('≤').count()), (2, 7), "{drawn}");
        assert_eq!(shares(&report).matches("<rect").count(), 6);
        (report.rules[0].figures.alerts, report.rules[0].figures.true_alerts) = (0, 0);
        let drawn = shares(&report);
        assert_eq!(drawn.matches("<rect").count(), 5, "{drawn}");
        assert!(!drawn.contains("first: precision") && drawn.contains(">-</text>"), "{drawn}");
    }

    #[test]
    fn there_are_never_too_many_bars() {
        for seconds in [0, 1, 59, 60, 3600, 86_400, 86_400 * 365, 86_400 * 365 * 1000] {
            let span = Duration::from_secs(seconds);
            assert!(span.micros() / step(span) < BARS_MAX, "{seconds}");
        }
        assert_eq!(step(Duration::from_secs(86_400)), 3_600_000_000);
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([1, 3, 7, 10, 11, 51, 233].map(round_up), [1, 3, 8, 10, 20, 60, 300]);
        assert!(round_up(u64::MAX) > 0);
    }
}
