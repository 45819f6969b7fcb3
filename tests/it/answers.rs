//! What the command says to somebody who asked in the wrong way: what to write instead.

use crate::folder::{Folder, PAIR, run};

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("answers-{name}"));
    folder.write("p.cep", PAIR);
    folder.write("tx.csv", "card,amount,at\nc1,5,2026-01-05T12:00:00Z\n");
    folder
}

#[test]
fn a_code_is_understood_as_people_write_it() {
    let folder = folder("codes");
    let page = run(&folder, "explain E0104");
    assert!(page.0 == Some(0) && page.1.starts_with("E0104: "), "{page:?}");
    for code in ["e0104", "E104", "e104", "104", "0104", "[E0104]"] {
        assert_eq!(run(&folder, &format!("explain {code}")), page, "{code}");
    }
    let warning = run(&folder, "explain W1");
    assert!(warning.1.starts_with("W0001: "), "{warning:?}");
    let unknown = run(&folder, "explain 199");
    assert_eq!(unknown.0, Some(2));
    assert!(unknown.1.contains("there is no code E0199") && unknown.1.contains("E0104"), "{unknown:?}");
    folder.write("104", PAIR);
    assert!(
        run(&folder, "explain 104").1.starts_with("pattern pair"),
        "a file of that name is meant as a file"
    );
}

#[test]
fn the_page_of_the_parsers_error_leads_on() {
    let (code, page) = run(&folder("parser"), "explain 1");
    assert_eq!(code, Some(0));
    for part in
        ["1. Do what the help says.", "`a when x`", "language.md", "    match a  where v > 5 && w < 3"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("](") && !page.contains("```"), "{page}");
}

#[test]
fn a_pattern_without_its_file_is_answered_with_the_file() {
    let folder = folder("pattern");
    let (code, said) = run(&folder, "explain pair");
    assert_eq!(code, Some(2));
    assert!(said.contains("ensue explain p.cep pair"), "{said}");
    assert_eq!(run(&folder, "explain p.cep pair").0, Some(0));
    let (code, said) = run(&folder, "explain nothing_like_it");
    assert_eq!(code, Some(2));
    assert!(said.contains("name its file first"), "{said}");
}

#[test]
fn data_in_the_place_of_patterns_is_answered_with_the_commands_that_read_data() {
    let folder = folder("data");
    for command in ["check", "fmt", "test", "run", "explain", "fmt p.cep"] {
        let (code, said) = run(&folder, &format!("{command} tx.csv"));
        assert_eq!(code, Some(2), "{command}: {said}");
        assert!(said.contains("does not look like a file of patterns"), "{command}: {said}");
        assert!(
            said.contains("ensue infer tx.csv") && said.contains("--in STREAM=tx.csv"),
            "{command}: {said}"
        );
    }
    let (code, said) = run(&folder, "infer tx.csv");
    assert!(code == Some(0) && said.contains("stream"), "{said}");
}

#[test]
fn a_place_without_a_stream_is_answered_with_the_stream() {
    let folder = folder("nameless");
    let (code, said) = run(&folder, "run p.cep --in tx.csv");
    assert_eq!(code, Some(2));
    assert!(said.contains("help: write --in tx=tx.csv"), "{said}");
    let (code, said) = run(&folder, "run p.cep --in tx=tx.csv --out alerts.jsonl");
    assert_eq!(code, Some(2));
    assert!(said.contains("help: write --out alert=alerts.jsonl"), "{said}");
    assert!(!folder.0.join("alerts.jsonl").exists());
    let (code, said) = run(&folder, "run p.cep --in tx=tx.csv --out alert=alerts.jsonl");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn files_without_tests_show_how_one_is_written() {
    let folder = folder("no-tests");
    let (code, said) = run(&folder, "test p.cep");
    assert_eq!(code, Some(0));
    let (_, shown) = said.split_once("beside its pattern:\n").expect("a test");
    let test = shown.replace("…", " ");
    folder.write("p.cep", &format!("{PAIR}{}", test.replace("|   ", "| 1 ")));
    let (code, said) = run(&folder, "test p.cep");
    assert_eq!((code, said.as_str()), (Some(0), "1 passed, 0 failed\n"), "{test}");
}

/// What is said of a failing test of the pair, with these events of cards and amounts, a minute apart.
fn why(name: &str, pattern: &str, rows: &[(&str, &str, i64)]) -> String {
    let folder = folder(name);
    let rows: String =
        rows.iter().map(|(at, card, amount)| format!("        | {at} | {card} | {amount} |\n")).collect();
    let test = format!(
        "test pair \"t\" {{\n    given tx\n        | at | card | amount |\n{rows}    expect alert\n        | card |\n        | c1 |\n}}\n"
    );
    folder.write("p.cep", &format!("{pattern}{test}"));
    let (code, said) = run(&folder, "test p.cep");
    assert_eq!(code, Some(1), "{said}");
    let (_, why) = said.split_once("how far the events of this test came\n").expect("an account");
    why.split_once("\n\n").expect("an end").0.to_owned()
}

#[test]
fn a_test_that_misses_a_match_says_what_stopped_it() {
    let too_small = why("small", PAIR, &[("12:00", "c1", 2)]);
    assert!(
        too_small.contains("a  never taken: while it was waited for, never true was `amount > 3`"),
        "{too_small}"
    );
    assert!(too_small.contains("b  never waited for"), "{too_small}");

    let other_key = why("key", PAIR, &[("12:00", "c1", 5), ("12:01", "c2", 2)]);
    assert!(other_key.contains("a  taken\n") && other_key.contains("b  never waited for"), "{other_key}");
    assert!(other_key.contains("each card is for itself"), "{other_key}");

    let not_more = why("more", PAIR, &[("12:00", "c1", 5), ("12:01", "c1", 4)]);
    assert!(
        not_more.contains("b  never taken: while it was waited for, never true was `amount > a.amount`"),
        "{not_more}"
    );

    let too_late = why("late", PAIR, &[("12:00", "c1", 5), ("12:11", "c1", 6)]);
    assert!(too_late.contains("`within 10m` ended a match under way"), "{too_late}");

    let held_back = PAIR.replace("within 10m", "within 10m having b.amount > 100");
    let held_back = why("having", &held_back, &[("12:00", "c1", 5), ("12:01", "c1", 6)]);
    assert!(held_back.contains("b  taken") && held_back.contains("`having` was not true"), "{held_back}");

    let loops = PAIR.replace("match a where", "match a{3,} where").replace("a.amount", "first(a).amount");
    let loops = why("loop", &loops, &[("12:00", "c1", 5), ("12:01", "c1", 6)]);
    assert!(loops.contains("a  taken twice at most, and 3 must be"), "{loops}");
}

#[test]
fn the_documented_account_is_what_is_said() {
    let page = include_str!("../../docs/testing.md");
    let block = |fence: &str| {
        let (_, rest) = page.split_once(&format!("```{fence}\n")).expect(fence);
        rest.split_once("```").expect("an end").0.to_owned()
    };
    let folder = folder("documented");
    folder.write("probing.cep", &format!("{}{}", block("cep"), block("text test")));
    let (code, said) = run(&folder, "test probing.cep");
    assert_eq!(code, Some(1));
    assert!(said.contains(&block("text account")), "{said}");
}
