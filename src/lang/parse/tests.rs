//! The grammar, construct by construct.

use super::*;
use crate::diag::render_text;
use crate::lang::ast::{ElementKind, ExprKind};
use crate::lang::print::print_items;
use crate::lang::words::RESERVED;

fn parse(text: &str) -> (Vec<Item>, String) {
    let mut sources = Sources::default();
    let file = sources.add("t.cep", text);
    let (items, diagnostics) = parse_file(&sources, file);
    (items, render_text(&sources, &diagnostics, false))
}

#[test]
fn the_samples_parse() {
    for text in [
        include_str!("samples/design.cep"),
        include_str!("samples/rules.cep"),
        include_str!("samples/constructs.cep"),
    ] {
        let (_, diagnostics) = parse(text);
        assert_eq!(diagnostics, "");
    }
}

#[test]
fn words_are_reserved_only_where_they_have_a_meaning() {
    let grammar = include_str!("../../../grammar/cep.pest");
    let keyword = regex::Regex::new(r#"@\{ "([a-z]+)" ~ !word_char \}"#).unwrap();
    let mut words: Vec<&str> =
        keyword.captures_iter(grammar).map(|found| found.get(1).unwrap().as_str()).collect();
    words.extend(RESERVED);
    assert!(words.len() > 80);
    for word in words {
        let anywhere = format!(
            "stream {word} {{ x{word} string, {word} string event time {word} }}
            let {word} = 1
            pattern {word} {{ on {word} by {word}
                match x: {word} where x.{word} == `{word}` then `{word}` where x.`{word}` is null
                emit {word} {{ {word}: 1 }} }}
            test {word} \"t\" {{ given {word}\n | {word} |\n expect {word}\n | {word} |\n }}"
        );
        assert_eq!(parse(&anywhere).1, "", "{anywhere}");
        let bare = parse(&pattern(&format!("match a where {word} == 1"))).1;
        let is_literal = ["null", "true", "false"].contains(&word);
        assert_eq!(bare.is_empty(), is_literal || !RESERVED.contains(&word), "{word}: {bare}");
    }
}

/// The only diagnostic of a text, rendered.
fn complaint(text: &str) -> String {
    let (_, rendered) = parse(text);
    assert!(rendered.ends_with("\nerror: 1 error\n"), "{text}\n{rendered}");
    rendered
}

/// A pattern with these lines.
fn pattern(lines: &str) -> String {
    format!("pattern p {{\n    on s by k\n    {lines}\n    emit a {{ b: c }}\n}}\n")
}

#[test]
fn habits_of_other_languages_are_answered_with_what_to_write() {
    let cases = [
        ("match a where x = 1", "`=` does not compare", "write `==`"),
        ("match a where x && y", "`&&` is not part of the language", "write `and`"),
        ("match a where x || y", "`||` is not part of the language", "write `or`"),
        ("match a where !x", "`!` is not part of the language", "write `not`"),
        ("match a where x => 5", "`=>` is not part of the language", "write `>=`"),
        ("match a where x =< 5", "`=<` is not part of the language", "write `<=`"),
        ("match a where x <> 5", "`<>` is not part of the language", "write `!=`"),
        ("match a where x > 5 -> b", "`->` is not part of the language", "write `then`"),
        ("match a -> b", "`->` is not part of the language", "write `then`"),
        ("match a{3..5} within 1h", "this is no quantifier", "write `{3,5}`"),
        ("match a: s+ within 1h", "a quantifier cannot stand here", "directly behind the step's name"),
        ("match a\n    thn b", "`thn` is no keyword", "did you mean `then`?"),
        (
            "match a\n    group by k",
            "`group` is not part of the language",
            "write the key behind the streams",
        ),
        ("match a emit x { y = a.y }", "`=` gives no field its value", "write `y: …`"),
        ("match a FOLLOWED BY b", "`FOLLOWED` is not part of the language", "write `then`"),
        ("match a WITHIN 10 MINUTES", "small letters", "write `within 10m`"),
        ("match a within 10 minutes", "number and its unit in one word", "write `10m`"),
        ("match a where at - b.at > 10 minutes", "number and its unit in one word", "write `10m`"),
        ("match a within 1.5h", "neither a number nor a duration", "`1h30m`"),
        ("match a where x AND y", "small letters", "write `and`"),
        ("match a where x == 'abc'", "a text stands in double quotes", "write `\"abc\"`"),
        ("match a where x > 5;", "`;` is not part of the language", "take it away"),
        ("match a, b", "a step cannot follow a comma", "`then`"),
        ("then a", "the first step has another word", "write `match`"),
        ("match a{2}? then b", "a step has one quantifier", "`( a{2} )?`"),
        ("match a+* then b", "a step has one quantifier", "`( a{2} )?`"),
        ("match a where x matches \"^\\d+$\"", "`\\d` is no escape", "write `r\"…\"`"),
    ];
    for (lines, message, help) in cases {
        let rendered = complaint(&pattern(lines));
        let (before, after) = rendered.split_once("= help:").unwrap_or_else(|| panic!("{rendered}"));
        assert!(before.contains(message) && after.contains(help), "{rendered}");
    }
}

#[test]
fn misplaced_parts_are_answered_with_their_place() {
    let cases = [
        (
            "match a within 5m then b",
            "a step after a clause of the whole pattern",
            "write `gap` behind the step",
        ),
        ("match ( a within 5m then b )", "a step after a clause of the whole pattern", "`gap`"),
        ("match a gap 5s where x", "`where` cannot stand here", "in order: name, quantifier"),
        ("match a for 5m", "only an absence has `for`", "`then not b for 5m`"),
        ("match not ( a then b )", "an absence is of one step", "both hold"),
        ("match a where x and", "not complete: nothing stands behind `and`", "write the next condition"),
        ("match a where for > 5", "found the keyword `for`", "`` `for` ``"),
        ("match a within 5m within 6m", "E0315]: `within` stands twice", "keep one"),
        ("on t match a", "E0315]: `on` stands twice", "keep one"),
        ("match a skip none skip to next", "E0315]: `skip` stands twice", "keep one"),
        ("match a /// doc\n where x", "E0004]", "write `//`"),
        ("match a\n /// doc\n within 5m", "E0004]", "write `//`"),
        ("match a within 30m1h", "E0207]: `30m1h` is no duration", "the longest first"),
        ("match a{99999999999999999999}", "E0207]: the number is too large", ""),
    ];
    for (lines, message, remedy) in cases {
        let rendered = complaint(&pattern(lines));
        assert!(rendered.contains(message) && rendered.contains(remedy), "{rendered}");
    }
}

#[test]
fn what_was_expected_is_said_in_words() {
    let cases = [
        ("match a where )", "nothing stands behind `where`"),
        ("match a within", "expected a duration such as `10m`, found `emit`"),
        ("match a limit 5 per key", "`limit` says how many records in how long"),
        ("match a skip past first", "expected `last`, found `first`"),
        ("match a where x is 5", "`is` only asks for null"),
        ("match one of (a, (b then c))", "expected a branch or `)`, found `(`"),
        ("match a b", "`b` is no part of the step"),
        ("match (a then b", "expected `then`, `next`, `)`, `within` or a part of the step such as `where`"),
        ("match a where f(x then b", "or an operator, found `then`"),
    ];
    for (lines, message) in cases {
        let rendered = complaint(&pattern(lines));
        assert!(rendered.contains(message), "{rendered}");
    }
}

#[test]
fn tests_and_streams_have_their_own_answers() {
    let cases = [
        ("test p {\n}", "a test has a title"),
        ("test p \"x\" {\n given s\n}", "expected a table, found `}`"),
        ("test p \"x\" {\n given s\n | a | b \n | 1 | 2 |\n}", "a row of a table ends with `|`"),
        ("test p \"x\" {\n given s\n | a |\n | 1 | 2\n}", "a row of a table ends with `|`"),
        ("test p \"x\" {\n given s\n | a |\n | \"b |\n}", "this string is never closed"),
        ("test p \"x\" {\n given s\n | a |\n | \"b\" c |\n}", "this is no cell"),
        ("test p \"x\" {\n watermark noon\n}", "a watermark is a time"),
        ("stream s { a: string }", "a field's type follows its name"),
        ("stream { a string }", "a stream has a name"),
        ("stream s { a string /// doc\n }", "E0004]"),
        ("stream s { a string event time a event time a }", "E0315]: `event time` stands twice"),
        ("patern p { }", "did you mean `pattern`?"),
        ("hello", "an item starts with `stream`"),
        ("/// doc", "E0004]"),
        ("use other", "the path of a file stands in double quotes"),
        ("pattern p { on a by x, b by y match c emit d { e: 1 } }", "all streams of a pattern have one key"),
        ("pattern p meta { x: 1 } on s by k match a emit b { c: 1 } }", "expected `{`, found `meta`"),
        ("pattern p { match a emit b { c: d } }", "does not say which streams it reads"),
    ];
    for (text, message) in cases {
        let rendered = complaint(text);
        assert!(rendered.contains(message), "{rendered}");
    }
}

#[test]
fn what_is_open_is_shown_where_it_was_opened() {
    let expected = "\
error[E0001]: this `{` is never closed
 --> t.cep:4:12
  |
4 |     emit a { b: c
  |            ^     - the item ends here
  |            |
  |            opened here
  |
  = help: add the missing `}`

error: 1 error
";
    assert_eq!(
        complaint("pattern p {\n    on s by k\n    match a\n    emit a { b: c\n\nuse \"x\""),
        expected
    );
    let expected = "\
error[E0001]: expected `}`, `,` or an operator, found `on`
 --> t.cep:3:5
  |
2 |     meta { severity: \"x\"
  |          - inside of what is opened here
3 |     on s by k
  |     ^^ not expected here
  |
  = help: perhaps a `}` is missing before it

error: 1 error
";
    assert_eq!(complaint("pattern p {\n    meta { severity: \"x\"\n    on s by k\n    match a\n}"), expected);
    assert!(complaint(&pattern("match a where x == \"abc")).contains("3:24"));
    assert!(complaint(&pattern("match a where x == `abc")).contains("this name is never closed"));
    assert!(complaint("stream s { at timestamp }\n}").contains("the item before it ends here"));
}

#[test]
fn a_broken_item_does_not_hide_the_others() {
    let text = "\u{feff}pattern a { on }\r\nstream s { at timestamp }\r\npattern b {\r\n emit\r\nstream t { at timestamp }";
    let (items, rendered) = parse(text);
    assert_eq!(items.len(), 2);
    assert!(rendered.ends_with("error: 2 errors\n"), "{rendered}");
}

#[test]
fn depth_is_bounded() {
    let nested =
        |depth: usize| pattern(&format!("match a where {}1{}", "(".repeat(depth), ")".repeat(depth)));
    assert_eq!(parse(&nested(limits::NESTING_MAX - 1)).1, "");
    assert!(complaint(&nested(limits::NESTING_MAX)).contains("E0317]: this is nested too deep"));
    assert!(complaint(&nested(100_000)).contains("E0317]"));
    let long = |count: usize| pattern(&format!("match a where {}x", "x or ".repeat(count)));
    assert_eq!(parse(&long(limits::EXPRESSION_DEPTH_MAX)).1, "");
    assert!(
        complaint(&long(limits::EXPRESSION_DEPTH_MAX + 1)).contains("E0317]: the expression is too long")
    );
    for prefix in ["not ", "-", "if x then y else ", "if "] {
        assert!(!parse(&pattern(&format!("match a where {}x", prefix.repeat(20_000)))).1.is_empty());
    }
}

#[test]
fn places_are_exact() {
    let text = "// é\npattern p { on s match a  where ( x+1 ) // c\n  == b.`c d` [ 0 ]   emit q { r: 1 } }";
    let mut sources = Sources::default();
    let file = sources.add("t.cep", text);
    let (items, _) = parse_file(&sources, file);
    let [Item::Pattern(pattern)] = items.as_slice() else { panic!("a pattern") };
    assert_eq!(sources.text(pattern.body[0].span), "match a  where ( x+1 ) // c\n  == b.`c d` [ 0 ]");
    let ElementKind::Step(step) = &pattern.body[0].kind else { panic!("a step") };
    let Some(Expr { kind: ExprKind::Compare(left, rest), .. }) = &step.condition else {
        panic!("a comparison")
    };
    assert_eq!(sources.text(left.span), "( x+1 )");
    assert_eq!(sources.text(rest[0].0.span), "==");
    assert_eq!(sources.text(rest[0].1.span), "b.`c d` [ 0 ]");
}

#[test]
fn one_expression_is_parsed_in_its_place() {
    let mut sources = Sources::default();
    let file = sources.add("t.cep", "x {a.b + 1} {a.} {(} {}");
    let span = |start, end| Span { file, start, end };
    let expr = parse_expression(&sources, span(3, 10)).unwrap();
    assert_eq!(sources.text(expr.span), "a.b + 1");
    for (start, end) in [(13, 15), (18, 19), (22, 22)] {
        let error = parse_expression(&sources, span(start, end)).unwrap_err();
        assert_eq!(error.code, Code::Syntax);
        assert!(error.primary.span.start >= start && error.primary.span.end <= end);
    }
}

/// A small generator of numbers; the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Breaks a text in one place: takes out, doubles, or puts in.
fn broken(text: &str, numbers: &mut Numbers) -> String {
    const BITS: [&str; 24] = [
        "{",
        "}",
        "(",
        ")",
        "\"",
        "`",
        "|",
        "///",
        "//",
        "\n",
        "\r\n",
        "é",
        "\u{feff}",
        "then ",
        " not ",
        "within 5m",
        "?",
        "\\",
        "1e",
        "10m",
        "r\"",
        " pattern p {",
        "\0",
        "if ",
    ];
    let words: Vec<&str> = text.split_inclusive([' ', '\n', '(', '{', '.', ',']).collect();
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(words.len());
        match numbers.below(4) {
            0 => words[at].clear(),
            1 => words.insert(at, BITS[numbers.below(BITS.len())].to_owned()),
            2 => {
                let other = words[numbers.below(words.len())].clone();
                words.insert(at, other);
            }
            _ => {
                let mut characters: Vec<char> = words[at].chars().collect();
                if !characters.is_empty() {
                    let place = numbers.below(characters.len());
                    characters[place] = BITS[numbers.below(BITS.len())].chars().next().unwrap_or(' ');
                }
                words[at] = characters.into_iter().collect();
            }
        }
    }
    words.concat()
}

#[test]
fn broken_text_never_panics_and_what_still_parses_prints() {
    let samples = [include_str!("samples/rules.cep"), include_str!("samples/constructs.cep")];
    let parts =
        |text: &'static str| split::split(text).into_iter().map(move |chunk| &text[chunk.start..chunk.end]);
    let parts: Vec<&str> = samples.into_iter().flat_map(parts).collect();
    let mut numbers = Numbers(7);
    for _ in 0..2000 {
        let text = broken(parts[numbers.below(parts.len())], &mut numbers);
        let (items, rendered) = parse(&text);
        let printed = print_items(&items);
        let (again, complaints) = parse(&printed);
        assert!(!rendered.is_empty() || complaints.is_empty(), "{text}\n{printed}\n{complaints}");
        assert!(!complaints.is_empty() || printed == print_items(&again), "{text}\n{printed}");
    }
}
