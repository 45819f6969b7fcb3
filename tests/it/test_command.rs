//! `ensue test` as users run it: coverage, reports for CI, and again when a file changes.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

use crate::folder::{Folder, run};
use crate::xml;

const STREAM: &str = "stream s { k string?  v int  t string  at timestamp  event time at }\n";

/// A rule with a test that leaves much open.
const LOOPS: &str = r#"
pattern loops {
    on s by k
    match a{2,} where t == "a" and v < 10
    then  b     where t == "b"
    within 10m
    emit alert { k: k, n: count(a) }
}

test loops "two and one" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
        | 12:00:01 | x | 1 | a |
        | 12:00:02 | x | 1 | b |
    expect alert
        | n |
        | 2 |
}
"#;

/// The near misses that it lacks.
const NEAR_MISSES: &str = r#"
test loops "three, and what is no a" {
    given s
        | at       | k | v  | t |
        | 12:00:00 | x | 1  | a |
        | 12:00:01 | x | 10 | a |
        | 12:00:02 | x | 1  | a |
        | 12:00:03 | x | 1  | a |
        | 12:00:04 | x | 1  | b |
    expect alert
        | n |
        | 3 |
}

test loops "ten minutes are too long" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
        | 12:00:01 | x | 1 | a |
        | 12:10:00 | x | 1 | b |
    expect nothing
}
"#;

/// Everything that a rule can have but absences, `until` and tallies, with tests that reach all of it.
const MANY: &str = r#"
pattern many {
    on s where v > 0 by k
    match a  where t == "a"
    then  b? where t == "b"
    then  ( c where t == "c" then d where t == "d" within 2m ){1,}
    then  e  where t == "e" gap 1m
    within 10m
    having count(d) < 3
    limit 1 per 1h
    emit alert { k: k, n: count(d) }
    on timeout emit open { k: k }
}

test many "one round, and the limit" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | e |
        | 12:00:01 | x | 0 | a |
        | 12:00:02 | x | 1 | a |
        | 12:00:03 | x | 1 | e |
        | 12:00:04 | x | 1 | c |
        | 12:00:05 | x | 1 | e |
        | 12:00:06 | x | 1 | d |
        | 12:00:07 | x | 1 | e |
        | 12:01:02 | x | 1 | a |
        | 12:01:03 | x | 1 | b |
        | 12:01:04 | x | 1 | c |
        | 12:01:06 | x | 1 | d |
        | 12:01:07 | x | 1 | e |
    expect alert
        | at       | n |
        | 12:00:07 | 1 |
}

test many "two rounds with b" {
    given s
        | at       | k | v | t |
        | 12:00:02 | x | 1 | a |
        | 12:00:03 | x | 1 | b |
        | 12:00:04 | x | 1 | c |
        | 12:00:06 | x | 1 | d |
        | 12:00:07 | x | 1 | c |
        | 12:00:08 | x | 1 | d |
        | 12:00:09 | x | 1 | e |
    expect alert
        | at       | n |
        | 12:00:09 | 2 |
}

test many "three rounds are too many" {
    given s
        | at       | k | v | t |
        | 12:00:02 | x | 1 | a |
        | 12:00:04 | x | 1 | c |
        | 12:00:05 | x | 1 | d |
        | 12:00:06 | x | 1 | c |
        | 12:00:07 | x | 1 | d |
        | 12:00:08 | x | 1 | c |
        | 12:00:09 | x | 1 | d |
        | 12:01:08 | x | 1 | e |
    expect timeout open
        | at       | k |
        | 12:10:02 | x |
}

test many "too late" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
        | 12:00:04 | x | 1 | c |
        | 12:02:04 | x | 1 | d |
        | 12:03:00 | x | 1 | c |
        | 12:03:01 | x | 1 | d |
        | 12:04:01 | x | 1 | e |
        | 12:10:01 | x | 1 | e |
    expect timeout open
        | at       | k |
        | 12:10:00 | x |
}
"#;

const QUIET: &str = r#"
pattern quiet {
    on s by k
    match a     where t == "a"
    then  not x where t == "x" for 5m
    emit quiet_found { k: k }
}

test quiet "nothing comes" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
    expect quiet_found
        | at       |
        | 12:05:00 |
}
"#;

