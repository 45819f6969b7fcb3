//! Random numbers that never change: SplitMix64 (Steele, Lea, Flood 2014), and integers only.
//!
//! A generated file is named by its options and its seed, so the numbers may depend on no library's version and on
//! no machine's mathematics. The one place with floats uses additions and multiplications alone, which IEEE 754
//! rounds alike everywhere.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high, "a range has its lower end first");
        low + self.below((high - low) as u64 + 1) as i64
    }

    /// A number below `end`, by multiplication: the bias is below 2⁻³² for the small ranges asked for here.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Whether something that happens so many times in a million happens now.
    pub(super) fn happens(&mut self, per_million: u64) -> bool {
        self.below(1_000_000) < per_million
    }

    /// A log-normal number of cents around `median`, `spread` in hundredths: 90 for everyday prices.
    pub(super) fn cents_around(&mut self, median: i64, spread: i64) -> i64 {
        let exponent = self.normal() * spread as f64 / 100.0;
        ((median as f64 * near_exp(exponent)) as i64).max(1)
    }

    /// Nearly standard normal: the sum of twelve uniform numbers, less six.
    fn normal(&mut self) -> f64 {
        let mut sum: u64 = 0;
        for _ in 0..3 {
            let word = self.next();
            sum += (0..4).map(|part| word >> (16 * part) & 0xFFFF).sum::<u64>();
        }
        sum as f64 / 65536.0 - 6.0
    }
}

/// The mixing step alone: a number for a number, as a hash that never changes.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// eˣ, near enough for prices: (1 + x/1024)¹⁰²⁴ by ten squarings.
fn near_exp(x: f64) -> f64 {
    let mut power = 1.0 + x / 1024.0;
    for _ in 0..10 {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_paper() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn prices_lie_around_their_median() {
        let mut random = Random::new(1);
        let prices: Vec<i64> = (0..10_000).map(|_| random.cents_around(3000, 90)).collect();
        let below = prices.iter().filter(|cents| **cents < 3000).count();
        assert!((4800..5200).contains(&below), "{below}");
        assert!(prices.iter().all(|cents| *cents > 0));
    }
}
