//! The manifest of a copy: which files it has, and what it is a copy of.
//!
//! ```text
//! ensue copy, format 1
//! {"number":7,"epoch":12,"at":1700000000000,"ensue":"0.1.0","state":"5f0c…",
//!  "files":[{"name":"000012.sst","bytes":1803,"sha256":"…"}, …],
//!  "inputs":[{"stream":"tx","path":"tx.jsonl","bytes":4711}],"outputs":[{"path":"alerts.jsonl","bytes":99}]}
//! crc 3c1f90ab
//! ```
//!
//! Three lines: the first never changes, so that every version can say what it refuses; the second is JSON, to be read by
//! people too; the last is the CRC-32C of what is before it.

use serde::{Deserialize, Serialize};

use super::sums::Sum;

/// The format that is written, and the latest that is read.
const FORMAT: u32 = 1;

const FIRST_LINE: &str = "ensue copy, format ";

/// What a copy is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Its number among the copies of a place: each is greater than those before it, also where a run went on from an
    /// older copy, and its epochs began again from there.
    pub number: u64,
    /// The epoch that it holds.
    pub epoch: u64,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// The version that made it.
    pub ensue: String,
    /// By what the state is known again, wherever its files go.
    pub state: String,
    /// The files, in order of name.
    pub files: Vec<CopiedFile>,
    /// The inputs, by stream and path, and how far each was read.
    pub inputs: Vec<(String, String, u64)>,
    /// The output files, and how long each was.
    pub outputs: Vec<(String, u64)>,
}

/// A file of a copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopiedFile {
    /// Its name in the state directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its sum.
    pub sum: Sum,
}

impl CopiedFile {
    /// What its object is called, below `files/`.
    pub fn object(&self) -> String {
        format!("{}.{}", self.name, self.sum)
    }
}

impl Manifest {
    /// What its object is called, below `copies/`; the names are in the order of the numbers.
    pub fn object(&self) -> String {
        format!("{:020}-epoch-{}", self.number, self.epoch)
    }

    /// How many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What is put.
    pub fn to_text(&self) -> String {
        let line = serde_json::to_string(&Wire::of(self)).expect("texts and numbers become JSON");
        let text = format!("{FIRST_LINE}{FORMAT}\n{line}\n");
        let crc = crc32c::crc32c(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    /// Reads what was put.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let format = text.strip_prefix(FIRST_LINE).and_then(|rest| rest.lines().next());
        let format: u32 =
            format.and_then(|format| format.parse().ok()).ok_or("it is no manifest of Ensue")?;
        if format > FORMAT {
            return Err(format!("it has format {format}, and this version reads formats up to {FORMAT}"));
        }
        let at = text.rfind("crc ").ok_or("its end is missing")?;
        let crc = format!("crc {:08x}\n", crc32c::crc32c(&bytes[..at]));
        if text[at..] != crc {
            return Err("it is not what its checksum says".to_owned());
        }
        let line = text.lines().nth(1).unwrap_or_default();
        let wire: Wire = serde_json::from_str(line).map_err(|error| error.to_string())?;
        wire.manifest()
    }
}

/// The number and the epoch in the name of an object below `copies/`.
pub(super) fn numbers_in(object: &str) -> Option<(u64, u64)> {
    let (number, epoch) = object.split_once("-epoch-")?;
    let is_number = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(())?;
    Some((number.parse().ok()?, epoch.parse().ok()?))
}

/// The second line.
#[derive(Serialize, Deserialize)]
struct Wire {
    number: u64,
    epoch: u64,
    at: u64,
    ensue: String,
    state: String,
    files: Vec<WireFile>,
    inputs: Vec<WireInput>,
    outputs: Vec<WireOutput>,
}

#[derive(Serialize, Deserialize)]
struct WireFile {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct WireInput {
    stream: String,
    path: String,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct WireOutput {
    path: String,
    bytes: u64,
}

impl Wire {
    fn of(manifest: &Manifest) -> Wire {
        let file = |file: &CopiedFile| WireFile {
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.sum.to_string(),
        };
        let inputs = manifest.inputs.iter().cloned();
        let outputs = manifest.outputs.iter().cloned();
        Wire {
            number: manifest.number,
            epoch: manifest.epoch,
            at: manifest.at_ms,
            ensue: manifest.ensue.clone(),
            state: manifest.state.clone(),
            files: manifest.files.iter().map(file).collect(),
            inputs: inputs.map(|(stream, path, bytes)| WireInput { stream, path, bytes }).collect(),
            outputs: outputs.map(|(path, bytes)| WireOutput { path, bytes }).collect(),
        }
    }

