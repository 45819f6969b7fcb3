//! Compares and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use crate::case::{Case, Found};
use crate::runner::{self, Answers, Outcome};
use crate::translate::{self, Translated};

/// How many of a thousand untagged cases must agree.
const AGREE_PER_MILLE: usize = 985;

#[derive(Default)]
pub(crate) struct Options {
    /// Only counts.
    pub(crate) quiet: bool,
    /// The text of every case.
    pub(crate) print: bool,
    /// Only this case, whole.
    pub(crate) show: Option<String>,
}

pub(crate) struct Report {
    options: Options,
    cases: usize,
    agree: usize,
    differ: usize,
    tagged: usize,
    tagged_agree: usize,
    /// Cases skipped, by reason.
    skipped: BTreeMap<String, usize>,
    /// Tagged cases that differ, by their first tag.
    tagged_differ: BTreeMap<String, usize>,
    /// Cases that agree but for matches that FlinkCEP, to which no input ends, holds back for ever.
    held_back: usize,
    /// Names of the untagged cases that differ.
    differing: Vec<String>,
    /// Names of the cases where the engine is not the oracle.
    engine_differs: Vec<String>,
}

impl Report {
    pub(crate) fn new(options: Options) -> Report {
        Report {
            options,
            cases: 0,
            agree: 0,
            differ: 0,
            tagged: 0,
            tagged_agree: 0,
            skipped: BTreeMap::new(),
            tagged_differ: BTreeMap::new(),
            held_back: 0,
            differing: Vec::new(),
            engine_differs: Vec::new(),
        }
    }

    /// Runs one case.
    pub(crate) fn case(&mut self, case: &Case) {
        if self.options.show.as_ref().is_some_and(|name| *name != case.name) {
            return;
        }
        self.cases += 1;
        if case.artefacts.iter().any(|tag| tag == "loop-window") {
            return self.skip(case, None, "no such construct: a window of part of a loop".to_owned());
        }
        if translate::has_twins(&case.pattern.steps, &mut BTreeSet::new()) {
            return self.skip(case, None, "one name for two stages".to_owned());
        }
        let translated = match translate::translate(case) {
            Ok(translated) => translated,
            Err(reason) => return self.skip(case, None, reason.to_owned()),
        };
        if self.options.print {
            println!("// {}\n{}", case.name, translated.text);
        }
        match runner::run(case, &translated) {
            Ok(answers) => self.compare(case, &translated, &answers),
            Err((code, message)) => {
                if self.options.show.is_some() {
                    println!("refused: {message}");
                }
                self.skip(case, Some(&translated), format!("{code}: {}", code.title()));
            }
        }
    }

    fn skip(&mut self, case: &Case, translated: Option<&Translated>, reason: String) {
        if self.options.show.is_some() {
            show(case, translated);
            println!("skipped: {reason}");
        }
        *self.skipped.entry(reason).or_default() += 1;
    }

    fn compare(&mut self, case: &Case, translated: &Translated, answers: &Answers) {
        let timeouts = case.flink.timeouts.iter().map(|timeout| &timeout.m);
        let flink = Outcome {
            matches: normal(&case.flink.matches),
            timeouts: normal(timeouts),
            at_end: BTreeSet::new(),
        };
        let fails = case.flink.error.is_some() || case.flink.runtime_error.is_some() || case.flink.hang;
        let tagged = !case.artefacts.is_empty() || fails;
        let mut same = !fails && says_the_same(&flink, &answers.oracle);
        if !same && !fails && !case.flink.buffer_empty && says_the_same(&flink, &before_end(&answers.oracle))
        {
            same = true;
            self.held_back += 1;
        }
        match (tagged, same) {
            (false, true) => self.agree += 1,
            (false, false) => {
                self.differ += 1;
                self.differing.push(case.name.clone());
            }
            (true, _) => {
                self.tagged += 1;
                self.tagged_agree += usize::from(same);
            }
        }
        if tagged && !same {
            let tag = case.artefacts.first().cloned().unwrap_or_else(|| "throws".to_owned());
            *self.tagged_differ.entry(tag).or_default() += 1;
        }
        let engine_same = answers.engine == answers.oracle;
        if !engine_same {
            self.engine_differs.push(case.name.clone());
        }
        let worth_telling = !engine_same || (!same && !self.options.quiet);
        if worth_telling || self.options.show.is_some() {
            show(case, Some(translated));
            show_outcome("flink ", &flink);
            show_outcome("oracle", &answers.oracle);
            if !engine_same {
                show_outcome("engine", &answers.engine);
            }
            println!();
        }
    }

    /// Prints the counts and decides.
    pub(crate) fn finish(self) -> ExitCode {
        let untagged = self.agree + self.differ;
        for (reason, count) in &self.skipped {
            println!("skipped {count:6}  {reason}");
        }
        for (tag, count) in &self.tagged_differ {
            println!("differ  {count:6}  {tag}");
        }
        println!("agree   {:6}  but for matches that only the end of the input releases", self.held_back);
        if !self.differing.is_empty() {
            println!("untagged that differ: {}", self.differing.join(" "));
        }
        if !self.engine_differs.is_empty() {
            println!("the engine is not the oracle: {}", self.engine_differs.join(" "));
        }
        println!(
            "conformance: cases={} skipped={} untagged={untagged} agree={} differ={} tagged={} tagged_agree={}",
            self.cases,
            self.skipped.values().sum::<usize>(),
            self.agree,
            self.differ,
            self.tagged,
            self.tagged_agree,
        );
        let enough = self.agree * 1000 >= untagged * AGREE_PER_MILLE;
        if enough && self.engine_differs.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn says_the_same(left: &Outcome, right: &Outcome) -> bool {
    left.matches == right.matches && left.timeouts == right.timeouts
}

/// Without the matches that only the end of the input made certain. For FlinkCEP there is no such moment: event time
/// goes on to its end, but a run without a window lives on, and a match behind it is never seen.
fn before_end(outcome: &Outcome) -> Outcome {
    let matches = outcome.matches.difference(&outcome.at_end).cloned().collect();
    Outcome { matches, timeouts: outcome.timeouts.clone(), at_end: BTreeSet::new() }
}

/// As a set, with stages that hold nothing left out.
fn normal<'a>(found: impl IntoIterator<Item = &'a Found>) -> BTreeSet<Found> {
    let normal = |one: &Found| -> Found {
        let stages = one.iter().filter(|(_, events)| !events.is_empty());
        stages
            .map(|(stage, events)| {
                let mut events = events.clone();
                events.sort_unstable();
                (stage.clone(), events)
            })
            .collect()
    };
    found.into_iter().map(normal).collect()
}

fn show(case: &Case, translated: Option<&Translated>) {
    println!("// {}  {}", case.name, case.artefacts.join(" "));
    if let Some(translated) = translated {
        print!("{}", translated.text);
    }
    for (at, event) in case.events.iter().enumerate() {
        println!("{at:3} {}", serde_json::to_string(event).expect("an event"));
    }
    for error in case.flink.error.iter().chain(&case.flink.runtime_error) {
        println!("flink  {error}");
    }
}

fn show_outcome(who: &str, outcome: &Outcome) {
    let list = |found: &BTreeSet<Found>| {
        found.iter().map(|one| serde_json::to_string(one).expect("a match")).collect::<Vec<_>>().join(" ")
    };
    println!("{who} matches  {}", list(&outcome.matches));
    if !outcome.timeouts.is_empty() {
        println!("{who} timeouts {}", list(&outcome.timeouts));
    }
}
