//! Where copies go: a directory or a bucket, and the few things that are done with it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};

use super::decide::There;
use super::error::CopyError;
use super::manifest::Manifest;
use crate::limits;

/// Below this the manifests are, and below [`FILES`] the files.
pub(super) const COPIES: &str = "copies";
pub(super) const FILES: &str = "files";

/// Below this savepoints are, under the names that they were given.
pub(super) const SAVEPOINTS: &str = "savepoints";

/// A place for copies of one run: `file:///PATH` or `s3://BUCKET/PREFIX`.
pub struct Place {
    url: String,
    store: Box<dyn ObjectStore>,
    /// In front of the names of all objects.
    prefix: Path,
    /// The directory, where it is one.
    directory: Option<PathBuf>,
    /// What is put and got as one.
    part_bytes: usize,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Place {
    /// A place. Nothing is read or written yet. How S3 is reached and who asks is said by the variables that others use too,
    /// such as `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT`.
    ///
    /// # Errors
    ///
    /// Where the address is none.
    pub fn open(url: &str) -> Result<Place, CopyError> {
        Place::open_with(url, &[])
    }

    /// A place, with values for such variables; they are called as theirs.
    ///
    /// # Errors
    ///
    /// Where the address is none, or there is no such variable.
    pub fn open_with(url: &str, variables: &[(&str, &str)]) -> Result<Place, CopyError> {
        let refused = |what: String| CopyError::Address { url: url.to_owned(), what };
        let url_text = url.trim_end_matches('/').to_owned();
        let part_bytes = limits::COPY_PART_BYTES;
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(refused("it has no scheme".to_owned()));
        };
        match scheme {
            "file" if rest.starts_with('/') && rest.len() > 1 => {
                let prefix = Path::from_absolute_path(rest).map_err(|error| refused(error.to_string()))?;
                let store = Box::new(LocalFileSystem::new().with_fsync(true));
                let directory = Some(PathBuf::from(rest));
                Ok(Place { url: url_text, store, prefix, directory, part_bytes })
            }
            "file" => Err(refused("the path is not absolute".to_owned())),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(refused("it names no bucket".to_owned()));
                }
                let prefix =
                    Path::parse(prefix.trim_matches('/')).map_err(|error| refused(error.to_string()))?;
                let store = s3(bucket, variables).map_err(|error| refused(error.to_string()))?;
                Ok(Place { url: url_text, store, prefix, directory: None, part_bytes })
            }
            _ => Err(refused(format!("`{scheme}` is none of file and s3"))),
        }
    }

    /// The same, with files put and got in parts of this size: S3 takes none below 5 MiB, but for the last.
    #[must_use]
    pub fn with_parts_of(self, part_bytes: usize) -> Place {
        assert!(part_bytes > 0, "a part has bytes");
        Place { part_bytes, ..self }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sees that a directory is there, or makes it. Not those above it: where a disk is not mounted, a copy beside the
    /// state would be worth little.
    pub(super) fn prepare(&self) -> Result<(), CopyError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        match fs::create_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(CopyError::file("create", directory, error))
            }
            _ => Ok(()),
        }
    }

    /// Everything that is there.
    pub(super) async fn there(&self) -> Result<There, CopyError> {
        Ok(There { manifests: self.names(COPIES).await?, files: self.names(FILES).await? })
    }

    /// What is in a folder, by name with its size.
    pub(super) async fn names(&self, folder: &str) -> Result<BTreeMap<String, u64>, CopyError> {
        let listed = match self.store.list_with_delimiter(Some(&self.prefix.clone().join(folder))).await {
            Ok(listed) => listed.objects,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(self.failed("list", folder, error)),
        };
        let name = |object: &object_store::ObjectMeta| object.location.filename().map(str::to_owned);
        Ok(listed.iter().filter_map(|object| Some((name(object)?, object.size))).collect())
    }

    /// Reads a manifest.
    pub(super) async fn manifest(&self, name: &str) -> Result<Manifest, CopyError> {
        let object = format!("{COPIES}/{name}");
        let bytes = self.get(&object).await?;
        let manifest = Manifest::parse(&bytes).map_err(|what| self.damaged(&object, what))?;
        match manifest.object() == name {
            true => Ok(manifest),
            false => Err(self.damaged(&object, format!("it is the manifest of {}", manifest.object()))),
        }
    }

    /// Puts something small.
    pub(super) async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), CopyError> {
        let put = self.store.put(&self.path(object), PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| self.failed("put", object, error))
    }

    /// Puts a file. It is there whole, or not at all.
    pub(super) async fn put_file(&self, object: &str, path: &std::path::Path) -> Result<(), CopyError> {
        let failed = |source| CopyError::file("read", path, source);
        let mut file = File::open(path).map_err(failed)?;
        let first = self.part(&mut file).map_err(failed)?;
        if first.len() < self.part_bytes {
            return self.put(object, first).await;
        }
        let upload = self.store.put_multipart(&self.path(object)).await;
        let mut upload = upload.map_err(|error| self.failed("put", object, error))?;
        let mut next = first;
        let put = loop {
            if next.is_empty() {
                let put = upload.complete().await;
                break put.map(|_| ()).map_err(|error| self.failed("put", object, error));
            }
            if let Err(error) = upload.put_part(PutPayload::from(next)).await {
                break Err(self.failed("put", object, error));
            }
            match self.part(&mut file) {
                Ok(part) => next = part,
                Err(source) => break Err(failed(source)),
            }
        };
        if put.is_err() {
            // What was put of it is of no use; where that cannot be said either, it is for the bucket to forget it.
            let _ = upload.abort().await;
        }
        put
    }

    /// The next part of a file, shorter only at its end.
    fn part(&self, file: &mut File) -> io::Result<Vec<u8>> {
        let mut part = Vec::new();
        file.take(self.part_bytes as u64).read_to_end(&mut part)?;
        Ok(part)
    }

    /// Gets something small.
    pub(super) async fn get(&self, object: &str) -> Result<Vec<u8>, CopyError> {
        let failed = |error| self.failed("get", object, error);
        let got = self.store.get(&self.path(object)).await.map_err(failed)?;
        Ok(got.bytes().await.map_err(failed)?.to_vec())
    }

    /// Gets something of this size part by part.
    pub(super) async fn get_parts(
        &self,
        object: &str,
        bytes: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let part_bytes = self.part_bytes as u64;
        if bytes <= part_bytes {
            return take(&self.get(object).await?);
        }
        let mut at = 0;
        while at < bytes {
            let part = at..(at + part_bytes).min(bytes);
            let got = self.store.get_range(&self.path(object), part.clone()).await;
            take(&got.map_err(|error| self.failed("get", object, error))?)?;
            at = part.end;
        }
        Ok(())
    }

    /// Removes an object; one that is not there is removed.
    pub(super) async fn remove(&self, object: &str) -> Result<(), CopyError> {
        match self.store.delete(&self.path(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("remove", object, error)),
        }
    }

    pub(super) fn damaged(&self, object: &str, what: String) -> CopyError {
        CopyError::Damaged { url: self.url.clone(), object: object.to_owned(), what }
    }

    fn failed(&self, doing: &'static str, object: &str, why: object_store::Error) -> CopyError {
        CopyError::Remote { doing, url: self.url.clone(), object: object.to_owned(), why: Box::new(why) }
    }

    fn path(&self, object: &str) -> Path {
        object.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }
}

