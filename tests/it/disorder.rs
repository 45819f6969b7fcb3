//! Within the disorder of its stream, the order in which events arrive changes nothing; nor does how they are split
//! over files, cut into batches, or shared out over shards.
//!
//! Records are compared by their text. The `id` is made from the places of the events in their files, and among
//! records of one time these places decide the order: both are left out.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use ensue::cli::r#gen::{self, GenArgs};
use ensue::diag::Severity;
use ensue::engine::{Config, Engine, Record, projection};
use ensue::event::{PartitionId, PatternId, StreamId};
use ensue::io::{InputSource, Reading, push_record};
use ensue::lang::hir::Program;
use ensue::lang::{check, load};
use ensue::limits::BATCH_EVENTS_MAX;

/// The arguments of `ensue gen`, read as the command reads them.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    args: GenArgs,
}

/// The lines of `ensue gen` with these arguments.
fn generate(arguments: &str) -> Vec<String> {
    let words = ["gen"].into_iter().chain(arguments.split_whitespace());
    let mut out = Vec::new();
    r#gen::run(&Arguments::parse_from(words).args, &mut out).expect("memory can be written");
    String::from_utf8(out).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The three patterns, from the files that users read.
fn three_patterns() -> Arc<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns");
    let names = ["card_testing.cep", "impossible_travel.cep", "unconfirmed_pin_change.cep"];
    let files: Vec<PathBuf> = names.map(|name| folder.join(name)).to_vec();
    let loaded = load::load(&files, &|path| std::fs::read_to_string(path));
    let (program, found) = check::check(&loaded.sources, &loaded.files);
    assert!(loaded.diagnostics.iter().chain(&found).all(|one| one.severity != Severity::Error));
    assert_eq!(program.patterns.len(), names.len());
    Arc::new(program)
}

/// How a stream reaches the engine.
struct Way {
    /// The lines of each partition.
    partitions: Vec<Vec<String>>,
    batch_events_max: usize,
    shards: u32,
}

impl Way {
    fn of(partitions: &[Vec<String>]) -> Way {
        Way { partitions: partitions.to_vec(), batch_events_max: BATCH_EVENTS_MAX, shards: 1 }
    }
}

/// The texts of all records, in output order, and how many events were late.
fn records(program: &Arc<Program>, way: &Way) -> (Vec<String>, u64) {
    let stream = program.stream_named("transactions").expect("the stream of the generator");
    let patterns: Vec<PatternId> = program.patterns.iter().map(|pattern| pattern.id).collect();
    let types = projection(program, &patterns, stream, false);
    let config = Config { shards: way.shards, ..Config::default() };
    let mut engine = Engine::new(Arc::clone(program), &config).expect("small patterns");
    let mut sources: Vec<(PartitionId, InputSource)> = Vec::new();
    for (number, lines) in way.partitions.iter().enumerate() {
        let id = engine.add_partition(stream);
        let reader = Box::new(Cursor::new(lines.join("\n").into_bytes()));
        let name = format!("part {number}");
        let reading = Reading { stream, partition: id, types: types.clone(), format: None, follows: false };
        let source = InputSource::new(reader, name, program.stream(stream), reading);
        sources.push((id, source));
    }
    feed(&mut engine, stream, sources, way.batch_events_max);
    engine.finish(true).expect("no bound is near");
    let text = |record: &Record| {
        let mut text = Vec::new();
        push_record(&mut text, program, record);
        without_id(&String::from_utf8(text).expect("UTF-8"))
    };
    (engine.take_records().iter().map(text).collect(), engine.stats().late)
}

/// Reads the partition that is furthest behind, as a run does, until all have ended.
fn feed(engine: &mut Engine, stream: StreamId, mut open: Vec<(PartitionId, InputSource)>, batch: usize) {
    while !open.is_empty() {
        let behind = |at: &usize| engine.partition_watermark(stream, open[*at].0);
        let at = (0..open.len()).min_by_key(behind).expect("one is open");
        let (id, source) = &mut open[at];
        match source.read_batch(batch, &mut |bad| panic!("{bad:?}")).expect("memory can be read") {
            Some(batch) => engine.push(batch),
            None => {
                engine.close_partition(stream, *id);
                open.remove(at);
            }
        }
        engine.advance().expect("no bound is near");
    }
}

