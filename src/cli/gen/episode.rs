//! Planted fraud: episodes that a pattern must find, and near misses that it must not.
//!
//! An episode is a handful of events of one card, decided at once when it begins. A near miss looks like one and
//! misses the pattern by one thing, named by its `variant`.

use std::io::{self, Write};

use super::event::{CardName, Event, Kind, time};
use super::random::Random;
use super::world::{COUNTRIES, HOUR, MERCHANTS_PER_CATEGORY, MINUTE, Merchant, SECOND};

/// A kind of fraud, with the name of the pattern that finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FraudKind {
    /// Three or more probes under 5.00, then a charge above 500.00, within ten minutes
    CardTesting,
    /// Two uses in a row in different countries within an hour
    ImpossibleTravel,
    /// A PIN change that no login follows for five minutes
    UnconfirmedPinChange,
    /// Six purchases within two minutes
    Velocity,
}

impl FraudKind {
    fn name(self) -> &'static str {
        match self {
            FraudKind::CardTesting => "card_testing",
            FraudKind::ImpossibleTravel => "impossible_travel",
            FraudKind::UnconfirmedPinChange => "unconfirmed_pin_change",
            FraudKind::Velocity => "velocity",
        }
    }
}

/// The most events of an episode.
pub(super) const EPISODE_EVENTS_MAX: usize = 10;

/// A planted episode.
pub(super) struct Episode {
    pub(super) kind: FraudKind,
    /// Why it is a near miss; `None` where it is fraud.
    pub(super) near_miss: Option<&'static str>,
    pub(super) card: u32,
    /// Its events, in time order, at least one.
    pub(super) events: Vec<Event>,
    /// When it is over: its last event, or the deadline at which it is certain.
    pub(super) ends_at: i64,
}

/// Where and when an episode begins.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) card: u32,
    pub(super) place: u8,
    pub(super) at: i64,
}

impl Episode {
    /// Plans an episode of this kind; three of ten are near misses.
    pub(super) fn plan(kind: FraudKind, scene: Scene, random: &mut Random) -> Episode {
        let near_miss = random.happens(300_000);
        let mut script =
            Script { scene, at: scene.at, random, events: Vec::with_capacity(EPISODE_EVENTS_MAX) };
        let variant = match (kind, near_miss) {
            (FraudKind::CardTesting, false) => script.card_testing(),
            (FraudKind::CardTesting, true) => script.almost_card_testing(),
            (FraudKind::ImpossibleTravel, false) => script.impossible_travel(),
            (FraudKind::ImpossibleTravel, true) => script.almost_impossible_travel(),
            (FraudKind::UnconfirmedPinChange, false) => script.unconfirmed_pin_change(),
            (FraudKind::UnconfirmedPinChange, true) => script.almost_unconfirmed_pin_change(),
            (FraudKind::Velocity, false) => script.velocity(),
            (FraudKind::Velocity, true) => script.almost_velocity(),
        };
        let events = script.events;
        assert!((1..=EPISODE_EVENTS_MAX).contains(&events.len()), "an episode is a handful of events");
        let ends_at = events[events.len() - 1].at;
        Episode { kind, near_miss: variant, card: scene.card, events, ends_at }
    }

    /// Writes its label as a line of JSON.
    pub(super) fn write_label(&self, number: u64, out: &mut impl Write) -> io::Result<()> {
        let (kind, card) = (self.kind.name(), CardName(self.card));
        let (first_at, last_at) = (time(self.events[0].at), time(self.ends_at));
        write!(out, r#"{{"episode":{number},"kind":"{kind}","card":"{card}","first_at":"{first_at}","#)?;
        match self.near_miss {
            None => writeln!(out, r#""last_at":"{last_at}","near_miss":false}}"#),
            Some(why) => writeln!(out, r#""last_at":"{last_at}","near_miss":true,"variant":"{why}"}}"#),
        }
    }
}

/// What a script returns when it told the fraud itself.
const FRAUD: Option<&str> = None;

/// An episode being told, event by event.
struct Script<'a> {
    scene: Scene,
    /// The time of the event told last.
    at: i64,
    random: &'a mut Random,
    events: Vec<Event>,
}

impl Script<'_> {
    fn card_testing(&mut self) -> Option<&'static str> {
        let probes = self.random.between(3, 6);
        self.probes(probes);
        self.strike_after(10 * SECOND, 3 * MINUTE, 50_001, 300_000);
        FRAUD
    }

