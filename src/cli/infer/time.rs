//! Which ways of writing a time a column is in.

use crate::io::is_time_as;
use crate::time::EventTime;

/// What is tried, the first that fits all values counts. Day before month comes first; a day above 12 shows which it is.
const FORMATS: [&str; 37] = [
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f%:z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d-%b-%Y %H:%M:%S",
    "%d/%m/%y %H:%M:%S",
    "%m/%d/%y %H:%M:%S",
    "%d/%m/%y %H:%M",
    "%m/%d/%y %H:%M",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d.%m.%y",
    "%d-%m-%y %H:%M:%S",
    "%d-%m-%y %H:%M",
    "%d-%m-%y",
    "%d-%b-%y",
];

/// So many values that are no time are looked at before a column is given up, unless more of them are one.
const MISSES_MAX: u64 = 20;

/// A way of writing a time: a format, or RFC 3339.
type Way = Option<&'static str>;

/// The ways that fit all values that are a time.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    left: Vec<Way>,
    fits: u64,
    misses: u64,
}

/// How a column writes its times.
#[derive(Debug)]
pub(super) struct Found {
    /// The type that reads them.
    pub(super) ty: String,
    /// The type that has day and month the other way round, where it would read them too.
    pub(super) other: Option<String>,
}

impl Default for Ways {
    fn default() -> Ways {
        let left = [None].into_iter().chain(FORMATS.map(Some)).collect();
        Ways { left, fits: 0, misses: 0 }
    }
}

impl Ways {
    /// Looks at a value, and says whether it is a time like those before.
    pub(super) fn see(&mut self, text: &str) -> bool {
        if self.misses > MISSES_MAX && self.misses > self.fits {
            return false;
        }
        let left: Vec<Way> = self.left.iter().copied().filter(|way| is_in(text.trim(), *way)).collect();
        if left.is_empty() {
            self.misses += 1;
            return false;
        }
        self.left = left;
        self.fits += 1;
        true
    }

    /// How all values are written; none where one of them is no time.
    pub(super) fn found(&self) -> Option<Found> {
        if self.misses == 0 { self.most() } else { None }
    }

    /// How those values are written that are a time; none where there are none.
    pub(super) fn most(&self) -> Option<Found> {
        if self.fits == 0 {
            return None;
        }
        let written = |format: &str| format!("timestamp(\"{format}\")");
        let Some(first) = *self.left.first()? else {
            return Some(Found { ty: "timestamp".to_owned(), other: None });
        };
        let swapped = first.replace("%d/%m", "%m/%d");
        let other =
            swapped != first && self.left.contains(&FORMATS.into_iter().find(|format| *format == swapped));
        Some(Found { ty: written(first), other: other.then(|| written(&swapped)) })
    }
}

fn is_in(text: &str, way: Way) -> bool {
    match way {
        None => EventTime::parse_rfc3339(text).is_some(),
        Some(format) => is_time_as(text, format),
    }
}

/// Whether a text is a time of day, such as `08:05` or `17:30:59`.
pub(super) fn is_time_of_day(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let is_part = |(part, below): (&&str, u8)| {
        (1..=2).contains(&part.len()) && part.parse::<u8>().is_ok_and(|number| number < below)
    };
    (2..=3).contains(&parts.len()) && parts.iter().zip([24, 60, 60]).all(is_part)
}

/// The unit of a number that could count from 1970, by its size, between 1985 and 2099.
pub(super) fn unit_since_1970(least: f64, most: f64) -> Option<&'static str> {
    const FROM: f64 = 473_385_600.0;
    const TO: f64 = 4_102_444_800.0;
    let units = [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)];
    units.iter().find(|(_, scale)| least >= FROM * scale && most <= TO * scale).map(|(unit, _)| *unit)
}

/// Whether a name sounds like a time.
pub(super) fn is_time_name(name: &str) -> bool {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    ["time", "date", "epoch", "unix"].iter().any(|part| name.contains(part))
        || words.iter().any(|word| matches!(*word, "at" | "ts" | "dt" | "when"))
        || name.ends_with("dt") && name.len() > 4
}

/// The unit of a column that only counts on, such as hours of a simulation.
pub(super) fn counter_unit(name: &str) -> Option<&'static str> {
    match name.to_lowercase().as_str() {
        "step" | "hour" => Some("h"),
        "day" => Some("d"),
        name if is_time_name(name) => Some("s"),
        _ => None,
    }
}
