//! Whether a run consumes its inputs, and if not, why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// How far a run is in its life; shared between the run and those who ask.
#[derive(Debug)]
pub struct Readiness {
    phase: AtomicU8,
    /// Set once the run is to stop.
    stop: Arc<AtomicBool>,
}

const STARTING: u8 = 0;
const CONSUMING: u8 = 1;
const ENDING: u8 = 2;

impl Readiness {
    /// A run that takes up its state, or opens its inputs. It is no longer ready as soon as `stop` is set, also where it
    /// needs some time to notice.
    pub fn starting(stop: Arc<AtomicBool>) -> Readiness {
        Readiness { phase: AtomicU8::new(STARTING), stop }
    }

    /// It consumes its inputs now.
    pub fn set_consuming(&self) {
        self.phase.store(CONSUMING, Ordering::Relaxed);
    }

    /// Its inputs have come to their end.
    pub fn set_ending(&self) {
        self.phase.store(ENDING, Ordering::Relaxed);
    }

    /// Why it is not ready, where it is not.
    pub fn unready_because(&self) -> Option<&'static str> {
        match self.phase.load(Ordering::Relaxed) {
            _ if self.stop.load(Ordering::Relaxed) => Some("stopping: a signal has come"),
            STARTING => Some("starting: the state is taken up and the inputs are opened"),
            CONSUMING => None,
            _ => Some("ending: the inputs have come to their end"),
        }
    }
}
