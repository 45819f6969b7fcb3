//! A store that is damaged is refused, with the file and what can be done, and is left as it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ensue::state::{RocksStore, Store, StoreError};

use super::{Folder, commit, numbers};

/// A store with records in a sorted file and others in the log.
fn store(folder: &Folder) -> PathBuf {
    let path = folder.join("store");
    commit(&RocksStore::open(&path).expect("a new store"), 0..1000);
    commit(&RocksStore::open(&path).expect("it opens"), 1000..2000);
    path
}

/// The newest file with this beginning and ending.
fn file(directory: &Path, beginning: &str, ending: &str) -> PathBuf {
    let entries = fs::read_dir(directory).expect("it can be listed");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let name = names.filter(|name| name.starts_with(beginning) && name.ends_with(ending)).max();
    directory.join(name.unwrap_or_else(|| panic!("no {beginning}…{ending}")))
}

fn sorted(directory: &Path) -> PathBuf {
    file(directory, "", ".sst")
}

fn log(directory: &Path) -> PathBuf {
    file(directory, "", ".log")
}

fn manifest(directory: &Path) -> PathBuf {
    file(directory, "MANIFEST-", "")
}

fn flip(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(path).expect("it can be read");
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("it can be written");
}

fn cut(path: &Path, to: impl FnOnce(usize) -> usize) {
    let bytes = fs::read(path).expect("it can be read");
    fs::write(path, &bytes[..to(bytes.len())]).expect("it can be written");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("it can be removed");
}

/// A kind of damage: what is done, and how the message begins behind «is damaged: », where `{sst}`, `{log}` and
/// `{manifest}` stand for the names of the files.
type Damage = (&'static str, fn(&Path), &'static str);

const DAMAGES: [Damage; 16] = [
    ("CURRENT is missing", |d| remove(&d.join("CURRENT")), "CURRENT: it is missing; "),
    ("CURRENT is empty", |d| cut(&d.join("CURRENT"), |_| 0), "CURRENT: "),
    ("CURRENT is changed", |d| flip(&d.join("CURRENT"), |_| 3), "CURRENT: "),
    ("the manifest is missing", |d| remove(&manifest(d)), "{manifest}: it is missing; "),
    ("the manifest is empty", |d| cut(&manifest(d), |_| 0), ""),
    ("the manifest is changed", |d| flip(&manifest(d), |_| 20), "{manifest}: "),
    ("the manifest is cut", |d| cut(&manifest(d), |bytes| bytes / 2), ""),
    ("a sorted file is missing", |d| remove(&sorted(d)), "{sst}: it is missing; "),
    ("a sorted file is cut", |d| cut(&sorted(d), |bytes| bytes / 2), "{sst}: "),
    ("a sorted file is empty", |d| cut(&sorted(d), |_| 0), "{sst}: "),
    (
        "a sorted file is a directory",
        |d| {
            let path = sorted(d);
            remove(&path);
            fs::create_dir(path).expect("a directory");
        },
        "{sst}: ",
    ),
    (
        "the log is missing",
        |d| remove(&log(d)),
        "the log was cut, changed or lost: commit 2 is the last that can be read, and 3 were made",
    ),
    (
        "the log is cut",
        |d| cut(&log(d), |bytes| bytes - 1),
        "{log} was cut, changed or lost: commit 2 is the last that can be read, and 3 were made",
    ),
    (
        "the log is changed",
        |d| flip(&log(d), |bytes| bytes / 2),
        "{log} was cut, changed or lost: commit 2 is the last that can be read, and 3 were made",
    ),
    (
        "the log is empty",
        |d| cut(&log(d), |_| 0),
        "{log} was cut, changed or lost: commit 2 is the last that can be read, and 3 were made",
    ),
    (
        "the marker is changed",
        |d| fs::write(d.join("ENSUE"), "something\n").expect("it can be written"),
        "ENSUE: it does not say how many commits were made; ",
    ),
];

#[test]
fn sixteen_kinds_of_damage_are_refused_and_nothing_is_changed() {
    for (number, (name, damage, wanted)) in DAMAGES.into_iter().enumerate() {
        let folder = Folder::new(&format!("damage-{number}"));
        let path = store(&folder);
        let names = [("{sst}", sorted(&path)), ("{log}", log(&path)), ("{manifest}", manifest(&path))];
        let mut wanted = format!("the state in {} is damaged: {wanted}", path.display());
        for (stands, file) in names {
            wanted = wanted.replace(stands, &file.file_name().expect("a name").to_string_lossy());
        }
        damage(&path);
        let before = contents(&path);
        let error = RocksStore::open(&path).expect_err(name);
        let said = error.to_string();
        assert!(said.starts_with(&wanted), "{name}:\n  {said}\n  {wanted}");
        assert!(
            said.ends_with("restore the directory from a copy, or start with a new one"),
            "{name}: {said}"
        );
        assert!(error.is_damage() && !error.is_passing(), "{name}");
        assert_eq!(contents(&path), before, "{name}: nothing is changed");
    }
}

