//! What is put, what stays, and what can be had again.

use std::fs;

use ensue::copies::{CopiedFile, CopyError, wait_for};

use super::bucket::Bucket;
use super::{Run, copied, epoch_in, fetched, fetched_whole, folder, listed, local, names};

#[test]
fn a_copy_becomes_the_state_that_it_was() {
    let (folder, place) = folder("back");
    let mut run = Run::new(&folder.0.join("state"));
    let mut copier = run.copier(local(&folder.0.join("place")));
    assert!(wait_for(copier.copy()).expect("a runtime").expect("no error").is_none(), "there is no epoch");
    run.epoch(500);
    assert_eq!(copied(&mut copier).epoch, 1);
    assert!(wait_for(copier.copy()).expect("a runtime").expect("no error").is_none(), "nothing is new");
    run.epoch(500);
    assert_eq!(copied(&mut copier).epoch, 2);
    assert_eq!(listed(&place).iter().map(|copy| copy.lacks.clone()).collect::<Vec<_>>(), [None, None]);
    let fetched = fetched_whole(&place, &folder.0.join("new"));
    assert_eq!(fetched.manifest.epoch, 2);
    // It is known again by what it was known by, so copies of it go to where those before it went.
    assert_eq!(folder.read("new/IDENTITY"), folder.read("state/IDENTITY"));
    assert!(!folder.0.join("state/copying").exists(), "hard links are removed");
    assert!(names(folder.0.clone()).iter().all(|name| !name.contains("fetching")));
    let older = wait_for(ensue::copies::fetch(&place, &folder.0.join("older"), Some(1))).expect("a runtime");
    assert_eq!(older.expect("it is there").manifest.epoch, 1);
    assert_eq!(epoch_in(&folder.0.join("older")), 1);
}

#[test]
fn a_second_copy_puts_only_what_is_new() {
    let (folder, _) = folder("incremental");
    let bucket = Bucket::start();
    let mut run = Run::new(&folder.0.join("state"));
    let mut copier = run.copier(bucket.place());
    run.epoch(5000);
    let first = copied(&mut copier);
    bucket.requests();
    run.epoch(10);
    let second = copied(&mut copier);
    let puts: Vec<String> =
        bucket.requests().into_iter().filter(|request| request.starts_with("PUT ")).collect();
    let sorted = puts.iter().filter(|put| put.contains(".sst.")).count();
    assert_eq!(sorted, 1, "{puts:#?}");
    assert!(puts.last().is_some_and(|put| put.starts_with("PUT copies/")), "{puts:#?}");
    assert_eq!(puts.len() as u64, second.files_put + 1);
    assert!(second.bytes_put * 4 < first.bytes_put, "{second:?} after {first:?}");
    assert!(second.bytes > first.bytes, "it has what was there too");
    // Another process knows nothing of what the first has put, and asks.
    let mut copier = run.copier(bucket.place());
    run.epoch(10);
    copied(&mut copier);
    let sorted =
        bucket.requests().iter().filter(|put| put.starts_with("PUT") && put.contains(".sst.")).count();
    assert_eq!(sorted, 1);
    assert_eq!(fetched_whole(&bucket.place(), &folder.0.join("new")).manifest.epoch, 3);
}

#[test]
fn large_files_go_in_parts() {
    let (folder, _) = folder("parts");
    let bucket = Bucket::start();
    let mut run = Run::new(&folder.0.join("state"));
    run.epoch(3000);
    copied(&mut run.copier(bucket.place().with_parts_of(4096)));
    let requests = bucket.requests();
    let parts = requests.iter().filter(|put| put.starts_with("PUT files/") && put.contains(".sst")).count();
    assert!(parts > 3, "{requests:#?}");
    assert_eq!(requests.iter().filter(|request| request.starts_with("POST ")).count() % 2, 0);
    for (at, parts) in [4096, 1 << 20].into_iter().enumerate() {
        let place = bucket.place().with_parts_of(parts);
        fetched_whole(&place, &folder.0.join(format!("new{at}")));
    }
}

