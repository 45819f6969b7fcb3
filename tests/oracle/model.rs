//! A program as the generator makes it and the shrinker takes it apart, and its text.
//!
//! This is not the syntax tree: conditions are lists of conjuncts in text, so that any one can be left out, and
//! there are no places.

use std::fmt::{self, Display, Formatter, Write as _};

/// Streams and patterns.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Program {
    /// The disorder of each of [`STREAMS`], in seconds.
    pub(crate) disorder: [i64; 2],
    pub(crate) patterns: Vec<Pattern>,
}

impl Program {
    /// Whether some pattern reads this one of [`STREAMS`].
    pub(crate) fn reads(&self, stream: usize) -> bool {
        let names = |pattern: &Pattern| pattern.sources.iter().any(|(name, _)| name == STREAMS[stream]);
        self.patterns.iter().any(names)
    }
}

/// The source streams. `n` numbers the events of a case, so that records tell them apart.
pub(crate) const STREAMS: [&str; 2] = ["s", "r"];

/// Fields that are in both streams: name and type.
pub(crate) const SHARED_FIELDS: [(&str, &str); 5] =
    [("n", "int"), ("k", "int?"), ("kind", "string"), ("v", "int?"), ("d", "decimal(2)?")];

/// A field that only the first stream has, and one that only the second has.
pub(crate) const OWN_FIELDS: [(&str, &str); 2] = [("x", "float?"), ("ok", "bool?")];

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pattern {
    pub(crate) name: String,
    /// Streams and their filters.
    pub(crate) sources: Vec<(String, Option<String>)>,
    /// `by …`; empty for one global key.
    pub(crate) keys: Vec<String>,
    pub(crate) mode: Mode,
    pub(crate) body: Vec<Element>,
    pub(crate) within: Option<i64>,
    pub(crate) having: Option<String>,
    pub(crate) skip: Option<String>,
    pub(crate) limit: Option<(i64, i64)>,
    /// How many, and the policy.
    pub(crate) keep: Option<(i64, &'static str)>,
    pub(crate) emit: Record,
    /// Whether `emit` is a tally.
    pub(crate) tally: bool,
    pub(crate) timeout: Option<Record>,
}

/// The `NAME { … }` of an `emit` or a `tally`.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Record {
    pub(crate) stream: String,
    pub(crate) entries: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    First,
    Longest,
    All,
}

