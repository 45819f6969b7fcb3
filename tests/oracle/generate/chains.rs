//! Random patterns of the shapes that the specialised executors take: one step after another.

use super::{Maker, Source, record, sources};
use crate::conditions::{self, SOURCE_FIELDS, Site, Visible};
use crate::model::{Absence, Element, Group, Kind, Mode, Pattern, Repeat, Step};
use crate::random::Random;

/// The shapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `next` alone, with comparisons with what is held.
    Strict,
    /// `then any` alone, the last perhaps joined with the first.
    Joined,
    /// `then` alone, with absences and skip strategies.
    Plain,
    /// Any words and absences, for a tally.
    Tallied,
    /// `then`, and `next` at times, with comparisons with what is held.
    Compared,
    /// A loop of an open number, and a step behind it that reads it, under `match`.
    Looped,
}

/// A pattern of one of the shapes, over the source streams.
pub(super) fn pattern(random: &mut Random, name: &str, output: &str) -> Pattern {
    let shape = random.weighted(&[
        (Shape::Strict, 24),
        (Shape::Joined, 22),
        (Shape::Plain, 22),
        (Shape::Compared, 14),
        (Shape::Looped, 18),
        (Shape::Tallied, 25),
    ]);
    let (sources, keys) = sources(random, None);
    let mut maker =
        Maker { random, sources: &sources, visible: Vec::new(), groups: Vec::new(), names: 0, loops: 0 };
    let mut body = if shape == Shape::Looped { maker.looped() } else { maker.chain(shape) };
    let may_wait = matches!(shape, Shape::Plain | Shape::Compared);
    let waits_for_window = may_wait && maker.ends_with_absence(&mut body);
    if matches!(shape, Shape::Compared | Shape::Looped) && maker.random.percent(20) {
        maker.put_absence_first(&mut body);
    }
    let visible = maker.visible;
    let mode = match shape {
        Shape::Joined | Shape::Tallied => Mode::All,
        Shape::Looped => random.weighted(&[(Mode::All, 3), (Mode::First, 94), (Mode::Longest, 3)]),
        _ => random.weighted(&[(Mode::All, 60), (Mode::First, 40)]),
    };
    let skip = match shape {
        Shape::Joined | Shape::Tallied => random.percent(20).then(|| "none".to_owned()),
        Shape::Looped if mode == Mode::First => random.percent(25).then(|| "to next".to_owned()),
        Shape::Compared if mode == Mode::All => None,
        _ => super::skip(random, mode, &visible),
    };
    let within = (shape != Shape::Plain || waits_for_window || random.percent(80)).then(|| match shape {
        Shape::Strict => random.between(2, 12),
        _ => random.between(2, 20),
    });
    let emit = record(output, &visible, &keys);
    let is_of_starts = matches!(shape, Shape::Compared | Shape::Looped);
    let told = if is_of_starts { 30 } else { 10 };
    let timeout =
        (!matches!(shape, Shape::Strict | Shape::Joined) && within.is_some() && random.percent(told))
            .then(|| record(&format!("lost_{output}"), &visible, &keys));
    let having = match shape {
        Shape::Looped if super::last_is_open(&body) => conditions::having(random, &visible),
        Shape::Compared if random.percent(15) => conditions::having(random, &visible),
        _ => None,
    };
    let limit = random.percent(8).then(|| (random.between(1, 2), random.between(3, 10)));
    let policies = [("drop oldest", 1), ("drop newest", 1)];
    let keep =
        (is_of_starts && random.percent(12)).then(|| (random.between(1, 4), random.weighted(&policies)));
    let filters = sources.into_iter().map(|Source { stream, filter, .. }| (stream, filter)).collect();
    let mut pattern = Pattern {
        name: name.to_owned(),
        sources: filters,
        keys,
        mode,
        body,
        within,
        having,
        skip,
        limit,
        keep,
        emit,
        tally: false,
        timeout,
    };
    let share = match shape {
        Shape::Tallied => 100,
        Shape::Joined => 15,
        // What waits for a time at the end has no event that completes it.
        _ if pattern.mode == Mode::All && !pattern.body.last().is_some_and(Element::is_absence) => 10,
        _ => 0,
    };
    if random.percent(share) {
        super::tallies::tally(random, &mut pattern, &visible);
    }
    pattern
}

