//! The checked program: small, resolved, typed. What later layers read instead of the syntax tree.
//!
//! Everything refers to everything else by id. Nothing here can be wrong: what cannot be honoured was refused by
//! the checker.

use jiff::tz::TimeZone;
use regex::Regex;

pub use super::ast::{CompareOp, KeepPolicy, Mode};
use crate::event::{PatternId, SlotId, StepId, StreamId, Type, Value};
use crate::time::Duration;

/// A whole program: the streams, patterns and tests of all its files.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Source streams in file order, then derived streams, inputs before what is made of them.
    pub streams: Vec<Stream>,
    /// Patterns in file order.
    pub patterns: Vec<Pattern>,
    /// Tests in file order.
    pub tests: Vec<Test>,
}

impl Program {
    /// A stream.
    pub fn stream(&self, id: StreamId) -> &Stream {
        &self.streams[id.index()]
    }

    /// A pattern.
    pub fn pattern(&self, id: PatternId) -> &Pattern {
        &self.patterns[id.index()]
    }

    /// The stream of this name.
    pub fn stream_named(&self, name: &str) -> Option<StreamId> {
        self.streams.iter().position(|stream| stream.name == name).map(|at| StreamId(at as u32))
    }

    /// The pattern of this name.
    pub fn pattern_named(&self, name: &str) -> Option<PatternId> {
        self.patterns.iter().position(|pattern| pattern.name == name).map(|at| PatternId(at as u32))
    }
}

/// A stream of events.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// What its doc comment says.
    pub doc: Option<String>,
    /// Its fields. A derived stream starts with `at`, `pattern` and `id`, in this order.
    pub fields: Vec<Field>,
    /// Where its events come from.
    pub origin: Origin,
}

/// Where the events of a stream come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A binding.
    Source {
        /// The field that is the event time.
        time_field: usize,
        /// How far an event may lie before the newest of its partition.
        disorder: Duration,
        /// When a silent partition of an unbounded source stops counting.
        idle: Option<Duration>,
    },
    /// The records that patterns emit.
    Derived {
        /// Which patterns do.
        patterns: Vec<PatternId>,
        /// 0 where these read only sources, else one more than the highest level they read.
        level: u32,
    },
}

/// The fields every derived stream starts with.
pub const DERIVED_FIELDS: usize = 3;

/// A field of a stream.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What its doc comment says.
    pub doc: Option<String>,
    /// Its type.
    pub ty: Type,
    /// Whether it may be missing or null.
    pub nullable: bool,
    /// Where it stands in the input: the members to go through, the name alone by default. In a file with columns they
    /// are one name, with dots between.
    pub path: Vec<String>,
    /// How it is written there.
    pub form: Form,
}

/// How a value is written in the input, where that is not as always.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Form {
    /// As JSON lines have it.
    #[default]
    Plain,
    /// Time in a calendar: a format of `strftime`, and the zone of what names no other.
    Calendar(String, TimeZone),
    /// A number of so many nanoseconds each since 1970.
    Units(i64),
    /// A number with a mark between groups of three digits, and this one before its fraction.
    Number {
        /// What stands between thousands.
        group: char,
        /// What stands before the fraction.
        point: char,
    },
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Its id, its place in file order.
    pub id: PatternId,
    /// Its name.
    pub name: String,
    /// What its doc comment says.
    pub doc: Option<String>,
    /// `meta`, as written.
    pub meta: Vec<(String, Value)>,
    /// 0 where it reads only source streams, else one more than the highest derived level it reads.
    pub level: u32,
    /// The streams it reads, in the order of [`Program::streams`].
    pub sources: Vec<Source>,
    /// Its key; empty for one global key.
    pub keys: Vec<KeyPart>,
    /// The fields it reads of its events.
    pub slots: Vec<Slot>,
    /// Its steps, absences and branches, in the order written.
    pub steps: Vec<Step>,
    /// The looped or windowed groups, in the order written. Indexed by [`GroupId`].
    pub groups: Vec<GroupInfo>,
    /// The body, in order.
    pub body: Vec<Node>,
    /// Which matches come out.
    pub mode: Mode,
    /// Where to go on after a match. `None` only with [`Mode::All`].
    pub skip: Skip,
    /// The longest a match may last: last − first is less.
    pub within: Option<Duration>,
    /// The condition on the whole match.
    pub having: Option<Expr>,
    /// At most so many matches per key in so much event time.
    pub limit: Option<Limit>,
    /// At most so many starts with live runs per key.
    pub keep: Option<Keep>,
    /// What a match emits; with a tally, what it emits.
    pub emits: Vec<Emit>,
    /// What is told of the matches that one event completes, where they are not told one by one.
    pub tally: Option<Tally>,
    /// What a timeout emits.
    pub timeout_emits: Vec<Emit>,
    /// Whether it begins nothing any more, and only finishes what is open: what is left of a rule that was changed.
    pub drains: bool,
    /// Where and how its parts are written, for people.
    pub written: Written,
}

