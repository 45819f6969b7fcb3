//! Where the bars of delays end: as finely as there is something to see, at times that people say.
//!
//! Delays that differ much stand on steps that grow with them, coarse or fine; those that differ little on even ones. In
//! each case the scale begins and ends where there is data.

use crate::time::Duration;

/// The fewest bars that say something, and the most of which the names fit.
const BARS_MIN: usize = 6;
const BARS_MAX: usize = 14;

/// Steps that grow, in seconds.
const COARSE: [i64; 16] = [
    0,
    1,
    5,
    15,
    60,
    300,
    900,
    HOUR,
    4 * HOUR,
    12 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
];
const FINE: [i64; 34] = [
    0,
    1,
    2,
    3,
    5,
    7,
    10,
    15,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    300,
    420,
    600,
    900,
    1200,
    1800,
    2700,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    4 * HOUR,
    6 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    5 * DAY,
    7 * DAY,
];
/// Steps that may be even.
const EVEN: [i64; 17] =
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY];
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Where each bar ends, ascending: the first holds the least delay, the last the most.
pub(super) fn ends(least: Duration, most: Duration) -> Vec<Duration> {
    let coarse = growing(&COARSE, least, most);
    let fine = growing(&FINE, least, most);
    let even = even(least, most);
    let is_good = |ends: &Vec<Duration>| (BARS_MIN..=BARS_MAX).contains(&ends.len());
    // A span of many scales cannot stand on even steps: all that is short would be in the first.
    let is_narrow = most.micros() / 8 <= least.micros();
    match () {
        () if is_narrow && even.len() > coarse.len() => even,
        () if is_good(&coarse) || fine.len() > BARS_MAX => coarse,
        () => fine,
    }
}

/// Those of growing steps between which something lies; what is longer than all of them is in a last one of its own.
fn growing(steps: &[i64], least: Duration, most: Duration) -> Vec<Duration> {
    let steps: Vec<Duration> = steps.iter().map(|seconds| Duration::from_secs(*seconds)).collect();
    let first = steps.partition_point(|end| *end < least);
    let last = steps.partition_point(|end| *end < most);
    let mut ends: Vec<Duration> = steps.iter().skip(first).take(last + 1 - first).copied().collect();
    if last == steps.len() {
        ends.push(most);
    }
    ends
}

/// As few as fit of even steps.
fn even(least: Duration, most: Duration) -> Vec<Duration> {
    for seconds in EVEN {
        let step = seconds * 1_000_000;
        let (first, last) = (above(least, step), above(most, step));
        if last - first < BARS_MAX as i64 {
            return (first..=last).map(|at| Duration::from_micros(at.saturating_mul(step))).collect();
        }
    }
    Vec::new()
}

/// How many steps there are to the end of that in which a span lies.
fn above(span: Duration, step: i64) -> i64 {
    let micros = span.micros().max(0);
    micros / step + i64::from(micros % step > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(least: i64, most: i64) -> Vec<String> {
        ends(Duration::from_secs(least), Duration::from_secs(most)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn delays_of_many_scales_stand_on_coarse_steps() {
        assert_eq!(told(0, 40_000), ["0s", "1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "12h"]);
    }

    #[test]
    fn delays_of_some_scales_stand_on_fine_steps() {
        assert_eq!(told(40, 900), ["45s", "1m", "1m30s", "2m", "3m", "5m", "7m", "10m", "15m"]);
    }

    #[test]
    fn delays_that_differ_little_stand_on_even_steps() {
        assert_eq!(
            told(240, 420),
            [
                "4m", "4m15s", "4m30s", "4m45s", "5m", "5m15s", "5m30s", "5m45s", "6m", "6m15s", "6m30s",
                "6m45s", "7m"
            ]
        );
        assert_eq!(told(301, 302), ["5m1s", "5m2s"]);
        assert_eq!(told(300, 300).len(), 1);
    }

    #[test]
    fn every_delay_has_a_bar_and_there_are_never_too_many() {
        let spans = [
            0,
            1,
            999_999,
            1_000_000,
            59_000_000,
            61_000_000,
            3_600_000_000,
            86_400_000_001,
            1 << 45,
            i64::MAX,
        ];
        for least in spans {
            for most in spans.into_iter().filter(|most| *most >= least) {
                let (least, most) = (Duration::from_micros(least), Duration::from_micros(most));
                let ends = ends(least, most);
                assert!(ends.len() <= COARSE.len() + 1, "{least} {most}: {ends:?}");
                assert!(ends.is_sorted() && ends.last() >= Some(&most), "{least} {most}: {ends:?}");
                // None is empty at the beginning, none at the end.
                assert!(ends.first() >= Some(&least), "{least} {most}: {ends:?}");
                assert!(ends.len() < 2 || ends[ends.len() - 2] < most, "{least} {most}: {ends:?}");
            }
        }
    }
}