const TALLIED: &str = r#"
pattern tallied {
    on s by k
    match all a+ any where t == "a" until v > 5
    then  b      where t == "b"
    within 10m
    having count() > 1
    tally tallied_found { k: k, n: count() }
}

test tallied "one that is not told, and then three" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
        | 12:00:02 | x | 1 | b |
        | 12:00:03 | x | 9 | a |
        | 12:00:04 | x | 1 | a |
        | 12:00:05 | x | 1 | a |
        | 12:00:06 | x | 1 | b |
    expect tallied_found
        | at       | n |
        | 12:00:06 | 3 |
}
"#;

fn folder(name: &str, rules: &str) -> Folder {
    let folder = Folder::empty(&format!("test-command-{name}"));
    folder.write("rules.cep", &format!("{STREAM}{rules}"));
    folder
}

/// The kinds of what the tests of a file do not reach, from the answer for programs.
fn missed(folder: &Folder) -> Vec<String> {
    let (_, said) = run(folder, "test rules.cep --coverage --format json");
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    let missed = lines.flat_map(|line| line["missed"].as_array().cloned().unwrap_or_default());
    missed.map(|one| one["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn coverage_says_what_no_test_reaches_and_where() {
    let folder = folder("loops", LOOPS);
    let (code, said) = run(&folder, "test rules.cep --coverage");
    let wanted = "\
loops: covered 8 of 12
  rules.cep:5: nothing is kept from `a` by this alone: v < 10
  rules.cep:5: no match has more than 2 of `a`
  rules.cep:6: nothing is kept from `b` by this alone: t == \"b\"
  rules.cep:7: no event comes too late for `within`

1 passed, 0 failed
covered 8 of 12
";
    assert_eq!((code, said.as_str()), (Some(0), wanted));
    folder.write("rules.cep", &format!("{STREAM}{LOOPS}{NEAR_MISSES}"));
    let (code, said) = run(&folder, "test rules.cep --coverage");
    let wanted = "loops: covered 12 of 12\n\n3 passed, 0 failed\ncovered 12 of 12\n";
    assert_eq!((code, said.as_str()), (Some(0), wanted));
}

#[test]
fn coverage_counts_every_part_of_a_rule() {
    let folder = folder("many", MANY);
    let (code, said) = run(&folder, "test rules.cep --coverage");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "many: covered 28 of 28\n\n4 passed, 0 failed\ncovered 28 of 28\n")
    );
    // Without each of its tests something is missed that only that one reaches.
    let only = |titles: &[&str]| {
        let mut parts = MANY.split("\ntest many ");
        let mut text = parts.next().expect("the rule").to_owned();
        for part in parts.filter(|part| !titles.iter().any(|title| part.contains(title))) {
            text.push_str(&format!("\ntest many {part}"));
        }
        folder.write("rules.cep", &format!("{STREAM}{text}"));
        missed(&folder)
    };
    assert_eq!(
        only(&["one round"]),
        ["filter_refuses", "step_fewest", "condition_refuses", "group_fewest", "limit"]
    );
    assert_eq!(only(&["two rounds"]), ["group_more"]);
    assert_eq!(only(&["three rounds"]), ["gap", "having_refuses"]);
    assert_eq!(only(&["too late"]), ["group_within", "within"]);
}

#[test]
fn coverage_knows_absences() {
    let folder = folder("quiet", QUIET);
    let (_, said) = run(&folder, "test rules.cep --coverage");
    let wanted = "\
quiet: covered 3 of 7
  rules.cep:5: nothing is kept from `a` by this alone: t == \"a\"
  rules.cep:6: no event that is `x` ends a match under way

1 passed, 0 failed
covered 3 of 7
";
    assert_eq!(said, wanted);
    let broken = "
test quiet \"something comes\" {
    given s
        | at       | k | v | t |
        | 12:00:00 | x | 1 | a |
        | 12:00:01 | x | 1 | z |
        | 12:04:00 | x | 1 | x |
    expect nothing
}
";
    folder.write("rules.cep", &format!("{STREAM}{QUIET}{broken}"));
    assert_eq!(missed(&folder), Vec::<String>::new());
}

