//! Slips on the command line: blanks around `=`, one dash, a file's name that is not quite right.

use crate::folder::{Folder, run};

const PATTERNS: &str = "stream tx { card string  amount int  at timestamp  event time at, disorder 5s }
pattern big { on tx by card match a where amount > 5 emit alert { card: card } }
";

/// What a command line that cannot be done is answered with.
fn refused(folder: &Folder, arguments: &str) -> String {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, Some(2), "{arguments}: {said}");
    said
}

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("slips-{name}"));
    folder.write("rules.cep", PATTERNS);
    folder.write("tx.csv", "card,amount,at\nc1,7,2026-01-01T12:00:00Z\n");
    folder
}

#[test]
fn blanks_around_the_sign_of_a_binding_are_named() {
    let folder = folder("blanks");
    for arguments in ["run rules.cep --in tx = tx.csv", "run rules.cep --in tx =tx.csv"] {
        let said = refused(&folder, arguments);
        assert!(said.contains("a `=` stands alone"), "{said}");
        assert!(said.contains("help: write it without blanks: --in STREAM=tx.csv"), "{said}");
    }
    let said = refused(&folder, "run rules.cep --in tx= tx.csv");
    assert!(said.contains("nothing stands on one side of `=`: write STREAM=PATH without blanks"), "{said}");
}

#[test]
fn a_binding_without_its_option_is_named() {
    let said = refused(&folder("binding"), "run rules.cep tx=tx.csv");
    let start = "error: `tx=tx.csv` is no file of patterns: it says what a stream is read from\n";
    assert_eq!(said, format!("{start}help: write --in before it: --in tx=tx.csv\n"));
}

#[test]
fn an_option_with_one_dash_is_answered_with_two() {
    let folder = folder("dash");
    let said = refused(&folder, "run rules.cep -in tx=tx.csv");
    assert_eq!(said, "error: `-in` has one dash\nhelp: options are written with two: --in\n");
    let said = refused(&folder, "run rules.cep -nonsense");
    assert!(said.contains("unexpected argument"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_answered_with_the_one_that_is_meant() {
    let folder = folder("near");
    for (arguments, meant) in [
        ("check rules", "rules.cep"),
        ("check rulse.cep", "rules.cep"),
        ("run rules.cep --in tx=txs.csv", "tx.csv"),
    ] {
        let said = refused(&folder, arguments);
        assert!(said.contains(&format!("{meant}`?")) && said.contains("did you mean"), "{said}");
    }
    let said = refused(&folder, "check elsewhere.cep");
    assert!(said.contains("paths are relative") && !said.contains("did you mean"), "{said}");
}

#[test]
fn a_use_of_no_file_is_answered_with_the_one_that_is_meant() {
    let folder = folder("use");
    folder.write("more.cep", "use \"rule.cep\"\n");
    let (code, said) = run(&folder, "check more.cep");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("help: did you mean `use \"rules.cep\"`?"), "{said}");
}

#[test]
fn rows_of_a_test_that_are_out_of_order_are_said_to_be() {
    let folder = folder("order");
    let test = "test big \"rows\" {
    given tx
    | at       | card | amount |
    | 12:00:20 | c1   | 1      |
    | 12:00:00 | c1   | 2      |
    expect nothing
}
";
    folder.write("rules.cep", &format!("{PATTERNS}{test}"));
    let (code, said) = run(&folder, "test rules.cep");
    assert_eq!(code, Some(1), "{said}");
    let why = "late: the row is earlier than one above it by more than 5s, the disorder of `tx`; put the rows in the order of their time";
    assert!(said.contains(why), "{said}");
}

#[test]
fn the_steps_of_a_page_stand_on_lines_of_their_own() {
    let (code, said) = run(&folder("page"), "explain E0001");
    assert_eq!(code, Some(0), "{said}");
    for item in ["\n1. Do what the help says.", "\n2. Look at what", "\n3. Compare the line"] {
        assert!(said.contains(item), "{said}");
    }
}

#[test]
fn a_column_of_a_label_file_that_is_no_part_of_the_key_is_to_be_renamed() {
    let folder = folder("labels");
    folder.write("labels.csv", "konto,at,fraud\nc1,2026-01-01T12:00:00Z,true\n");
    let backtest = "backtest rules.cep --in tx=tx.csv --label-file labels.csv";
    let said = refused(&folder, backtest);
    assert!(said.contains("call its column so in the label file"), "{said}");
    let said = refused(&folder, &format!("{backtest} --key konto"));
    assert!(
        said.contains(
            "if `konto` is a column of the label file, call it there as a part of the key is called: `card`"
        ),
        "{said}"
    );
}
