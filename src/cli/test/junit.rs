//! The outcome of tests as JUnit XML, which CI systems read.
//!
//! A file of patterns is a suite, a pattern a class, a test a case. There are no times in it: the same tests give the same
//! bytes.

use std::fmt::Write as _;

use crate::shown::escaped;

/// A test that ran.
pub(super) struct Case<'a> {
    pub(super) pattern: &'a str,
    pub(super) title: &'a str,
    /// `path:line`.
    pub(super) place: &'a str,
    pub(super) fault: Option<Fault>,
}

/// Why a test did not pass.
pub(super) enum Fault {
    /// Not what was expected: in a line, and whole.
    Failure(String, String),
    /// It could not be run.
    Error(String),
}

/// The report of some tests.
pub(super) fn report(cases: &[Case<'_>]) -> String {
    let mut files: Vec<&str> = Vec::new();
    for case in cases {
        if !files.contains(&case.file()) {
            files.push(case.file());
        }
    }
    let suites = files.iter().map(|file| {
        let cases: Vec<&Case<'_>> = cases.iter().filter(|case| case.file() == *file).collect();
        suite(file, &cases)
    });
    let suites: String = suites.collect();
    let counts = counts(&cases.iter().collect::<Vec<_>>());
    format!("{HEAD}<testsuites name=\"ensue\" {counts}>\n{suites}</testsuites>\n")
}

/// The report where the patterns have mistakes, so that no test ran: who reads the file must not find an older one.
pub(super) fn refused(diagnostics: &str) -> String {
    let text = escaped(diagnostics);
    format!(
        "{HEAD}<testsuites name=\"ensue\" tests=\"1\" failures=\"0\" errors=\"1\">\n  \
         <testsuite name=\"ensue\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n    \
         <testcase classname=\"ensue\" name=\"the patterns can be tested\">\n      \
         <error message=\"the patterns have mistakes\">{text}</error>\n    \
         </testcase>\n  </testsuite>\n</testsuites>\n"
    )
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

impl<'a> Case<'a> {
    fn file(&self) -> &'a str {
        self.place.rsplit_once(':').map_or(self.place, |(file, _)| file)
    }

    fn line(&self) -> &'a str {
        self.place.rsplit_once(':').map_or("1", |(_, line)| line)
    }
}

fn counts(cases: &[&Case<'_>]) -> String {
    let failures = cases.iter().filter(|case| matches!(case.fault, Some(Fault::Failure(..)))).count();
    let errors = cases.iter().filter(|case| matches!(case.fault, Some(Fault::Error(_)))).count();
    format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", cases.len())
}

fn suite(file: &str, cases: &[&Case<'_>]) -> String {
    let mut text = format!("  <testsuite name=\"{}\" {} skipped=\"0\">\n", escaped(file), counts(cases));
    for case in cases {
        let (pattern, title) = (escaped(case.pattern), escaped(case.title));
        let (file, line) = (escaped(file), case.line());
        let attributes = format!("classname=\"{pattern}\" name=\"{title}\" file=\"{file}\" line=\"{line}\"");
        let fault = match &case.fault {
            None => {
                let _ = writeln!(text, "    <testcase {attributes}/>");
                continue;
            }
            Some(Fault::Failure(message, whole)) => {
                let whole = escaped(&format!("{}\n{whole}", case.place));
                format!("<failure message=\"{}\">{whole}</failure>", escaped(message))
            }
            Some(Fault::Error(message)) => {
                let message = escaped(message);
                format!("<error message=\"{message}\">{}\n{message}</error>", escaped(case.place))
            }
        };
        let _ = writeln!(text, "    <testcase {attributes}>\n      {fault}\n    </testcase>");
    }
    text.push_str("  </testsuite>\n");
    text
}
