//! Two tables side by side: what a test expected, and what was found.
//!
//! Rows are paired by a longest common subsequence, so that one row too many does not make all the rows after it
//! differ. Cells are written as a test writes them, so that a row found can be copied into the test.

use crate::event::{Type, Value};
use crate::lang::hir::Field;
use crate::script::{Block, is_same_row};
use crate::time::{Duration, EventTime};

/// Tables with more pairs of rows than this are paired in order: the usual failure is a handful of rows.
const PAIRS_MAX: usize = 1 << 20;

/// Tables that need more columns of a terminal than this together do not stand side by side.
const WIDTH_MAX: usize = 150;

/// The rows of two tables that stand in one line.
type Pair = (Option<usize>, Option<usize>);

/// Both tables as lines, side by side, or one below the other where they are too wide for that. In front of a line that
/// differs stands `!`, of one only expected `-`, of one only found `+`.
pub(super) fn side_by_side(block: &Block, fields: &[Field]) -> Vec<String> {
    let columns: Vec<&Field> = block.columns.iter().map(|field| &fields[*field]).collect();
    let mut expected = Table::new(&columns, &block.expected);
    let mut found = Table::new(&columns, &block.found);
    if expected.width() + found.width() > WIDTH_MAX {
        return one_below_the_other(block, &mut expected, &mut found);
    }
    let width = expected.width().max("expected".len());
    let line = |mark: char, left: &str, right: &str| {
        let fill = " ".repeat(width - shown_width(left));
        format!("{mark} {left}{fill}    {right}").trim_end().to_owned()
    };
    let mut lines = vec![line(' ', "expected", "found"), line(' ', &expected.head(), &found.head())];
    for (left, right) in pair_up(&block.expected, &block.found) {
        let mark = match (left, right) {
            (Some(left), Some(right)) if is_same_row(&block.expected[left], &block.found[right]) => ' ',
            (Some(_), Some(_)) => '!',
            (Some(_), None) => '-',
            (None, _) => '+',
        };
        let text = |table: &Table, row: Option<usize>| row.map_or(String::new(), |row| table.row(row));
        lines.push(line(mark, &text(&expected, left), &text(&found, right)));
    }
    lines
}

/// The rows of both tables under one head: `-` was expected, `+` was found, other rows are the same in both.
fn one_below_the_other(block: &Block, expected: &mut Table, found: &mut Table) -> Vec<String> {
    for (left, right) in expected.widths.iter_mut().zip(&mut found.widths) {
        *left = (*left).max(*right);
        *right = *left;
    }
    let mut lines = vec!["- expected, + found".to_owned(), format!("  {}", expected.head())];
    for (left, right) in pair_up(&block.expected, &block.found) {
        match (left, right) {
            (Some(left), Some(right)) if is_same_row(&block.expected[left], &block.found[right]) => {
                lines.push(format!("  {}", expected.row(left)));
            }
            _ => {
                lines.extend(left.map(|row| format!("- {}", expected.row(row))));
                lines.extend(right.map(|row| format!("+ {}", found.row(row))));
            }
        }
    }
    lines
}

