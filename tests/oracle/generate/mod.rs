//! Random programs of the whole language, biased so that the checker takes most of them.

mod chains;
mod tallies;

use crate::conditions::{self, DERIVED_FIELDS, SOURCE_FIELDS, Site, Visible};
use crate::model::{
    Absence, Choice, Element, Group, Kind, Mode, Pattern, Program, Record, Repeat, STREAMS, Step,
};
use crate::random::Random;

/// Names for steps: none is a field, a stream or a word.
const NAMES: [&str; 16] = ["a", "b", "c", "e", "f", "g", "h", "i", "j", "l", "m", "o", "p", "q", "t", "u"];

/// A program with one pattern or two, where the second mostly reads what the first emits; or with a family.
pub(crate) fn program(random: &mut Random) -> Program {
    let disorder = [random.between(0, 4), random.between(0, 4)];
    if random.percent(14) {
        return Program { disorder, patterns: chains::family(random) };
    }
    let first = if random.percent(60) {
        chains::pattern(random, "first", "out")
    } else {
        pattern(random, "first", "out", None)
    };
    let mut patterns = vec![first];
    if random.percent(20) {
        let reads = random.percent(75).then(|| &patterns[0]);
        let output = if reads.is_none() && random.percent(30) { "out" } else { "more" };
        let second = pattern(random, "second", output, reads);
        patterns.push(second);
    }
    Program { disorder, patterns }
}

fn pattern(random: &mut Random, name: &str, output: &str, reads: Option<&Pattern>) -> Pattern {
    let (sources, keys) = sources(random, reads);
    let mut maker =
        Maker { random, sources: &sources, visible: Vec::new(), groups: Vec::new(), names: 0, loops: 0 };
    let length = maker.random.weighted(&[(1, 12), (2, 35), (3, 35), (4, 18)]);
    let mut body = maker.body(length, 0);
    maker.add_leading_absence(&mut body);
    let trailing = maker.add_trailing_absence(&mut body);
    let visible = maker.visible;

    let mode = mode(random, &body);
    let within = match mode {
        Mode::Longest => true,
        _ => trailing == Trailing::NeedsWithin || random.percent(55),
    };
    let within = within.then(|| random.between(2, 20));
    let open = last_is_open(&body);
    let having = match mode {
        Mode::First if open => conditions::having(random, &visible),
        _ if random.percent(12) => conditions::having(random, &visible),
        _ => None,
    };
    let skip = skip(random, mode, &visible);
    let limit = random.percent(10).then(|| (random.between(1, 2), random.between(3, 10)));
    let policies = [("drop oldest", 1), ("drop newest", 1)];
    let keep = random.percent(12).then(|| (random.between(1, 4), random.weighted(&policies)));
    let emit = record(output, &visible, &keys);
    let timeout = ((within.is_some() || has_gap(&body)) && random.percent(40))
        .then(|| record(&format!("lost_{output}"), &visible, &keys));
    let name = name.to_owned();
    let sources = sources.into_iter().map(|source| (source.stream, source.filter)).collect();
    let tally = false;
    let mut pattern =
        Pattern { name, sources, keys, mode, body, within, having, skip, limit, keep, emit, tally, timeout };
    if mode == Mode::All && trailing == Trailing::Nothing && random.percent(12) {
        tallies::tally(random, &mut pattern, &visible);
    }
    pattern
}

/// A stream that a pattern reads.
struct Source {
    stream: String,
    filter: Option<String>,
    /// Its place among [`STREAMS`]; of a derived stream none.
    known: Option<usize>,
}

