//! The short cut beside the decoder of all lines: whatever it takes, both read alike.

use super::*;
use crate::event::{PartitionId, StreamId};
use crate::io::{BadReason, JsonDecoder};
use crate::lang::hir::{Field as Declared, Origin, Stream};
use crate::time::Duration;

fn stream() -> Stream {
    let field = |name: &str, ty, nullable, path: &str| Declared {
        name: name.to_owned(),
        doc: None,
        ty,
        nullable,
        path: path.split('.').map(str::to_owned).collect(),
        form: crate::lang::hir::Form::Plain,
    };
    Stream {
        name: "s".to_owned(),
        doc: None,
        fields: vec![
            field("card", Type::String, false, "card"),
            field("at", Type::Timestamp, false, "at"),
            field("amount", Type::Decimal(2), false, "amount"),
            field("count", Type::Int, true, "count"),
            field("ratio", Type::Float, true, "ratio"),
            field("good", Type::Bool, true, "good"),
            field("wait", Type::Duration, true, "wait"),
            field("city", Type::String, true, "geo.city"),
            field("lat", Type::Float, true, "geo.point.lat"),
            field("long", Type::String, true, "a_name_that_is_longer_than_sixteen_bytes"),
            field("unkept", Type::Decimal(18), true, "unkept"),
        ],
        origin: Origin::Source { time_field: 1, disorder: Duration::ZERO, idle: None },
    }
}

const UNKEPT: usize = 10;

/// What a line becomes: a row as text, with its time, or the reason against it.
type Outcome = Result<String, BadReason>;

/// Decodes every line both ways; each way keeps its state from line to line, as in a file.
struct Both {
    decoder: JsonDecoder,
    builder: BatchBuilder,
    slow: JsonDecoder,
    /// How many lines the short cut took, and how many it left.
    taken: u32,
    left: u32,
}

impl Both {
    fn new() -> Both {
        let stream = stream();
        let types = stream.fields.iter().map(|field| Some(field.ty)).collect();
        let decoder = || JsonDecoder::new(&stream, |field| field != UNKEPT);
        let builder = BatchBuilder::new(StreamId(0), PartitionId(0), types);
        Both { decoder: decoder(), builder, slow: decoder(), taken: 0, left: 0 }
    }

    fn check(&mut self, line: &[u8]) -> Outcome {
        let outcome = self.decoder.decode_row(line, 7, &mut self.builder);
        let outcome = outcome.map(|()| self.row());
        let slow = self.slow.decode(line, &mut self.builder).map(|time| {
            self.builder.end_row(time, 7);
            self.row()
        });
        assert_eq!(outcome, slow, "{}", String::from_utf8_lossy(line));
        let fast = self.decoder.fast.as_mut().expect("an ordinary stream");
        match fast.decode_row(line, 7, &mut self.builder) {
            Some(()) => {
                self.taken += 1;
                assert_eq!(Ok(self.row()), slow, "{}", String::from_utf8_lossy(line));
            }
            None => {
                self.left += 1;
                assert!(self.builder.is_empty(), "what is left adds nothing");
            }
        }
        slow
    }

    /// The only row of the builder.
    fn row(&mut self) -> String {
        let batch = self.builder.finish();
        assert_eq!(batch.len(), 1);
        let values: Vec<Value> = (0..=UNKEPT).map(|field| batch.value(0, field)).collect();
        format!("{:?} {} {values:?}", batch.time(0), batch.record(0))
    }
}

