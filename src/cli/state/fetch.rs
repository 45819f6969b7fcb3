//! `ensue state fetch`: a copy becomes a state directory again.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CliError, Format, Verdict};

/// Fetch a copy that `ensue run --copy-to` has made
///
/// Takes the newest copy that is whole, checks every file, and gives the directory its name when all are there. Then the
/// command of the run goes on from it with --state DIR, where its inputs and outputs are as the run has left them.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state fetch s3://bucket/run-1 state
  ensue state fetch file:///backup/run-1 state --epoch 12
  ensue state fetch s3://bucket/run-1 to.savepoint --savepoint monday.savepoint")]
pub(super) struct FetchArgs {
    /// Where the copies are: file:///PATH or s3://BUCKET/PREFIX
    #[arg(value_name = "URL")]
    url: String,

    /// The new state directory, or with --savepoint the new file
    #[arg(value_name = "DIR|FILE")]
    directory: PathBuf,

    /// The copy of this epoch, and no other
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,

    /// No copy, but the savepoint of this name that `ensue savepoint --copy-to` has put there
    #[arg(long, value_name = "NAME", conflicts_with = "epoch")]
    savepoint: Option<String>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[cfg(not(feature = "remote"))]
pub(super) fn run(_: &FetchArgs) -> Result<Verdict, CliError> {
    Err(crate::cli::without_remote())
}

#[cfg(feature = "remote")]
pub(super) fn run(args: &FetchArgs) -> Result<Verdict, CliError> {
    use crate::cli::{note, style};
    use crate::copies::{Place, fetch, fetch_savepoint, wait_for};

    let place = Place::open(&args.url)?;
    if let Some(name) = &args.savepoint {
        let fetched = wait_for(fetch_savepoint(&place, name, &args.directory));
        fetched.map_err(|source| CliError::Threads { source })??;
        return Ok(Verdict::Yes);
    }
    let fetched = wait_for(fetch(&place, &args.directory, args.epoch));
    let fetched = fetched.map_err(|source| CliError::Threads { source })??;
    for why in &fetched.passed_over {
        note(&format!("{} a newer copy was passed over: {why}", style::help("note:")));
    }
    let directory = args.directory.display().to_string();
    crate::cli::print(&match args.format {
        Format::Text => shown::text(&directory, &fetched.manifest),
        Format::Json => shown::json(&directory, &fetched.manifest),
    })?;
    Ok(Verdict::Yes)
}

#[cfg(feature = "remote")]
mod shown {
    use serde_json::json;

    use crate::cli::state::ago;
    use crate::copies::Manifest;

    /// What was fetched, and what a run needs besides.
    pub(super) fn text(directory: &str, manifest: &Manifest) -> String {
        let at = ago(manifest.at_ms);
        let bytes = manifest.bytes();
        let mut text = format!("{directory}: epoch {}, made {at}, {bytes} bytes\n", manifest.epoch);
        text.push_str("to go on from it a run needs\n");
        for (stream, path, bytes) in &manifest.inputs {
            text.push_str(&format!("  {path} ({stream}), as it was for {bytes} bytes at least\n"));
        }
        for (path, bytes) in &manifest.outputs {
            text.push_str(&format!(
                "  {path}, as it was for {bytes} bytes at least; what is behind them is cut off\n"
            ));
        }
        text
    }

    pub(super) fn json(directory: &str, manifest: &Manifest) -> String {
        let inputs = manifest.inputs.iter();
        let outputs = manifest.outputs.iter();
        let line = json!({
            "state": directory,
            "epoch": manifest.epoch,
            "at": manifest.at_ms,
            "bytes": manifest.bytes(),
            "inputs": inputs
                .map(|(stream, path, bytes)| json!({"stream": stream, "path": path, "bytes": bytes}))
                .collect::<Vec<_>>(),
            "outputs": outputs.map(|(path, bytes)| json!({"path": path, "bytes": bytes})).collect::<Vec<_>>(),
        });
        format!("{line}\n")
    }
}
