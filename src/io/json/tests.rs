//! Tests of the decoder: what each field type accepts, every bad reason, and lines broken at random.

use super::*;
use crate::event::{Decimal, PartitionId, StreamId};
use crate::lang::hir::{Field, Form};
use crate::time::Duration;

fn field(name: &str, ty: Type, nullable: bool, path: &str) -> Field {
    let path = path.split('.').map(str::to_owned).collect();
    Field { name: name.to_owned(), doc: None, ty, nullable, path, form: Form::Plain }
}

fn transactions() -> Stream {
    Stream {
        name: "transactions".to_owned(),
        doc: None,
        fields: vec![
            field("card", Type::String, false, "card"),
            field("amount", Type::Decimal(2), false, "amount"),
            field("merchant", Type::String, true, "merchant"),
            field("city", Type::String, true, "geo.city"),
            field("lat", Type::Float, true, "geo.point.lat"),
            field("at", Type::Timestamp, false, "at"),
            field("wait", Type::Duration, true, "wait"),
            field("unread", Type::Int, true, "unread"),
        ],
        origin: Origin::Source { time_field: 5, disorder: Duration::ZERO, idle: None },
    }
}

const UNREAD: usize = 7;

fn decoder() -> (JsonDecoder, BatchBuilder) {
    let stream = transactions();
    let types = stream.fields.iter().enumerate().map(|(at, field)| (at != UNREAD).then_some(field.ty));
    let builder = BatchBuilder::new(StreamId(0), PartitionId(0), types.collect());
    (JsonDecoder::new(&stream, |at| at != UNREAD), builder)
}

fn decode(line: &str) -> Result<Vec<Value>, BadReason> {
    let (mut decoder, mut builder) = decoder();
    let time = decoder.decode(line.as_bytes(), &mut builder)?;
    builder.end_row(time, 1);
    let batch = builder.finish();
    Ok((0..=UNREAD).map(|field| batch.value(0, field)).collect())
}

fn label(line: &str) -> &'static str {
    decode(line).expect_err(line).label()
}

#[test]
fn a_line_becomes_a_row() {
    let row = decode(
        r#" {"x": [1, {"card": "no"}], "card": "c1", "amount": 19.90, "geo": {"z": 1, "city": "Bern",
            "point": {"lat": 46.9}}, "at": "1970-01-01T00:00:01Z", "wait": "10m"} "#,
    )
    .expect("a good line");
    assert_eq!(row[0], Value::text("c1"));
    assert_eq!(row[1], Value::Decimal(Decimal { units: 1990, scale: 2 }));
    assert_eq!(row[2], Value::Null);
    assert_eq!(row[3], Value::text("Bern"));
    assert_eq!(row[4], Value::Float(46.9));
    assert_eq!(row[5], Value::Timestamp(EventTime::from_millis(1000)));
    assert_eq!(row[6], Value::Duration(Duration::from_secs(600)));
}

