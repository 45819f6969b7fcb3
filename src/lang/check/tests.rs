//! Every refusal, by its code; and that good programs are let through.

use super::check;
use crate::diag::{Code, Diagnostic, Severity};
use crate::lang::hir::Program;
use crate::lang::load::load_text;

/// Two streams that share a key and some fields.
const STREAMS: &str = r"
stream tx {
    card string
    amount decimal(2)
    kind string
    country string?
    merchant string?
    n int
    x float?
    present bool?
    wait duration?
    at timestamp
    event time at, disorder 5s
}
stream login {
    user string
    card string
    ok bool
    kind string
    at timestamp
    event time at
}
";

fn checked(text: &str) -> (Program, Vec<Diagnostic>) {
    let loaded = load_text("test.cep", text);
    assert!(loaded.diagnostics.is_empty(), "{text}\n{:#?}", loaded.diagnostics);
    check(&loaded.sources, &loaded.files)
}

/// The codes that a program with these items after the streams gives, warnings of unused streams aside.
fn codes(items: &str) -> Vec<Code> {
    let (_, diagnostics) = checked(&format!("{STREAMS}{items}"));
    diagnostics.iter().map(|diagnostic| diagnostic.code).filter(|code| *code != Code::UnusedItem).collect()
}

/// The one diagnostic of a program.
fn only(items: &str) -> Diagnostic {
    let (_, mut diagnostics) = checked(&format!("{STREAMS}{items}"));
    diagnostics.retain(|diagnostic| diagnostic.code != Code::UnusedItem);
    assert_eq!(diagnostics.len(), 1, "{items}\n{diagnostics:#?}");
    diagnostics.remove(0)
}

/// A pattern over `tx` with this body.
fn pattern(body: &str) -> String {
    format!("pattern p {{\n on tx by card\n {body}\n emit alert {{ card: card }}\n}}\n")
}

/// A pattern over `tx` with one step of this condition.
fn condition(condition: &str) -> String {
    pattern(&format!("match a where {condition}"))
}

fn good(items: &str) -> Program {
    let (program, diagnostics) = checked(&format!("{STREAMS}{items}"));
    let wrong: Vec<_> = diagnostics.iter().filter(|d| d.code != Code::UnusedItem).collect();
    assert!(wrong.is_empty(), "{items}\n{wrong:#?}");
    program
}

#[test]
fn the_example_programs_are_let_through() {
    for (name, text) in
        [("card", include_str!("fixtures/card.cep")), ("rules", include_str!("fixtures/rules.cep"))]
    {
        let (program, diagnostics) = checked(text);
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error || d.code == Code::UnboundedState)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert!(!program.tests.is_empty());
    }
}