fn sources(random: &mut Random, reads: Option<&Pattern>) -> (Vec<Source>, Vec<String>) {
    let mut sources = Vec::new();
    let known: &[usize] = match reads {
        Some(_) => random.weighted(&[(&[][..], 6), (&[0][..], 4)]),
        None => random.weighted(&[(&[0][..], 6), (&[0, 1][..], 4), (&[1][..], 1)]),
    };
    for at in known {
        let filter = random.percent(12).then(|| conditions::local(random, SOURCE_FIELDS));
        sources.push(Source { stream: STREAMS[*at].to_owned(), filter, known: Some(*at) });
    }
    let mut keyed = random.percent(75);
    if let Some(pattern) = reads {
        keyed &= !pattern.keys.is_empty();
        let from_timeouts = pattern.timeout.as_ref().filter(|_| random.percent(30));
        let stream = from_timeouts.unwrap_or(&pattern.emit).stream.clone();
        let filter = random.percent(10).then(|| conditions::local(random, DERIVED_FIELDS));
        sources.push(Source { stream, filter, known: None });
    }
    let keys = match keyed {
        false => Vec::new(),
        true if known.len() == 2 && random.percent(15) => vec!["s.k = r.k".to_owned()],
        true => vec!["k".to_owned()],
    };
    (sources, keys)
}

/// What a trailing absence asks of the pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trailing {
    Nothing,
    NeedsWithin,
}

/// Makes the body of one pattern.
struct Maker<'a> {
    random: &'a mut Random,
    sources: &'a [Source],
    /// The steps made so far.
    visible: Vec<Visible>,
    /// The looped groups around the place reached.
    groups: Vec<usize>,
    names: usize,
    loops: usize,
}

