//! Numbers that depend on the seed alone.

/// The splitmix64 generator.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one case of a seed: cases do not depend on each other.
    pub(crate) fn of_case(seed: u64, case: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case);
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but without, `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    /// One of some.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of some, each as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, from: &[(T, u64)]) -> T {
        let total: u64 = from.iter().map(|(_, weight)| weight).sum();
        let mut at = self.next() % total;
        for (thing, weight) in from {
            if at < *weight {
                return *thing;
            }
            at -= weight;
        }
        from[0].0
    }
}