fn without_id(record: &str) -> String {
    let start = record.find("\"id\":").expect("every record has an id");
    format!("{}{}", &record[..start], &record[start + "\"id\":\"\",".len() + 32..])
}

/// The time of a line or record, as text: times of one length sort as texts.
fn time(line: &str) -> &str {
    let start = line.find("\"at\":\"").expect("a time") + 6;
    &line[start..start + "2026-01-05T02:57:41.390Z".len()]
}

/// Sorted by time and text, where they were in time order before.
fn in_order(mut records: Vec<String>) -> Vec<String> {
    assert!(records.is_sorted_by_key(|record| time(record).to_owned()), "output is in time order");
    records.sort_by(|left, right| (time(left), left).cmp(&(time(right), right)));
    records
}

/// One of three parts for each point in time: a card's events land in all of them, and ties stay together.
fn in_three(lines: &[String]) -> Vec<Vec<String>> {
    let mut parts = vec![Vec::new(); 3];
    for line in lines {
        let sum: usize = time(line).bytes().map(usize::from).sum();
        parts[sum % 3].push(line.clone());
    }
    parts
}

fn assert_same(program: &Arc<Program>, expected: &[String], way: &Way, what: &str) {
    let (found, late) = records(program, way);
    assert_eq!(late, 0, "{what}: the shuffle stays within the disorder");
    let found = in_order(found);
    let differs = expected.iter().zip(&found).find(|(left, right)| left != right);
    assert_eq!((differs, found.len()), (None, expected.len()), "{what}");
}

#[test]
fn a_shuffle_within_the_disorder_changes_no_record() {
    let program = three_patterns();
    for seed in [1, 2, 3] {
        let made = format!("--events 20000 --cards 1500 --rate 15 --seed {seed}");
        let sorted = generate(&format!("{made} --disorder 0s"));
        let shuffled = generate(&format!("{made} --disorder 5s"));
        let mut restored = shuffled.clone();
        restored.sort_by(|left, right| time(left).cmp(time(right)));
        assert!(restored == sorted && shuffled != sorted, "one is a shuffle of the other that keeps ties");

        let (expected, late) = records(&program, &Way::of(std::slice::from_ref(&sorted)));
        assert_eq!(late, 0);
        for pattern in &program.patterns {
            let name = format!("\"pattern\":\"{}\"", pattern.name);
            let count = expected.iter().filter(|record| record.contains(&name)).count();
            assert!(count >= 10, "{count} of {name}: a stream in which there is something to find");
        }
        let expected = in_order(expected);
        let one = [shuffled.clone()];
        let three = in_three(&shuffled);
        assert_same(&program, &expected, &Way::of(&one), "shuffled");
        assert_same(&program, &expected, &Way::of(&in_three(&sorted)), "sorted, in three");
        assert_same(&program, &expected, &Way::of(&three), "shuffled, in three");
        for (shards, batch_events_max) in [(1, 97), (2, 1000), (5, 333)] {
            let way = Way { shards, batch_events_max, ..Way::of(&three) };
            assert_same(
                &program,
                &expected,
                &way,
                &format!("{shards} shards, batches of {batch_events_max}"),
            );
        }
    }
}

#[test]
fn one_event_at_a_time_gives_what_batches_give() {
    let program = three_patterns();
    let lines = generate("--events 3000 --cards 200 --rate 30 --seed 4");
    let (expected, _) = records(&program, &Way::of(std::slice::from_ref(&lines)));
    assert!(!expected.is_empty());
    for shards in [1, 2, 5] {
        let way = Way { shards, batch_events_max: 1, ..Way::of(std::slice::from_ref(&lines)) };
        let (found, _) = records(&program, &way);
        assert!(found == expected, "the same records in the same order, on {shards} shards");
    }
}
