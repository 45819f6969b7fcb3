//! `run --explain-bad`: the first bad line of each reason, with a caret under what is wrong.

use crate::folder::{Folder, run};

const PATTERNS: &str = "
stream tx { card string  amount decimal(2)  city string? from \"geo.city\"  at timestamp  event time at, disorder 1s }
pattern large { on tx by card  match a where amount > 100.00  emit alert { card: card } }
";

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("explained-{name}"));
    folder.write("p.cep", PATTERNS);
    folder
}

/// Runs over a file with these lines; what was said before the summary.
fn explained(folder: &Folder, name: &str, text: &str) -> String {
    folder.write(name, text);
    let arguments = format!(
        "run p.cep --in tx={name} --out alert=alert.jsonl --explain-bad --format-in {}",
        if name.ends_with("csv") { "csv" } else { "json" }
    );
    let (code, said) = run(folder, &arguments);
    assert_eq!(code, Some(0), "{said}");
    let (before, _) = said.split_once("events   ").expect("a summary");
    before.to_owned()
}

#[test]
fn a_bad_line_of_json_is_shown_as_a_mistake_in_a_pattern_is() {
    let folder = folder("one");
    let said = explained(
        &folder,
        "tx.jsonl",
        "{\"card\":\"c1\",\"amount\":200,\"at\":1000}\n{\"card\":\"c1\",\"amount\":1.005,\"at\":2000}\n\
         {\"card\":\"c1\",\"amount\":1.0055,\"at\":3000}\n",
    );
    let expected = "\
bad line[too_many_digits]: field `amount`: 1.005 has more than 2 digits after the point
 --> tx.jsonl:2:23
  |
2 | {\"card\":\"c1\",\"amount\":1.005,\"at\":2000}
  |                       ^^^^^
  |
  = note: the first with this reason; all bad lines are in tx.bad.jsonl
";
    assert_eq!(said, expected);
}

/// The place of a bad line, as it is told, and the text over its carets.
fn places(said: &str) -> Vec<(String, String)> {
    let mut places = Vec::new();
    let lines: Vec<&str> = said.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(kind) = line.strip_prefix("bad line[") else { continue };
        let reason = kind.split(']').next().expect("a reason").to_owned();
        let carets = lines[at..].iter().position(|line| line.contains('^')).expect("carets") + at;
        let start = lines[carets].chars().position(|letter| letter == '^').expect("a caret");
        let width = lines[carets].chars().filter(|letter| *letter == '^').count();
        places.push((reason, lines[carets - 1].chars().skip(start).take(width).collect()));
    }
    places
}

fn expect(said: &str, expected: &[(&str, &str)]) {
    let found = places(said);
    let found: Vec<(&str, &str)> =
        found.iter().map(|(reason, text)| (reason.as_str(), text.as_str())).collect();
    assert_eq!(found, expected, "{said}");
}

#[test]
fn every_reason_of_json_has_its_place() {
    let folder = folder("json");
    let lines = [
        "{\"card\":\"é\",\"amount\":\"much\",\"at\":1000}",
        "{\"card\":\"c1\",\"at\":1000}",
        "{\"card\":\"c1\",\"amount\":1,\"at\":\"soon\"}",
        "{\"card\":\"c1\",\"amount\":1e40,\"at\":1000}",
        "[1, 2]",
        "{\"card\":\"c1\" \"amount\":1}",
        "{\"card\":\"c1\",\"amount\":2,\"geo\":7,\"at\":1000}",
    ];
    let said = explained(&folder, "tx.jsonl", &(lines.join("\n") + "\n"));
    expect(
        &said,
        &[
            ("wrong_type", "\"much\""),
            ("missing_field", "}"),
            ("no_time", "\"soon\""),
            ("out_of_range", "1e40"),
            ("not_an_object", "[1, 2]"),
            ("malformed", "\""),
        ],
    );
}

#[test]
fn every_reason_of_columns_has_its_place() {
    let folder = folder("csv");
    let rows = [
        "card,amount,at",
        "c1,much,1000",
        "\"a, \"\"b\"\"\",1.005,1000",
        ",1,1000",
        "c1,1,soon",
        "c1,1,1000,x,y",
        "c1,\"99999999999999999999\",1000",
    ];
    let said = explained(&folder, "tx.csv", &(rows.join("\n") + "\n"));
    expect(
        &said,
        &[
            ("wrong_type", "much"),
            ("too_many_digits", "1.005"),
            ("missing_field", ","),
            ("no_time", "soon"),
            ("width", "x,y"),
            ("out_of_range", "\"99999999999999999999\""),
        ],
    );
}

#[test]
fn long_lines_and_odd_bytes_are_cut_to_the_width() {
    let folder = folder("odd");
    let long = format!(
        "{{\"note\":\"{}\",\"card\":\"c1\",\"amount\":true,\"x\":\"{}\",\"at\":1}}\n",
        "é ".repeat(500),
        "y".repeat(500)
    );
    let overlong = format!("{{\"note\":\"{}\"}}\n", "z".repeat(1 << 20));
    let said =
        explained(&folder, "tx.jsonl", &format!("{long}{overlong}{{\"card\":\"\u{1b}[31m\\u001b\"}}\n"));
    assert_eq!(places(&said)[0], ("wrong_type".to_owned(), "true".to_owned()), "{said}");
    let shown = |line: &&str| line.starts_with(|letter: char| letter.is_ascii_digit());
    assert!(said.lines().filter(shown).all(|line| line.chars().count() <= 80), "{said}");
    assert!(!said.contains('\u{1b}'), "no escape of a file reaches the terminal: {said:?}");
    assert!(said.contains("bad line[overlong]"), "{said}");
}

#[test]
fn under_strict_the_line_is_shown_before_the_run_ends() {
    let folder = folder("strict");
    folder.write("tx.jsonl", "nope\n");
    let (code, said) = run(&folder, "run p.cep --in tx=tx.jsonl --explain-bad --strict");
    assert_eq!(code, Some(2));
    assert!(said.starts_with("bad line[malformed]: ") && said.contains("\nerror: tx.jsonl:1: "), "{said}");
}

#[test]
fn each_start_of_a_run_under_state_shows_what_it_reads() {
    let folder = folder("state");
    let good = |at: usize| format!("{{\"card\":\"c1\",\"amount\":1,\"at\":{at}}}\n");
    let text = format!("nope\n{}[]\n{}", (0..9000).map(good).collect::<String>(), good(9000));
    folder.write("tx.jsonl", &text);
    let command =
        "run p.cep --in tx=tx.jsonl --out alert=out.jsonl --state state --checkpoint-every 100 --explain-bad";
    // The file ends in the middle of the run: what comes later is read by the second start.
    folder.write("p.cep", PATTERNS);
    let (code, said) = run(&folder, &format!("{command} --strict"));
    assert_eq!((code, said.matches("bad line[").count()), (Some(2), 1), "{said}");
    let (code, said) = run(&folder, command);
    assert_eq!((code, said.matches("bad line[").count()), (Some(0), 2), "{said}");
    assert!(said.contains("bad      2 of tx (malformed 1, not_an_object 1)"), "{said}");
}
