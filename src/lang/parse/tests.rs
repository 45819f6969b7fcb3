//! The grammar, construct by construct.

use super::*;

fn parse(text: &str) -> (Vec<Item>, String) {
    let mut sources = Sources::default();
    let file = sources.add("t.cep", text);
    let (items, diagnostics) = parse_file(&sources, file);
    (items, format!("{diagnostics:#?}"))
}

#[test]
fn the_rules_parse() {
    let (items, diagnostics) = parse(include_str!("samples/rules.cep"));
    assert_eq!(diagnostics, "[]");
    assert_eq!(items.len(), 34);
}
