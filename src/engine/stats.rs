//! What an engine counts.

/// Counts of one pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PatternStats {
    /// Matches let out.
    pub matches: u64,
    /// Timeouts told.
    pub timeouts: u64,
    /// Matches held back by `limit`.
    pub suppressed: u64,
    /// Starts dropped by `keep`.
    pub dropped: u64,
    /// First events whose partial matches a bound has ended.
    pub ended: u64,
    /// Events whose matches a bound has cut short.
    pub cut_short: u64,
    /// Arithmetic without a result.
    pub faults: u64,
    /// Open partial matches now.
    pub runs: u64,
    /// Keys with state now.
    pub keys: u64,
}

/// Counts of an engine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Events taken, late ones included.
    pub events: u64,
    /// Late events.
    pub late: u64,
    /// Events that a null key kept out of a pattern, for each such pattern.
    pub null_keys: u64,
    /// Arithmetic without a result in conditions on single events, which patterns share, and in records.
    pub faults: u64,
    /// By pattern of the program.
    pub patterns: Vec<PatternStats>,
    /// The most bytes of state so far, about.
    pub state_bytes_peak: u64,
}