impl Pattern {
    /// A step.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.index()]
    }

    /// How often a step of its body is to come; `None` of an absence, or a branch of a choice.
    pub fn repeat(&self, id: StepId) -> Option<Repeat> {
        fn find(body: &[Node], id: StepId) -> Option<Repeat> {
            body.iter().find_map(|node| match node {
                Node::Step(node) => (node.step == id).then_some(node.repeat),
                Node::Group(node) => find(&node.body, id),
                Node::Absence(_) | Node::Choice(_) => None,
            })
        }
        find(&self.body, id)
    }

    /// Its name where it may stand beside a newer pattern of the same name.
    pub fn title(&self) -> String {
        if self.drains { format!("{} (draining)", self.name) } else { self.name.clone() }
    }

    /// The index among [`Pattern::sources`] of a stream that it reads.
    pub fn source_of(&self, stream: StreamId) -> Option<usize> {
        self.sources.iter().position(|source| source.stream == stream)
    }
}

/// Where and how the parts of a pattern are written: for people, nothing that it finds depends on it.
///
/// It is shown as nothing by `Debug`, so that patterns which differ in nothing else look the same.
#[derive(Clone, Default)]
pub struct Written {
    /// The path of its file.
    pub path: String,
    /// The line of its name.
    pub line: usize,
    /// For each of [`Pattern::sources`] its `where`.
    pub filters: Vec<Option<Clause>>,
    /// For each of [`Pattern::steps`].
    pub steps: Vec<WrittenStep>,
    /// For each group of the body, in the order written, also those that are not among [`Pattern::groups`].
    pub groups: Vec<WrittenGroup>,
    /// The line of `within`.
    pub within: Option<usize>,
    /// `having`, that of a tally too.
    pub having: Option<Clause>,
    /// The line of `limit`.
    pub limit: Option<usize>,
    /// The line of the first `on timeout emit`.
    pub timeout: Option<usize>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Written")
    }
}

/// A condition as it is written.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Its line.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// A step as it is written.
#[derive(Clone, Debug)]
pub struct WrittenStep {
    /// The line of its name.
    pub line: usize,
    /// The line of each part of its condition.
    pub conditions: Vec<usize>,
    /// Its `until`.
    pub until: Option<Clause>,
}

/// A group as it is written.
#[derive(Clone, Debug)]
pub struct WrittenGroup {
    /// Its line.
    pub line: usize,
    /// Its `until`.
    pub until: Option<Clause>,
}

/// A stream that a pattern reads.
#[derive(Clone, Debug)]
pub struct Source {
    /// The stream.
    pub stream: StreamId,
    /// Which of its events count for this pattern; reads only the candidate's slots.
    pub filter: Option<Expr>,
    /// For each slot of the pattern the field of this stream, where it has it.
    pub fields: Vec<Option<usize>>,
    /// For each part of the key the field of this stream.
    pub keys: Vec<usize>,
}

/// A part of the key.
#[derive(Clone, Debug)]
pub struct KeyPart {
    /// Its name in `emit`: the leftmost field's.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A field that a pattern reads, of whichever of its streams has it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The field's name.
    pub name: String,
    /// Its type, the same in all streams that have it.
    pub ty: Type,
    /// Whether it is the event time in every stream that the pattern reads.
    pub is_event_time: bool,
}

/// A step, an absence, or a branch of a choice: what an event must fit.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Which of [`Pattern::sources`] its events may be of; indexes, ascending.
    pub sources: Vec<usize>,
    /// The conjuncts of its condition. All must be true.
    pub conditions: Vec<Conjunct>,
    /// The text of its condition, for people.
    pub text: String,
    /// Whether a match may hold several events of it: it loops, or a group around it does.
    pub many: bool,
    /// Whether it is an absence.
    pub absent: bool,
    /// The innermost group around it that loops or has a window.
    pub group: Option<GroupId>,
}