/// Ordinary lines, all of which the short cut takes.
const ORDINARY: &[&str] = &[
    r#"{"card":"c005884","at":1700000000003,"amount":59.37,"country":"CN","merchant":"m3407"}"#,
    r#"{"card":"c005884","at":1700000000004,"amount":5,"country":"CN","merchant":"m3407"}"#,
    r#"{"at":1,"amount":-0.5,"card":""}"#,
    r#"  { "card" : "Zürich" , "at" : "2023-11-14T22:13:20.123456789Z" , "amount" : 0 }  "#,
    r#"{"card":"c","at":-1,"amount":"19.99","count":-42,"ratio":0.1,"good":true,"wait":"1h30m"}"#,
    r#"{"card":"c","at":0,"amount":1e2,"count":1e3,"ratio":-0.0,"good":false,"wait":2000}"#,
    r#"{"card":"c","at":1.5,"amount":1.500,"count":null,"ratio":1e-7,"good":null,"wait":null}"#,
    r#"{"card":"c","at":1,"amount":1,"geo":{"city":"Bern","point":{"lat":46.948,"lon":7}},"ratio":5e300}"#,
    r#"{"card":"c","at":1,"amount":1,"geo":{"x":[1,{"y":[]},{}],"city":null,"point":null},"unkept":0.5}"#,
    r#"{"card":"c","at":1,"amount":1,"geo":null,"count":9223372036854775807}"#,
    r#"{"card":"c","at":1,"amount":1,"geo":{},"ratio":123456789012345678901234567890}"#,
    r#"{"a_name_that_is_longer_than_sixteen_bytes":"and a text so long that no number holds it","card":"c","at":1,"amount":92233720368547758.07}"#,
    r#"{"card":"c","at":1,"amount":1,"x":-0,"x":0.0e-5,"x":[true,false,null,"\u007f"],"":""}"#,
];

#[test]
fn ordinary_lines_are_taken_and_read_alike() {
    let mut both = Both::new();
    for round in 0..3 {
        for line in ORDINARY {
            let line = line.replace("\\u007f", "\u{7f}");
            both.check(line.as_bytes()).expect("a good line");
            assert_eq!(both.left, 0, "round {round}: {line}");
        }
    }
}

