//! Patterns: a step on a line, its condition beside it.

use super::{Page, name, padded, print_expr, width_of};
use crate::lang::ast::{
    Absence, Choice, ChoiceKind, Contiguity, Element, ElementKind, Emit, Entry, Expr, Greed, Group, Ident,
    Keep, KeepPolicy, KeyPath, Mode, PatternItem, Quantifier, Skip, SourceClause, Spanned, Step, Word,
};
use crate::lang::words::STEP_WORDS;
use crate::time::Duration;

/// The widest record that stays on a line.
const RECORD_WIDTH_MAX: usize = 80;

impl Page {
    pub(super) fn pattern(&mut self, pattern: &PatternItem) {
        self.doc(&pattern.doc);
        self.open(format!("pattern {} {{", name(&pattern.name)));
        if !pattern.meta.is_empty() {
            self.record("meta", &pattern.meta);
        }
        self.line(sources(pattern));
        self.line("");
        self.body(&pattern.body, Some(pattern.mode.node));
        self.clauses(pattern);
        self.line("");
        for emit in &pattern.emits {
            self.emit("emit", emit);
        }
        for tally in &pattern.tallies {
            self.emit("tally", tally);
        }
        for emit in &pattern.timeout_emits {
            self.emit("on timeout emit", emit);
        }
        self.close("}");
    }

    fn clauses(&mut self, pattern: &PatternItem) {
        if let Some(within) = &pattern.within {
            self.line(format!("within {}", within.node));
        }
        if let Some(having) = &pattern.having {
            self.line(format!("having {}", print_expr(having)));
        }
        if let Some(skip) = &pattern.skip {
            self.line(skip_text(&skip.node));
        }
        if let Some(limit) = &pattern.limit {
            self.line(format!("limit {} per {}", limit.count.node, limit.per.node));
        }
        if let Some(keep) = &pattern.keep {
            self.line(keep_text(keep));
        }
    }

    fn emit(&mut self, words: &str, emit: &Emit) {
        self.record(&format!("{words} {}", name(&emit.stream)), &emit.entries);
    }

    fn record(&mut self, head: &str, entries: &[Entry]) {
        let texts: Vec<String> = entries.iter().map(entry).collect();
        let line = format!("{head} {{ {} }}", texts.join(", "));
        let plain = entries.iter().all(|entry| entry.doc.is_none());
        if plain && width_of(&line) <= RECORD_WIDTH_MAX {
            return self.line(line);
        }
        self.open(format!("{head} {{"));
        for (entry, text) in entries.iter().zip(texts) {
            self.doc(&entry.doc);
            self.line(format!("{text},"));
        }
        self.close("}");
    }

    /// The lines of a body; the mode is the pattern's, and a group has none.
    fn body(&mut self, body: &[Element], mode: Option<Mode>) {
        let rows: Vec<Row> = body.iter().map(|element| Row::of(element, mode)).collect();
        let words = rows.iter().map(|row| width_of(row.word)).max().unwrap_or(0);
        let heads =
            rows.iter().filter(|row| !row.tail.is_empty()).map(|row| width_of(&row.head)).max().unwrap_or(0);
        for (element, row) in body.iter().zip(rows) {
            self.doc(&element.doc);
            let start = if row.word.is_empty() { String::new() } else { padded(row.word, words) + " " };
            match &element.kind {
                ElementKind::Group(group) => self.group(&start, group),
                ElementKind::Choice(choice) => self.choice(&start, choice),
                _ if row.tail.is_empty() => self.line(format!("{start}{}", row.head)),
                _ => self.line(format!("{start}{}  {}", padded(&row.head, heads), row.tail)),
            }
        }
    }

    fn group(&mut self, start: &str, group: &Group) {
        self.open(format!("{start}("));
        self.body(&group.body, None);
        if let Some(within) = &group.within {
            self.line(format!("within {}", within.node));
        }
        let mut tail = quantifier(&group.quantifier) + &modifiers(&group.contiguity, &group.greed);
        push_tail(&mut tail, "until", &group.until, &group.gap);
        self.close(format!("){tail}"));
    }

    fn choice(&mut self, start: &str, choice: &Choice) {
        let kind = match choice.kind.node {
            ChoiceKind::One => "one".to_owned(),
            ChoiceKind::Each => "each".to_owned(),
            ChoiceKind::Some(count) => count.to_string(),
        };
        self.open(format!("{start}{kind} of ("));
        for branch in &choice.branches {
            self.doc(&branch.doc);
            let (head, tail) = step(&branch.step);
            self.line(format!("{head}{}{tail},", if tail.is_empty() { "" } else { "  " }));
        }
        let mut tail = quantifier(&choice.quantifier) + &modifiers(&choice.contiguity, &None);
        push_tail(&mut tail, "until", &None, &choice.gap);
        self.close(format!("){tail}"));
    }
}

/// A line of a body in its columns.
struct Row {
    word: &'static str,
    /// Name, quantifier and modifiers; empty for groups and choices, which are several lines.
    head: String,
    /// Condition and times.
    tail: String,
}

