//! Where lines go: a file, standard output, or the dead letters of a stream.

use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use super::output::{FileOutput, Unsynced};
use super::{BadLine, Resume, push_string};
use crate::limits;

/// A buffered output. A closed pipe comes back as [`io::ErrorKind::BrokenPipe`]: the reader has seen enough, and the
/// caller ends quietly.
#[derive(Debug)]
pub enum Sink {
    /// A file, or what has the name of one.
    File(FileOutput),
    /// Standard output.
    Stdout(BufWriter<Stdout>),
}

impl Sink {
    /// Makes a file, or empties it.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    pub fn create(path: &Path) -> io::Result<Sink> {
        FileOutput::create(path).map(Sink::File)
    }

    /// Opens a file that another run has left, and cuts it back to what that run is known to have written.
    ///
    /// # Errors
    ///
    /// [`Resume`].
    pub fn resume(path: &Path, length: u64) -> Result<Sink, Resume> {
        FileOutput::resume(path, length).map(Sink::File)
    }

    /// Writes what is buffered. Gives the length of the file, and what is to be put on the disk before it can be relied on;
    /// nothing of what cannot be cut back to a length, which is standard output, a pipe or a device.
    ///
    /// # Errors
    ///
    /// What the operating system says; that the file has another length than what was written.
    pub fn mark(&mut self) -> io::Result<Option<(u64, Unsynced)>> {
        match self {
            Sink::File(file) => file.mark(),
            Sink::Stdout(stdout) => stdout.flush().map(|()| None),
        }
    }

    /// Standard output.
    pub fn stdout() -> Sink {
        Sink::Stdout(BufWriter::with_capacity(limits::FILE_BUFFER_BYTES, io::stdout()))
    }

    /// Writes a whole line or several, ends included.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Sink::File(file) => file.write(lines),
            Sink::Stdout(stdout) => stdout.write_all(lines),
        }
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File(file) => file.flush(),
            Sink::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// The bad lines of one stream, each with its place and reason. The file is made with the first of them.
#[derive(Debug)]
pub struct DeadLetters {
    path: PathBuf,
    file: Option<FileOutput>,
    buffer: Vec<u8>,
}

impl DeadLetters {
    /// Dead letters for this file, which is not yet made.
    pub fn new(path: PathBuf) -> DeadLetters {
        DeadLetters { path, file: None, buffer: Vec::new() }
    }

    /// Dead letters for a file that another run has left.
    ///
    /// # Errors
    ///
    /// [`Resume`].
    pub fn resume(path: PathBuf, length: u64) -> Result<DeadLetters, Resume> {
        let file = Some(FileOutput::resume(&path, length)?);
        Ok(DeadLetters { path, file, buffer: Vec::new() })
    }

    /// As [`Sink::mark`], once the file is made.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn mark(&mut self) -> io::Result<Option<(u64, Unsynced)>> {
        self.file.as_mut().map_or(Ok(None), FileOutput::mark)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a bad line.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn write(&mut self, stream: &str, bad: &BadLine) -> io::Result<()> {
        self.buffer.clear();
        push_bad_line(&mut self.buffer, stream, bad);
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(FileOutput::create(&self.path)?),
        };
        file.write(&self.buffer)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), FileOutput::flush)
    }
}

/// Appends a bad line as a JSON line.
pub fn push_bad_line(out: &mut Vec<u8>, stream: &str, bad: &BadLine) {
    let line = bad.line.to_string();
    let message = bad.reason.to_string();
    out.extend_from_slice(b"{\"stream\":");
    push_string(out, stream);
    out.extend_from_slice(b",\"file\":");
    push_string(out, &bad.path);
    out.extend_from_slice(b",\"line\":");
    out.extend_from_slice(line.as_bytes());
    for (name, text) in [("reason", bad.reason.label()), ("message", &message), ("text", &bad.text)] {
        out.push(b',');
        push_string(out, name);
        out.push(b':');
        push_string(out, text);
    }
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StreamId;
    use crate::io::BadReason;

    #[test]
    fn a_bad_line_says_where_it_stood_and_why() {
        let bad = BadLine {
            stream: StreamId(0),
            path: "tx.jsonl".to_owned(),
            line: 7,
            reason: BadReason::MissingField { field: "card".to_owned(), null: false },
            text: "{\"at\":1}".to_owned(),
            place: 7..8,
        };
        let mut out = Vec::new();
        push_bad_line(&mut out, "transactions", &bad);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "{\"stream\":\"transactions\",\"file\":\"tx.jsonl\",\"line\":7,\"reason\":\"missing_field\",\
             \"message\":\"field `card` is missing\",\"text\":\"{\\\"at\\\":1}\"}\n"
        );
    }

    #[test]
    fn the_file_of_dead_letters_is_made_only_when_needed() {
        let path = std::env::temp_dir().join(format!("ensue-dead-{}.jsonl", std::process::id()));
        let mut letters = DeadLetters::new(path.clone());
        letters.flush().expect("nothing to do");
        assert!(!path.exists());
        let bad = BadLine {
            stream: StreamId(0),
            path: "t".to_owned(),
            line: 1,
            reason: BadReason::NotUtf8 { column: 1 },
            text: String::new(),
            place: 0..0,
        };
        letters.write("s", &bad).expect("writable");
        letters.flush().expect("writable");
        assert!(std::fs::read_to_string(&path).expect("the file").contains("not_utf8"));
        std::fs::remove_file(&path).expect("the file");
    }
}
