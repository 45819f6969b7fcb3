//! What is committed is there afterwards, whatever happens in between.

use std::path::Path;
use std::process::Command;

use ensue::state::{Change, Changes, Key, MemoryStore, RocksStore, Space, Store, StoreError};

use super::{Folder, commit, copy_files, numbers};

#[test]
fn what_is_committed_is_there_after_a_kill_at_any_moment() {
    let folder = Folder::new("killed");
    let store = RocksStore::open(&folder.join("store")).expect("a new store");
    for round in 0..5_u32 {
        commit(&store, round * 10..round * 10 + 10);
        let copy = folder.join(&format!("killed-{round}"));
        copy_files(&folder.join("store"), &copy);
        let left = RocksStore::open(&copy).expect("it opens");
        assert_eq!(numbers(&left), (0..round * 10 + 10).collect::<Vec<_>>());
        assert_eq!(left.commits(), store.commits());
    }
}

#[test]
fn a_commit_whose_end_was_never_written_is_not_there() {
    let folder = Folder::new("torn");
    let store = RocksStore::open(&folder.join("store")).expect("a new store");
    commit(&store, 0..100);
    let noted = std::fs::read(folder.join("store/ENSUE")).expect("a marker");
    commit(&store, 100..200);
    copy_files(&folder.join("store"), &folder.join("whole"));
    let log = newest(&folder.join("whole"), ".log");
    let bytes = std::fs::read(folder.join("whole").join(&log)).expect("a log");
    // The kill came before the second commit was acknowledged: the marker still has the number of the first.
    for (name, end) in [
        ("cut", bytes[..bytes.len() - 7].to_vec()),
        ("zeros", [&bytes[..bytes.len() - 700], &[0; 700]].concat()),
        ("noise", [&bytes[..bytes.len() - 700], &[0xA5; 700]].concat()),
    ] {
        let copy = folder.join(name);
        copy_files(&folder.join("whole"), &copy);
        std::fs::write(copy.join(&log), end).expect("it can be written");
        std::fs::write(copy.join("ENSUE"), &noted).expect("it can be written");
        let left = RocksStore::open(&copy).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(numbers(&left), (0..100).collect::<Vec<_>>(), "{name}");
        commit(&left, 100..200);
        drop(left);
        let left = RocksStore::open(&copy).expect("it opens");
        assert_eq!(numbers(&left).len(), 200, "{name}");
    }
}

fn newest(directory: &Path, ending: &str) -> String {
    let entries = std::fs::read_dir(directory).expect("it can be listed");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending)).max().expect("there is one")
}

#[test]
fn both_stores_do_the_same() {
    let folder = Folder::new("twins");
    let memory = MemoryStore::new();
    let mut disk = RocksStore::open(&folder.join("store")).expect("a new store");
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..200 {
        let mut changes = Changes::new();
        for _ in 0..next(20) {
            let key = super::key(next(50) as u32);
            match next(3) {
                0 => changes.delete(&key),
                _ => changes.put(&key, super::payload(next(1000) as u32).as_bytes()),
            }
        }
        memory.commit(&mut changes).expect("a commit");
        disk.commit(&mut changes).expect("a commit");
        if round % 40 == 39 {
            drop(disk);
            disk = RocksStore::open(&folder.join("store")).expect("it opens");
        }
        let of = |store: &dyn Store| {
            let mut records = Vec::new();
            let seen = &mut |key: &[u8], value: &[u8]| {
                records.push((key.to_vec(), value.to_vec()));
                std::ops::ControlFlow::Continue(())
            };
            store.scan(&Key::new(Space::KeyState), seen).expect("it can be read");
            records
        };
        assert_eq!(of(&memory), of(&disk), "round {round}");
        let key = super::key(next(50) as u32);
        assert_eq!(memory.read(&key).expect("it can be read"), disk.read(&key).expect("it can be read"));
    }
    // The format of a new store is a commit too.
    assert_eq!(disk.commits(), memory.commits() + 1);
    assert!(disk.verify().expect("it can be read").is_whole());
}

#[test]
fn the_order_of_changes_is_that_of_keys() {
    let mut changes = Changes::new();
    for number in [3, 1, 2] {
        changes.put(&super::key(number), b"");
    }
    let keys: Vec<_> = changes
        .in_order()
        .map(|change| match change {
            Change::Put(key, _) | Change::Delete(key) => key.to_vec(),
        })
        .collect();
    assert!(keys.is_sorted());
}