impl Maker<'_> {
    fn name(&mut self) -> String {
        self.names += 1;
        NAMES.get(self.names - 1).map_or_else(|| format!("step{}", self.names), |name| (*name).to_owned())
    }

    fn body(&mut self, length: usize, depth: usize) -> Vec<Element> {
        let mut body: Vec<Element> = Vec::new();
        for at in 0..length {
            if at > 0 && body.iter().any(|element| !element.is_optional()) && self.random.percent(12) {
                body.push(self.absence());
                if self.random.percent(15) {
                    body.push(self.absence());
                }
            }
            let word = self.random.weighted(&[("next", 3), ("then", 5), ("then any", 2)]);
            let kind = match self.random.below(100) {
                0..14 if depth < 2 => Kind::Group(self.group(depth)),
                14..25 => Kind::Choice(self.choice()),
                _ => Kind::Step(self.step()),
            };
            body.push(Element { word, kind });
        }
        drop_idle_absences(&mut body);
        body
    }

    fn step(&mut self) -> Step {
        let name = self.name();
        let repeat = self.repeat(50);
        let (stream, fields) = self.stream();
        let own = Visible {
            name: name.clone(),
            looped: repeat.loops(),
            optional: repeat.min == 0,
            groups: self.groups.clone(),
            fields,
        };
        let site = Site { own: Some(&own), before: &self.visible, groups: &self.groups, fields };
        let conditions = conditions::conjuncts(self.random, &site);
        let open_loop = repeat.loops() && repeat.is_open();
        let contiguity = self.contiguity(repeat);
        let greeds = [("", 70), ("greedy", 16), ("lazy", 14)];
        let greed = if open_loop && contiguity != "any" { self.random.weighted(&greeds) } else { "" };
        let until = (open_loop && self.random.percent(12)).then(|| conditions::local(self.random, fields));
        let gap = self.random.percent(7).then(|| self.random.between(1, 8));
        self.visible.push(own);
        Step { name, repeat, contiguity, greed, stream, conditions, until, gap }
    }

    fn repeat(&mut self, once: u64) -> Repeat {
        let low = self.random.between(1, 3);
        let high = low + self.random.between(1, 2);
        let some = |min, max| Repeat { min, max };
        self.random.weighted(&[
            (Repeat::ONCE, once),
            (some(0, Some(1)), 8),
            (some(1, None), 13),
            (some(0, None), 5),
            (some(low.max(2), Some(low.max(2))), 8),
            (some(low, Some(high)), 8),
            (some(low.max(2), None), 5),
            (some(0, Some(high)), 3),
        ])
    }

    fn contiguity(&mut self, repeat: Repeat) -> &'static str {
        if repeat.loops() { self.random.weighted(&[("", 6), ("strict", 2), ("any", 2)]) } else { "" }
    }

    /// Which stream a step is of, and the fields that its events then have.
    fn stream(&mut self) -> (Option<&'static str>, &'static [&'static str]) {
        let of = |source: &Source| match source.known {
            Some(at) => (STREAMS[at], SOURCE_FIELDS),
            None if source.stream == "out" => ("out", DERIVED_FIELDS),
            None => ("lost_out", DERIVED_FIELDS),
        };
        let mixed = self.sources.iter().any(|source| source.known.is_none());
        if self.sources.len() > 1 && (mixed || self.random.percent(60)) {
            let (stream, fields) = of(self.random.pick(self.sources));
            return (Some(stream), fields);
        }
        (None, of(&self.sources[0]).1)
    }

    fn absence(&mut self) -> Element {
        let name = self.name();
        let (stream, fields) = self.stream();
        let site = Site { own: None, before: &self.visible, groups: &self.groups, fields };
        let conditions = conditions::conjuncts(self.random, &site);
        let word = self.random.weighted(&[("next", 3), ("then", 7)]);
        Element { word, kind: Kind::Absence(Absence { name, stream, conditions, wait: None }) }
    }

    fn group(&mut self, depth: usize) -> Group {
        let mut repeat = self.repeat(35);
        repeat.max = repeat.max.map(|max| max.min(3));
        repeat.min = repeat.min.min(repeat.max.unwrap_or(2));
        let first_inside = self.visible.len();
        if repeat.loops() {
            self.loops += 1;
            self.groups.push(self.loops);
        }
        let length = self.random.weighted(&[(1, 30), (2, 50), (3, 20)]);
        let mut body = self.body(length, depth + 1);
        if repeat.loops() {
            self.groups.pop();
            if body.iter().all(Element::is_optional) {
                require_first(&mut body);
            }
        }
        for step in &mut self.visible[first_inside..] {
            step.optional |= repeat.min == 0;
        }
        let contiguity = self.contiguity(repeat);
        let open_loop = repeat.loops() && repeat.is_open();
        let (_, fields) = self.stream();
        let may_end = open_loop && self.sources.len() == 1;
        let until = (may_end && self.random.percent(10)).then(|| conditions::local(self.random, fields));
        let within = self.random.percent(15).then(|| self.random.between(2, 12));
        let gap = self.random.percent(7).then(|| self.random.between(1, 8));
        Group { body, within, repeat, contiguity, until, gap }
    }

    fn choice(&mut self) -> Choice {
        let count = self.random.between(2, 3);
        let kind = match self.random.below(3) {
            0 => "one".to_owned(),
            1 => "each".to_owned(),
            _ => self.random.between(1, count).to_string(),
        };
        let before = self.visible.clone();
        let mut branches = Vec::new();
        for _ in 0..count {
            let name = self.name();
            let (stream, fields) = self.stream();
            let site = Site { own: None, before: &before, groups: &self.groups, fields };
            let conditions = conditions::conjuncts(self.random, &site);
            let groups = self.groups.clone();
            let optional = kind != "each" && kind != count.to_string();
            self.visible.push(Visible { name: name.clone(), looped: false, optional, groups, fields });
            let (repeat, until, gap) = (Repeat::ONCE, None, None);
            branches.push(Step { name, repeat, contiguity: "", greed: "", stream, conditions, until, gap });
        }
        let several = kind != "one" && kind != "1";
        let contiguity =
            if several { self.random.weighted(&[("", 6), ("strict", 2), ("any", 2)]) } else { "" };
        let gap = self.random.percent(7).then(|| self.random.between(1, 8));
        Choice { kind, branches, contiguity, gap }
    }

    /// `match not a for D then …`, which may read the step after it.
    fn add_leading_absence(&mut self, body: &mut Vec<Element>) {
        if self.random.percent(8) {
            self.put_absence_first(body);
        }
    }

    fn put_absence_first(&mut self, body: &mut Vec<Element>) {
        if body[0].is_optional() {
            return;
        }
        let next = match &body[0].kind {
            Kind::Step(step) if !step.repeat.loops() => {
                self.visible.iter().find(|v| v.name == step.name).cloned()
            }
            _ => None,
        };
        let before: Vec<Visible> = next.into_iter().collect();
        let name = self.name();
        let (stream, fields) = self.stream();
        let site = Site { own: None, before: &before, groups: &[], fields };
        let conditions = conditions::conjuncts(self.random, &site);
        let wait = Some(self.random.between(1, 8));
        body[0].word = "then";
        body.insert(
            0,
            Element { word: "then", kind: Kind::Absence(Absence { name, stream, conditions, wait }) },
        );
    }

    fn add_trailing_absence(&mut self, body: &mut Vec<Element>) -> Trailing {
        if !self.random.percent(14) || body.iter().all(Element::is_optional) {
            return Trailing::Nothing;
        }
        let mut element = self.absence();
        let mut trailing = Trailing::Nothing;
        if let (Kind::Absence(absence), "then") = (&mut element.kind, element.word) {
            if self.random.percent(60) {
                absence.wait = Some(self.random.between(1, 10));
            } else {
                trailing = Trailing::NeedsWithin;
            }
        }
        body.push(element);
        trailing
    }
}

