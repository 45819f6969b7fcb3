//! The little that is known of a text before it is parsed: where its words, brackets, strings and comments are.
//!
//! The scanner never fails. An open string ends with its line, as in the grammar. A row of a test's table (a line
//! whose first character is `|`) is passed over, since its cells hold any text.

/// What stands at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A word or a number, up to this byte.
    Word(usize),
    /// `"…"` or `r"…"`, up to this byte; `closed` is whether its quote is there.
    String {
        /// The byte after it.
        end: usize,
        /// Whether the closing quote is there.
        closed: bool,
    },
    /// `` `…` ``, up to this byte.
    Quoted(usize),
    /// `// …`.
    Comment,
    /// `/// …`, up to the end of its line.
    Doc(usize),
    /// A row of a table.
    Row,
    /// `{`, `(` or `[`.
    Open,
    /// `}`, `)` or `]`.
    Close,
    /// Anything else but blanks.
    Mark,
}

/// Yields the tokens of a text with their places.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    end: usize,
    /// Whether only blanks were seen on this line.
    line_start: bool,
}

impl<'t> Scanner<'t> {
    /// A scanner of `text[start..end]`.
    pub(super) fn new(text: &'t str, start: usize, end: usize) -> Scanner<'t> {
        let line_start = text[..start].trim_end_matches([' ', '\t']).ends_with('\n') || start == 0;
        Scanner { text, at: start, end, line_start }
    }

    /// Where the line ends.
    fn line_end(&self) -> usize {
        self.text[self.at..self.end].find('\n').map_or(self.end, |length| self.at + length)
    }

    /// The end of a string whose first quote is at `open`.
    fn string(&self, open: usize, raw: bool) -> Token {
        let line_end = self.line_end();
        let bytes = self.text.as_bytes();
        let mut at = open + 1;
        while at < line_end {
            match bytes[at] {
                b'"' => return Token::String { end: at + 1, closed: true },
                b'\\' if !raw => at += 2,
                _ => at += 1,
            }
        }
        Token::String { end: line_end, closed: false }
    }

    /// The token at the current place.
    fn token(&self) -> (Token, usize) {
        let rest = &self.text[self.at..self.end];
        let first = rest.chars().next().expect("a character is left");
        let past = |length: usize| self.at + length;
        match first {
            '|' if self.line_start => (Token::Row, self.line_end()),
            '"' => {
                let token = self.string(self.at, false);
                (token, string_end(token))
            }
            'r' if rest.starts_with("r\"") => {
                let token = self.string(self.at + 1, true);
                (token, string_end(token))
            }
            '`' => {
                let line = &self.text[self.at..self.line_end()];
                let end = line[1..].find('`').map_or(past(1), |length| past(length + 2));
                (Token::Quoted(end), end)
            }
            '/' if rest.starts_with("///") && !rest.starts_with("////") => {
                let end = self.line_end();
                (Token::Doc(end), end)
            }
            '/' if rest.starts_with("//") => (Token::Comment, self.line_end()),
            '{' | '(' | '[' => (Token::Open, past(1)),
            '}' | ')' | ']' => (Token::Close, past(1)),
            _ if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).map_or(self.end, past);
                (Token::Word(end), end)
            }
            _ => (Token::Mark, past(first.len_utf8())),
        }
    }
}

fn string_end(token: Token) -> usize {
    match token {
        Token::String { end, .. } => end,
        _ => unreachable!("a string's token"),
    }
}

/// Whether the character can be in a word or a number.
pub(super) fn is_word(character: char) -> bool {
    character == '_' || character.is_ascii_alphanumeric()
}

impl Iterator for Scanner<'_> {
    type Item = (usize, Token);

    fn next(&mut self) -> Option<(usize, Token)> {
        while self.at < self.end {
            let byte = self.text.as_bytes()[self.at];
            if !byte.is_ascii_whitespace() {
                let start = self.at;
                let (token, end) = self.token();
                self.at = end;
                self.line_start = false;
                return Some((start, token));
            }
            self.line_start |= byte == b'\n';
            self.at += 1;
        }
        None
    }
}
