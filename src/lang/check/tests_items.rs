//! Tests: scripts of tables to typed rows.
//!
//! A cell is read by the type of its column, so that `900.00` is a decimal in one table and text in another.

use super::names::{quoted, suggestion};
use super::{Checker, Items};
use crate::diag::{Code, Diagnostic, Span};
use crate::event::{Decimal, PatternId, StreamId, Type, Value};
use crate::lang::ast::{self, Cell, Ident, Spanned, TestBlock, TestItem};
use crate::lang::hir::{self, Expectation, Expected, TestCommand};
use crate::lang::pasted;
use crate::time::{Duration, EventTime};

/// What a test runs.
struct Run<'t> {
    item: &'t TestItem,
    patterns: Vec<PatternId>,
    /// What these read.
    inputs: Vec<usize>,
}

impl Checker<'_> {
    pub(super) fn check_tests(&mut self, items: &Items<'_>, patterns: &[hir::Pattern]) -> Vec<hir::Test> {
        items.tests.iter().filter_map(|item| self.test(item, patterns)).collect()
    }

    fn test(&mut self, item: &TestItem, patterns: &[hir::Pattern]) -> Option<hir::Test> {
        let Some(pattern) = patterns.iter().find(|pattern| pattern.name == item.pattern.text) else {
            if self.unread.may_declare(&item.pattern.text) {
                return None;
            }
            let names = patterns.iter().map(|pattern| pattern.name.as_str());
            let message = format!("there is no pattern `{}` to test", item.pattern.text);
            self.report(Diagnostic::error(Code::BadTest, item.pattern.span, message).help(suggestion(
                &item.pattern.text,
                "patterns",
                names,
            )));
            return None;
        };
        let run = self.run_of(item, pattern, patterns);
        let commands = self.commands(&run, patterns);
        let (line, _) = self.sources.line_column(item.span.file, item.title.span.start);
        Some(hir::Test {
            pattern: pattern.id,
            title: item.title.node.clone(),
            place: format!("{}:{line}", self.sources.path(item.span.file).display()),
            patterns: run.patterns,
            commands,
        })
    }

    /// The tested pattern, and those it reads from unless the test gives what they would emit.
    fn run_of<'t>(&self, item: &'t TestItem, pattern: &hir::Pattern, patterns: &[hir::Pattern]) -> Run<'t> {
        let given = |stream: &str| {
            item.commands
                .iter()
                .any(|command| matches!(command, ast::TestCommand::Given(block) if block.name.text == stream))
        };
        let mut run = Run { item, patterns: vec![pattern.id], inputs: Vec::new() };
        let mut next = 0;
        while let Some(id) = run.patterns.get(next).copied() {
            next += 1;
            let Some(reader) = patterns.iter().find(|pattern| pattern.id == id) else { continue };
            for stream in reader.sources.iter().map(|source| source.stream.index()) {
                if !run.inputs.contains(&stream) {
                    run.inputs.push(stream);
                }
                let scope = &self.streams[stream];
                let makers = scope.derived.iter().flat_map(|derived| &derived.patterns);
                for maker in makers.filter(|_| !given(&scope.name)) {
                    if !run.patterns.contains(maker) {
                        run.patterns.push(*maker);
                    }
                }
            }
        }
        run.patterns.sort_unstable();
        run.inputs.sort_unstable();
        run
    }

    fn commands(&mut self, run: &Run<'_>, patterns: &[hir::Pattern]) -> Vec<TestCommand> {
        let mut commands: Vec<TestCommand> = Vec::new();
        let mut nothing: Option<Span> = None;
        for command in &run.item.commands {
            match command {
                ast::TestCommand::Given(block) => commands.extend(self.given(run, block)),
                ast::TestCommand::Watermark(text) => commands.extend(self.watermark(text)),
                ast::TestCommand::ExpectNothing(span) => {
                    self.expect_nothing(&mut commands, *span);
                    nothing = Some(*span);
                    continue;
                }
                ast::TestCommand::Expect(block) => {
                    self.expect(run, block, Expected::Match, patterns, &mut commands)
                }
                ast::TestCommand::ExpectTimeout(block) => {
                    self.expect(run, block, Expected::Timeout, patterns, &mut commands);
                }
                ast::TestCommand::ExpectLate(block) => {
                    self.expect(run, block, Expected::Late, patterns, &mut commands)
                }
            }
            let adds = !matches!(command, ast::TestCommand::Given(_) | ast::TestCommand::Watermark(_));
            if let (Some(nothing), true) = (nothing.take(), adds) {
                self.contradicted(nothing);
            }
        }
        if !run.item.commands.iter().any(is_expectation) {
            self.report(
                Diagnostic::error(
                    Code::BadTest,
                    run.item.title.span,
                    "a test that expects nothing to be said",
                )
                .note("without `expect` it shows nothing")
                .help("end it with `expect NAME` and a table, or with `expect nothing`"),
            );
        }
        commands
    }

    fn contradicted(&mut self, nothing: Span) {
        self.report(
            Diagnostic::error(Code::BadTest, nothing, "`expect nothing` beside other expectations")
                .note("adjacent `expect` blocks are one checkpoint and see the same records")
                .help("leave it out, or put a `given` or `watermark` between them"),
        );
    }

    fn expect_nothing(&mut self, commands: &mut Vec<TestCommand>, span: Span) {
        match commands.last() {
            Some(TestCommand::Expect(_)) => self.contradicted(span),
            _ => commands.push(TestCommand::Expect(Vec::new())),
        }
    }

    fn watermark(&mut self, text: &Spanned<String>) -> Option<TestCommand> {
        let time = parse_time(text.node.trim().trim_matches('"'));
        if time.is_none() {
            self.report(not_a_time(text.span, &text.node));
        }
        time.map(TestCommand::Watermark)
    }

    fn given(&mut self, run: &Run<'_>, block: &TestBlock) -> Option<TestCommand> {
        let inputs = || run.inputs.iter().map(|stream| self.streams[*stream].name.as_str());
        let Some(stream) = self.stream_named(&block.name.text).filter(|stream| run.inputs.contains(stream))
        else {
            if run.inputs.is_empty() || self.is_answered(&block.name.text) {
                return None; // the pattern's own mistake
            }
            let pattern = &run.item.pattern.text;
            let message = format!("pattern `{pattern}` does not read `{}`", block.name.text);
            let help = suggestion(&block.name.text, "it reads", inputs());
            self.report(Diagnostic::error(Code::BadTest, block.name.span, message).help(help));
            return None;
        };
        let columns = self.columns(stream, block)?;
        let scope = &self.streams[stream];
        let time = scope.time_field();
        if !columns.contains(&time) && scope.complete {
            let name = scope.fields.get(time).map_or("at", |field| field.name.as_str());
            let message = format!("rows of `{}` without their event time `{name}`", scope.name);
            let diagnostic = Diagnostic::error(Code::BadTest, block.name.span, message)
                .help(format!("add a column `{name}`"));
            self.report(diagnostic);
            return None;
        }
        let rows = self.rows(stream, &columns, block);
        for (row, values) in block.rows.iter().zip(&rows) {
            let at = columns.iter().position(|column| *column == time);
            let Some(at) = at.filter(|at| values.get(*at).is_some_and(Value::is_null)) else { continue };
            // A cell that holds something was reported as no time.
            if matches!(row.cells.get(at), Some(Spanned { node: Cell::Empty, .. })) {
                self.report(
                    Diagnostic::error(Code::BadCell, row.cells[at].span, "an event without its time")
                        .help("write a time: `12:00:00`"),
                );
            }
        }
        Some(TestCommand::Given { stream: StreamId(stream as u32), columns, rows })
    }

    fn expect(
        &mut self,
        run: &Run<'_>,
        block: &TestBlock,
        kind: Expected,
        patterns: &[hir::Pattern],
        commands: &mut Vec<TestCommand>,
    ) {
        let Some(stream) = self.expected_stream(run, block, kind, patterns) else { return };
        let Some(columns) = self.columns(stream, block) else { return };
        let rows = self.rows(stream, &columns, block);
        let expectation = Expectation { kind, stream: StreamId(stream as u32), columns, rows };
        match commands.last_mut() {
            Some(TestCommand::Expect(blocks)) => blocks.push(expectation),
            _ => commands.push(TestCommand::Expect(vec![expectation])),
        }
    }

    /// The stream of an expectation: one that the patterns emit, or, of late events, a source that they read.
    fn expected_stream(
        &mut self,
        run: &Run<'_>,
        block: &TestBlock,
        kind: Expected,
        patterns: &[hir::Pattern],
    ) -> Option<usize> {
        let (allowed, message): (Vec<usize>, &str) = match kind {
            Expected::Late => {
                let sources = run.inputs.iter().filter(|stream| self.streams[**stream].derived.is_none());
                (sources.copied().collect(), "is not a source that the tested pattern reads")
            }
            Expected::Match | Expected::Timeout => {
                let running = patterns.iter().filter(|pattern| run.patterns.contains(&pattern.id));
                let emits = |pattern: &hir::Pattern| match kind {
                    Expected::Timeout => pattern.timeout_emits.clone(),
                    _ => pattern.emits.clone(),
                };
                let mut streams: Vec<usize> =
                    running.flat_map(emits).map(|emit| emit.stream.index()).collect();
                streams.sort_unstable();
                streams.dedup();
                match kind {
                    Expected::Timeout => (streams, "is nothing that the tested pattern emits on timeout"),
                    _ => (streams, "is nothing that the tested pattern emits"),
                }
            }
        };
        let stream = self.stream_named(&block.name.text).filter(|stream| allowed.contains(stream));
        if stream.is_none() {
            let names = allowed.iter().map(|stream| self.streams[*stream].name.as_str());
            let help = match allowed.is_empty() {
                true => "leave it out, or add an `on timeout emit NAME { … }` to the pattern".to_owned(),
                false => suggestion(&block.name.text, "it could be", names),
            };
            let message = format!("`{}` {message}", block.name.text);
            self.report(Diagnostic::error(Code::BadTest, block.name.span, message).help(help));
        }
        stream
    }

    /// The fields of a table's columns; `None` where one is unknown.
    fn columns(&mut self, stream: usize, block: &TestBlock) -> Option<Vec<usize>> {
        let mut columns = Vec::new();
        let mut right = true;
        for column in &block.columns {
            match self.streams[stream].field(&column.text) {
                Some(field) if columns.contains(&field) => {
                    right = false;
                    let message = format!("column `{}` stands twice", column.text);
                    self.report(
                        Diagnostic::error(Code::BadTest, column.span, message).help("remove one of them"),
                    );
                }
                Some(field) => columns.push(field),
                None => {
                    right = false;
                    self.unknown_column(stream, column);
                }
            }
        }
        right.then_some(columns)
    }

    fn unknown_column(&mut self, stream: usize, column: &Ident) {
        let scope = &self.streams[stream];
        if !scope.complete {
            return;
        }
        let names = scope.fields.iter().map(|field| field.name.as_str());
        let message = format!("`{}` has no field `{}`", scope.name, column.text);
        let diagnostic = Diagnostic::error(Code::BadTest, column.span, message).help(suggestion(
            &column.text,
            "fields",
            names,
        ));
        self.report(diagnostic);
    }

    fn rows(&mut self, stream: usize, columns: &[usize], block: &TestBlock) -> Vec<Vec<Value>> {
        let types: Vec<(String, Type)> = (columns.iter())
            .map(|column| &self.streams[stream].fields[*column])
            .map(|field| (field.name.clone(), field.ty))
            .collect();
        let mut rows = Vec::new();
        for row in &block.rows {
            if row.cells.len() != types.len() {
                let names = quoted(types.iter().map(|(name, _)| name.as_str()));
                let message = format!("{} cells in a table of {} columns", row.cells.len(), types.len());
                self.report(
                    Diagnostic::error(Code::BadTest, row.span, message)
                        .help(format!("one cell for each of {names}; leave a cell empty for null")),
                );
                continue;
            }
            let mut values = Vec::new();
            for (cell, (name, ty)) in row.cells.iter().zip(&types) {
                values.push(parse_cell(&cell.node, *ty).unwrap_or_else(|| {
                    self.report(bad_cell(cell, name, *ty));
                    Value::Null
                }));
            }
            rows.push(values);
        }
        rows
    }
}

