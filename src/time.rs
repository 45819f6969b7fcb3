//! Event time: points, durations and watermarks, as three types that do not mix.
//!
//! Inside, time is a signed 64-bit count of microseconds since 1970-01-01 UTC; finer digits in the input are
//! cut. Arithmetic saturates, so that no timestamp of an input can make it wrap. The wall clock is not read here.

use std::fmt;

/// A point in event time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventTime(i64);

impl EventTime {
    /// Before every event.
    pub const START: EventTime = EventTime(i64::MIN);
    /// After every event: where event time stands once a bounded input has ended.
    pub const END: EventTime = EventTime(i64::MAX);

    /// The point so many microseconds after 1970.
    pub const fn from_micros(micros: i64) -> EventTime {
        EventTime(micros)
    }

    /// The point so many milliseconds after 1970; what a bare number in the input means.
    pub const fn from_millis(millis: i64) -> EventTime {
        EventTime(millis.saturating_mul(1000))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This point moved later by `by`, at most to [`EventTime::END`].
    pub const fn plus(self, by: Duration) -> EventTime {
        EventTime(self.0.saturating_add(by.0))
    }

    /// This point moved earlier by `by`, at least to [`EventTime::START`].
    pub const fn minus(self, by: Duration) -> EventTime {
        EventTime(self.0.saturating_sub(by.0))
    }

    /// How long after `earlier` this point lies; negative where it lies before.
    pub const fn since(self, earlier: EventTime) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// Reads an RFC 3339 timestamp, which must say its offset from UTC. Digits below a microsecond are cut.
    ///
    /// # Example
    ///
    /// ```
    /// use ensue::EventTime;
    ///
    /// let noon = EventTime::parse_rfc3339("1970-01-01T12:00:00+01:00").expect("a timestamp");
    /// assert_eq!(noon.to_string(), "1970-01-01T11:00:00.000Z");
    /// ```
    pub fn parse_rfc3339(text: &str) -> Option<EventTime> {
        EventTime::parse_usual(text.as_bytes()).or_else(|| {
            let timestamp: jiff::Timestamp = text.parse().ok()?;
            Some(EventTime(timestamp.as_nanosecond().div_euclid(1000) as i64))
        })
    }

    /// A time in the form of RFC 3339 that most files have, `2026-01-05T12:00:00.123Z` with a fraction or without; `None`
    /// says nothing of others. Costs a tenth of the way for all forms.
    pub(crate) fn parse_usual(text: &[u8]) -> Option<EventTime> {
        let (date_and_time, rest) = text.split_first_chunk::<19>()?;
        let [.., b'-', _, _, b'-', _, _, b'T', _, _, b':', _, _, b':', _, _] = date_and_time else {
            return None;
        };
        let number = |from: usize, to: usize| digits(&date_and_time[from..to]);
        // At the ends of the calendar it depends on the hour whether it is a time.
        let year = number(0, 4).filter(|year| (1..9999).contains(year))?;
        let days = days_before(year, number(5, 7)?, number(8, 10)?)?;
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match rest {
            [b'Z'] => 0,
            [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
                let (whole, others) = fraction.split_at(fraction.len().min(6));
                digits(others)?;
                digits(whole)? * 10_i64.pow(6 - whole.len() as u32)
            }
            _ => return None,
        };
        Some(EventTime((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros))
    }
}

/// The number that some digits are.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| 10 * number + i64::from(byte - b'0')))
}

/// How many days there are from 1970 to a day, in the calendar that goes on for ever. Years are taken to begin in March, so
/// that the day that comes and goes is the last (Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
fn days_before(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC, with milliseconds where these are exact and microseconds otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 % 1000 == 0 { 3 } else { 6 };
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.digits$}"),
            // Outside the years −9999 to 9999 there is no calendar date: print the number.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A signed span of event time, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Duration(i64);

/// The units a duration may be written in, longest first, with their microseconds.
const UNITS: [(&str, i64); 7] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1000),
    ("us", 1),
];

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);

    /// A span of so many microseconds.
    pub const fn from_micros(micros: i64) -> Duration {
        Duration(micros)
    }

    /// A span of so many milliseconds.
    pub const fn from_millis(millis: i64) -> Duration {
        Duration(millis.saturating_mul(1000))
    }

    /// A span of so many seconds.
    pub const fn from_secs(secs: i64) -> Duration {
        Duration(secs.saturating_mul(1_000_000))
    }

    /// Microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads what a pattern writes: `10m`, `1h30m`, `250ms`, longest unit first. `None` where it is not that, or
    /// does not fit.
    ///
    /// # Example
    ///
    /// ```
    /// use ensue::Duration;
    ///
    /// assert_eq!(Duration::parse("1h30m"), Some(Duration::from_secs(5400)));
    /// assert_eq!(Duration::parse("30m1h"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Duration> {
        let mut rest = text;
        let mut total: i64 = 0;
        let mut smallest = i64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let number: i64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (_, micros) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters])?;
            if *micros >= smallest {
                return None;
            }
            smallest = *micros;
            total = total.checked_add(number.checked_mul(*micros)?)?;
            rest = &rest[letters..];
        }
        (smallest != i64::MAX).then_some(Duration(total))
    }
}