/// Pairs rows: equal ones as many as can be in order; between them the others one by one.
fn pair_up(expected: &[Vec<Value>], found: &[Vec<Value>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (mut left, mut right) = (0, 0);
    let matched = common(expected, found).into_iter().chain([(expected.len(), found.len())]);
    for (next_left, next_right) in matched {
        while left < next_left || right < next_right {
            pairs.push(((left < next_left).then_some(left), (right < next_right).then_some(right)));
            left = (left + 1).min(next_left);
            right = (right + 1).min(next_right);
        }
        if next_left < expected.len() {
            pairs.push((Some(next_left), Some(next_right)));
        }
        (left, right) = (next_left + 1, next_right + 1);
    }
    pairs
}

/// A longest common subsequence, as pairs of rows.
fn common(expected: &[Vec<Value>], found: &[Vec<Value>]) -> Vec<(usize, usize)> {
    let (rows, columns) = (expected.len(), found.len());
    if rows.saturating_mul(columns) > PAIRS_MAX {
        let same = |at: &usize| is_same_row(&expected[*at], &found[*at]);
        return (0..rows.min(columns)).filter(same).map(|at| (at, at)).collect();
    }
    let mut longest = vec![vec![0_u32; columns + 1]; rows + 1];
    for left in (0..rows).rev() {
        for right in (0..columns).rev() {
            longest[left][right] = if is_same_row(&expected[left], &found[right]) {
                longest[left + 1][right + 1] + 1
            } else {
                longest[left + 1][right].max(longest[left][right + 1])
            };
        }
    }
    let mut pairs = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < rows && right < columns {
        if is_same_row(&expected[left], &found[right]) {
            pairs.push((left, right));
            (left, right) = (left + 1, right + 1);
        } else if longest[left + 1][right] >= longest[left][right + 1] {
            left += 1;
        } else {
            right += 1;
        }
    }
    pairs
}

/// A table as texts of equal width.
struct Table {
    names: Vec<String>,
    cells: Vec<Vec<String>>,
    widths: Vec<usize>,
    /// Numbers stand at the right.
    right: Vec<bool>,
}

impl Table {
    fn new(columns: &[&Field], rows: &[Vec<Value>]) -> Table {
        let names: Vec<String> = columns.iter().map(|field| field.name.clone()).collect();
        let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let widest = |at: usize| cells.iter().map(|row| shown_width(&row[at])).max().unwrap_or(0);
        let widths = (0..columns.len()).map(|at| widest(at).max(shown_width(&names[at]))).collect();
        let right = columns.iter().map(|field| field.ty.is_numeric() || field.ty == Type::Duration).collect();
        Table { names, cells, widths, right }
    }

    fn width(&self) -> usize {
        self.widths.iter().map(|width| width + 3).sum::<usize>() + 1
    }

    fn head(&self) -> String {
        self.line(&self.names, false)
    }

    fn row(&self, row: usize) -> String {
        self.line(&self.cells[row], true)
    }

    fn line(&self, cells: &[String], align: bool) -> String {
        let mut line = String::from("|");
        for ((cell, width), right) in cells.iter().zip(&self.widths).zip(&self.right) {
            let fill = " ".repeat(width - shown_width(cell));
            if align && *right {
                line.push_str(&format!(" {fill}{cell} |"));
            } else {
                line.push_str(&format!(" {cell}{fill} |"));
            }
        }
        line
    }
}

fn shown_width(text: &str) -> usize {
    text.chars().count()
}

/// A value as a test writes it: null is an empty cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Timestamp(time) => time_cell(*time),
        Value::String(text) if needs_quotes(text) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
        }
        value => value.to_string(),
    }
}

fn needs_quotes(text: &str) -> bool {
    text.trim() != text || text.is_empty() || text.contains(['|', '"', '\\', '\n', '\r'])
}

/// A time of 1970-01-01 or not long after as `12:00:00` or `2d 12:00:00`; any other in full.
fn time_cell(time: EventTime) -> String {
    const DAY: i64 = 86_400_000_000;
    const DAYS_MAX: i64 = 3650;
    let micros = time.micros();
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    if !(0..DAYS_MAX).contains(&days) {
        return time.to_string();
    }
    let seconds = rest / 1_000_000;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match rest % 1_000_000 {
        0 => String::new(),
        micros if micros % 1000 == 0 => format!(".{:03}", micros / 1000),
        micros => format!(".{micros:06}"),
    };
    let day = if days == 0 { String::new() } else { format!("{} ", Duration::from_micros(days * DAY)) };
    format!("{day}{clock}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StreamId;
    use crate::lang::hir::{Expected, Form};

    fn rows(numbers: &[i64]) -> Vec<Vec<Value>> {
        numbers.iter().map(|number| vec![Value::text("c1"), Value::Int(*number)]).collect()
    }

    #[test]
    fn one_row_too_many_does_not_make_the_others_differ() {
        let field = |name: &str, ty| Field {
            name: name.to_owned(),
            doc: None,
            ty,
            nullable: false,
            path: vec![name.to_owned()],
            form: Form::Plain,
        };
        let fields = [field("card", Type::String), field("n", Type::Int)];
        let block = Block {
            kind: Expected::Match,
            stream: StreamId(0),
            named: true,
            columns: vec![0, 1],
            expected: rows(&[1, 2, 3, 40]),
            found: rows(&[9, 1, 2, 5, 40, 6]),
        };
        let lines = side_by_side(&block, &fields);
        let expected = [
            "  expected         found",
            "  | card | n  |    | card | n  |",
            "+                  | c1   |  9 |",
            "  | c1   |  1 |    | c1   |  1 |",
            "  | c1   |  2 |    | c1   |  2 |",
            "! | c1   |  3 |    | c1   |  5 |",
            "  | c1   | 40 |    | c1   | 40 |",
            "+                  | c1   |  6 |",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn cells_are_written_as_in_tests() {
        let at = |millis| cell(&Value::Timestamp(EventTime::from_millis(millis)));
        assert_eq!(at(43_200_000), "12:00:00");
        assert_eq!(at(43_200_250), "12:00:00.250");
        assert_eq!(at(86_400_000 * 2 + 1000), "2d 00:00:01");
        assert_eq!(at(1_700_000_000_000), "2023-11-14T22:13:20.000Z");
        assert_eq!(cell(&Value::text("")), "\"\"");
        assert_eq!(cell(&Value::text("a|b")), "\"a|b\"");
        assert_eq!(cell(&Value::Null), "");
    }
}
