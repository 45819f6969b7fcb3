//! Arrival order: events come late by up to the disorder, and none comes too late.
//!
//! Each point in time has its own delay, at most the disorder. So events of equal time arrive in their order, and
//! when an event of time t arrives, nothing newer than t + disorder has come before it: it is not late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::event::Event;
use super::random::mix;

/// Holds events back for as long as they are delayed.
pub(super) struct Disorder {
    seed: u64,
    millis: u64,
    held: BinaryHeap<Reverse<Held>>,
    numbered: u64,
}

#[derive(PartialEq, Eq)]
struct Held {
    arrives_at: i64,
    number: u64,
    event: Event,
}

impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        (self.arrives_at, self.number).cmp(&(other.arrives_at, other.number))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Disorder {
    pub(super) fn new(millis: u64, seed: u64) -> Disorder {
        Disorder { seed, millis, held: BinaryHeap::new(), numbered: 0 }
    }

    /// Takes the next event in time order, and gives those that arrive before its time to `arrive`.
    pub(super) fn push<E>(
        &mut self,
        event: Event,
        mut arrive: impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.millis == 0 {
            return arrive(event);
        }
        while let Some(Reverse(first)) = self.held.peek()
            && first.arrives_at < event.at
        {
            arrive(first.event)?;
            self.held.pop();
        }
        let delay = mix(self.seed ^ event.at as u64) % (self.millis + 1);
        self.held.push(Reverse(Held {
            arrives_at: event.at.saturating_add(delay as i64),
            number: self.numbered,
            event,
        }));
        self.numbered += 1;
        Ok(())
    }

    /// Gives the rest to `arrive`.
    pub(super) fn finish<E>(mut self, mut arrive: impl FnMut(Event) -> Result<(), E>) -> Result<(), E> {
        while let Some(Reverse(held)) = self.held.pop() {
            arrive(held.event)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Kind;
    use super::*;

    fn shuffled(times: impl Iterator<Item = i64>, millis: u64) -> Vec<Event> {
        let mut disorder = Disorder::new(millis, 3);
        let mut arrived = Vec::new();
        let mut arrive = |event: Event| {
            arrived.push(event);
            Ok::<(), std::convert::Infallible>(())
        };
        for (number, at) in times.enumerate() {
            let Ok(()) = disorder.push(Event::bare(at, number as u32, 0, Kind::Login), &mut arrive);
        }
        let Ok(()) = disorder.finish(&mut arrive);
        arrived
    }

    #[test]
    fn nothing_arrives_later_than_the_disorder_allows() {
        let arrived = shuffled((0..10_000).map(|number| number * 7), 500);
        let mut newest = i64::MIN;
        let mut out_of_order = 0;
        for event in &arrived {
            assert!(event.at >= newest.saturating_sub(500), "{event:?} after {newest}");
            out_of_order += usize::from(event.at < newest);
            newest = newest.max(event.at);
        }
        assert_eq!(arrived.len(), 10_000);
        assert!(out_of_order > 5_000, "{out_of_order}");
    }

    #[test]
    fn equal_times_keep_their_order() {
        let arrived = shuffled((0..10_000).map(|number| number / 10), 50);
        let mut by_time = arrived.clone();
        by_time.sort_by_key(|event| event.at);
        let numbers: Vec<u32> = by_time.iter().map(|event| event.card).collect();
        assert!(numbers.is_sorted());
    }
}
