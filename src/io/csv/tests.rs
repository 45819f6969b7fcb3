//! Tests of rows with columns: what each field type accepts, every bad reason, and that the header is found.

use super::*;
use crate::event::{Batch, PartitionId, StreamId};
use crate::io::{BadLine, InputFormat, InputSource, Reading};

const STREAM: &str = "
stream tx {
    card    string
    amount  decimal(2)
    note    string?
    ok      bool?
    score   float?
    at      timestamp
    event time at
}
";

fn source(text: &str, name: &str, declaration: &str) -> InputSource {
    let program = crate::compile("s.cep", declaration).expect("it is declared well");
    let stream = &program.streams[0];
    let types = stream.fields.iter().map(|field| Some(field.ty)).collect();
    let reading =
        Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
    let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    InputSource::new(reader, name.to_owned(), stream, reading)
}

/// Each row as its fields print, and the bad ones.
fn read_as(text: &str, name: &str, declaration: &str) -> (Vec<String>, Vec<BadLine>) {
    let mut source = source(text, name, declaration);
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    while let Some(batch) = source.read_batch(2, &mut |line| bad.push(line)).expect("it can be read") {
        rows.extend((0..batch.len()).map(|row| shown_row(&batch, row)));
    }
    (rows, bad)
}

fn shown_row(batch: &Batch, row: usize) -> String {
    let values: Vec<String> = batch.fields().map(|field| batch.value(row, field).to_string()).collect();
    format!("{}: {}", batch.record(row), values.join("|"))
}

fn read(text: &str) -> (Vec<String>, Vec<BadLine>) {
    read_as(text, "tx.csv", STREAM)
}

#[test]
fn rows_are_read_however_they_are_written() {
    let rows = "card,amount,note,ok,score,at\nc1,5.10,hello,true,0.5,1000\nc2,7,,,,2000\n";
    let expected = [
        "2: c1|5.10|hello|true|0.5|1970-01-01T00:00:01.000Z",
        "3: c2|7.00|null|null|null|1970-01-01T00:00:02.000Z",
    ];
    let quoted = rows.replace("c1", "\"c1\"").replace("5.10", "\"5.10\"").replace("hello", "\"hello\"");
    for text in [
        rows.to_owned(),
        format!("\u{feff}{rows}"),
        rows.replace('\n', "\r\n"),
        rows.replace('\n', "\r"),
        rows.replace(',', ";"),
        rows.replace(',', "\t"),
        rows.replace(',', "|"),
        rows.trim_end().to_owned(),
        rows.replace("card,amount", "Card,\" AMOUNT\""),
        quoted.clone(),
        quoted.replace(',', ";").replace('\n', "\r\n"),
    ] {
        let (found, bad) = read(&text);
        assert_eq!((found, bad), (expected.map(str::to_owned).to_vec(), Vec::new()), "{text:?}");
    }
    let (found, _) = read(&format!("sep=;\n{}", rows.replace(',', ";")));
    assert_eq!(found.len(), 2);
}

#[test]
fn columns_may_stand_anywhere_and_others_are_passed_over() {
    let (rows, bad) =
        read(",at,Extra,amount,card\n0,1000,x,1.5,c1\n1,2000,\"y,\nz\",2.5,c2\n2,3000,,3.5,c3\n");
    let part = |row: &String| row.split('|').next().expect("a first").to_owned();
    assert_eq!(rows.iter().map(part).collect::<Vec<_>>(), ["2: c1", "3: c2", "5: c3"]);
    assert_eq!(bad, []);
}

#[test]
fn quotes_may_hold_anything() {
    let text = "card,amount,note,ok,score,at\n\
        c1,1,\"a,b\",,,1\n\
        \"c\"\"2\",1,\"\"\"\",,,1\n\
        c3,1,\"\",,,1\n\
        c4,1,\"x\r\ny\",,,1\n\
        c5,1,5\" pipe,,,1\n\
        c6,1,\"q\"rest,,,1\n\
        c7,\"1,\"\"\",é,,,1\n\
        c8,1,\"\"\"é\"\"\",,,\"1\"\n";
    let (rows, bad) = read(text);
    let notes: Vec<_> = rows.iter().map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|")).collect();
    let expected = [
        "2: c1|1.00|a,b",
        "3: c\"2|1.00|\"",
        "4: c3|1.00|",
        "5: c4|1.00|x\r\ny",
        "7: c5|1.00|5\" pipe",
        "8: c6|1.00|qrest",
        "10: c8|1.00|\"é\"",
    ];
    assert_eq!(notes, expected);
    let told: Vec<String> = bad.iter().map(|bad| format!("{}: {}", bad.line, bad.reason)).collect();
    assert_eq!(told, ["9: field `amount`: expected decimal(2), found `1,\"` (column 4)"]);
}

