//! Stores as only RocksDB itself, or a broken creation, would leave them. What can be seen from outside is tested in
//! `tests/it/state`.

use super::*;
use crate::state::{Key, Space};

fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("ensue-rocks-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir(&directory).expect("a directory");
    directory
}

fn refusal(directory: &Path) -> String {
    RocksStore::open(directory).expect_err("it is refused").to_string()
}

#[test]
fn a_creation_that_was_killed_anywhere_goes_on() {
    let steps: [fn(&Path); 4] = [
        |_| (),
        |directory| std::fs::write(directory.join(MARKER), b"").expect("a file"),
        |directory| drop(Marker::create(directory).expect("a marker")),
        |directory| {
            drop(Marker::create(directory).expect("a marker"));
            drop(DB::open(&options::to_write(), directory).expect("a database"));
        },
    ];
    for (number, step) in steps.into_iter().enumerate() {
        let directory = directory(&format!("killed-{number}"));
        step(&directory);
        let store = RocksStore::open(&directory).unwrap_or_else(|error| panic!("step {number}: {error}"));
        assert_eq!(store.commits(), 1, "the format is the first commit");
        assert_eq!(Format::read(&store).expect("it can be read"), Some(Format::current()));
    }
}

#[test]
fn the_first_commit_may_be_there_without_being_noted() {
    let directory = directory("not-noted");
    drop(RocksStore::open(&directory).expect("a new store"));
    Marker::create_for_copy(&directory, 0).expect("a marker");
    let store = RocksStore::open(&directory).expect("more commits than were noted are no loss");
    assert_eq!(store.commits(), 1);
}

#[test]
fn records_without_a_format_are_refused() {
    let directory = directory("no-format");
    let db = DB::open(&options::to_write(), &directory).expect("a database");
    db.put(b"kx", b"value").expect("a record");
    drop(db);
    assert!(refusal(&directory).contains(" has a database, but no file ENSUE: it is another program's, "));
    Marker::create_for_copy(&directory, 0).expect("a marker");
    let why = refusal(&directory);
    assert!(why.contains(" has records, but none that says that they are Ensue's: "), "{why}");
}

#[test]
fn a_later_format_is_refused_with_the_version_that_wrote_it() {
    let directory = directory("future");
    let store = RocksStore::open(&directory).expect("a new store");
    let mut changes = Changes::new();
    Format { number: FORMAT + 1, written_by: "9.9.0".to_owned() }.put(&mut changes);
    store.commit(&mut changes).expect("a commit");
    drop(store);
    let why = refusal(&directory);
    assert!(
        why.ends_with(
            " has format 2 of Ensue 9.9.0, and this version reads formats up to 1; use that version of Ensue, or a later one"
        ),
        "{why}"
    );
}

#[test]
fn a_record_that_the_database_finds_whole_is_checked_all_the_same() {
    let directory = directory("record");
    let store = RocksStore::open(&directory).expect("a new store");
    let key = Key::named(Space::KeyState, "c1");
    let mut changes = Changes::new();
    changes.put(&key, b"payload");
    changes.put(&Key::named(Space::KeyState, "c2"), b"payload");
    store.commit(&mut changes).expect("a commit");
    let mut value = store.get(&key).expect("it can be read").expect("it is there");
    value[2] ^= 1;
    store.with("write", |db| db.put(&*key, value)).expect("it can be written");
    let why = store.read(&key).expect_err("it is damaged").to_string();
    assert!(why.contains(" is damaged: record keys/c1 has the checksum "), "{why}");
    let verified = store.verify().expect("it can be read");
    assert_eq!((verified.records, verified.damages), (3, 1), "{:?}", verified.told);
}
