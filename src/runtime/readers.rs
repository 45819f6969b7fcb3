//! Reads the partitions of a run, ahead of the engine where there is a core for it.
//!
//! ```text
//! engine's thread --number of a partition--> reader's thread --its next piece--> engine's thread
//! ```
//!
//! The engine's side decides which partition it takes from next, by event time; the reader only has the next pieces of
//! each ready before they are asked for, all but the codes of their texts. So what is taken, and in which order bad lines are seen, is the same as without
//! a thread. For each partition a fixed number of pieces is asked for in advance, and one more whenever one is taken:
//! that bounds both channels, and neither side ever waits to send.
//!
//! One thread reads all partitions, so none may keep it waiting while another is wanted. Where that could be (standard
//! input or a pipe beside other inputs) partitions are read on the engine's thread, one at a time.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::event::{Batch, Coder};
use crate::io::{BadLine, Identity, InputSource, Position, Step, Watch};
use crate::limits;

/// The partitions of a run, by their number in the order given.
pub struct Readers {
    way: Way,
    /// For each partition.
    coders: Vec<Coder>,
    /// For each partition over its file, where it is one: the file itself may be read on another thread.
    watches: Vec<Option<Watch>>,
}

enum Way {
    Here(Vec<InputSource>),
    Ahead(Ahead),
}

/// The engine's side of a reader's thread.
struct Ahead {
    requests: Sender<usize>,
    pieces: Receiver<(usize, Piece)>,
    /// For each partition what came while another was wanted.
    waiting: Vec<VecDeque<Piece>>,
}

/// What one request gives: a step, and the bad lines on the way to it.
struct Piece {
    bad: Vec<BadLine>,
    step: io::Result<Step>,
}

impl Readers {
    /// Reads these partitions: on a thread of its own where there is more than one core and no partition could keep the
    /// others waiting.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn new(sources: Vec<InputSource>) -> io::Result<Readers> {
        let is_alone = sources.len() == 1 || !sources.iter().any(InputSource::may_wait);
        let has_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        if is_alone && has_cores { Readers::ahead(sources) } else { Ok(Readers::here(sources)) }
    }

    /// Reads on the thread that asks.
    pub fn here(mut sources: Vec<InputSource>) -> Readers {
        let watches = watches(&mut sources);
        Readers { coders: coders(&sources), watches, way: Way::Here(sources) }
    }

    /// Reads ahead on a thread of its own. It ends when the reader is dropped; one that waits for input is left to the
    /// end of the process.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn ahead(mut sources: Vec<InputSource>) -> io::Result<Readers> {
        let watches = watches(&mut sources);
        let each = pieces_ahead(sources.len());
        let all = each * sources.len();
        let (requests, asked) = bounded(all);
        let (answers, pieces) = bounded(all);
        for at in (0..each).flat_map(|_| 0..sources.len()) {
            requests.send(at).expect("the other end is here");
        }
        let waiting = sources.iter().map(|_| VecDeque::new()).collect();
        let coders = coders(&sources);
        let serve = move || serve(sources, &asked, &answers);
        thread::Builder::new().name("reader".to_owned()).spawn(serve)?;
        Ok(Readers { way: Way::Ahead(Ahead { requests, pieces, waiting }), coders, watches })
    }

    /// The next events of a partition, and how far it was read for them; `None` at its end, after which it is not asked
    /// again. Its bad lines go to `bad`, in order.
    ///
    /// # Errors
    ///
    /// Where the operating system cannot read on.
    pub fn read_batch(
        &mut self,
        at: usize,
        bad: &mut dyn FnMut(BadLine),
    ) -> io::Result<(Option<Batch>, Position)> {
        loop {
            let piece = match &mut self.way {
                Way::Here(sources) => Piece::read(&mut sources[at]),
                Way::Ahead(ahead) => ahead.take(at),
            };
            piece.bad.into_iter().for_each(&mut *bad);
            match piece.step? {
                Step::Batch(batch, position) => return Ok((Some(self.coders[at].code(batch)), position)),
                Step::Paused => {}
                Step::End(position) => return Ok((None, position)),
            }
        }
    }

    /// Whether the next events of a partition do not come for so long. Only where partitions are read ahead can that be
    /// found out.
    pub fn is_silent(&mut self, at: usize, longest: Duration) -> bool {
        match &mut self.way {
            Way::Here(_) => false,
            Way::Ahead(ahead) => ahead.is_silent(at, longest),
        }
    }

    /// Whether to read may take until somebody writes, however long that is.
    pub fn may_block(&self) -> bool {
        match &self.way {
            Way::Here(sources) => sources.iter().any(InputSource::may_wait),
            Way::Ahead(_) => false,
        }
    }

    /// How many pieces are read and not yet taken.
    pub fn pieces_ahead(&self) -> usize {
        match &self.way {
            Way::Here(_) => 0,
            Way::Ahead(Ahead { pieces, waiting, .. }) => {
                pieces.len() + waiting.iter().map(VecDeque::len).sum::<usize>()
            }
        }
    }

    /// By what the file of a partition is known again of which so many bytes were read, also if it has another name by
    /// now; none where it is no file.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or has become shorter.
    pub fn identity(&self, at: usize, bytes: u64) -> io::Result<Option<Identity>> {
        self.watches[at].as_ref().map(|watch| watch.identity(bytes)).transpose()
    }
}