#[test]
fn coverage_knows_until_and_tallies() {
    let folder = folder("tallied", TALLIED);
    let (code, said) = run(&folder, "test rules.cep --coverage");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(missed(&folder), ["within"], "{said}");
    folder.write("rules.cep", &format!("{STREAM}{}", TALLIED.replace("> 1\n", "> 0\n")));
    assert!(missed(&folder).contains(&"having_refuses".to_owned()));
}

#[test]
fn coverage_is_of_the_tests_that_are_chosen_and_names_rules_without_any() {
    let untested = "pattern untested { on s by k match a where v > 3 emit other { k: k } }\n";
    let folder = folder("chosen", &format!("{untested}{LOOPS}{QUIET}"));
    let (_, all) = run(&folder, "test rules.cep --coverage");
    assert!(all.starts_with("untested: covered 0 of 4\n  rules.cep:2: no test runs it\nloops: "), "{all}");
    assert!(all.ends_with("2 passed, 0 failed\ncovered 11 of 23\n"), "{all}");
    let (_, one) = run(&folder, "test rules.cep --coverage --filter quiet");
    assert!(one.starts_with("quiet: covered 3 of 7\n") && one.ends_with("\ncovered 3 of 7\n"), "{one}");
    let (code, none) = run(&folder, "test rules.cep --filter nowhere");
    assert_eq!((code, none.starts_with("error: no test has that")), (Some(2), true), "{none}");
}

