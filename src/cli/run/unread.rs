//! What is said where lines were not read, or where there were none.

use super::feed::Report;
use super::plan::RunPlan;
use crate::io::AS_UTF8;

impl Report {
    /// Why there may be fewer events than lines, or none; `is_explained` where each reason was shown already, and `is_whole`
    /// where all events were to be looked at.
    pub(super) fn without_events(&self, plan: &RunPlan, is_explained: bool, is_whole: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if self.bad.keys().any(|(_, reason)| *reason == "not_utf8") {
            lines.push(format!("lines that are not UTF-8 cannot be read: {AS_UTF8}"));
        }
        if self.events > 0 || self.is_stopped {
            return lines;
        }
        if !self.bad.is_empty() && !is_explained {
            lines.push("no line could be read as an event; run it with --explain-bad to see why".to_owned());
        }
        if self.bad.is_empty() && self.skipped.is_empty() && is_whole {
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
