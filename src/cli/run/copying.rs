//! `--copy-to`: copies of the state in another place, made beside the run (feature `remote`).
//!
//! A copy that fails is counted, and tried again when the next is due. It is said at once, then once in a while with how
//! many there were, and when copies are made again.

use std::time::Duration;

use super::durable::Every;

#[cfg(feature = "remote")]
pub(super) use there::Wanted;

#[cfg(not(feature = "remote"))]
pub(super) use missing::Wanted;

/// `30s`, `5m`: a time, and not a number of events.
pub(super) fn parse_every(text: &str) -> Result<Duration, String> {
    match Every::parse(text) {
        Ok(Every::Time(time)) if !time.is_zero() => Ok(time),
        _ => Err("write a duration, such as 30s or 5m".to_owned()),
    }
}

#[cfg(feature = "remote")]
mod there {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::super::durable::Durable;
    use super::super::listen::Server;
    use super::{Said, Telling};
    use crate::cli::{CliError, note, style};
    use crate::copies::{Copied, CopyError, Keeper, OnCopy, Place};
    use crate::limits;
    use crate::metrics::{CopyFacts, Metrics};
    use crate::runtime::clock;

    /// Copies that somebody wants.
    pub(in crate::cli::run) struct Wanted {
        place: Place,
        every: Duration,
    }

    /// Copies that are made.
    pub(in crate::cli::run) struct Copying(Keeper);

    impl Wanted {
        /// Sees that there can be such a place.
        pub(in crate::cli::run) fn new(url: &str, every: Duration) -> Result<Wanted, CliError> {
            Ok(Wanted { place: Place::open(url)?, every })
        }

        /// Begins to copy.
        pub(in crate::cli::run) fn start(
            self,
            durable: &Durable,
            server: Option<&Server>,
        ) -> Result<Copying, CliError> {
            let metrics = server.map(|server| Arc::clone(&server.metrics));
            if let Some(metrics) = &metrics {
                metrics.expect_copies(self.every);
            }
            let tell = telling(metrics);
            let keeper = Keeper::start(durable.store(), self.place, self.every, tell);
            Ok(Copying(keeper.map_err(|source| CliError::Threads { source })?))
        }
    }

    impl Copying {
        /// Makes a last copy. Where a signal has stopped the run, it has a few seconds; else a signal breaks it off.
        pub(in crate::cli::run) fn finish(self, is_stopped: bool, stop: &AtomicBool) {
            let limit = is_stopped.then(|| Duration::from_secs(limits::LAST_COPY_SECONDS));
            self.0.finish(limit, stop);
        }
    }

    /// Counts copies, and says what is to be said.
    fn telling(metrics: Option<Arc<Metrics>>) -> OnCopy {
        let mut telling = Telling::default();
        Box::new(move |made: Result<&Copied, &CopyError>| {
            let now = clock::since_1970();
            if let Some(metrics) = &metrics {
                match made {
                    Ok(copied) => metrics.copy(&CopyFacts {
                        epoch: copied.epoch,
                        bytes: copied.bytes,
                        bytes_put: copied.bytes_put,
                        at: now,
                    }),
                    Err(_) => metrics.copy_failed(),
                }
            }
            match (telling.tell(made.is_ok(), now), made) {
                (Said::Failed(failures), Err(error)) => {
                    let why = chain(error);
                    let times = if failures > 1 { format!(" ({failures} times)") } else { String::new() };
                    note(&format!("{} the state was not copied{times}: {why}", style::help("note:")));
                }
                (Said::Again, Ok(copied)) => {
                    let epoch = copied.epoch;
                    note(&format!("{} the state is copied again, up to epoch {epoch}", style::help("note:")));
                }
                _ => {}
            }
        })
    }

    /// An error with its causes, in one line.
    fn chain(error: &CopyError) -> String {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(not(feature = "remote"))]
mod missing {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::super::durable::Durable;
    use super::super::listen::Server;
    use crate::cli::CliError;

    /// Copies cannot be made by this program.
    pub(in crate::cli::run) struct Wanted(Infallible);

    /// As little.
    pub(in crate::cli::run) struct Copying(Infallible);

    impl Wanted {
        pub(in crate::cli::run) fn new(_: &str, _: Duration) -> Result<Wanted, CliError> {
            Err(crate::cli::without_remote())
        }

        pub(in crate::cli::run) fn start(self, _: &Durable, _: Option<&Server>) -> Result<Copying, CliError> {
            match self.0 {}
        }
    }

    impl Copying {
        pub(in crate::cli::run) fn finish(self, _: bool, _: &AtomicBool) {
            match self.0 {}
        }
    }
}

/// Decides what is said of copies.
#[cfg(feature = "remote")]
#[derive(Default)]
struct Telling {
    /// Failures since something was said of them.
    failures: u64,
    /// When that was, where copies fail.
    said_at: Option<Duration>,
}

/// What is said.
#[cfg(feature = "remote")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Said {
    Nothing,
    /// So many failed.
    Failed(u64),
    /// They failed, and now one was made.
    Again,
}

#[cfg(feature = "remote")]
impl Telling {
    fn tell(&mut self, is_made: bool, now: Duration) -> Said {
        if is_made {
            self.failures = 0;
            return match self.said_at.take() {
                Some(_) => Said::Again,
                None => Said::Nothing,
            };
        }
        self.failures += 1;
        let silent = Duration::from_secs(crate::limits::COPIES_TOLD_EVERY_SECONDS);
        match self.said_at {
            Some(at) if now.saturating_sub(at) < silent => Said::Nothing,
            _ => {
                self.said_at = Some(now);
                Said::Failed(std::mem::take(&mut self.failures))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_due_after_a_time() {
        assert_eq!(parse_every("30s"), Ok(Duration::from_secs(30)));
        for text in ["", "0s", "100", "1d"] {
            assert!(parse_every(text).is_err(), "{text}");
        }
    }

    #[cfg(feature = "remote")]
    #[test]
    fn failures_are_said_at_once_and_then_once_in_a_while() {
        let mut telling = Telling::default();
        let at = Duration::from_secs;
        assert_eq!(telling.tell(true, at(0)), Said::Nothing);
        assert_eq!(telling.tell(false, at(60)), Said::Failed(1));
        for second in 61..660 {
            assert_eq!(telling.tell(false, at(second)), Said::Nothing);
        }
        assert_eq!(telling.tell(false, at(660)), Said::Failed(600));
        assert_eq!(telling.tell(true, at(670)), Said::Again);
        assert_eq!(telling.tell(true, at(680)), Said::Nothing);
        assert_eq!(telling.tell(false, at(690)), Said::Failed(1));
    }
}
