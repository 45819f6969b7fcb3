//! The flow of events in time order: everyday use, with planted episodes between.
//!
//! The clock moves by small random steps. At each step a card that is free at that hour is used, or an episode
//! begins on it; what an episode, or an everyday PIN change, has planned for later waits in a heap. A card with
//! something planned is busy and is left alone until an hour after, so that what is planted stays what its label
//! says. Memory is a record per card and the plans under way, however long the flow.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::episode::{EPISODE_EVENTS_MAX, Episode, FraudKind, Scene};
use super::event::{Event, Kind};
use super::random::Random;
use super::world::{
    CATEGORIES, COUNTRIES, Card, DAY, HOUR, MERCHANTS_PER_CATEGORY, MINUTE, Merchant, SECOND,
};

/// Midnight UTC of Monday, 5 January 2026.
const BEGINNING: i64 = 1_767_571_200_000;

/// How often a card is used in a day, before the night takes its share.
const USES_PER_DAY: i64 = 6;

/// How many cards are looked at for one that is free and awake before time goes on.
const CARDS_TRIED_MAX: usize = 8;

/// How long a card is left alone after an episode, and must have been quiet before one.
const QUIET: i64 = HOUR + MINUTE;

/// What to generate.
pub(super) struct Recipe {
    pub(super) events: u64,
    pub(super) cards: u32,
    pub(super) seed: u64,
    pub(super) fraud: Vec<FraudKind>,
    /// Planted episodes in a million steps.
    pub(super) episodes_per_million: u64,
}

/// What comes next.
pub(super) enum Step {
    /// An event, in time order.
    Event(Event),
    /// An episode begins: its events follow as [`Step::Event`], between others.
    Begins(Episode),
}

/// The flow itself: exactly as many events as asked for, and no episode cut short.
pub(super) struct Flow {
    recipe: Recipe,
    random: Random,
    cards: Vec<Card>,
    clock: i64,
    /// Twice the mean time between steps, in microseconds: many cards make steps finer than a millisecond.
    step_micros_max: i64,
    clock_micros: i64,
    planned: BinaryHeap<Reverse<Planned>>,
    plans: u64,
    /// How many events may still be planned or made.
    left: u64,
}

/// An event that waits for its time; of equal times the one planned first.
#[derive(PartialEq, Eq)]
struct Planned {
    at: i64,
    number: u64,
    event: Event,
}

