//! `ensue state verify`: whether a state is whole, and can be gone on from.

use clap::Args;
use serde_json::json;

use super::{Found, Place, open_store};
use crate::cli::{CliError, Format, Verdict, print};
use crate::runtime::epochs;

/// Read every record, check every sum, and see whether the engine takes it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue state verify state
  ensue state verify monday.savepoint && cp monday.savepoint /backup

Exit code 1: it is damaged.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: &VerifyArgs) -> Result<Verdict, CliError> {
    let (damages, said) = match examine(args) {
        Ok(examined) => examined,
        // What cannot even be opened is damaged too, and an answer.
        Err(error) if error.is_damage() => (vec![error.to_string()], String::new()),
        Err(error) => return Err(error),
    };
    let place = args.place.place.display();
    print(&match args.place.format {
        Format::Text if damages.is_empty() => format!("{place}: whole: {said}\n"),
        Format::Text => damages.iter().map(|line| format!("{place}: damaged: {line}\n")).collect(),
        Format::Json => {
            let line =
                json!({ "place": place.to_string(), "is_whole": damages.is_empty(), "damages": damages });
            format!("{line}\n")
        }
    })?;
    Ok(if damages.is_empty() { Verdict::Yes } else { Verdict::No })
}

/// What is damaged, and what is said if nothing is.
fn examine(args: &VerifyArgs) -> Result<(Vec<String>, String), CliError> {
    let place = &args.place.place;
    let store = open_store(place)?;
    let verified = store.verify()?;
    if !verified.is_whole() {
        let mut damages = verified.told;
        let more = verified.damages - damages.len() as u64;
        damages.extend((more > 0).then(|| format!("and {more} more places")));
        return Ok((damages, String::new()));
    }
    let Some(recovered) = epochs::recover(&*store)? else {
        return Ok((Vec::new(), format!("{} records, no epoch yet", verified.records)));
    };
    let found = Found { store, recovered };
    let (_, mut engine) = found.engine(place)?;
    let open: u64 = engine.open()?.iter().map(|open| open.open).sum();
    let mark = &found.recovered.mark;
    let said = format!(
        "epoch {}, {} records, {} bytes, {} keys, {open} open partial matches",
        mark.epoch,
        verified.records,
        verified.bytes,
        found.recovered.keys.len()
    );
    Ok((Vec::new(), said))
}
