//! Ensue finds patterns in streams of events.
//!
//! A pattern is written in a `.cep` file, checked and compiled to an automaton, and evaluated per key over
//! event-time ordered streams. `ARCHITECTURE.md` maps the code; `docs/semantics.md` says what a pattern means.
//!
//! # Example
//!
//! The engine is a machine without I/O, threads or a clock: its caller pushes events and takes records.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ensue::engine::projection;
//! use ensue::{BatchBuilder, Engine, EngineConfig, EventTime, Value};
//!
//! let program = ensue::compile(
//!     "logins.cep",
//!     "stream logins { user string  ok bool  at timestamp  event time at }
//!
//!      pattern guessed {
//!          on logins by user
//!          match fail{3}  where not ok
//!          then  hit      where ok
//!          within 10m
//!          emit alert { user: user, fails: count(fail) }
//!      }",
//! )?;
//!
//! let mut engine = Engine::new(Arc::clone(&program), &EngineConfig::default())?;
//! let logins = program.stream_named("logins").expect("it is declared");
//! let partition = engine.add_partition(logins);
//!
//! let fields = projection(&program, engine.patterns(), logins, false);
//! let mut builder = BatchBuilder::new(logins, partition, fields);
//! for (number, ok) in [false, false, false, true].into_iter().enumerate() {
//!     let at = EventTime::from_millis(number as i64 * 1000);
//!     builder.set(0, Value::text("u1"));
//!     builder.set(1, Value::Bool(ok));
//!     builder.set(2, Value::Timestamp(at));
//!     builder.end_row(at, number as u64 + 1);
//! }
//! engine.push(builder.finish());
//! engine.finish(true)?;
//!
//! let records = engine.take_records();
//! assert_eq!(records.len(), 1);
//! // `at`, `pattern` and `id` come first, then what is emitted.
//! assert_eq!(records[0].fields[3..], [Value::text("u1"), Value::Int(3)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/embed.rs` prints records as JSON lines; [`io`] reads and writes them, and [`script`] runs tests.

// Layers, each using only those above it: vocabulary, language, automaton, matching and streams, stores, engine,
// outside.
pub mod codec;
pub mod diag;
pub mod event;
pub mod limits;
mod shown;
mod time;

pub mod lang;

pub mod nfa;

pub mod matcher;
pub mod stream;

pub mod state;

pub mod engine;

pub mod script;

pub mod io;
#[cfg(feature = "metrics")]
pub mod metrics;

#[cfg(feature = "cli")]
pub mod runtime;

#[cfg(feature = "remote")]
pub mod copies;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;

pub use engine::{Config as EngineConfig, Engine, EngineError, Record};
pub use event::{Batch, BatchBuilder, Decimal, Type, Value};
pub use lang::{CompileError, compile};
pub use time::{Duration, EventTime, Watermark};
