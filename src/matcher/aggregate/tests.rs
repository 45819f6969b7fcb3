//! The two stacks beside a model that goes through all events of the window again.

use super::algebra::{Algebra, Values};
use super::state::{Counting, Effect, State};
use crate::time::{Duration, EventTime};

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 20) % end
    }
}

/// An event: when it comes, what it takes and clears, and the value that it adds.
type Event = (i64, u64, u64, i64);

/// What the runs of the window at each place come to: how many they are, and the sum of their values.
fn model(events: &[Event], places: usize, began_after: i64) -> Vec<(i128, i128)> {
    let mut row = vec![(0, 0); places];
    row[0] = (1, 0);
    for (time, takes, clears, value) in events {
        for place in (0..places).rev() {
            let (count, sum) = row[place];
            let begins_early = place == 0 && *time <= began_after;
            if takes >> place & 1 == 1 && !begins_early {
                row[place + 1].0 += count;
                row[place + 1].1 += sum + count * i128::from(*value);
            }
            if clears >> place & 1 == 1 {
                row[place] = (0, 0);
            }
        }
    }
    row
}

fn sum_of(amount: &[u64]) -> i128 {
    (u128::from(amount[3]) << 64 | u128::from(amount[2])) as i128
}

#[test]
fn a_window_comes_to_what_its_events_come_to() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let places = 1 + random.below(5) as usize;
        let within = 1 + random.below(30) as i64;
        let counting =
            Counting { algebra: Algebra::of_one_sum(), places, within: Duration::from_micros(within) };
        let (mut state, mut scratch, mut events) = (State::default(), Vec::new(), Vec::<Event>::new());
        let mut amount = vec![0; counting.algebra.width];
        let mut now = -50;
        for _ in 0..120 {
            now += random.below(4) as i64;
            state.evict(&counting, EventTime::from_micros(now), &mut scratch);
            let expected = model(&events, places, now - within);
            for (place, (count, sum)) in expected.iter().enumerate().skip(1) {
                assert_eq!(state.is_reached(&counting, place), *count > 0, "seed {seed}");
                if *count > 0 {
                    state.at(&counting, place, &mut amount);
                    assert_eq!((i128::from(amount[0]), sum_of(&amount)), (*count, *sum), "seed {seed}");
                }
            }
            assert_eq!(state.events == 0, state.is_empty(), "seed {seed}");
            assert_eq!(state.is_empty(), !is_begun(&events, now - within), "seed {seed}");
            let takes = random.below(1 << places) & random.below(1 << places) & ((1 << (places - 1)) - 1);
            let clears =
                random.below(1 << places) & random.below(1 << places) & random.below(1 << places) & !1;
            let value = random.below(2000) as i64 - 1000;
            events.push((now, takes, clears, value));
            if takes & 1 == 1 || !state.is_empty() {
                let words = [value as u64];
                let values = Values { nulls: 0, words: &words };
                let effect = Effect { time: EventTime::from_micros(now), takes, clears, values };
                state.push(&counting, effect);
            }
        }
    }
}

/// Whether a first event is in the window.
fn is_begun(events: &[Event], began_after: i64) -> bool {
    events.iter().any(|(time, takes, ..)| takes & 1 == 1 && *time > began_after)
}