#[test]
fn old_copies_go_and_what_newer_ones_need_stays() {
    let (folder, place) = folder("old");
    let mut run = Run::new(&folder.0.join("state"));
    let mut copier = run.copier(local(&folder.0.join("place")));
    for epoch in 1..=6 {
        run.epoch(300);
        copied(&mut copier);
        let copies = listed(&place);
        assert_eq!(copies.len(), epoch.min(3));
        assert!(copies.iter().all(|copy| copy.lacks.is_none()), "{copies:#?}");
        let mut needed: Vec<String> = Vec::new();
        for copy in &copies {
            needed.extend(copy.manifest.as_ref().expect("readable").files.iter().map(|file| file.object()));
        }
        needed.sort();
        needed.dedup();
        assert_eq!(names(folder.0.join("place/files")), needed);
    }
    for (at, epoch) in [6, 5, 4].into_iter().enumerate() {
        assert_eq!(listed(&place)[at].manifest.as_ref().map(|manifest| manifest.epoch), Some(epoch));
        let directory = folder.0.join(format!("new{epoch}"));
        wait_for(ensue::copies::fetch(&place, &directory, Some(epoch))).expect("a runtime").expect("a copy");
        assert_eq!(epoch_in(&directory), epoch);
    }
}

#[test]
fn a_damaged_object_is_named_and_an_older_copy_is_taken() {
    let (folder, place) = folder("damage");
    let mut run = Run::new(&folder.0.join("state"));
    let mut copier = run.copier(local(&folder.0.join("place")));
    run.epoch(500);
    copied(&mut copier);
    run.epoch(500);
    copied(&mut copier);
    let newest = listed(&place)[0].manifest.clone().expect("readable");
    let older = listed(&place)[1].manifest.clone().expect("readable");
    // The log may be empty, and nothing in it can be damaged.
    let is_new = |file: &&CopiedFile| file.bytes > 0 && !older.files.contains(file);
    let objects: Vec<String> = newest.files.iter().filter(is_new).map(CopiedFile::object).collect();
    assert!(objects.len() > 2, "{objects:?}");
    for (at, object) in objects.iter().enumerate() {
        let path = folder.0.join("place/files").join(object);
        let whole = fs::read(&path).expect("it is there");
        for how in 0..3 {
            match how {
                0 => fs::write(&path, &whole[..whole.len() - 1]).expect("writable"),
                1 => {
                    let mut changed = whole.clone();
                    changed[whole.len() / 2] ^= 1;
                    fs::write(&path, changed).expect("writable");
                }
                _ => fs::remove_file(&path).expect("it is there"),
            }
            let fetched = fetched_whole(&place, &folder.0.join(format!("new{at}-{how}")));
            assert_eq!(fetched.manifest.epoch, 1);
            let why = fetched.passed_over[0].to_string();
            assert!(why.contains(object), "{why}");
            let lacks = listed(&place)[0].lacks.clone().expect("it is seen");
            assert!(lacks.contains(object), "{lacks}");
            assert_eq!(listed(&place)[1].lacks, None);
        }
        fs::write(&path, whole).expect("writable");
    }
    for copy in names(folder.0.join("place/copies")) {
        fs::write(folder.0.join("place/copies").join(copy), "ensue copy, format 1\n").expect("writable");
    }
    let error = fetched(&place, &folder.0.join("none")).expect_err("nothing is whole").to_string();
    assert!(error.starts_with("no copy in file://") && error.contains("its end is missing"), "{error}");
    assert!(!folder.0.join("none").exists());
}

#[test]
fn what_is_there_is_not_replaced_and_other_runs_are_refused() {
    let (folder, place) = folder("others");
    let mut run = Run::new(&folder.0.join("state"));
    run.epoch(10);
    copied(&mut run.copier(local(&folder.0.join("place"))));
    assert!(matches!(fetched(&place, &folder.0.join("state")), Err(CopyError::Exists { .. })));
    let mut other = Run::new(&folder.0.join("other"));
    other.epoch(10);
    let error = wait_for(other.copier(local(&folder.0.join("place"))).copy()).expect("a runtime");
    let error = error.expect_err("it is another's").to_string();
    assert!(
        error.contains("has copies of another run, the newest of its epoch 1; give another place"),
        "{error}"
    );
    let nowhere = folder.0.join("not/mounted");
    let error = wait_for(run.copier(local(&nowhere)).copy()).expect("a runtime");
    let error = error.expect_err("it is not there").to_string();
    assert!(error.starts_with("cannot create ") && !folder.0.join("not").exists(), "{error}");
    let empty = local(&folder.0.join("empty"));
    assert!(matches!(fetched(&empty, &folder.0.join("new")), Err(CopyError::NoCopy { .. })));
    assert!(listed(&empty).is_empty());
}
