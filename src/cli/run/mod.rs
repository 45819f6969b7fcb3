//! `ensue run`: patterns over files.
//!
//! ```text
//! arguments, ensue.toml --plan--> what is read and written --feed--> engine --> outputs
//!                                                                          \-> summary
//! ```

mod asked;
mod bad;
mod begin;
mod bindings;
mod copying;
mod durable;
mod feed;
mod listen;
mod memory;
mod observed;
mod outputs;
mod part;
mod partitions;
mod plan;
mod progress;
mod resume;
mod sample;
mod summary;
mod unread;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

pub(super) use self::asked::Asked;
pub(super) use self::observed::{Onlooker, Ready, Seen};
pub(super) use self::plan::select;

use self::begin::Beginning;
use self::copying::Wanted;
use self::durable::{Durable, Every};
use self::listen::Server;
use self::part::Part;
use self::summary::Summary;
use self::watch::Watch;
use super::program::load_with_text;
use super::rules::Wish;
use super::{CliError, Format, Verdict, note, style};
use crate::lang::hir::KeepPolicy;
use crate::limits;
use crate::matcher::{Bounds, Class};
use crate::metrics::RestoreFacts;
use crate::runtime::epochs::Mark;

/// Run patterns over JSON lines and files with columns
///
/// Reads the inputs to their end, writes records, and says what happened on standard error. A line that
/// cannot become an event goes to STREAM.bad.jsonl beside the first output, with its reason; it does not stop the run.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue run card_testing.cep --in transactions=tx.jsonl --out alert=alerts.jsonl
  ensue run patterns/ --in transactions=- --select card_testing,velocity
  ensue run patterns/ --in 'transactions=day-*.jsonl' --out alert=alerts.jsonl \\
      --out transactions.late=late.jsonl
  ensue run patterns/ --in 'transactions=day-*.csv.gz' --out alert=alerts.csv
  ensue run patterns/ --in transactions=tx.csv --limit 1000 --explain-bad
  ensue run patterns/ --in transactions=tx.csv --since 2026-01-05 \\
      --until 2026-01-06T12:00:00+01:00
  ensue run patterns/ --in transactions=tx.jsonl --threads 4
  ensue run patterns/ --in transactions=tx.jsonl --max-open 1000000 \\
      --at-bound drop-oldest
  ensue run patterns/ --in transactions=tx.jsonl --out alert=alerts.jsonl \\
      --state state --changed drain
  ensue run patterns/ --in transactions=tx.jsonl --out alert=new.jsonl \\
      --from monday.savepoint --state new-state
  ensue run patterns/ --in transactions=tx.jsonl --state state \\
      --listen 127.0.0.1:9464
  ensue run patterns/ --in transactions=tx.jsonl --state state \\
      --copy-to s3://bucket/run-1
  ensue run --config ensue.toml

Bindings:
  --in  STREAM=PATH       a file; with * or ? in its name all that fit, each a
                          partition: JSON lines, or columns that its first line
                          names (CSV), also compressed by gzip or zstd, which
                          its first bytes show
  --in  STREAM=-          standard input, also `stdin:`
  --out STREAM=PATH       the records of a stream, as JSON lines, or as columns
                          where the name ends with .csv or .tsv; STREAM=- or
                          `stdout:` is standard output
  --out STREAM.late=PATH  events that came too late
  --out STREAM.bad=PATH   lines that cannot become events
Without any --out for records, all records go to standard output.

Bounds: a pattern that never ends what it began, or of which one event completes
more than anybody reads, ends the run with an error that names it and a key;
with --at-bound drop-oldest or drop-newest it goes on, says so once for each
pattern, and counts what it dropped. See docs/running.md.

ensue.toml says which patterns and bindings, with paths relative to it; the
command line wins:
  patterns = [\"patterns/\"]
  [in]
  transactions = \"tx.jsonl\"
  [out]
  alert = \"alerts.jsonl\"")]
pub(super) struct RunArgs {
    #[command(flatten)]
    asked: Asked,

    /// Read files on where they end: somebody still writes to them. The run ends with a signal
    #[arg(long, conflicts_with = "sequential")]
    follow: bool,

    /// End after so many events, as if the inputs did
    #[arg(long, value_name = "N", conflicts_with = "state", help_heading = "Part",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Stop at the first line that cannot become an event
    #[arg(long)]
    strict: bool,

    /// Show the first line of each reason why it cannot become an event
    #[arg(long)]
    explain_bad: bool,

    /// Leave what waits for a deadline open when the input ends
    #[arg(long)]
    no_drain: bool,

