//! What is generated is what was asked for, again and again.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::*;

fn args(events: u64) -> GenArgs {
    GenArgs {
        events,
        cards: 2_000,
        seed: 11,
        disorder: Duration::from_secs(5),
        fraud: vec![FraudKind::CardTesting, FraudKind::ImpossibleTravel, FraudKind::UnconfirmedPinChange],
        rate: 5.0,
        out: None,
        labels: None,
    }
}

fn generate(args: &GenArgs) -> (String, GenSummary) {
    let mut out = Vec::new();
    let summary = run(args, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), summary)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_bytes_depend_on_the_options_alone() {
    assert_eq!(generate(&args(3_000)), generate(&args(3_000)));
    assert_ne!(generate(&args(3_000)).0, generate(&GenArgs { seed: 12, ..args(3_000) }).0);
    // A change here changes every generated file of every user: think twice.
    let (first, _) = generate(&args(1));
    assert_eq!(
        first,
        "{\"card\":\"c001009\",\"at\":\"2026-01-05T00:00:04.553Z\",\"kind\":\"purchase\",\"amount\":37.72,\
         \"country\":\"JP\",\"merchant\":\"restaurant-0163\",\"category\":\"restaurant\",\"present\":true}\n"
    );
    let (text, _) = generate(&args(3_000));
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    assert_eq!(format!("{hash:016x}"), "65058e24345635e8");
}

#[test]
fn there_are_exactly_as_many_events_as_asked_for() {
    for events in [0, 1, 2, 17, 5_000] {
        let (text, summary) = generate(&args(events));
        assert_eq!(text.lines().count() as u64, events);
        assert_eq!(summary.events, events);
    }
}

#[test]
fn the_disorder_changes_the_order_and_nothing_else() {
    let sorted = generate(&GenArgs { disorder: Duration::ZERO, ..args(5_000) }).0;
    let shuffled = generate(&GenArgs { disorder: Duration::from_secs(60), ..args(5_000) }).0;
    assert_ne!(sorted, shuffled);
    let times: Vec<String> = lines(&sorted).iter().map(|event| event["at"].to_string()).collect();
    assert!(times.is_sorted());
    let (mut left, mut right): (Vec<_>, Vec<_>) = (sorted.lines().collect(), shuffled.lines().collect());
    left.sort_unstable();
    right.sort_unstable();
    assert_eq!(left, right);
}

#[test]
fn a_day_has_nights_and_every_kind_of_event() {
    let (text, _) = generate(&GenArgs { rate: 0.0, ..args(20_000) });
    let mut kinds: HashMap<String, usize> = HashMap::new();
    let mut by_hour = [0; 24];
    for event in lines(&text) {
        *kinds.entry(event["kind"].as_str().unwrap().to_owned()).or_default() += 1;
        if event["country"] == "GB" {
            by_hour[event["at"].as_str().unwrap()[11..13].parse::<usize>().unwrap()] += 1;
        }
        let has_amount = !matches!(event["kind"].as_str(), Some("login" | "pin_change"));
        assert_eq!(event.get("amount").is_some(), has_amount, "{event}");
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(kinds["purchase"] > 14_000, "{kinds:?}");
    assert!(by_hour[3] * 5 < by_hour[18], "{by_hour:?}");
}

#[test]
fn rows_say_what_lines_say() {
    let path = std::env::temp_dir().join(format!("ensue-gen-{}.csv", std::process::id()));
    let (text, _) = generate(&args(3_000));
    let (nothing, _) = generate(&GenArgs { out: Some(path.clone()), ..args(3_000) });
    let rows = std::fs::read_to_string(&path).expect("it was written");
    std::fs::remove_file(&path).expect("it is there");
    assert_eq!(nothing, "");
    let (header, rows) = rows.split_once('\n').expect("a first line");
    let columns: Vec<&str> = header.split(',').collect();
    assert_eq!(rows.lines().count(), 3_000);
    for (row, event) in rows.lines().zip(lines(&text)) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), columns.len(), "{row}");
        for (column, cell) in columns.iter().zip(cells) {
            let value = match event.get(*column) {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => format!("{:.2}", number.as_f64().expect("a number")),
                Some(value) => value.to_string(),
            };
            assert_eq!(cell, value, "{column} of {event}");
        }
    }
}

#[test]
fn every_episode_is_whole_and_alone_on_its_card() {
    let folder = std::env::temp_dir().join(format!("ensue-gen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("labels.jsonl");
    let (text, summary) = generate(&GenArgs { labels: Some(path.clone()), ..args(20_000) });
    let labels = lines(&std::fs::read_to_string(&path).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();

    assert_eq!(labels.len() as u64, summary.frauds + summary.near_misses);
    assert!(summary.near_misses > 10 && summary.frauds > summary.near_misses, "{summary:?}");
    let mut times_of_card: HashMap<String, Vec<String>> = HashMap::new();
    for event in lines(&text) {
        let card = event["card"].as_str().unwrap().to_owned();
        times_of_card.entry(card).or_default().push(event["at"].as_str().unwrap().to_owned());
    }
    let mut kinds = HashSet::new();
    for label in &labels {
        kinds.insert((label["kind"].to_string(), label["near_miss"].as_bool()));
        let (first, last) = (label["first_at"].as_str().unwrap(), label["last_at"].as_str().unwrap());
        let times = &times_of_card[label["card"].as_str().unwrap()];
        let inside = times.iter().filter(|time| (first..=last).contains(&time.as_str())).count();
        assert!((2..=EPISODE_EVENTS).contains(&inside), "{label}: {inside} events");
        assert!(times.iter().any(|time| time == first) && times.iter().any(|time| time == last), "{label}");
    }
    assert_eq!(kinds.len(), 6, "each kind has frauds and near misses: {kinds:?}");
}

const EPISODE_EVENTS: usize = episode::EPISODE_EVENTS_MAX;