fn is_expectation(command: &ast::TestCommand) -> bool {
    !matches!(command, ast::TestCommand::Given(_) | ast::TestCommand::Watermark(_))
}

/// The value of a cell; `None` where it is not of this type.
fn parse_cell(cell: &Cell, ty: Type) -> Option<Value> {
    let text = match cell {
        Cell::Empty => return Some(Value::Null),
        Cell::Quoted(text) => return (ty == Type::String).then(|| Value::text(text)),
        Cell::Bare(text) => text.as_str(),
    };
    match ty {
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Int => text.parse().ok().map(Value::Int),
        Type::Float => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float),
        Type::Decimal(scale) => Decimal::parse(text, scale).map(Value::Decimal),
        Type::String => Some(Value::text(text)),
        Type::Timestamp => parse_time(text).map(Value::Timestamp),
        Type::Duration => parse_duration(text).map(Value::Duration),
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    match text.strip_prefix('-') {
        Some(text) => Duration::parse(text).map(|value| Duration::from_micros(-value.micros())),
        None => Duration::parse(text),
    }
}

/// `12:00:00`, `2d 12:00:00.5`, RFC 3339, or a number of milliseconds.
fn parse_time(text: &str) -> Option<EventTime> {
    if let Some(time) = EventTime::parse_rfc3339(text) {
        return Some(time);
    }
    if let Ok(millis) = text.parse::<i64>() {
        return Some(EventTime::from_millis(millis));
    }
    let (days, clock) = match text.split_once(char::is_whitespace) {
        Some((days, clock)) => (days.strip_suffix('d')?.parse::<u32>().ok()?, clock.trim()),
        None => (0, text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes) = (two_digits(parts.next()?, 24)?, two_digits(parts.next()?, 60)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            (two_digits(whole, 60)?, micros(fraction)?)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let seconds = i64::from(days) * 86_400 + hours * 3600 + minutes * 60 + seconds;
    Some(EventTime::from_micros(seconds * 1_000_000 + fraction))
}

fn two_digits(text: &str, below: i64) -> Option<i64> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < below)
}