/// Absences that only optional steps follow are refused, and so is one at the end of a group.
fn drop_idle_absences(body: &mut Vec<Element>) {
    let last_required = body.iter().rposition(|element| !element.is_optional()).unwrap_or(0);
    let mut at = 0;
    body.retain(|element| {
        at += 1;
        !element.is_absence() || at - 1 < last_required
    });
}

/// A loop around what can be nothing is refused: the first element becomes required.
fn require_first(body: &mut [Element]) {
    match &mut body[0].kind {
        Kind::Step(step) => step.repeat.min = 1,
        Kind::Group(group) => {
            group.repeat.min = 1;
            require_first(&mut group.body);
        }
        Kind::Absence(_) | Kind::Choice(_) => {}
    }
}

fn mode(random: &mut Random, body: &[Element]) -> Mode {
    if last_is_open(body) {
        random.weighted(&[(Mode::All, 60), (Mode::Longest, 25), (Mode::First, 15)])
    } else {
        random.weighted(&[(Mode::All, 42), (Mode::Longest, 15), (Mode::First, 43)])
    }
}

/// Whether the last thing taken could be more than it must be.
fn last_is_open(body: &[Element]) -> bool {
    match body.iter().rev().map(|element| &element.kind).find(|kind| !matches!(kind, Kind::Absence(_))) {
        Some(Kind::Step(step)) => step.repeat.is_open(),
        Some(Kind::Group(group)) => group.repeat.is_open() || last_is_open(&group.body),
        _ => false,
    }
}

fn has_gap(body: &[Element]) -> bool {
    body.iter().any(|element| match &element.kind {
        Kind::Step(step) => step.gap.is_some(),
        Kind::Group(group) => group.gap.is_some() || has_gap(&group.body),
        Kind::Choice(choice) => choice.gap.is_some(),
        Kind::Absence(_) => false,
    })
}

fn skip(random: &mut Random, mode: Mode, visible: &[Visible]) -> Option<String> {
    if mode == Mode::Longest {
        return None;
    }
    let step = &random.pick(visible).name;
    match random.below(100) {
        0..10 if mode == Mode::All => Some("none".to_owned()),
        10..20 => Some("to next".to_owned()),
        20..32 => Some("past last".to_owned()),
        32..40 => Some(format!("to first {step}")),
        40..48 => Some(format!("to last {step}")),
        _ => None,
    }
}

/// A record that tells matches apart by the numbers of their events.
fn record(stream: &str, visible: &[Visible], keys: &[String]) -> Record {
    let mut entries = Vec::new();
    let mut last = String::new();
    for step in visible {
        let name = &step.name;
        let number = if step.fields == DERIVED_FIELDS { "last_n" } else { "n" };
        if step.many() {
            entries.push((format!("{name}_count"), format!("count({name})")));
            entries.push((format!("{name}_first"), format!("first({name}).{number}")));
            entries.push((format!("{name}_sum"), format!("sum({name}.{number})")));
            last = format!("last({name}).{number}");
        } else {
            entries.push((format!("{name}_n"), format!("{name}.{number}")));
            last = format!("{name}.{number}");
        }
    }
    let counts: Vec<_> = visible.iter().map(|step| format!("count({})", step.name)).collect();
    entries.push(("score".to_owned(), counts.join(" + ")));
    entries.push(("last_n".to_owned(), last));
    if !keys.is_empty() {
        entries.push(("k".to_owned(), "k".to_owned()));
    }
    Record { stream: stream.to_owned(), entries }
}