    fn almost_card_testing(&mut self) -> Option<&'static str> {
        match self.random.below(4) {
            0 => {
                self.probes(3);
                self.at = self.scene.at + 10 * MINUTE;
                self.strike_after(0, 5 * MINUTE, 50_001, 300_000);
                Some("the strike comes after the window")
            }
            1 => {
                self.probes(2);
                self.strike_after(10 * SECOND, 3 * MINUTE, 50_001, 300_000);
                Some("only two probes")
            }
            2 => {
                self.probes(4);
                self.strike_after(10 * SECOND, 3 * MINUTE, 45_000, 50_000);
                Some("the strike is not above 500.00")
            }
            _ => {
                self.strike_after(0, 0, 50_001, 300_000);
                self.at += 30 * SECOND;
                self.probes(4);
                Some("the strike comes first")
            }
        }
    }

    fn impossible_travel(&mut self) -> Option<&'static str> {
        self.use_here();
        self.use_abroad_after(5 * MINUTE, HOUR - 1);
        FRAUD
    }

    fn almost_impossible_travel(&mut self) -> Option<&'static str> {
        self.use_here();
        match self.random.below(2) {
            0 => {
                self.use_abroad_after(HOUR, 90 * MINUTE);
                Some("the second use comes after the window")
            }
            _ => {
                self.at += self.random.between(5 * MINUTE, 50 * MINUTE);
                self.use_here();
                Some("both uses are in one country")
            }
        }
    }

    fn unconfirmed_pin_change(&mut self) -> Option<&'static str> {
        self.bare(Kind::PinChange);
        for _ in 0..2 {
            self.at += self.random.between(5 * MINUTE, 8 * MINUTE);
            let amount = 1000 * self.random.between(20, 45);
            self.events.push(Event::withdrawal(self.at, self.scene.card, self.scene.place, amount));
        }
        FRAUD
    }

    fn almost_unconfirmed_pin_change(&mut self) -> Option<&'static str> {
        self.bare(Kind::PinChange);
        self.at += self.random.between(4 * MINUTE + 30 * SECOND, 5 * MINUTE - 1);
        self.bare(Kind::Login);
        Some("a login comes at the last moment")
    }

    fn velocity(&mut self) -> Option<&'static str> {
        self.purchases(9, 2 * SECOND, 13 * SECOND);
        FRAUD
    }

    fn almost_velocity(&mut self) -> Option<&'static str> {
        match self.random.below(2) {
            0 => {
                self.purchases(6, 24 * SECOND, 40 * SECOND);
                Some("six purchases in just over the window")
            }
            _ => {
                self.purchases(5, 2 * SECOND, 13 * SECOND);
                Some("only five purchases")
            }
        }
    }

    fn probes(&mut self, count: i64) {
        for _ in 0..count {
            let amount = self.random.between(50, 499);
            self.purchase(3, amount);
            // Slow enough that six of them are no `velocity`, fast enough for the window with the strike.
            self.at += self.random.between(25 * SECOND, MINUTE);
        }
    }

    fn strike_after(&mut self, soonest: i64, latest: i64, least: i64, most: i64) {
        self.at += self.random.between(soonest, latest);
        let amount = self.random.between(least, most);
        self.purchase(7, amount);
    }

    fn purchases(&mut self, count: usize, soonest: i64, latest: i64) {
        for number in 0..count {
            if number > 0 {
                self.at += self.random.between(soonest, latest);
            }
            let amount = self.random.cents_around(4000, 50).clamp(500, 40_000);
            self.purchase(3, amount);
        }
    }

    fn use_here(&mut self) {
        let amount = self.random.cents_around(3200, 75).clamp(500, 40_000);
        self.purchase(0, amount);
    }

    fn use_abroad_after(&mut self, soonest: i64, latest: i64) {
        self.at += self.random.between(soonest, latest);
        let amount = 1000 * self.random.between(10, 40);
        let other = self.random.between(1, COUNTRIES.len() as i64 - 1) as u8;
        let country = (self.scene.place + other) % COUNTRIES.len() as u8;
        self.events.push(Event::withdrawal(self.at, self.scene.card, country, amount));
    }

    fn bare(&mut self, kind: Kind) {
        self.events.push(Event::bare(self.at, self.scene.card, self.scene.place, kind));
    }

    fn purchase(&mut self, category: u8, amount: i64) {
        let merchant = Merchant { category, number: self.random.below(MERCHANTS_PER_CATEGORY) as u16 };
        self.events.push(Event::purchase(self.at, self.scene.card, self.scene.place, merchant, amount));
    }
}
