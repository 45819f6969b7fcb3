//! Random conditions. Selective ones about the candidate alone, and ones that read what is held.

use crate::random::Random;

/// A step that a condition may read.
#[derive(Clone, Debug)]
pub(crate) struct Visible {
    pub(crate) name: String,
    /// Whether it loops itself.
    pub(crate) looped: bool,
    /// Whether a match may lack it.
    pub(crate) optional: bool,
    /// The looped groups around it, outermost first.
    pub(crate) groups: Vec<usize>,
    /// Whether its events are of a derived stream too, with fewer fields.
    pub(crate) fields: &'static [&'static str],
}

impl Visible {
    /// Whether a match may hold several of its events.
    pub(crate) fn many(&self) -> bool {
        self.looped || !self.groups.is_empty()
    }

    /// Whether `name.field` means one event where `groups` are around.
    pub(crate) fn is_single_in(&self, groups: &[usize]) -> bool {
        !self.looped && groups.starts_with(&self.groups)
    }
}

/// Where a condition stands.
pub(crate) struct Site<'a> {
    /// The step itself, where it may hold events already.
    pub(crate) own: Option<&'a Visible>,
    /// Steps before it.
    pub(crate) before: &'a [Visible],
    /// The looped groups around it, outermost first.
    pub(crate) groups: &'a [usize],
    /// The fields of its candidates.
    pub(crate) fields: &'static [&'static str],
}

/// Fields of any event of the source streams; number-like ones first.
pub(crate) const SOURCE_FIELDS: &[&str] = &["v", "d", "kind"];

/// Fields of the records that other patterns may read.
pub(crate) const DERIVED_FIELDS: &[&str] = &["score", "last_n"];

const KINDS: [&str; 4] = ["a", "b", "c", "e"];

/// The conjuncts of a step's condition.
pub(crate) fn conjuncts(random: &mut Random, site: &Site<'_>) -> Vec<String> {
    let mut conjuncts = Vec::new();
    if random.percent(78) {
        conjuncts.push(local(random, site.fields));
    }
    let about_kind = conjuncts.iter().any(|text| text.contains("kind"));
    if random.percent(8) {
        let second = local(random, site.fields);
        // Two kinds at once are hardly ever had.
        if !about_kind || !second.contains("kind") {
            conjuncts.push(second);
        }
    }
    if random.percent(27) {
        conjuncts.extend(held(random, site));
    }
    conjuncts
}

/// A condition on the candidate alone.
pub(crate) fn local(random: &mut Random, fields: &'static [&'static str]) -> String {
    if fields.contains(&"kind") && random.percent(60) {
        return match random.below(10) {
            0 => format!("kind in (\"{}\", \"{}\")", random.pick(&KINDS), random.pick(&KINDS)),
            1 => format!("kind != \"{}\"", random.pick(&KINDS)),
            2 => format!("kind like \"{}%\"", random.pick(&KINDS)),
            3 => format!("kind matches \"[{}{}]\"", random.pick(&KINDS), random.pick(&KINDS)),
            _ => format!("kind == \"{}\"", random.pick(&KINDS)),
        };
    }
    let number = number_field(random, fields);
    let constant = random.between(0, 8);
    match random.below(12) {
        0 => format!("{number} is not null"),
        1 => format!("{number} between {constant} and {}", constant + 3),
        2 => format!("not ({number} > {constant})"),
        3 => format!("({number} > {constant} or {number} == {})", random.between(0, 8)),
        4 => format!("{number} ?? {} < {constant}", random.between(0, 8)),
        5 if number != "d" => format!("{number} % 2 == {}", random.below(2)),
        6 => format!("(if {number} > {constant} then {number} < 7 else {number} == 1)"),
        7 => format!("{number} in ({constant}, {}, {})", random.between(0, 8), random.between(0, 8)),
        8 => format!("({} or {})", local(random, fields), local(random, fields)),
        _ => format!("{number} {} {constant}", compare(random)),
    }
}

