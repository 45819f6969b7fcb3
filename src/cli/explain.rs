//! `ensue explain`: the automaton of a pattern, as text or as a picture; or the page of a code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::program::{did_you_mean, find_files, load_to_run};
use super::{CliError, Verdict, page, print, style};
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
  ensue explain E0203
  ensue explain 203")]
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
        return Err(without_files(&names[0].to_string_lossy()));
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
        (false, false) => {
            let text = as_text(&program, &plans);
            // Whoever reads a pipe by lines gets whole ones.
            style::stdout_columns().map_or(text.clone(), |columns| page::hanging(&text, columns))
        }
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
    let (columns, has_colour) = (style::stdout_columns().unwrap_or(80), style::stdout_has_colour());
    let pages = codes.iter().map(|wanted| {
        let wanted = wanted.to_string_lossy();
        let numbers = code_numbers(&wanted);
        let code = Code::ALL.iter().find(|code| numbers.iter().any(|number| number == code.number()));
        let code = code.ok_or_else(|| unknown_code(&wanted, &numbers))?;
        Ok(page::shown(code.page(), columns, has_colour))
    });
    let pages: Vec<String> = pages.collect::<Result<_, CliError>>()?;
    print(&format!("{}\n", pages.join("\n\n")))?;
    Ok(Verdict::Yes)
}

/// A code has a letter and four digits, some of which may be left out; a file of that name is meant as a file.
fn is_code(argument: &Path) -> bool {
    !code_numbers(&argument.to_string_lossy()).is_empty() && !argument.exists()
}

/// The codes that somebody may mean: `E0104` by `e104`, that and `W0104` by `104`.
fn code_numbers(wanted: &str) -> Vec<String> {
    let wanted = wanted.trim().trim_matches(['[', ']', '`', ':']);
    let digits = wanted.trim_start_matches(['E', 'W', 'e', 'w']);
    let letters = &wanted[..wanted.len() - digits.len()];
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    match letters.to_ascii_uppercase().as_str() {
        _ if !is_number => Vec::new(),
        letter @ ("E" | "W") => vec![format!("{letter}{digits:0>4}")],
        "" => vec![format!("E{digits:0>4}"), format!("W{digits:0>4}")],
        _ => Vec::new(),
    }
}

fn unknown_code(wanted: &str, numbers: &[String]) -> CliError {
    let first = numbers.first().map_or(wanted, String::as_str);
    let near = Code::ALL.iter().filter(|code| code.number()[..3] == first[..3]);
    let near: Vec<&str> = near.map(|code| code.number()).collect();
    let help = match near.as_slice() {
        [] => "codes look like E0104 and W0001; all are in docs/errors.md".to_owned(),
        near => format!("codes near it: {}", near.join(", ")),
    };
    CliError::asked(format!("there is no code {first}"), help)
}

/// Where people keep patterns, as seen from where they are.
const HERE: [&str; 4] = [".", "patterns", "rules", "src"];

/// What is said of something that is neither a code nor a file. If it is a pattern of a file nearby, that is told.
fn without_files(name: &str) -> CliError {
    let message = format!("{name} is neither a file nor a directory");
    for folder in HERE {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "cep"));
        paths.sort();
        let declares = |path: &&PathBuf| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            text.lines().any(|line| {
                let mut words = line.split([' ', '{']).filter(|word| !word.is_empty());
                words.next() == Some("pattern") && words.next() == Some(name)
            })
        };
        if let Some(path) = paths.iter().find(declares) {
            let path = path.strip_prefix(".").unwrap_or(path).display();
            return CliError::asked(
                message,
                format!("a pattern is named behind its file: ensue explain {path} {name}"),
            );
        }
    }
    let here = find_files(&[PathBuf::from("patterns")]).is_ok();
    let place = if here { "patterns/" } else { "FILE" };
    CliError::Asked {
        message,
        help: vec![
            format!("to see a pattern name its file first: ensue explain {place} {name}"),
            "to read of an error write its code: ensue explain E0104".to_owned(),
        ],
    }
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
