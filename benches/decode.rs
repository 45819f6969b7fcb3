//! What it costs to read JSON lines and files with columns, by their shape.
//!
//! `make bench-decode`. The lines are made here and stand in memory, so that no disk is measured; each is read to the
//! column batches that an engine takes. `text` is the whole way of a file: lines, decoding, batches; so are `columns`. The
//! compressed ones are read from a file, ahead of whoever takes their batches as in a run, and each stands beside what its
//! decompression costs alone. The others are the decoder alone, its short cut included; `unsure` is a shape that the short cut leaves to the decoder of all lines, and
//! `the slow way` gives all to that one. A figure is the best of several rounds, on one thread: what disturbs a round
//! only makes it longer. A part of a name runs only what has it.

#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::Path;
use std::time::Instant;

use ensue::event::{PartitionId, StreamId};
use ensue::io::{Input, InputSource, JsonDecoder, Reading};
use ensue::lang::hir::Stream;
use ensue::runtime::Readers;
use ensue::{BatchBuilder, Type};

const STREAM: &str = "
stream transactions {
    card     string
    amount   decimal(2)
    country  string
    kind     string
    at       timestamp

    event time at
}
";

const LINES: usize = 400_000;
const ROUNDS: usize = 9;
const BATCH_EVENTS: usize = 4096;

fn main() {
    // `cargo bench` passes `--bench` too.
    let only: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let is_asked = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    let program = ensue::compile("decode.cep", STREAM).expect("the stream is declared well");
    let stream = &program.streams[0];
    println!("{:<24} {:>8} {:>10} {:>12}", "lines", "ns/line", "ns/byte", "lines/s");
    for (name, shape) in SHAPES.iter().filter(|(name, _)| is_asked(name)) {
        let lines = made(*shape);
        let bytes = lines.iter().map(String::len).sum();
        show(name, bytes, || decode(stream, &lines));
    }
    if is_asked("ordinary, the slow way") {
        let lines = made(ordinary);
        let bytes = lines.iter().map(String::len).sum();
        show("ordinary, the slow way", bytes, || decode_slowly(stream, &lines));
    }
    // It lives as long as the process, so that a reader of it can be given away.
    let text: &'static str = Box::leak(made(ordinary).join("\n").into_boxed_str());
    let few = |field: usize| matches!(stream.fields[field].name.as_str(), "card" | "amount" | "at");
    if is_asked("text") {
        show("text", text.len(), || read(stream, text, |_| true));
    }
    if is_asked("text, three columns") {
        show("text, three columns", text.len(), || read(stream, text, few));
    }
    for (name, change) in ROWS.iter().filter(|(name, _)| is_asked(name)) {
        let rows = made(ordinary).iter().map(|line| change(&columns(line))).collect::<Vec<_>>().join("\n");
        let text: &'static str =
            Box::leak(format!("card,at,amount,country,merchant,kind\n{rows}").into_boxed_str());
        show(name, text.len(), || read(stream, text, |_| true));
    }
    for (name, unpack) in PACKED.iter().filter(|(name, _)| is_asked(name)) {
        let path = std::env::temp_dir().join(format!("ensue-decode-{}.{name}", std::process::id()));
        pack(name, text, &path).expect("a file for a while");
        let alone = || unpack(&path).and_then(|mut reader| drain(&mut reader)).expect("it can be read");
        show(&format!("{name}, decompressed only"), text.len(), || assert_eq!(alone(), text.len()));
        show(&format!("{name}, JSON lines"), text.len(), || read_file(stream, &path));
        std::fs::remove_file(&path).expect("it is there");
    }
}

/// Opens a compressed file.
type Unpack = fn(&Path) -> io::Result<Box<dyn Read>>;

/// How files are compressed.
const PACKED: &[(&str, Unpack)] = &[
    ("gzip", |path| Ok(Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(File::open(path)?))))),
    ("zstd", |path| {
        let decoder = ruzstd::decoding::StreamingDecoder::new(BufReader::new(File::open(path)?));
        Ok(Box::new(decoder.map_err(io::Error::other)?))
    }),
];

fn pack(name: &str, text: &str, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    match name {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::default());
            encoder.write_all(text.as_bytes())?;
            encoder.finish()?;
        }
        _ => ruzstd::encoding::compress(
            text.as_bytes(),
            &mut file,
            ruzstd::encoding::CompressionLevel::Fastest,
        ),
    }
    file.flush()
}

/// Reads to the end, as much at a time as a reader of lines.
fn drain(reader: &mut dyn Read) -> io::Result<usize> {
    let mut buffer = vec![0; ensue::limits::FILE_BUFFER_BYTES];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(bytes),
            count => bytes += count,
        }
    }
}

fn read_file(stream: &Stream, path: &Path) {
    let types = types(stream, |_| true);
    let reading =
        Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
    let source = InputSource::open(&Input::File(path.to_owned()), stream, reading).expect("it can be opened");
    let mut readers = Readers::new(vec![source]).expect("there are threads");
    let mut rows = 0;
    while let (Some(batch), _) = readers.read_batch(0, &mut |bad| panic!("{bad:?}")).expect("it can be read")
    {
        rows += batch.len();
    }
    assert_eq!(rows, LINES);
}

/// Does something to a row.
type Change = fn(&str) -> String;

