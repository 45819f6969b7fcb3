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

/// Rows of a day each, then a last line.
fn days(last: &str) -> String {
    let row = |day: u64| format!("{day:02}.03.2026;Laden {day};{day},50\n");
    format!("Buchungstag;Name;Betrag\n{}{last}\n", (1..=9).map(row).collect::<String>())
}

#[test]
fn a_row_that_is_no_event_is_named_and_the_others_can_be_taken() {
    let (folder, said) = infer("sum", "k.csv", &days("Summe;;55.000,00"), "", 2);
    assert!(said.contains("`Buchungstag` is one in 9 of 10 rows, but not in line 11: `Summe`"), "{said}");
    assert!(said.contains("--time 'Buchungstag' takes it"), "{said}");
    let (code, said) = folder::run(&folder, "infer k.csv --time Buchungstag");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("a time in 9 of 10 rows, but not in line 11: `Summe`; such rows become bad lines"),
        "{said}"
    );
    assert!(
        said.contains("1 row cannot be read, and will be told as bad lines; the first is line 11: "),
        "{said}"
    );
    assert_eq!(read_back(&folder, &said, "k.csv").lines().count(), 9);
    let (_, said) = infer("empty-time", "k.csv", &days(";Summe;1,00"), "", 2);
    assert!(said.contains("in 9 of 10 rows, but not in line 11, which has none"), "{said}");
    let (_, said) = infer("no-time", "k.csv", &days("10.03.2026;x;1,00"), "--time Name", 2);
    assert!(said.contains("column `Name` cannot be the event time: it is no time in most rows"), "{said}");
    let (_, said) = infer("near-time", "k.csv", &days("10.03.2026;x;1,00"), "--time Buchungtag", 2);
    assert!(said.contains("did you mean `Buchungstag`?"), "{said}");
}

#[test]
fn a_title_above_the_names_is_seen() {
    let text = format!("Kontoauszug März\n{}", days("10.03.2026;x;1,00"));
    let (_, said) = infer("title", "k.csv", &text, "", 2);
    assert!(said.contains("the first line is to name the columns: take a title above it off"), "{said}");
    let (_, said) = infer("narrow-title", "k.csv", "Konto;2\na;b;c\n1;2;3\n", "", 2);
    assert!(
        said.contains("no row of k.csv can be read; the first is line 2: the row has 3 fields"),
        "{said}"
    );
    assert!(said.contains("tail -n +2 FILE"), "{said}");
    let text = format!("Kontoauszug;;\n{}", days("10.03.2026;x;1,00"));
    let (_, said) = infer("wide-title", "k.csv", &text, "", 2);
    assert!(
        said.contains(
            "warning: k.csv: most columns have no name in the first line, which begins `Kontoauszug`"
        ),
        "{said}"
    );
}

#[test]
fn a_file_without_names_is_warned_of() {
    let text = "01.03.2026;Müller & Söhne;1.234,56\n02.03.2026;x;1,00\n";
    let (_, said) = infer("nameless", "k.csv", text, "", 0);
    assert!(
        said.contains(
            "warning: k.csv: the first line is taken for the names of the columns, and `01.03.2026`"
        ),
        "{said}"
    );
    assert!(
        said.contains("help: if the file has no such line, add a first line that names the columns"),
        "{said}"
    );
    // A year alone may well be a name.
    let (_, said) = infer("years-as-names", "k.csv", "at,name,2024\n2026-01-01,a,5\n", "", 0);
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_file_that_is_not_utf_8_is_answered_with_what_makes_it_so() {
    let remedy = "iconv -f WINDOWS-1252 -t UTF-8 FILE";
    let folder = Folder::empty("inferred-latin");
    fs::write(folder.0.join("k.csv"), b"at;name\n2026-01-01;M\xfcller\n2026-01-02;Meier\n").expect("written");
    let (code, said) = folder::run(&folder, "infer k.csv");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 row cannot be read") && said.contains("the first is line 2: not UTF-8"),
        "{said}"
    );
    assert!(said.contains(remedy), "{said}");
    let program = format!("{said}\npattern p {{ on k match a emit out {{ n: 1 }} }}\n");
    folder.write("p.cep", &program);
    let (_, said) = folder::run(&folder, "run p.cep --in k=k.csv --out out=out.jsonl");
    assert!(said.contains("(not_utf8 1)") && said.contains(remedy), "{said}");
    // A name that is not UTF-8 is no name.
    fs::write(folder.0.join("k.csv"), b"at;n\xe4me\n2026-01-01;a\n").expect("written");
    let (code, said) = folder::run(&folder, "infer k.csv");
    assert!(
        code == Some(2) && said.contains("its first line is not UTF-8") && said.contains(remedy),
        "{said}"
    );
    for (column, code) in [("string", 2), ("string? from \"näme\"", 2), ("string? from \"other\"", 0)] {
        folder.write("p.cep", &program.replace("name  string", &format!("name  {column}")));
        let (found, said) = folder::run(&folder, "run p.cep --in k=k.csv --out out=out.jsonl");
        assert_eq!(found, Some(code), "{column}: {said}");
        assert_eq!(said.contains(remedy), code == 2, "{column}: {said}");
    }
}

