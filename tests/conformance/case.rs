//! The cases as they stand in the files: a pattern as calls of FlinkCEP's API, events, and what FlinkCEP answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A match: for each stage the indexes of its events, ascending. Stages without an event are left out.
pub(crate) type Found = BTreeMap<String, Vec<usize>>;

/// One line of a file.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) pattern: Pattern,
    pub(crate) events: Vec<Map<String, Json>>,
    pub(crate) flink: Answer,
    /// The accidents of FlinkCEP that the case may run into; none where it should agree.
    #[serde(default)]
    pub(crate) artefacts: Vec<String>,
}

impl Case {
    /// The timestamp of an event, in milliseconds.
    pub(crate) fn millis(&self, event: usize) -> i64 {
        self.events[event].get("ts").and_then(Json::as_i64).unwrap_or(0)
    }
}

#[derive(Deserialize)]
pub(crate) struct Pattern {
    pub(crate) steps: Vec<Step>,
    pub(crate) skip: Option<Skip>,
}

#[derive(Deserialize)]
pub(crate) struct Skip {
    #[serde(rename = "type")]
    pub(crate) kind: SkipKind,
    #[serde(default)]
    pub(crate) stage: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SkipKind {
    NoSkip,
    SkipToNext,
    SkipPastLastEvent,
    SkipToFirst,
    SkipToLast,
}

#[derive(Deserialize)]
pub(crate) struct Step {
    pub(crate) op: Op,
    #[serde(default)]
    pub(crate) stage: String,
    pub(crate) group: Option<Group>,
    #[serde(default)]
    pub(crate) calls: Vec<Call>,
}

#[derive(Deserialize)]
pub(crate) struct Group {
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Op {
    Begin,
    Next,
    FollowedBy,
    FollowedByAny,
    NotNext,
    NotFollowedBy,
}

impl Op {
    pub(crate) fn is_absence(self) -> bool {
        matches!(self, Op::NotNext | Op::NotFollowedBy)
    }
}

/// A call of a method of FlinkCEP's `Pattern`. `window` bounds part of the gaps in a loop.
#[derive(Deserialize)]
#[serde(tag = "c", rename_all = "camelCase")]
pub(crate) enum Call {
    Where {
        cond: Condition,
    },
    Or {
        cond: Condition,
    },
    Until {
        cond: Condition,
    },
    OneOrMore {
        window: Option<i64>,
    },
    Times {
        n: i64,
        m: Option<i64>,
        window: Option<i64>,
    },
    TimesOrMore {
        n: i64,
        window: Option<i64>,
    },
    Optional,
    Greedy,
    Consecutive,
    AllowCombinations,
    Subtype,
    Within {
        ms: i64,
        #[serde(rename = "type", default)]
        kind: WithinType,
    },
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum WithinType {
    #[default]
    FirstAndLast,
    PreviousAndCurrent,
}

/// A condition. The order of the variants is the order in which they are tried.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(crate) enum Condition {
    True {
        #[serde(rename = "true")]
        _always: Json,
    },
    And {
        and: Vec<Condition>,
    },
    Or {
        or: Vec<Condition>,
    },
    Not {
        not: Box<Condition>,
    },
    Aggregate(Aggregate),
    Compare(Compare),
}

/// `avg(stage.f) op c`, over the events of a stage so far; with `plus` the candidate counts too.
#[derive(Deserialize, Clone)]
pub(crate) struct Aggregate {
    pub(crate) agg: String,
    pub(crate) stage: String,
    pub(crate) f: Option<String>,
    #[serde(default)]
    pub(crate) plus: bool,
    pub(crate) op: String,
    pub(crate) c: Option<Json>,
    pub(crate) rf: Option<String>,
    pub(crate) mul: Option<serde_json::Number>,
    pub(crate) add: Option<serde_json::Number>,
    #[serde(default)]
    pub(crate) default: bool,
}

/// `f op c`, `f op rf`, or `f op` a field of an event taken before.
#[derive(Deserialize, Clone)]
pub(crate) struct Compare {
    pub(crate) f: String,
    pub(crate) op: String,
    pub(crate) c: Option<Json>,
    pub(crate) rf: Option<String>,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<Reference>,
    pub(crate) mul: Option<serde_json::Number>,
    pub(crate) add: Option<serde_json::Number>,
    #[serde(default)]
    pub(crate) default: bool,
}

#[derive(Deserialize, Clone)]
pub(crate) struct Reference {
    pub(crate) stage: String,
    #[serde(default)]
    pub(crate) at: At,
    pub(crate) f: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub(crate) enum At {
    First,
    #[default]
    Last,
}

/// What FlinkCEP answered.
#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) matches: Vec<Found>,
    #[serde(default)]
    pub(crate) timeouts: Vec<Timeout>,
    /// Whether no run was left at the end.
    #[serde(default)]
    pub(crate) buffer_empty: bool,
    /// Refused when built.
    pub(crate) error: Option<String>,
    /// Thrown while running.
    pub(crate) runtime_error: Option<String>,
    /// Never came back.
    #[serde(default)]
    pub(crate) hang: bool,
}

#[derive(Deserialize)]
pub(crate) struct Timeout {
    pub(crate) m: Found,
}
