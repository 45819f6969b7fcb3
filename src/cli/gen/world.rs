//! The world the cards live in: countries with their hours, kinds of shop with their prices, and what a card did last.

use super::random::mix;

/// A country: its code, its hours from UTC, and how many of a hundred cards live there.
pub(super) struct Country {
    pub(super) code: &'static str,
    hours_from_utc: i64,
    share: u64,
}

const fn country(code: &'static str, hours_from_utc: i64, share: u64) -> Country {
    Country { code, hours_from_utc, share }
}

/// Where cards live and travel.
pub(super) const COUNTRIES: [Country; 12] = [
    country("US", -6, 26),
    country("GB", 0, 12),
    country("DE", 1, 12),
    country("FR", 1, 11),
    country("BR", -3, 9),
    country("IN", 5, 9),
    country("JP", 9, 6),
    country("ES", 1, 5),
    country("RO", 2, 3),
    country("NG", 1, 3),
    country("AU", 10, 2),
    country("MX", -6, 2),
];

/// A kind of shop: how often of a hundred purchases, its median price in cents and how widely prices spread.
pub(super) struct Category {
    pub(super) name: &'static str,
    pub(super) share: u64,
    pub(super) median: i64,
    pub(super) spread: i64,
    /// Whether the card is held by hand there.
    pub(super) present: bool,
}

const fn category(name: &'static str, share: u64, median: i64, spread: i64, present: bool) -> Category {
    Category { name, share, median, spread, present }
}

/// Where cards are used.
pub(super) const CATEGORIES: [Category; 9] = [
    category("groceries", 30, 3200, 75, true),
    category("restaurant", 15, 2800, 60, true),
    category("coffee", 12, 480, 35, true),
    category("online", 16, 3900, 95, false),
    category("fuel", 10, 5200, 40, true),
    category("pharmacy", 8, 1700, 70, true),
    category("clothing", 5, 6400, 80, true),
    category("electronics", 3, 15_000, 90, false),
    category("travel", 1, 28_000, 80, false),
];

/// How many shops there are of each kind.
pub(super) const MERCHANTS_PER_CATEGORY: u64 = 1000;

/// Of a hundred uses at the busiest hour, how many there are in each hour of the cardholder's day.
const USES_BY_HOUR: [u64; 24] =
    [8, 4, 3, 2, 2, 4, 14, 32, 52, 58, 62, 78, 96, 84, 66, 64, 74, 92, 100, 94, 74, 50, 30, 16];

/// A milestone of the calendar in milliseconds.
pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A shop, by its category and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Merchant {
    pub(super) category: u8,
    pub(super) number: u16,
}

/// What is remembered of a card: all the memory that generation needs.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub(super) home: u8,
    /// Where its holder is.
    pub(super) place: u8,
    /// When the journey under way ends.
    pub(super) abroad_until: i64,
    pub(super) last_at: i64,
    /// Until when nothing but what is already planned happens to it.
    pub(super) busy_until: i64,
    /// Its newest purchase that has not been paid back.
    pub(super) bought: Option<(Merchant, i64)>,
}

impl Card {
    /// The card of this number in the world of this seed.
    pub(super) fn new(seed: u64, number: u32) -> Card {
        let home = home_of(mix(seed ^ u64::from(number).wrapping_mul(0xD6E8_FEB8_6659_FD93)));
        Card { home, place: home, abroad_until: 0, last_at: i64::MIN / 2, busy_until: i64::MIN, bought: None }
    }

    /// How likely it is to be used at this time, of a hundred.
    pub(super) fn liveliness(&self, at: i64) -> u64 {
        let local = at + COUNTRIES[usize::from(self.place)].hours_from_utc * HOUR;
        USES_BY_HOUR[(local.rem_euclid(DAY) / HOUR) as usize]
    }

    /// How long it has not been used.
    pub(super) fn quiet(&self, at: i64) -> i64 {
        at.saturating_sub(self.last_at)
    }
}

fn home_of(hash: u64) -> u8 {
    let mut rest = hash % 100;
    for (number, country) in COUNTRIES.iter().enumerate() {
        match rest.checked_sub(country.share) {
            Some(less) => rest = less,
            None => return number as u8,
        }
    }
    unreachable!("the shares of the countries add up to a hundred")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_a_hundred() {
        assert_eq!(COUNTRIES.iter().map(|country| country.share).sum::<u64>(), 100);
        assert_eq!(CATEGORIES.iter().map(|category| category.share).sum::<u64>(), 100);
    }
}