impl Row {
    fn of(element: &Element, mode: Option<Mode>) -> Row {
        let word = match (element.word.node, mode) {
            (Word::Match, None) => "",
            (Word::Match, Some(Mode::First)) => "match",
            (Word::Match, Some(Mode::Longest)) => "match longest",
            (Word::Match, Some(Mode::All)) => "match all",
            (Word::Next, _) => "next",
            (Word::Then, _) => "then",
            (Word::ThenAny, _) => "then any",
        };
        let (head, tail) = match &element.kind {
            ElementKind::Step(it) => step(it),
            ElementKind::Absence(it) => absence(it),
            _ => (String::new(), String::new()),
        };
        Row { word, head, tail }
    }
}

fn step(step: &Step) -> (String, String) {
    let mut head = step_name(&step.name) + &quantifier(&step.quantifier);
    head += &modifiers(&step.contiguity, &step.greed);
    head += &stream(&step.stream);
    let mut tail = String::new();
    push_tail(&mut tail, "where", &step.condition, &None);
    push_tail(&mut tail, "until", &step.until, &step.gap);
    (head, tail.trim_start().to_owned())
}

fn absence(absence: &Absence) -> (String, String) {
    let head = format!("not {}{}", step_name(&absence.name), stream(&absence.stream));
    let mut tail = String::new();
    push_tail(&mut tail, "where", &absence.condition, &None);
    if let Some(wait) = &absence.wait {
        tail += &format!(" for {}", wait.node);
    }
    (head, tail.trim_start().to_owned())
}

/// A step's name where it is declared.
fn step_name(ident: &Ident) -> String {
    if STEP_WORDS.contains(&ident.text.as_str()) {
        return format!("`{}`", ident.text);
    }
    name(ident)
}

fn stream(stream: &Option<Ident>) -> String {
    stream.as_ref().map_or(String::new(), |stream| format!(": {}", name(stream)))
}

fn push_tail(tail: &mut String, word: &str, condition: &Option<Expr>, gap: &Option<Spanned<Duration>>) {
    if let Some(condition) = condition {
        *tail += &format!(" {word} {}", print_expr(condition));
    }
    if let Some(gap) = gap {
        *tail += &format!(" gap {}", gap.node);
    }
}

fn quantifier(quantifier: &Option<Spanned<Quantifier>>) -> String {
    match quantifier.as_ref().map(|quantifier| quantifier.node) {
        None => String::new(),
        Some(Quantifier { min: 0, max: Some(1) }) => "?".to_owned(),
        Some(Quantifier { min: 0, max: None }) => "*".to_owned(),
        Some(Quantifier { min: 1, max: None }) => "+".to_owned(),
        Some(Quantifier { min, max: None }) => format!("{{{min},}}"),
        Some(Quantifier { min, max: Some(max) }) if min == max => format!("{{{min}}}"),
        Some(Quantifier { min, max: Some(max) }) => format!("{{{min},{max}}}"),
    }
}

fn modifiers(contiguity: &Option<Spanned<Contiguity>>, greed: &Option<Spanned<Greed>>) -> String {
    let contiguity = match contiguity.as_ref().map(|contiguity| contiguity.node) {
        None => "",
        Some(Contiguity::Strict) => " strict",
        Some(Contiguity::Any) => " any",
    };
    let greed = match greed.as_ref().map(|greed| greed.node) {
        None => "",
        Some(Greed::Greedy) => " greedy",
        Some(Greed::Lazy) => " lazy",
    };
    format!("{contiguity}{greed}")
}

/// `on a where …, b by c = d, e`.
fn sources(pattern: &PatternItem) -> String {
    let source = |source: &SourceClause| match &source.filter {
        None => name(&source.stream),
        Some(filter) => format!("{} where {}", name(&source.stream), print_expr(filter)),
    };
    let path = |path: &KeyPath| match &path.stream {
        None => name(&path.field),
        Some(stream) => format!("{}.{}", name(stream), name(&path.field)),
    };
    let sources: Vec<String> = pattern.sources.iter().map(source).collect();
    let mut line = format!("on {}", sources.join(", "));
    if !pattern.keys.is_empty() {
        let keys = pattern.keys.iter().map(|key| key.paths.iter().map(path).collect::<Vec<_>>().join(" = "));
        line += &format!(" by {}", keys.collect::<Vec<_>>().join(", "));
    }
    line
}

fn entry(entry: &Entry) -> String {
    format!("{}: {}", name(&entry.key), print_expr(&entry.value))
}

fn skip_text(skip: &Skip) -> String {
    match skip {
        Skip::None => "skip none".to_owned(),
        Skip::ToNext => "skip to next".to_owned(),
        Skip::PastLast => "skip past last".to_owned(),
        Skip::ToFirst(step) => format!("skip to first {}", name(step)),
        Skip::ToLast(step) => format!("skip to last {}", name(step)),
    }
}

fn keep_text(keep: &Keep) -> String {
    let policy = match keep.policy {
        KeepPolicy::DropOldest => "drop oldest",
        KeepPolicy::DropNewest => "drop newest",
        KeepPolicy::Fail => "fail",
    };
    format!("keep {} per key, {policy}", keep.count.node)
}
