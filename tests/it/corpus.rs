//! Runs the `test` blocks of every pattern file of the project: over several shard counts and batch sizes, shuffled
//! within the disorder, by every executor class that takes the patterns, and beside the oracle.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ensue::diag::{Severity, render_text};
use ensue::engine::{Candidate, reference};
use ensue::lang::hir::{Program, Test};
use ensue::lang::{check, load};
use ensue::matcher::watch::{Point, Watch};
use ensue::matcher::{Class, Kind, Plan};
use ensue::runtime::Workers;
use ensue::script::{Block, Events, TestOptions, TestOutcome, events, run_test, run_test_by};
use ensue::{Engine, Record, Value};

/// The ways in which a test is run: shards, the most events of a batch, and whether its rows are shuffled.
const VARIANTS: [(u32, usize, Option<u64>); 8] = [
    (1, 1, None),
    (1, usize::MAX, None),
    (2, 3, None),
    (5, 1, None),
    (1, 1, Some(1)),
    (1, 3, Some(2)),
    (2, usize::MAX, Some(3)),
    (5, 3, Some(4)),
];

/// In which of these each shard works on a thread of its own too.
const THREAD_VARIANTS: [usize; 3] = [0, 1, 5];

/// On how many threads.
const THREADS: [u32; 4] = [1, 2, 3, 5];

/// In which of these every class is tried that takes all patterns of a test.
const CLASS_VARIANTS: [usize; 3] = [2, 3, 7];