/// One part of a condition, all parts joined by `and`.
#[derive(Clone, Debug)]
pub struct Conjunct {
    /// What must be true.
    pub expr: Expr,
    /// Its text, for people.
    pub text: String,
    /// Whether it reads only the candidate.
    pub local: bool,
    /// Whether it does not bind while its own step has no event: it reads the loop's own events.
    pub waived_while_empty: bool,
}

/// A group that loops or has a window, among [`Pattern::groups`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

/// What is to be known of a group while it is matched.
#[derive(Clone, Debug)]
pub struct GroupInfo {
    /// The next group around it that loops or has a window.
    pub parent: Option<GroupId>,
    /// The longest one iteration may last: its last event − its first is less.
    pub within: Option<Duration>,
    /// Ends the loop. Reads the candidate, and what is held.
    pub until: Option<Expr>,
    /// Whether it loops.
    pub looped: bool,
}

/// The word that governs the way to something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The very next event of the key.
    Next,
    /// The first later event that fits.
    Then,
    /// Any later event that fits.
    ThenAny,
}

/// A part of a pattern's body.
#[derive(Clone, Debug)]
pub enum Node {
    /// A step.
    Step(StepNode),
    /// An absence.
    Absence(AbsenceNode),
    /// A group.
    Group(GroupNode),
    /// A choice.
    Choice(ChoiceNode),
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repeat {
    /// At least; may be 0.
    pub min: u32,
    /// At most, at least 1; `None` is any number.
    pub max: Option<u32>,
}

impl Repeat {
    /// Exactly once.
    pub const ONCE: Repeat = Repeat { min: 1, max: Some(1) };

    /// Whether it can take more than one.
    pub fn loops(self) -> bool {
        self.max != Some(1)
    }
}

/// What a loop prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greed {
    /// Nothing.
    Even,
    /// Keep taking while it fits.
    Greedy,
    /// Leave as soon as the next step fits.
    Lazy,
}

/// A step in the body.
#[derive(Clone, Debug)]
pub struct StepNode {
    /// Which.
    pub step: StepId,
    /// The word before it. Of the first node of a body it says nothing: [`Word::Then`].
    pub word: Word,
    /// How often.
    pub repeat: Repeat,
    /// The word between repetitions.
    pub between: Word,
    /// What the loop prefers.
    pub greed: Greed,
    /// Ends the loop. Reads the candidate, and what is held.
    pub until: Option<Expr>,
    /// Each event it takes comes less than this after the event taken before it.
    pub gap: Option<Duration>,
}

/// An absence in the body.
#[derive(Clone, Debug)]
pub struct AbsenceNode {
    /// What must not come.
    pub step: StepId,
    /// Whether only the very next event counts (`next not`).
    pub next: bool,
    /// `for D`: only on a leading or a last absence.
    pub wait: Option<Duration>,
}

/// A group in the body.
#[derive(Clone, Debug)]
pub struct GroupNode {
    /// What is inside, at least one node that takes an event.
    pub body: Vec<Node>,
    /// The word before it.
    pub word: Word,
    /// How often. Where it loops, the body cannot match nothing.
    pub repeat: Repeat,
    /// The word between repetitions.
    pub between: Word,
    /// Its entry among [`Pattern::groups`], where it loops, or has `within`.
    pub group: Option<GroupId>,
    /// Each event it takes comes less than this after the event taken before it.
    pub gap: Option<Duration>,
}

/// A choice in the body.
#[derive(Clone, Debug)]
pub struct ChoiceNode {
    /// The branches, as written.
    pub branches: Vec<StepId>,
    /// The word before it.
    pub word: Word,
    /// How many different branches are taken; `None` is `one of`, where an event that fits several takes the first
    /// written.
    pub take: Option<u32>,
    /// The word between the branches taken.
    pub between: Word,
    /// Each event it takes comes less than this after the event taken before it.
    pub gap: Option<Duration>,
}

/// Where to go on after a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skip {
    /// Everywhere.
    None,
    /// After its first event.
    ToNext,
    /// After its last event.
    PastLast,
    /// At its first event of a step.
    ToFirst(StepId),
    /// At its last event of a step.
    ToLast(StepId),
}

