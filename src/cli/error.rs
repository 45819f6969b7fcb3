//! What keeps a command from being done.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::path::Path;

use super::r#gen::GenError;
use super::program::near_file;
use super::score::ScoreError;
use super::{note, style};
use crate::codec::Damaged;
use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::io::OpenError;
use crate::runtime::epochs::RecoveryError;
use crate::runtime::{CommitError, EpochError, OutputError};
use crate::state::{SavepointError, StoreError};

/// What kept a command from being done. Exit code 2, except for a closed pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// What was asked for cannot be; `help` says what to write instead.
    #[error("{message}")]
    Asked {
        /// Why it cannot be.
        message: String,
        /// What to write, a line each.
        help: Vec<String>,
    },
    /// Something cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// What.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// What.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread")]
    Threads {
        /// Why.
        source: io::Error,
    },
    /// Signals cannot be waited for.
    #[error("cannot wait for signals")]
    Signals {
        /// Why.
        source: io::Error,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine gave up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StoreError),
    /// The state cannot be taken.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The engine does not take a state.
    #[error("the state in {place} is damaged: {what}; restore it from a copy, or begin anew")]
    Damaged {
        /// Where it is.
        place: String,
        /// What is wrong.
        what: Damaged,
    },
    /// A savepoint cannot be written or read.
    #[error(transparent)]
    Savepoint(#[from] SavepointError),
    /// The state cannot be copied or fetched.
    #[cfg(feature = "remote")]
    #[error(transparent)]
    Copies(#[from] crate::copies::CopyError),
    /// Events could not be generated.
    #[error(transparent)]
    Gen(#[from] GenError),
    /// Alerts could not be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A bad line, under `--strict`.
    #[error("{path}:{line}: {message}")]
    Strict {
        /// The file.
        path: String,
        /// The line.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
}

impl From<EpochError> for CliError {
    fn from(error: EpochError) -> CliError {
        match error {
            EpochError::Engine(error) => CliError::Engine(error),
            EpochError::Commit(CommitError::Store(error)) => CliError::State(error),
            EpochError::Commit(CommitError::Output(OutputError { path, source })) => {
                CliError::Write { path, source }
            }
        }
    }
}

impl CliError {
    /// What cannot be, and what to write instead.
    pub(super) fn asked(message: impl Into<String>, help: impl Into<String>) -> CliError {
        CliError::Asked { message: message.into(), help: vec![help.into()] }
    }

    /// An input that cannot be read.
    pub(super) fn unopened(path: String, error: OpenError) -> CliError {
        match error {
            OpenError::Io(source) => CliError::Read { path, source },
            OpenError::Compressed => CliError::asked(
                format!("{path} cannot be read: {error}"),
                "decompress it, or run without --follow",
            ),
            OpenError::Header(why) => CliError::asked(format!("{path} cannot be read: {why}"), why.help()),
        }
    }

    /// Whether what is stored is not what was written.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            CliError::State(error) | CliError::Savepoint(SavepointError::Store(error)) => error.is_damage(),
            CliError::Savepoint(error) => {
                matches!(error, SavepointError::Cut { .. } | SavepointError::Damaged { .. })
            }
            CliError::Recovery(error) => match error {
                RecoveryError::Store(error) => error.is_damage(),
                RecoveryError::Record { .. } => true,
            },
            CliError::Damaged { .. } => true,
            _ => false,
        }
    }

    /// What to do, where the error does not say it itself.
    fn help(&self) -> Vec<Cow<'_, str>> {
        match self {
            CliError::Asked { help, .. } => help.iter().map(|line| Cow::from(line.as_str())).collect(),
            CliError::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => vec![
                "free some space on its disk; a run with --state has lost nothing, and the same command goes on; another \
                 one begins anew".into(),
            ],
            CliError::Write { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                vec!["its folder is not there: make it first".into()]
            }
            CliError::Read { path, source } if source.kind() == io::ErrorKind::NotFound => {
                let path = Path::new(path);
                let near = near_file(path).map(|near| path.with_file_name(near));
                vec![near.map_or_else(
                    || "paths are relative to the working directory; those in ensue.toml to its own".into(),
                    |near| format!("did you mean `{}`?", near.display()).into(),
                )]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the reader of the output went away, which is its right.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            CliError::Write { source, .. } => source.kind() == io::ErrorKind::BrokenPipe,
            CliError::Gen(error) => error.is_closed_pipe(),
            _ => false,
        }
    }
}

/// Shows an error on standard error: the chain of its causes in one line, then what to write instead.
pub fn show_error(error: &CliError) {
    let mut text = format!("{} {error}", style::error("error:"));
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    for line in error.help() {
        text.push_str(&format!("\n{} {line}", style::help("help:")));
    }
    note(&text);
}