#[test]
fn it_says_why_a_column_is_a_text() {
    let text = "Datum;Uhrzeit;Betrag;Preis\n01.03.2026;08:05;1.234,56;12,50 €\n\
                02.03.2026;17:30;k.A.;7,00 €\n13.03.2026;9:15;5,00;1,00 €\n";
    let (_, said) = infer("why-text", "k.csv", text, "", 0);
    for part in [
        "a number in 2 of 3 rows, but not in line 3: `k.A.`; it would be one if such cells were empty",
        "`12,50 €` is a text: numbers stand in the file without their currency",
        "a time of day, which no type reads by itself",
        "`Uhrzeit` is a time of day, and is lost: all events of a `Datum` are at its midnight.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn names_with_marks_become_names_of_ascii_letters() {
    let text = "Datum;Name des Empfängers;Währung;Straße\n01.03.2026;a;EUR;b\n";
    let (folder, said) = infer("names", "Umsätze.csv", text, "", 0);
    for part in ["stream umsaetze {", "name_des_empfaengers ", "waehrung ", "strasse ", "from \"Währung\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(read_back(&folder, &said, "Umsätze.csv").lines().count(), 1);
}

#[test]
fn a_column_that_is_not_there_is_guessed_only_where_one_is_like_it() {
    let folder = Folder::empty("inferred-guess");
    let program = "stream k { Betrag int  at timestamp  event time at }\n\
                   pattern p { on k match a emit out { n: a.Betrag } }\n";
    folder.write("p.cep", program);
    for (columns, guess) in [
        ("at,Bemerkung", "Column Name"),
        ("at,Buchungstag", "Column Name"),
        ("at,Bertag", "Bertag"),
        ("at,Betrag in EUR", "Betrag in EUR"),
        ("at,Beträge", "Beträge"),
    ] {
        folder.write("k.csv", &format!("{columns}\n2026-01-01T00:00:00Z,5\n"));
        let (code, said) = folder::run(&folder, "run p.cep --in k=k.csv");
        assert!(code == Some(2) && said.contains(&format!("from \"{guess}\"")), "{columns}: {said}");
    }
}

#[test]
fn a_file_without_rows_is_told() {
    let folder = Folder::empty("inferred-empty");
    folder.write("p.cep", folder::PAIR);
    for (name, text) in [("tx.csv", "card,amount,at\n"), ("tx.jsonl", ""), ("empty.csv", "")] {
        folder.write(name, text);
        let (code, said) = folder::run(&folder, &format!("run p.cep --in tx={name} --out alert=a.jsonl"));
        assert_eq!(code, Some(0), "{said}");
        let told = format!("note: {name} is empty, or has nothing behind the names of its columns");
        assert!(said.contains(&told), "{said}");
    }
    folder.write("tx.csv", "card,amount,at\nc1,5,2026-01-01T00:00:00Z\n");
    let (_, said) = folder::run(&folder, "run p.cep --in tx=tx.csv --out alert=a.jsonl");
    assert!(!said.contains("is empty"), "{said}");
}