impl Ord for Planned {
    fn cmp(&self, other: &Planned) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Planned) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Flow {
    pub(super) fn new(recipe: Recipe) -> Flow {
        let cards = (0..recipe.cards).map(|number| Card::new(recipe.seed, number)).collect();
        let mean_micros = DAY * 1000 / (USES_PER_DAY * i64::from(recipe.cards));
        Flow {
            random: Random::new(recipe.seed),
            cards,
            clock: BEGINNING,
            clock_micros: BEGINNING * 1000,
            step_micros_max: 2 * mean_micros.max(1),
            planned: BinaryHeap::new(),
            plans: 0,
            left: recipe.events,
            recipe,
        }
    }

    /// The next event that was planned, if everyday time has come so far, or nothing else is to come.
    fn due(&mut self) -> Option<Event> {
        let Reverse(first) = self.planned.peek()?;
        if self.left > 0 && first.at > self.clock {
            return None;
        }
        self.planned.pop().map(|Reverse(planned)| planned.event)
    }

    fn tick(&mut self) {
        self.clock_micros += self.random.between(0, self.step_micros_max);
        self.clock = self.clock_micros / 1000;
    }

    /// A card that is free, and awake or lucky.
    fn choose_card(&mut self) -> Option<u32> {
        for _ in 0..CARDS_TRIED_MAX {
            let number = self.random.below(u64::from(self.recipe.cards)) as u32;
            let card = &self.cards[number as usize];
            if card.busy_until <= self.clock && self.random.below(100) < card.liveliness(self.clock) {
                return Some(number);
            }
        }
        None
    }

    /// Begins an episode on this card, if it is time for one and the card has been quiet.
    fn begin_episode(&mut self, number: u32) -> Option<Episode> {
        let is_time = self.random.happens(self.recipe.episodes_per_million);
        let card = &self.cards[number as usize];
        let fits = self.left >= EPISODE_EVENTS_MAX as u64 && card.quiet(self.clock) >= QUIET;
        if !is_time || !fits || self.recipe.fraud.is_empty() {
            return None;
        }
        let kind = self.recipe.fraud[self.random.below(self.recipe.fraud.len() as u64) as usize];
        let scene = Scene { card: number, place: card.place, at: self.clock };
        let episode = Episode::plan(kind, scene, &mut self.random);
        self.plan(&episode.events);
        self.occupy(number, episode.ends_at + QUIET);
        Some(episode)
    }

    fn plan(&mut self, events: &[Event]) {
        self.left -= events.len() as u64;
        for event in events {
            self.planned.push(Reverse(Planned { at: event.at, number: self.plans, event: *event }));
            self.plans += 1;
        }
    }

    /// Leaves the card alone until `until`.
    fn occupy(&mut self, number: u32, until: i64) {
        let card = &mut self.cards[number as usize];
        card.busy_until = until;
        card.last_at = until - QUIET;
    }

    /// What the holder of a card does on a usual day.
    fn everyday(&mut self, number: u32) -> Event {
        self.travel(number);
        self.left -= 1;
        let (at, place) = (self.clock, self.cards[number as usize].place);
        self.cards[number as usize].last_at = at;
        match self.random.below(1000) {
            0..780 => self.shop(number),
            780..860 => Event::withdrawal(at, number, place, 1000 * self.random.between(2, 30)),
            860..880 => self.give_back(number),
            880..992 => Event::bare(at, number, place, Kind::Login),
            _ => self.change_pin(number),
        }
    }

    /// Sets out or comes home, after hours without a use: a journey takes time.
    fn travel(&mut self, number: u32) {
        let (clock, random) = (self.clock, &mut self.random);
        let card = &mut self.cards[number as usize];
        if card.quiet(clock) < 4 * HOUR {
            return;
        }
        if card.place != card.home && clock >= card.abroad_until {
            card.place = card.home;
        } else if card.place == card.home && random.happens(8_000) {
            card.place = random.below(COUNTRIES.len() as u64) as u8;
            card.abroad_until = clock + random.between(2 * DAY, 9 * DAY);
        }
    }

    /// A purchase; now and then in a web shop abroad, which a naive rule takes for a journey.
    fn shop(&mut self, number: u32) -> Event {
        let merchant = self.choose_merchant();
        let category = &CATEGORIES[usize::from(merchant.category)];
        let amount = self.random.cents_around(category.median, category.spread);
        let mut country = self.cards[number as usize].place;
        if !category.present && self.random.happens(500) {
            country = self.random.below(COUNTRIES.len() as u64) as u8;
        }
        self.cards[number as usize].bought = Some((merchant, amount));
        Event::purchase(self.clock, number, country, merchant, amount)
    }

    fn choose_merchant(&mut self) -> Merchant {
        let mut rest = self.random.below(100);
        let mut category = 0;
        while rest >= CATEGORIES[category].share {
            rest -= CATEGORIES[category].share;
            category += 1;
        }
        // The less of two: small numbers are the popular shops.
        let one = self.random.below(MERCHANTS_PER_CATEGORY);
        let other = self.random.below(MERCHANTS_PER_CATEGORY);
        Merchant { category: category as u8, number: one.min(other) as u16 }
    }

    /// Pays back the newest purchase, or a part; without one there is a purchase instead.
    fn give_back(&mut self, number: u32) -> Event {
        let Some((merchant, paid)) = self.cards[number as usize].bought.take() else {
            return self.shop(number);
        };
        let part = if self.random.happens(700_000) { paid } else { self.random.between(1, paid) };
        let country = self.cards[number as usize].place;
        Event { kind: Kind::Refund, ..Event::purchase(self.clock, number, country, merchant, part) }
    }

    /// A PIN change, and the login that checks it soon after; very few forget.
    fn change_pin(&mut self, number: u32) -> Event {
        let place = self.cards[number as usize].place;
        if self.left > 0 && !self.random.happens(2_000) {
            let login_at = self.clock + self.random.between(15 * SECOND, 4 * MINUTE);
            self.plan(&[Event::bare(login_at, number, place, Kind::Login)]);
            self.cards[number as usize].busy_until = login_at;
            self.cards[number as usize].last_at = login_at;
        }
        Event::bare(self.clock, number, place, Kind::PinChange)
    }
}

impl Iterator for Flow {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(event) = self.due() {
                return Some(Step::Event(event));
            }
            if self.left == 0 {
                return None;
            }
            self.tick();
            if let Some(event) = self.due() {
                return Some(Step::Event(event));
            }
            let Some(number) = self.choose_card() else { continue };
            if let Some(episode) = self.begin_episode(number) {
                return Some(Step::Begins(episode));
            }
            return Some(Step::Event(self.everyday(number)));
        }
    }
}
