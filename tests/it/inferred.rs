//! What `ensue infer` says of files as people have them.

use std::fs;

use crate::folder::{self, Folder};

/// The folder with a file of these lines, and what is said of it.
fn infer(name: &str, file: &str, text: &str, more: &str, code: i32) -> (Folder, String) {
    let folder = Folder::empty(&format!("inferred-{name}"));
    folder.write(file, text);
    let (found, said) = folder::run(&folder, &format!("infer {file} {more}"));
    assert_eq!(found, Some(code), "{said}");
    (folder, said)
}

/// The records of all rows that a run reads with what was inferred.
fn read_back(folder: &Folder, declared: &str, file: &str) -> String {
    let stream =
        declared.split_once("\nstream ").and_then(|(_, rest)| rest.split_once(' ')).expect("a name").0;
    folder.write("p.cep", &format!("{declared}\npattern p {{ on {stream} match a emit out {{ n: 1 }} }}\n"));
    let (code, said) = folder::run(folder, &format!("run p.cep --in {stream}={file} --out out=out.jsonl"));
    assert_eq!(code, Some(0), "{said}\n{declared}");
    folder.read("out.jsonl")
}

#[test]
fn a_year_of_two_digits_is_one_of_this_century() {
    let text = "Datum;Betrag\n01.03.26;5,00\n28.03.26;7,50\n";
    let (folder, said) = infer("years", "tage.csv", text, "", 0);
    assert!(said.contains("timestamp(\"%d.%m.%y\")"), "{said}");
    let records = read_back(&folder, &said, "tage.csv");
    assert!(records.starts_with("{\"at\":\"2026-03-01T"), "{records}");
    // With a year of four digits the same rows are no events.
    folder.write("p.cep", &folder.read("p.cep").replace("%y", "%Y"));
    let (_, said) = folder::run(&folder, "run p.cep --in tage=tage.csv --out out=out.jsonl");
    assert!(said.contains("bad      2 of tage"), "{said}");
}

#[test]
fn where_day_or_month_may_come_first_both_ways_are_said() {
    let (_, said) = infer("day-first", "t.csv", "at,n\n01/02/2026,1\n03/02/2026,2\n", "", 0);
    assert!(said.contains("at  timestamp(\"%d/%m/%Y\")"), "{said}");
    assert!(
        said.contains("read with the day first")
            && said.contains("with the month first: timestamp(\"%m/%d/%Y\")"),
        "{said}"
    );
    let (_, said) = infer("month-first", "t.csv", "at,n\n01/02/2026,1\n03/20/2026,2\n", "", 0);
    assert!(said.contains("timestamp(\"%m/%d/%Y\")") && !said.contains("day first"), "{said}");
}
