//! What a run tells of itself while it runs: metrics for Prometheus, and whether it is alive and ready.
//!
//! ```text
//!              counts, every 100 ms                 text
//! run's loop ─────── Publisher ──────▶ Metrics ──────────▶ server's thread ──▶ whoever asks
//!            ────── epochs, restore ─▶    ▲
//!                                    catalogue
//! ```
//!
//! The engine counts for itself and knows nothing of this part. The run's loop tells it now and then what was counted
//! ([`Publisher`]); a scrape reads what was told last and disturbs nobody. All metrics are defined in [`CATALOGUE`] and described
//! in `docs/metrics.md`. Nothing here reads a clock: times are told.

mod answer;
mod catalogue;
mod publish;
mod readiness;
mod registry;
mod serve;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use catalogue::{CATALOGUE, Definition, Kind};
pub use publish::{Facts, Publisher};
pub use readiness::Readiness;
pub use registry::{CopyFacts, EpochFacts, Metrics, RestoreFacts};
pub use serve::{Stop, Stopped, serve, stop};