    fn manifest(self) -> Result<Manifest, String> {
        let mut files = Vec::new();
        for WireFile { name, bytes, sha256 } in self.files {
            // A name becomes a path on this machine, so it may not lead out of its directory.
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
                return Err(format!("`{name}` is no name of a file"));
            }
            let sum = Sum::parse(&sha256).ok_or_else(|| format!("`{sha256}` is no SHA-256"))?;
            files.push(CopiedFile { name, bytes, sum });
        }
        Ok(Manifest {
            number: self.number,
            epoch: self.epoch,
            at_ms: self.at,
            ensue: self.ensue,
            state: self.state,
            files,
            inputs: self.inputs.into_iter().map(|input| (input.stream, input.path, input.bytes)).collect(),
            outputs: self.outputs.into_iter().map(|output| (output.path, output.bytes)).collect(),
        })
    }
}

#[cfg(test)]
pub(super) fn sample(number: u64, files: &[(&str, u64)]) -> Manifest {
    let file = |(name, bytes): &(&str, u64)| CopiedFile {
        name: (*name).to_owned(),
        bytes: *bytes,
        sum: Sum::of(name.as_bytes()),
    };
    Manifest {
        number,
        epoch: number + 5,
        at_ms: 1_700_000_000_000,
        ensue: "0.1.0".to_owned(),
        state: "5f0c".to_owned(),
        files: files.iter().map(file).collect(),
        inputs: vec![("tx".to_owned(), "tx.jsonl".to_owned(), 4711)],
        outputs: vec![("alerts.jsonl".to_owned(), 99)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_put() {
        let manifest = sample(7, &[("000012.sst", 1803), ("CURRENT", 16)]);
        assert_eq!(Manifest::parse(manifest.to_text().as_bytes()), Ok(manifest.clone()));
        assert_eq!(manifest.object(), "00000000000000000007-epoch-12");
        assert_eq!(numbers_in(&manifest.object()), Some((7, 12)));
        for other in ["7-epoch-12", "00000000000000000007", "x-epoch-12", "00000000000000000007-epoch-"] {
            assert_eq!(numbers_in(other), None, "{other}");
        }
    }

    #[test]
    fn one_that_was_cut_or_changed_is_refused_at_every_byte() {
        let text = sample(7, &[("000012.sst", 1803)]).to_text();
        for at in 0..text.len() {
            assert!(Manifest::parse(&text.as_bytes()[..at]).is_err(), "cut at {at}");
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            assert!(Manifest::parse(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_later_format_and_names_that_lead_elsewhere_are_refused() {
        let refused = |text: String| {
            let crc = crc32c::crc32c(text.as_bytes());
            Manifest::parse(format!("{text}crc {crc:08x}\n").as_bytes()).expect_err("it is refused")
        };
        let text = sample(7, &[("CURRENT", 16)]).to_text();
        let text = &text[..text.rfind("crc ").expect("it has one")];
        assert_eq!(
            refused(text.replace("format 1", "format 2")),
            "it has format 2, and this version reads formats up to 1"
        );
        for name in ["../x", "a/b", "", ".x"] {
            let why = refused(text.replace("CURRENT", name));
            assert_eq!(why, format!("`{name}` is no name of a file"));
        }
    }
}