/// A condition that reads what the run holds, where there is something to read.
pub(crate) fn held(random: &mut Random, site: &Site<'_>) -> Option<String> {
    if let Some(own) = site.own.filter(|own| own.many())
        && (site.before.is_empty() || random.percent(55))
    {
        return Some(of_own_loop(random, own, site));
    }
    if site.before.is_empty() {
        return None;
    }
    let step = random.pick(site.before);
    let number = number_field(random, site.fields);
    let name = &step.name;
    if step.optional && !step.many() && random.percent(25) {
        return Some(format!("{name} is {}null", if random.percent(50) { "not " } else { "" }));
    }
    if random.percent(10) {
        return Some(format!("count({name}) {} {}", compare(random), random.between(0, 3)));
    }
    let theirs = number_field(random, step.fields);
    if step.is_single_in(site.groups) && (!step.many() || random.percent(60)) {
        return Some(match random.below(6) {
            0 => format!("{number} {} {name}.{theirs} + {}", compare(random), random.between(-2, 3)),
            1 if site.fields.contains(&"kind") && step.fields.contains(&"kind") => {
                format!("kind != {name}.kind")
            }
            2 if step.optional => format!("{number} {} ({name}.{theirs} ?? 3)", compare(random)),
            _ => format!("{number} {} {name}.{theirs}", compare(random)),
        });
    }
    if step.many() { Some(of_loop(random, step, number, theirs)) } else { None }
}

/// A comparison with the events of a loop before.
fn of_loop(random: &mut Random, step: &Visible, number: &str, theirs: &str) -> String {
    let name = &step.name;
    let compare = compare(random);
    match random.below(10) {
        0 => format!("{number} {compare} first({name}).{theirs}"),
        1 | 2 => format!("{number} {compare} last({name}).{theirs}"),
        3 => format!("{number} {compare} {}({name}.{theirs})", random.pick(&["avg", "min", "max"])),
        4 => format!("{number} {compare} sum({name}.{theirs})"),
        5 => format!("count({name}) {compare} {}", random.between(1, 3)),
        6 => format!("{number} {} {name}.{theirs}", random.pick(&["in", "not in"])),
        7 => format!("{number} {compare} {name}[{}].{theirs}", random.between(-1, 1)),
        8 => format!("distinct({name}.{theirs}) {compare} {}", random.between(1, 2)),
        _ => format!("{number} {compare} {name}[0].{theirs}"),
    }
}

/// A comparison with the events that the loop itself has taken.
fn of_own_loop(random: &mut Random, own: &Visible, site: &Site<'_>) -> String {
    let number = number_field(random, site.fields);
    let name = &own.name;
    let compare = compare(random);
    match random.below(10) {
        0 | 1 if own.looped => format!("{number} {compare} prev({number})"),
        2 => format!("count({name}) < {}", random.between(1, 3)),
        3 => format!("sum({name}.{number}) + {number} < {}", random.between(6, 20)),
        4 => format!("{number} not in {name}.{number}"),
        5 => format!("{number} {compare} first({name}).{number}"),
        6 => format!("{number} {compare} {}({name}.{number})", random.pick(&["avg", "min", "max"])),
        7 => format!("(count({name}) == 0 or {number} {compare} {name}[0].{number})"),
        _ => format!("{number} {compare} last({name}).{number}"),
    }
}

/// A condition on a whole match.
pub(crate) fn having(random: &mut Random, steps: &[Visible]) -> Option<String> {
    let step = random.pick(steps);
    let name = &step.name;
    let theirs = number_field(random, step.fields);
    let compare = compare(random);
    let constant = random.between(1, 9);
    Some(match random.below(4) {
        0 => format!("count({name}) >= {}", random.between(1, 3)),
        _ if !step.many() => format!("{name}.{theirs} {compare} {constant}"),
        1 => format!("sum({name}.{theirs}) > {constant}"),
        2 => format!("distinct({name}.{theirs}) >= {}", random.between(1, 3)),
        _ => format!("last({name}).{theirs} {compare} {constant}"),
    })
}

fn number_field(random: &mut Random, fields: &'static [&'static str]) -> &'static str {
    if random.percent(70) { fields[0] } else { fields[1] }
}

/// An operator.
pub(crate) fn compare(random: &mut Random) -> &'static str {
    random.weighted(&[("<", 3), ("<=", 2), (">", 3), (">=", 2), ("==", 1), ("!=", 2)])
}