/// Some patterns that differ only in the numbers that they compare with.
pub(super) fn family(random: &mut Random) -> Vec<Pattern> {
    let (sources, keys) = sources(random, None);
    let mut maker =
        Maker { random, sources: &sources, visible: Vec::new(), groups: Vec::new(), names: 0, loops: 0 };
    let length = maker.random.between(2, 4);
    let mut body = Vec::new();
    let mut asked = Vec::new();
    for _ in 0..length {
        let name = maker.name();
        let (stream, fields) = maker.stream();
        let (looped, optional, groups) = (false, false, Vec::new());
        maker.visible.push(Visible { name: name.clone(), looped, optional, groups, fields });
        let count = if maker.random.percent(20) { 2 } else { 1 };
        let test = |random: &mut Random| (*random.pick(&["v", "v", "d"]), conditions::compare(random));
        asked.push((0..count).map(|_| test(maker.random)).collect::<Vec<_>>());
        let (repeat, conditions, until, gap) = (Repeat::ONCE, Vec::new(), None, None);
        let step = Step { name, repeat, contiguity: "", greed: "", stream, conditions, until, gap };
        body.push(Element { word: "then", kind: Kind::Step(step) });
    }
    let emit = record("out", &maker.visible, &keys);
    let base = Pattern {
        name: String::new(),
        sources: sources.into_iter().map(|source| (source.stream, source.filter)).collect(),
        keys,
        mode: Mode::All,
        body,
        within: Some(random.between(2, 20)),
        having: None,
        skip: None,
        limit: None,
        keep: None,
        emit,
        tally: false,
        timeout: None,
    };
    let rules = random.between(2, 5);
    (0..rules).map(|rule| member(random, &base, &asked, rule)).collect()
}

/// A pattern of a family, with numbers of its own.
fn member(random: &mut Random, base: &Pattern, asked: &[Vec<(&str, &str)>], rule: i64) -> Pattern {
    let mut pattern = Pattern { name: format!("rule_{rule}"), ..base.clone() };
    for (element, tests) in pattern.body.iter_mut().zip(asked) {
        if let Kind::Step(step) = &mut element.kind {
            let test = |(field, op): &(&str, &str)| format!("{field} {op} {}", random.between(0, 8));
            step.conditions = tests.iter().map(test).collect();
        }
    }
    pattern
}