#[test]
fn every_bad_row_says_what_is_wrong_and_where() {
    for (row, label, message) in [
        ("c1,1,,,,", "no_time", "the event time `at` is missing"),
        (
            "c1,1,,,,x",
            "no_time",
            "the event time `at` is not RFC 3339 or a number of milliseconds: found `x`",
        ),
        (",1,,,,5", "missing_field", "field `card` is empty, and is not declared with `?` (column 1)"),
        ("c1,,,,,5", "missing_field", "field `amount` is empty, and is not declared with `?` (column 4)"),
        ("c1,\"\",,,,5", "missing_field", "field `amount` is empty, and is not declared with `?` (column 4)"),
        ("c1,1.005,,,,5", "too_many_digits", "field `amount`: 1.005 has more than 2 digits after the point"),
        ("c1,1e30,,,,5", "out_of_range", "field `amount`: 1e30 does not fit decimal(2)"),
        ("c1,\"1,234\",,,,5", "wrong_type", "field `amount`: expected decimal(2), found `1,234` (column 4)"),
        ("c1,1,,maybe,,5", "wrong_type", "field `ok`: expected bool, found `maybe` (column 7)"),
        ("c1,1,,,,5,6", "width", "the row has 7 fields, more than the 6 that the first line names"),
        ("c1,1", "width", "the row has 2 fields, fewer than the 6 that the first line names"),
        ("c1,1,\"x,,,5", "malformed", "a quote that is not closed (column 6)"),
    ] {
        let (rows, bad) = read(&format!("card,amount,note,ok,score,at\n{row}\nc9,1,,NA,NaN,9\n"));
        assert_eq!(rows.len(), 1, "{row}");
        assert_eq!(
            (bad[0].line, bad[0].reason.label(), bad[0].reason.to_string().as_str()),
            (2, label, message)
        );
        assert_eq!(bad[0].text, row);
    }
}

#[test]
fn what_is_no_utf_8_is_a_bad_row() {
    let text: &[u8] = b"card,amount,at\nc\xff,1,5\nc1,1,5\n";
    let program = crate::compile("s.cep", STREAM).expect("it is declared well");
    let types = vec![None; 6];
    let reading = Reading {
        stream: StreamId(0),
        partition: PartitionId(0),
        types,
        format: Some(InputFormat::Csv),
        follows: false,
    };
    let mut source = InputSource::new(Box::new(text), "-".to_owned(), &program.streams[0], reading);
    let mut bad = Vec::new();
    let batch = source.read_batch(9, &mut |line| bad.push(line)).expect("readable").expect("a row");
    assert_eq!((batch.len(), bad[0].reason.clone()), (1, BadReason::NotUtf8 { column: 2 }));
}

#[test]
fn a_header_that_does_not_fit_says_what_to_write() {
    let why = |text: &str| {
        let mut source = source(text, "tx.csv", STREAM);
        let error = source.read_batch(9, &mut |_| {}).expect_err("it does not fit");
        let header = error.get_ref().and_then(|error| error.downcast_ref::<HeaderError>()).expect("a header");
        (header.to_string(), header.help())
    };
    let (message, help) = why("Card No,amount,at\nc1,1,5\n");
    assert_eq!(message, "no column `card` for field `card`; the columns are `Card No`, `amount`, `at`");
    assert_eq!(help, "name the column: `card … from \"Card No\"`, or declare the type with `?`");
    let (message, _) = why("Card,CARD,amount,at\nc1,c1,1,5\n");
    assert_eq!(message, "2 columns `card`, so it is not known which is field `card`");
    let (message, help) = why("\u{0}");
    assert!(message.starts_with("no column `card`"), "{message} {help}");
}

#[test]
fn what_a_file_is_is_seen_from_its_first_bytes() {
    let csv = "card,amount,at\nc1,1,5\n";
    let json = "{\"card\":\"c1\",\"amount\":1,\"at\":5}\n";
    for (text, name, rows) in [
        (csv, "tx.csv", 1),
        (csv, "stdin", 1),
        (csv, "tx.txt", 1),
        (json, "tx.csv", 1),
        (json, "stdin", 1),
        (csv, "tx.jsonl", 0),
        ("nope\n", "stdin", 0),
        ("", "tx.csv", 0),
        ("card,amount,at\n", "tx.csv", 0),
    ] {
        let (found, bad) = read_as(text, name, STREAM);
        assert_eq!(found.len(), rows, "{name}: {text} {bad:?}");
    }
}

#[test]
fn columns_are_named_and_values_written_as_the_stream_says() {
    let declaration = "
        stream s {
            card    string      from \"Card Number\"
            amount  decimal(2, \"1.234,56\")  from \"Betrag (EUR)\"
            at      timestamp(\"%d/%m/%Y %H:%M\", \"Europe/Paris\")  from \"When\"
            event time at
        }";
    let text = "When;Card Number;Betrag (EUR)\n31/12/2024 23:30;c1;1.234,5\n01/07/2024 00:10;c2;-7\n";
    let (rows, bad) = read_as(text, "export.csv", declaration);
    assert_eq!(bad, []);
    assert_eq!(rows, ["2: c1|1234.50|2024-12-31T22:30:00.000Z", "3: c2|-7.00|2024-06-30T22:10:00.000Z"]);
    let json = "{\"When\":\"31/12/2024 23:30\",\"Card Number\":\"c1\",\"Betrag (EUR)\":\"1.234,5\"}\n\
        {\"When\":\"01/07/2024 00:10\",\"Card Number\":\"c2\",\"Betrag (EUR)\":-7}\n";
    let (lines, bad) = read_as(json, "export.jsonl", declaration);
    assert_eq!((lines.len(), bad.as_slice()), (2, [].as_slice()));
    assert_eq!(lines[0][2..], rows[0][2..]);
    assert_eq!(lines[1][2..], rows[1][2..]);
}
