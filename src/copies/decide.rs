//! What is put and what is removed: decisions from what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{CopiedFile, Manifest, numbers_in};

/// What is below `copies/` and `files/`: the names of the objects, with their sizes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct There {
    pub(super) manifests: BTreeMap<String, u64>,
    pub(super) files: BTreeMap<String, u64>,
}

impl There {
    /// The names of the manifests, the newest first. Objects of other names are nobody's business.
    pub(super) fn newest_first(&self) -> Vec<String> {
        let mut names: Vec<(u64, &String)> = Vec::new();
        for name in self.manifests.keys() {
            if let Some((number, _)) = numbers_in(name) {
                names.push((number, name));
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    /// The number of the next copy.
    pub(super) fn next_number(&self) -> u64 {
        let numbers = self.manifests.keys().filter_map(|name| numbers_in(name));
        numbers.map(|(number, _)| number + 1).max().unwrap_or(1)
    }

    /// The first file of a copy that is not there as it should be, and how that is.
    pub(super) fn lacks(&self, manifest: &Manifest) -> Option<String> {
        manifest.files.iter().find_map(|file| {
            let object = file.object();
            match self.files.get(&object) {
                None => Some(format!("files/{object} is missing")),
                Some(bytes) if *bytes != file.bytes => {
                    Some(format!("files/{object} has {bytes} bytes, and {} were put", file.bytes))
                }
                Some(_) => None,
            }
        })
    }
}

/// The files that are to be put: those that are not there with their size. The large ones that never change come first,
/// so that what a copy that is broken off has put is of use to the next.
pub(super) fn to_put<'a>(files: &'a [CopiedFile], there: &There) -> Vec<&'a CopiedFile> {
    let is_missing = |file: &&CopiedFile| there.files.get(&file.object()) != Some(&file.bytes);
    let mut missing: Vec<&CopiedFile> = files.iter().filter(is_missing).collect();
    missing.sort_by_key(|file| !file.name.ends_with(".sst"));
    missing
}

/// What is to be removed once a copy is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Removal {
    /// Manifests, the oldest first.
    pub(super) manifests: Vec<String>,
    /// Files, when these manifests are gone.
    pub(super) files: Vec<String>,
}

/// Decides that: of the copies that are there `keep` stay, and with them their files. `known` has the manifests that could be
/// read; where one that stays is not among them, nobody can say which files it needs, and all files stay.
pub(super) fn to_remove(there: &There, known: &BTreeMap<String, Manifest>, keep: usize) -> Removal {
    let mut names = there.newest_first();
    let mut manifests = names.split_off(keep.min(names.len()));
    manifests.reverse();
    let mut needed = BTreeSet::new();
    for name in &names {
        let Some(manifest) = known.get(name) else { return Removal { manifests, files: Vec::new() } };
        needed.extend(manifest.files.iter().map(CopiedFile::object));
    }
    let files = there.files.keys().filter(|object| !needed.contains(*object)).cloned().collect();
    Removal { manifests, files }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::sample;
    use super::*;

    /// A place with these copies, whole.
    fn there(copies: &[Manifest]) -> (There, BTreeMap<String, Manifest>) {
        let (mut there, mut known) = (There::default(), BTreeMap::new());
        for copy in copies {
            there.manifests.insert(copy.object(), 1);
            there.files.extend(copy.files.iter().map(|file| (file.object(), file.bytes)));
            known.insert(copy.object(), copy.clone());
        }
        (there, known)
    }

    #[test]
    fn only_what_is_not_there_is_put_and_sorted_files_first() {
        let (mut there, _) = there(&[sample(1, &[("1.sst", 5), ("2.sst", 6)])]);
        let next = sample(2, &[("1.sst", 5), ("2.sst", 6), ("3.sst", 7), ("CURRENT", 1), ("4.sst", 8)]);
        let names = |there: &There| {
            to_put(&next.files, there).iter().map(|file| file.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&there), ["3.sst", "4.sst", "CURRENT"]);
        // One that was cut is put again.
        *there.files.get_mut(&next.files[1].object()).expect("it is there") = 2;
        assert_eq!(names(&there), ["2.sst", "3.sst", "4.sst", "CURRENT"]);
    }

    #[test]
    fn the_newest_copies_stay_with_all_their_files() {
        let copies = [
            sample(1, &[("1.sst", 5), ("2.sst", 6)]),
            sample(2, &[("2.sst", 6), ("3.sst", 7)]),
            sample(3, &[("2.sst", 6), ("4.sst", 7)]),
        ];
        let (mut there, known) = there(&copies);
        let removal = to_remove(&there, &known, 2);
        assert_eq!(removal.manifests, [copies[0].object()]);
        assert_eq!(removal.files, [copies[0].files[0].object()]);
        assert_eq!(to_remove(&there, &known, 3), Removal::default());
        // What a copy that was broken off has left goes with the next.
        there.files.insert("5.sst.left".to_owned(), 1);
        assert_eq!(to_remove(&there, &known, 3).files, ["5.sst.left"]);
    }

    #[test]
    fn where_a_manifest_cannot_be_read_no_file_is_removed() {
        let (there, mut known) = there(&[sample(1, &[("1.sst", 5)]), sample(2, &[("2.sst", 6)])]);
        known.remove(&sample(2, &[]).object());
        let removal = to_remove(&there, &known, 1);
        assert_eq!((removal.manifests.len(), removal.files.len()), (1, 0));
    }

    #[test]
    fn the_order_is_that_of_numbers_and_not_of_epochs() {
        let mut old = sample(1, &[]);
        old.epoch = 900;
        let (mut there, _) = there(&[old.clone(), sample(2, &[])]);
        there.manifests.insert("notes.txt".to_owned(), 9);
        assert_eq!(there.newest_first(), [sample(2, &[]).object(), old.object()]);
        assert_eq!((there.next_number(), There::default().next_number()), (3, 1));
    }

    #[test]
    fn what_a_copy_lacks_is_named() {
        let copy = sample(1, &[("1.sst", 5)]);
        let (mut there, _) = there(std::slice::from_ref(&copy));
        assert_eq!(there.lacks(&copy), None);
        let object = copy.files[0].object();
        there.files.insert(object.clone(), 4);
        assert_eq!(there.lacks(&copy), Some(format!("files/{object} has 4 bytes, and 5 were put")));
        there.files.clear();
        assert_eq!(there.lacks(&copy), Some(format!("files/{object} is missing")));
    }
}
