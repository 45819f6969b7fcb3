//! One generated event, and how it is written.

use std::io::{self, Write};

use super::world::{CATEGORIES, COUNTRIES, Merchant};
use crate::time::EventTime;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Purchase,
    Withdrawal,
    Refund,
    Login,
    PinChange,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Purchase => "purchase",
            Kind::Withdrawal => "withdrawal",
            Kind::Refund => "refund",
            Kind::Login => "login",
            Kind::PinChange => "pin_change",
        }
    }
}

/// An event of the stream `transactions` of `patterns/streams.cep`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Event {
    /// Event time, in milliseconds since 1970.
    pub(super) at: i64,
    pub(super) card: u32,
    pub(super) kind: Kind,
    /// In cents; a login and a PIN change have none.
    pub(super) amount: Option<i64>,
    /// A place in [`COUNTRIES`].
    pub(super) country: u8,
    pub(super) merchant: Option<Merchant>,
}

impl Event {
    /// A use at a shop.
    pub(super) fn purchase(at: i64, card: u32, country: u8, merchant: Merchant, amount: i64) -> Event {
        Event { at, card, kind: Kind::Purchase, amount: Some(amount), country, merchant: Some(merchant) }
    }

    /// A use at a cash machine.
    pub(super) fn withdrawal(at: i64, card: u32, country: u8, amount: i64) -> Event {
        Event { at, card, kind: Kind::Withdrawal, amount: Some(amount), country, merchant: None }
    }

    /// A login or a PIN change.
    pub(super) fn bare(at: i64, card: u32, country: u8, kind: Kind) -> Event {
        Event { at, card, kind, amount: None, country, merchant: None }
    }

    /// Writes it as a line of JSON. What an event does not have is left out.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let country = COUNTRIES[usize::from(self.country)].code;
        write!(
            out,
            r#"{{"card":"{}","at":"{}","kind":"{}""#,
            CardName(self.card),
            time(self.at),
            self.kind.name()
        )?;
        if let Some(cents) = self.amount {
            write!(out, r#","amount":{}.{:02}"#, cents / 100, cents % 100)?;
        }
        write!(out, r#","country":"{country}""#)?;
        if let Some(Merchant { category, number }) = self.merchant {
            let category = &CATEGORIES[usize::from(category)];
            let (name, present) = (category.name, category.present);
            write!(out, r#","merchant":"{name}-{number:04}","category":"{name}","present":{present}"#)?;
        }
        out.write_all(b"}\n")
    }

    /// Writes it as a row under the [`header`]. What an event does not have is left empty.
    pub(super) fn write_row(&self, out: &mut impl Write, separator: char) -> io::Result<()> {
        let s = separator;
        write!(out, "{}{s}{}{s}{}{s}", CardName(self.card), time(self.at), self.kind.name())?;
        if let Some(cents) = self.amount {
            write!(out, "{}.{:02}", cents / 100, cents % 100)?;
        }
        write!(out, "{s}{}{s}", COUNTRIES[usize::from(self.country)].code)?;
        match self.merchant {
            Some(Merchant { category, number }) => {
                let category = &CATEGORIES[usize::from(category)];
                let (name, present) = (category.name, category.present);
                writeln!(out, "{name}-{number:04}{s}{name}{s}{present}")
            }
            None => writeln!(out, "{s}{s}"),
        }
    }
}

/// The first line of a file with columns.
pub(super) fn header(separator: char) -> String {
    let columns = ["card", "at", "kind", "amount", "country", "merchant", "category", "present"];
    columns.join(&separator.to_string()) + "\n"
}

/// A card's name as it is written everywhere.
pub(super) struct CardName(pub(super) u32);

impl std::fmt::Display for CardName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c{:06}", self.0)
    }
}

/// A time as it is written everywhere.
pub(super) fn time(millis: i64) -> EventTime {
    EventTime::from_millis(millis)
}