#[test]
fn every_test_of_the_corpus_passes_in_every_way() {
    let mut failures = Vec::new();
    let mut tests = 0;
    for path in pattern_files() {
        let program = match compiled(&path) {
            Ok(program) => program,
            Err(diagnostics) => {
                failures.push(format!("{}\n{diagnostics}", path.display()));
                continue;
            }
        };
        let plans = Plan::all(&program).expect("a pattern of the corpus is small");
        // A file that another one uses brings its tests along: run them once.
        let own = |test: &&Test| Path::new(place_path(&test.place)) == path;
        for test in program.tests.iter().filter(own) {
            tests += 1;
            if let Err(failure) = run(&program, &plans, test) {
                failures.push(format!("{}: {:?}\n{failure}", test.place, test.title));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {tests} tests fail:\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(tests > 200, "the corpus was found: {tests} tests");
}

/// The pattern files of the corpus and the examples, in order.
fn pattern_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("tests/corpus"), PathBuf::from("patterns")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "cep") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn compiled(path: &Path) -> Result<Arc<Program>, String> {
    let loaded = load::load(&[path.to_path_buf()], &|path: &Path| fs::read_to_string(path));
    let (program, more) = check::check(&loaded.sources, &loaded.files);
    let errors: Vec<_> = (loaded.diagnostics.into_iter().chain(more))
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .collect();
    if errors.is_empty() { Ok(Arc::new(program)) } else { Err(render_text(&loaded.sources, &errors, false)) }
}

/// The path of a place `path:line`.
fn place_path(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(path, _)| path)
}

/// Runs a test in every way.
fn run(program: &Arc<Program>, plans: &[Arc<Plan>], test: &Test) -> Result<(), String> {
    let Events { on_time, has_late } = events(program, test);
    let reference = reference::run(program, plans, &test.patterns, &on_time);
    let expected = reference.map_err(|error| format!("the oracle: {error}"))?;
    watched(program, plans, (test, &on_time), &expected)?;
    let takes = |class: &Class| test.patterns.iter().all(|id| class.executor(&plans[id.index()]).is_ok());
    let classes = Class::ALL.into_iter().filter(takes);
    let by_class = |class| CLASS_VARIANTS.map(|at| (Some(class), VARIANTS[at]));
    let variants = VARIANTS.map(|variant| (None, variant)).into_iter().chain(classes.flat_map(by_class));
    for (executor, (shards, batch_events_max, shuffle_seed)) in variants {
        if has_late && shuffle_seed.is_some() {
            continue;
        }
        let options = TestOptions { shards, batch_events_max, shuffle_seed, executor };
        let outcome =
            run_test(program, test, options).map_err(|error| format!("with {options:?}: {error}"))?;
        judge(program, &expected, &outcome).map_err(|error| format!("with {options:?}\n{error}"))?;
    }
    for at in THREAD_VARIANTS {
        let (_, batch_events_max, shuffle_seed) = VARIANTS[at];
        if has_late && shuffle_seed.is_some() {
            continue;
        }
        for shards in THREADS {
            let options = TestOptions { shards, batch_events_max, shuffle_seed, executor: None };
            let on_threads = |engine: &mut Engine| engine.staff(Workers::start).expect("a few threads");
            let outcome = run_test_by(program, test, options, &on_threads)
                .map_err(|error| format!("on {shards} threads: {error}"))?;
            judge(program, &expected, &outcome).map_err(|error| format!("on {shards} threads\n{error}"))?;
        }
    }
    Ok(())
}

/// Whether the oracle gives the same where it is watched, and what came out was seen.
fn watched(
    program: &Program,
    plans: &[Arc<Plan>],
    (test, events): (&Test, &[Candidate]),
    expected: &[Record],
) -> Result<(), String> {
    let watches: Vec<Watch> = plans.iter().map(|plan| Watch::of(plan)).collect();
    let found = reference::run_watched(program, plans, &test.patterns, events, &watches);
    let found = found.map_err(|error| format!("the oracle, watched: {error}"))?;
    if !is_same(expected, &found) {
        return Err(format!("the oracle, watched, gives\n{}", listed(program, &found)));
    }
    for (id, watch) in watches.iter().enumerate() {
        let came = |kind| expected.iter().any(|one| one.pattern.index() == id && one.kind == kind);
        let has = |point| watch.points().any(|(known, seen)| known == point && seen);
        let name = &program.patterns[id].name;
        if (came(Kind::Match), came(Kind::Timeout)) != (has(Point::Match), has(Point::Timeout)) {
            return Err(format!("what comes out of {name} is not what was seen: {watch:?}"));
        }
    }
    Ok(())
}

/// Whether a test passes and gives the records of the oracle.
fn judge(program: &Program, expected: &[Record], outcome: &TestOutcome) -> Result<(), String> {
    if !outcome.passed() {
        return Err(differences(program, outcome));
    }
    if !is_same(expected, &outcome.records) {
        let (expected, found) = (listed(program, expected), listed(program, &outcome.records));
        return Err(format!("the oracle gives\n{expected}\nand the engine\n{found}"));
    }
    Ok(())
}

/// Whether two lists of records are the same, in the same order.
fn is_same(left: &[Record], right: &[Record]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| {
            (left.at, left.stream, left.pattern, left.kind, left.id, &left.fields)
                == (right.at, right.stream, right.pattern, right.kind, right.id, &right.fields)
        })
}

/// The tables that are not as expected.
fn differences(program: &Program, outcome: &TestOutcome) -> String {
    let blocks = outcome.checkpoints.iter().flat_map(|checkpoint| &checkpoint.blocks);
    let table = |rows: &[Vec<Value>]| rows.iter().map(|row| line(row)).collect::<String>();
    let shown = |block: &Block| {
        let stream = program.stream(block.stream);
        let columns: Vec<&str> =
            block.columns.iter().map(|field| stream.fields[*field].name.as_str()).collect();
        let (expected, found) = (table(&block.expected), table(&block.found));
        format!(
            "{:?} {} | {} |\nexpected\n{expected}found\n{found}",
            block.kind,
            stream.name,
            columns.join(" | ")
        )
    };
    blocks.filter(|block| !block.passed()).map(shown).collect::<Vec<_>>().join("\n")
}

fn listed(program: &Program, records: &[Record]) -> String {
    let shown = |record: &Record| {
        let (stream, kind) = (&program.stream(record.stream).name, record.kind);
        format!("{} {stream} {kind:?}{}", record.at, line(&record.fields))
    };
    records.iter().map(shown).collect()
}

fn line(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    format!("    | {} |\n", values.join(" | "))
}
