//! Text for people: a page of Markdown as a terminal shows it, and lines that are too long.
//!
//! In colour `code` is painted, and has no backquotes; without colour they stay, as in every message, since they say where
//! a name begins and ends. Only what the project's own pages have is understood: headings, paragraphs, lists, tables, code,
//! links.

use super::style::painted;

/// Lines of a page are at most so wide, however wide the terminal is.
const WIDTH_MAX: usize = 80;

/// How far code stands in.
const INDENT: &str = "    ";

/// A page of Markdown for a terminal with so many columns.
pub(super) fn shown(markdown: &str, columns: usize, has_colour: bool) -> String {
    let width = columns.clamp(20, WIDTH_MAX);
    let mut page = Page { out: String::new(), paragraph: String::new(), rows: Vec::new(), width, has_colour };
    let mut is_code = false;
    for line in markdown.lines() {
        match line {
            _ if line.starts_with("```") => {
                page.end_paragraph();
                is_code = !is_code;
            }
            "" if is_code => page.out.push('\n'),
            _ if is_code => page.line(&format!("{INDENT}{line}")),
            "" => {
                page.end_paragraph();
                page.blank();
            }
            _ if line.starts_with('#') => {
                page.end_paragraph();
                page.heading(line.trim_start_matches('#').trim());
            }
            _ if line.starts_with('|') => page.row(line),
            _ if line.starts_with("- ") || number_of(line).is_some() => {
                page.end_paragraph();
                page.paragraph.push_str(line);
            }
            _ => {
                page.paragraph.push_str(if page.paragraph.is_empty() { "" } else { " " });
                page.paragraph.push_str(line.trim());
            }
        }
    }
    page.end_paragraph();
    page.out.trim_end().to_owned()
}

