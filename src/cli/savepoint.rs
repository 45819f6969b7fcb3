//! `ensue savepoint`: the last epoch of a state directory as one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::state::{ago, open};
use super::{CliError, Format, Verdict, print};
use crate::state::{SavepointError, SavepointSize, write_savepoint};

/// Write the last epoch of a state directory to one file
///
/// The file is portable: `ensue run --from` begins with it, on another machine, with another number of threads, with a
/// later version. The run that has the directory goes on meanwhile. Outputs and inputs are not in it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue savepoint --state state --to monday.savepoint
  ensue run patterns/ --in transactions=tx.jsonl --out alert=new.jsonl \\
      --from monday.savepoint --state new-state
  ensue state ls monday.savepoint")]
pub(super) struct SavepointArgs {
    /// The state directory
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// The file, which must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Also put the file to file:///PATH or s3://BUCKET/PREFIX, below savepoints/: `ensue state fetch --savepoint` gets it
    #[arg(long, value_name = "URL")]
    copy_to: Option<String>,

    /// Replace the file where it is there
    #[arg(long)]
    replace: bool,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &SavepointArgs) -> Result<Verdict, CliError> {
    if !args.replace && args.to.symlink_metadata().is_ok() {
        let message = format!("{} is there already", args.to.display());
        return Err(CliError::asked(message, "name another file, or replace it with --replace"));
    }
    let put = args.copy_to.as_deref().map(Put::new).transpose()?;
    let found = open(&args.state)?;
    let size = write(&args.to, &mut |out| Ok(write_savepoint(&*found.store, &args.to, out)?))?;
    if let Some(put) = put {
        put.put(&args.to)?;
    }
    let mark = &found.recovered.mark;
    let SavepointSize { records, bytes } = size;
    print(&match args.format {
        Format::Text => format!(
            "{}: epoch {} of {}, written {}; {records} records, {bytes} bytes\n",
            args.to.display(),
            mark.epoch,
            args.state.display(),
            ago(mark.at_ms),
        ),
        Format::Json => {
            let line = json!({
                "savepoint": args.to.display().to_string(),
                "epoch": mark.epoch,
                "at": mark.at_ms,
                "records": records,
                "bytes": bytes,
            });
            format!("{line}\n")
        }
    })?;
    Ok(Verdict::Yes)
}

/// Where a savepoint is put besides.
#[cfg(feature = "remote")]
struct Put(crate::copies::Place);

#[cfg(feature = "remote")]
impl Put {
    fn new(url: &str) -> Result<Put, CliError> {
        Ok(Put(crate::copies::Place::open(url)?))
    }

    fn put(&self, path: &Path) -> Result<(), CliError> {
        let put = crate::copies::wait_for(crate::copies::put_savepoint(&self.0, path));
        Ok(put.map_err(|source| CliError::Threads { source })??)
    }
}

/// Nowhere, in this program.
#[cfg(not(feature = "remote"))]
enum Put {}

#[cfg(not(feature = "remote"))]
impl Put {
    fn new(_: &str) -> Result<Put, CliError> {
        Err(super::without_remote())
    }

    fn put(&self, _: &Path) -> Result<(), CliError> {
        match *self {}
    }
}

/// Writes a file under another name, puts it on the disk, and gives it its own name then: who sees it sees it whole.
fn write(
    path: &Path,
    work: &mut dyn FnMut(&mut dyn Write) -> Result<SavepointSize, CliError>,
) -> Result<SavepointSize, CliError> {
    let failed = |source| SavepointError::Io { doing: "write", path: path.to_owned(), source };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let done = fill(&temporary, work, &failed).and_then(|size| {
        fs::rename(&temporary, path).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(size)
    });
    if done.is_err() {
        // What is half written is of no use to anybody, and nobody else has it.
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn fill(
    temporary: &Path,
    work: &mut dyn FnMut(&mut dyn Write) -> Result<SavepointSize, CliError>,
    failed: &dyn Fn(io::Error) -> SavepointError,
) -> Result<SavepointSize, CliError> {
    let file = OpenOptions::new().write(true).create_new(true).open(temporary).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let size = work(&mut out)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(size)
}

/// Brings the name of a file to the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