/// The digits after the point of a second; finer than a microsecond are cut.
fn micros(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    digits.parse().ok()
}

fn not_a_time(span: Span, text: &str) -> Diagnostic {
    Diagnostic::error(Code::BadCell, span, format!("`{text}` is not a time"))
        .note("a time without a date is of 1970-01-01 UTC")
        .help(match pasted::days(text.split_whitespace().next().unwrap_or("")).as_slice() {
            [] => "write `12:00:00`, `2d 12:00:00` for two days later, or `2026-01-31T12:00:00Z`".to_owned(),
            [day] => format!("write `{day}T00:00:00Z`"),
            days => format!("write the year first: `{}T00:00:00Z`", days.join("T00:00:00Z` or `")),
        })
}

fn bad_cell(cell: &Spanned<Cell>, column: &str, ty: Type) -> Diagnostic {
    let text = match &cell.node {
        Cell::Empty => "",
        Cell::Bare(text) | Cell::Quoted(text) => text,
    };
    if ty == Type::Timestamp && matches!(cell.node, Cell::Bare(_)) {
        return not_a_time(cell.span, text);
    }
    let help = match (&cell.node, ty) {
        (Cell::Quoted(text), _) => format!("write `{text}` without quotes"),
        (Cell::Bare(text), ty) if ty.is_numeric() && pasted::number(text).is_some() => {
            format!(
                "write `{}`: a test is read as a pattern is, whatever the marks in the input",
                pasted::number(text).unwrap_or_default()
            )
        }
        (_, Type::Bool) => "write `true` or `false`".to_owned(),
        (_, Type::Int) => "write a whole number".to_owned(),
        (_, Type::Float) => "write a number: `1.5`".to_owned(),
        (_, Type::Decimal(scale)) => {
            format!("write a number with at most {scale} digits after the point")
        }
        (_, Type::Duration) => "write a duration: `5m`".to_owned(),
        (_, Type::String | Type::Timestamp) => "leave the cell empty for null".to_owned(),
    };
    Diagnostic::error(Code::BadCell, cell.span, format!("`{text}` is not {ty}, the type of `{column}`"))
        .help(help)
}