/// `limit 1 per 1h`.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// At most so many, at least 1.
    pub count: u32,
    /// In so much event time.
    pub per: Duration,
}

/// `keep 1000 per key, drop oldest`.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// At most so many starts, at least 1.
    pub count: u32,
    /// What happens then.
    pub policy: KeepPolicy,
}

/// `emit NAME { … }`.
#[derive(Clone, Debug)]
pub struct Emit {
    /// The output stream.
    pub stream: StreamId,
    /// The field of that stream and its value.
    pub fields: Vec<(usize, Expr)>,
}

/// `tally NAME { … }`: of all matches that one event completes comes one record, made of aggregates over them, parts
/// of the key, and fields of that event.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What [`Expr::Tallied`] counts through.
    pub aggregates: Vec<Tallied>,
    /// The condition on the record.
    pub having: Option<Expr>,
}

/// An aggregate over all matches that one event completes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tallied {
    /// How many matches.
    Count,
    /// Over a field of the events that they hold for a step: an event counts once for each match that holds it.
    Over(Aggregate, StepId, SlotId),
}

/// An expression. Numbers of different types are brought together when it is evaluated; the checker has seen that
/// they can be.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A constant.
    Const(Value),
    /// A field of the candidate event.
    Field(SlotId),
    /// A part of the key.
    Key(usize),
    /// A field of an event that the run holds; null where there is none.
    Held {
        /// Of this step.
        step: StepId,
        /// Which of its events.
        pick: Pick,
        /// The field.
        slot: SlotId,
    },
    /// Whether the run holds an event of the step.
    IsTaken(StepId),
    /// An aggregate over the events of a step that the run holds.
    Aggregate {
        /// Which.
        function: Aggregate,
        /// Of this step.
        step: StepId,
        /// The field; `None` only for `count(step)`.
        slot: Option<SlotId>,
    },
    /// One of [`Tally::aggregates`].
    Tallied(usize),
    /// Whether a value is among those of a field of all events of a step. Unknown as in SQL.
    IsAmong {
        /// What is looked for.
        item: Box<Expr>,
        /// Among the events of this step.
        step: StepId,
        /// The field.
        slot: SlotId,
    },
    /// Kleene's not.
    Not(Box<Expr>),
    /// Kleene's and, of any number.
    And(Vec<Expr>),
    /// Kleene's or, of any number.
    Or(Vec<Expr>),
    /// A comparison.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// Low, item and high, in this order: `low <= item and item <= high`.
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Whether a value is among some. Unknown as in SQL.
    In(Box<Expr>, Vec<Expr>),
    /// Whether text matches; `like` is compiled to a regular expression too.
    Matches(Box<Expr>, Regex),
    /// Whether it is null.
    IsNull(Box<Expr>),
    /// The first that is not null.
    Coalesce(Box<Expr>, Box<Expr>),
    /// `-x`.
    Negate(Box<Expr>),
    /// Arithmetic.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `if c then a else b`; an unknown condition is not true.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// A function.
    Call(Function, Vec<Expr>),
    /// Text put together; null parts print as `null`.
    Interpolate(Vec<Expr>),
    /// An `int` or a decimal where a decimal of more digits, or a float, is wanted: fields of records keep one type.
    Convert(Type, Box<Expr>),
}

impl Expr {
    /// Visits the expressions that this one is made of, in the order written.
    pub fn for_each_part<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        match self {
            Expr::Const(_)
            | Expr::Field(_)
            | Expr::Key(_)
            | Expr::Held { .. }
            | Expr::IsTaken(_)
            | Expr::Tallied(_)
            | Expr::Aggregate { .. } => {}
            Expr::IsAmong { item: inner, .. }
            | Expr::Not(inner)
            | Expr::Matches(inner, _)
            | Expr::IsNull(inner)
            | Expr::Negate(inner)
            | Expr::Convert(_, inner) => visit(inner),
            Expr::And(parts) | Expr::Or(parts) | Expr::Call(_, parts) | Expr::Interpolate(parts) => {
                parts.iter().for_each(visit);
            }
            Expr::In(item, parts) => {
                visit(item);
                parts.iter().for_each(visit);
            }
            Expr::Compare(_, left, right)
            | Expr::Coalesce(left, right)
            | Expr::Arithmetic(_, left, right) => {
                visit(left);
                visit(right);
            }
            Expr::Between(first, second, third) | Expr::If(first, second, third) => {
                visit(first);
                visit(second);
                visit(third);
            }
        }
    }
}

