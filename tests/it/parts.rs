//! `run` over a part of the events: `--limit`, `--since`, `--until`, `--select`.

use crate::folder::{Folder, PAIR, run};

const SINGLE: &str = "pattern single { on tx by card  match a where amount > 9  emit big { card: card } }";

const START: usize = 1_700_000_000_000;

/// Events of which every fifth is a second late, in order within the disorder: number and time.
fn times(numbers: std::ops::Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    numbers.map(|at| (at, START + at * 250 - if at % 5 == 4 { 1000 } else { 0 }))
}

fn line((at, time): (usize, usize)) -> String {
    format!("{{\"card\":\"c{}\",\"amount\":{},\"at\":{time}}}\n", at % 7, at * 7919 % 11)
}

fn events(numbers: std::ops::Range<usize>) -> String {
    times(numbers).map(line).collect()
}

fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("parts-{name}"));
    folder.write("p.cep", &format!("{PAIR}\n{SINGLE}\n"));
    folder.write("tx.jsonl", &events(0..10_000));
    folder
}

/// Runs, and gives what was said.
fn done(folder: &Folder, arguments: &str) -> String {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, Some(0), "{arguments}: {said}");
    said
}

/// The records without their ids, which say where events stood.
fn records(folder: &Folder, name: &str) -> Vec<String> {
    let without_id = |line: &str| {
        let (start, rest) = line.split_once("\"id\":\"").expect("a record has an id");
        format!("{start}{}", &rest[32..])
    };
    folder.read(name).lines().map(without_id).collect()
}

#[test]
fn a_limit_ends_the_run_as_if_the_input_did() {
    let folder = folder("limit");
    // Bad lines behind the last event are not the run's any more.
    let text = format!("{}nope\n{}", events(0..5000), events(5000..10_000));
    folder.write("tx.jsonl", &text);
    for (limit, bad) in [(1, 0), (4999, 0), (5000, 0), (5001, 1), (9999, 1), (20_000, 1)] {
        let said =
            done(&folder, &format!("run p.cep --in tx=tx.jsonl --out alert=some.jsonl --limit {limit}"));
        folder.write(
            "short.jsonl",
            &text.lines().take(limit + bad).map(|line| format!("{line}\n")).collect::<String>(),
        );
        done(&folder, "run p.cep --in tx=short.jsonl --out alert=all.jsonl");
        assert_eq!(folder.read("some.jsonl"), folder.read("all.jsonl"), "{limit}");
        assert_eq!(said.contains("bad      1 of tx"), bad == 1, "{limit}: {said}");
    }
    let two =
        "run p.cep --in tx=tx.jsonl --in tx=short.jsonl --out alert=two.jsonl --limit 6000 --format json";
    assert!(done(&folder, two).contains("\"events\":6000,"));
    let (code, why) = run(&folder, "run p.cep --in tx=tx.jsonl --limit 10 --state state");
    assert_eq!(code, Some(2));
    assert!(why.contains("'--limit <N>' cannot be used with '--state <DIR>'"), "{why}");
    assert_eq!(run(&folder, "run p.cep --in tx=tx.jsonl --limit 0").0, Some(2));
}

#[test]
fn a_stretch_of_time_gives_what_its_events_alone_give() {
    let folder = folder("stretch");
    let (since, until) = (START + 300_000, START + 1_500_500);
    let wanted: String = times(0..10_000).filter(|(_, at)| (since..until).contains(at)).map(line).collect();
    folder.write("part.jsonl", &wanted);
    done(&folder, "run p.cep --in tx=part.jsonl --out alert=expected.jsonl --out big=big-expected.jsonl");
    let arguments = format!("--out alert=some.jsonl --out big=big.jsonl --since {since} --until {until}");
    for threads in [1, 3] {
        let said = done(&folder, &format!("run p.cep --in tx=tx.jsonl {arguments} --threads {threads}"));
        assert_eq!(records(&folder, "some.jsonl"), records(&folder, "expected.jsonl"));
        assert_eq!(records(&folder, "big.jsonl"), records(&folder, "big-expected.jsonl"));
        let count = wanted.lines().count();
        assert!(said.contains(&format!("events   {} {:03} from", count / 1000, count % 1000)), "{said}");
        assert!(said.contains("skipped  1 2"), "those before, and a few behind: {said}");
        assert!(said.contains(" of tx, not between --since and --until"), "{said}");
    }
    assert!(!records(&folder, "some.jsonl").is_empty());
    // The file ends for the run at the first event that is the disorder behind the end.
    folder.write("tx.jsonl", &format!("{}{}", events(0..6007), "nope\n".repeat(1000)));
    let said = done(&folder, &format!("run p.cep --in tx=tx.jsonl {arguments}"));
    assert!(!said.contains("bad "), "{said}");
    assert_eq!(records(&folder, "some.jsonl"), records(&folder, "expected.jsonl"));
}

