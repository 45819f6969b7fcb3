//! The syntax tree: what was written, with the place of everything, and nothing resolved.

use std::cmp::Ordering;

use crate::diag::Span;
use crate::time::Duration;

/// A name as written, without its backquotes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ident {
    /// The name.
    pub text: String,
    /// Its place, backquotes included.
    pub span: Span,
}

/// Something with the place it was written at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spanned<T> {
    /// The thing.
    pub node: T,
    /// Its place.
    pub span: Span,
}

/// One item of a file.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// `stream NAME { … }`.
    Stream(StreamItem),
    /// `table NAME { … }`: parsed, answered with "not yet".
    Table(TableItem),
    /// `let NAME = … over …`: parsed, answered with "not yet".
    Let(LetItem),
    /// `pattern NAME { … }`.
    Pattern(Box<PatternItem>),
    /// `test PATTERN "title" { … }`.
    Test(TestItem),
    /// `use "other.cep"`.
    Use(Spanned<String>),
}

/// Doc comments (`///`) above an item, field, step or record entry: the lines joined, markers stripped.
pub type Doc = Option<String>;

/// A stream declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct StreamItem {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole item, from its keyword.
    pub span: Span,
    /// Its name.
    pub name: Ident,
    /// Its fields.
    pub fields: Vec<FieldItem>,
    /// `event time FIELD, disorder D, idle D`.
    pub event_time: Option<EventTimeClause>,
}

/// A field: `merchant string? from "path"`, in a table also `key`.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldItem {
    /// What the comment above says.
    pub doc: Doc,
    /// Its name.
    pub name: Ident,
    /// The name of its type: `string`, `decimal`, whatever was written.
    pub ty: Ident,
    /// `(2)`.
    pub ty_argument: Option<Spanned<i64>>,
    /// `("%d/%m/%Y", "Europe/Paris")`: how it is written in the input.
    pub forms: Vec<Spanned<String>>,
    /// `?`.
    pub nullable: bool,
    /// `from "geo.city"`.
    pub from: Option<Spanned<String>>,
    /// `key`, in tables.
    pub key: bool,
}

/// `event time at, disorder 5s, idle 30s`.
#[derive(Clone, PartialEq, Debug)]
pub struct EventTimeClause {
    /// The whole clause.
    pub span: Span,
    /// The field.
    pub field: Ident,
    /// How late an event may be.
    pub disorder: Option<Spanned<Duration>>,
    /// When a silent source stops counting.
    pub idle: Option<Spanned<Duration>>,
}

/// A table declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct TableItem {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole item.
    pub span: Span,
    /// Its name.
    pub name: Ident,
    /// Its fields.
    pub fields: Vec<FieldItem>,
}

/// `let NAME = EXPR over 24h by card, category`.
#[derive(Clone, PartialEq, Debug)]
pub struct LetItem {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole item.
    pub span: Span,
    /// Its name.
    pub name: Ident,
    /// What is rolled up.
    pub value: Expr,
    /// Over which time.
    pub over: Option<Spanned<Duration>>,
    /// By which key.
    pub by: Vec<Expr>,
}

/// A pattern.
#[derive(Clone, PartialEq, Debug)]
pub struct PatternItem {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole item, from its keyword.
    pub span: Span,
    /// Its name.
    pub name: Ident,
    /// `meta { key: literal, … }`.
    pub meta: Vec<Entry>,
    /// `on a where …, b`.
    pub sources: Vec<SourceClause>,
    /// `by card, merchant`: each part one path, or several joined by `=`.
    pub keys: Vec<KeyClause>,
    /// `match`, `match longest`, `match all`.
    pub mode: Spanned<Mode>,
    /// The steps, in order.
    pub body: Vec<Element>,
    /// `within T`.
    pub within: Option<Spanned<Duration>>,
    /// `having EXPR`.
    pub having: Option<Expr>,
    /// `skip …`.
    pub skip: Option<Spanned<Skip>>,
    /// `limit N per D`.
    pub limit: Option<Limit>,
    /// `keep N per key, POLICY`.
    pub keep: Option<Keep>,
    /// `emit NAME { … }`.
    pub emits: Vec<Emit>,
    /// `tally NAME { … }`; the checker takes one.
    pub tallies: Vec<Emit>,
    /// `on timeout emit NAME { … }`.
    pub timeout_emits: Vec<Emit>,
}

