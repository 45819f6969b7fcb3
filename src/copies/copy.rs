//! One copy: from a state directory that is in use to a place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decide::{There, to_put, to_remove};
use super::error::CopyError;
use super::manifest::{CopiedFile, Manifest};
use super::place::{COPIES, FILES, Place};
use super::sums::KnownSums;
use crate::limits;
use crate::runtime::clock;
use crate::runtime::epochs::{self, Mark};
use crate::state::{RocksStore, Store};

/// Makes copies of a store, one after another.
pub struct Copier {
    store: Arc<dyn Store>,
    place: Place,
    sums: KnownSums,
    /// Manifests that were put or read, by the name of their object.
    known: BTreeMap<String, Manifest>,
    /// How many commits the last copy has.
    commits: u64,
}

/// A copy that was made.
#[derive(Debug)]
pub struct Copied {
    /// Its number among the copies of the place.
    pub number: u64,
    /// The epoch that it holds.
    pub epoch: u64,
    /// The bytes that it has.
    pub bytes: u64,
    /// The files that had to be put for it.
    pub files_put: u64,
    /// Their bytes.
    pub bytes_put: u64,
    /// Why older copies could not be removed, where they could not. The next copy tries again.
    pub left: Option<CopyError>,
}

impl Copier {
    /// One that copies this store to this place.
    pub fn new(store: Arc<dyn Store>, place: Place) -> Copier {
        Copier { store, place, sums: KnownSums::default(), known: BTreeMap::new(), commits: 0 }
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Copies the last epoch, unless it is that of the last copy, or there is none yet.
    ///
    /// # Errors
    ///
    /// [`CopyError`]. What was there is as it was, and files that were put are of use to the next copy.
    pub async fn copy(&mut self) -> Result<Option<Copied>, CopyError> {
        if self.store.commits() == self.commits {
            return Ok(None);
        }
        let scratch = Scratch::begin(self.store.directory())?;
        self.store.copy_to(&scratch.0)?;
        let Some((mark, commits)) = look(&scratch.0)? else { return Ok(None) };
        self.place.prepare()?;
        let mut there = self.place.there().await?;
        let state = identity(self.store.directory())?;
        self.know(&there, &state).await?;
        let files = self.files(&scratch.0).await?;
        let manifest = manifest_of(there.next_number(), &mark, state, files);
        let mut copied = Copied {
            number: manifest.number,
            epoch: mark.epoch,
            bytes: manifest.bytes(),
            files_put: 0,
            bytes_put: 0,
            left: None,
        };
        for file in to_put(&manifest.files, &there) {
            let object = format!("{FILES}/{}", file.object());
            self.place.put_file(&object, &scratch.0.join(&file.name)).await?;
            copied.files_put += 1;
            copied.bytes_put += file.bytes;
        }
        drop(scratch);
        let text = manifest.to_text();
        self.place.put(&format!("{COPIES}/{}", manifest.object()), text.into_bytes()).await?;
        self.commits = commits;
        there.manifests.insert(manifest.object(), 0);
        self.known.insert(manifest.object(), manifest);
        copied.left = self.remove_old(&there).await.err();
        Ok(Some(copied))
    }

    /// Reads the manifests that stay and are not known, and sees that they are of this state.
    async fn know(&mut self, there: &There, state: &str) -> Result<(), CopyError> {
        self.known.retain(|name, _| there.manifests.contains_key(name));
        for name in there.newest_first().into_iter().take(limits::COPIES_KEPT) {
            if !self.known.contains_key(&name) {
                match self.place.manifest(&name).await {
                    Ok(manifest) => {
                        self.known.insert(name.clone(), manifest);
                    }
                    // It is of no use to anybody, and goes in time; until then no file is removed.
                    Err(error) if error.is_of_one_copy() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        match self.known.values().rfind(|manifest| manifest.state != state) {
            Some(Manifest { epoch, .. }) => {
                Err(CopyError::OtherState { url: self.place.url().to_owned(), epoch: *epoch })
            }
            None => Ok(()),
        }
    }

    /// The files of a copy, with their sums.
    async fn files(&mut self, directory: &Path) -> Result<Vec<CopiedFile>, CopyError> {
        let mut names = Vec::new();
        let failed = |error| CopyError::file("list", directory, error);
        for entry in fs::read_dir(directory).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        // `LOCK` is nothing that could be copied.
        names.retain(|name| name != "LOCK");
        names.sort();
        let mut files = Vec::new();
        for name in names {
            let (bytes, sum) = self.sums.of(directory, &name).await?;
            files.push(CopiedFile { name, bytes, sum });
        }
        self.sums.keep_only(|name| files.iter().any(|file| file.name == name));
        Ok(files)
    }

    async fn remove_old(&self, there: &There) -> Result<(), CopyError> {
        let removal = to_remove(there, &self.known, limits::COPIES_KEPT);
        for name in removal.manifests {
            self.place.remove(&format!("{COPIES}/{name}")).await?;
        }
        for name in removal.files {
            self.place.remove(&format!("{FILES}/{name}")).await?;
        }
        Ok(())
    }
}

/// What a copied directory is of: the mark of its last epoch, and its commits. Opening it shows that it is whole.
pub(super) fn look(directory: &Path) -> Result<Option<(Mark, u64)>, CopyError> {
    let store = RocksStore::open_to_read(directory)?;
    Ok(epochs::mark(&store)?.map(|mark| (mark, store.commits())))
}

fn manifest_of(number: u64, mark: &Mark, state: String, files: Vec<CopiedFile>) -> Manifest {
    let inputs = mark.inputs.iter();
    Manifest {
        number,
        epoch: mark.epoch,
        at_ms: clock::now_ms(),
        ensue: env!("CARGO_PKG_VERSION").to_owned(),
        state,
        files,
        inputs: inputs.map(|input| (input.stream.clone(), input.name.clone(), input.bytes)).collect(),
        outputs: mark.outputs.iter().map(|(path, bytes)| (path.clone(), *bytes)).collect(),
    }
}

/// By what a state is known wherever it goes: the database draws it when it is made.
fn identity(directory: &Path) -> Result<String, CopyError> {
    let path = directory.join("IDENTITY");
    let text = fs::read_to_string(&path).map_err(|error| CopyError::file("read", &path, error))?;
    Ok(text.trim().to_owned())
}

/// Where hard links to the files of a copy are while it is made: in the state directory, as links do not leave a disk.
struct Scratch(PathBuf);

impl Scratch {
    /// Its place; what a process that was killed has left there is removed.
    fn begin(directory: &Path) -> Result<Scratch, CopyError> {
        let path = directory.join("copying");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CopyError::file("remove", path, error))
            }
            _ => Ok(Scratch(path)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next copy tries again, and says so.
        let _ = fs::remove_dir_all(&self.0);
    }
}
