//! Outcomes that wait until no other can precede them.

use super::Outcome;
use crate::time::EventTime;

/// The outcomes of one level, in lanes that are each let out in output order: one for all shards, or one for each where
/// only the order of each key counts.
#[derive(Debug)]
pub(super) struct Hold {
    lanes: Vec<Vec<Outcome>>,
}

impl Hold {
    /// So many lanes without outcomes.
    pub(super) fn new(lanes: usize) -> Hold {
        Hold { lanes: (0..lanes).map(|_| Vec::new()).collect() }
    }

    /// Takes what shards have found, each in output order, and gives what is through: all before `pass`.
    pub(super) fn pass(&mut self, found: Vec<Vec<Outcome>>, pass: EventTime) -> Vec<Outcome> {
        let count = self.lanes.len();
        for (shard, found) in found.into_iter().enumerate() {
            let lane = &mut self.lanes[shard % count];
            if lane.is_empty() {
                *lane = found;
            } else {
                lane.extend(found);
            }
        }
        let mut through = Vec::new();
        for lane in &mut self.lanes {
            let passed = pass_lane(lane, pass);
            if through.is_empty() {
                through = passed;
            } else {
                through.extend(passed);
            }
        }
        through
    }

    /// All that waits.
    pub(super) fn all(&self) -> impl Iterator<Item = &Outcome> {
        self.lanes.iter().flatten()
    }

    /// Takes what has waited in another.
    pub(super) fn put_back(&mut self, waiting: Vec<Outcome>) {
        self.lanes[0] = waiting;
    }

    /// Takes one that has waited in another.
    pub(super) fn put_one_back(&mut self, waiting: Outcome) {
        self.lanes[0].push(waiting);
    }

    /// What waits and was not told yet. It counts as told from now on.
    pub(super) fn tell(&mut self) -> Vec<Outcome> {
        let mut more = Vec::new();
        for held in self.lanes.iter_mut().flatten().filter(|held| !held.is_told) {
            more.push(held.clone());
            held.is_told = true;
        }
        more
    }
}

/// Takes from a lane what is before `pass`, in order. A merge sort finds the runs that are sorted already, one for each
/// shard and what waited: it is a merge of these.
fn pass_lane(lane: &mut Vec<Outcome>, pass: EventTime) -> Vec<Outcome> {
    lane.sort_by(Outcome::cmp_output);
    let through = match pass {
        EventTime::END => lane.len(),
        pass => lane.partition_point(|held| held.at < pass),
    };
    let rest = lane.split_off(through);
    std::mem::replace(lane, rest)
}
