//! From a place to a new state directory, and what there is to be had.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::copy::look;
use super::decide::There;
use super::error::CopyError;
use super::manifest::{CopiedFile, Manifest};
use super::place::{COPIES, FILES, Place};
use super::sums::Summing;

/// A copy that is at a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The name of its manifest.
    pub name: String,
    /// What it is, where its manifest can be read.
    pub manifest: Option<Manifest>,
    /// What is wrong with it, where something is.
    pub lacks: Option<String>,
}

/// A copy that was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// What it is.
    pub manifest: Manifest,
    /// Why newer ones were not taken, the newest first.
    pub passed_over: Vec<CopyError>,
}

/// The copies of a place, the newest first. Whether a file is there is looked at, with its size; with `reads_all` also
/// whether it is what was put.
///
/// # Errors
///
/// Where the place cannot be read. What is wrong with a copy is no error here.
pub async fn list(place: &Place, reads_all: bool) -> Result<Vec<Listed>, CopyError> {
    let there = place.there().await?;
    let mut listed = Vec::new();
    for name in there.newest_first() {
        let (manifest, lacks) = match place.manifest(&name).await {
            Ok(manifest) => {
                let lacks = match there.lacks(&manifest) {
                    None if reads_all => unread(place, &manifest).await?,
                    lacks => lacks,
                };
                (Some(manifest), lacks)
            }
            Err(error) if error.is_of_one_copy() => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        listed.push(Listed { name, manifest, lacks });
    }
    Ok(listed)
}

/// Reads all files of a copy; gives what is wrong with the first that is not what was put.
async fn unread(place: &Place, manifest: &Manifest) -> Result<Option<String>, CopyError> {
    for file in &manifest.files {
        match get(place, file, &mut |_| Ok(())).await {
            Err(error) if error.is_of_one_copy() => return Ok(Some(error.to_string())),
            read => read?,
        }
    }
    Ok(None)
}

/// Fetches the newest copy that is whole, or that of an epoch, to a directory that is not there yet or empty. Every file is
/// checked, and the directory has its name only when all are there.
///
/// # Errors
///
/// [`CopyError`]. Nothing is left of what was fetched.
pub async fn fetch(place: &Place, directory: &Path, epoch: Option<u64>) -> Result<Fetched, CopyError> {
    if !is_free(directory) {
        return Err(CopyError::Exists { path: directory.to_owned() });
    }
    let there = place.there().await?;
    let mut passed_over = Vec::new();
    for name in there.newest_first() {
        if epoch.is_some_and(|epoch| !name.ends_with(&format!("-epoch-{epoch}"))) {
            continue;
        }
        match fetch_one(place, &there, &name, directory).await {
            Ok(manifest) => return Ok(Fetched { manifest, passed_over }),
            Err(error) if error.is_of_one_copy() => passed_over.push(error),
            Err(error) => return Err(error),
        }
    }
    let url = place.url().to_owned();
    match passed_over.is_empty() {
        true => Err(CopyError::NoCopy { url, epoch }),
        false => {
            let what = passed_over.iter().map(ToString::to_string).collect();
            Err(CopyError::NoneWhole { url, what })
        }
    }
}

/// Whether a directory can be made here, or is there and empty.
fn is_free(directory: &Path) -> bool {
    match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => directory.symlink_metadata().is_err(),
    }
}

async fn fetch_one(
    place: &Place,
    there: &There,
    name: &str,
    directory: &Path,
) -> Result<Manifest, CopyError> {
    let manifest = place.manifest(name).await?;
    if let Some(what) = there.lacks(&manifest) {
        return Err(place.damaged(&format!("{COPIES}/{name}"), what));
    }
    let partial = Partial::begin(directory)?;
    for file in &manifest.files {
        fetch_file(place, file, &partial.path.join(&file.name)).await?;
    }
    let found = look(&partial.path)?.map(|(mark, _)| mark.epoch);
    if found != Some(manifest.epoch) {
        let what = format!("its files are not those of epoch {}", manifest.epoch);
        return Err(place.damaged(&format!("{COPIES}/{name}"), what));
    }
    partial.finish(directory)?;
    Ok(manifest)
}

async fn fetch_file(place: &Place, file: &CopiedFile, path: &Path) -> Result<(), CopyError> {
    let failed = |source| CopyError::file("write", path, source);
    let mut out = File::create_new(path).map_err(failed)?;
    get(place, file, &mut |part| out.write_all(part).map_err(failed)).await?;
    out.sync_all().map_err(failed)
}

/// Gets a file, and sees whether it is what was put.
async fn get(
    place: &Place,
    file: &CopiedFile,
    take: &mut dyn FnMut(&[u8]) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let object = format!("{FILES}/{}", file.object());
    let (mut summing, mut bytes) = (Summing::new(), 0);
    let taken = |part: &[u8]| {
        summing.add(part);
        bytes += part.len() as u64;
        take(part)
    };
    place.get_parts(&object, file.bytes, taken).await?;
    if bytes != file.bytes {
        return Err(place.damaged(&object, format!("it has {bytes} bytes, and {} were put", file.bytes)));
    }
    let sum = summing.finish();
    match sum == file.sum {
        true => Ok(()),
        false => Err(place.damaged(&object, format!("its SHA-256 is {sum}"))),
    }
}

/// A directory that is being filled, beside where it will be. It is removed where it is not finished.
struct Partial {
    path: PathBuf,
    is_finished: bool,
}

impl Partial {
    fn begin(directory: &Path) -> Result<Partial, CopyError> {
        let mut name = directory.file_name().unwrap_or_default().to_owned();
        name.push(format!(".fetching-{}", std::process::id()));
        let path = directory.with_file_name(name);
        fs::create_dir(&path).map_err(|error| CopyError::file("create", &path, error))?;
        Ok(Partial { path, is_finished: false })
    }

    /// Gives it its name, with everything on the disk.
    fn finish(mut self, directory: &Path) -> Result<(), CopyError> {
        let synced = |path: &Path| File::open(path).and_then(|directory| directory.sync_all());
        synced(&self.path).map_err(|error| CopyError::file("write", &self.path, error))?;
        let named = fs::rename(&self.path, directory);
        named.map_err(|error| CopyError::file("create", directory, error))?;
        self.is_finished = true;
        let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        synced(parent).map_err(|error| CopyError::file("write", parent, error))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_finished {
            // Nobody else has it, and nobody could use it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
