//! `ensue test --watch`: again whenever a file changes.
//!
//! Files are looked at a few times a second: their times and sizes, also of those that other files use, and which there are
//! in the directories. That is cheap for the files that people write, and works on every file system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::super::program::{counted, find_files, load};
use super::super::{CliError, Format, Verdict, note, print, run, show_error, style};
use super::{TestArgs, once};

/// How long a change may go unseen.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long nothing more may change before the tests are run: files are written in several steps.
const QUIET_FOR: Duration = Duration::from_millis(50);

/// What a file was like: when it was written, and how long it was. `None` where there is none.
type Stamp = Option<(SystemTime, u64)>;

/// Runs the tests again and again until a signal ends it, and answers as the last time.
pub(super) fn watch(args: &TestArgs) -> Result<Verdict, CliError> {
    let stop = run::stop_on_signals()?;
    // What changes while the tests run has another stamp afterwards.
    let mut used = used_by(args).unwrap_or_default();
    let mut stamps = look(&args.files, &used);
    let mut verdict = once(args)?;
    note(&format!("{} watching {}; ctrl-C ends", style::help("note:"), counted(stamps.len(), "file")));
    while let Some(changed) = next_change(&stop, args, &used, &stamps) {
        // A file that is just being replaced comes back.
        used = used_by(args).unwrap_or(used);
        stamps = look(&args.files, &used);
        if args.format == Format::Text {
            print(&format!("\n--- changed: {}\n", changed.display()))?;
        }
        match once(args) {
            Ok(answer) => verdict = answer,
            Err(error) if error.is_closed_pipe() => return Err(error),
            Err(error) => {
                show_error(&error);
                verdict = Verdict::No;
            }
        }
    }
    Ok(verdict)
}

/// The files that are read, with those that others use. `None` where one cannot be.
fn used_by(args: &TestArgs) -> Option<Vec<PathBuf>> {
    let loaded = load(&args.files).ok()?;
    Some(loaded.sources.files().iter().map(|file| file.path.clone()).collect())
}

/// Waits for a change, and until there is no more: a file that changed. `None` once it is to stop.
fn next_change(
    stop: &AtomicBool,
    args: &TestArgs,
    used: &[PathBuf],
    before: &BTreeMap<PathBuf, Stamp>,
) -> Option<PathBuf> {
    while !stop.load(Ordering::Relaxed) {
        let mut now = look(&args.files, used);
        let differs = |path: &&PathBuf| before.get(*path) != now.get(*path);
        let changed = now.keys().chain(before.keys()).find(differs).cloned();
        if let Some(changed) = changed {
            loop {
                std::thread::sleep(QUIET_FOR);
                let then = std::mem::replace(&mut now, look(&args.files, used));
                if then == now || stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            return Some(changed);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    None
}

/// The stamps of the files that the paths name, and of those that were used.
fn look(paths: &[PathBuf], used: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
    let mut all = used.to_vec();
    for path in paths {
        // What cannot be read now may come back.
        all.extend(find_files(std::slice::from_ref(path)).unwrap_or_else(|_| vec![path.clone()]));
    }
    all.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