impl Maker<'_> {
    fn chain(&mut self, shape: Shape) -> Vec<Element> {
        let length = match shape {
            Shape::Joined => self.random.between(2, 4),
            Shape::Tallied => self.random.weighted(&[(1, 4), (2, 36), (3, 40), (4, 20)]),
            _ => self.random.weighted(&[(1, 10), (2, 35), (3, 35), (4, 20)]),
        };
        let mut body = Vec::new();
        for at in 0..length {
            let absences =
                if matches!(shape, Shape::Plain | Shape::Compared | Shape::Tallied) { 25 } else { 0 };
            if at > 0 && self.random.percent(absences) {
                let absence = self.local_absence(None);
                body.push(Element { word: "then", kind: Kind::Absence(absence) });
            }
            let word = match shape {
                Shape::Strict => "next",
                Shape::Joined => "then any",
                Shape::Plain | Shape::Compared | Shape::Looped => "then",
                Shape::Tallied => self.random.weighted(&[("then any", 6), ("then", 3), ("next", 1)]),
            };
            let step = self.link(shape, at, length);
            let word = if shape == Shape::Compared && self.random.percent(20) { "next" } else { word };
            body.push(Element { word, kind: Kind::Step(step) });
        }
        if shape == Shape::Compared && length > 1 && self.random.percent(20) {
            self.enclose_last(&mut body);
        }
        body
    }

    /// Puts the last steps into a group with a window.
    fn enclose_last(&mut self, body: &mut Vec<Element>) {
        let is_step = |element: &Element| matches!(element.kind, Kind::Step(_));
        let from = body.iter().rposition(|element| !is_step(element)).map_or(0, |at| at + 1);
        let at = self.random.between(from as i64, body.len() as i64 - 1) as usize;
        let inside = body.split_off(at);
        let word = inside[0].word;
        let within = Some(self.random.between(2, 10));
        let repeat = Repeat::ONCE;
        let group = Group { body: inside, within, repeat, contiguity: "", until: None, gap: None };
        body.push(Element { word, kind: Kind::Group(group) });
    }

    /// Some steps, a loop, and mostly one step behind it.
    fn looped(&mut self) -> Vec<Element> {
        let mut body = Vec::new();
        let before = self.random.weighted(&[(0, 60), (1, 28), (2, 12)]);
        for at in 0..before {
            let step = self.link(Shape::Plain, at, before + 2);
            body.push(Element { word: "then", kind: Kind::Step(step) });
            if self.random.percent(15) {
                let absence = self.local_absence(None);
                body.push(Element { word: "then", kind: Kind::Absence(absence) });
            }
        }
        let is_last = self.random.percent(20);
        let step = self.open_loop(before > 0, is_last);
        body.push(Element { word: "then", kind: Kind::Step(step) });
        if is_last {
            return body;
        }
        if self.random.percent(20) {
            let absence = self.local_absence(None);
            body.push(Element { word: "then", kind: Kind::Absence(absence) });
        }
        let name = self.name();
        let (stream, fields) = self.stream();
        let mut conditions = Vec::new();
        if self.random.percent(75) {
            conditions.push(conditions::local(self.random, fields));
        }
        for _ in 0..self.random.weighted(&[(0, 35), (1, 50), (2, 15)]) {
            let own = self.visible.last().cloned();
            let before = own.filter(|_| self.random.percent(75));
            let before = before.as_ref().map_or(self.visible.as_slice(), std::slice::from_ref);
            let site = Site { own: None, before, groups: &[], fields };
            conditions.extend(conditions::held(self.random, &site));
        }
        let (looped, optional, groups) = (false, false, Vec::new());
        self.visible.push(Visible { name: name.clone(), looped, optional, groups, fields });
        let (repeat, until, gap) = (Repeat::ONCE, None, None);
        let step = Step { name, repeat, contiguity: "", greed: "", stream, conditions, until, gap };
        body.push(Element { word: "then", kind: Kind::Step(step) });
        body
    }

    fn open_loop(&mut self, may_be_empty: bool, is_last: bool) -> Step {
        let name = self.name();
        let (stream, fields) = self.stream();
        let least = if may_be_empty && !is_last { 0 } else { 1 };
        let min = self.random.weighted(&[(least, 40), (1, 20), (2, 25), (3, 15)]);
        let max = if self.random.percent(70) { None } else { Some(min.max(1) + self.random.between(0, 2)) };
        let repeat = Repeat { min, max };
        let looped = repeat.loops();
        let own = Visible { name: name.clone(), looped, optional: min == 0, groups: Vec::new(), fields };
        let mut conditions = Vec::new();
        if self.random.percent(80) {
            conditions.push(conditions::local(self.random, fields));
        }
        if looped && self.random.percent(25) {
            let site = Site { own: Some(&own), before: &self.visible, groups: &[], fields };
            conditions.extend(conditions::held(self.random, &site));
        }
        let greeds = [("", 70), ("greedy", 20), ("lazy", 10)];
        let is_open = looped && repeat.is_open();
        let greed = if is_open { self.random.weighted(&greeds) } else { "" };
        let until = (is_open && self.random.percent(20)).then(|| conditions::local(self.random, fields));
        self.visible.push(own);
        Step { name, repeat, contiguity: "", greed, stream, conditions, until, gap: None }
    }

    fn link(&mut self, shape: Shape, at: i64, length: i64) -> Step {
        let name = self.name();
        let (stream, fields) = self.stream();
        let is_end = at == 0 || at == length - 1;
        let may_loop = if shape == Shape::Joined { !is_end || self.random.percent(10) } else { true };
        let count = self.random.between(2, 3);
        let repeat = if may_loop && self.random.percent(22) {
            Repeat { min: count, max: Some(count) }
        } else {
            Repeat::ONCE
        };
        let contiguity = match shape {
            _ if !repeat.loops() => "",
            Shape::Strict => "strict",
            Shape::Joined => "any",
            Shape::Compared if self.random.percent(20) => "strict",
            Shape::Plain | Shape::Compared | Shape::Looped => "",
            Shape::Tallied => self.random.weighted(&[("", 2), ("any", 6), ("strict", 1)]),
        };
        let own = Visible {
            name: name.clone(),
            looped: repeat.loops(),
            optional: false,
            groups: Vec::new(),
            fields,
        };
        let share = match shape {
            Shape::Strict => 45,
            Shape::Joined | Shape::Compared => 55,
            Shape::Plain | Shape::Looped => 75,
            Shape::Tallied => 70,
        };
        let mut conditions = Vec::new();
        if self.random.percent(share) {
            conditions.push(conditions::local(self.random, fields));
        }
        if matches!(shape, Shape::Strict | Shape::Compared) && self.random.percent(55) {
            let site = Site { own: Some(&own), before: &self.visible, groups: &[], fields };
            conditions.extend(self.random.percent(70).then(|| compared(self.random, &site)).flatten());
            conditions
                .extend(self.random.percent(35).then(|| conditions::held(self.random, &site)).flatten());
        }
        if shape == Shape::Joined && at == length - 1 && self.random.percent(65) {
            let joins = if self.random.percent(15) { 2 } else { 1 };
            for _ in 0..joins {
                conditions.extend(joined(self.random, &self.visible[0]));
            }
        }
        self.visible.push(own);
        let gaps = if shape == Shape::Compared { 15 } else { 0 };
        let gap = self.random.percent(gaps).then(|| self.random.between(1, 8));
        Step { name, repeat, contiguity, greed: "", stream, conditions, until: None, gap }
    }

    /// A condition on an event of the last step alone, mostly.
    fn local_absence(&mut self, wait: Option<i64>) -> Absence {
        let name = self.name();
        let (stream, fields) = self.stream();
        let conditions = if self.random.percent(90) {
            vec![conditions::local(self.random, fields)]
        } else {
            let site = Site { own: None, before: &self.visible, groups: &[], fields };
            conditions::conjuncts(self.random, &site)
        };
        Absence { name, stream, conditions, wait }
    }

    /// Perhaps adds an absence at the end. Says whether it waits for the window.
    fn ends_with_absence(&mut self, body: &mut Vec<Element>) -> bool {
        if !self.random.percent(35) {
            return false;
        }
        let wait = self.random.percent(65).then(|| self.random.between(1, 10));
        let absence = self.local_absence(wait);
        body.push(Element { word: "then", kind: Kind::Absence(absence) });
        wait.is_none()
    }
}

