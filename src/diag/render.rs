//! Diagnostics as text for people, and as JSON lines for programs.
//!
//! Both come in the order of files and places, whatever order they were found in, so that the same program always
//! gives the same output.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::{Code, Diagnostic, FileId, Label, Severity, Sources, Span};

/// The diagnostics as rustc shows its own, and a last line that counts them; nothing for no diagnostics.
///
/// # Example
///
/// ```
/// use ensue::diag::{Code, Diagnostic, Sources, Span, render_text};
///
/// let mut sources = Sources::default();
/// let file = sources.add("a.cep", "patern p {\n}");
/// let span = Span { file, start: 0, end: 6 };
/// let diagnostic = Diagnostic::error(Code::Syntax, span, "expected an item").help("did you mean `pattern`?");
/// let text = render_text(&sources, &[diagnostic], false);
/// assert!(text.starts_with("error[E0001]: expected an item\n --> a.cep:1:1\n"));
/// assert!(text.ends_with("error: 1 error\n"));
/// ```
pub fn render_text(sources: &Sources, diagnostics: &[Diagnostic], colour: bool) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in in_order(diagnostics) {
        text.push_str(&renderer.render(&[report(sources, diagnostic)]));
        text.push_str("\n\n");
    }
    let summary = Group::with_title(closing(diagnostics));
    text.push_str(&renderer.render(&[summary]));
    text.push('\n');
    text
}

/// A JSON object for each diagnostic, each on its line. Lines and columns count from 1, columns in characters; the end
/// is the place after the last character.
pub fn render_json(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in in_order(diagnostics) {
        let record = Record {
            code: diagnostic.code.number(),
            severity: severity(diagnostic.severity),
            message: &diagnostic.message,
            place: Place::of(sources, &diagnostic.primary),
            secondary: diagnostic.secondary.iter().map(|label| Place::of(sources, label)).collect(),
            notes: &diagnostic.notes,
            help: &diagnostic.help,
        };
        text.push_str(&serde_json::to_string(&record).expect("strings and numbers are JSON"));
        text.push('\n');
    }
    text
}

/// By file, place and code; equal ones stay in the order found.
fn in_order(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let key = |diagnostic: &&Diagnostic| -> (FileId, u32, u32, Code) {
        let span = diagnostic.primary.span;
        (span.file, span.start, span.end, diagnostic.code)
    };
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(key);
    ordered
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    }
}

/// One diagnostic: title, snippets, notes, help.
fn report<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = level(diagnostic.severity).primary_title(&diagnostic.message).id(diagnostic.code.number());
    let mut group = Group::with_title(title);
    let mut files = vec![diagnostic.primary.span.file];
    for label in &diagnostic.secondary {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    for file in files {
        group = group.element(snippet(sources, diagnostic, file));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    group
}

/// The lines of one file that the diagnostic points at.
fn snippet<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic, file: FileId) -> Element<'a> {
    let source = sources.file(file);
    let path = source.path.to_string_lossy();
    if source.text.is_empty() {
        return Origin::path(path).into();
    }
    let labels = std::iter::once((AnnotationKind::Primary, &diagnostic.primary))
        .chain(diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label)))
        .filter(|(_, label)| label.span.file == file);
    let labels: Vec<(AnnotationKind, &Label)> = labels.collect();
    let lines = lines_around(&source.text, labels.iter().map(|(_, label)| label.span));
    let (first_line, _) = sources.line_column(file, lines.start as u32);
    let annotations = labels.into_iter().map(|(kind, label)| annotation(kind, label, &lines));
    Snippet::source(&source.text[lines.clone()])
        .line_start(first_line)
        .path(path)
        .annotations(annotations.collect::<Vec<_>>())
        .into()
}

/// The whole lines that hold all spans. Only these are handed on: a snippet costs as much as its text is long.
fn lines_around(text: &str, spans: impl Iterator<Item = Span>) -> Range<usize> {
    let (start, end) = spans.fold((text.len(), 0), |(start, end), span| {
        (start.min(span.start as usize), end.max(span.end as usize))
    });
    let start = text[..start.min(end)].rfind('\n').map_or(0, |at| at + 1);
    let rest = text[end..].lines().next().unwrap_or("");
    start..end + rest.len()
}

fn annotation<'a>(kind: AnnotationKind, label: &'a Label, lines: &Range<usize>) -> Annotation<'a> {
    let span = label.span.start as usize - lines.start..label.span.end as usize - lines.start;
    let annotation = kind.span(span);
    if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
}

/// `error: 2 errors, 1 warning`.
fn closing(diagnostics: &[Diagnostic]) -> annotate_snippets::Title<'static> {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let say = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let parts = [say(errors, "error"), say(warnings, "warning")];
    let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
    level(severity).primary_title(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// A diagnostic as JSON; the names of its fields are stable.
#[derive(Serialize)]
struct Record<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
    secondary: Vec<Place<'a>>,
    notes: &'a [String],
    help: &'a [String],
}

/// A label as JSON.
#[derive(Serialize)]
struct Place<'a> {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
}

impl<'a> Place<'a> {
    fn of(sources: &Sources, label: &'a Label) -> Place<'a> {
        let Span { file, start, end } = label.span;
        let (line, column) = sources.line_column(file, start);
        let (end_line, end_column) = sources.line_column(file, end);
        let file = sources.path(file).to_string_lossy().into_owned();
        Place { file, line, column, end_line, end_column, label: &label.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Sources, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let file = sources.add("p/a.cep", "// é\r\nmatch a\r\nthen  b\r\n");
        let other = sources.add("p/b.cep", "stream s { }\n");
        let missing = sources.add("p/c.cep", "");
        let span = |file, start, end| Span { file, start, end };
        let warning = Diagnostic::warning(Code::UnusedItem, span(missing, 0, 0), "nothing to see");
        let error = Diagnostic::error(Code::UnknownName, span(file, 22, 23), "no `b` here")
            .label("looked up here")
            .also(span(file, 13, 14), "this is there")
            .also(span(other, 7, 8), "and this")
            .note("names are words")
            .help("write `a`");
        (sources, vec![warning, error])
    }

    #[test]
    fn text_shows_places_of_several_files_and_counts() {
        let (sources, diagnostics) = sample();
        let expected = "\
error[E0101]: no `b` here
 --> p/a.cep:3:7
  |
2 | match a
  |       - this is there
3 | then  b
  |       ^ looked up here
  |
 ::: p/b.cep:1:8
  |
1 | stream s { }
  |        - and this
  |
  = note: names are words
  = help: write `a`

warning[W0002]: nothing to see
--> p/c.cep

error: 1 error, 1 warning
";
        assert_eq!(render_text(&sources, &diagnostics, false), expected);
        assert!(render_text(&sources, &diagnostics, true).contains('\u{1b}'));
        assert_eq!(render_text(&sources, &[], false), "");
    }

    #[test]
    fn json_is_a_line_for_each_in_order_of_place() {
        let (sources, diagnostics) = sample();
        let text = render_json(&sources, &diagnostics);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["code"], "E0101");
        assert_eq!((&lines[0]["line"], &lines[0]["column"]), (&3.into(), &7.into()));
        assert_eq!(lines[0]["end_column"], 8);
        assert_eq!(lines[0]["secondary"][1]["file"], "p/b.cep");
        assert_eq!(lines[0]["help"][0], "write `a`");
        assert_eq!(lines[1]["severity"], "warning");
    }
}
