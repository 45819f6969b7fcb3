//! `docs/metrics.md` has every metric as the registry has it, and no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ensue::metrics::{CATALOGUE, Metrics};

/// What a row says: type, labels, unit, meaning.
type Row = [String; 4];

/// The rows of the tables of metrics.
fn documented() -> BTreeMap<String, Row> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(path).expect("the document is there");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `ensue_") || line.starts_with("| `process_")) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect();
        let [name, kind, labels, unit, meaning] = <[String; 5]>::try_from(cells).expect(line);
        assert!(rows.insert(name, [kind, labels, unit, meaning]).is_none(), "twice: {line}");
    }
    rows
}

/// The metrics of every process, by name with their types.
fn of_the_process() -> BTreeMap<String, String> {
    let text = Metrics::new().text(true);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE process_")?.split_once(' '));
    types.map(|(name, kind)| (format!("process_{name}"), kind.to_owned())).collect()
}

/// The unit that a name ends with.
fn unit_of(name: &str) -> Option<&str> {
    let name = name.trim_end_matches("_total");
    ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")))
}

#[test]
fn the_document_and_the_registry_have_the_same_metrics() {
    let mut documented = documented();
    let mut wanted: BTreeMap<String, (String, String)> = BTreeMap::new();
    for of in CATALOGUE {
        wanted.insert(of.name.to_owned(), (of.kind.label().to_owned(), of.labels.join(", ")));
    }
    wanted.extend(of_the_process().into_iter().map(|(name, kind)| (name, (kind, String::new()))));
    for (name, (kind, labels)) in wanted {
        let row = documented.remove(&name).unwrap_or_else(|| panic!("docs/metrics.md lacks {name}"));
        let [found_kind, found_labels, unit, meaning] = row;
        assert_eq!((found_kind, found_labels), (kind, labels), "{name}");
        assert!(!unit.is_empty() && !meaning.is_empty(), "{name}");
        if let Some(wanted) = unit_of(&name) {
            assert!(unit.starts_with(wanted), "{name}: {unit}");
        }
    }
    documented.retain(|name, _| cfg!(target_os = "linux") || !name.starts_with("process_"));
    assert!(documented.is_empty(), "docs/metrics.md has what there is not: {:?}", documented.keys());
}
