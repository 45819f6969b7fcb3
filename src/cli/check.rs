//! `ensue check`: what is wrong in pattern files, and what would become of a state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::program::{Loaded, counted, load, told};
use super::rules::{self, Action, Taker, Wish};
use super::run::select;
use super::state::{Found, open};
use super::{CliError, Format, Verdict, print, style};
use crate::diag::render_json;
use crate::lang::hir::Program;

/// Say what is wrong in pattern files
///
/// With --against it says, for each pattern, what would become of its state, and of how many open partial matches. Nothing
/// is changed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue check patterns/
  ensue check card.cep --format json
  ensue check patterns/ --against state
  ensue check patterns/ --against state --changed velocity=drain

Exit code 1 with --against: a run would ask what becomes of some pattern
(--changed).")]
pub(super) struct CheckArgs {
    /// Pattern files, or directories with pattern files
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// A state directory, also one that a run has open, or a savepoint
    #[arg(long, value_name = "DIR|FILE")]
    against: Option<PathBuf>,

    /// With --against: only these patterns, as for `ensue run`
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', requires = "against")]
    select: Vec<String>,

    /// With --against: what becomes of patterns that have changed, as for `ensue run`
    #[arg(long, value_name = "drain|reset", value_parser = Wish::parse, value_delimiter = ',',
          requires = "against")]
    changed: Vec<Wish>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &CheckArgs) -> Result<Verdict, CliError> {
    let loaded = load(&args.files)?;
    match args.format {
        Format::Json => {
            let text = render_json(&loaded.sources, &loaded.diagnostics);
            if !text.is_empty() {
                print(&format!("{}\n", text.trim_end()))?;
            }
        }
        Format::Text => {
            if !loaded.diagnostics.is_empty() {
                print(&told(&loaded.sources, &loaded.diagnostics, style::stdout_has_colour()))?;
            }
            if !loaded.has_errors() && args.against.is_none() {
                print(&format!("ok: {}\n", summary(&loaded.program)))?;
            }
        }
    }
    match &args.against {
        _ if loaded.has_errors() => Ok(Verdict::No),
        Some(place) => against(args, loaded, place),
        None => Ok(Verdict::Yes),
    }
}

/// Says what would become of a state.
fn against(args: &CheckArgs, loaded: Loaded, place: &Path) -> Result<Verdict, CliError> {
    let Found { recovered, .. } = open(place)?;
    let mut text = loaded.text();
    let program = Arc::new(loaded.program);
    let patterns = select(&program, &args.select)?;
    text.patterns = patterns.iter().map(|id| program.pattern(*id).name.clone()).collect();
    let taker = Taker { program: &program, patterns: &patterns, text: &text, executor: None };
    let all = rules::verdicts(&taker, &recovered, &place.display().to_string(), &args.changed)?;
    print(&match args.format {
        Format::Text => rules::table(&all),
        Format::Json => rules::json_lines(&all),
    })?;
    let is_asked = all.iter().any(|(_, action)| *action == Action::Ask);
    Ok(if is_asked { Verdict::No } else { Verdict::Yes })
}

fn summary(program: &Program) -> String {
    let Program { streams, patterns, tests } = program;
    [(streams.len(), "stream"), (patterns.len(), "pattern"), (tests.len(), "test")]
        .map(|(count, noun)| counted(count, noun))
        .join(", ")
}
