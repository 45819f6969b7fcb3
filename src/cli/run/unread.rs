//! What is said where lines were not read, or where there were none.

use super::feed::Report;
use super::plan::RunPlan;
use crate::io::AS_UTF8;

impl Report {
    /// What helps where lines are not UTF-8.
    pub(super) fn not_utf8(&self) -> Option<String> {
        let is_there = self.bad.keys().any(|(_, reason)| *reason == "not_utf8");
        is_there.then(|| format!("lines that are not UTF-8 cannot be read: {AS_UTF8}"))
    }

    /// Why there may be no events; `is_explained` where each reason was shown already, and `may_be_empty` where it may be said
    /// that the inputs are: all events were to be looked at, and people read the summary.
    pub(super) fn without_events(
        &self,
        plan: &RunPlan,
        is_explained: bool,
        may_be_empty: bool,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        if self.events > 0 || self.is_stopped {
            return lines;
        }
        if !self.bad.is_empty() && !is_explained {
            lines.push("no line could be read as an event; run it with --explain-bad to see why".to_owned());
        }
        if self.bad.is_empty() && self.skipped.is_empty() && may_be_empty {
            lines.push(match plan.partitions.as_slice() {
                [(_, input)] => {
                    format!("{} is empty, or has nothing behind the names of its columns", input.name())
                }
                _ => "the inputs are empty, or have nothing behind the names of their columns".to_owned(),
            });
        }
        lines
    }
}
