//! Syntax errors in plain words: what was found, what was expected, and what to write.
//!
//! The parser says where it stopped and which rules it tried there. `words` puts the rules into words; `habits` knows
//! what people bring from other languages.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::foreign;
use super::grammar::Rule;
use super::habits;
use super::words;
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::lang::scan::{Scanner, Token};
use crate::lang::split::{Chunk, ITEM_WORDS};

/// Where the parser stopped, and what stands around.
pub(super) struct Stop<'t> {
    /// The whole file.
    pub(super) text: &'t str,
    /// Where the item starts.
    pub(super) start: usize,
    /// Where the item ends.
    pub(super) end: usize,
    /// Where the parser stopped.
    pub(super) at: usize,
    /// What stands there; empty at the item's end.
    pub(super) found: &'t str,
    /// The rules tried.
    pub(super) expected: &'t [Rule],
    /// The token before.
    pub(super) previous: &'t str,
    /// The brackets still open, with their places.
    open: Vec<usize>,
}

/// The diagnostic for an item that the grammar refuses.
pub(super) fn explain(error: &Error<Rule>, text: &str, file: FileId, start: usize, end: usize) -> Diagnostic {
    let at = start
        + match error.location {
            InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
        };
    let expected = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => {
            let place = Span { file, start: at as u32, end: at as u32 };
            return Diagnostic::error(Code::TooLarge, place, "this is nested too deep");
        }
    };
    let place = |start: usize, end: usize| Span { file, start: start as u32, end: end as u32 };
    let (token, found_at) =
        Scanner::new(text, at, end).next().map_or((None, end), |(at, token)| (Some(token), at));
    if expected.contains(&Rule::bar) && text[at..found_at].contains('\n') {
        return habits::open_row(place(at, at));
    }
    let mut stop =
        Stop { text, start, end, at: found_at, found: "", expected, previous: "", open: Vec::new() };
    let (doc, word_before) = stop.look_back();
    if let Some((start, end)) = doc {
        return misplaced_doc(file, start, end);
    }
    let found_end = match token {
        None => end,
        Some(Token::Doc(end)) => return misplaced_doc(file, found_at, end),
        Some(Token::String { closed: false, end }) => return open_quote(place(found_at, end), "string", '"'),
        Some(Token::Quoted(end)) if end == found_at + 1 => {
            return open_quote(place(found_at, end), "name", '`');
        }
        Some(Token::Word(end) | Token::Quoted(end) | Token::String { end, .. }) => end,
        Some(_) => found_at + text[found_at..].chars().next().map_or(0, char::len_utf8),
    };
    stop.found = &text[found_at..found_end];
    stop.previous = word_before;
    let span = place(found_at, found_end);
    if let Some(diagnostic) = habits::explain(&stop, span) {
        return diagnostic;
    }
    if let (None, Some(&open)) = (token, stop.open.last()) {
        return open_bracket(&text[open..open + 1], place(open, open + 1), place(end, end));
    }
    plain(&stop, span)
}

impl<'t> Stop<'t> {
    /// Looks at what stands before the place: a doc comment directly before, if any, and the last token.
    fn look_back(&mut self) -> (Option<(usize, usize)>, &'t str) {
        let mut doc = None;
        let mut previous = "";
        let mut tokens =
            Scanner::new(self.text, self.start, self.end).take_while(|(at, _)| *at < self.at).peekable();
        while let Some((at, token)) = tokens.next() {
            doc = match token {
                Token::Doc(end) => Some((at, end)),
                Token::Comment => doc,
                _ => None,
            };
            let bracket = &self.text[at..at + usize::from(matches!(token, Token::Open | Token::Close))];
            match bracket {
                "{" | "(" | "[" => self.open.push(at),
                "" => {}
                closing => {
                    let opening = opening(closing);
                    if self.open.last().is_some_and(|&open| self.text[open..].starts_with(opening)) {
                        self.open.pop();
                    }
                }
            }
            if doc.is_none() && token != Token::Comment {
                let end = tokens.peek().map_or(self.at, |(next, _)| *next);
                previous = self.text[at..end.max(at)].trim_end();
            }
        }
        (doc, previous)
    }

    /// The last tokens before the place, at most so many.
    pub(super) fn tokens_before(&self, count: usize) -> Vec<&'t str> {
        let mut tokens = Vec::new();
        let mut scanner = Scanner::new(self.text, self.start, self.at).peekable();
        while let Some((start, token)) = scanner.next() {
            let end = scanner.peek().map_or(self.at, |(next, _)| *next);
            if !matches!(token, Token::Comment | Token::Doc(_)) {
                tokens.push(self.text[start..end].trim_end());
            }
        }
        // `<=` and its like are two characters of one token.
        let is_pair = |pair: &[&str]| matches!(pair, ["<" | ">" | "=" | "!", "="] | ["?", "?"]);
        while let Some(at) = tokens.windows(2).rposition(is_pair) {
            let start = tokens[at].as_ptr() as usize - self.text.as_ptr() as usize;
            let pair = self.text.get(start..start + 2).filter(|pair| pair.len() == 2 && !pair.contains(' '));
            let Some(pair) = pair else { break };
            tokens.splice(at..at + 2, [pair]);
        }
        tokens.split_off(tokens.len().saturating_sub(count))
    }

    /// Where the innermost bracket is that is still open.
    pub(super) fn opened(&self) -> Option<usize> {
        self.open.last().copied()
    }

    /// Whether the steps are over, so that only clauses of the whole pattern could follow.
    pub(super) fn is_past_steps(&self) -> bool {
        let clauses = self.expected.iter().any(|rule| words::is_clause(*rule));
        clauses && !self.expects(&[Rule::element, Rule::word_then, Rule::word_next])
    }

    /// Whether one of these rules was tried.
    pub(super) fn expects(&self, rules: &[Rule]) -> bool {
        self.expected.iter().any(|rule| rules.contains(rule))
    }

    /// Whether what was found is the first of its line.
    pub(super) fn starts_line(&self) -> bool {
        self.text[..self.at].trim_end_matches([' ', '\t']).ends_with('\n')
    }

    /// Whether an expression, or a part of one, was tried.
    pub(super) fn expects_operand(&self) -> bool {
        self.expected.iter().any(|rule| words::phrase(*rule) == words::EXPRESSION)
    }

    /// Whether an operator was tried.
    pub(super) fn expects_operator(&self) -> bool {
        // An index may follow every operand.
        self.expected.iter().any(|rule| *rule == Rule::l_bracket || words::phrase(*rule) == words::OPERATOR)
    }
}

