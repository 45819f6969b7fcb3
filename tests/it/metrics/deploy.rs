//! What stands in `deploy/` fits the command.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ensue::metrics::CATALOGUE;

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(path).expect("it is there")
}

#[test]
fn the_unit_starts_a_run_as_it_can_be_started() {
    let unit = read("ensue.service");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let help = Command::new(env!("CARGO_BIN_EXE_ensue")).args(["run", "--help"]).output().expect("it starts");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let flags: Vec<&str> = start.split(' ').filter(|word| word.starts_with("--")).collect();
    assert!(flags.contains(&"--state") && flags.contains(&"--listen"), "{start}");
    for flag in flags {
        assert!(help.contains(&format!("{flag} <")), "`ensue run` has no {flag}");
    }
    for line in ["KillSignal=SIGTERM", "Restart=on-failure", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    let is_well_formed = |line: &str| {
        line.is_empty()
            || line.starts_with(['#', '['])
            || line.split_once('=').is_some_and(|(key, _)| !key.contains(' '))
    };
    assert!(unit.lines().all(is_well_formed), "{unit}");
}

#[test]
fn the_rules_ask_for_metrics_that_there_are() {
    let mut asked = BTreeSet::new();
    for (at, _) in read("ensue.rules.yml").match_indices("ensue_") {
        let rules = read("ensue.rules.yml");
        // A name behind a colon is that of a recording rule.
        if !rules[..at].ends_with(':') {
            let name: String =
                rules[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            asked.insert(name);
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
    for name in asked {
        let base = name.trim_end_matches("_bucket");
        assert!(CATALOGUE.iter().any(|of| of.name == base), "there is no {name}");
    }
}
