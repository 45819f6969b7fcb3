//! Print, then parse: the same tree.

use super::*;
use crate::lang::load::load_text;

/// The tree as text, without places.
fn shape(items: &[Item]) -> String {
    let places = regex::Regex::new(r"Span \{ file: FileId\(\d+\), start: \d+, end: \d+ \}").unwrap();
    places.replace_all(&format!("{items:?}"), "_").into_owned()
}

fn parsed(text: &str) -> Vec<Item> {
    let mut loaded = load_text("t.cep", text);
    loaded.diagnostics.retain(|diagnostic| diagnostic.code != crate::diag::Code::BadUse);
    assert_eq!(crate::diag::render_text(&loaded.sources, &loaded.diagnostics, false), "", "{text}");
    loaded.files.pop().expect("one file").1
}

#[test]
fn what_is_printed_parses_to_the_same_tree() {
    let samples = [
        include_str!("../parse/samples/design.cep"),
        include_str!("../parse/samples/rules.cep"),
        include_str!("../parse/samples/constructs.cep"),
    ];
    for text in samples {
        let items = parsed(text);
        let printed = print_items(&items);
        let again = parsed(&printed);
        let same =
            std::iter::zip(shape(&items).chars(), shape(&again).chars()).take_while(|(a, b)| a == b).count();
        assert!(shape(&items) == shape(&again), "…{:.300}", &shape(&items)[same.saturating_sub(200)..]);
        assert_eq!(printed, print_items(&again));
    }
}

#[test]
fn steps_and_tables_are_aligned() {
    let text = "pattern p { on s by k match small{3,}: s where a < 5 then not b for 5m then c within 1m emit x { y: 1 } }
        test p \"t\" { given s
            | at | name |
            | 10 | \"\" |
            | 5 | |
        }";
    let expected = "\
pattern p {
    on s by k

    match small{3,}: s  where a < 5
    then  not b         for 5m
    then  c
    within 1m

    emit x { y: 1 }
}

test p \"t\" {
    given s
        | at | name |
        | 10 | \"\"   |
        |  5 |      |
}
";
    assert_eq!(print_items(&parsed(text)), expected);
}

#[test]
fn names_that_would_be_read_otherwise_are_quoted() {
    let text = "pattern p { on s match `all` then `any` where `where` == 1 and a.where == `odd name` emit x { y: 1 } }";
    let printed = print_items(&parsed(text));
    assert!(printed.contains("match `all`\n"), "{printed}");
    assert!(printed.contains("then  `any`  where `where` == 1 and a.where == `odd name`\n"), "{printed}");
}
