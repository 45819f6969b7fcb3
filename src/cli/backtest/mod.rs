//! `ensue backtest`: what the alerts of patterns are worth, measured with labels.
//!
//! ```text
//! files --run--> events, records --Witness--> alerts --\
//!                      \-> labelled events, label file --> frauds --> Comparison --> Report --> table, JSON, page
//!                                                                            \-> cases --> files of alerts and frauds
//! ```
//!
//! The patterns run as under `ensue run`; nothing is read from what they write. An alert is a match, or a timeout, of which
//! a record comes out, and the engine knows its key and its events. What counts as a fraud, as found and as first is
//! defined in `docs/backtest.md`, and decided in [`frauds`] and [`compare`] alone; [`report`] only counts.

mod cases;
mod charts;
mod compare;
mod files;
mod frauds;
mod html;
mod json;
mod key;
mod labels;
mod lists;
mod report;
mod scale;
mod table;
mod witness;

use std::path::{Path, PathBuf};

use clap::Args;

use self::files::AnswerFiles;
use self::frauds::Frauds;
use self::key::KeyPlan;
use self::labels::LabelFile;
use self::lists::Places;
use self::report::Report;
use self::witness::{LabelField, Witness};
use super::program::{counted, did_you_mean};
use super::run::{Asked, Ready, Seen};
use super::{CliError, Format, Verdict, note, print, style};
use crate::event::StreamId;
use crate::lang::hir::Program;
use crate::time::Duration;

/// Measure patterns with labelled events: what they find, what they miss, how soon
///
/// Runs the patterns over files as `ensue run` does, and compares their alerts with labels: a field of the events that says
/// which are fraudulent, or a file of labels joined by key and time.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue backtest rules/ --in tx=2025.csv.gz --labels is_fraud
  ensue backtest rules/ --in tx=2025.csv.gz --labels is_fraud --html report.html
  ensue backtest rules/ --in tx=tx.csv --label-file cases.csv --label-time at
  ensue backtest rules/ --in tx=2025.csv.gz --labels is_fraud \\
      --alerts-out alerts.csv --frauds-out frauds.csv
  ensue backtest rules/ --in tx=2025.csv.gz --labels is_fraud \\
      --since 2025-10-01 --until 2026-01-01
  ensue gen --out tx.jsonl --labels labels.jsonl
  ensue backtest patterns/ --in transactions=tx.jsonl --label-file labels.jsonl

Definitions:
  alert       a match, or a timeout, of which the pattern emits a record; it
              spans the time from its first event to the moment when its last
              condition was met
  fraud       the fraudulent events of one key of which each comes at most
              --fraud-gap after the one before; in a label file, also a row with
              two times, which spans all between them
  true        an alert is true if a fraudulent event of its key lies in its
              span, ends included; else it is false
  found       a fraud is found by the rules that have a true alert for it, and
              found first by that with the earliest
  precision   true alerts / alerts
  recall      frauds found / frauds
  delay       from the first event of a fraud to the first alert for it, in
              event time
  key         what all patterns have in common behind `by`, or --key; where a
              pattern is by something else, the field of that name in its record

Fraudulent is: true; a number but 0; a text but false, f, no, n, 0, nein and
the like, and what stands for null; any time or duration. See docs/backtest.md.")]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    asked: Asked,

    /// The field that says which events are fraudulent; with --label-file, which rows are
    #[arg(long, value_name = "FIELD", help_heading = "Labels")]
    labels: Option<String>,

    /// Labels in a file of JSON lines or columns: the fields of the key, and a time, or two
    #[arg(long, value_name = "PATH", help_heading = "Labels")]
    label_file: Option<PathBuf>,

    /// The time in the label file, or its first and last; `first_at,last_at`, `at` or the time of the stream unless said
    #[arg(
        long,
        value_name = "FIELD[,FIELD]",
        value_delimiter = ',',
        requires = "label_file",
        help_heading = "Labels"
    )]
    label_time: Vec<String>,

    /// Of what a fraud is: fields of the events; what all patterns have behind `by` unless said
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', help_heading = "Labels")]
    key: Vec<String>,

    /// How far fraudulent events of one key may lie apart and still be one fraud
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_gap, help_heading = "Labels")]
    fraud_gap: Duration,

    /// Only the records of these streams are alerts; of all that patterns emit to, unless said
    #[arg(long, value_name = "STREAM", value_delimiter = ',', help_heading = "Labels")]
    alerts: Vec<String>,

    /// Also write a line for each alert: its key, its span, true or false, the fraud that it found; columns for .csv
    #[arg(long, value_name = "FILE", help_heading = "Answer")]
    alerts_out: Option<PathBuf>,

    /// Also write a line for each fraud: its key, its time, missed or found by which patterns; columns for .csv
    #[arg(long, value_name = "FILE", help_heading = "Answer")]
    frauds_out: Option<PathBuf>,

    /// Also write a page with charts, which opens without a network
    #[arg(long, value_name = "FILE", help_heading = "Answer")]
    html: Option<PathBuf>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Answer")]
    format: Format,

    /// The same as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Answer")]
    json: bool,
}