impl Piece {
    fn read(source: &mut InputSource) -> Piece {
        let mut bad = Vec::new();
        let step = source.read_step(limits::BATCH_EVENTS_MAX, &mut bad);
        Piece { bad, step }
    }
}

impl Ahead {
    fn is_silent(&mut self, at: usize, longest: Duration) -> bool {
        while self.waiting[at].is_empty() {
            match self.pieces.recv_timeout(longest) {
                Ok((from, piece)) => self.waiting[from].push_back(piece),
                Err(RecvTimeoutError::Timeout) => return true,
                // Whoever takes it finds out.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        false
    }

    /// The next piece of a partition; asks for a further one.
    fn take(&mut self, at: usize) -> Piece {
        let piece = loop {
            if let Some(piece) = self.waiting[at].pop_front() {
                break piece;
            }
            let (from, piece) = self.pieces.recv().expect("the reader answers as long as it is asked");
            self.waiting[from].push_back(piece);
        };
        if matches!(piece.step, Ok(Step::Batch(..) | Step::Paused)) {
            self.requests.send(at).expect("the reader listens as long as it can be asked");
        }
        piece
    }
}

fn watches(sources: &mut [InputSource]) -> Vec<Option<Watch>> {
    sources.iter_mut().map(InputSource::take_watch).collect()
}

fn coders(sources: &[InputSource]) -> Vec<Coder> {
    sources.iter().map(|_| Coder::default()).collect()
}

/// How many pieces of each partition are ready or under way.
fn pieces_ahead(partitions: usize) -> usize {
    (limits::PIECES_AHEAD / partitions.max(1)).max(1)
}

/// The reader's thread.
fn serve(mut sources: Vec<InputSource>, asked: &Receiver<usize>, answers: &Sender<(usize, Piece)>) {
    for at in asked {
        if answers.send((at, Piece::read(&mut sources[at]))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{PartitionId, StreamId, Type};
    use crate::io::Reading;
    use crate::lang::hir::{Field, Form, Origin, Stream};
    use crate::time::Duration as EventDuration;

    fn source(text: String) -> InputSource {
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            doc: None,
            ty,
            nullable: false,
            path: vec![name.to_owned()],
            form: Form::Plain,
        };
        let stream = Stream {
            name: "ticks".to_owned(),
            doc: None,
            fields: vec![field("at", Type::Timestamp)],
            origin: Origin::Source { time_field: 0, disorder: EventDuration::ZERO, idle: None },
        };
        let reader = Box::new(io::Cursor::new(text.into_bytes()));
        let types = vec![Some(Type::Timestamp)];
        let reading = Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None };
        InputSource::new(reader, "t".to_owned(), &stream, reading)
    }

    /// So many events, with so many bad lines before each.
    fn text(events: usize, bad: usize) -> String {
        (0..events).map(|at| format!("{}{{\"at\":{at}}}\n", "x\n".repeat(bad))).collect()
    }

    /// Everything of some partitions, taken in turns: what it is, and from where.
    fn read(mut readers: Readers, partitions: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let mut open: Vec<usize> = (0..partitions).collect();
        while !open.is_empty() {
            open.retain(|at| {
                let mut bad = |line: BadLine| seen.push(format!("{at}: bad {}", line.line));
                let (batch, position) = readers.read_batch(*at, &mut bad).expect("memory can be read");
                seen.push(format!("{at}: {position:?}"));
                seen.push(format!("{at}: {:?}", batch.as_ref().map(|batch| (batch.len(), batch.record(0)))));
                batch.is_some()
            });
        }
        seen
    }

    #[test]
    fn reading_ahead_gives_the_same_in_the_same_order() {
        for partitions in [1, 2, 5] {
            let sources = || {
                let shape = |at: usize| match at {
                    0 => text(20_000, 0),
                    1 => text(5000, 3),
                    2 => String::new(),
                    _ => text(3, 1000),
                };
                (0..partitions).map(|at| source(shape(at))).collect()
            };
            let here = read(Readers::here(sources()), partitions);
            let ahead = read(Readers::ahead(sources()).expect("a thread"), partitions);
            assert_eq!(here, ahead);
            assert!(here.len() > partitions);
        }
    }

    #[test]
    fn it_may_be_dropped_at_any_time() {
        let mut readers = Readers::ahead(vec![source(text(50_000, 0))]).expect("a thread");
        readers.read_batch(0, &mut |bad| panic!("{bad:?}")).expect("readable").0.expect("events");
    }
}
