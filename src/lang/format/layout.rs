//! Where lines break: a document of tokens and possible line breaks, laid out within a width.
//!
//! The idea is that of Oppen and Wadler ("A prettier printer"): a group stands on one line if it fits, and else all its
//! breaks are taken. Comments are not part of the document. They belong to tokens: in front of one, on lines of their
//! own, or behind one, at the end of its line. A comment is only ever given to a token where the document may break
//! the line, and then the line is broken there; so what is laid out reads back with every comment at the same token,
//! and a second layout changes nothing.

/// The widest line, comments behind it aside.
pub(super) const WIDTH_MAX: usize = 100;

/// A piece of a document. The tokens in it stand in order, each once.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    /// The next token.
    Token(usize),
    /// Something that is not in the source: blanks, mostly.
    Text(String),
    /// One text where the group around it is broken, another where it is not.
    IfBroken(String, &'static str),
    /// Where a line may break, or must.
    Break(Break),
    /// Stands on one line if it fits.
    Group(Vec<Doc>),
    /// Deeper by so many columns.
    Nest(usize, Vec<Doc>),
    /// Its lines start at the column where it starts.
    Align(Vec<Doc>),
    /// As many on a line as fit, with a blank between.
    Fill(Vec<Doc>),
}

/// A possible line break.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    /// What stands here where the line does not break; `None`: it always does.
    pub(super) flat: Option<&'static str>,
    /// The new line starts so many columns to the left.
    pub(super) dedent: usize,
    /// Comments on lines of their own start so many columns to the right: they are inside of what closes here.
    pub(super) inside: usize,
    /// Whether a blank line above is kept: above the first of the comments and the token, and above the token.
    pub(super) blanks: (bool, bool),
}

impl Break {
    const SOFT: Break = Break { flat: Some(" "), dedent: 0, inside: 0, blanks: (false, false) };
}

/// A blank, or a new line.
pub(super) fn line() -> Doc {
    Doc::Break(Break::SOFT)
}

/// A blank, or a new line that starts to the left.
pub(super) fn line_back(dedent: usize) -> Doc {
    Doc::Break(Break { dedent, ..Break::SOFT })
}

/// Such blanks, or a new line.
pub(super) fn line_or(flat: &'static str) -> Doc {
    Doc::Break(Break { flat: Some(flat), ..Break::SOFT })
}

/// A blank, or a new line with what closes a block.
pub(super) fn line_closing() -> Doc {
    Doc::Break(Break { inside: 4, ..Break::SOFT })
}

/// A new line; a blank line above it is kept.
pub(super) fn hard() -> Doc {
    Doc::Break(Break { flat: None, blanks: (true, true), ..Break::SOFT })
}

/// A new line, directly below.
pub(super) fn hard_close_up() -> Doc {
    Doc::Break(Break { flat: None, ..Break::SOFT })
}

/// The first line of a block.
pub(super) fn hard_first() -> Doc {
    Doc::Break(Break { flat: None, blanks: (false, true), ..Break::SOFT })
}

/// The line that closes a block.
pub(super) fn hard_closing() -> Doc {
    Doc::Break(Break { flat: None, inside: 4, blanks: (true, false), ..Break::SOFT })
}

/// The line that closes a block with nothing in it.
pub(super) fn hard_closing_empty() -> Doc {
    Doc::Break(Break { flat: None, inside: 4, ..Break::SOFT })
}

/// Nothing, or a new line with the bracket that closes a group.
pub(super) fn line_closing_up() -> Doc {
    Doc::Break(Break { flat: Some(""), inside: 4, ..Break::SOFT })
}

/// A text that is not in the source.
pub(super) fn text(text: impl Into<String>) -> Doc {
    Doc::Text(text.into())
}

/// A blank.
pub(super) fn blank() -> Doc {
    text(" ")
}

/// What is laid out: a token as it is printed, and the comments that belong to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// The text.
    pub(super) text: String,
    /// Whether it is a doc comment, which has a line for itself.
    pub(super) is_doc: bool,
    /// Whether a blank line is above it.
    pub(super) blank: bool,
    /// Comments on the lines above; with each whether a blank line is above that.
    pub(super) leading: Vec<(bool, String)>,
    /// The comment behind it.
    pub(super) trailing: Option<String>,
}

/// A line of the output.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Line {
    /// With its indentation.
    pub(super) code: String,
    /// The comment behind it.
    pub(super) comment: Option<String>,
}

