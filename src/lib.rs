//! Ensue finds patterns in streams of events.
//!
//! A pattern is written in a `.cep` file, checked and compiled to an automaton, and evaluated per key over
//! event-time ordered streams. `ARCHITECTURE.md` maps the code; `docs/semantics.md` says what a pattern means.

// Layers, each using only those above it: vocabulary, language, automaton, matching and streams, engine, outside.
pub mod diag;
pub mod event;
pub mod limits;
mod time;

pub mod lang;

pub mod nfa;

pub mod matcher;
pub mod stream;

pub mod engine;

pub mod script;

pub mod io;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;

pub use engine::{Config as EngineConfig, Engine, EngineError, Record};
pub use event::{Batch, BatchBuilder, Decimal, Type, Value};
pub use time::{Duration, EventTime, Watermark};
