//! Which of the events a run looks at: those of a stretch of event time, and no more than so many.
//!
//! Events outside are not shown to the patterns, as if they did not stand in the input. A partition that is in order within
//! its disorder has no event before a time any more once it has one at that time plus the disorder: there it ends under
//! `--until`. All of this is decided row by row, so that it depends neither on batches nor on threads.

use std::collections::BTreeMap;

use crate::cli::CliError;
use crate::event::Batch;
use crate::time::{Duration, EventTime};

/// Which events are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Part {
    /// None before this.
    pub(super) since: Option<EventTime>,
    /// None from this on.
    pub(super) until: Option<EventTime>,
    /// At most so many.
    pub(super) limit: Option<u64>,
}

/// What of a batch is looked at.
#[derive(Debug)]
pub(super) struct Cut {
    /// These events. There may be none.
    pub(super) batch: Batch,
    /// How many others there are before the end.
    pub(super) skipped: u64,
    /// Where that is, if it is in this batch.
    pub(super) end: Option<End>,
}

/// Where a part ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The partition has no event any more that is looked at. This is the line of the last that was.
    Partition(u64),
    /// There were as many events as wanted. This is the line of the last.
    Run(u64),
}

impl End {
    /// The last line.
    pub(super) fn line(self) -> u64 {
        match self {
            End::Partition(line) | End::Run(line) => line,
        }
    }
}

impl Part {
    /// Whether it is everything.
    pub(super) fn is_all(&self) -> bool {
        *self == Part::default()
    }

    /// What of a batch is looked at, of a partition with this disorder, where so many events were looked at before.
    pub(super) fn cut(&self, batch: Batch, disorder: Duration, before: u64) -> Cut {
        let mut left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(before));
        let end_at = self.until.map(|until| until.plus(disorder));
        let (mut rows, mut skipped, mut end) = (Vec::with_capacity(batch.len()), 0, None);
        for (row, time) in batch.times().iter().enumerate() {
            if self.contains(*time) {
                rows.push(row);
                left -= 1;
            } else {
                skipped += 1;
            }
            if end_at.is_some_and(|end_at| *time >= end_at) {
                end = Some(End::Partition(batch.record(row)));
            }
            if left == 0 {
                end = Some(End::Run(batch.record(row)));
            }
            if end.is_some() {
                break;
            }
        }
        let batch = if rows.len() == batch.len() { batch } else { batch.only(&rows) };
        Cut { batch, skipped, end }
    }

    /// What of a span of time, ends included, is looked at.
    pub(super) fn within(&self, first: EventTime, last: EventTime) -> Option<(EventTime, EventTime)> {
        let first = self.since.map_or(first, |since| first.max(since));
        let before = |until: EventTime| until.minus(Duration::from_micros(1));
        let last = self.until.map_or(last, |until| last.min(before(until)));
        (first <= last).then_some((first, last))
    }

    fn contains(&self, time: EventTime) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// Refuses a stretch of time in which nothing can be.
    pub(super) fn check(&self) -> Result<(), CliError> {
        match (self.since, self.until) {
            (Some(since), Some(until)) if since >= until => Err(CliError::asked(
                format!("--since {since} is not before --until {until}"),
                "events from --since on are taken, and those from --until on are not",
            )),
            _ => Ok(()),
        }
    }

    /// What a mark has of it, by name.
    pub(super) fn marked(&self) -> impl Iterator<Item = (String, u64)> {
        let times = [("since", self.since), ("until", self.until)].into_iter();
        // Counts are numbers without a sign; the bits are those of the time.
        times.filter_map(|(name, time)| Some((name.to_owned(), time?.micros() as u64)))
    }

    /// Refuses to go on with a state of which another part was looked at: what was passed over does not come again.
    pub(super) fn check_mark(&self, counts: &BTreeMap<String, u64>) -> Result<(), CliError> {
        for (name, now) in [("since", self.since), ("until", self.until)] {
            let before = counts.get(name).map(|micros| EventTime::from_micros(*micros as i64));
            if before != now {
                let said = |time: Option<EventTime>| match time {
                    Some(time) => format!("--{name} {time}"),
                    None => format!("no --{name}"),
                };
                let message =
                    format!("the state is of a run with {}, and this one has {}", said(before), said(now));
                let help = "give the same as before: what that run has passed over it does not read again";
                return Err(CliError::asked(message, help));
            }
        }
        Ok(())
    }
}

