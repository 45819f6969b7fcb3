//! The line on a terminal that says how far a run is.
//!
//! It is there for a person who waits: standard error is a terminal, and records do not go to the same one. It stands below
//! everything that was said, is drawn anew a few times a second, and is gone when the run ends; whoever says something takes
//! it away first ([`style`]). What stands in it is worked out by [`line`] from [`Facts`], and shown by a few escapes that
//! every terminal knows: a library for progress would bring more code than this, and threads or locks for drawing it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::bindings::Output;
use super::plan::RunPlan;
use crate::cli::style;
use crate::io::Input;
use crate::shown::grouped;
use crate::time::{EventTime, Watermark};

/// What is known of a run at a moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Facts {
    /// Events read.
    pub(super) events: u64,
    /// How far event time has come.
    pub(super) watermark: Watermark,
    /// Matches found.
    pub(super) matches: u64,
    /// Which share of all there is to read was read, where that is known: from 0 to 1.
    pub(super) share: Option<f64>,
}

/// What was known a while ago: when, counted from the start, how many events there were, and which share was read.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    events: u64,
    share: f64,
}

/// The line of a run.
pub(super) struct Progress {
    is_shown: bool,
    started: Instant,
    shown_at: Instant,
    /// The first, and some of the last few seconds.
    first: Option<Sample>,
    last: VecDeque<Sample>,
}

impl Progress {
    /// How often the line changes. A run that takes no longer has none.
    const EVERY: Duration = Duration::from_millis(250);
    /// Over how many changes of the line the rate is taken.
    const SAMPLES: usize = 16;

    /// A line that is not shown yet, and never where it is not wanted.
    pub(super) fn new(is_shown: bool, now: Instant) -> Progress {
        Progress { is_shown, started: now, shown_at: now, first: None, last: VecDeque::new() }
    }

    /// Whether there is somebody to see it whom it does not disturb.
    pub(super) fn is_wanted(plan: &RunPlan) -> bool {
        let has_stdin = plan.partitions.iter().any(|(_, input)| *input == Input::Stdin);
        style::has_live_line()
            && (!plan.sinks.contains(&Output::Stdout) || style::stdout_is_file())
            && !(has_stdin && style::stdin_is_terminal())
    }

