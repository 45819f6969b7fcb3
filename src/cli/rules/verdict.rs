//! What has become of the patterns of a state, and what is to be done about each. Decides only; nothing is read or
//! changed here.

use crate::engine::{PatternShape, UnitShape};
use crate::matcher::Class;

/// What has become of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Change {
    /// It is what it was.
    Unchanged,
    /// It is another one.
    Changed,
    /// It was not there.
    New,
    /// It is not there any more.
    Removed,
    /// It was changed or taken away before, and finishes what is open.
    Draining,
}

impl Change {
    /// As it stands in answers.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Change::Unchanged => "unchanged",
            Change::Changed => "changed",
            Change::New => "new",
            Change::Removed => "removed",
            Change::Draining => "draining",
        }
    }
}

/// What is held of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::cli) struct Holding {
    /// Open partial matches, by their first events.
    pub(in crate::cli) open: u64,
    /// Keys with a record; of a family those of all its patterns.
    pub(in crate::cli) keys: u64,
    /// Matches that are found and not told yet.
    pub(in crate::cli) found: u64,
    /// Whether it is one of a family, so that its keys are not its own.
    pub(in crate::cli) is_shared: bool,
}

impl Holding {
    /// Whether there is nothing that could be lost.
    fn is_nothing(self) -> bool {
        self.open == 0 && self.found == 0 && (self.is_shared || self.keys == 0)
    }
}

/// A pattern of a state, or of the program that is to take it, or of both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Compared {
    /// Its name.
    pub(in crate::cli) name: String,
    /// What has become of it.
    pub(in crate::cli) change: Change,
    /// What differs.
    pub(in crate::cli) differences: Vec<String>,
    /// Where its state is: the place of its unit, and its place there.
    pub(in crate::cli) place: Option<(usize, usize)>,
    /// What is held of it.
    pub(in crate::cli) holding: Holding,
}

/// Compares the patterns of a state with those of a program. `executor` is the class that is asked for.
pub(in crate::cli) fn compare(
    units: &[UnitShape],
    patterns: &[PatternShape],
    executor: Option<Class>,
) -> Vec<Compared> {
    let mut all = Vec::new();
    for (at, unit) in units.iter().enumerate() {
        for (member, old) in unit.patterns.iter().enumerate() {
            let (change, differences) = match patterns.iter().find(|new| new.name == old.name) {
                _ if old.drains => (Change::Draining, Vec::new()),
                None => (Change::Removed, Vec::new()),
                Some(new) if !new.is_same(old) => {
                    (Change::Changed, new.differences(old).map(str::to_owned).collect())
                }
                Some(_) if executor.is_some_and(|class| class != unit.class) => {
                    (Change::Changed, vec![format!("its class, which was `{}`", unit.class)])
                }
                Some(_) => (Change::Unchanged, Vec::new()),
            };
            let place = Some((at, member));
            let (name, holding) = (old.name.clone(), Holding::default());
            all.push(Compared { name, change, differences, place, holding });
        }
    }
    for new in patterns {
        let was_there = |one: &Compared| one.name == new.name && one.change != Change::Draining;
        if !all.iter().any(was_there) {
            let (name, holding) = (new.name.clone(), Holding::default());
            all.push(Compared { name, change: Change::New, differences: Vec::new(), place: None, holding });
        }
    }
    all
}

/// What may be done with the state of a pattern that has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Changed {
    /// The old pattern finishes what is open, beside the new one.
    Drain,
    /// What is open is dropped.
    Reset,
}

/// What is asked for: for all patterns, or for one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Wish {
    pub(in crate::cli) pattern: Option<String>,
    pub(in crate::cli) changed: Changed,
}

impl Wish {
    /// `drain`, `reset`, `PATTERN=drain` or `PATTERN=reset`.
    pub(in crate::cli) fn parse(text: &str) -> Result<Wish, String> {
        let (pattern, word) = match text.split_once('=') {
            Some((pattern, word)) => (Some(pattern.to_owned()), word),
            None => (None, text),
        };
        let changed = match word {
            "drain" => Changed::Drain,
            "reset" => Changed::Reset,
            _ => return Err("write drain, reset, PATTERN=drain or PATTERN=reset".to_owned()),
        };
        Ok(Wish { pattern, changed })
    }
}

