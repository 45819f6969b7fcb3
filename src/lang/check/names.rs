//! Words for messages: "did you mean", lists of names, ordinals.

/// The name most like `name`, if one is like enough to be meant.
pub(super) fn nearest<'n>(name: &str, among: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let allowed = (name.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in among {
        let distance = strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Help for an unknown name: the one that is meant, else all there are.
pub(super) fn suggestion<'n>(name: &str, kind: &str, among: impl IntoIterator<Item = &'n str>) -> String {
    let mut among: Vec<&str> = among.into_iter().collect();
    among.dedup();
    match nearest(name, among.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if among.is_empty() => format!("there are no {kind} here"),
        None => format!("{kind}: {}", quoted(among)),
    }
}

/// `` `a`, `b` ``, cut after a dozen.
pub(super) fn quoted<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=12 => names.join(", "),
        more => format!("{} and {} more", names[..12].join(", "), more - 12),
    }
}

/// `first`, `second`, …, `23rd`.
pub(super) fn ordinal(number: i64) -> String {
    const WORDS: [&str; 10] =
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    match (number, number % 100, number % 10) {
        (1..=10, ..) => WORDS[number as usize - 1].to_owned(),
        (_, 11..=13, _) => format!("{number}th"),
        (_, _, 1) => format!("{number}st"),
        (_, _, 2) => format!("{number}nd"),
        (_, _, 3) => format!("{number}rd"),
        _ => format!("{number}th"),
    }
}