/// A bucket, as the environment says how to reach it.
fn s3(bucket: &str, variables: &[(&str, &str)]) -> object_store::Result<Box<dyn ObjectStore>> {
    // Where a program that has this library in it has chosen another, that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = AmazonS3Builder::from_env();
    for (name, value) in variables {
        let key: AmazonS3ConfigKey = name.to_lowercase().parse()?;
        builder = builder.with_config(key, *value);
    }
    // A request is tried a few times; then the copy has failed, and is tried again when the next is due.
    let retry =
        RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
    let store = builder.with_bucket_name(bucket).with_retry(retry).with_disable_bulk_delete(true).build()?;
    Ok(Box::new(store))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_with_what_can_be_written() {
        for (url, part) in [
            ("backup", "it has no scheme"),
            ("file://backup", "the path is not absolute"),
            ("file:///", "the path is not absolute"),
            ("s3:///prefix", "it names no bucket"),
            ("gs://bucket/x", "`gs` is none of file and s3"),
        ] {
            let error = Place::open(url).expect_err(url).to_string();
            assert!(
                error.contains(part) && error.contains("; write file:///PATH or s3://BUCKET/PREFIX"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_place_has_its_objects_below_its_address() {
        let place = Place::open("file:///some/where/").expect("it is one");
        assert_eq!(place.path("files/1.sst").to_string(), "some/where/files/1.sst");
        let place =
            Place::open_with("s3://bucket/a/b", &[("AWS_REGION", "eu-central-1")]).expect("it is one");
        assert_eq!(
            (place.path("copies/x").to_string().as_str(), place.url()),
            ("a/b/copies/x", "s3://bucket/a/b")
        );
        let place = Place::open("s3://bucket").expect("it is one");
        assert_eq!(place.path("copies/x").to_string(), "copies/x");
    }
}