/// `transactions where present`.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceClause {
    /// The stream.
    pub stream: Ident,
    /// Which of its events count.
    pub filter: Option<Expr>,
}

/// One part of the key: `card`, or `logins.user = transactions.owner`.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyClause {
    /// The paths; one, or one for each stream.
    pub paths: Vec<KeyPath>,
}

/// `card` or `logins.user`.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyPath {
    /// The stream, where it is said.
    pub stream: Option<Ident>,
    /// The field.
    pub field: Ident,
}

/// Which matches come out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// `match`.
    First,
    /// `match longest`.
    Longest,
    /// `match all`.
    All,
}

/// Where to go on after a match.
#[derive(Clone, PartialEq, Debug)]
pub enum Skip {
    /// `skip none`.
    None,
    /// `skip to next`.
    ToNext,
    /// `skip past last`.
    PastLast,
    /// `skip to first a`.
    ToFirst(Ident),
    /// `skip to last a`.
    ToLast(Ident),
}

/// `limit 1 per 1h`.
#[derive(Clone, PartialEq, Debug)]
pub struct Limit {
    /// The whole clause.
    pub span: Span,
    /// At most so many.
    pub count: Spanned<i64>,
    /// In so much event time.
    pub per: Spanned<Duration>,
}

/// `keep 1000 per key, drop oldest`.
#[derive(Clone, PartialEq, Debug)]
pub struct Keep {
    /// The whole clause.
    pub span: Span,
    /// At most so many starts per key.
    pub count: Spanned<i64>,
    /// What happens then.
    pub policy: KeepPolicy,
}

/// What reaching a bound does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepPolicy {
    /// The oldest start is dropped.
    DropOldest,
    /// The new start is not begun.
    DropNewest,
    /// The run ends with an error.
    Fail,
}

/// `emit alert { field: expr, … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct Emit {
    /// The whole clause.
    pub span: Span,
    /// The output stream.
    pub stream: Ident,
    /// The record.
    pub entries: Vec<Entry>,
}

/// `key: expr` in a record.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// What the comment above says.
    pub doc: Doc,
    /// The key.
    pub key: Ident,
    /// The value.
    pub value: Expr,
}

/// The word before a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// `match`: the first step has no other word.
    Match,
    /// `next`.
    Next,
    /// `then`.
    Then,
    /// `then any`.
    ThenAny,
}

/// A line of the body: a word and what it governs.
#[derive(Clone, PartialEq, Debug)]
pub struct Element {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole line, its word included.
    pub span: Span,
    /// The word.
    pub word: Spanned<Word>,
    /// What comes.
    pub kind: ElementKind,
}

/// What can stand after a word.
#[derive(Clone, PartialEq, Debug)]
pub enum ElementKind {
    /// `small{3,} where …`.
    Step(Step),
    /// `not login where … for 5m`.
    Absence(Absence),
    /// `( … ){2}`.
    Group(Group),
    /// `one of (…)`, `each of (…)`, `2 of (…)`.
    Choice(Choice),
}

/// A step.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// Its name.
    pub name: Ident,
    /// `?`, `+`, `{3,5}`, …
    pub quantifier: Option<Spanned<Quantifier>>,
    /// `strict`, `any`.
    pub contiguity: Option<Spanned<Contiguity>>,
    /// `greedy`, `lazy`.
    pub greed: Option<Spanned<Greed>>,
    /// `: stream`.
    pub stream: Option<Ident>,
    /// `where EXPR`.
    pub condition: Option<Expr>,
    /// `until EXPR`.
    pub until: Option<Expr>,
    /// `gap 30s`.
    pub gap: Option<Spanned<Duration>>,
}

