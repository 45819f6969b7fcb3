//! Events that were read before, read again with other fields.

use std::path::Path;

use crate::cli::CliError;
use crate::engine::{Unread, projection};
use crate::event::{Batch, PatternId};
use crate::io::{Identity, InputSource, Reading};
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
    let types = projection(program, patterns, unread.stream, false);
    let reading =
        Reading { stream: unread.stream, partition: unread.partition, types, format: None, follows: false };
    let mut source = InputSource::at_line(path, *first, stream, reading)
        .map_err(|error| CliError::unopened(mark.name.clone(), error))?;
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
