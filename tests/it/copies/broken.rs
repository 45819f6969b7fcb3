//! A copy that is broken off at any request leaves the copies before it whole, and the next one is.

use std::collections::BTreeMap;

use ensue::copies::wait_for;

use super::bucket::{Bucket, Fault};
use super::{Run, copied, fetched_whole, folder, listed};

/// How many keys an epoch adds: enough for files that go in parts.
const KEYS: i64 = 400;

/// A bucket with some copies, and a state with an epoch that is not copied.
fn before(name: &str, copies: usize) -> (crate::folder::Folder, Bucket, Run, BTreeMap<String, Vec<u8>>) {
    let (folder, _) = folder(name);
    let bucket = Bucket::start();
    let mut run = Run::new(&folder.0.join("state"));
    let mut copier = run.copier(bucket.place().with_parts_of(4096));
    for _ in 0..copies {
        run.epoch(KEYS);
        copied(&mut copier);
    }
    run.epoch(KEYS);
    let objects = bucket.contents().objects.clone();
    (folder, bucket, run, objects)
}

/// Copies with a fault at every request in turn, from the same beginning; gives how many requests there are.
fn broken_at_every_request(name: &str, copies: usize, fault: impl Fn(usize) -> Fault) -> usize {
    let (folder, bucket, run, objects) = before(name, copies);
    let old = copies as u64;
    for at in 1.. {
        bucket.contents().objects = objects.clone();
        bucket.requests();
        bucket.contents().fault = Some(fault(at));
        let made = wait_for(run.copier(bucket.place().with_parts_of(4096)).copy()).expect("a runtime");
        let requests = bucket.requests();
        bucket.contents().fault = None;
        let has_new =
            bucket.contents().objects.keys().any(|key| key.ends_with(&format!("-epoch-{}", old + 1)));
        let is_whole = matches!(&made, Ok(Some(copied)) if copied.left.is_none());
        let copies = listed(&bucket.place());
        // What is listed is whole, but for older copies that are being removed.
        assert_eq!(
            copies.first().map_or(0, |copy| copy.manifest.as_ref().expect("readable").epoch),
            old + u64::from(has_new)
        );
        assert!(copies.iter().take(3).all(|copy| copy.lacks.is_none()), "{at}: {copies:#?}\n{requests:#?}");
        assert!(has_new || !is_whole, "{at}");
        if old > 0 || has_new {
            let fetched = fetched_whole(&bucket.place(), &folder.0.join(format!("new{at}")));
            assert_eq!(fetched.manifest.epoch, old + u64::from(has_new), "{at}");
            assert!(fetched.passed_over.is_empty());
        }
        if requests.len() < at {
            assert!(is_whole, "{made:?}");
            return requests.len();
        }
        // What another attempt makes is whole, and nothing is left over.
        if at % 5 == 0 {
            copied(&mut run.copier(bucket.place().with_parts_of(4096)));
            let needed: usize = needed(&bucket);
            let files = bucket.contents().objects.keys().filter(|key| key.contains("/files/")).count();
            assert_eq!(files, needed, "{at}");
        }
    }
    unreachable!("there are so many requests")
}

/// How many objects the copies that are there need.
fn needed(bucket: &Bucket) -> usize {
    let mut objects = std::collections::BTreeSet::new();
    for copy in listed(&bucket.place()) {
        objects.extend(copy.manifest.expect("readable").files.iter().map(|file| file.object()));
    }
    objects.len()
}

#[test]
fn a_request_that_is_refused_harms_nothing() {
    let requests = broken_at_every_request("refused", 4, Fault::Refused);
    assert!(requests > 12, "{requests}");
}

#[test]
fn a_copy_that_ends_at_any_request_harms_nothing() {
    broken_at_every_request("gone", 4, Fault::Gone);
    broken_at_every_request("gone-first", 0, Fault::Gone);
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let (folder, bucket, run, objects) = before("lost", 3);
    // Waiting before the next attempt takes a tenth of a second, so only some are lost.
    for at in [1, 3, 5, 7, 9] {
        bucket.contents().objects = objects.clone();
        bucket.requests();
        bucket.contents().fault = Some(Fault::Lost(at));
        copied(&mut run.copier(bucket.place().with_parts_of(4096)));
        bucket.contents().fault = None;
        assert!(bucket.requests().len() > at);
        let fetched = fetched_whole(&bucket.place(), &folder.0.join(format!("new{at}")));
        assert_eq!(fetched.manifest.epoch, 4);
    }
}
