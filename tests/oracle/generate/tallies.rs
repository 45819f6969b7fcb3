//! Tallies: what the matches of one event come to.

use super::DERIVED_FIELDS;
use crate::conditions::{self, Visible};
use crate::model::{Kind, Pattern, Record};
use crate::random::Random;

/// Makes a pattern tally its matches.
pub(super) fn tally(random: &mut Random, pattern: &mut Pattern, visible: &[Visible]) {
    (pattern.skip, pattern.limit, pattern.timeout) = (None, None, None);
    pattern.tally = true;
    pattern.having = random.percent(15).then(|| having(random, pattern, visible));
    let last = completing(pattern, visible);
    pattern.emit = record(random, pattern, visible, last);
}

/// The step whose event completes every match.
fn completing<'v>(pattern: &Pattern, visible: &'v [Visible]) -> Option<&'v Visible> {
    let Kind::Step(step) = &pattern.body.last()?.kind else { return None };
    visible.iter().find(|known| known.name == step.name && !known.optional)
}

fn record(random: &mut Random, pattern: &Pattern, visible: &[Visible], last: Option<&Visible>) -> Record {
    let mut entries = vec![("score".to_owned(), "count()".to_owned())];
    for at in 0..random.between(0, 4) {
        entries.push((format!("x{at}"), aggregate(random, pattern, visible)));
    }
    let number = |step: &Visible| if step.fields == DERIVED_FIELDS { "last_n" } else { "n" };
    let last_n = match last {
        Some(step) if step.looped => format!("last({}).{}", step.name, number(step)),
        Some(step) => format!("{}.{}", step.name, number(step)),
        None => visible.first().map_or("1".to_owned(), |step| format!("max({}.{})", step.name, number(step))),
    };
    entries.push(("last_n".to_owned(), last_n));
    if random.percent(20) {
        entries.push(("share".to_owned(), format!("{} / count()", aggregate(random, pattern, visible))));
    }
    if !pattern.keys.is_empty() {
        entries.push(("k".to_owned(), "k".to_owned()));
    }
    Record { stream: pattern.emit.stream.clone(), entries }
}

fn aggregate(random: &mut Random, pattern: &Pattern, visible: &[Visible]) -> String {
    let step = random.pick(visible);
    let function = random.weighted(&[("sum", 4), ("min", 2), ("max", 2), ("avg", 2)]);
    let field = match step.fields {
        fields if fields == DERIVED_FIELDS => *random.pick(&["score", "last_n"]),
        // A field of floats that only the first stream has.
        _ if matches!(pattern.sources.as_slice(), [(stream, _)] if stream == "s") && random.percent(15) => {
            "x"
        }
        _ => *random.pick(&["v", "v", "d", "d", "n"]),
    };
    format!("{function}({}.{field})", step.name)
}

fn having(random: &mut Random, pattern: &Pattern, visible: &[Visible]) -> String {
    let compare = conditions::compare(random);
    match random.below(3) {
        0 => format!("{} {compare} {}", aggregate(random, pattern, visible), random.between(0, 12)),
        _ => format!("count() {compare} {}", random.between(1, 4)),
    }
}
