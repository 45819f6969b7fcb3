//! `ensue state copies`: the copies of a state that are at a place.

use clap::Args;

use crate::cli::{CliError, Format, Verdict};

/// List the copies that `ensue run --copy-to` has made
///
/// Says for each which epoch it is of, when it was made, how large it is, and whether it is whole: every file is there
/// with its size. The answer is no (exit code 1) where one is not whole.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state copies s3://bucket/run-1
  ensue state copies file:///backup/run-1 --read")]
pub(super) struct CopiesArgs {
    /// Where the copies are: file:///PATH or s3://BUCKET/PREFIX
    #[arg(value_name = "URL")]
    url: String,

    /// Read all files, and see whether they are what was put
    #[arg(long)]
    read: bool,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[cfg(not(feature = "remote"))]
pub(super) fn run(_: &CopiesArgs) -> Result<Verdict, CliError> {
    Err(crate::cli::without_remote())
}

#[cfg(feature = "remote")]
pub(super) fn run(args: &CopiesArgs) -> Result<Verdict, CliError> {
    use crate::copies::{Place, list, wait_for};

    let place = Place::open(&args.url)?;
    let listed = wait_for(list(&place, args.read)).map_err(|source| CliError::Threads { source })??;
    let whole = listed.iter().all(|copy| copy.lacks.is_none());
    crate::cli::print(&match args.format {
        Format::Text => shown::text(place.url(), &listed),
        Format::Json => shown::json(&listed),
    })?;
    Ok(if whole { Verdict::Yes } else { Verdict::No })
}

#[cfg(feature = "remote")]
mod shown {
    use serde_json::json;

    use crate::cli::state::ago;
    use crate::copies::Listed;

    /// A line for each, the newest first.
    pub(super) fn text(url: &str, listed: &[Listed]) -> String {
        if listed.is_empty() {
            return format!("there is no copy in {url}\n");
        }
        let mut text = String::new();
        for copy in listed {
            let state = match &copy.lacks {
                None => "whole".to_owned(),
                Some(what) => format!("not whole: {what}"),
            };
            match &copy.manifest {
                Some(manifest) => {
                    let at = ago(manifest.at_ms);
                    let (files, bytes) = (manifest.files.len(), manifest.bytes());
                    text.push_str(&format!(
                        "epoch {}, made {at}, {files} files, {bytes} bytes, {state}\n",
                        manifest.epoch
                    ));
                }
                None => text.push_str(&format!("copies/{}, {state}\n", copy.name)),
            }
        }
        text
    }

    pub(super) fn json(listed: &[Listed]) -> String {
        let line = |copy: &Listed| {
            let manifest = copy.manifest.as_ref();
            let line = json!({
                "copy": copy.name,
                "epoch": manifest.map(|manifest| manifest.epoch),
                "at": manifest.map(|manifest| manifest.at_ms),
                "files": manifest.map(|manifest| manifest.files.len()),
                "bytes": manifest.map(|manifest| manifest.bytes()),
                "whole": copy.lacks.is_none(),
                "lacks": copy.lacks,
            });
            format!("{line}\n")
        };
        listed.iter().map(line).collect()
    }
}
