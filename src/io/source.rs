//! A partition of a source stream: one file, or standard input, of JSON lines.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::json::JsonDecoder;
use super::lines::{Line, Lines, Position};
use super::{BadLine, BadReason, Watch};
use crate::event::{Batch, BatchBuilder, Coder, PartitionId, StreamId, Type, UncodedBatch};
use crate::lang::hir::Stream;
use crate::limits;

/// Where lines come from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// As it is named in messages.
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Stdin => "stdin".to_owned(),
        }
    }
}

/// Reads one partition as column batches.
///
/// The record number of an event is the number of its line, so that it names the same line after any restart.
pub struct JsonSource {
    lines: Lines<Box<dyn Read + Send>>,
    decoder: JsonDecoder,
    builder: BatchBuilder,
    /// For batches that are asked for whole.
    coder: Coder,
    stream: StreamId,
    name: String,
    /// Whether waiting for more input must not hold back what is already read.
    live: bool,
    /// Whether reading may wait for somebody who writes.
    may_wait: bool,
    /// Over the file, where it is one.
    watch: Option<Watch>,
}

/// How far reading came.
#[derive(Debug)]
pub enum Step {
    /// To the end of a batch, and how far the input was read then.
    Batch(UncodedBatch, Position),
    /// To as many bad lines as are held at once; the batch is still under way.
    Paused,
    /// To the end.
    End(Position),
}

impl JsonSource {
    /// Opens a partition. `types` says which fields are read: those with a type.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn open(
        input: &Input,
        id: StreamId,
        partition: PartitionId,
        stream: &Stream,
        types: Vec<Option<Type>>,
    ) -> io::Result<JsonSource> {
        let Input::File(path) = input else {
            let reader = Box::new(io::stdin());
            let source = JsonSource::new(reader, input.name(), id, partition, stream, types);
            return Ok(JsonSource { live: true, may_wait: true, ..source });
        };
        let file = open_file(path)?;
        let is_regular = file.metadata()?.is_file();
        let watch = if is_regular { Some(Watch::new(&file, path)?) } else { None };
        let source = JsonSource::new(Box::new(file), input.name(), id, partition, stream, types);
        Ok(JsonSource { may_wait: !is_regular, watch, ..source })
    }

    /// Opens a file where another has left it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn resume(
        path: &Path,
        at: Position,
        id: StreamId,
        partition: PartitionId,
        stream: &Stream,
        types: Vec<Option<Type>>,
    ) -> io::Result<JsonSource> {
        let mut file = open_file(path)?;
        file.seek(SeekFrom::Start(at.bytes))?;
        let watch = Some(Watch::new(&file, path)?);
        let name = path.display().to_string();
        let source = JsonSource::new(Box::new(io::empty()), name, id, partition, stream, types);
        Ok(JsonSource { lines: Lines::resume(Box::new(file), at), watch, ..source })
    }

    /// A partition that is read from anything; `name` is what messages call it.
    pub fn new(
        reader: Box<dyn Read + Send>,
        name: String,
        id: StreamId,
        partition: PartitionId,
        stream: &Stream,
        types: Vec<Option<Type>>,
    ) -> JsonSource {
        let decoder = JsonDecoder::new(stream, |field| types[field].is_some());
        let builder = BatchBuilder::new(id, partition, types);
        let lines = Lines::new(reader);
        JsonSource {
            lines,
            decoder,
            builder,
            coder: Coder::default(),
            stream: id,
            name,
            live: false,
            may_wait: false,
            watch: None,
        }
    }

    /// The watch over its file, to be had once; none where it is no file, and cannot be read again.
    pub fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take()
    }

    /// Whether reading may wait for somebody who writes: standard input, or a pipe.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream it is of.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The next events, at most `max` and at least one; `None` at the end. Lines that cannot become events go to
    /// `bad`, in order.
    ///
    /// # Errors
    ///
    /// Where the operating system cannot read on; nothing about the content is an error.
    pub fn read_batch(&mut self, max: usize, bad: &mut dyn FnMut(BadLine)) -> io::Result<Option<Batch>> {
        let mut held = Vec::new();
        loop {
            let step = self.read_step(max, &mut held);
            held.drain(..).for_each(&mut *bad);
            match step? {
                Step::Batch(batch, _) => return Ok(Some(self.coder.code(batch))),
                Step::Paused => {}
                Step::End(_) => return Ok(None),
            }
        }
    }

    /// Reads on to the end of a batch of at most `max` events, or until `bad` holds many lines: it is bounded, however
    /// many there are.
    ///
    /// # Errors
    ///
    /// Where the operating system cannot read on.
    pub fn read_step(&mut self, max: usize, bad: &mut Vec<BadLine>) -> io::Result<Step> {
        let mut bytes = 0;
        while self.builder.len() < max {
            if self.live && !self.builder.is_empty() && self.lines.would_read() {
                break;
            }
            let before = bad.len();
            if !self.read_line(bad)? {
                break;
            }
            bytes += bad[before..].iter().map(|bad| bad.text.len()).sum::<usize>();
            if bad.len() >= limits::BAD_LINES_HELD_MAX || bytes >= limits::BAD_BYTES_HELD_MAX {
                return Ok(Step::Paused);
            }
        }
        let is_end = self.builder.is_empty();
        let position = self.lines.position();
        Ok(if is_end { Step::End(position) } else { Step::Batch(self.builder.finish_uncoded(), position) })
    }

    /// Reads one line; `false` at the end.
    fn read_line(&mut self, bad: &mut Vec<BadLine>) -> io::Result<bool> {
        let Some((number, line)) = self.lines.next_line()? else { return Ok(false) };
        let (outcome, text) = match line {
            Line::Text(text) => (self.decoder.decode_row(text, number, &mut self.builder), text),
            Line::Overlong { bytes, start } => {
                (Err(BadReason::Overlong { bytes, max: limits::LINE_BYTES_MAX }), start)
            }
        };
        if let Err(reason) = outcome {
            let text = String::from_utf8_lossy(text).into_owned();
            bad.push(BadLine { stream: self.stream, path: self.name.clone(), line: number, reason, text });
        }
        Ok(true)
    }
}

