//! `ensue score`: what the patterns found of the fraud that `ensue gen` planted.
//!
//! An alert hits an episode if the pattern is named like the kind of fraud, the card is the same, and the alert's
//! time lies within the episode's. The table counts, by kind, the planted frauds that were found and missed, and the
//! alerts that hit no fraud: those on near misses, and those on nothing that was planted.
//!
//! This knows only the frauds of `ensue gen` and asks whether each pattern found its own. `ensue backtest` measures any
//! patterns with any labels, by key and time.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::time::EventTime;

/// Compare alerts with the labels of planted fraud. For labels of your own there is `ensue backtest`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  ensue gen --events 1000000 --out tx.jsonl --labels labels.jsonl
  ensue run patterns/ --in transactions=tx.jsonl --out alert=alerts.jsonl
  ensue score --labels labels.jsonl alerts.jsonl")]
pub struct ScoreArgs {
    /// The labels that `ensue gen --labels` wrote
    #[arg(long, value_name = "PATH")]
    pub labels: PathBuf,

    /// Files of alerts, as JSON lines with `pattern`, `at` and `card`
    #[arg(value_name = "ALERTS", required = true)]
    pub alerts: Vec<PathBuf>,
}

/// A file that could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// It could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}:{line}: not {wanted}")]
    Line {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What it should be.
        wanted: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
}

/// The score, by kind of fraud, of the kinds that were planted or alerted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Score(BTreeMap<String, KindScore>);

/// The score of one kind of fraud.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KindScore {
    /// Frauds planted.
    pub planted: u64,
    /// Of these, how many at least one alert hit.
    pub found: u64,
    /// Near misses planted.
    pub near_misses: u64,
    /// Alerts that hit a near miss.
    pub near_miss_alerts: u64,
    /// Alerts that hit nothing planted.
    pub other_alerts: u64,
}

/// Reads the labels and the alerts, and joins them. Memory grows with the labels, not with the alerts.
///
/// # Errors
///
/// If a file cannot be read, or a line of it is not a label or an alert.
pub fn run(args: &ScoreArgs) -> Result<Score, ScoreError> {
    let mut book = LabelBook::default();
    for_each_line(&args.labels, "a label of `ensue gen`", |label| book.add(label))?;
    for path in &args.alerts {
        for_each_line(path, "an alert with `pattern`, `at` and `card`", |alert| book.hit(&alert))?;
    }
    Ok(book.score())
}

impl Score {
    /// The score of a kind.
    pub fn of(&self, kind: &str) -> KindScore {
        self.0.get(kind).copied().unwrap_or_default()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(String::len).max().unwrap_or(0).max("fraud".len());
        writeln!(
            f,
            "{:width$}  planted  found  missed  near misses  alerted in error  other alerts",
            "fraud"
        )?;
        for (kind, score) in &self.0 {
            let KindScore { planted, found, near_misses, near_miss_alerts, other_alerts } = score;
            let missed = planted - found;
            writeln!(
                f,
                "{kind:width$}  {planted:>7}  {found:>5}  {missed:>6}  {near_misses:>11}  \
                 {near_miss_alerts:>16}  {other_alerts:>12}"
            )?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Label {
    kind: String,
    card: String,
    #[serde(deserialize_with = "read_time")]
    first_at: EventTime,
    #[serde(deserialize_with = "read_time")]
    last_at: EventTime,
    near_miss: bool,
}

#[derive(Deserialize)]
struct Alert {
    pattern: String,
    card: String,
    #[serde(deserialize_with = "read_time")]
    at: EventTime,
}

/// What was planted, and what of it was hit.
#[derive(Default)]
struct LabelBook {
    episodes: FxHashMap<(String, String), Vec<Episode>>,
    other_alerts: BTreeMap<String, u64>,
}

struct Episode {
    first_at: EventTime,
    last_at: EventTime,
    near_miss: bool,
    alerts: u64,
}

impl LabelBook {
    fn add(&mut self, label: Label) {
        let Label { kind, card, first_at, last_at, near_miss } = label;
        let episode = Episode { first_at, last_at, near_miss, alerts: 0 };
        self.episodes.entry((kind, card)).or_default().push(episode);
    }

    fn hit(&mut self, alert: &Alert) {
        let key = (alert.pattern.clone(), alert.card.clone());
        let episodes = self.episodes.get_mut(&key).into_iter().flatten();
        match { episodes }.find(|episode| (episode.first_at..=episode.last_at).contains(&alert.at)) {
            Some(episode) => episode.alerts += 1,
            None => *self.other_alerts.entry(key.0).or_default() += 1,
        }
    }

    fn score(self) -> Score {
        let mut score = Score::default();
        for ((kind, _), episodes) in self.episodes {
            let of_kind = score.0.entry(kind).or_default();
            for episode in episodes {
                if episode.near_miss {
                    of_kind.near_misses += 1;
                    of_kind.near_miss_alerts += episode.alerts;
                } else {
                    of_kind.planted += 1;
                    of_kind.found += u64::from(episode.alerts > 0);
                }
            }
        }
        for (kind, alerts) in self.other_alerts {
            score.0.entry(kind).or_default().other_alerts += alerts;
        }
        score
    }
}

fn for_each_line<T: for<'a> Deserialize<'a>>(
    path: &Path,
    wanted: &'static str,
    mut visit: impl FnMut(T),
) -> Result<(), ScoreError> {
    let name = || path.display().to_string();
    let read = |source| ScoreError::Read { path: name(), source };
    let reader = BufReader::new(File::open(path).map_err(read)?);
    for (line, text) in (1..).zip(reader.lines()) {
        let text = text.map_err(read)?;
        let item = serde_json::from_str(&text);
        visit(item.map_err(|source| ScoreError::Line { path: name(), line, wanted, source })?);
    }
    Ok(())
}

fn read_time<'de, D: serde::Deserializer<'de>>(from: D) -> Result<EventTime, D::Error> {
    let text = String::deserialize(from)?;
    EventTime::parse_rfc3339(&text)
        .ok_or_else(|| serde::de::Error::custom("not a time with its offset from UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(kind: &str, card: &str, from: i64, to: i64, near_miss: bool) -> Label {
        let (first_at, last_at) = (EventTime::from_millis(from), EventTime::from_millis(to));
        Label { kind: kind.to_owned(), card: card.to_owned(), first_at, last_at, near_miss }
    }

    fn alert(pattern: &str, card: &str, at: i64) -> Alert {
        Alert { pattern: pattern.to_owned(), card: card.to_owned(), at: EventTime::from_millis(at) }
    }

    #[test]
    fn an_alert_hits_by_kind_card_and_time() {
        let mut book = LabelBook::default();
        book.add(label("a", "c1", 10, 20, false));
        book.add(label("a", "c2", 10, 20, false));
        book.add(label("a", "c3", 10, 20, true));
        for at in [10, 20, 21] {
            book.hit(&alert("a", "c1", at));
        }
        book.hit(&alert("b", "c2", 15));
        book.hit(&alert("a", "c3", 15));
        let score = book.score();
        let a = KindScore { planted: 2, found: 1, near_misses: 1, near_miss_alerts: 1, other_alerts: 1 };
        assert_eq!(score.of("a"), a);
        assert_eq!(score.of("b"), KindScore { other_alerts: 1, ..KindScore::default() });
        assert_eq!(
            score.to_string(),
            "fraud  planted  found  missed  near misses  alerted in error  other alerts\n\
             a            2      1       1            1                 1             1\n\
             b            0      0       0            0                 0             1\n"
        );
    }
}
