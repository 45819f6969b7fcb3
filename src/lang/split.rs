//! Cuts a file into items before anything is parsed.
//!
//! The grammar stops at its first mistake. So that one broken item does not hide the others, the file is cut first:
//! an item starts with its word and ends with its last brace. Where a brace is missing, a word at the start of a line
//! followed by what such an item looks like (`pattern NAME {`) starts the next item all the same. Doc comments belong
//! to the item below them.

use super::scan::{Scanner, Token};

/// The words that items start with.
pub(super) const ITEM_WORDS: [&str; 6] = ["stream", "table", "let", "pattern", "test", "use"];

/// What a part of a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChunkKind {
    /// An item with its doc comments, perhaps broken.
    Item,
    /// Text that belongs to no item.
    Stray,
    /// Doc comments that nothing follows.
    Docs,
}

/// A part of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Chunk {
    /// What it is.
    pub(super) kind: ChunkKind,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte after its last token.
    pub(super) end: usize,
}

/// The parts of a file, in order; comments between them are left out.
pub(super) fn split(text: &str) -> Vec<Chunk> {
    let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut chunks = Vec::new();
    let mut at = first;
    let mut docs: Option<(usize, usize)> = None;
    while let Some((start, token)) = Scanner::new(text, at, text.len()).next() {
        let kind = match token {
            Token::Comment => {
                at = line_end(text, start);
                continue;
            }
            Token::Doc(end) => {
                docs = Some((docs.map_or(start, |(first, _)| first), end));
                at = end;
                continue;
            }
            Token::Word(end) if ITEM_WORDS.contains(&&text[start..end]) => ChunkKind::Item,
            _ => ChunkKind::Stray,
        };
        let end = match kind {
            ChunkKind::Item => item_end(text, start),
            _ => stray_end(text, start),
        };
        let start = docs.take().map_or(start, |(first, _)| first);
        chunks.push(Chunk { kind, start, end });
        at = end;
    }
    if let Some((start, end)) = docs {
        chunks.push(Chunk { kind: ChunkKind::Docs, start, end });
    }
    chunks
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}

/// Where the item that starts here ends: after its last brace, or before the next item where a brace is missing.
fn item_end(text: &str, start: usize) -> usize {
    let mut tokens = Scanner::new(text, start, text.len());
    let word = token_text(text, tokens.next().expect("the item's word"));
    let braced = !matches!(word, "let" | "use");
    let mut last = start + word.len();
    // Where the brace that opens the item is missing, the one that closes it is still there.
    let mut depth = i32::from(lacks_opening(text, word, tokens.clone()));
    while let Some((at, token)) = tokens.next() {
        let at_margin = at == 0 || text[..at].ends_with('\n');
        if (at_margin || (depth == 0 && !braced)) && looks_like_item(text, at, token, tokens.clone()) {
            break;
        }
        match token {
            Token::Comment | Token::Doc(_) => continue,
            Token::Open if text[at..].starts_with('{') => depth += 1,
            Token::Close if text[at..].starts_with('}') => depth -= 1,
            _ => {}
        }
        last = token_end(text, at, token);
        let closed = braced && depth <= 0 && token == Token::Close && text[at..].starts_with('}');
        if closed || (word == "use" && matches!(token, Token::String { .. })) {
            break;
        }
    }
    last
}

/// Whether a name, and in a test its title, stand where they must, but no brace behind them.
fn lacks_opening(text: &str, word: &str, tokens: Scanner<'_>) -> bool {
    let mut tokens = without_comments(tokens);
    let has_name = matches!(tokens.next(), Some((_, Token::Word(_) | Token::Quoted(_))));
    let mut has_title = || matches!(tokens.next(), Some((_, Token::String { closed: true, .. })));
    let has_head = match word {
        "stream" | "pattern" => has_name,
        "test" => has_name && has_title(),
        _ => false,
    };
    has_head && tokens.next().is_some_and(|found| token_text(text, found) != "{")
}

