//! `run --copy-to`, `state copies` and `state fetch`, as users see them.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use crate::folder::{Folder, PAIR};

const RUN: &str = "run p.cep --in tx=tx.jsonl --out alert=out.jsonl --state state --checkpoint-every 50ms";

fn folder(name: &str, events: usize) -> Folder {
    let folder = Folder::empty(&format!("copying-{name}"));
    folder.write("p.cep", PAIR);
    let line = |at: usize| {
        let (card, amount, at) = (at % 701, at * 7919 % 11, 1_700_000_000_000 + at * 250);
        format!("{{\"card\":\"c{card}\",\"amount\":{amount},\"at\":{at}}}\n")
    };
    folder.write("tx.jsonl", &(0..events).map(line).collect::<String>());
    folder
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn command(folder: &Folder, arguments: &str, endpoint: &str) -> Command {
    let mut command = folder.command(arguments);
    command.envs(Bucket::variables(endpoint));
    command
}

fn run(folder: &Folder, arguments: &str, endpoint: &str) -> (Option<i32>, String) {
    said(&command(folder, arguments, endpoint).output().expect("it starts"))
}

/// Waits until something is so.
fn until(is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(is_so(), "it is not so in time");
}

/// Kills a run once there is a copy, loses its state, fetches the copy and goes on.
fn goes_on_from_a_copy(name: &str, url: &str, endpoint: &str, copies: &dyn Fn(&Folder) -> usize) {
    let folder = folder(name, 300_000);
    let (code, whole) = run(&folder, "run p.cep --in tx=tx.jsonl --out alert=whole.jsonl", endpoint);
    assert_eq!(code, Some(0), "{whole}");
    let url = url.replace("HERE", &folder.0.display().to_string());
    let copying = format!("{RUN} --copy-to {url} --copy-every 20ms");
    for round in 0..2 {
        let before = copies(&folder);
        let mut child =
            command(&folder, &copying, endpoint).stderr(Stdio::piped()).spawn().expect("it starts");
        until(|| copies(&folder) > before || before == 3);
        thread::sleep(Duration::from_millis(60));
        let _ = child.kill();
        let _ = child.wait();
        fs::remove_dir_all(folder.0.join("state")).expect("it is there");
        let (code, listed) = run(&folder, &format!("state copies {url} --read"), endpoint);
        assert!(code == Some(0) && listed.contains(", whole"), "{listed}");
        let (code, fetched) = run(&folder, &format!("state fetch {url} state"), endpoint);
        assert_eq!(code, Some(0), "{round}: {fetched}");
        assert!(
            fetched.starts_with("state: epoch ") && fetched.contains("  out.jsonl, as it was for "),
            "{fetched}"
        );
        let (code, again) = run(&folder, &format!("state fetch {url} state"), endpoint);
        assert!(code == Some(2) && again.contains("cannot fetch to state: it is there already"), "{again}");
    }
    let (code, rest) = run(&folder, &copying, endpoint);
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("going on from epoch") || rest.contains("has come to its end"), "{rest}");
    assert!(!rest.contains("not copied"), "{rest}");
    assert!(folder.read("out.jsonl") == folder.read("whole.jsonl"), "the outputs differ");
    // The last copy is of the end, so that nothing is left to do where that is fetched.
    fs::remove_dir_all(folder.0.join("state")).expect("it is there");
    let (code, fetched) = run(&folder, &format!("state fetch {url} state --format json"), endpoint);
    assert_eq!(code, Some(0), "{fetched}");
    let (code, end) = run(&folder, RUN, endpoint);
    assert!(code == Some(0) && end.contains("has come to its end"), "{end}");
}

#[test]
fn a_run_that_lost_its_directory_goes_on_from_a_copy_in_another() {
    let copies = |folder: &Folder| fs::read_dir(folder.0.join("place/copies")).map_or(0, Iterator::count);
    goes_on_from_a_copy("directory", "file://HERE/place", "", &copies);
}