/// The files of a directory with their bytes. Of the marker, only what is said before the process that has it; the lock of
/// the database is empty.
pub(super) fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let mut bytes =
            if path.is_dir() { b"a directory".to_vec() } else { fs::read(&path).expect("it can be read") };
        if name == "ENSUE" {
            bytes.truncate(130);
        }
        files.insert(name, bytes);
    }
    files
}

#[test]
fn damage_that_only_reading_shows_is_told_by_who_reads_and_by_who_verifies() {
    let folder = Folder::new("block");
    let path = store(&folder);
    flip(&sorted(&path), |bytes| bytes / 4);
    let name = sorted(&path).file_name().expect("a name").to_string_lossy().into_owned();
    let store = RocksStore::open(&path).expect("opening does not read it all");
    let mut seen = |_: &[u8], _: ensue::state::Record<'_>| std::ops::ControlFlow::Continue(());
    let said = store.visit(b"k", &mut seen).expect_err("it is damaged").to_string();
    let wanted = format!("the state in {} is damaged: {name}: block checksum mismatch", path.display());
    assert!(said.starts_with(&wanted), "{said}\n{wanted}");
    let verified = store.verify().expect("it can be read");
    assert_eq!(verified.damages, 1, "{:?}", verified.told);
    assert!(verified.told[0].starts_with(&format!("{name}: records ")), "{:?}", verified.told);
    // A block has about a hundred and forty of them.
    assert!(verified.records > 1800, "what is not in the block is read: {}", verified.records);
}

#[test]
fn the_end_of_a_manifest_that_only_repeats_what_the_log_has_is_no_loss() {
    let folder = Folder::new("manifest");
    let path = store(&folder);
    cut(&manifest(&path), |bytes| bytes - 5);
    match RocksStore::open(&path) {
        Ok(store) => assert_eq!(numbers(&store), (0..2000).collect::<Vec<_>>()),
        Err(error) => assert!(error.is_damage(), "{error}"),
    }
}

#[test]
fn a_whole_store_verifies() {
    let folder = Folder::new("whole");
    let store = RocksStore::open_to_read(&store(&folder)).expect("it opens");
    let verified = store.verify().expect("it can be read");
    assert!(verified.is_whole(), "{:?}", verified.told);
    // The records, and two of the store's own.
    assert_eq!(verified.records, 2002);
    assert_eq!(numbers(&store), (0..2000).collect::<Vec<_>>());
}

#[test]
fn what_is_not_a_store_is_refused_and_nothing_is_written_there() {
    let folder = Folder::new("foreign");
    fs::write(folder.join("notes.txt"), "mine").expect("it can be written");
    let said = RocksStore::open(&folder.0).expect_err("it is somebody else's").to_string();
    let wanted = format!(
        "{} is no state directory: it has other files, such as notes.txt; give an empty or a new directory",
        folder.0.display()
    );
    assert_eq!(said, wanted);
    assert_eq!(contents(&folder.0).len(), 1);

    let said = RocksStore::open(&folder.join("notes.txt")).expect_err("it is a file").to_string();
    assert!(said.ends_with("notes.txt is not a directory; give the state a directory of its own"), "{said}");
    let said = RocksStore::open(&folder.join("notes.txt/below")).expect_err("it is below a file").to_string();
    assert!(said.contains(" is not a directory; "), "{said}");
    let said = RocksStore::open(&folder.join("a/b")).expect_err("there is no a").to_string();
    assert!(said.starts_with("cannot create "), "{said}");
}

#[test]
fn a_marker_that_is_lost_or_of_a_later_format_is_refused() {
    let folder = Folder::new("marker");
    let path = store(&folder);
    let marker = fs::read_to_string(path.join("ENSUE")).expect("a marker");
    remove(&path.join("ENSUE"));
    let before = contents(&path);
    let error = RocksStore::open(&path).expect_err("nobody knows whose it is");
    assert!(error.to_string().contains(" has a database, but no file ENSUE: "), "{error}");
    fs::write(path.join("ENSUE"), marker.replace("format 1", "format 12")).expect("it can be written");
    let error = RocksStore::open(&path).expect_err("it is of a later format");
    assert!(matches!(error, StoreError::FutureFormat { format: 12, known: 1, .. }), "{error}");
    let mut after = contents(&path);
    after.remove("ENSUE");
    assert_eq!(after, before);
}

#[cfg(unix)]
#[test]
fn what_may_not_be_read_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("permissions");
    let path = store(&folder);
    let forbid = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode can be set");
    };
    forbid(&path, 0o000);
    if fs::read_dir(&path).is_ok() {
        // Some users may everything; the words are tested beside the code.
        forbid(&path, 0o700);
        return;
    }
    let said = RocksStore::open(&path).expect_err("it may not be read").to_string();
    forbid(&path, 0o700);
    let wanted =
        format!("no permission to list {}; give this user the right to read and write there", path.display());
    assert_eq!(said, wanted);
    let sorted = sorted(&path);
    forbid(&sorted, 0o000);
    let said = RocksStore::open(&path).expect_err("it may not be read").to_string();
    forbid(&sorted, 0o600);
    assert!(said.starts_with("no permission to open ") && said.contains(".sst; "), "{said}");
}
