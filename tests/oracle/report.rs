//! A failing case as a `.cep` file, with the oracle's answer as its test.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ensue::engine::Record;
use ensue::lang::hir::Program;
use ensue::matcher::Kind;
use ensue::{EventTime, Value};

use crate::check::{self, Case, Difference};
use crate::model::{OWN_FIELDS, Pattern, SHARED_FIELDS, STREAMS};
use crate::stream::{self, Event};
use crate::support;

/// Prints what is needed to see the difference, and to run it again.
pub(crate) fn print(number: u64, case: &Case, difference: &Difference) {
    println!("// case {number}, {:?}", difference.variant);
    print!("{}", case_file(case));
    let compiled = support::compile(&case.program.to_string()).expect("it was run");
    println!("// arrival: {}", case.events.iter().map(|e| e.n.to_string()).collect::<Vec<_>>().join(" "));
    for (who, records) in [("oracle", &difference.expected), ("engine", &difference.found)] {
        for record in records {
            println!("// {who}: {}", line(&compiled.program, record));
        }
        if records.is_empty() {
            println!("// {who}: nothing");
        }
    }
    println!();
}

/// The program and a test of each pattern.
pub(crate) fn case_file(case: &Case) -> String {
    let mut text = case.program.to_string();
    let compiled = support::compile(&text).expect("it was run");
    let records = check::expected(&compiled, case);
    for pattern in &case.program.patterns {
        let _ = writeln!(text, "\ntest {} \"as the oracle says\" {{", pattern.name);
        let running = running(case, pattern);
        let events: Vec<&Event> = case.events.iter().filter(|event| is_read(&running, event)).collect();
        given(&events, &mut text);
        let streams = [(&pattern.emit.stream, Kind::Match)];
        let timeouts = pattern.timeout.iter().map(|record| (&record.stream, Kind::Timeout));
        let mut is_empty = true;
        for (name, kind) in streams.into_iter().chain(timeouts) {
            let of_stream = |record: &&Record| {
                let by = &compiled.program.pattern(record.pattern).name;
                running.iter().any(|pattern| pattern.name == *by)
                    && record.kind == kind
                    && compiled.program.stream(record.stream).name == *name
            };
            let rows: Vec<&Record> = records.iter().filter(of_stream).collect();
            is_empty &= rows.is_empty();
            expect(&compiled.program, name, kind, &rows, &mut text);
        }
        is_empty &= !late(case, &events, &mut text);
        if is_empty {
            text.push_str("    expect nothing\n");
        }
        text.push_str("}\n");
    }
    text
}

/// A pattern and those whose records it reads: what a test of it runs.
fn running<'a>(case: &'a Case, pattern: &'a Pattern) -> Vec<&'a Pattern> {
    let emits = |maker: &Pattern, name: &str| {
        maker.emit.stream == name || maker.timeout.as_ref().is_some_and(|record| record.stream == name)
    };
    let is_read = |maker: &&Pattern| pattern.sources.iter().any(|(name, _)| emits(maker, name));
    let mut running: Vec<&Pattern> = case.program.patterns.iter().filter(is_read).collect();
    running.push(pattern);
    running
}

fn is_read(patterns: &[&Pattern], event: &Event) -> bool {
    let name = STREAMS[event.stream];
    patterns.iter().any(|pattern| pattern.sources.iter().any(|(stream, _)| stream == name))
}

fn given(events: &[&Event], text: &mut String) {
    let mut places: BTreeMap<(usize, u32), Vec<&Event>> = BTreeMap::new();
    for event in events {
        places.entry(event.place()).or_default().push(event);
    }
    for ((at, _), events) in places {
        let _ = writeln!(text, "    given {}", STREAMS[at]);
        rows_of_events(at, &events, text);
    }
}

/// Says whether any of the events is late.
fn late(case: &Case, events: &[&Event], text: &mut String) -> bool {
    let (_, mut late) = stream::split_late(&case.program, &case.events);
    late.retain(|event| events.contains(&event));
    for (at, name) in STREAMS.iter().enumerate() {
        let events: Vec<&Event> = late.iter().filter(|event| event.stream == at).collect();
        if !events.is_empty() {
            let _ = writeln!(text, "    expect late {name}");
            rows_of_events(at, &events, text);
        }
    }
    !late.is_empty()
}

fn rows_of_events(stream: usize, events: &[&Event], text: &mut String) {
    let mut columns = vec!["ts"];
    columns.extend(SHARED_FIELDS.iter().chain([&OWN_FIELDS[stream]]).map(|(name, _)| *name));
    let rows = events.iter().map(|event| columns.iter().map(|name| cell(&event.value(name))).collect());
    table(&columns, rows.collect(), text);
}

fn expect(program: &Program, name: &str, kind: Kind, records: &[&Record], text: &mut String) {
    if records.is_empty() {
        return;
    }
    let _ = writeln!(text, "    expect {}{name}", if kind == Kind::Timeout { "timeout " } else { "" });
    let stream = program.stream_named(name).expect("it was emitted");
    let fields = &program.stream(stream).fields;
    let shown: Vec<usize> =
        (0..fields.len()).filter(|at| fields[*at].name != "id" && fields[*at].name != "pattern").collect();
    let columns: Vec<&str> = shown.iter().map(|at| fields[*at].name.as_str()).collect();
    let rows = records.iter().map(|record| shown.iter().map(|at| cell(&record.fields[*at])).collect());
    table(&columns, rows.collect(), text);
}

fn table(columns: &[&str], rows: Vec<Vec<String>>, text: &mut String) {
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        text.push_str("        |");
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, " {cell:width$} |");
        }
        text.push('\n');
    }
}

/// A value as a test writes it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Timestamp(time) => time_of_day(*time),
        other => other.to_string(),
    }
}

/// The times of cases are whole seconds of the first day.
fn time_of_day(time: EventTime) -> String {
    let seconds = time.micros() / 1_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn line(program: &Program, record: &Record) -> String {
    let stream = program.stream(record.stream);
    let fields = stream.fields.iter().zip(&record.fields).filter(|(field, _)| field.name != "id");
    let fields: Vec<_> = fields.map(|(field, value)| format!("{}={}", field.name, cell(value))).collect();
    let kind = if record.kind == Kind::Timeout { "timeout " } else { "" };
    format!("{kind}{} {}", stream.name, fields.join(" "))
}
