//! The files of an answer: alerts, frauds, the page.
//!
//! They are opened before the run and written after it: nobody waits an hour to hear that a folder is not there. What is in
//! them stays until there is something new; one that was made and not written, as the run has failed, is taken away again.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::compare::Comparison;
use super::report::Report;
use super::{BacktestArgs, cases, html};
use crate::cli::CliError;
use crate::cli::run::Ready;
use crate::event::Value;
use crate::io::NamedRows;
use crate::limits;

/// The files that are asked for.
#[derive(Debug)]
pub(super) struct AnswerFiles {
    alerts: Option<AnswerFile>,
    frauds: Option<AnswerFile>,
    page: Option<AnswerFile>,
}

/// A file that can be written, and is not yet.
#[derive(Debug)]
struct AnswerFile {
    path: PathBuf,
    file: File,
    /// Whether nothing was there, and nothing is.
    is_new: bool,
}

impl AnswerFiles {
    /// Opens them.
    ///
    /// # Errors
    ///
    /// Where one cannot be written, or is something else already.
    pub(super) fn open(args: &BacktestArgs, ready: &Ready) -> Result<AnswerFiles, CliError> {
        let asked =
            [("--alerts-out", &args.alerts_out), ("--frauds-out", &args.frauds_out), ("--html", &args.html)];
        let mut named: Vec<(&str, &Path)> =
            args.label_file.iter().map(|path| ("--label-file", path.as_path())).collect();
        for (option, path) in asked {
            let Some(path) = path else { continue };
            if path.as_os_str() == "-" {
                return Err(CliError::asked(
                    format!("{option} needs a file: the tables go to standard output"),
                    format!("{option} FILE; columns where its name ends with .csv or .tsv"),
                ));
            }
            ready.refuse_overwriting(path)?;
            if let Some((other, _)) = named.iter().find(|(_, other)| is_same(path, other)) {
                let message = format!("{other} and {option} are one file, {}", path.display());
                return Err(CliError::asked(message, "name two"));
            }
            named.push((option, path));
        }
        let open = |path: &Option<PathBuf>| path.as_deref().map(AnswerFile::open).transpose();
        Ok(AnswerFiles {
            alerts: open(&args.alerts_out)?,
            frauds: open(&args.frauds_out)?,
            page: open(&args.html)?,
        })
    }

    /// Writes all of them.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub(super) fn write(self, report: &Report, comparison: &Comparison) -> Result<(), CliError> {
        if let Some(file) = self.alerts {
            let rows = NamedRows::new(&file.path, cases::alert_names(&comparison.key));
            file.write_rows(&rows, cases::alert_rows(comparison))?;
        }
        if let Some(file) = self.frauds {
            let rows = NamedRows::new(&file.path, cases::fraud_names(&comparison.key));
            file.write_rows(&rows, cases::fraud_rows(comparison))?;
        }
        match self.page {
            Some(file) => file.write(|file| file.write_all(html::page(report).as_bytes())),
            None => Ok(()),
        }
    }
}

impl AnswerFile {
    fn open(path: &Path) -> Result<AnswerFile, CliError> {
        let is_new = !path.exists();
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| CliError::Write { path: path.display().to_string(), source })?;
        Ok(AnswerFile { path: path.to_owned(), file, is_new })
    }

    fn write_rows(self, rows: &NamedRows, values: impl Iterator<Item = Vec<Value>>) -> Result<(), CliError> {
        self.write(|file| {
            let mut lines = Vec::new();
            rows.push_header(&mut lines);
            for row in values {
                rows.push(&mut lines, &row);
                if lines.len() >= limits::FILE_BUFFER_BYTES {
                    file.write_all(&lines)?;
                    lines.clear();
                }
            }
            file.write_all(&lines)
        })
    }

    /// Empties it, and lets somebody write it.
    fn write(mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), CliError> {
        self.is_new = false;
        let is_file = self.file.metadata().is_ok_and(|data| data.is_file());
        // A pipe or a device has no length.
        let emptied = if is_file { self.file.set_len(0) } else { Ok(()) };
        let written = emptied.and_then(|()| write(&mut self.file));
        written.map_err(|source| CliError::Write { path: self.path.display().to_string(), source })
    }
}

impl Drop for AnswerFile {
    fn drop(&mut self) {
        if self.is_new {
            // It is empty, and that it is left is no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether two paths lead to one file, also where it is not there yet. A device is not written in one piece anyway.
fn is_same(one: &Path, other: &Path) -> bool {
    let is_device = one.metadata().is_ok_and(|data| !data.is_file());
    let real =
        |path: &Path| path.canonicalize().unwrap_or_else(|_| std::path::absolute(path).unwrap_or_default());
    !is_device && real(one) == real(other)
}