pub(super) fn run(args: &BacktestArgs) -> Result<Verdict, CliError> {
    let Some(ready) = args.asked.prepare()? else { return Ok(Verdict::No) };
    if args.labels.is_none() && args.label_file.is_none() {
        return Err(without_labels(&ready));
    }
    let key = KeyPlan::new(&ready, &args.key, &alert_streams(&ready.program, &args.alerts)?)?;
    let files = AnswerFiles::open(args, &ready)?;
    let (frauds, fields) = labels(args, &ready, &key)?;
    let looked_at = fields.iter().flat_map(LabelField::all).collect();
    warn_of_leaks(&ready, &fields);
    let mut witness = Witness::new(&ready, &key, fields, frauds);
    let seen = ready.run(looked_at, &mut witness)?;
    let comparison = witness.compare();
    let report = Report::new(&comparison, seen.events);
    tell(&seen, &report, args);
    // Before the answer, of which somebody may read only the beginning.
    files.write(&report, &comparison)?;
    print(&answer(args, &report))?;
    Ok(Verdict::Yes)
}

/// What goes to standard output.
fn answer(args: &BacktestArgs, report: &Report) -> String {
    if args.json || args.format == Format::Json {
        return format!("{}\n", json::json(report));
    }
    let places = Places { alerts: args.alerts_out.as_deref(), frauds: args.frauds_out.as_deref() };
    let has_colour = style::stdout_has_colour();
    table::text(report, has_colour) + &lists::text(report, places, has_colour)
}

/// What is labelled in a file, or where the events say it themselves.
fn labels(args: &BacktestArgs, ready: &Ready, key: &KeyPlan) -> Result<(Frauds, Vec<LabelField>), CliError> {
    if args.label_time.len() > 2 {
        return Err(CliError::asked(
            "a label has a time, or a first and a last one",
            "--label-time COLUMN, or --label-time FIRST,LAST",
        ));
    }
    let mut frauds = Frauds::new(args.fraud_gap);
    match (&args.label_file, &args.labels) {
        (Some(path), is_fraud) => {
            let file = LabelFile {
                path,
                is_fraud: is_fraud.as_deref(),
                times: &args.label_time,
                key: key.columns(ready),
                event_times: labels::event_times(ready),
                ready,
            };
            file.read(&mut frauds)?;
            Ok((frauds, Vec::new()))
        }
        (None, Some(name)) => Ok((frauds, label_fields(ready, name, key)?)),
        (None, None) => Err(without_labels(ready)),
    }
}

fn without_labels(ready: &Ready) -> CliError {
    const WORDS: [&str; 4] = ["fraud", "label", "chargeback", "suspicious"];
    let streams = ready.streams();
    let mut fields = streams.iter().flat_map(|id| &ready.program.stream(*id).fields);
    let likely = fields.find(|field| WORDS.iter().any(|word| field.name.to_lowercase().contains(word)));
    let such = likely.map_or(String::new(), |field| format!("; is it `{}`?", field.name));
    CliError::Asked {
        message: "there are no labels to compare alerts with".to_owned(),
        help: vec![
            format!("--labels FIELD: a field of the events that is true of the fraudulent ones{such}"),
            "--label-file PATH: a file with the key and the time of what was fraudulent, such as `ensue gen --labels` writes"
                .to_owned(),
        ],
    }
}

/// Whether a name looks like that of a file, and stands where none is wanted.
fn is_file_name(name: &str) -> bool {
    name.contains(['.', '/']) || Path::new(name).is_file()
}

/// The streams whose records are alerts.
fn alert_streams(program: &Program, names: &[String]) -> Result<Vec<StreamId>, CliError> {
    let is_made = |at: &usize| {
        let emits =
            program.patterns.iter().flat_map(|pattern| pattern.emits.iter().chain(&pattern.timeout_emits));
        { emits }.any(|emit| emit.stream.index() == *at)
    };
    let made: Vec<usize> = (0..program.streams.len()).filter(is_made).collect();
    let id = |at: usize| StreamId(at as u32);
    if names.is_empty() {
        return Ok(made.into_iter().map(id).collect());
    }
    let find = |name: &String| {
        let found = made.iter().find(|at| program.streams[**at].name == *name);
        found.map(|at| id(*at)).ok_or_else(|| {
            let known = made.iter().map(|at| program.streams[*at].name.as_str());
            let mut help = vec![did_you_mean(name, known, "streams that are emitted to")];
            if is_file_name(name) {
                help = vec![format!("to write the alerts to a file: --alerts-out {name}")];
            }
            CliError::Asked { message: format!("no pattern emits to a stream `{name}`"), help }
        })
    };
    names.iter().map(find).collect()
}

