//! A place in a line of data, shown as places in patterns are.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A place in a line of data, and what is to be said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt<'a> {
    /// What it is an example of: `bad line`.
    pub kind: &'a str,
    /// Which kind of that, in a word.
    pub id: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// The file.
    pub path: &'a str,
    /// The line, counted from 1.
    pub line: usize,
    /// Its text.
    pub text: &'a str,
    /// The bytes that are meant. What lies between two characters is widened to whole ones.
    pub place: Range<usize>,
    /// What else there is to know.
    pub note: &'a str,
}

/// How much text is shown on either side of the place at most, in characters: a line of a file may have a million.
const SHOWN_AROUND: usize = 1000;

/// The excerpt in so many columns, with a caret under the place. Of a longer line the part around it is shown.
///
/// # Example
///
/// ```
/// use ensue::diag::{Excerpt, render_excerpt};
///
/// let excerpt = Excerpt {
///     kind: "bad line",
///     id: "wrong_type",
///     message: "field `n`: expected int, found the string \"x\"",
///     path: "t.jsonl",
///     line: 7,
///     text: "{\"n\":\"x\"}",
///     place: 5..8,
///     note: "",
/// };
/// let text = render_excerpt(&excerpt, 80, false);
/// assert!(text.contains(" --> t.jsonl:7:6\n"));
/// assert!(text.ends_with("7 | {\"n\":\"x\"}\n  |      ^^^"));
/// ```
pub fn render_excerpt(excerpt: &Excerpt<'_>, columns: usize, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = excerpt.text;
    let start = floor(text, excerpt.place.start);
    let end = floor(text, excerpt.place.end.max(start));
    // What is far away costs time to lay out, and is not shown; the columns before it are counted, so they stay.
    let behind = text[end..].char_indices().nth(SHOWN_AROUND).map_or(text.len(), |(at, _)| end + at);
    let snippet = Snippet::source(&text[..behind])
        .line_start(excerpt.line)
        .path(excerpt.path)
        .annotation(AnnotationKind::Primary.span(start..end));
    let title = Level::ERROR.with_name(excerpt.kind).primary_title(excerpt.message).id(excerpt.id);
    let mut group = Group::with_title(title).element(snippet);
    if !excerpt.note.is_empty() {
        group = group.element(Level::NOTE.message(excerpt.note));
    }
    renderer.term_width(columns).render(&[group])
}

/// The start of the character that a byte belongs to.
fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte).rev().find(|at| text.is_char_boundary(*at)).expect("0 is a boundary")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, place: Range<usize>) -> String {
        let excerpt = Excerpt {
            kind: "bad line",
            id: "x",
            message: "wrong",
            path: "t",
            line: 3,
            text,
            place,
            note: "told once",
        };
        render_excerpt(&excerpt, 60, false)
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}HERE{}", "a,".repeat(300), ",b".repeat(300));
        let shown = excerpt(&text, 600..604);
        assert!(shown.contains("t:3:601") && shown.contains("HERE") && shown.contains("^^^^"), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
    }

    #[test]
    fn any_place_of_any_text_can_be_shown() {
        for text in ["", "é", "\u{1}\t\u{fffd}x", "a\nb\r\nc", "日本語", "e\u{301}"] {
            for start in 0..text.len() + 2 {
                for end in start..text.len() + 2 {
                    assert!(
                        excerpt(text, start..end).contains("bad line[x]: wrong"),
                        "{text:?} {start}..{end}"
                    );
                }
            }
        }
    }
}