/// A time as it is written on the command line: RFC 3339, a date, a date and a time in UTC, or milliseconds since 1970.
pub(super) fn parse_time(text: &str) -> Result<EventTime, String> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(EventTime::from_millis(millis));
    }
    let in_utc = || {
        let time = text.parse::<jiff::civil::DateTime>().ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(EventTime::from_micros(time.timestamp().as_microsecond()))
    };
    EventTime::parse_rfc3339(text).or_else(in_utc).ok_or_else(|| {
        "write a date, such as 2026-01-05; a time, such as 2026-01-05T12:00:00Z; or milliseconds since 1970"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BatchBuilder, PartitionId, StreamId};

    fn batch(times: &[i64]) -> Batch {
        let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), Vec::new());
        for (time, record) in times.iter().zip(1..) {
            builder.end_row(EventTime::from_micros(*time), record);
        }
        builder.finish()
    }

    /// The times that are looked at, how many others there are, and the end.
    fn cut(part: Part, times: &[i64]) -> (Vec<i64>, u64, Option<End>) {
        let Cut { batch, skipped, end } = part.cut(batch(times), Duration::from_micros(2), 10);
        (batch.times().iter().map(|time| time.micros()).collect(), skipped, end)
    }

    fn at(micros: i64) -> Option<EventTime> {
        Some(EventTime::from_micros(micros))
    }

    #[test]
    fn a_stretch_of_time_has_its_start_and_not_its_end() {
        let part = Part { since: at(5), until: at(8), limit: None };
        assert_eq!(cut(part, &[3, 4, 5, 4, 7, 6]), (vec![5, 7, 6], 3, None));
        assert_eq!(cut(part, &[3, 4]), (vec![], 2, None));
        assert!(part.check().is_ok());
        assert!(Part { since: at(8), until: at(8), limit: None }.check().is_err());
    }

    #[test]
    fn of_a_span_that_is_looked_at_is_what_lies_in_the_stretch() {
        let part = Part { since: at(5), until: at(8), limit: None };
        let within = |first, last| {
            let span = part.within(EventTime::from_micros(first), EventTime::from_micros(last));
            span.map(|(first, last)| (first.micros(), last.micros()))
        };
        assert_eq!(within(1, 9), Some((5, 7)));
        assert_eq!(within(6, 6), Some((6, 6)));
        assert_eq!((within(1, 4), within(8, 9)), (None, None));
        assert_eq!((within(4, 5), within(7, 8)), (Some((5, 5)), Some((7, 7))));
    }

    #[test]
    fn a_partition_ends_where_disorder_leaves_no_earlier_event() {
        let part = Part { since: None, until: at(8), limit: None };
        assert_eq!(cut(part, &[7, 8, 9, 6, 10, 7, 7]), (vec![7, 6], 3, Some(End::Partition(5))));
        assert_eq!(cut(part, &[7, 8, 9, 6]), (vec![7, 6], 2, None));
    }

    #[test]
    fn a_limit_counts_what_is_looked_at() {
        let part = Part { since: at(5), until: None, limit: Some(12) };
        assert_eq!(cut(part, &[4, 5, 3, 6, 7, 8]), (vec![5, 6], 2, Some(End::Run(4))));
        assert_eq!(cut(part, &[4, 5]), (vec![5], 1, None));
        assert_eq!(cut(part, &[5, 6]), (vec![5, 6], 0, Some(End::Run(2))));
    }

    #[test]
    fn a_state_of_another_part_is_refused() {
        let part = Part { since: at(-5), until: at(8), limit: None };
        let counts: BTreeMap<String, u64> = part.marked().collect();
        assert!(part.check_mark(&counts).is_ok());
        let other = Part { until: None, ..part }.check_mark(&counts).expect_err("another end");
        let words =
            "the state is of a run with --until 1970-01-01T00:00:00.000008Z, and this one has no --until";
        assert_eq!(other.to_string(), words);
        assert!(part.check_mark(&BTreeMap::new()).is_err());
        assert!(Part::default().check_mark(&BTreeMap::new()).is_ok());
    }

    #[test]
    fn times_are_written_in_four_ways() {
        let noon = EventTime::from_millis(1_767_614_400_000);
        for text in ["2026-01-05T12:00:00Z", "2026-01-05T13:00:00+01:00", "1767614400000", "2026-01-05T12:00"]
        {
            assert_eq!(parse_time(text), Ok(noon), "{text}");
        }
        assert_eq!(
            parse_time("2026-01-05").map(|time| time.to_string()).as_deref(),
            Ok("2026-01-05T00:00:00.000Z")
        );
        for text in ["", "yesterday", "2026-13-01", "05.01.2026"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