#[test]
fn a_copy_is_a_store_of_its_own() {
    let folder = Folder::new("copy");
    let store = RocksStore::open(&folder.join("store")).expect("a new store");
    commit(&store, 0..10);
    store.copy_to(&folder.join("copy")).expect("a copy");
    commit(&store, 10..20);
    let error = store.copy_to(&folder.join("copy")).expect_err("it is there already").to_string();
    assert!(error.ends_with("copy: it is there already; give a new directory"), "{error}");
    let copy = RocksStore::open(&folder.join("copy")).expect("it opens");
    assert_eq!(numbers(&copy), (0..10).collect::<Vec<_>>());
    assert_eq!(copy.commits(), 2);
    commit(&copy, 50..51);
    assert_eq!(numbers(&store), (0..20).collect::<Vec<_>>());
}

#[test]
fn the_size_of_a_part_is_known_about() {
    let folder = Folder::new("size");
    let store = RocksStore::open(&folder.join("store")).expect("a new store");
    commit(&store, 0..10_000);
    drop(store);
    let store = RocksStore::open(&folder.join("store")).expect("it opens");
    let all = store.size(&Key::new(Space::KeyState)).expect("a size");
    let half = store.size(&[b'k', 0, 0, 0]).expect("a size");
    assert!(all > 20_000, "{all}");
    assert!(half < all / 4, "{half} of {all}");
    assert_eq!(store.size(&Key::named(Space::KeyState, "\u{10ffff}")).expect("a size"), 0);
}

#[test]
fn one_process_has_a_directory() {
    let folder = Folder::new("in-use");
    let store = RocksStore::open(&folder.join("store")).expect("a new store");
    for error in [RocksStore::open(&folder.join("store")), RocksStore::open_to_read(&folder.join("store"))] {
        let error = error.expect_err("it is in use");
        assert!(error.is_passing());
        let wanted = format!(
            "the state directory {} is in use by process {}; wait until it ends, stop it, or give another directory",
            folder.join("store").display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), wanted);
    }
    drop(store);
    RocksStore::open(&folder.join("store")).expect("it is free again");
}

#[test]
fn who_reads_changes_nothing() {
    let folder = Folder::new("read-only");
    commit(&RocksStore::open(&folder.join("store")).expect("a new store"), 0..10);
    let before = super::damage::contents(&folder.join("store"));
    let store = RocksStore::open_to_read(&folder.join("store")).expect("it opens");
    let another = RocksStore::open_to_read(&folder.join("store")).expect("readers share it");
    assert_eq!((numbers(&store), numbers(&another)), ((0..10).collect(), (0..10).collect()));
    assert!(matches!(store.commit(&mut Changes::new()), Err(StoreError::ReadOnly { .. })));
    assert!(matches!(store.copy_to(&folder.join("copy")), Err(StoreError::ReadOnly { .. })));
    drop((store, another));
    assert_eq!(super::damage::contents(&folder.join("store")), before);
    let error = RocksStore::open_to_read(&folder.join("none")).expect_err("there is none").to_string();
    assert!(error.starts_with("cannot read ") && !folder.join("none").exists(), "{error}");
}

/// Which directory the child works in.
const CHILD: &str = "ENSUE_TEST_STATE_CHILD";

#[cfg(unix)]
#[test]
fn a_commit_that_fails_stops_the_store_until_it_is_resumed() {
    let folder = Folder::new("limited");
    // No file may grow beyond a megabyte, and the signal that says so is ignored: writing fails.
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" --exact state::durable::child --ignored"])
        .arg(std::env::current_exe().expect("the tests"))
        .env(CHILD, folder.join("store"))
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let store = RocksStore::open(&folder.join("store")).expect("it opens");
    assert_eq!(numbers(&store), (0..COMMITS * 1000).collect::<Vec<_>>());
}

const COMMITS: u32 = 30;

#[test]
#[ignore = "another test runs it, with files that may not grow"]
fn child() {
    let directory = std::env::var(CHILD).expect("where to work");
    let store = RocksStore::open(Path::new(&directory)).expect("a new store");
    let mut failed = 0;
    let mut changes = Changes::new();
    for round in 0..COMMITS {
        changes.clear();
        for number in round * 1000..round * 1000 + 1000 {
            changes.put(&super::key(number), super::payload(number).as_bytes());
        }
        let Err(error) = store.commit(&mut changes) else { continue };
        failed += 1;
        assert!(error.to_string().starts_with("cannot write the state in "), "{error}");
        assert!(error.to_string().contains("File too large"), "{error}");
        let again = store.commit(&mut changes).expect_err("no other is taken");
        assert!(matches!(again, StoreError::Stopped { .. }), "{again}");
        store.resume().expect("there is room in another file");
        store.commit(&mut changes).expect("and once more");
    }
    assert!(failed >= 2, "{failed} commits failed");
}