    /// The most memory that partial matches may take, such as 512M or 2G; half of the machine's unless said
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, help_heading = "Bounds")]
    max_state: Option<u64>,

    /// The most open partial matches of a pattern over all keys, counted by their first events
    #[arg(long, value_name = "N", default_value_t = limits::OPEN_MAX, help_heading = "Bounds",
          value_parser = clap::value_parser!(u64).range(1..))]
    max_open: u64,

    /// The most partial matches of one key of a pattern of class `runs`
    #[arg(long, value_name = "N", default_value_t = limits::RUNS_PER_KEY_MAX, help_heading = "Bounds",
          value_parser = clap::value_parser!(u64).range(1..))]
    max_runs_per_key: u64,

    /// The most matches of a pattern that one event may complete
    #[arg(long, value_name = "N", default_value_t = limits::MATCHES_PER_EVENT_MAX, help_heading = "Bounds",
          value_parser = clap::value_parser!(u64).range(1..))]
    max_matches: u64,

    /// What happens at a bound: the run fails, or partial matches are dropped, which is counted
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = AtBound::Fail, help_heading = "Bounds")]
    at_bound: AtBound,

    /// Only the records of each key stand in order: with --threads, those of different keys are not put in order
    #[arg(long)]
    unordered: bool,

    /// The executor class of every pattern; without it each has the cheapest that takes it (see `ensue explain`)
    #[arg(long, value_name = "CLASS")]
    executor: Option<Class>,

    /// Keep the state in this directory: a run that is broken off goes on where it was when it is started again
    #[arg(long, value_name = "DIR", help_heading = "State")]
    state: Option<PathBuf>,

    /// How often the state is put on the disk: a duration, or a number of events
    #[arg(long, value_name = "TIME|EVENTS", default_value = "10s", value_parser = Every::parse,
          requires = "state", help_heading = "State")]
    checkpoint_every: Every,

    /// Begin with the state of a savepoint; with --state, in a new directory
    #[arg(long, value_name = "FILE", help_heading = "State")]
    from: Option<PathBuf>,

    /// With --from: inputs that the savepoint has and that are not given are taken as ended
    #[arg(long, requires = "from", help_heading = "State")]
    missing_inputs: bool,

    /// What becomes of the state of patterns that have changed or are not there any more: the old ones finish what is
    /// open (drain), or it is dropped (reset). For one pattern: PATTERN=drain
    #[arg(long, value_name = "drain|reset", value_parser = Wish::parse, value_delimiter = ',',
          help_heading = "State")]
    changed: Vec<Wish>,

    /// Copy the state to file:///PATH or s3://BUCKET/PREFIX now and then, beside the run: `ensue state fetch` gets it back
    #[arg(long, value_name = "URL", requires = "state", help_heading = "State")]
    copy_to: Option<String>,

    /// How often the state is copied, where there is a new epoch
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = copying::parse_every,
          requires = "copy_to", help_heading = "State")]
    copy_every: Duration,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9464: /metrics, /healthz and /readyz
    #[arg(long, value_name = "HOST:PORT", help_heading = "Watching")]
    listen: Option<String>,

    /// The most memory for the state of keys, such as 256M: keys that nobody touches stay in the state directory alone
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, requires = "state", help_heading = "State")]
    memory: Option<u64>,

    /// How the closing summary is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// No progress and no summary: only notes and errors
    #[arg(long, short)]
    quiet: bool,
}

/// What happens at a bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum AtBound {
    /// The run ends with an error
    Fail,
    /// What began first is dropped
    DropOldest,
    /// What began last is dropped; at --max-state the run fails, as that would free nothing
    DropNewest,
}

