//! A partition of a source stream: one file, or standard input, of JSON lines or with columns, compressed or not.
//!
//! What it is is found out from its first bytes. A position is one in what was compressed: to go on means to decompress all
//! before it again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::csv::{self, CsvDecoder, HeaderError, dialect, header_line};
use super::follow::Follow;
use super::format::{InputFormat, compression_of, decompressed, format_of};
use super::json::JsonDecoder;
use super::lines::{Line, Lines, Position};
use super::meter::Metered;
use super::{BadLine, BadReason, Meter, Watch};
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
pub struct InputSource {
    lines: Lines<Box<dyn Read + Send>>,
    /// Known once the first bytes were read.
    decoder: Option<Decoder>,
    /// What the decoder is made of.
    wanted: Wanted,
    builder: BatchBuilder,
    /// For batches that are asked for whole.
    coder: Coder,
    stream: StreamId,
    name: String,
    /// Whether waiting for more input must not hold back what is already read.
    live: bool,
    /// Whether reading may wait for somebody who writes.
    may_wait: bool,
    /// Whether its first bytes have still to show that.
    may_be_compressed: bool,
    /// Whether it is a file that is decompressed.
    is_compressed: bool,
    /// Over the file, where it is one.
    watch: Option<Watch>,
    /// How much of the file was read, where it is one that does not grow.
    meter: Option<Meter>,
}

/// What is read of an input, and as what.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stream that it is of.
    pub stream: StreamId,
    /// The partition that it is.
    pub partition: PartitionId,
    /// For each field its type, where it is read.
    pub types: Vec<Option<Type>>,
    /// How it is written; found out from its first bytes where nobody has said it.
    pub format: Option<InputFormat>,
    /// Whether a file is read on where it ends: somebody still writes to it.
    pub follows: bool,
}

/// What a decoder is made of, while it is not known which.
struct Wanted {
    declared: Stream,
    is_kept: Vec<bool>,
    format: Option<InputFormat>,
}

enum Decoder {
    Json(Box<JsonDecoder>),
    /// With what stands between fields.
    Csv(Box<CsvDecoder>, u8),
    /// There is nothing to decode.
    Nothing,
}

/// Why an input cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system cannot.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its first line does not name the columns that are needed.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is compressed, and is to be followed.
    #[error("a compressed file cannot be followed: where it ends nothing can be added that would be read")]
    Compressed,
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

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        match error {
            OpenError::Io(error) => error,
            OpenError::Header(error) => io::Error::new(io::ErrorKind::InvalidData, error),
            OpenError::Compressed => io::Error::new(io::ErrorKind::Unsupported, error),
        }
    }
}

