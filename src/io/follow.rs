//! A file that somebody still writes to, read as if it had no end.
//!
//! Where nothing more stands in the file, reading waits for it and looks again, so that whoever reads sees a pipe: a
//! line comes once it is whole. A file that becomes shorter, or whose name another file takes, as when a log is rotated, ends
//! the run with an error: what would be read then is not what comes next.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How often a file is looked at that had nothing more.
const EVERY: Duration = Duration::from_millis(50);

/// Reads a file on, for ever.
#[derive(Debug)]
pub(super) struct Follow {
    file: File,
    path: PathBuf,
    /// How far it was read.
    read: u64,
}

impl Follow {
    /// Goes on with a file that was read so far.
    pub(super) fn new(file: File, path: PathBuf, read: u64) -> Follow {
        Follow { file, path, read }
    }

    /// Whether more can come. Asked once all that stands there is read.
    fn check(&self) -> io::Result<()> {
        let bytes = self.file.metadata()?.len();
        if bytes < self.read {
            let message =
                format!("it has {bytes} bytes, and {} were read: it was cut or written anew", self.read);
            return Err(io::Error::other(message));
        }
        match std::fs::metadata(&self.path) {
            Ok(named) if is_same(&self.file, &named)? => Ok(()),
            Ok(_) => Err(io::Error::other("another file has taken its name: begin with that one anew")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(io::Error::new(io::ErrorKind::NotFound, "it is not there any more"))
            }
            Err(error) => Err(error),
        }
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.file.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                self.read += count as u64;
                return Ok(count);
            }
            self.check()?;
            thread::sleep(EVERY);
        }
    }
}

/// Whether this is the open file.
#[cfg(unix)]
fn is_same(open: &File, named: &std::fs::Metadata) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = open.metadata()?;
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere an open file keeps its name.
#[cfg(not(unix))]
fn is_same(_: &File, _: &std::fs::Metadata) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn followed(name: &str, text: &str) -> (Follow, File, PathBuf) {
        let path = std::env::temp_dir().join(format!("ensue-follow-{name}-{}", std::process::id()));
        std::fs::write(&path, text).expect("written");
        let writer = File::options().append(true).open(&path).expect("it is there");
        (Follow::new(File::open(&path).expect("it is there"), path.clone(), 0), writer, path)
    }

    #[test]
    fn what_is_added_is_read_on() {
        let (mut follow, mut writer, path) = followed("on", "one\n");
        let mut buffer = [0; 16];
        assert_eq!(follow.read(&mut buffer).expect("readable"), 4);
        let later = thread::spawn(move || {
            thread::sleep(EVERY);
            writer.write_all(b"two\n").expect("written");
        });
        assert_eq!(follow.read(&mut buffer).expect("readable"), 4);
        assert_eq!(&buffer[..4], b"two\n");
        later.join().expect("it has written");
        std::fs::remove_file(path).expect("it is there");
    }

    #[test]
    fn a_file_that_is_not_the_same_any_more_is_refused() {
        let mut buffer = [0; 16];
        let (mut cut, writer, path) = followed("cut", "one\ntwo\n");
        assert_eq!(cut.read(&mut buffer).expect("readable"), 8);
        writer.set_len(2).expect("it can be cut");
        let error = cut.read(&mut buffer).expect_err("it is shorter").to_string();
        assert_eq!(error, "it has 2 bytes, and 8 were read: it was cut or written anew");
        let (mut gone, _writer, _) = followed("cut", "one\n");
        assert_eq!(gone.read(&mut buffer).expect("readable"), 4);
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(gone.read(&mut buffer).expect_err("it is gone").kind(), io::ErrorKind::NotFound);
        if cfg!(unix) {
            std::fs::write(&path, "three\n").expect("written");
            let error = gone.read(&mut buffer).expect_err("another file").to_string();
            assert_eq!(error, "another file has taken its name: begin with that one anew");
            std::fs::remove_file(&path).expect("it is there");
        }
    }
}
