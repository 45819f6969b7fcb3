//! The words that mean something where a name could stand.

/// The words that go on with or end an expression; as a bare name they need backquotes.
pub(super) const RESERVED: [&str; 22] = [
    "and", "or", "not", "is", "in", "between", "like", "matches", "if", "then", "else", "where", "next",
    "until", "gap", "for", "within", "having", "over", "null", "true", "false",
];

/// The words that, after a mode or `not`, are read as what follows a step, or as a mode: a step of such a name may
/// need backquotes.
pub(super) const STEP_WORDS: [&str; 21] = [
    "where", "until", "gap", "for", "strict", "any", "greedy", "lazy", "then", "next", "within", "having",
    "skip", "limit", "keep", "emit", "tally", "on", "not", "all", "longest",
];
