//! Makes a failing case smaller: leaves something out, keeps what still fails, until nothing more can go.

use crate::check::Case;
use crate::model::{Element, Group, Kind, Pattern, Record, Repeat, Step};

/// How often a case is run at most while it is shrunk.
const ATTEMPTS_MAX: usize = 4000;

/// The smallest case found for which `fails` holds; it holds for `case`.
pub(crate) fn shrink(case: &Case, fails: &dyn Fn(&Case) -> bool) -> Case {
    let mut best = case.clone();
    let mut attempts = 0;
    loop {
        let smaller = candidates(&best).into_iter().find(|candidate| {
            attempts += 1;
            attempts <= ATTEMPTS_MAX && fails(candidate)
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// The cases one step smaller, the biggest steps first.
fn candidates(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    for at in (0..case.program.patterns.len()).filter(|_| case.program.patterns.len() > 1) {
        let mut smaller = case.clone();
        smaller.program.patterns.remove(at);
        out.push(smaller);
    }
    let half = case.events.len() / 2;
    if half > 1 {
        out.push(Case { program: case.program.clone(), events: case.events[..half].to_vec() });
        out.push(Case { program: case.program.clone(), events: case.events[half..].to_vec() });
    }
    for at in 0..case.program.patterns.len() {
        for pattern in patterns(&case.program.patterns[at]) {
            let mut smaller = case.clone();
            smaller.program.patterns[at] = pattern;
            out.push(smaller);
        }
    }
    for at in 0..case.events.len() {
        let mut smaller = case.clone();
        smaller.events.remove(at);
        out.push(smaller);
    }
    for at in 0..2 {
        if case.program.disorder[at] > 0 {
            let mut smaller = case.clone();
            smaller.program.disorder[at] = 0;
            out.push(smaller);
        }
    }
    for at in 0..case.events.len() {
        if case.events[at].partition > 0 {
            let mut smaller = case.clone();
            smaller.events[at].partition = 0;
            out.push(smaller);
        }
    }
    for smaller in &mut out {
        let Case { program, events } = smaller;
        events.retain(|event| program.reads(event.stream));
    }
    out
}

/// The patterns one step smaller.
fn patterns(pattern: &Pattern) -> Vec<Pattern> {
    let mut out: Vec<Pattern> = Vec::new();
    for body in bodies(&pattern.body) {
        let mut smaller = Pattern { body, ..pattern.clone() };
        trim(&mut smaller);
        out.push(smaller);
    }
    let mut with = |change: &dyn Fn(&mut Pattern)| {
        let mut smaller = pattern.clone();
        change(&mut smaller);
        if smaller != *pattern {
            out.push(smaller);
        }
    };
    with(&|p| p.having = None);
    with(&|p| p.skip = None);
    with(&|p| p.limit = None);
    with(&|p| p.keep = None);
    with(&|p| p.timeout = None);
    with(&|p| p.within = None);
    with(&|p| p.keys.clear());
    for at in 0..pattern.sources.len() {
        with(&|p| p.sources[at].1 = None);
        if pattern.sources.len() > 1 {
            with(&|p| drop(p.sources.remove(at)));
        }
    }
    for at in 0..pattern.emit.entries.len() {
        if pattern.emit.entries.len() > 1 {
            with(&|p| drop(p.emit.entries.remove(at)));
        }
    }
    out
}

/// Leaves out of the records what reads a step that is gone.
fn trim(pattern: &mut Pattern) {
    let mut names = Vec::new();
    step_names(&pattern.body, &mut names);
    let keyed = !pattern.keys.is_empty();
    let trim = |record: &mut Record| {
        record.entries.retain(|(key, value)| {
            let words = value.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
            let mut steps =
                words.filter(|word| !word.is_empty()).map(|word| word.split('.').next().unwrap_or(word));
            (key == "k" && keyed)
                || steps.all(|word| {
                    matches!(word, "count" | "first" | "last" | "sum" | "min" | "max" | "avg" | "n" | "")
                        || word.starts_with(|c: char| c.is_ascii_digit())
                        || names.iter().any(|name| name == word)
                })
        });
        if record.entries.is_empty() {
            record.entries.push(("one".to_owned(), "1".to_owned()));
        }
    };
    trim(&mut pattern.emit);
    if let Some(record) = &mut pattern.timeout {
        trim(record);
    }
}

fn step_names(body: &[Element], out: &mut Vec<String>) {
    for element in body {
        match &element.kind {
            Kind::Step(step) => out.push(step.name.clone()),
            Kind::Group(group) => step_names(&group.body, out),
            Kind::Choice(choice) => out.extend(choice.branches.iter().map(|branch| branch.name.clone())),
            Kind::Absence(_) => {}
        }
    }
}

/// The bodies one step smaller.
fn bodies(body: &[Element]) -> Vec<Vec<Element>> {
    let mut out = Vec::new();
    for at in 0..body.len() {
        if body.len() > 1 {
            let mut smaller = body.to_vec();
            smaller.remove(at);
            out.push(smaller);
        }
        if let Kind::Group(group) = &body[at].kind {
            let mut inner = group.body.clone();
            inner[0].word = body[at].word;
            let mut smaller = body.to_vec();
            smaller.splice(at..=at, inner);
            out.push(smaller);
        }
        for kind in kinds(&body[at].kind) {
            let mut smaller = body.to_vec();
            smaller[at].kind = kind;
            out.push(smaller);
        }
        if body[at].word != "then" {
            let mut smaller = body.to_vec();
            smaller[at].word = "then";
            out.push(smaller);
        }
    }
    out
}

fn kinds(kind: &Kind) -> Vec<Kind> {
    match kind {
        Kind::Step(step) => steps(step).into_iter().map(Kind::Step).collect(),
        Kind::Absence(absence) => without_one(&absence.conditions)
            .into_iter()
            .map(|conditions| {
                let mut smaller = absence.clone();
                smaller.conditions = conditions;
                Kind::Absence(smaller)
            })
            .collect(),
        Kind::Group(group) => groups(group).into_iter().map(Kind::Group).collect(),
        Kind::Choice(choice) => {
            let mut out: Vec<Kind> = choice.branches.iter().cloned().map(Kind::Step).collect();
            for at in 0..choice.branches.len() {
                if choice.branches.len() > 2 {
                    let mut smaller = choice.clone();
                    smaller.branches.remove(at);
                    out.push(Kind::Choice(smaller));
                }
                for branch in steps(&choice.branches[at]) {
                    let mut smaller = choice.clone();
                    smaller.branches[at] = branch;
                    out.push(Kind::Choice(smaller));
                }
            }
            let mut smaller = choice.clone();
            (smaller.gap, smaller.contiguity) = (None, "");
            if smaller != *choice {
                out.push(Kind::Choice(smaller));
            }
            out
        }
    }
}

fn steps(step: &Step) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for conditions in without_one(&step.conditions) {
        out.push(Step { conditions, ..step.clone() });
    }
    let once = Step { repeat: Repeat::ONCE, contiguity: "", greed: "", until: None, ..step.clone() };
    let plain = Step { contiguity: "", ..step.clone() };
    let even = Step { greed: "", ..step.clone() };
    let endless = Step { until: None, ..step.clone() };
    let free = Step { gap: None, ..step.clone() };
    let any = Step { stream: None, ..step.clone() };
    out.extend([once, plain, even, endless, free, any].into_iter().filter(|smaller| smaller != step));
    out
}

fn groups(group: &Group) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    let once = Group { repeat: Repeat::ONCE, contiguity: "", until: None, ..group.clone() };
    let plain = Group { contiguity: "", ..group.clone() };
    let endless = Group { until: None, ..group.clone() };
    let free = Group { gap: None, ..group.clone() };
    let wide = Group { within: None, ..group.clone() };
    out.extend([once, plain, endless, free, wide].into_iter().filter(|smaller| smaller != group));
    out.extend(bodies(&group.body).into_iter().map(|body| Group { body, ..group.clone() }));
    out
}

fn without_one(conditions: &[String]) -> Vec<Vec<String>> {
    (0..conditions.len())
        .map(|at| {
            let mut fewer = conditions.to_vec();
            fewer.remove(at);
            fewer
        })
        .collect()
}
