//! Syntax tree to text, in one canonical shape: a step on a line, columns aligned.
//!
//! What is printed parses to the same tree, places aside. Parentheses are written where precedence needs them, and
//! backquotes where a name would be read as something else. Comments are not in the tree and are lost; doc comments
//! are kept.

mod expr;
mod pattern;
mod script;
#[cfg(test)]
mod tests;

use super::ast::{Doc, FieldItem, Ident, Item, LetItem, StreamItem, TableItem};

pub use expr::print_expr;

/// The text of a file with these items.
///
/// # Example
///
/// ```
/// use ensue::lang::{load::load_text, print::print_items};
///
/// let loaded = load_text("a.cep", "stream s{at timestamp  event time at}");
/// let text = print_items(&loaded.files[0].1);
/// assert_eq!(text, "stream s {\n    at  timestamp\n\n    event time at\n}\n");
/// ```
pub fn print_items(items: &[Item]) -> String {
    let texts: Vec<String> = items.iter().map(print_item).collect();
    let mut printed = String::new();
    for (at, text) in texts.iter().enumerate() {
        let together = at > 0 && matches!((&items[at - 1], &items[at]), (Item::Use(_), Item::Use(_)));
        if at > 0 && !together {
            printed.push('\n');
        }
        printed.push_str(text);
    }
    printed
}

/// The text of an item, ending with a line break.
pub fn print_item(item: &Item) -> String {
    let mut page = Page::default();
    match item {
        Item::Stream(stream) => page.stream(stream),
        Item::Table(table) => page.table(table),
        Item::Let(rolling) => page.rolling(rolling),
        Item::Pattern(pattern) => page.pattern(pattern),
        Item::Test(test) => page.test(test),
        Item::Use(path) => page.line(format!("use {}", quoted(&path.node))),
    }
    page.text
}

/// Lines at an indentation.
#[derive(Default)]
struct Page {
    text: String,
    depth: usize,
}

impl Page {
    /// A line at the current depth.
    fn line(&mut self, line: impl AsRef<str>) {
        let line = line.as_ref().trim_end();
        if !line.is_empty() {
            self.text.push_str(&"    ".repeat(self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// A line that opens a block.
    fn open(&mut self, line: impl AsRef<str>) {
        self.line(line);
        self.depth += 1;
    }

    /// A line that closes a block.
    fn close(&mut self, line: impl AsRef<str>) {
        self.depth -= 1;
        self.line(line);
    }

    fn doc(&mut self, doc: &Doc) {
        if let Some(doc) = doc {
            for line in doc.split('\n') {
                self.line(format!("/// {line}"));
            }
        }
    }

    fn stream(&mut self, stream: &StreamItem) {
        self.doc(&stream.doc);
        self.open(format!("stream {} {{", name(&stream.name)));
        self.fields(&stream.fields);
        if let Some(clause) = &stream.event_time {
            self.line("");
            let mut line = format!("event time {}", name(&clause.field));
            if let Some(disorder) = &clause.disorder {
                line += &format!(", disorder {}", disorder.node);
            }
            if let Some(idle) = &clause.idle {
                line += &format!(", idle {}", idle.node);
            }
            self.line(line);
        }
        self.close("}");
    }

    fn table(&mut self, table: &TableItem) {
        self.doc(&table.doc);
        self.open(format!("table {} {{", name(&table.name)));
        self.fields(&table.fields);
        self.close("}");
    }

    fn fields(&mut self, fields: &[FieldItem]) {
        // `event time` would start the clause.
        let names = fields.iter().map(|field| match field.name.text.as_str() {
            "event" => "`event`".to_owned(),
            _ => name(&field.name),
        });
        let names: Vec<String> = names.collect();
        let width = widest(names.iter());
        for (field, name) in fields.iter().zip(names) {
            self.doc(&field.doc);
            self.line(format!("{}  {}", padded(&name, width), field_type(field)));
        }
    }

    fn rolling(&mut self, rolling: &LetItem) {
        self.doc(&rolling.doc);
        let mut line = format!("let {} = {}", name(&rolling.name), print_expr(&rolling.value));
        if let Some(over) = &rolling.over {
            line += &format!(" over {}", over.node);
        }
        if !rolling.by.is_empty() {
            let keys: Vec<String> = rolling.by.iter().map(print_expr).collect();
            line += &format!(" by {}", keys.join(", "));
        }
        self.line(line);
    }
}

fn field_type(field: &FieldItem) -> String {
    let mut text = name(&field.ty);
    let digits = field.ty_argument.iter().map(|digits| digits.node.to_string());
    let arguments: Vec<String> = digits.chain(field.forms.iter().map(|form| quoted(&form.node))).collect();
    if !arguments.is_empty() {
        text += &format!("({})", arguments.join(", "));
    }
    if field.nullable {
        text.push('?');
    }
    if let Some(from) = &field.from {
        text += &format!("  from {}", quoted(&from.node));
    }
    if field.key {
        text += " key";
    }
    text
}

/// A declared name: any word.
fn name(ident: &Ident) -> String {
    let mut characters = ident.text.chars();
    let starts = characters.next().is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
    if starts && characters.all(|c| c == '_' || c.is_ascii_alphanumeric()) {
        return ident.text.clone();
    }
    format!("`{}`", ident.text)
}

/// A string with its escapes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn width_of(text: &str) -> usize {
    text.chars().count()
}

fn widest<'t>(texts: impl Iterator<Item = &'t String>) -> usize {
    texts.map(|text| width_of(text)).max().unwrap_or(0)
}

/// The text with blanks behind it, so wide.
fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(width_of(text))))
}