#[test]
fn several_partitions_each_end_for_themselves() {
    let folder = folder("partitions");
    // The second is behind the first, and has what belongs to the stretch at its end.
    folder.write("a.jsonl", &events(0..8000));
    folder.write("b.jsonl", &format!("{}{}", events(0..10), events(4000..5000)));
    let until = START + 4500 * 250;
    let inside = |numbers| times(numbers).filter(|(_, at)| *at < until).map(line).collect::<String>();
    folder.write("a-part.jsonl", &inside(0..8000));
    folder.write("b-part.jsonl", &format!("{}{}", inside(0..10), inside(4000..5000)));
    for how in ["", "--sequential"] {
        let run = |a: &str, b: &str, rest: &str| {
            done(&folder, &format!("run p.cep --in tx={a} --in tx={b} {how} {rest}"));
        };
        run("a-part.jsonl", "b-part.jsonl", "--out alert=expected.jsonl");
        run("a.jsonl", "b.jsonl", &format!("--out alert=some.jsonl --until {until}"));
        assert_eq!(records(&folder, "some.jsonl"), records(&folder, "expected.jsonl"), "{how}");
    }
}

#[test]
fn a_file_that_grows_is_left_where_the_part_ends() {
    let folder = folder("follow");
    for part in ["--limit 6000".to_owned(), format!("--until {}", START + 4500 * 250)] {
        done(&folder, &format!("run p.cep --in tx=tx.jsonl --out alert=expected.jsonl {part}"));
        done(&folder, &format!("run p.cep --in tx=tx.jsonl --out alert=some.jsonl --follow {part}"));
        assert_eq!(folder.read("some.jsonl"), folder.read("expected.jsonl"), "{part}");
    }
}

#[test]
fn times_are_dates_too_and_are_checked() {
    let folder = folder("dates");
    let said =
        done(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --until 2023-11-14 --format json");
    assert!(said.contains("\"events\":0,") && said.contains("\"skipped\":{\"tx\":1}"), "{said}");
    let said = done(
        &folder,
        "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --since 2023-11-14 --until 2023-11-14T22:13:25Z",
    );
    assert!(said.contains("events   20 from 1 input"), "{said}");
    let (code, why) = run(&folder, "run p.cep --in tx=tx.jsonl --since 2023-11-15 --until 2023-11-14");
    assert_eq!(code, Some(2));
    let words =
        "error: --since 2023-11-15T00:00:00.000Z is not before --until 2023-11-14T00:00:00.000Z\nhelp: ";
    assert!(why.starts_with(words), "{why}");
    let (code, why) = run(&folder, "run p.cep --in tx=tx.jsonl --since yesterday");
    assert_eq!(code, Some(2));
    assert!(why.contains("write a date, such as 2026-01-05; a time, such as"), "{why}");
}

#[test]
fn a_part_under_state_goes_on_and_stays_the_same_part() {
    let folder = folder("state");
    let part = format!("--since {} --until {}", START + 300_000, START + 2_300_000);
    let whole = format!("run p.cep --in tx=tx.jsonl --out alert=whole.jsonl {part} --format json");
    let text = format!("{}nope\n{}", events(0..9000), events(9000..10_000));
    folder.write("tx.jsonl", &text);
    let expected = done(&folder, &whole);
    let command =
        "run p.cep --in tx=tx.jsonl --out alert=out.jsonl --state state --checkpoint-every 500 --format json";
    let (code, why) = run(&folder, &format!("{command} {part} --strict"));
    assert_eq!(code, Some(2), "a bad line breaks it off: {why}");
    let other =
        [String::new(), part.replace("--since", "--until").split_once(" --until").expect("two").0.to_owned()];
    for other in other {
        let (code, why) = run(&folder, &format!("{command} {other}"));
        assert_eq!(code, Some(2), "{why}");
        assert!(
            why.contains(
                "the state is of a run with --since 2023-11-14T22:18:20.000Z, and this one has no --since"
            ),
            "{why}"
        );
        assert!(why.contains("help: give the same as before"), "{why}");
    }
    let rest = done(&folder, &format!("{command} {part}"));
    assert!(rest.contains("going on from epoch"), "{rest}");
    let counted = |said: &str| {
        let json = said.lines().find(|line| line.starts_with('{')).expect("a summary").to_owned();
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        (json["events"].clone(), json["skipped"].clone(), json["bad"]["tx"]["lines"].clone())
    };
    assert_eq!(counted(&rest), counted(&expected));
    assert_eq!(folder.read("out.jsonl"), folder.read("whole.jsonl"));
    assert!(!folder.read("out.jsonl").is_empty());
}

#[test]
fn patterns_are_selected_one_by_one_or_together() {
    let folder = folder("select");
    let both = done(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --select pair --select single");
    let same = done(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --select pair,single");
    for said in [both, same] {
        assert!(said.contains("pattern  pair ") && said.contains("pattern  single "), "{said}");
    }
    let one = done(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --select pair");
    assert!(one.contains("pattern  pair ") && !one.contains("pattern  single "), "{one}");
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let folder = folder("quiet");
    assert_eq!(done(&folder, "run p.cep --in tx=tx.jsonl --out alert=a.jsonl --out big=b.jsonl --quiet"), "");
    assert!(!folder.read("a.jsonl").is_empty());
    let (code, why) = run(&folder, "run p.cep --in tx=nowhere.jsonl -q");
    assert_eq!(code, Some(2));
    assert!(why.starts_with("error: cannot read nowhere.jsonl"), "{why}");
}
