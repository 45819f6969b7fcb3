//! Twice is once; nothing is lost; and what it looks like.

use super::*;

fn formatted(text: &str) -> String {
    let once = format_text("t.cep", text)
        .unwrap_or_else(|(sources, found)| panic!("{}", crate::diag::render_text(&sources, &found, false)));
    let twice = format_text("t.cep", &once).unwrap_or_else(|(sources, found)| {
        panic!("{once}\n{}", crate::diag::render_text(&sources, &found, false))
    });
    assert_eq!(once, twice, "twice is not once");
    once
}

#[test]
fn prints_design() {
    println!("{}", formatted(include_str!("../parse/samples/design.cep")));
    println!("{}", formatted(include_str!("../parse/samples/constructs.cep")));
    println!("{}", formatted(include_str!("../parse/samples/rules.cep")));
}