/// Where the events say that they are fraudulent.
fn label_fields(ready: &Ready, name: &str, key: &KeyPlan) -> Result<Vec<LabelField>, CliError> {
    let program = &ready.program;
    let mut fields = Vec::new();
    for stream in ready.streams() {
        let declared = &program.stream(stream).fields;
        if let Some(field) = declared.iter().position(|field| field.name == name) {
            fields.push(LabelField { stream, field, key: key.of_events(ready, stream)? });
        }
    }
    if fields.is_empty() {
        let streams = ready.streams();
        let known =
            streams.iter().flat_map(|id| &program.stream(*id).fields).map(|field| field.name.as_str());
        let help = match is_file_name(name) {
            true => vec![format!("labels in a file: --label-file {name}")],
            false => vec![
                did_you_mean(name, known, "fields"),
                format!("if the file has it, declare it in the stream: `{name} bool?`"),
            ],
        };
        return Err(CliError::Asked {
            message: format!("no stream that is read has a field `{name}`"),
            help,
        });
    }
    Ok(fields)
}

/// A rule that reads the answer says nothing by finding it.
fn warn_of_leaks(ready: &Ready, fields: &[LabelField]) {
    for id in ready.patterns() {
        let pattern = ready.program.pattern(*id);
        let is_read = |label: &LabelField| {
            pattern.source_of(label.stream).is_some_and(|source| {
                let source = &pattern.sources[source];
                source.fields.contains(&Some(label.field)) || source.keys.contains(&label.field)
            })
        };
        if fields.iter().any(is_read) {
            say(&format!(
                "`{}` reads the labels itself: its figures say nothing about new events",
                pattern.name
            ));
        }
    }
}

/// Says what the figures do not.
fn tell(seen: &Seen, report: &Report, args: &BacktestArgs) {
    for (stream, count) in &seen.late {
        let late = counted(*count as usize, "late event");
        say(&format!("{late} of {stream} left out; more `disorder` in the stream takes them in"));
    }
    for (stream, count, place) in &seen.bad {
        say(&format!("{} of {stream} cannot be read: see {place}", counted(*count as usize, "line")));
    }
    if seen.skipped > 0 && seen.events == 0 {
        let skipped = counted(seen.skipped as usize, "event");
        say(&format!("nothing to look at: {skipped} outside of --since and --until"));
        return;
    }
    seen.silent.iter().for_each(|line| say(line));
    if seen.is_stopped {
        say("stopped by a signal: these are the figures up to then");
    }
    let labels = match (&args.labels, &args.label_file) {
        (_, Some(path)) => format!("no row of {} is a fraud", path.display()),
        (Some(field), None) => format!("`{field}` is true of none of them"),
        (None, None) => String::new(),
    };
    match report {
        Report { events: 0, .. } => say("there were no events: the inputs are empty"),
        Report { frauds: 0, .. } => say(&format!("there is no fraud to be found: {labels}")),
        Report { frauds, events, .. } if *frauds >= 100 && frauds * 10 > *events => {
            let help = match (&args.label_file, &args.labels) {
                (Some(_), None) => "; --labels COLUMN says which rows of the file are fraudulent",
                _ => "",
            };
            say(&format!("{frauds} frauds in {events} events: are these the labels?{help}"));
        }
        Report { strangers: Some((alert, label)), .. } => {
            let key = report.key.join(", ");
            say(&format!(
                "no alert has the {key} of a fraud: alerts have such as `{alert}`, labels `{label}`"
            ));
        }
        Report { all, .. } if all.alerts == 0 => say("no pattern has found anything: every fraud is missed"),
        _ => {}
    }
    if report.outside > 0 && report.events > 0 {
        let (outside, all) = (report.outside, report.frauds);
        let help = "they count as missed; --since and --until leave them out";
        say(&format!("outside of the time of the events: {outside} of {all} frauds; {help}"));
    }
}

fn say(what: &str) {
    note(&format!("{} {what}", style::help("note:")));
}

fn parse_gap(text: &str) -> Result<Duration, String> {
    Duration::parse(text).ok_or_else(|| "write a duration such as 30m or 1h".to_owned())
}