    /// Shows how the run is, if that is due; `facts` is asked only then. Costs a look at the clock otherwise.
    pub(super) fn show(&mut self, facts: impl FnOnce() -> Facts) {
        if self.is_shown && self.shown_at.elapsed() >= Progress::EVERY {
            self.shown_at = Instant::now();
            let facts = facts();
            let at = self.started.elapsed();
            style::show_line(&line(&facts, self.rate(&facts, at), self.left(&facts, at), style::columns()));
            self.keep(Sample { at, events: facts.events, share: facts.share.unwrap_or_default() });
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.is_shown {
            style::clear_line();
        }
    }

    fn keep(&mut self, sample: Sample) {
        self.first.get_or_insert(sample);
        self.last.push_back(sample);
        if self.last.len() > Progress::SAMPLES {
            self.last.pop_front();
        }
    }

    /// Events in a second, over the last few.
    fn rate(&self, now: &Facts, at: Duration) -> Option<u64> {
        let before = self.last.front()?;
        let seconds = at.saturating_sub(before.at).as_secs_f64();
        (seconds > 0.0).then(|| (now.events.saturating_sub(before.events) as f64 / seconds) as u64)
    }

    /// How long it will take if it goes on as since the first line was shown.
    fn left(&self, now: &Facts, at: Duration) -> Option<Duration> {
        let (first, share) = (self.first?, now.share?);
        let done = share - first.share;
        let left = at.saturating_sub(first.at).as_secs_f64() * (1.0 - share) / done;
        // Nothing that is worth saying follows from the first moments.
        (done > 0.0 && at >= Duration::from_secs(1) && left < 1e6)
            .then(|| Duration::from_secs_f64(left.max(0.0)))
    }
}

/// The line in at most so many columns, less one for the cursor: what does not fit is left out, the least important first.
fn line(facts: &Facts, rate: Option<u64>, left: Option<Duration>, columns: usize) -> String {
    let counted = |count: u64, one: &str, more: &str| {
        format!("{} {}", grouped(count), if count == 1 { one } else { more })
    };
    let parts = [
        facts.share.map(|share| format!("{} %", (share.clamp(0.0, 1.0) * 100.0) as u64)),
        left.map(|left| format!("{} left", shown_time(left))),
        Some(counted(facts.events, "event", "events")),
        rate.map(|rate| format!("{} events/s", grouped(rate))),
        Some(counted(facts.matches, "match", "matches")),
        shown_watermark(facts.watermark).map(|time| format!("up to {time}")),
    ];
    let mut line = String::new();
    for part in parts.into_iter().flatten() {
        let comma = if line.is_empty() { "" } else { ", " };
        if line.len() + comma.len() + part.len() >= columns {
            break;
        }
        line.push_str(comma);
        line.push_str(&part);
    }
    line
}

/// `12s`, `3m05s`, `2h03m`.
fn shown_time(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Event time to the second; nothing before the first event and after the last.
fn shown_watermark(watermark: Watermark) -> Option<String> {
    let time = watermark.time();
    if time == EventTime::START || time == EventTime::END {
        return None;
    }
    let text = time.to_string();
    let seconds = text.split_once('.').map_or(text.as_str(), |(seconds, _)| seconds);
    Some(seconds.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        events: 1_234_567,
        watermark: Watermark::at(EventTime::from_millis(1_767_614_400_123)),
        matches: 497,
        share: Some(0.4567),
    };

    #[test]
    fn the_line_says_everything_in_the_order_of_importance() {
        let whole =
            "45 %, 3m05s left, 1 234 567 events, 812 345 events/s, 497 matches, up to 2026-01-05 12:00:00";
        let left = Some(Duration::from_secs(185));
        assert_eq!(line(&FACTS, Some(812_345), left, 200), whole);
        for columns in 0..120 {
            let line = line(&FACTS, Some(812_345), left, columns);
            assert!(whole.starts_with(&line) && line.len() < columns.max(1), "{columns}: {line}");
            assert!(
                line.is_empty() || whole[line.len()..].is_empty() || whole[line.len()..].starts_with(", ")
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_in_it() {
        let facts = Facts { events: 1, watermark: Watermark::START, matches: 1, share: None };
        assert_eq!(line(&facts, None, None, 80), "1 event, 1 match");
        let facts = Facts { watermark: Watermark::END, ..facts };
        assert_eq!(line(&facts, Some(0), None, 80), "1 event, 0 events/s, 1 match");
    }

    #[test]
    fn times_are_short() {
        let shown = [0, 59, 60, 3599, 3600, 90_000].map(|seconds| shown_time(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0s", "59s", "1m00s", "59m59s", "1h00m", "25h00m"]);
    }

    #[test]
    fn the_rate_is_of_the_last_seconds_and_the_time_left_of_the_whole_run() {
        let mut progress = Progress::new(true, Instant::now());
        let second = Duration::from_secs;
        let facts = |events, share| Facts { events, share: Some(share), ..FACTS };
        assert_eq!((progress.rate(&FACTS, second(1)), progress.left(&FACTS, second(1))), (None, None));
        // The run begins with half of it behind it, slowly, then it is fast.
        progress.keep(Sample { at: second(1), events: 100, share: 0.5 });
        (2..20).for_each(|at| progress.keep(Sample { at: second(at), events: 100 * at, share: 0.5 }));
        assert_eq!(progress.rate(&facts(1900 + 900, 0.75), second(20)), Some(150));
        assert_eq!(progress.left(&facts(2800, 0.75), second(21)), Some(second(20)));
        assert_eq!(progress.left(&facts(2800, 0.5), second(21)), None);
    }
}