#[test]
fn a_run_that_lost_its_directory_goes_on_from_a_copy_in_a_bucket() {
    let bucket = Bucket::start();
    let copies =
        |_: &Folder| bucket.contents().objects.keys().filter(|key| key.starts_with("run/copies/")).count();
    goes_on_from_a_copy("bucket", "s3://bucket/run", &bucket.endpoint, &copies);
}

#[test]
fn copies_that_fail_are_said_and_nothing_else() {
    let folder = folder("fail", 20_000);
    let (code, text) = run(&folder, &format!("{RUN} --copy-to file:///not/mounted/x --copy-every 10ms"), "");
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("the state was not copied: cannot create /not/mounted/x").count(), 1, "{text}");
    for (arguments, part) in [
        ("--copy-to nowhere", "`nowhere` is no place for copies: it has no scheme"),
        ("--copy-to file:///x --copy-every 100", "write a duration, such as 30s or 5m"),
    ] {
        let (code, text) = run(&folder, &format!("{RUN} {arguments}"), "");
        assert!(code == Some(2) && text.contains(part), "{text}");
    }
    let (code, text) = run(&folder, "state copies file:///not/mounted/x", "");
    assert!(code == Some(0) && text.contains("there is no copy in file:///not/mounted/x"), "{text}");
}

/// Somebody who takes a connection and never says anything holds up neither the run nor its end.
#[test]
fn a_place_that_never_answers_does_not_keep_a_run_from_stopping() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let folder = folder("silent", 2_000_000);
    let arguments = format!("{RUN} --copy-to s3://bucket/run --copy-every 10ms");
    let child = command(&folder, &arguments, &endpoint).stderr(Stdio::piped()).spawn().expect("it starts");
    until(|| fs::metadata(folder.0.join("out.jsonl")).is_ok_and(|out| out.len() > 0));
    thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let killed = Command::new("kill").arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
    let (code, text) = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(code, Some(0), "{text}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(text.contains("the copy to s3://bucket/run was broken off as the run ended"), "{text}");
    let (code, text) = run(&folder, &format!("{RUN} --no-drain"), "");
    assert!(code == Some(0) && text.contains("going on from epoch"), "{text}");
}

#[test]
fn a_savepoint_goes_to_a_bucket_and_comes_back() {
    let bucket = Bucket::start();
    let folder = folder("savepoint", 5000);
    let (code, text) = run(&folder, RUN, "");
    assert_eq!(code, Some(0), "{text}");
    let save = "savepoint --state state --to a.savepoint --copy-to s3://bucket/run --replace";
    let (code, text) = run(&folder, save, &bucket.endpoint);
    assert_eq!(code, Some(0), "{text}");
    let fetch = |to: &str| format!("state fetch s3://bucket/run {to} --savepoint a.savepoint");
    let (code, text) = run(&folder, &fetch("b.savepoint"), &bucket.endpoint);
    assert_eq!(code, Some(0), "{text}");
    let bytes = |name: &str| fs::read(folder.0.join(name)).expect(name);
    assert!(bytes("a.savepoint") == bytes("b.savepoint"), "it is another");
    let key = "run/savepoints/a.savepoint";
    bucket.contents().objects.get_mut(key).expect("it was put").pop();
    for (arguments, part) in [
        (fetch("b.savepoint"), "cannot fetch to b.savepoint: it is there already"),
        (fetch("c.savepoint"), "savepoints/a.savepoint in s3://bucket/run is damaged: "),
        (
            fetch("c").replace("--savepoint a", "--savepoint x"),
            "there is no savepoint x.savepoint in s3://bucket/run",
        ),
        (save.replace("--to a", "--to a%"), "cannot be called `a%.savepoint`"),
    ] {
        let (code, text) = run(&folder, &arguments, &bucket.endpoint);
        assert!(code == Some(2) && text.contains(part), "{text}");
    }
    assert!(!folder.0.join("c.savepoint").exists());
}