#[test]
fn what_is_strange_is_left_and_judged_alike() {
    let mut both = Both::new();
    let members = |rest: &str| format!(r#"{{"card":"c","at":1,"amount":1{rest}}}"#);
    for rest in [
        r#","card":"d""#,
        r#","geo":{},"geo":null"#,
        r#","geo":7"#,
        r#","geo":{"city":"a","city":"b"}"#,
        r#","x":"\n""#,
        r#","x":"\ud800""#,
        ",\"x\":\"\t\"",
        ",\t\"x\":1",
        r#","x":01"#,
        r#","x":1."#,
        r#","x":.5"#,
        r#","x":-"#,
        r#","x":1e"#,
        r#","x":+1"#,
        r#","x":nul"#,
        r#","x":True"#,
        r#","x":[1,]"#,
        r#","x":{"a":1,}"#,
        r#","x":{"a"}"#,
        r#","x":{1:2}"#,
        r#","count":1.5"#,
        r#","count":9223372036854775808"#,
        r#","ratio":1e400"#,
        r#","ratio":"1""#,
        r#","good":1"#,
        r#","wait":"soon""#,
        r#","unkept":1000"#,
        r#","#,
        r#",,"x":1"#,
        r#" "x":1"#,
        r#"} {"#,
        r#"}]"#,
    ] {
        _ = both.check(members(rest).as_bytes());
        assert_eq!(both.taken, 0, "{rest}");
    }
    for line in [
        "",
        " ",
        "{",
        "}",
        "{}",
        "[]",
        "null",
        "\u{feff}{}",
        r#"{"card":"c","at":1}"#,
        r#"{"card":null,"at":1,"amount":1}"#,
        r#"{"card":"c","at":null,"amount":1}"#,
        r#"{"card":"c","at":9223372036854775,"amount":1}"#,
        r#"{"card":"c","at":253402207200999,"amount":1.001}"#,
        r#"{"card":"c","at":1,"amount":92233720368547758.08}"#,
        "\n{\"card\":\"c\",\"at\":1,\"amount\":1}",
    ] {
        _ = both.check(line.as_bytes());
        assert_eq!(both.taken, 0, "{line}");
    }
}

#[test]
fn deep_nesting_is_judged_alike() {
    let mut both = Both::new();
    for depth in [1, 20, 24, 25, 26, 120, 130, 1000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            _ = both.check(format!(r#"{{"card":"c","at":1,"amount":1,"x":{value}}}"#).as_bytes());
            _ = both.check(format!(r#"{{"card":"c","at":1,"amount":1,"geo":{{"x":{value}}}}}"#).as_bytes());
        }
    }
    assert!(both.taken > 0 && both.left > 0);
}

#[test]
fn the_shape_of_a_line_may_change_at_any_time() {
    // Each line follows each other one, so that guesses fail in every way.
    let mut both = Both::new();
    for first in ORDINARY {
        for second in ORDINARY {
            _ = both.check(first.as_bytes());
            _ = both.check(second.as_bytes());
        }
    }
    let many: String = (0..2 * GUESSES_MAX).map(|number| format!(",\"x{number}\":{number}")).collect();
    let long = format!(",\"{}\":1", "x".repeat(2 * GUESS_BYTES_MAX));
    for rest in [&many, &long, &many, "", &long] {
        let line = format!(r#"{{"card":"c","at":1{rest},"amount":1}}"#);
        both.check(line.as_bytes()).expect("a good line");
        both.check(line.as_bytes()).expect("a good line");
    }
    let fast = both.decoder.fast.as_ref().expect("an ordinary stream");
    assert_eq!(fast.levels[0].guesses.len(), GUESSES_MAX, "a line makes us keep no more");
}

#[test]
fn numbers_of_every_form_are_read_alike() {
    let mut both = Both::new();
    let mut seed = 11;
    let digits = |seed: &mut u64, most: usize| -> String {
        (0..draw(seed, most + 1))
            .map(|_| char::from(b'0' + [0, 0, 9, draw(seed, 10)][draw(seed, 4)] as u8))
            .collect()
    };
    for _ in 0..20_000 {
        let sign = ["", "-", "-", "", "+"][draw(&mut seed, 5)];
        let whole = digits(&mut seed, 19);
        let fraction = ["", "."][draw(&mut seed, 2)];
        let fraction =
            format!("{fraction}{}", if fraction.is_empty() { String::new() } else { digits(&mut seed, 18) });
        let exponent = ["", "", "", "e3", "E-2", "e+18", "e400", "e"][draw(&mut seed, 8)];
        let number = format!("{sign}{whole}{fraction}{exponent}");
        let quote = ["", "", "", "\""][draw(&mut seed, 4)];
        let name = ["at", "amount", "count", "ratio", "wait", "unkept", "x"][draw(&mut seed, 7)];
        let line = match name {
            "at" => format!(r#"{{"card":"c","amount":1,"at":{quote}{number}{quote}}}"#),
            "amount" => format!(r#"{{"card":"c","at":1,"amount":{quote}{number}{quote}}}"#),
            _ => format!(r#"{{"card":"c","at":1,"amount":1,"{name}":{quote}{number}{quote}}}"#),
        };
        _ = both.check(line.as_bytes());
    }
    assert!(both.taken > 1000 && both.left > 1000, "{} taken, {} left", both.taken, both.left);
}

#[test]
fn lines_broken_at_random_are_read_alike() {
    let pieces = [
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "1e9",
        "-",
        "\\n",
        "é",
        ".",
        "0",
        "9",
        " ",
        "\t",
        "true",
        "\"card\":\"d\",",
        "\"geo\":{\"city\":\"x\"},",
        "\"at\":2,",
        "00",
        "{}",
        "[]",
        "\u{0}",
    ];
    let mut both = Both::new();
    let mut seed = 7;
    for _ in 0..30_000 {
        let mut line = ORDINARY[draw(&mut seed, ORDINARY.len())].as_bytes().to_vec();
        for _ in 0..=draw(&mut seed, 3) {
            let at = draw(&mut seed, line.len());
            match draw(&mut seed, 6) {
                0 => line[at] = draw(&mut seed, 256) as u8,
                1 => line[at] ^= 1 << draw(&mut seed, 8),
                2 => line.truncate(at.max(1)),
                3 => drop(line.remove(at)),
                4 => {
                    // A piece of the line once more: members stand twice, brackets do not fit.
                    let end = (at + 1 + draw(&mut seed, 20)).min(line.len());
                    let piece = line[at..end].to_vec();
                    let to = draw(&mut seed, line.len());
                    line.splice(to..to, piece);
                }
                _ => drop(line.splice(at..at, pieces[draw(&mut seed, pieces.len())].bytes())),
            }
            if line.is_empty() {
                line.push(b'{');
            }
        }
        _ = both.check(&line);
    }
    assert!(both.taken > 1000 && both.left > 1000, "{} taken, {} left", both.taken, both.left);
}

/// Takes a number from a seed; the same numbers on every machine.
fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below
}