impl InputSource {
    /// Opens a partition of a stream that is declared so. Of a file its first line is read; of what may have to be waited
    /// for nothing is, yet.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(input: &Input, declared: &Stream, reading: Reading) -> Result<InputSource, OpenError> {
        let Input::File(path) = input else {
            let source = InputSource::new(Box::new(io::stdin()), input.name(), declared, reading);
            return Ok(InputSource { live: true, may_wait: true, may_be_compressed: true, ..source });
        };
        let file = open_file(path)?;
        if !file.metadata()?.is_file() {
            let source = InputSource::new(Box::new(file), input.name(), declared, reading);
            return Ok(InputSource { may_wait: true, may_be_compressed: true, ..source });
        }
        let watch = Some(Watch::new(&file, path)?);
        let is_compressed = compression_of(path)?.is_some();
        if reading.follows {
            if is_compressed {
                return Err(OpenError::Compressed);
            }
            let reader = Box::new(Follow::new(file, path.clone(), 0));
            let source = InputSource::new(reader, input.name(), declared, reading);
            return Ok(InputSource { watch, live: true, may_wait: true, ..source });
        }
        let meter = Meter::new(file.metadata()?.len());
        let reader = decompressed(Box::new(Metered::new(file, meter.clone())))?;
        let mut source = InputSource::new(reader, input.name(), declared, reading);
        source.begin()?;
        Ok(InputSource { watch, meter: Some(meter), is_compressed, ..source })
    }

    /// Opens a file where another has left it. What is compressed is decompressed up to there.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn resume(
        path: &Path,
        at: Position,
        declared: &Stream,
        reading: Reading,
    ) -> Result<InputSource, OpenError> {
        let input = Input::File(path.to_owned());
        if at == Position::default() {
            return InputSource::open(&input, declared, reading);
        }
        // Its first lines were read before: they need not be waited for.
        let follows = reading.follows;
        let mut source = InputSource::open(&input, declared, Reading { follows: false, ..reading })?;
        if !follows {
            let reader = reader_at(path, at.bytes, source.meter.as_ref())?;
            source.lines.go_to(reader, at);
            return Ok(source);
        }
        let mut file = open_file(path)?;
        file.seek(SeekFrom::Start(at.bytes))?;
        source.lines.go_to(Box::new(Follow::new(file, path.to_owned(), at.bytes)), at);
        Ok(InputSource { live: true, may_wait: true, meter: None, ..source })
    }

    /// Opens a file at a line, which is counted from 1. What is before it is read, but not decoded.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened or read.
    pub fn at_line(
        path: &Path,
        line: u64,
        declared: &Stream,
        reading: Reading,
    ) -> Result<InputSource, OpenError> {
        let mut source = InputSource::open(&Input::File(path.to_owned()), declared, reading)?;
        source.lines.skip_to(line)?;
        Ok(source)
    }

    /// A partition that is read from anything; `name` is what messages call it.
    pub fn new(
        reader: Box<dyn Read + Send>,
        name: String,
        declared: &Stream,
        reading: Reading,
    ) -> InputSource {
        let Reading { stream, partition, types, format, follows: _ } = reading;
        let is_kept = types.iter().map(Option::is_some).collect();
        InputSource {
            lines: Lines::new(reader),
            decoder: None,
            wanted: Wanted { declared: declared.clone(), is_kept, format },
            builder: BatchBuilder::new(stream, partition, types),
            coder: Coder::default(),
            stream,
            name,
            live: false,
            may_wait: false,
            may_be_compressed: false,
            is_compressed: false,
            watch: None,
            meter: None,
        }
    }

    /// Finds out what it is. Reads up to the end of the first line.
    fn begin(&mut self) -> Result<(), OpenError> {
        if self.may_be_compressed {
            self.map_reader(decompressed)?;
        }
        let Wanted { declared, is_kept, format } = &self.wanted;
        let head = self.lines.head()?;
        let format = format.unwrap_or_else(|| format_of(head, &self.name, declared));
        if format == InputFormat::Json {
            let decoder = JsonDecoder::new(declared, |field| is_kept[field]);
            self.decoder = Some(Decoder::Json(Box::new(decoder)));
            return Ok(());
        }
        let dialect = dialect(head, Some(declared))?;
        let separator = dialect.separator.unwrap_or(b',');
        self.lines.set_dialect(dialect);
        self.decoder = Some(Decoder::Nothing);
        while let Some((_, line)) = self.lines.next_line()? {
            let header = match line {
                Line::Text(text) | Line::Unclosed(text) | Line::Overlong { start: text, .. } => text,
            };
            if header_line(header) {
                let decoder = CsvDecoder::new(declared, header, separator, |field| is_kept[field])?;
                self.decoder = Some(Decoder::Csv(Box::new(decoder), separator));
                break;
            }
        }
        Ok(())
    }

    /// The watch over its file, to be had once; none where it is no file, and cannot be read again.
    pub fn take_watch(&mut self) -> Option<Watch> {
        self.watch.take()
    }

    /// How much of the file was read, also while it is read elsewhere; none where it is no file, or grows.
    pub fn meter(&self) -> Option<Meter> {
        self.meter.clone()
    }

    /// Whether reading may wait for somebody who writes: of standard input, a pipe, or a file that is followed.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Whether it is a file that is decompressed while it is read.
    pub fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Puts something between what is read and its lines, such as a thread that reads ahead.
    ///
    /// # Errors
    ///
    /// Those of `map`; then nothing comes any more.
    pub fn map_reader(
        &mut self,
        map: impl FnOnce(Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>>,
    ) -> io::Result<()> {
        self.lines.map_reader(Box::new(io::empty()), map)
    }

    /// Whether what was read can be read again: of a file.
    pub fn can_be_read_again(&self) -> bool {
        self.watch.is_some()
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
        if self.decoder.is_none() {
            self.begin()?;
        }
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
        let (outcome, text) = match (line, &mut self.decoder) {
            (Line::Text(text), Some(Decoder::Json(decoder))) => {
                (decoder.decode_row(text, number, &mut self.builder), text)
            }
            (Line::Text(text), Some(Decoder::Csv(decoder, _))) => {
                (decoder.decode_row(text, number, &mut self.builder), text)
            }
            (Line::Unclosed(text), Some(Decoder::Csv(_, separator))) => {
                (Err(csv::unclosed(text, *separator)), text)
            }
            (Line::Overlong { bytes, start }, _) => {
                (Err(BadReason::Overlong { bytes, max: limits::LINE_BYTES_MAX }), start)
            }
            // There is no line behind nothing, and a quote opens only where there are columns.
            (Line::Text(_) | Line::Unclosed(_), _) => return Ok(false),
        };
        if let Err(reason) = outcome {
            let place = match &self.decoder {
                Some(Decoder::Json(decoder)) => decoder.place(&reason, text),
                Some(Decoder::Csv(decoder, _)) => decoder.place(&reason, text),
                Some(Decoder::Nothing) | None => text.len()..text.len(),
            };
            let (path, text) = (self.name.clone(), String::from_utf8_lossy(text).into_owned());
            bad.push(BadLine { stream: self.stream, path, line: number, reason, text, place });
        }
        Ok(true)
    }
}