impl fmt::Display for Duration {
    /// The way a pattern writes it: `1m59s`, `90d`, `-5s`, `0s`. Weeks are printed as days.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (unit, micros) in &UNITS[1..] {
            let count = rest / *micros as u64;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
            rest %= *micros as u64;
        }
        Ok(())
    }
}

/// How far event time has come: no event of an earlier time is still expected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Watermark(EventTime);

impl Watermark {
    /// Nothing is known yet.
    pub const START: Watermark = Watermark(EventTime::START);
    /// The input has ended.
    pub const END: Watermark = Watermark(EventTime::END);

    /// The watermark at this point.
    pub const fn at(time: EventTime) -> Watermark {
        Watermark(time)
    }

    /// The point it stands at.
    pub const fn time(self) -> EventTime {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_times_are_read_as_all_others() {
        let mut random: u64 = 7;
        let mut next = |end: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % end
        };
        let (mut usual, mut refused) = (0, 0);
        for _ in 0..200_000 {
            let year = [1970, 2026, 2000, 1900, 1, 9998, 9999, 0, next(10_000)][next(9) as usize];
            let (month, day) = (next(14), next(33));
            let (hour, minute, second) = (next(25), next(61), next(62));
            let digits = next(11) as usize;
            let fraction = format!("{:010}", next(1 << 31) * 5);
            let point = if digits > 0 { "." } else { "" };
            let end = ["Z", "Z", "Z", "+01:00", "", "z"][next(6) as usize];
            let text = format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{}{end}",
                &fraction[..digits]
            );
            let all = text.parse::<jiff::Timestamp>().ok();
            let all = all.map(|time| EventTime(time.as_nanosecond().div_euclid(1000) as i64));
            match EventTime::parse_usual(text.as_bytes()) {
                Some(time) => {
                    assert_eq!(Some(time), all, "{text}");
                    usual += 1;
                }
                None => refused += u32::from(all.is_none()),
            }
            assert_eq!(EventTime::parse_rfc3339(&text), all, "{text}");
        }
        assert!(usual > 20_000 && refused > 20_000, "{usual} {refused}");
    }

    #[test]
    fn a_duration_prints_as_it_is_written() {
        for text in ["10m", "1h30m", "90d", "250ms", "1m59s", "1d2h3m4s5ms6us"] {
            assert_eq!(Duration::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Duration::parse("2w").expect("weeks").to_string(), "14d");
        assert_eq!(Duration::from_secs(-61).to_string(), "-1m1s");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "10", "m", "10x", "1m1h", "1m1m", "99999999999d"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn finer_digits_are_cut_also_before_1970() {
        let time = EventTime::parse_rfc3339("1969-12-31T23:59:59.9999999Z").expect("a timestamp");
        assert_eq!(time.micros(), -1);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(EventTime::END.plus(Duration::from_secs(1)), EventTime::END);
        assert_eq!(EventTime::START.minus(Duration::from_secs(1)), EventTime::START);
    }
}