/// A comparison of one field with that of one event held.
fn compared(random: &mut Random, site: &Site<'_>) -> Option<String> {
    let field = *random.pick(&["v", "v", "d", "kind"]);
    let op = match field {
        "kind" => random.weighted(&[("==", 2), ("!=", 4), ("<", 1)]),
        _ => conditions::compare(random),
    };
    if let Some(own) = site.own.filter(|own| own.looped)
        && (site.before.is_empty() || random.percent(60))
    {
        return Some(match random.below(4) {
            0 => format!("{field} {op} first({}).{field}", own.name),
            _ => format!("{field} {op} prev({field})"),
        });
    }
    if site.before.is_empty() {
        return None;
    }
    let step = random.pick(site.before);
    let name = &step.name;
    let theirs = match random.below(4) {
        _ if !step.looped => format!("{name}.{field}"),
        0 => format!("first({name}).{field}"),
        1 => format!("{name}[{}].{field}", random.between(-2, 2)),
        _ => format!("last({name}).{field}"),
    };
    let is_mirrored = random.percent(25);
    Some(if is_mirrored { format!("{theirs} {op} {field}") } else { format!("{field} {op} {theirs}") })
}

/// Equality with the first step.
fn joined(random: &mut Random, first: &Visible) -> Option<String> {
    let field = *random.pick(&["v", "d", "kind", "kind"]);
    let name = &first.name;
    if first.looped || !first.fields.contains(&field) || first.fields != SOURCE_FIELDS {
        return None;
    }
    Some(if random.percent(80) {
        format!("{field} == {name}.{field}")
    } else {
        format!("{name}.{field} == {field}")
    })
}