/// Where text that belongs to no item ends: before the next item.
fn stray_end(text: &str, start: usize) -> usize {
    let mut tokens = Scanner::new(text, start, text.len());
    let mut last = start;
    while let Some((at, token)) = tokens.next() {
        if at > start && looks_like_item(text, at, token, tokens.clone()) {
            break;
        }
        if !matches!(token, Token::Comment | Token::Doc(_)) {
            last = token_end(text, at, token);
        }
    }
    last
}

/// Whether an item starts here: its word, and then what such an item goes on with.
fn looks_like_item(text: &str, at: usize, token: Token, rest: Scanner<'_>) -> bool {
    let mut rest = without_comments(rest);
    let mut following = || rest.next().map_or(("", None), |found| (token_text(text, found), Some(found.1)));
    let is_name = |token| matches!(token, Some(Token::Word(_) | Token::Quoted(_)));
    match token_text(text, (at, token)) {
        "stream" | "table" | "pattern" => is_name(following().1) && following().0 == "{",
        "test" => is_name(following().1) && matches!(following().1, Some(Token::String { .. })),
        "let" => is_name(following().1) && following().0 == "=",
        "use" => matches!(following().1, Some(Token::String { .. })),
        _ => false,
    }
}

fn without_comments(tokens: Scanner<'_>) -> impl Iterator<Item = (usize, Token)> {
    tokens.filter(|(_, token)| *token != Token::Comment)
}

fn token_end(text: &str, at: usize, token: Token) -> usize {
    match token {
        Token::Word(end) | Token::Quoted(end) | Token::Doc(end) | Token::String { end, .. } => end,
        Token::Row | Token::Comment => line_end(text, at),
        Token::Open | Token::Close => at + 1,
        Token::Mark => at + text[at..].chars().next().map_or(0, char::len_utf8),
    }
}

fn token_text(text: &str, (at, token): (usize, Token)) -> &str {
    &text[at..token_end(text, at, token)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(ChunkKind, &str)> {
        split(text).iter().map(|chunk| (chunk.kind, &text[chunk.start..chunk.end])).collect()
    }

    #[test]
    fn items_are_cut_at_their_braces() {
        let text =
            "use \"a\" // x\n/// doc\nstream s { a: \"}\" } let x = 1 over 2h\nby c\npattern p { { } }";
        let expected = [
            (ChunkKind::Item, "use \"a\""),
            (ChunkKind::Item, "/// doc\nstream s { a: \"}\" }"),
            (ChunkKind::Item, "let x = 1 over 2h\nby c"),
            (ChunkKind::Item, "pattern p { { } }"),
        ];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn a_missing_brace_does_not_swallow_the_next_item() {
        let text = "pattern a {\n  emit x { y: 1\n\n/// b\npattern b {\n}\n";
        let expected =
            [(ChunkKind::Item, "pattern a {\n  emit x { y: 1"), (ChunkKind::Item, "/// b\npattern b {\n}")];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn an_item_without_its_first_brace_ends_with_its_last() {
        let text = "pattern a\n  meta { x: 1 }\n  emit x { y: 1 }\n}\ntest a \"t\"\n expect x\n}\npattern a";
        let expected = [
            (ChunkKind::Item, "pattern a\n  meta { x: 1 }\n  emit x { y: 1 }\n}"),
            (ChunkKind::Item, "test a \"t\"\n expect x\n}"),
            (ChunkKind::Item, "pattern a"),
        ];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn braces_in_rows_strings_comments_and_backquotes_do_not_count() {
        let text = "test p \"{\" {\n // {\n given `{`\n | { |\n | \"{\" | // {\n}\nuse \"x\"";
        assert_eq!(parts(text).len(), 2);
    }

    #[test]
    fn what_belongs_to_no_item_is_found() {
        let text = "\u{feff}oops { }\r\nstream s { }\r\n } \n/// end";
        let kinds: Vec<ChunkKind> = split(text).iter().map(|chunk| chunk.kind).collect();
        assert_eq!(kinds, [ChunkKind::Stray, ChunkKind::Item, ChunkKind::Stray, ChunkKind::Docs]);
    }
}