/// An absence.
#[derive(Clone, PartialEq, Debug)]
pub struct Absence {
    /// Where `not` stands.
    pub not: Span,
    /// Its name.
    pub name: Ident,
    /// `: stream`.
    pub stream: Option<Ident>,
    /// `where EXPR`.
    pub condition: Option<Expr>,
    /// `for 5m`.
    pub wait: Option<Spanned<Duration>>,
}

/// A group.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// What is inside; the first has [`Word::Match`].
    pub body: Vec<Element>,
    /// `within T`, last inside.
    pub within: Option<Spanned<Duration>>,
    /// The quantifier after it.
    pub quantifier: Option<Spanned<Quantifier>>,
    /// `strict`, `any`.
    pub contiguity: Option<Spanned<Contiguity>>,
    /// `greedy`, `lazy`: refused, with a reason.
    pub greed: Option<Spanned<Greed>>,
    /// `until EXPR`.
    pub until: Option<Expr>,
    /// `gap 30s`: every event the group takes.
    pub gap: Option<Spanned<Duration>>,
}

/// A choice of branches.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// `one`, `each`, or how many.
    pub kind: Spanned<ChoiceKind>,
    /// The branches.
    pub branches: Vec<Branch>,
    /// `strict`, `any`: between the branches taken.
    pub contiguity: Option<Spanned<Contiguity>>,
    /// A quantifier after it: refused, with a reason.
    pub quantifier: Option<Spanned<Quantifier>>,
    /// `gap 30s`.
    pub gap: Option<Spanned<Duration>>,
}

/// How many branches are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChoiceKind {
    /// `one of`.
    One,
    /// `each of`.
    Each,
    /// `2 of`.
    Some(i64),
}

/// A branch of a choice.
#[derive(Clone, PartialEq, Debug)]
pub struct Branch {
    /// What the comment above says.
    pub doc: Doc,
    /// A step; the checker refuses quantifiers.
    pub step: Step,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quantifier {
    /// At least.
    pub min: i64,
    /// At most; `None` is any number.
    pub max: Option<i64>,
}

/// How a loop goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contiguity {
    /// `strict`.
    Strict,
    /// `any`.
    Any,
}

/// What a loop prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Greed {
    /// `greedy`.
    Greedy,
    /// `lazy`.
    Lazy,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its place.
    pub span: Span,
}

/// The kinds of expression. Parentheses leave no node, but widen the span.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// `5`, `5.00`, `1e3`: the text, underscores removed.
    Number(String),
    /// `"text"`: escapes resolved. `offset` is where the content starts in the file; only text without escapes may
    /// hold `{…}` parts, which the checker reads in `emit`.
    String(StringLiteral),
    /// `10m`.
    Duration(Duration),
    /// A bare name.
    Name(String),
    /// `small.amount`, `first(small).at`.
    Member(Box<Expr>, Ident),
    /// `a[0]`.
    Index(Box<Expr>, Box<Expr>),
    /// `avg(x.f)`, `avg(transactions.amount where kind == "purchase")`.
    Call(Ident, Vec<Argument>),
    /// `not x`.
    Not(Box<Expr>),
    /// `-x`.
    Negate(Box<Expr>),
    /// `x + y`, `x and y`, `x ?? y`.
    Binary(Spanned<BinaryOp>, Box<Expr>, Box<Expr>),
    /// `a < b`; a chain `a < b < c` has several and is refused by the checker.
    Compare(Box<Expr>, Vec<(Spanned<CompareOp>, Expr)>),
    /// `x in (1, 2)`.
    InList {
        /// What is looked for.
        item: Box<Expr>,
        /// Among these.
        list: Vec<Expr>,
        /// `not in`.
        negated: bool,
    },
    /// `x in a.f`, `x in table`.
    InColumn {
        /// What is looked for.
        item: Box<Expr>,
        /// Among the values of this.
        column: Box<Expr>,
        /// `not in`.
        negated: bool,
    },
    /// `x between lo and hi`.
    Between {
        /// What is compared.
        item: Box<Expr>,
        /// At least.
        low: Box<Expr>,
        /// At most.
        high: Box<Expr>,
        /// `not between`.
        negated: bool,
    },
    /// `x like "a%"`, `x matches "^a"`.
    Text {
        /// What is compared.
        item: Box<Expr>,
        /// `like` or `matches`.
        kind: TextMatch,
        /// The pattern.
        pattern: Box<Expr>,
        /// `not like`.
        negated: bool,
    },
    /// `x is null`.
    IsNull {
        /// What is asked about.
        item: Box<Expr>,
        /// `is not null`.
        negated: bool,
    },
    /// `if c then a else b`.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// A string literal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StringLiteral {
    /// The text, escapes resolved.
    pub text: String,
    /// The text between the quotes as written.
    pub raw: String,
    /// The place between the quotes.
    pub inner: Span,
    /// `r"…"`: nothing in it is special.
    pub is_raw: bool,
}