/// A page under way.
struct Page {
    out: String,
    paragraph: String,
    /// The cells of a table under way.
    rows: Vec<Vec<String>>,
    width: usize,
    has_colour: bool,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// One empty line, and no second.
    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, text: &str) {
        let text = without_links(text);
        let lines = wrapped(&text, self.width, "");
        for line in lines.lines() {
            let line = if self.has_colour { line.replace('`', "") } else { line.to_owned() };
            let line = painted(&line, "1", self.has_colour);
            self.line(&line);
        }
    }

    /// A row of a table; the one below the head is only a line in Markdown.
    fn row(&mut self, line: &str) {
        let cells: Vec<String> =
            line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if !cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            self.rows.push(cells);
        }
    }

    /// The rows of a table in columns.
    fn end_table(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| {
            rows.iter().filter_map(|row| row.get(at)).map(|cell| self.width_of(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        for row in &rows {
            let mut line = INDENT.to_owned();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&self.words(cell));
                line.push_str(&" ".repeat(width - self.width_of(cell) + 2));
            }
            self.line(&line);
        }
    }

    /// How wide a cell is shown.
    fn width_of(&self, cell: &str) -> usize {
        cell.chars().filter(|c| !(self.has_colour && *c == '`')).count()
    }

    fn end_paragraph(&mut self) {
        self.end_table();
        let text = without_links(&std::mem::take(&mut self.paragraph));
        let hanging = match number_of(&text) {
            Some(length) => " ".repeat(length),
            None if text.starts_with("- ") => "  ".to_owned(),
            None => String::new(),
        };
        let lines = self.words(&wrapped(&text, self.width, &hanging));
        lines.lines().for_each(|line| self.line(line));
    }

    /// Code in a text painted, where there are colours.
    fn words(&self, text: &str) -> String {
        if !self.has_colour {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, code, after)) = next_code(rest) {
            out.push_str(before);
            // Colours end with a line, so that a pager shows them right.
            let lines: Vec<String> = code.split('\n').map(|part| painted(part, "36", true)).collect();
            out.push_str(&lines.join("\n"));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// How long the `1. ` is that an item of a numbered list begins with. A year that ends a sentence is none.
fn number_of(line: &str) -> Option<usize> {
    let digits = line.find(|c: char| !c.is_ascii_digit()).filter(|digits| (1..=2).contains(digits))?;
    line[digits..].starts_with(". ").then_some(digits + 2)
}

/// The text before the first `code`, the code, and what follows.
fn next_code(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('`')?;
    let ticks = text[start..].chars().take_while(|c| *c == '`').count();
    let rest = &text[start + ticks..];
    let end = rest.find(&"`".repeat(ticks))?;
    let code = &rest[..end];
    // `` `then` `` has blanks so that its backquotes are seen.
    let code = if ticks > 1 { code.trim() } else { code };
    Some((&text[..start], code, &rest[end + ticks..]))
}

/// Links as their text.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let link = rest[open..].find("](").and_then(|middle| {
            let target = &rest[open + middle + 2..];
            let end = target.find(')')?;
            Some((&rest[open + 1..open + middle], &target[end + 1..]))
        });
        match link {
            Some((label, after)) if !label.contains(['[', '`']) => {
                out.push_str(&rest[..open]);
                out.push_str(label);
                rest = after;
            }
            _ => {
                out.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Lines that are longer than the terminal is wide, broken at words. What follows stands below the last column of the line.
pub(super) fn hanging(text: &str, columns: usize) -> String {
    let lines = text.lines().map(|line| {
        let is_long = line.chars().count() > columns;
        if is_long { wrapped(line, columns, &" ".repeat(hang(line, columns))) } else { line.to_owned() }
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// How far the rest of a line stands in: below what follows its first gap of two blanks, or a little below its start.
fn hang(line: &str, columns: usize) -> usize {
    let start = line.len() - line.trim_start().len();
    let gap = line[start..].find("  ").map(|gap| start + gap);
    let column = gap.map(|gap| gap + (line[gap..].len() - line[gap..].trim_start().len()));
    let column = column.map(|column| line[..column].chars().count());
    column.filter(|column| *column <= columns / 2).unwrap_or(start + 4)
}

/// A line broken at blanks; the lines behind the first begin with `hanging`. A word that is too long stays whole.
fn wrapped(line: &str, width: usize, hanging: &str) -> String {
    let start = line.len() - line.trim_start().len();
    let mut out = line[..start].to_owned();
    let mut column = start;
    let mut rest = &line[start..];
    let mut is_first = true;
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let word = &rest[blanks..];
        let word = &word[..word.find(' ').unwrap_or(word.len())];
        let length = word.chars().count();
        if !is_first && column + blanks + length > width {
            out.push('\n');
            out.push_str(hanging);
            column = hanging.chars().count();
        } else {
            out.push_str(&rest[..blanks]);
            column += blanks;
        }
        out.push_str(word);
        column += length;
        is_first = false;
        rest = &rest[blanks + word.len()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    #[test]
    fn a_page_has_no_marks_of_markdown_and_fits() {
        for code in Code::ALL {
            let text = shown(code.page(), 80, false);
            assert!(text.starts_with(&format!("{code}: ")), "{text}");
            assert!(!text.contains("```") && !text.contains("]("), "{text}");
            let is_long = |line: &&str| line.chars().count() > 80 && !line.starts_with(INDENT);
            assert_eq!(text.lines().find(is_long), None);
        }
    }

    #[test]
    fn colours_stand_in_the_place_of_backquotes() {
        let text = shown("## E1: a `b`\n\nWrite `where` or `` `then` ``.\n\n```cep\na `b`\n```", 80, true);
        let expected = "\u{1b}[1mE1: a b\u{1b}[0m\n\nWrite \u{1b}[36mwhere\u{1b}[0m or \u{1b}[36m`then`\u{1b}[0m.\n\n    a `b`";
        assert_eq!(text, expected);
    }

    #[test]
    fn numbered_items_stand_on_lines_of_their_own() {
        let text = shown("Do this:\n\n1. look at what\n   stands there\n2. mend it", 20, false);
        assert_eq!(text, "Do this:\n\n1. look at what\n   stands there\n2. mend it");
        assert_eq!(shown("1. look at what stands there", 20, false), "1. look at what\n   stands there");
    }

    #[test]
    fn long_lines_hang_below_their_last_column() {
        let line = "  small  amount < 5.00 and country in (\"FR\", \"IT\")  once per event";
        assert_eq!(hanging(line, 80), format!("{line}\n"));
        let expected =
            "  small  amount < 5.00 and country\n         in (\"FR\", \"IT\")  once per\n         event\n";
        assert_eq!(hanging(line, 34), expected);
        assert_eq!(hanging("  one two", 5), "  one\n      two\n");
    }
}