/// Which event of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// The only one; inside a looped group that of this iteration.
    Here,
    /// The first.
    First,
    /// The last.
    Last,
    /// The n-th from 0; from the end where negative: −1 is the last.
    Nth(i64),
}

/// An aggregate over a loop. Nulls are left out. `count` and `sum` of nothing are 0, the others null.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aggregate {
    /// How many events, or values that are not null.
    Count,
    /// The exact sum; of floats a float.
    Sum,
    /// The mean, as a float.
    Avg,
    /// The standard deviation of a sample, as a float; null of fewer than two.
    Stddev,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many different values.
    Distinct,
}

/// Arithmetic. Overflow and division by zero give null and are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arithmetic {
    /// `+`; also of text, and of a timestamp or duration and a duration.
    Add,
    /// `-`; also of timestamps.
    Subtract,
    /// `*`; also of a duration and a number.
    Multiply,
    /// `/`: a float; of a duration and a number a duration; of two durations a float.
    Divide,
    /// `%`, with the sign of the left side.
    Remainder,
}

/// A function of values. Each gives null for null, unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// `abs(x)`: number or duration.
    Abs,
    /// `round(x)`, `round(x, digits)`: half away from zero.
    Round,
    /// `floor(x)`: an int.
    Floor,
    /// `ceil(x)`: an int.
    Ceil,
    /// `sqrt(x)`.
    Sqrt,
    /// `least`: `min(x, y, …)`.
    Least,
    /// `greatest`: `max(x, y, …)`.
    Greatest,
    /// `len(text)`: characters.
    Len,
    /// `lower(text)`.
    Lower,
    /// `upper(text)`.
    Upper,
    /// `trim(text)`.
    Trim,
    /// `starts_with(text, prefix)`.
    StartsWith,
    /// `ends_with(text, suffix)`.
    EndsWith,
    /// `contains(text, part)`.
    Contains,
    /// `substring(text, from, length)`: from counts characters from 0.
    Substring,
    /// `concat(x, …)`.
    Concat,
    /// `distance_km(lat, lon, lat, lon)`: great circle.
    DistanceKm,
    /// `hour(time)`, `hour(time, "Europe/Paris")`: 0 to 23.
    Hour,
    /// `minute(time)`, with an optional zone.
    Minute,
    /// `weekday(time)`: 1 is Monday, 7 Sunday; with an optional zone.
    Weekday,
    /// `day(time)`: day of the month; with an optional zone.
    Day,
    /// `month(time)`: 1 to 12; with an optional zone.
    Month,
    /// `year(time)`; with an optional zone.
    Year,
    /// `seconds(duration)`: a float.
    Seconds,
    /// `string(x)`: as it is printed.
    ToString,
    /// `int(x)`: number cut towards zero, or text; null where it is none.
    ToInt,
    /// `float(x)`: number or text; null where it is none.
    ToFloat,
}

/// A test: a script and what it shows.
#[derive(Clone, Debug)]
pub struct Test {
    /// The pattern it is of.
    pub pattern: PatternId,
    /// What it shows.
    pub title: String,
    /// The path and line, for people.
    pub place: String,
    /// The patterns that run: the tested one and those it reads from, unless a `given` names the derived stream.
    pub patterns: Vec<PatternId>,
    /// The script.
    pub commands: Vec<TestCommand>,
}

/// A command of a test.
#[derive(Clone, Debug)]
pub enum TestCommand {
    /// Events of one partition, in order.
    Given {
        /// The stream.
        stream: StreamId,
        /// The fields named.
        columns: Vec<usize>,
        /// A value for each column.
        rows: Vec<Vec<Value>>,
    },
    /// Event time has come so far, in every partition.
    Watermark(crate::time::EventTime),
    /// What came out since the last checkpoint. Blocks of one checkpoint are joined.
    Expect(Vec<Expectation>),
}

/// One block of a checkpoint.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What kind of record.
    pub kind: Expected,
    /// The stream.
    pub stream: StreamId,
    /// The columns compared: fields of the stream by index.
    pub columns: Vec<usize>,
    /// The rows, in output order.
    pub rows: Vec<Vec<Value>>,
}

/// The kinds of record a test can expect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// A match.
    Match,
    /// A timeout.
    Timeout,
    /// A late event, with the fields of its source.
    Late,
}
