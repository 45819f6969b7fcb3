//! Every bound in one place, with its default and the reason for it.

/// The longest line of an input, in bytes. A longer one is a bad line.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// How much of an overlong line is kept for the dead-letter file, in bytes.
pub const OVERLONG_KEPT_BYTES: usize = 1024;

/// The buffer of a reader or writer of a file, in bytes.
pub const FILE_BUFFER_BYTES: usize = 256 << 10;

/// How many compressed files are decompressed each on a thread of its own, where several are read side by side; the others
/// are by the thread that decodes all. Each takes memory for three buffers.
pub const UNPACKERS_MAX: usize = 16;

/// Of how many events of a run it is counted how many meet what the steps of patterns ask of an event alone.
pub const SAMPLE_EVENTS: u64 = 1 << 18;

/// With more patterns than these it is not counted: it would take long.
pub const SAMPLE_PATTERNS_MAX: usize = 100;

/// How many texts of a field are kept for messages. Of a field with more of them none is shown.
pub const SAMPLE_TEXTS_MAX: usize = 50;

/// The most events of a batch that a reader builds.
pub const BATCH_EVENTS_MAX: usize = 4096;

/// How many bad lines a reader holds before it hands them over, and about how many bytes of them.
pub const BAD_LINES_HELD_MAX: usize = 256;

/// See [`BAD_LINES_HELD_MAX`].
pub const BAD_BYTES_HELD_MAX: usize = 1 << 20;

/// How many batches are read ahead of the engine over all inputs, one of each input at least: enough that neither waits
/// for a hiccup of the other.
pub const PIECES_AHEAD: usize = 4;

/// How many tasks the shards may work on, on threads of their own, while the engine prepares the next: enough that no
/// shard waits for another one's slow batch. Each is about a batch of every input.
pub const TASKS_AHEAD: usize = 3;

/// The most threads that shards can be spread over: each looks at every event, so that more would not pay.
pub const THREADS_MAX: u32 = 256;

/// The most open partial matches of a pattern over all keys, counted by their first events: more than a machine of usual
/// size holds, so that without being asked for the bound on memory comes first.
pub const OPEN_MAX: u64 = 100_000_000;

/// How often open partial matches are counted where they could be too many: after so many events, in event time. Between
/// two counts there may be so many more than the bound allows.
pub const OPEN_COUNT_EVENTS: u64 = 4096;

/// The most partial matches of one key that are kept one by one. One event looks at all of them, and under `then any` may
/// double them: at this number it takes milliseconds and some hundred megabytes.
pub const RUNS_PER_KEY_MAX: u64 = 1 << 18;

/// The most matches of a pattern that one event completes for a key: nobody reads a million records of one event, and
/// under `then any` it could be any power of what is open.
pub const MATCHES_PER_EVENT_MAX: u64 = 1_000_000;

/// The state of a run may take one part of so many of the memory there is, unless it is told otherwise. The rest is for
/// what is on its way, for what the allocator keeps, and for others.
pub const STATE_MEMORY_SHARE: u64 = 2;

/// The most positions that one pattern may unroll into: `a{1000}` has a thousand.
pub const POSITIONS_MAX: usize = 4096;

/// The most branches of `each of` and `k of`: every set of branches taken is a position.
pub const BRANCHES_MAX: usize = 8;

/// How deep expressions and groups may nest; deeper text is refused before it can exhaust the stack.
pub const NESTING_MAX: usize = 64;

/// The largest file that is read as a program, in bytes.
pub const PROGRAM_BYTES_MAX: usize = 16 << 20;

/// How deep the tree of one expression may be. A chain `a or b or c` is as deep as it has operators.
pub const EXPRESSION_DEPTH_MAX: usize = 256;

/// The most damaged places of a store that are told one by one. More of them are counted.
pub const DAMAGES_TOLD_MAX: usize = 100;

/// The most false alerts, and the most missed frauds, that the page of a backtest lists: a file has them all.
pub const CASES_LISTED_MAX: usize = 100;

/// The same for a terminal: enough to go on with, and the figures stay in sight.
pub const CASES_SHOWN_MAX: usize = 5;

/// What the store on disk keeps in memory of what it reads, in bytes. What is used often is in memory anyway.
pub const STORE_CACHE_BYTES: usize = 32 << 20;

/// What the store on disk collects in memory before it writes a sorted file, in bytes. It has at most three times as
/// much while one is written, and a commit that is larger than this besides.
pub const STORE_BUFFER_BYTES: usize = 32 << 20;

/// The most files that the store on disk holds open: fewer than a process may have by default on any system.
pub const STORE_FILES_OPEN_MAX: i32 = 256;

/// How many copies of a state stay at a place: where the newest is damaged, or holds what should not have happened, there are
/// others.
pub const COPIES_KEPT: usize = 3;

/// What is put to a place for copies, or got from it, as one, in bytes; larger files go in parts. It is held in memory, and
/// S3 takes no parts below 5 MiB.
pub const COPY_PART_BYTES: usize = 8 << 20;

/// How long the last copy of a run that a signal has stopped may take, in seconds: whoever stops a run soon kills it.
pub const LAST_COPY_SECONDS: u64 = 3;

/// How long nothing is said of copies that fail after something was said, in seconds.
pub const COPIES_TOLD_EVERY_SECONDS: u64 = 600;

/// The threads on which the store on disk writes and merges its files.
pub const STORE_THREADS: i32 = 2;

/// The most clients that the server of metrics talks to at once; others wait until one is done.
pub const CONNECTIONS_MAX: usize = 32;

/// How long a client may take to send its request.
pub const REQUEST_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// How long a client may take for everything, also for reading the answer.
pub const CONNECTION_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// The most bytes that the head of a request may have.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