/// A word and what it governs; the word of a body's first is not written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Element {
    pub(crate) word: &'static str,
    pub(crate) kind: Kind,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    Step(Step),
    Absence(Absence),
    Group(Group),
    Choice(Choice),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) repeat: Repeat,
    /// `strict`, `any` or nothing.
    pub(crate) contiguity: &'static str,
    /// `greedy`, `lazy` or nothing.
    pub(crate) greed: &'static str,
    pub(crate) stream: Option<&'static str>,
    pub(crate) conditions: Vec<String>,
    pub(crate) until: Option<String>,
    pub(crate) gap: Option<i64>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Absence {
    pub(crate) name: String,
    pub(crate) stream: Option<&'static str>,
    pub(crate) conditions: Vec<String>,
    pub(crate) wait: Option<i64>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Group {
    pub(crate) body: Vec<Element>,
    pub(crate) within: Option<i64>,
    pub(crate) repeat: Repeat,
    pub(crate) contiguity: &'static str,
    pub(crate) until: Option<String>,
    pub(crate) gap: Option<i64>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Choice {
    /// `one`, `each` or a number.
    pub(crate) kind: String,
    pub(crate) branches: Vec<Step>,
    pub(crate) contiguity: &'static str,
    pub(crate) gap: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Repeat {
    pub(crate) min: i64,
    pub(crate) max: Option<i64>,
}

impl Repeat {
    pub(crate) const ONCE: Repeat = Repeat { min: 1, max: Some(1) };

    /// Whether it can take more than one.
    pub(crate) fn loops(self) -> bool {
        self.max != Some(1)
    }

    /// Whether it can take more than its minimum.
    pub(crate) fn is_open(self) -> bool {
        self.max != Some(self.min)
    }
}

impl Element {
    /// Whether it can take no event.
    pub(crate) fn is_optional(&self) -> bool {
        match &self.kind {
            Kind::Step(step) => step.repeat.min == 0,
            Kind::Absence(_) => true,
            Kind::Group(group) => group.repeat.min == 0 || group.body.iter().all(Element::is_optional),
            Kind::Choice(_) => false,
        }
    }

    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.kind, Kind::Absence(_))
    }
}

impl Display for Repeat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (1, Some(1)) => Ok(()),
            (0, Some(1)) => f.write_str("?"),
            (0, None) => f.write_str("*"),
            (1, None) => f.write_str("+"),
            (n, None) => write!(f, "{{{n},}}"),
            (n, Some(m)) if n == m => write!(f, "{{{n}}}"),
            (n, Some(m)) => write!(f, "{{{n},{m}}}"),
        }
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, name) in STREAMS.iter().enumerate().filter(|(at, _)| self.reads(*at)) {
            writeln!(f, "stream {name} {{")?;
            for (field, ty) in SHARED_FIELDS.iter().chain([&OWN_FIELDS[at]]) {
                writeln!(f, "    {field} {ty}")?;
            }
            writeln!(f, "    ts timestamp\n    event time ts, disorder {}s\n}}\n", self.disorder[at])?;
        }
        for pattern in &self.patterns {
            writeln!(f, "{pattern}")?;
        }
        Ok(())
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "pattern {} {{", self.name)?;
        let source = |(stream, filter): &(String, Option<String>)| match filter {
            Some(filter) => format!("{stream} where {filter}"),
            None => stream.clone(),
        };
        write!(f, "    on {}", self.sources.iter().map(source).collect::<Vec<_>>().join(", "))?;
        if !self.keys.is_empty() {
            write!(f, " by {}", self.keys.join(", "))?;
        }
        let mode = match self.mode {
            Mode::First => "match",
            Mode::Longest => "match longest",
            Mode::All => "match all",
        };
        write!(f, "\n\n    {mode} ")?;
        body(f, &self.body, "\n    ")?;
        if let Some(within) = self.within {
            write!(f, "\n    within {within}s")?;
        }
        if let Some(having) = &self.having {
            write!(f, "\n    having {having}")?;
        }
        if let Some(skip) = &self.skip {
            write!(f, "\n    skip {skip}")?;
        }
        if let Some((count, per)) = self.limit {
            write!(f, "\n    limit {count} per {per}s")?;
        }
        if let Some((count, policy)) = self.keep {
            write!(f, "\n    keep {count} per key, {policy}")?;
        }
        match self.tally {
            true => write!(f, "\n\n    tally {}", self.emit)?,
            false => write!(f, "\n\n    emit {}", self.emit)?,
        }
        if let Some(record) = &self.timeout {
            write!(f, "\n    on timeout emit {record}")?;
        }
        f.write_str("\n}\n")
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> = self.entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
        write!(f, "{} {{ {} }}", self.stream, entries.join(", "))
    }
}

fn body(f: &mut Formatter<'_>, elements: &[Element], line: &str) -> fmt::Result {
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            write!(f, "{line}{} ", element.word)?;
        }
        match &element.kind {
            Kind::Step(step) => write!(f, "{step}")?,
            Kind::Absence(absence) => write!(f, "{absence}")?,
            Kind::Choice(choice) => write!(f, "{choice}")?,
            Kind::Group(group) => {
                let inner = format!("{line}    ");
                f.write_str("( ")?;
                body(f, &group.body, &inner)?;
                if let Some(within) = group.within {
                    write!(f, "{inner}within {within}s")?;
                }
                write!(f, " ){}{}", group.repeat, tail(group.contiguity, "", &group.until, group.gap))?;
            }
        }
    }
    Ok(())
}

/// What may follow a quantifier, conditions aside.
fn tail(contiguity: &str, greed: &str, until: &Option<String>, gap: Option<i64>) -> String {
    let mut text = String::new();
    for word in [contiguity, greed].iter().filter(|word| !word.is_empty()) {
        let _ = write!(text, " {word}");
    }
    if let Some(until) = until {
        let _ = write!(text, " until {until}");
    }
    if let Some(gap) = gap {
        let _ = write!(text, " gap {gap}s");
    }
    text
}

fn condition(f: &mut Formatter<'_>, stream: Option<&str>, conjuncts: &[String]) -> fmt::Result {
    if let Some(stream) = stream {
        write!(f, ": {stream}")?;
    }
    if !conjuncts.is_empty() {
        write!(f, " where {}", conjuncts.join(" and "))?;
    }
    Ok(())
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, self.repeat, tail(self.contiguity, self.greed, &None, None))?;
        condition(f, self.stream, &self.conditions)?;
        f.write_str(&tail("", "", &self.until, self.gap))
    }
}

impl Display for Absence {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.name)?;
        condition(f, self.stream, &self.conditions)?;
        match self.wait {
            Some(wait) => write!(f, " for {wait}s"),
            None => Ok(()),
        }
    }
}

impl Display for Choice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let branches: Vec<_> = self.branches.iter().map(Step::to_string).collect();
        write!(f, "{} of ({})", self.kind, branches.join(", "))?;
        f.write_str(&tail(self.contiguity, "", &None, self.gap))
    }
}