/// An argument of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Argument {
    /// The value.
    pub value: Expr,
    /// `where EXPR`, in rolling features.
    pub filter: Option<Expr>,
}

/// Operators that are not comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOp {
    /// `or`.
    Or,
    /// `and`.
    And,
    /// `??`.
    Coalesce,
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
}

/// Comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompareOp {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
}

impl CompareOp {
    /// Whether an ordering is what the operator asks for.
    #[inline]
    pub fn meets(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Equal => ordering.is_eq(),
            CompareOp::NotEqual => ordering.is_ne(),
            CompareOp::Less => ordering.is_lt(),
            CompareOp::LessEqual => ordering.is_le(),
            CompareOp::Greater => ordering.is_gt(),
            CompareOp::GreaterEqual => ordering.is_ge(),
        }
    }
}

/// The two kinds of text match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextMatch {
    /// `like`, with `%` and `_`.
    Like,
    /// `matches`, a regular expression that is searched for.
    Matches,
}

/// `test card_testing "three probes" { … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct TestItem {
    /// What the comment above says.
    pub doc: Doc,
    /// The whole item.
    pub span: Span,
    /// The pattern it is of.
    pub pattern: Ident,
    /// What it shows.
    pub title: Spanned<String>,
    /// The script.
    pub commands: Vec<TestCommand>,
}

/// A line of a test.
#[derive(Clone, PartialEq, Debug)]
pub enum TestCommand {
    /// `given STREAM` and a table.
    Given(TestBlock),
    /// `watermark 12:05:00`.
    Watermark(Spanned<String>),
    /// `expect NAME` and a table.
    Expect(TestBlock),
    /// `expect timeout NAME` and a table.
    ExpectTimeout(TestBlock),
    /// `expect late STREAM` and a table.
    ExpectLate(TestBlock),
    /// `expect nothing`.
    ExpectNothing(Span),
}

/// A stream's or output's name and a table of rows.
#[derive(Clone, PartialEq, Debug)]
pub struct TestBlock {
    /// The command and the name.
    pub span: Span,
    /// The stream.
    pub name: Ident,
    /// The columns.
    pub columns: Vec<Ident>,
    /// The rows.
    pub rows: Vec<TestRow>,
}

/// A row of a test's table.
#[derive(Clone, PartialEq, Debug)]
pub struct TestRow {
    /// The whole row.
    pub span: Span,
    /// A cell for each column, as many as were written.
    pub cells: Vec<Spanned<Cell>>,
}

/// A cell of a test's table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Nothing between the bars: null.
    Empty,
    /// Bare text, trimmed.
    Bare(String),
    /// `"quoted"`: text, whatever it holds.
    Quoted(String),
}
