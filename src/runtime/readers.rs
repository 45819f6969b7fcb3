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
//! One thread reads all files; what is compressed is decompressed beside it ([`Unpacker`]). What may have to be waited for (standard input, a pipe, a file that is followed) has a
//! thread of its own, so that it keeps no other waiting.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::unpacker::Unpacker;
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
    /// For each partition where it is asked for.
    requests: Vec<Sender<usize>>,
    pieces: Receiver<(usize, Piece)>,
    /// For each partition what came while another was wanted.
    waiting: Vec<VecDeque<Piece>>,
    /// For each partition when the last piece was seen to have come.
    came_at: Vec<Instant>,
}

/// What one request gives: a step, and the bad lines on the way to it.
struct Piece {
    bad: Vec<BadLine>,
    step: io::Result<Step>,
}

impl Readers {
    /// Reads these partitions: on threads of their own where there is more than one core or one may have to be waited
    /// for.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn new(sources: Vec<InputSource>) -> io::Result<Readers> {
        let has_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let is_ahead = has_cores || sources.iter().any(InputSource::may_wait);
        if is_ahead { Readers::ahead(sources) } else { Ok(Readers::here(sources)) }
    }

    /// Reads on the thread that asks.
    pub fn here(mut sources: Vec<InputSource>) -> Readers {
        let watches = watches(&mut sources);
        Readers { coders: coders(&sources), watches, way: Way::Here(sources) }
    }

    /// Reads ahead on threads of their own. They end when the reader is dropped; one that waits for input is left to
    /// the end of the process.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no thread.
    pub fn ahead(mut sources: Vec<InputSource>) -> io::Result<Readers> {
        let watches = watches(&mut sources);
        for source in sources.iter_mut().filter(|source| source.is_compressed()).take(limits::UNPACKERS_MAX) {
            source.map_reader(|reader| Ok(Box::new(Unpacker::start(reader)?)))?;
        }
        let each = pieces_ahead(sources.len());
        let all = each * sources.len();
        let (answers, pieces) = bounded(all);
        let coders = coders(&sources);
        let waiting = sources.iter().map(|_| VecDeque::new()).collect();
        let came_at = vec![Instant::now(); sources.len()];
        let (alone, together): (Vec<_>, Vec<_>) =
            sources.into_iter().enumerate().partition(|(_, source)| source.may_wait());
        let groups = alone.into_iter().map(|one| vec![one]).chain([together]);
        let mut requests: BTreeMap<usize, Sender<usize>> = BTreeMap::new();
        for group in groups.filter(|group| !group.is_empty()) {
            let (ask, asked) = bounded(each * group.len());
            for (at, _) in (0..each).flat_map(|_| &group) {
                ask.send(*at).expect("the other end is here");
                requests.insert(*at, ask.clone());
            }
            let answers = answers.clone();
            let serve = move || serve(group.into_iter().collect(), &asked, &answers);
            thread::Builder::new().name("reader".to_owned()).spawn(serve)?;
        }
        let requests = requests.into_values().collect();
        Ok(Readers { way: Way::Ahead(Ahead { requests, pieces, waiting, came_at }), coders, watches })
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

    /// For how long nothing has come of a partition: `None` where its next events, or its end, are there. What has still to
    /// be read is waited for, so long at most. Only where partitions are read ahead can that be found out; elsewhere none
    /// is ever silent.
    pub fn silence(&mut self, at: usize, longest: Duration) -> Option<Duration> {
        match &mut self.way {
            Way::Here(_) => None,
            Way::Ahead(ahead) => ahead.silence(at, longest),
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
    fn silence(&mut self, at: usize, longest: Duration) -> Option<Duration> {
        let until = Instant::now() + longest;
        while self.waiting[at].is_empty() {
            match self.pieces.recv_deadline(until) {
                Ok(piece) => self.came(piece),
                Err(RecvTimeoutError::Timeout) => return Some(self.came_at[at].elapsed()),
                // Whoever takes it finds out.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        None
    }

    fn came(&mut self, (from, piece): (usize, Piece)) {
        self.waiting[from].push_back(piece);
        self.came_at[from] = Instant::now();
    }

    /// The next piece of a partition; asks for a further one.
    fn take(&mut self, at: usize) -> Piece {
        let piece = loop {
            if let Some(piece) = self.waiting[at].pop_front() {
                break piece;
            }
            let piece = self.pieces.recv().expect("the reader answers as long as it is asked");
            self.came(piece);
        };
        if matches!(piece.step, Ok(Step::Batch(..) | Step::Paused)) {
            self.requests[at].send(at).expect("the reader listens as long as it can be asked");
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

/// A reader's thread.
fn serve(
    mut sources: BTreeMap<usize, InputSource>,
    asked: &Receiver<usize>,
    answers: &Sender<(usize, Piece)>,
) {
    for at in asked {
        let source = sources.get_mut(&at).expect("it is asked for what it reads");
        if answers.send((at, Piece::read(source))).is_err() {
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
        let reading =
            Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
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