fn closing(opening: &str) -> char {
    match opening {
        "{" => '}',
        "(" => ')',
        _ => ']',
    }
}

fn closing_rule(opening: &str) -> Rule {
    match opening {
        "{" => Rule::r_brace,
        "(" => Rule::r_paren,
        _ => Rule::r_bracket,
    }
}

fn opening(closing: &str) -> char {
    match closing {
        "}" => '{',
        ")" => '(',
        _ => '[',
    }
}

/// "expected …, found …", with the bracket around it.
fn plain(stop: &Stop<'_>, span: Span) -> Diagnostic {
    let found = match stop.found {
        "" => "the end of the item".to_owned(),
        found => format!("`{found}`"),
    };
    let expected = words::list(stop.expected);
    let message = if expected.is_empty() {
        format!("{found} is not expected here")
    } else {
        format!("expected {expected}, found {found}")
    };
    let diagnostic = Diagnostic::error(Code::Syntax, span, message).label("not expected here");
    match stop.open.last() {
        Some(&open) if stop.expects(&[Rule::r_brace, Rule::r_paren, Rule::r_bracket]) => {
            let place = Span { start: open as u32, end: open as u32 + 1, ..span };
            let diagnostic = diagnostic.also(place, "inside of what is opened here");
            let bracket = &stop.text[open..open + 1];
            if stop.text[open..stop.at].contains('\n')
                && stop.expects(&[closing_rule(bracket)])
                && stop.starts_line()
                && stop.open.len() > 1
            {
                return diagnostic.help(format!("perhaps a `{}` is missing before it", closing(bracket)));
            }
            diagnostic
        }
        _ => diagnostic,
    }
}

fn open_bracket(bracket: &str, open: Span, end: Span) -> Diagnostic {
    Diagnostic::error(Code::Syntax, open, format!("this `{bracket}` is never closed"))
        .label("opened here")
        .also(end, "the item ends here")
        .help(format!("add the missing `{}`", closing(bracket)))
}

fn open_quote(span: Span, what: &str, quote: char) -> Diagnostic {
    Diagnostic::error(Code::Syntax, span, format!("this {what} is never closed"))
        .label(format!("opened here; a {what} ends on its line"))
        .help(format!("add the missing {quote}"))
}

/// A `///` where nothing can be documented.
pub(super) fn misplaced_doc(file: FileId, start: usize, end: usize) -> Diagnostic {
    let span = Span { file, start: start as u32, end: end as u32 };
    Diagnostic::error(Code::MisplacedDoc, span, "a doc comment where nothing can be documented")
        .note("`///` documents the item, field, step, branch or record entry directly below it")
        .help("write `//` for any other comment")
}

/// Text between items.
pub(super) fn stray(text: &str, file: FileId, chunk: &Chunk) -> Diagnostic {
    let tokens = Scanner::new(text, chunk.start, chunk.end);
    let mut tokens = tokens.filter(|(_, token)| !matches!(token, Token::Comment | Token::Doc(_)));
    let at = tokens.next().map_or(chunk.start, |(at, _)| at);
    let rest = &text[at..chunk.end];
    let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
    let place = |start: usize, end: usize| Span { file, start: start as u32, end: end as u32 };
    let found = &text[at..at + length];
    if let Some(diagnostic) = foreign::whole(&text[at..chunk.end], found, place(at, at + length)) {
        return diagnostic;
    }
    let message = format!("expected an item, found `{found}`");
    let mut diagnostic =
        Diagnostic::error(Code::Syntax, place(at, at + length), message).label("not expected here");
    let before = text[..chunk.start].trim_end();
    if before.ends_with('}') {
        diagnostic = diagnostic.also(place(before.len() - 1, before.len()), "the item before it ends here");
    }
    let lower = found.to_lowercase();
    let near = ITEM_WORDS.iter().find(|word| strsim::damerau_levenshtein(word, &lower) <= 1);
    if let (None, Some(help)) = (near, habits::heads::stray(rest, found)) {
        return diagnostic.help(help);
    }
    match near {
        Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
        None if found == "}" => diagnostic.help("take this brace away, or one above it"),
        None => diagnostic.help(
            "an item starts with `stream`, `table`, `let`, `pattern`, `test` or `use`; `//` starts a comment",
        ),
    }
}
