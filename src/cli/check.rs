//! `ensue check`: what is wrong in pattern files.

use std::path::PathBuf;

use clap::Args;

use super::program::{counted, load};
use super::{CliError, Format, Verdict, print, style};
use crate::diag::{Diagnostic, Severity, render_json, render_text};
use crate::lang::hir::Program;

/// Say what is wrong in pattern files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue check patterns/
  ensue check card.cep --format json")]
pub(super) struct CheckArgs {
    /// Pattern files, or directories with pattern files
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

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
                let text = render_text(&loaded.sources, &loaded.diagnostics, style::stdout_has_colour());
                print(&format!("{}\n{}", text.trim_end(), more(&loaded.diagnostics)))?;
            }
            if !loaded.has_errors() {
                print(&format!("ok: {}\n", summary(&loaded.program)))?;
            }
        }
    }
    Ok(if loaded.has_errors() { Verdict::No } else { Verdict::Yes })
}

/// Where more is said, once for all diagnostics.
fn more(diagnostics: &[Diagnostic]) -> String {
    let worst = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    let code = worst.or(diagnostics.first()).map(|diagnostic| diagnostic.code);
    code.map_or_else(String::new, |code| format!("more: `ensue explain {code}`\n"))
}

fn summary(program: &Program) -> String {
    let Program { streams, patterns, tests } = program;
    [(streams.len(), "stream"), (patterns.len(), "pattern"), (tests.len(), "test")]
        .map(|(count, noun)| counted(count, noun))
        .join(", ")
}