pub(super) fn run(args: &RunArgs) -> Result<Verdict, CliError> {
    let asked = &args.asked;
    let (files, wishes) = asked.resolve()?;
    let part = Part { limit: args.limit, ..asked.part()? };
    let Some((program, text)) = load_with_text(&files)? else { return Ok(Verdict::No) };
    // What cannot run is refused before anything is opened.
    plan::plan(&program, &wishes)?;
    let copies = args.copy_to.as_ref().map(|url| Wanted::new(url, args.copy_every)).transpose()?;
    let stop = stop_on_signals()?;
    let server = args.listen.as_ref().map(|address| listen(address, &stop)).transpose()?;
    let began = Instant::now();
    let begin = begin::Begin { args, wishes: &wishes, program: &program, text };
    let Beginning { program, groups, recovered, mut durable, inputs, has_new_outputs } = begin.begin()?;
    let plan = plan::plan(&program, &wishes)?;
    for line in &plan.unused {
        note(&format!("{} {line}", style::help("note:")));
    }
    let options = feed::Options {
        is_strict: args.strict,
        drains: !args.no_drain,
        executor: args.executor,
        threads: asked.threads,
        is_unordered: args.unordered,
        bounds: bounds(args),
        groups,
        inputs,
        is_durable: args.state.is_some(),
        format: asked.format(),
        part,
        explains_bad: args.explain_bad,
        is_quiet: args.quiet,
        is_sequential: asked.sequential,
        follows: args.follow,
        looked_at: Vec::new(),
        cold_keys: durable.as_ref().and_then(Durable::cold_keys),
        stop,
    };
    let left = recovered.as_ref().map(|recovered| recovered.mark.clone());
    let keys = recovered.as_ref().map_or(0, |recovered| recovered.keys.len() as u64);
    let mut feed = feed::Feed::open(&program, &plan, &options, recovered)?;
    if let Some(server) = &server {
        let inputs = feed.inputs();
        feed.tell(Watch::new(server, &program, &plan.patterns, &inputs, options.bounds.state_bytes_max));
        let restored = RestoreFacts { duration: began.elapsed(), keys, events: 0 };
        tell_of_state(server, args, left.as_ref(), restored);
    }
    if has_new_outputs {
        outputs::refuse_existing(&plan)?;
    }
    let mut outputs = outputs::Outputs::open(&program, &plan, left.as_ref())?;
    let copying = match (copies, &durable) {
        (Some(wanted), Some(durable)) => Some(wanted.start(durable, server.as_ref())?),
        _ => None,
    };
    let report = match left.is_some_and(|left| left.is_done) {
        true => feed.nothing_to_do(),
        false => feed.run(&options, &mut outputs, durable.as_mut())?,
    };
    if let Some(copying) = copying {
        copying.finish(report.is_stopped, &options.stop);
    }
    if report.is_stopped {
        note(&format!("{} {}", style::help("note:"), stopped(durable.as_ref())));
    }
    // Whoever reads the summary as JSON finds there that no events came.
    let may_be_empty = options.part.is_all() && matches!(args.format, Format::Text);
    for line in report.without_events(&plan, args.explain_bad, may_be_empty) {
        note(&format!("{} {line}", style::help("note:")));
    }
    if !args.quiet {
        let summary = Summary::new(&program, &plan, &outputs, &report);
        match args.format {
            Format::Text => {
                note(&summary.text());
                let helps = report.not_utf8().into_iter().chain(report.much_late(&program));
                for line in helps.chain(report.silent(&program)) {
                    note(&format!("{} {line}", style::help("note:")));
                }
            }
            Format::Json => note(&summary.json()),
        }
    }
    Ok(Verdict::Yes)
}

/// Listens, before anything is read or written, and says where.
fn listen(address: &str, stop: &Arc<AtomicBool>) -> Result<Server, CliError> {
    let server = Server::start(address, Arc::clone(stop))?;
    note(&format!("{} metrics are at http://{}/metrics", style::help("note:"), server.address()));
    Ok(server)
}

/// Tells the metrics what a state directory changes: there will be epochs, and a state may have been taken up.
fn tell_of_state(server: &Server, args: &RunArgs, left: Option<&Mark>, restored: RestoreFacts) {
    if args.state.is_some() {
        server.metrics.expect_epochs(args.checkpoint_every.time());
    }
    if let Some(left) = left {
        let events = left.counts.get("events").copied().unwrap_or_default();
        server.metrics.restored(&RestoreFacts { events, ..restored });
    }
}

/// What is said where a signal has stopped a run.
fn stopped(durable: Option<&Durable>) -> String {
    match durable {
        Some(durable) => format!(
            "stopped by a signal at epoch {} in {}; the same command goes on from there",
            durable.epoch(),
            durable.directory().display()
        ),
        None => "stopped by a signal; what was found up to then is written".to_owned(),
    }
}

/// A flag that the first SIGTERM or SIGINT sets; the second ends the process at once.
pub(super) fn stop_on_signals() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let code = 128 + signal;
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|source| CliError::Signals { source })?;
    }
    Ok(stop)
}

/// What may be held.
fn bounds(args: &RunArgs) -> Bounds {
    Bounds {
        policy: match args.at_bound {
            AtBound::Fail => KeepPolicy::Fail,
            AtBound::DropOldest => KeepPolicy::DropOldest,
            AtBound::DropNewest => KeepPolicy::DropNewest,
        },
        open_max: args.max_open,
        runs_per_key_max: args.max_runs_per_key,
        matches_per_event_max: args.max_matches,
        state_bytes_max: args.max_state.or_else(share_of_memory),
    }
}

/// The memory that partial matches may take where nobody has said it.
fn share_of_memory() -> Option<u64> {
    memory::of_machine().map(|bytes| bytes / limits::STATE_MEMORY_SHARE)
}

/// `1000`, `64K`, `512M`, `2G`; powers of 1024.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim_end_matches(['B', 'b']).trim_end_matches('i');
    let (digits, shift) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 10),
        Some('m' | 'M') => (&text[..text.len() - 1], 20),
        Some('g' | 'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "write a number of bytes, such as 512M".to_owned())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_bytes("1000"), Ok(1000));
        assert_eq!(parse_bytes("64K"), Ok(65536));
        assert_eq!(parse_bytes("2GiB"), Ok(2 << 30));
        for text in ["", "x", "0", "-1", "1T", "99999999999G"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