/// Files with columns, the whole way, by what is done to a row.
const ROWS: &[(&str, Change)] = &[
    ("columns", str::to_owned),
    ("columns, all quoted", |row| format!("\"{}\"", row.replace(',', "\",\""))),
    ("columns, \\r\\n", |row| format!("{row}\r")),
];

/// An ordinary line as a row.
fn columns(line: &str) -> String {
    let members = line.trim_matches(['{', '}']).split(',');
    let values = members.map(|member| member.split_once(':').expect("a member").1.trim_matches('"'));
    values.collect::<Vec<_>>().join(",")
}

/// A line of its number and some random bits.
type Shape = fn(u64, u64) -> String;

const SHAPES: &[(&str, Shape)] = &[
    ("ordinary", ordinary),
    ("spaced", |number, random| ordinary(number, random).replace("\":", "\": ").replace(",\"", ", \"")),
    ("in changing order", |number, random| match number % 2 {
        0 => ordinary(number, random),
        _ => turned(number, random),
    }),
    ("RFC 3339 times", |number, random| {
        let at = format!("\"2023-11-14T{:02}:{:02}:20.{:03}Z\"", number % 24, number % 60, number % 1000);
        line(&at, random)
    }),
    ("texts of their own", |number, random| {
        ordinary(number, random).replace("\"c0", &format!("\"{number:x}-"))
    }),
    ("a fat unread member", |number, random| {
        ordinary(number, random).replace('}', ",\"device\":{\"os\":\"x\",\"ids\":[1,2.5,-3e2,null]}}")
    }),
    ("unsure: an escape", |number, random| ordinary(number, random).replace("\"m", "\"\\u006d")),
];

fn ordinary(number: u64, random: u64) -> String {
    line(&(1_700_000_000_000 + 3 * number).to_string(), random)
}

fn line(at: &str, random: u64) -> String {
    let (card, merchant) = (random % 20_000, (random >> 20) % 5000);
    let (whole, cents) = ((random >> 34) % 200, (random >> 44) % 100);
    let country = ["CN", "US", "IN", "DE", "FR", "GB", "BR", "JP"][(random >> 52) as usize % 8];
    let kind = ["purchase", "purchase", "login", "pin_change"][(random >> 56) as usize % 4];
    format!(
        "{{\"card\":\"c{card:06}\",\"at\":{at},\"amount\":{whole}.{cents:02},\"country\":\"{country}\",\
         \"merchant\":\"m{merchant:04}\",\"kind\":\"{kind}\"}}"
    )
}

/// The members the other way round.
fn turned(number: u64, random: u64) -> String {
    let line = ordinary(number, random);
    let mut members: Vec<&str> = line.trim_matches(['{', '}']).split(',').collect();
    members.reverse();
    format!("{{{}}}", members.join(","))
}

fn made(shape: Shape) -> Vec<String> {
    let mut random: u64 = 7;
    let line = |number| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        shape(number, random ^ (random >> 31))
    };
    (0..LINES as u64).map(line).collect()
}

fn decode(stream: &Stream, lines: &[String]) {
    rows(stream, lines, |decoder, line, record, builder| {
        decoder.decode_row(line.as_bytes(), record, builder).expect("a good line");
    });
}

fn decode_slowly(stream: &Stream, lines: &[String]) {
    rows(stream, lines, |decoder, line, record, builder| {
        let time = decoder.decode(line.as_bytes(), builder).expect("a good line");
        builder.end_row(time, record);
    });
}

fn rows(
    stream: &Stream,
    lines: &[String],
    mut row: impl FnMut(&mut JsonDecoder, &str, u64, &mut BatchBuilder),
) {
    let mut decoder = JsonDecoder::new(stream, |_| true);
    let mut builder = BatchBuilder::new(StreamId(0), PartitionId(0), types(stream, |_| true));
    let mut rows = 0;
    for (line, record) in lines.iter().zip(1..) {
        row(&mut decoder, line, record, &mut builder);
        if builder.len() == BATCH_EVENTS {
            rows += builder.finish().len();
        }
    }
    assert_eq!(rows + builder.len(), LINES);
}

fn read(stream: &Stream, text: &'static str, is_read: impl Fn(usize) -> bool) {
    let reader = Box::new(text.as_bytes());
    let types = types(stream, is_read);
    let reading =
        Reading { stream: StreamId(0), partition: PartitionId(0), types, format: None, follows: false };
    let mut source = InputSource::new(reader, "lines".to_owned(), stream, reading);
    let mut rows = 0;
    while let Some(batch) =
        source.read_batch(BATCH_EVENTS, &mut |bad| panic!("{bad:?}")).expect("memory can be read")
    {
        rows += batch.len();
    }
    assert_eq!(rows, LINES);
}

fn types(stream: &Stream, is_read: impl Fn(usize) -> bool) -> Vec<Option<Type>> {
    stream.fields.iter().enumerate().map(|(at, field)| is_read(at).then_some(field.ty)).collect()
}

/// The best of some rounds, as a line.
fn show(name: &str, bytes: usize, mut round: impl FnMut()) {
    let time = |_| {
        let start = Instant::now();
        round();
        start.elapsed().as_nanos() as f64
    };
    let best = (0..ROUNDS).map(time).fold(f64::INFINITY, f64::min);
    println!(
        "{name:<24} {:>8.1} {:>10.2} {:>12.0}",
        best / LINES as f64,
        best / bytes as f64,
        LINES as f64 / best * 1e9
    );
}
