//! What is answered, to whom, and what clients cannot do.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use super::{EVENTS, Run, events, folder, request};

#[test]
fn the_pages_are_those_that_are_named() {
    let run = Run::start(&folder("pages"), "--in tx=-");
    run.metrics_when(|scrape| scrape.value("ensue_ready") == 1.0);
    let (status, front) = run.get("/");
    assert_eq!(status, 200);
    for page in ["/metrics", "/healthz", "/readyz"] {
        assert!(front.contains(page), "{front}");
        assert_eq!(run.get(page).0, 200, "{page}");
    }
    assert_eq!(run.get("/metrics?name=x").0, 200);
    assert_eq!(run.get("/favicon.ico").0, 404);
    let ask = |text: &str| request(&run.address, text);
    let whole = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((whole.body.as_str(), head.body.as_str()), ("ok\n", ""));
    assert!(head.status == 200 && head.head.contains("content-length: 3"), "{}", head.head);
    let refused = ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert!(refused.status == 405 && refused.head.contains("allow: get, head"), "{}", refused.head);
    assert!(ask("GET /metrics HTTP/1.0\r\n\r\n").head.contains("content-type: text/plain; version=0.0.4"));
    assert_eq!(run.end().0.code(), Some(0));
}

#[test]
fn a_run_is_ready_when_it_has_its_inputs() {
    let folder = folder("ready");
    let made = Command::new("mkfifo").arg(folder.0.join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    // Nobody has opened the pipe to write: the run waits for that.
    let run = Run::start(&folder, "--in tx=pipe");
    assert_eq!(run.get("/healthz"), (200, "ok\n".to_owned()));
    let (status, why) = run.get("/readyz");
    assert!(status == 503 && why.starts_with("starting: "), "{status} {why}");
    assert_eq!(run.metrics().value("ensue_ready"), 0.0);
    let _pipe = OpenOptions::new().write(true).open(folder.0.join("pipe")).expect("somebody reads");
    run.metrics_when(|scrape| scrape.value("ensue_ready") == 1.0);
    assert_eq!(run.get("/readyz"), (200, "ready\n".to_owned()));
    // Nothing more comes, and the pipe stays open: a signal ends the run all the same.
    run.terminate();
    let (address, began) = (run.address.clone(), Instant::now());
    let (status, said) = run.end();
    assert!(status.code() == Some(0) && said.contains("stopped by a signal"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn clients_that_are_slow_or_talk_garbage_disturb_nobody() {
    let folder = folder("garbage");
    let mut run = Run::start(&folder, "--in tx=- --out alert=out.jsonl --out burst=burst.jsonl");
    let open = |text: &[u8]| {
        let mut stream = TcpStream::connect(&run.address).expect("it listens");
        stream.write_all(text).expect("it reads");
        stream
    };
    let mut held: Vec<TcpStream> = (0..8).map(|_| open(b"")).collect();
    held.push(open(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow:"));
    held.push(open(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff\xfe\r\n\r\n"));
    held.push(open(&b"A".repeat(10_000)));
    held.push(open(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
    drop(open(b"GET / HTTP/1.1\r\n"));
    let bad = request(&run.address, "GET\r\n\r\n");
    assert_eq!(bad.status, 400);
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(12_000));
    assert!(matches!(request(&run.address, &long).status, 404 | 414 | 431));
    assert_eq!(run.get("/healthz").0, 200);
    run.feed(&events(0..1000));
    run.metrics_when(|scrape| scrape.try_value(EVENTS) == Some(1000.0));
    drop(held);
    assert_eq!(run.end().0.code(), Some(0));
    assert!(folder.read("out.jsonl").lines().count() > 0);
}

#[test]
fn an_address_that_cannot_be_had_is_refused_before_anything_is_written() {
    let folder = folder("refused");
    folder.write("tx.jsonl", &events(0..10));
    folder.write("out.jsonl", "precious\n");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address");
    for (address, wanted) in [
        (
            taken.to_string(),
            format!("error: another process listens at {taken} already\nhelp: stop it, or give"),
        ),
        (
            "9464".to_owned(),
            "error: `9464` is no address to listen at\nhelp: write HOST:PORT, such".to_owned(),
        ),
        (
            "192.0.2.7:9464".to_owned(),
            "error: 192.0.2.7:9464 is no address of this machine\nhelp: ".to_owned(),
        ),
    ] {
        let arguments =
            format!("run p.cep --in tx=tx.jsonl --out alert=out.jsonl --state state --listen {address}");
        let output = folder.command(&arguments).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&wanted), "{said}");
        assert_eq!(folder.read("out.jsonl"), "precious\n");
        assert!(!folder.0.join("state").exists());
    }
}

#[test]
fn nothing_listens_unless_asked() {
    let folder = folder("silent");
    folder.write("tx.jsonl", &events(0..10));
    let output = folder.command("run p.cep --in tx=tx.jsonl").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("http"), "{said}");
}