/// Which tokens can be the first of a line.
pub(super) fn line_starts(docs: &[Doc], tokens: usize) -> Vec<bool> {
    fn walk(docs: &[Doc], seen: &mut usize, starts: &mut [bool]) {
        for doc in docs {
            match doc {
                Doc::Token(token) => {
                    assert_eq!(*token, *seen, "the tokens of a document stand in order, each once");
                    *seen += 1;
                }
                Doc::Break(_) => starts[*seen] = true,
                Doc::Fill(items) => {
                    for (at, item) in items.iter().enumerate() {
                        starts[*seen] |= at > 0;
                        walk(std::slice::from_ref(item), seen, starts);
                    }
                }
                Doc::Group(docs) | Doc::Nest(_, docs) | Doc::Align(docs) => walk(docs, seen, starts),
                Doc::Text(_) | Doc::IfBroken(..) => {}
            }
        }
    }
    let mut starts = vec![false; tokens + 1];
    starts[0] = true;
    let mut seen = 0;
    walk(docs, &mut seen, &mut starts);
    assert_eq!(seen, tokens, "every token is in the document");
    starts
}

/// Lays a document out.
pub(super) fn lay_out(docs: &[Doc], pieces: &[Piece], width: usize) -> Vec<Line> {
    let mut layout =
        Layout { pieces, width, printed: 0, lines: Vec::new(), code: String::new(), comment: None };
    layout.comments_above(0, 0, (false, false));
    layout.run(docs);
    layout.end_line();
    layout.lines
}

/// How wide a document is on one line.
pub(super) fn flat_width(docs: &[Doc], pieces: &[Piece]) -> usize {
    let of = |doc: &Doc| match doc {
        Doc::Token(token) => width_of(&pieces[*token].text),
        Doc::Text(text) => width_of(text),
        Doc::IfBroken(_, flat) => width_of(flat),
        Doc::Break(it) => it.flat.map_or(0, width_of),
        Doc::Group(docs) | Doc::Nest(_, docs) | Doc::Align(docs) => flat_width(docs, pieces),
        Doc::Fill(items) => flat_width(items, pieces) + items.len().saturating_sub(1),
    };
    docs.iter().map(of).sum()
}

/// In columns; a character is one.
pub(super) fn width_of(text: &str) -> usize {
    text.chars().count()
}

/// What is left to be laid out: a piece, the column of its lines, and whether it stands on one line.
#[derive(Clone, Copy)]
struct Rest<'d> {
    indent: usize,
    flat: bool,
    doc: &'d Doc,
}

struct Layout<'p> {
    pieces: &'p [Piece],
    width: usize,
    /// Tokens so far.
    printed: usize,
    lines: Vec<Line>,
    /// The line that is being written, and the comment behind it.
    code: String,
    comment: Option<String>,
}

