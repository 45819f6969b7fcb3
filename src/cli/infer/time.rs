//! Which ways of writing a time a column is in.

use jiff::fmt::strtime::BrokenDownTime;

use crate::time::EventTime;

/// What is tried, the first that fits all values counts. Day before month comes first; a day above 12 shows which it is.
const FORMATS: [&str; 24] = [
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
];

/// The ways that fit all values seen so far.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    is_rfc3339: bool,
    formats: Vec<&'static str>,
}

impl Default for Ways {
    fn default() -> Ways {
        Ways { is_rfc3339: true, formats: FORMATS.to_vec() }
    }
}

impl Ways {
    /// Looks at a value.
    pub(super) fn see(&mut self, text: &str) {
        let text = text.trim();
        self.is_rfc3339 = self.is_rfc3339 && EventTime::parse_rfc3339(text).is_some();
        if !self.formats.is_empty() {
            self.formats.retain(|format| {
                BrokenDownTime::parse(format, text)
                    .is_ok_and(|time| time.to_datetime().is_ok() || time.to_date().is_ok())
            });
        }
    }

    /// How the type is written, with whether day and month could be the other way round; none where it is no time.
    pub(super) fn found(&self) -> Option<(String, bool)> {
        if self.is_rfc3339 {
            return Some(("timestamp".to_owned(), false));
        }
        let first = self.formats.first()?;
        let other = if first.starts_with("%d/%m") { first.replace("%d/%m", "%m/%d") } else { String::new() };
        let is_unsure = self.formats.iter().any(|format| *format == other);
        Some((format!("timestamp(\"{first}\")"), is_unsure))
    }
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