/// What is done with a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Action {
    /// Its state is taken.
    Keep,
    /// It begins without state.
    Begin,
    /// The old one finishes what is open.
    Drain,
    /// What is open of the old one is dropped.
    Reset,
    /// There is nothing of it left.
    Forget,
    /// Somebody has to say.
    Ask,
}

/// What is to be done with a pattern of a state.
pub(in crate::cli) fn decide(one: &Compared, wishes: &[Wish]) -> Action {
    match one.change {
        Change::Unchanged => Action::Keep,
        Change::New => Action::Begin,
        Change::Draining if one.holding.keys == 0 && one.holding.found == 0 => Action::Forget,
        Change::Draining => Action::Drain,
        Change::Changed | Change::Removed => {
            let of_it = wishes.iter().rev().find(|wish| wish.pattern.as_ref() == Some(&one.name));
            let of_all = || wishes.iter().rev().find(|wish| wish.pattern.is_none());
            match of_it.or_else(of_all).map(|wish| wish.changed) {
                _ if one.holding.is_nothing() => Action::Forget,
                Some(Changed::Drain) => Action::Drain,
                Some(Changed::Reset) => Action::Reset,
                None => Action::Ask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(name: &str, steps: u64) -> PatternShape {
        let parts = vec![("its key".to_owned(), 1), ("its steps".to_owned(), steps)];
        PatternShape { name: name.to_owned(), drains: false, parts }
    }

    fn unit(number: u32, patterns: &[PatternShape]) -> UnitShape {
        UnitShape { number, class: Class::Queues, patterns: patterns.to_vec() }
    }

    #[test]
    fn patterns_are_known_by_name_and_shape_wherever_they_stand() {
        let ghost = PatternShape { drains: true, ..shape("b", 9) };
        let units = [unit(4, &[shape("a", 1)]), unit(2, &[shape("b", 1), shape("c", 1)]), unit(7, &[ghost])];
        let now = [shape("d", 1), shape("b", 2), shape("a", 1)];
        let found: Vec<(String, Change)> =
            compare(&units, &now, None).into_iter().map(|one| (one.name, one.change)).collect();
        let expected = [
            ("a", Change::Unchanged),
            ("b", Change::Changed),
            ("c", Change::Removed),
            ("b", Change::Draining),
            ("d", Change::New),
        ];
        assert_eq!(found, expected.map(|(name, change)| (name.to_owned(), change)));
        assert_eq!(compare(&units, &now, None)[1].differences, ["its steps"]);
        let asked = compare(&units, &now, Some(Class::Runs));
        assert_eq!((asked[0].change, asked[0].differences.len()), (Change::Changed, 1));
    }

    #[test]
    fn nothing_is_lost_without_being_asked_for() {
        let holding = |open, keys| Holding { open, keys, ..Holding::default() };
        let one = |change, holding| Compared {
            name: "p".to_owned(),
            change,
            differences: Vec::new(),
            place: Some((0, 0)),
            holding,
        };
        let wish = |text| Wish::parse(text).expect(text);
        let changed = one(Change::Changed, holding(1, 1));
        assert_eq!(decide(&changed, &[]), Action::Ask);
        assert_eq!(decide(&changed, &[wish("drain")]), Action::Drain);
        assert_eq!(decide(&changed, &[wish("p=reset"), wish("drain")]), Action::Reset);
        assert_eq!(decide(&changed, &[wish("q=reset")]), Action::Ask);
        assert_eq!(decide(&one(Change::Removed, holding(0, 0)), &[]), Action::Forget);
        // What `limit` remembers is something.
        assert_eq!(decide(&one(Change::Removed, holding(0, 1)), &[]), Action::Ask);
        assert_eq!(decide(&one(Change::Unchanged, holding(0, 0)), &[wish("reset")]), Action::Keep);
        assert_eq!(decide(&one(Change::Draining, holding(0, 1)), &[]), Action::Drain);
        assert_eq!(decide(&one(Change::Draining, holding(0, 0)), &[]), Action::Forget);
        for text in ["", "keep", "p=", "p=keep"] {
            assert!(Wish::parse(text).is_err(), "{text}");
        }
    }
}