#[test]
fn the_last_of_two_members_counts_nested_ones_included() {
    let row = decode(r#"{"card":5,"card":"b","amount":1,"at":1,"geo":{"city":"x"},"geo":{}}"#).expect("good");
    assert_eq!(row[0], Value::text("b"));
    assert_eq!(row[3], Value::Null, "the second `geo` has no city");
    let row = decode(r#"{"card":"b","amount":1,"at":1,"geo":7,"geo":{"city":"y"}}"#).expect("good");
    assert_eq!(row[3], Value::text("y"));
}

#[test]
fn a_field_that_nothing_reads_is_checked_but_not_kept() {
    let row = decode(r#"{"card":"b","amount":1,"at":1,"unread":7}"#).expect("good");
    assert_eq!(row[UNREAD], Value::Null);
    assert_eq!(label(r#"{"card":"b","amount":1,"at":1,"unread":"seven"}"#), "wrong_type");
}

#[test]
fn a_member_name_may_be_escaped() {
    let row = decode(r#"{"\u0063ard":"b","amount":"1.5","at":1}"#).expect("good");
    assert_eq!(row[0], Value::text("b"));
    assert_eq!(row[1], Value::Decimal(Decimal { units: 150, scale: 2 }));
}

#[test]
fn null_on_the_way_is_a_missing_value() {
    let row = decode(r#"{"card":"b","amount":1,"at":1,"geo":null}"#).expect("good");
    assert_eq!(row[3], Value::Null);
}

#[test]
fn every_mistake_has_its_label() {
    assert_eq!(label(r#"{"card":"b","amount":1,"at":1"#), "malformed");
    assert_eq!(label(r#"{"card":"b","amount":1,"at":1} x"#), "malformed");
    assert_eq!(label(r#"{"card":"\ud800","amount":1,"at":1}"#), "malformed");
    assert_eq!(label("nope"), "malformed");
    assert_eq!(label("[1]"), "not_an_object");
    assert_eq!(label(r#"{"card":1,"amount":1,"at":1}"#), "wrong_type");
    assert_eq!(label(r#"{"card":"b","amount":1,"at":1,"geo":7}"#), "wrong_type");
    assert_eq!(label(r#"{"card":"b","amount":{},"at":1}"#), "wrong_type");
    assert_eq!(label(r#"{"amount":1,"at":1}"#), "missing_field");
    assert_eq!(label(r#"{"card":null,"amount":1,"at":1}"#), "missing_field");
    assert_eq!(label(r#"{"card":"b","amount":1.005,"at":1}"#), "too_many_digits");
    assert_eq!(label(r#"{"card":"b","amount":1e40,"at":1}"#), "out_of_range");
    assert_eq!(label(r#"{"card":"b","amount":1}"#), "no_time");
    assert_eq!(label(r#"{"card":"b","amount":1,"at":null}"#), "no_time");
    assert_eq!(label(r#"{"card":"b","amount":1,"at":"noon"}"#), "no_time");
    let (mut decoder, mut builder) = decoder();
    let reason = decoder.decode(b"{\"card\":\"\xff\"}", &mut builder).expect_err("not UTF-8");
    assert_eq!(reason, BadReason::NotUtf8 { column: 10 });
}

#[test]
fn a_message_says_where_and_what_stands_there() {
    let text = |line| decode(line).expect_err(line).to_string();
    assert_eq!(
        text(r#"{"card":1,"amount":1,"at":1}"#),
        "field `card`: expected string, found the number 1 (column 9)"
    );
    assert_eq!(
        text(r#"{"card":"b","amount":1,"at":1,"geo":7}"#),
        "field `city`: expected an object to look into, found the number 7 (column 37)"
    );
    assert_eq!(
        text(r#"{"card":"b","amount":1.005,"at":1}"#),
        "field `amount`: 1.005 has more than 2 digits after the point"
    );
}

#[test]
fn a_bad_line_leaves_nothing_in_the_next_row() {
    let (mut decoder, mut builder) = decoder();
    decoder.decode(br#"{"card":"b","merchant":"m","at":1}"#, &mut builder).expect_err("no amount");
    let time = decoder.decode(br#"{"card":"b","amount":1,"at":1}"#, &mut builder).expect("good");
    builder.end_row(time, 2);
    assert_eq!(builder.finish().value(0, 2), Value::Null);
}

/// Takes a number from a seed; the same numbers on every machine.
fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below
}

#[test]
fn broken_lines_never_panic() {
    let good = r#"{"card":"c\u00e9","amount":19.90,"geo":{"city":"Bern","point":{"lat":46.9}},"at":"1970-01-01T00:00:01Z","wait":"10m","x":[1,{"y":null}]}"#;
    let pieces =
        ["\"", "\\", "{", "}", "[", "]", ",", ":", "null", "1e999", "-", "\\ud800", "é", ".", "0", "9"];
    let (mut decoder, mut builder) = decoder();
    let mut seed = 7;
    let mut bad = 0;
    for record in 0..5000 {
        let mut line = good.as_bytes().to_vec();
        for _ in 0..=draw(&mut seed, 4) {
            let at = draw(&mut seed, line.len());
            match draw(&mut seed, 4) {
                0 => line[at] = draw(&mut seed, 256) as u8,
                1 => line.truncate(at.max(1)),
                2 => drop(line.remove(at)),
                _ => drop(line.splice(at..at, pieces[draw(&mut seed, pieces.len())].bytes())),
            }
            if line.is_empty() {
                line.push(b'{');
            }
        }
        match decoder.decode(&line, &mut builder) {
            Ok(time) => builder.end_row(time, record),
            Err(reason) => {
                assert!(!reason.to_string().is_empty());
                bad += 1;
            }
        }
    }
    assert!((1000..5000).contains(&bad), "{bad} bad of 5000: the mutations are too weak or too strong");
}