impl Layout<'_> {
    fn run(&mut self, docs: &[Doc]) {
        let mut rest: Vec<Rest<'_>> = Vec::new();
        push(&mut rest, docs, 0, false);
        while let Some(Rest { indent, flat, doc }) = rest.pop() {
            match doc {
                Doc::Token(token) => self.token(*token),
                Doc::Text(text) => self.code.push_str(text),
                Doc::IfBroken(broken, unbroken) => self.code.push_str(if flat { unbroken } else { broken }),
                Doc::Break(Break { flat: Some(blanks), .. }) if flat => self.code.push_str(blanks),
                Doc::Break(it) => self.new_line(indent, it),
                Doc::Nest(deeper, docs) => push(&mut rest, docs, indent + deeper, flat),
                Doc::Align(docs) => push(&mut rest, docs, width_of(&self.code), flat),
                Doc::Group(docs) => {
                    let fits = flat || (!self.must_break(docs) && self.fits(docs, &rest));
                    push(&mut rest, docs, indent, fits);
                }
                Doc::Fill(items) if flat => {
                    for (at, item) in items.iter().enumerate().rev() {
                        rest.push(Rest { indent, flat, doc: item });
                        if at > 0 {
                            rest.push(Rest { indent, flat, doc: &BLANK });
                        }
                    }
                }
                Doc::Fill(items) => self.fill(items, indent),
            }
        }
    }

    /// Item after item, each on a new line where it does not fit.
    fn fill(&mut self, items: &[Doc], indent: usize) {
        for (at, item) in items.iter().enumerate() {
            let item = std::slice::from_ref(item);
            if at > 0 {
                let room = self.width.saturating_sub(width_of(&self.code) + 2);
                let breaks = self.breaks_at(self.printed) || self.must_break(item);
                match breaks || flat_width(item, self.pieces) > room {
                    true => self.new_line(indent, &Break::SOFT),
                    false => self.code.push(' '),
                }
            }
            // What follows an item is a comma at most.
            self.run(&[Doc::Align(vec![Doc::Group(item.to_vec())])]);
        }
    }

    fn token(&mut self, token: usize) {
        let piece = &self.pieces[token];
        self.code.push_str(&piece.text);
        if let Some(comment) = &piece.trailing {
            assert!(self.comment.is_none(), "the line is broken behind a token with a comment");
            self.comment = Some(comment.clone());
        }
        self.printed = token + 1;
    }

    fn new_line(&mut self, indent: usize, it: &Break) {
        self.end_line();
        let indent = indent.saturating_sub(it.dedent);
        self.comments_above(indent + it.inside, self.printed, it.blanks);
        self.code = " ".repeat(indent);
    }

    /// The comments above a token, and the blank lines that are kept.
    fn comments_above(&mut self, indent: usize, token: usize, (first, last): (bool, bool)) {
        let Some(piece) = self.pieces.get(token) else { return };
        for (at, (blank, comment)) in piece.leading.iter().enumerate() {
            if *blank && (first || (at > 0 && last)) {
                self.lines.push(Line::default());
            }
            self.lines.push(Line { code: format!("{}{comment}", " ".repeat(indent)), comment: None });
        }
        if piece.blank && last && (first || !piece.leading.is_empty()) {
            self.lines.push(Line::default());
        }
    }

    fn end_line(&mut self) {
        let code = std::mem::take(&mut self.code).trim_end().to_owned();
        self.lines.push(Line { code, comment: self.comment.take() });
    }

    /// Whether comments break the line in front of a token.
    fn breaks_at(&self, token: usize) -> bool {
        let is_set = |piece: &Piece| piece.is_doc || !piece.leading.is_empty();
        self.pieces.get(token).is_some_and(is_set)
            || token > 0 && (self.pieces[token - 1].is_doc || self.pieces[token - 1].trailing.is_some())
    }

    /// Whether a line breaks somewhere in it, however much room there is.
    fn must_break(&self, docs: &[Doc]) -> bool {
        let mut seen = self.printed;
        self.must_break_from(docs, &mut seen)
    }

    fn must_break_from(&self, docs: &[Doc], seen: &mut usize) -> bool {
        docs.iter().any(|doc| match doc {
            Doc::Token(token) => {
                *seen = token + 1;
                false
            }
            Doc::Break(it) => it.flat.is_none() || self.breaks_at(*seen),
            Doc::Fill(items) => items.iter().enumerate().any(|(at, item)| {
                (at > 0 && self.breaks_at(*seen)) || self.must_break_from(std::slice::from_ref(item), seen)
            }),
            Doc::Group(docs) | Doc::Nest(_, docs) | Doc::Align(docs) => self.must_break_from(docs, seen),
            Doc::Text(_) | Doc::IfBroken(..) => false,
        })
    }

    /// Whether it fits on this line, together with what must follow on it.
    fn fits(&self, docs: &[Doc], rest: &[Rest<'_>]) -> bool {
        let mut used = width_of(&self.code) + flat_width(docs, self.pieces);
        for Rest { flat, doc, .. } in rest.iter().rev() {
            if used > self.width {
                return false;
            }
            match before_break(doc, *flat, self.pieces) {
                (width, true) => return used + width <= self.width,
                (width, false) => used += width,
            }
        }
        used <= self.width
    }
}

static BLANK: Doc = Doc::IfBroken(String::new(), " ");

/// How wide it is up to where the line may break, and whether it may.
fn before_break(doc: &Doc, flat: bool, pieces: &[Piece]) -> (usize, bool) {
    let all = |docs: &[Doc], flat: bool| {
        let mut used = 0;
        for doc in docs {
            match before_break(doc, flat, pieces) {
                (width, true) => return (used + width, true),
                (width, false) => used += width,
            }
        }
        (used, false)
    };
    match doc {
        Doc::Break(_) if !flat => (0, true),
        Doc::IfBroken(broken, _) if !flat => (width_of(broken), false),
        Doc::Group(docs) | Doc::Nest(_, docs) | Doc::Align(docs) => all(docs, flat),
        Doc::Fill(items) if !flat => match items.first() {
            Some(first) => (all(std::slice::from_ref(first), flat).0, true),
            None => (0, false),
        },
        _ => (flat_width(std::slice::from_ref(doc), pieces), false),
    }
}

fn push<'d>(rest: &mut Vec<Rest<'d>>, docs: &'d [Doc], indent: usize, flat: bool) {
    rest.extend(docs.iter().rev().map(|doc| Rest { indent, flat, doc }));
}
