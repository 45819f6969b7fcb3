//! Events that were read before, read again with other fields.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::cli::CliError;
use crate::engine::{Unread, projection};
use crate::event::{Batch, PatternId};
use crate::io::{Identity, JsonSource, Position};
use crate::lang::hir::Program;
use crate::limits;
use crate::runtime::epochs::InputMark;

/// Reads events of a partition again, with the fields that some patterns read. They are found by the numbers of their
/// lines.
pub(super) fn reread(
    program: &Program,
    patterns: &[PatternId],
    marks: &[InputMark],
    unread: &Unread,
) -> Result<Vec<Batch>, CliError> {
    let stream = program.stream(unread.stream);
    let is_it = |mark: &&InputMark| mark.stream == stream.name && mark.partition == unread.partition.0;
    let (Some(mark), Some((first, last))) =
        (marks.iter().find(is_it), unread.records.first().zip(unread.records.last()))
    else {
        return Ok(Vec::new());
    };
    let failed = |source| CliError::Read { path: mark.name.clone(), source };
    let path = Path::new(&mark.name);
    let identity = Identity::from_bytes(mark.identity.clone());
    if let Err(mismatch) = identity.check(path, mark.bytes).map_err(failed)? {
        return Err(CliError::asked(
            format!(
                "events that wait in the state are to be read again for the new patterns, and {} is not the file that \
                 was read before: {mismatch}",
                mark.name
            ),
            "put the file back as it was, or begin anew with another --state",
        ));
    }
    let at = Position { bytes: start_of_line(path, *first).map_err(failed)?, lines: first - 1 };
    let types = projection(program, patterns, unread.stream, false);
    let mut source =
        JsonSource::resume(path, at, unread.stream, unread.partition, stream, types).map_err(failed)?;
    let mut batches = Vec::new();
    // What is no event now is left out, as it would be if it were read for the first time.
    while let Some(batch) = source.read_batch(limits::BATCH_EVENTS_MAX, &mut |_| {}).map_err(failed)? {
        let is_behind = !batch.is_empty() && batch.record(batch.len() - 1) >= *last;
        batches.push(batch);
        if is_behind {
            break;
        }
    }
    Ok(batches)
}

/// Where a line begins; they are counted from 1.
fn start_of_line(path: &Path, line: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut at, mut left) = (0, line - 1);
    while left > 0 {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let mut taken = 0;
        for (place, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' {
                (left, taken) = (left - 1, place + 1);
                if left == 0 {
                    break;
                }
            }
        }
        if left > 0 {
            taken = bytes.len();
        }
        at += taken as u64;
        reader.consume(taken);
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_number() {
        let path = std::env::temp_dir().join(format!("ensue-lines-{}", std::process::id()));
        std::fs::write(&path, "a\nbcd\n\nefg").expect("a file");
        let starts = (1..=5).map(|line| start_of_line(&path, line).expect("it can be read"));
        assert_eq!(starts.collect::<Vec<_>>(), [0, 2, 6, 7, 10]);
    }
}
