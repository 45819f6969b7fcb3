//! The input of the workloads: card transactions like those that they are measured on, out of order and with bad lines.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::random::Random;

const EVENTS: usize = 40_000;
const CARDS: usize = 400;
const COUNTRIES: [&str; 10] = ["US", "FR", "DE", "GB", "BR", "IN", "JP", "CN", "NG", "MX"];

/// How late an event arrives, in milliseconds; the stream allows a little less, so some are late.
const DELAY_MAX: usize = 10_000;

/// What the stream of the workloads says of it.
pub(crate) const DISORDER: &str = "event time ts, disorder 9s";

/// Writes the input.
pub(crate) fn write(path: &Path, seed: u64) {
    let mut random = Random::of_case(seed, 1 << 40);
    let mut ts: usize = 1_700_000_000_000;
    let mut lines: Vec<(usize, String)> = (0..EVENTS)
        .map(|_| {
            // About an event a minute of each card.
            ts += random.below(2 * 60_000 / CARDS);
            (ts + random.below(DELAY_MAX), line(&mut random, ts))
        })
        .collect();
    lines.sort();
    let mut text = String::new();
    for (at, (_, line)) in lines.iter().enumerate() {
        let kept = if at % 997 == 500 { line.len() / 2 } else { line.len() };
        writeln!(text, "{}", &line[..kept]).expect("text can be written to");
    }
    fs::write(path, text).expect("a file");
}

fn line(random: &mut Random, ts: usize) -> String {
    let card = random.below(CARDS);
    let cents = match random.below(100) {
        0..10 => random.between(10, 499),
        10..95 => random.between(500, 49_900),
        _ => random.between(50_000, 500_000),
    };
    let country = if random.percent(95) { COUNTRIES[card % 10] } else { *random.pick(&COUNTRIES) };
    let kind = random.weighted(&[("purchase", 85), ("withdrawal", 8), ("login", 4), ("pin_change", 3)]);
    format!(
        "{{\"card\":\"c{card:06}\",\"ts\":{ts},\"amount\":{}.{:02},\"country\":\"{country}\",\"kind\":\"{kind}\"}}",
        cents / 100,
        cents % 100
    )
}
