//! `ensue.toml`: patterns and bindings of a run, written down once.
//!
//! ```toml
//! patterns = ["patterns/"]
//!
//! [in]
//! transactions = ["tx-1.jsonl", "tx-2.jsonl"]
//!
//! [out]
//! alert = "alerts.jsonl"
//! ```
//!
//! Paths are relative to the file. What the command line says about a stream, or about patterns, wins over the file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What `ensue.toml` says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Pattern files and directories.
    #[serde(default)]
    pub patterns: Vec<PathBuf>,
    /// For each input stream what it is read from.
    #[serde(default, rename = "in")]
    pub inputs: BTreeMap<String, OneOrMany>,
    /// For each output stream where it goes.
    #[serde(default, rename = "out")]
    pub outputs: BTreeMap<String, String>,
    /// The directory of the file.
    #[serde(skip)]
    pub base: PathBuf,
}

/// One text, or a list.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a path, or a list of paths")]
pub enum OneOrMany {
    /// `"tx.jsonl"`.
    One(String),
    /// `["tx-1.jsonl", "tx-2.jsonl"]`.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn list(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} cannot be used\n{message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
}

impl RunConfig {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is not TOML, or says what nothing understands.
    pub fn read(path: &Path) -> Result<RunConfig, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        RunConfig::parse(&text, base)
            .map_err(|message| ConfigError::Invalid { path: path.to_owned(), message })
    }

    fn parse(text: &str, base: PathBuf) -> Result<RunConfig, String> {
        let config: RunConfig =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        Ok(RunConfig { base, ..config })
    }

    /// The pattern files, as seen from the working directory.
    pub fn pattern_paths(&self) -> Vec<PathBuf> {
        self.patterns.iter().map(|path| self.base.join(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_bindings_are_read() {
        let text = "patterns = [\"p/\"]\n[in]\na = \"x\"\nb = [\"y\", \"z\"]\n[out]\nalert = \"o\"\n";
        let config = RunConfig::parse(text, PathBuf::from("conf")).expect("a good file");
        assert_eq!(config.pattern_paths(), [PathBuf::from("conf/p/")]);
        assert_eq!(config.inputs["a"].list(), ["x"]);
        assert_eq!(config.inputs["b"].list(), ["y", "z"]);
        assert_eq!(config.outputs["alert"], "o");
    }

    #[test]
    fn what_nothing_understands_is_refused() {
        let message = RunConfig::parse("[inn]\na = \"x\"\n", PathBuf::new()).expect_err("a typing mistake");
        assert!(message.contains("inn"), "{message}");
    }
}
