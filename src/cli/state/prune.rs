//! `ensue state prune`: takes out of a state what nothing can come of any more.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::open;
use crate::cli::rules::{self, TakenUp, Taker};
use crate::cli::{CliError, Format, Verdict, print};
use crate::event::PatternId;
use crate::runtime::epochs;
use crate::state::{RocksStore, Store};

/// Take out of a state what nothing can come of any more
///
/// That is what is left of patterns that were changed or taken away, once nothing is open of them, with the text that they
/// were kept in. A run that starts does the same by itself. Without --yes it is only said what would be done.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state prune state
  ensue state prune state --yes")]
pub(super) struct PruneArgs {
    /// A state directory that no run has open
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Do it
    #[arg(long)]
    yes: bool,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &PruneArgs) -> Result<Verdict, CliError> {
    let place = args.directory.display().to_string();
    let store: Option<RocksStore> = args.yes.then(|| RocksStore::open(&args.directory)).transpose()?;
    let recovered = match &store {
        Some(store) => epochs::recover(store)?,
        None => Some(open(&args.directory)?.recovered),
    };
    let Some(mut left) = recovered else {
        return Err(CliError::asked(
            format!("there is no epoch in {place} yet"),
            "there is nothing to prune",
        ));
    };
    let names: Vec<String> = left.mark.units.iter().map(super::name_of).collect();
    // A run that has come to its end has no other state than one that has not.
    let is_done = std::mem::take(&mut left.mark.is_done);
    let text = left.programs.first().cloned().unwrap_or_default();
    let unknown = || {
        let message = format!("this version reads the patterns of the state in {place} as others");
        CliError::asked(message, "use the version that wrote it")
    };
    let program = Arc::new(text.compile().ok_or_else(unknown)?);
    let running = text.patterns.iter().map(|name| program.pattern_named(name));
    let patterns: Vec<PatternId> = running.collect::<Option<_>>().ok_or_else(unknown)?;
    let taker = Taker { program: &program, patterns: &patterns, text: &text, executor: None };
    let TakenUp { mut recovered, changed, .. } = rules::take_up(&taker, left, &place, &[])?;
    let now: Vec<String> = recovered.mark.units.iter().map(super::name_of).collect();
    let gone: Vec<&String> = names.iter().filter(|name| !now.contains(name)).collect();
    if let (Some(store), Some(changed)) = (&store, changed) {
        recovered.mark.is_done = is_done;
        recovered.mark.epoch += 1;
        store.commit(&mut rules::changes(&changed.keys, &recovered))?;
    }
    print(&match args.format {
        Format::Json => format!("{}\n", json!({ "place": place, "pruned": gone, "is_done": args.yes })),
        Format::Text if gone.is_empty() => format!("{place}: there is nothing to prune\n"),
        Format::Text => {
            let lines: String =
                gone.iter().map(|name| format!("  {name}: nothing is open of it\n")).collect();
            let what = if args.yes { "pruned" } else { "would be pruned; --yes does it" };
            format!("{place}: {what}\n{lines}")
        }
    })?;
    Ok(Verdict::Yes)
}