#[test]
fn coverage_for_programs_is_a_line_for_each_rule() {
    let folder = folder("json", LOOPS);
    let (_, said) = run(&folder, "test rules.cep --coverage --format json");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!((lines[1]["covered"].as_u64(), lines[1]["points"].as_u64()), (Some(8), Some(12)));
    assert_eq!(lines[1]["missed"][0]["place"], "rules.cep:5");
    assert_eq!(lines[1]["missed"][0]["condition"], "v < 10");
    assert_eq!(lines[2].to_string(), r#"{"covered":8,"failed":0,"passed":1,"points":12}"#);
}

#[test]
fn a_report_for_ci_has_every_test_with_its_place_and_its_failure() {
    let failing = LOOPS.replace("\"two and one\"", "\"<two> & \\\"one\\\"\"").replace("| 2 |", "| 7 |");
    let folder = folder("junit", &format!("{QUIET}{failing}"));
    let (code, _) = run(&folder, "test rules.cep --junit report.xml");
    assert_eq!(code, Some(1));
    let report = folder.read("report.xml");
    let elements = xml::read(&report).expect("well-formed");
    let named = |name: &str| elements.iter().filter(|one| one.name == name).collect::<Vec<_>>();
    let suites = named("testsuites")[0];
    let count = |name| suites.attribute(name).map(str::to_owned);
    assert_eq!(count("tests").as_deref(), Some("2"));
    assert_eq!(count("failures").as_deref(), Some("1"));
    assert_eq!(count("errors").as_deref(), Some("0"));
    assert_eq!(named("testsuite")[0].attribute("name"), Some("rules.cep"));
    let cases = named("testcase");
    assert_eq!(cases[0].attribute("classname"), Some("quiet"));
    assert_eq!(cases[1].attribute("name"), Some("<two> & \"one\""));
    assert_eq!(cases[1].attribute("file"), Some("rules.cep"));
    let line = report.lines().count().to_string();
    assert_ne!(cases[1].attribute("line"), Some(line.as_str()));
    let text = folder.read("rules.cep");
    let at = text.lines().position(|line| line.starts_with("test loops")).expect("it") + 1;
    assert_eq!(cases[1].attribute("line"), Some(at.to_string().as_str()));
    let failure = named("failure")[0];
    assert_eq!(failure.attribute("message"), Some("expect alert"));
    assert!(failure.text.contains("! | 7 |") && failure.text.contains("| 2 |"), "{failure:?}");
    assert_eq!(failure.around.last().map(|at| elements[*at].attribute("classname")), Some(Some("loops")));
}

#[test]
fn a_report_for_ci_is_written_anew_where_the_rules_have_mistakes() {
    let folder = folder("junit-mistakes", LOOPS);
    assert_eq!(run(&folder, "test rules.cep --junit report.xml").0, Some(0));
    let good = folder.read("report.xml");
    assert!(!good.contains("<failure") && !good.contains("<error"), "{good}");
    folder.write("rules.cep", &format!("{STREAM}{}", LOOPS.replace("v < 10", "w < 10")));
    assert_eq!(run(&folder, "test rules.cep --junit report.xml").0, Some(1));
    let report = folder.read("report.xml");
    let elements = xml::read(&report).expect("well-formed");
    let error = elements.iter().find(|one| one.name == "error").expect("an error");
    assert!(error.text.contains("error[E0") && error.text.contains("rules.cep:5"), "{error:?}");
    let (code, said) = run(&folder, "test rules.cep --junit nowhere/report.xml");
    assert_eq!((code, said.contains("cannot write nowhere/report.xml")), (Some(2), true), "{said}");
}

/// The lines that a process writes, as they come.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The lines up to one that ends so.
fn until(lines: &Receiver<String>, end: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while !seen.last().is_some_and(|line: &String| line.ends_with(end)) {
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => seen.push(line),
            Err(error) => panic!("{error} before {end:?}: {seen:?}"),
        }
    }
    seen
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn watched_files_are_tested_again_when_they_change() {
    let folder = folder("watch", "use \"more/loops.cep\"\n");
    std::fs::create_dir(folder.0.join("more")).expect("a folder");
    folder.write("more/loops.cep", &format!("{STREAM}{LOOPS}"));
    folder.write("rules.cep", "use \"more/loops.cep\"\n");
    let mut command = folder.command("test rules.cep --watch");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut child = Running(child);
    let lines = lines_of(child.0.stdout.take().expect("piped"));
    assert_eq!(until(&lines, "failed"), ["1 passed, 0 failed"]);
    // A file that another one uses; then one with a mistake, which does not end it.
    folder.write("more/loops.cep", &format!("{STREAM}{}", LOOPS.replace("| 2 |", "| 33 |")));
    let seen = until(&lines, "1 failed");
    assert_eq!(seen[1], "--- changed: more/loops.cep", "{seen:?}");
    assert!(seen.iter().any(|line| line.starts_with("FAIL loops")), "{seen:?}");
    folder.write("more/loops.cep", "no rule");
    assert_eq!(until(&lines, "loops.cep").last().map(String::as_str), Some("--- changed: more/loops.cep"));
    folder.write("more/loops.cep", &format!("{STREAM}{LOOPS}{NEAR_MISSES}"));
    until(&lines, "3 passed, 0 failed");
    let stopped = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().expect("kill");
    assert!(stopped.success());
    assert_eq!(child.0.wait().expect("it ends").code(), Some(0), "it answers as the last time");
}

#[test]
fn the_documented_report_is_what_is_said() {
    let page = include_str!("../../docs/testing.md");
    let block = |fence: &str| {
        let (_, rest) = page.split_once(&format!("```{fence}\n")).expect(fence);
        rest.split_once("```").expect("an end").0.to_owned()
    };
    let folder = Folder::empty("test-command-documented");
    folder.write("probing.cep", &block("cep"));
    assert_eq!(run(&folder, "test probing.cep --coverage"), (Some(0), block("text")));
    let (_, lines) = run(&folder, "test probing.cep --coverage --format json");
    let wanted: Value = serde_json::from_str(&block("json")).expect("JSON");
    let found: Value = serde_json::from_str(lines.lines().nth(1).expect("a line")).expect("JSON");
    let last = |value: &Value| value["missed"].as_array().and_then(|all| all.last().cloned());
    assert_eq!(last(&found), last(&wanted));
    for member in ["pattern", "tests", "covered", "points"] {
        assert_eq!(found[member], wanted[member], "{member}");
    }
}

#[test]
fn the_example_patterns_leave_nothing_untested() {
    let patterns = concat!(env!("CARGO_MANIFEST_DIR"), "/patterns");
    let (code, said) = run(&Folder::empty("test-patterns"), &format!("test {patterns} --coverage"));
    let last = said.lines().last().expect("it says something");
    let counts: Vec<&str> = last.split(' ').filter(|word| word.parse::<u64>().is_ok()).collect();
    assert!(code == Some(0) && counts.len() == 2 && counts[0] == counts[1], "{said}");
}