/// Opens a file; a directory is refused here, where on some systems only reading it would fail.
fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Value;
    use crate::lang::hir::{Field, Origin};
    use crate::time::Duration;

    fn ticks() -> Stream {
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            doc: None,
            ty,
            nullable: false,
            path: vec![name.to_owned()],
        };
        Stream {
            name: "ticks".to_owned(),
            doc: None,
            fields: vec![field("at", Type::Timestamp), field("v", Type::Int)],
            origin: Origin::Source { time_field: 0, disorder: Duration::ZERO, idle: None },
        }
    }

    fn source(text: &'static [u8]) -> JsonSource {
        let types = vec![Some(Type::Timestamp), Some(Type::Int)];
        JsonSource::new(Box::new(text), "t.jsonl".to_owned(), StreamId(0), PartitionId(0), &ticks(), types)
    }

    #[test]
    fn good_lines_become_events_and_bad_ones_are_handed_over() {
        let mut source = source(b"{\"at\":1,\"v\":10}\n\nnope\n{\"at\":2,\"v\":\"x\"}\n{\"at\":3,\"v\":30}");
        let mut bad = Vec::new();
        let first = source.read_batch(1, &mut |line| bad.push(line)).expect("readable").expect("a row");
        assert_eq!((first.len(), first.record(0), first.value(0, 1)), (1, 1, Value::Int(10)));
        let rest = source.read_batch(100, &mut |line| bad.push(line)).expect("readable").expect("a row");
        assert_eq!((rest.len(), rest.record(0), rest.value(0, 1)), (1, 5, Value::Int(30)));
        assert!(source.read_batch(100, &mut |line| bad.push(line)).expect("readable").is_none());
        let places: Vec<_> = bad.iter().map(|line| (line.line, line.reason.label())).collect();
        assert_eq!(places, [(3, "malformed"), (4, "wrong_type")]);
        assert_eq!(bad[0].text, "nope");
    }

    /// Everything of a partition in batches of two: the lines of events and of bad lines, and how many there were at each
    /// position.
    fn read_all(mut source: JsonSource) -> (Vec<u64>, Vec<(usize, Position)>) {
        let (mut seen, mut positions) = (Vec::new(), Vec::new());
        loop {
            let mut bad = Vec::new();
            let step = source.read_step(2, &mut bad).expect("readable");
            seen.extend(bad.iter().map(|bad| bad.line + 1000));
            match step {
                Step::Paused => {}
                Step::Batch(batch, position) => {
                    let batch = source.coder.code(batch);
                    seen.extend((0..batch.len()).map(|row| batch.record(row)));
                    positions.push((seen.len(), position));
                }
                Step::End(position) => {
                    positions.push((seen.len(), position));
                    return (seen, positions);
                }
            }
        }
    }

    #[test]
    fn reading_goes_on_behind_any_batch() {
        let path = std::env::temp_dir().join(format!("ensue-resume-{}.jsonl", std::process::id()));
        let lines: Vec<String> = (0..12).map(|at| format!("{{\"at\":{at},\"v\":1}}\n")).collect();
        let text =
            format!("\u{feff}{}x\n\n{}\r\ny\n{}z", lines[0], lines[1..9].concat(), lines[9..].concat());
        std::fs::write(&path, &text).expect("written");
        let types = || vec![Some(Type::Timestamp), Some(Type::Int)];
        let (id, partition) = (StreamId(0), PartitionId(0));
        let input = Input::File(path.clone());
        let mut source = JsonSource::open(&input, id, partition, &ticks(), types()).expect("a file");
        let watch = source.take_watch().expect("a file");
        let (all, positions) = read_all(source);
        assert_eq!((all.len(), positions.len()), (15, 7));
        assert_eq!(positions[6].1.bytes, text.len() as u64);
        for (seen, at) in positions {
            let identity = watch.identity(at.bytes).expect("readable");
            assert_eq!(identity.check(&path, at.bytes).expect("readable"), Ok(()));
            let source = JsonSource::resume(&path, at, id, partition, &ticks(), types()).expect("a file");
            assert_eq!(read_all(source).0, all[seen..], "from {at:?}");
        }
        std::fs::remove_file(path).expect("it is there");
    }

    #[test]
    fn only_bad_lines_are_no_events() {
        let mut count = 0;
        let mut source = source(b"x\ny\n");
        assert!(source.read_batch(10, &mut |_| count += 1).expect("readable").is_none());
        assert_eq!(count, 2);
    }
}