/// What a file has behind so many bytes, decompressed.
fn reader_at(path: &Path, bytes: u64, meter: Option<&Meter>) -> io::Result<Box<dyn Read + Send>> {
    let mut file = open_file(path)?;
    let is_compressed = compression_of(path)?.is_some();
    let start = if is_compressed { 0 } else { bytes };
    file.seek(SeekFrom::Start(start))?;
    let file: Box<dyn Read + Send> = match meter {
        Some(meter) => {
            meter.go_to(start);
            Box::new(Metered::new(file, meter.clone()))
        }
        None => Box::new(file),
    };
    if !is_compressed {
        return Ok(file);
    }
    let mut reader = decompressed(file)?;
    io::copy(&mut reader.by_ref().take(bytes), &mut io::sink())?;
    Ok(reader)
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
    use crate::lang::hir::{Field, Form, Origin};
    use crate::time::Duration;

    fn ticks() -> Stream {
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            doc: None,
            ty,
            nullable: false,
            path: vec![name.to_owned()],
            form: Form::Plain,
        };
        Stream {
            name: "ticks".to_owned(),
            doc: None,
            fields: vec![field("at", Type::Timestamp), field("v", Type::Int)],
            origin: Origin::Source { time_field: 0, disorder: Duration::ZERO, idle: None },
        }
    }

    fn reading() -> Reading {
        let types = vec![Some(Type::Timestamp), Some(Type::Int)];
        Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false }
    }

    fn source(text: &'static [u8]) -> InputSource {
        InputSource::new(Box::new(text), "t.jsonl".to_owned(), &ticks(), reading())
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
    fn read_all(mut source: InputSource) -> (Vec<u64>, Vec<(usize, Position)>) {
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
        let input = Input::File(path.clone());
        let mut source = InputSource::open(&input, &ticks(), reading()).expect("a file");
        let watch = source.take_watch().expect("a file");
        let (all, positions) = read_all(source);
        assert_eq!((all.len(), positions.len()), (15, 7));
        assert_eq!(positions[6].1.bytes, text.len() as u64);
        for (seen, at) in positions {
            let identity = watch.identity(at.bytes).expect("readable");
            assert_eq!(identity.check(&path, at.bytes).expect("readable"), Ok(()));
            let source = InputSource::resume(&path, at, &ticks(), reading()).expect("a file");
            assert_eq!(read_all(source).0, all[seen..], "from {at:?}");
        }
        std::fs::remove_file(path).expect("it is there");
    }

    #[test]
    fn a_line_is_found_by_its_number() {
        let path = std::env::temp_dir().join(format!("ensue-lines-{}.csv", std::process::id()));
        std::fs::write(&path, "at,v,w\n1,1,\"x\ny\"\n\n2,2,\n3,3,").expect("written");
        for (line, expected) in
            [(1, [2, 5, 6].as_slice()), (2, &[2, 5, 6]), (4, &[5, 6]), (5, &[5, 6]), (6, &[6]), (9, &[])]
        {
            let source = InputSource::at_line(&path, line, &ticks(), reading()).expect("a file");
            assert_eq!(read_all(source).0, expected, "{line}");
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
