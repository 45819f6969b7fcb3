//! The records by which a store knows itself: `meta/format` and `meta/commits`.

use super::changes::Changes;
use super::error::StoreError;
use super::record::{Flaw, Key, Space};
use super::store::Store;

/// The format of the store: of keys, envelopes and the records of this module. It grows when an older version could not
/// read what a newer one writes; payloads have versions of their own.
pub(super) const FORMAT: u32 = 1;

const MAGIC: &[u8] = b"ensue state";

/// What `meta/format` says. Its layout never changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Format {
    /// The format.
    pub(super) number: u32,
    /// The version of Ensue that made the store.
    pub(super) written_by: String,
}

impl Format {
    /// That of this version.
    pub(super) fn current() -> Format {
        Format { number: FORMAT, written_by: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// Adds it to the first commit of a new store.
    pub(super) fn put(&self, changes: &mut Changes) {
        changes.put_with(&format_key(), |out| {
            out.extend_from_slice(MAGIC);
            out.extend_from_slice(&self.number.to_be_bytes());
            out.extend_from_slice(self.written_by.as_bytes());
        });
    }

    /// Reads it; nothing where the store has none.
    pub(super) fn read(store: &dyn Store) -> Result<Option<Format>, StoreError> {
        let key = format_key();
        let Some(stored) = store.read(&key)? else { return Ok(None) };
        let inside = stored.payload().strip_prefix(MAGIC).and_then(<[u8]>::split_first_chunk);
        let Some((number, written_by)) = inside else {
            let what = "it does not say `ensue state` and a format".to_owned();
            return Err(store.flawed(&key, Flaw::Payload { what }));
        };
        let written_by = String::from_utf8_lossy(written_by).into_owned();
        Ok(Some(Format { number: u32::from_be_bytes(*number), written_by }))
    }
}

/// Adds the number of a commit to it.
pub(super) fn put_commits(changes: &mut Changes, commits: u64) {
    changes.put(&commits_key(), &commits.to_be_bytes());
}

/// Reads the number of the last commit; 0 before the first.
pub(super) fn read_commits(store: &dyn Store) -> Result<u64, StoreError> {
    let key = commits_key();
    let Some(stored) = store.read(&key)? else { return Ok(0) };
    match stored.payload().try_into() {
        Ok(bytes) => Ok(u64::from_be_bytes(bytes)),
        Err(_) => Err(store.flawed(&key, Flaw::Payload { what: "it is no number".to_owned() })),
    }
}

fn format_key() -> Key {
    Key::named(Space::Meta, "format")
}

fn commits_key() -> Key {
    Key::named(Space::Meta, "commits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MemoryStore;

    #[test]
    fn what_is_written_is_read() {
        let store = MemoryStore::new();
        assert_eq!(Format::read(&store).expect("nothing is wrong"), None);
        assert_eq!(read_commits(&store).expect("nothing is wrong"), 0);
        let mut changes = Changes::new();
        Format::current().put(&mut changes);
        put_commits(&mut changes, 7);
        store.commit(&mut changes).expect("a commit");
        assert_eq!(Format::read(&store).expect("nothing is wrong"), Some(Format::current()));
        assert_eq!(read_commits(&store).expect("nothing is wrong"), 7);
    }

    #[test]
    fn a_record_of_something_else_is_told() {
        let store = MemoryStore::new();
        let mut changes = Changes::new();
        changes.put(&format_key(), b"something else");
        store.commit(&mut changes).expect("a commit");
        let error = Format::read(&store).expect_err("it is something else").to_string();
        assert!(error.contains("record meta/format is not what it should be: it does not say"), "{error}");
    }
}
