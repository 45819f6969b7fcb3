//! The store on disk, from outside: what is committed stays, and what is damaged is refused.

mod damage;
mod durable;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ensue::state::{Changes, Key, RocksStore, Space, Store};

/// A directory of its own, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ensue-state-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory");
        Folder(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn key(number: u32) -> Key {
    let mut key = Key::new(Space::KeyState);
    key.u32(number);
    key
}

/// Commits records with these numbers, of about a hundred bytes.
fn commit(store: &RocksStore, numbers: impl Iterator<Item = u32>) {
    let mut changes = Changes::new();
    for number in numbers {
        changes.put(&key(number), payload(number).as_bytes());
    }
    store.commit(&mut changes).expect("a commit");
}

fn payload(number: u32) -> String {
    format!("{number:0100}")
}

/// The numbers of the records, in the order in which they come, each with the payload that it should have.
fn numbers(store: &dyn Store) -> Vec<u32> {
    let mut numbers = Vec::new();
    let seen = &mut |key: &[u8], record: ensue::state::Record<'_>| {
        let number = ensue::state::KeyParts::of(key).and_then(|mut parts| parts.u32()).expect("a number");
        assert_eq!(record.payload, payload(number).as_bytes());
        numbers.push(number);
        ControlFlow::Continue(())
    };
    store.visit(&Key::new(Space::KeyState), seen).expect("it can be read");
    numbers
}

/// Copies the files of a directory as they are at this moment: what a power failure or a kill would leave.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has a name");
        std::fs::copy(&path, to.join(name)).expect("it can be copied");
    }
}
