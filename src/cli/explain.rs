//! `ensue explain`: the automaton of a pattern, as text or as a picture; or the page of a code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::program::{did_you_mean, load_to_run};
use super::{CliError, Verdict, print};
use crate::diag::Code;
use crate::engine::EngineError;
use crate::lang::hir::{Pattern, Program};
use crate::matcher::{Class, Plan};
use crate::nfa;

/// Show what a pattern becomes: its automaton, and where each condition is checked; or what an error code means
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ensue explain patterns/
  ensue explain patterns/ card_testing
  ensue explain patterns/ card_testing --svg > card_testing.svg
  ensue explain patterns/ card_testing --dot | dot -Tpdf > card_testing.pdf
  ensue explain E0203")]
pub(super) struct ExplainArgs {
    /// Pattern files or directories, then the names of the patterns to show, all without a name; or codes of errors
    #[arg(required = true, value_name = "FILES [PATTERN] | CODE")]
    files: Vec<PathBuf>,

    /// Draw the automata as an SVG picture, which browsers show
    #[arg(long, conflicts_with = "dot")]
    svg: bool,

    /// Write the automata as graphs for Graphviz
    #[arg(long)]
    dot: bool,
}

pub(super) fn run(args: &ExplainArgs) -> Result<Verdict, CliError> {
    if args.files.iter().all(|argument| is_code(argument)) {
        if args.svg || args.dot {
            return Err(CliError::asked(
                "a code has no picture",
                "leave out `--svg` and `--dot`, or name files",
            ));
        }
        return explain_codes(&args.files);
    }
    let names = args.files.iter().rposition(|path| is_path(path)).map_or(0, |last| last + 1);
    let (files, names) = args.files.split_at(names);
    if files.is_empty() {
        let message = format!("{} is neither a file nor a directory", names[0].display());
        return Err(CliError::asked(message, "write `ensue explain FILES PATTERN`"));
    }
    let Some(program) = load_to_run(files)? else { return Ok(Verdict::No) };
    if program.patterns.is_empty() {
        return Err(CliError::asked("there is no pattern to explain", "name files with patterns"));
    }
    let plans = chosen(&program, names)?.into_iter().map(|pattern| {
        let automaton = nfa::build(pattern).map_err(EngineError::from)?;
        Ok(Arc::new(Plan { pattern: pattern.clone(), automaton }))
    });
    let plans = plans.collect::<Result<Vec<_>, CliError>>()?;
    print(&match (args.svg, args.dot) {
        (true, _) => as_svg(&program, &plans),
        (_, true) => plans.iter().map(|plan| nfa::dot(&program, &plan.pattern, &plan.automaton)).collect(),
        (false, false) => as_text(&program, &plans),
    })?;
    Ok(Verdict::Yes)
}

fn as_text(program: &Program, plans: &[Arc<Plan>]) -> String {
    let text = |plan: &Arc<Plan>| {
        let text = nfa::explain(program, &plan.pattern, &plan.automaton);
        format!("{}\n\n{}", text.trim_end(), executor(plan))
    };
    format!("{}\n", plans.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

fn as_svg(program: &Program, plans: &[Arc<Plan>]) -> String {
    let notes: Vec<String> = plans.iter().map(executor).collect();
    let pictures = plans.iter().zip(&notes).map(|(plan, notes)| {
        let Plan { pattern, automaton } = &**plan;
        nfa::Picture { program, pattern, automaton, notes }
    });
    nfa::svg(&pictures.collect::<Vec<_>>())
}

/// The pages of codes.
fn explain_codes(codes: &[PathBuf]) -> Result<Verdict, CliError> {
    let pages = codes.iter().map(|wanted| {
        let wanted = wanted.to_string_lossy().to_ascii_uppercase();
        let code = Code::ALL.iter().find(|code| code.number() == wanted).ok_or_else(|| {
            CliError::asked(format!("there is no code {wanted}"), "all codes are in docs/errors.md")
        })?;
        Ok(code.page().trim_end())
    });
    let pages: Vec<&str> = pages.collect::<Result<_, CliError>>()?;
    print(&format!("{}\n", pages.join("\n\n")))?;
    Ok(Verdict::Yes)
}

/// A code has a letter and four digits; a file of that name is meant as a file.
fn is_code(argument: &Path) -> bool {
    let text = argument.to_string_lossy();
    let digits = text.strip_prefix(['E', 'W', 'e', 'w']);
    digits.is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        && !argument.exists()
}

/// Which executor evaluates the pattern, what an event costs there, and why it has none that is cheaper.
fn executor(plan: &Arc<Plan>) -> String {
    let class = Class::of(plan);
    let mut text = format!("executor\n  {class}: {}", class.cost());
    class.advice(plan).iter().for_each(|advice| text.push_str(&format!("\n  {advice}")));
    // That a pattern without a tally has nothing to count goes without saying.
    let may_be = |cheaper: &Class| *cheaper != Class::Aggregate || plan.pattern.tally.is_some();
    for cheaper in Class::ALL.into_iter().take_while(|cheaper| *cheaper != class).filter(may_be) {
        if let Err(why) = cheaper.executor(plan) {
            text.push_str(&format!("\n  not {cheaper}: {why}"));
        }
    }
    text
}

/// A pattern's name is a word; whatever could be a path is one.
fn is_path(argument: &Path) -> bool {
    argument.exists() || argument.components().count() > 1 || argument.extension().is_some()
}

fn chosen<'a>(program: &'a Program, names: &[PathBuf]) -> Result<Vec<&'a Pattern>, CliError> {
    if names.is_empty() {
        return Ok(program.patterns.iter().collect());
    }
    let known = program.patterns.iter().map(|pattern| pattern.name.as_str());
    names
        .iter()
        .map(|name| {
            let name = name.to_string_lossy();
            program.pattern_named(&name).map(|id| program.pattern(id)).ok_or_else(|| {
                CliError::asked(
                    format!("there is no pattern `{name}`"),
                    did_you_mean(&name, known.clone(), "patterns"),
                )
            })
        })
        .collect()
}
