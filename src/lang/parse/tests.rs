//! The grammar, construct by construct.

use super::*;
use crate::diag::render_text;

fn parse(text: &str) -> (Vec<Item>, String) {
    let mut sources = Sources::default();
    let file = sources.add("t.cep", text);
    let (items, diagnostics) = parse_file(&sources, file);
    (items, render_text(&sources, &diagnostics, false))
}

#[test]
fn the_samples_parse() {
    for text in [include_str!("samples/rules.cep"), include_str!("samples/constructs.cep")] {
        let (_, diagnostics) = parse(text);
        assert_eq!(diagnostics, "");
    }
}
