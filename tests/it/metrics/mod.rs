//! `ensue run --listen`, as Prometheus and people see it.

mod deploy;
mod documents;
mod endpoints;
mod prometheus;
mod runs;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::Folder;

const PATTERNS: &str = "
stream tx { card string?  amount int  at timestamp  event time at, disorder 1s }

pattern pair {
    on tx by card
    match a where amount > 3
    then b where amount > a.amount
    within 10m
    limit 1 per 1h
    emit alert { card: card, first: a.amount, second: b.amount }
}

pattern burst {
    on tx by card
    match many{3} where amount > 8
    within 1m
    emit burst { card: card, count: count(many) }
}
";

/// One that finds nothing and takes its time: with it a run over [`MANY`] events lasts for seconds.
const SLOW: &str = "
pattern slow {
    on tx by card
    match a where amount > 0
    then b where amount > a.amount + 10
    within 4m
    emit slow { card: card }
}
";
const MANY: usize = 400_000;

/// How many events were read.
const EVENTS: &str = "ensue_events_total{stream=\"tx\"}";

/// A folder with the patterns.
fn folder(name: &str) -> Folder {
    let folder = Folder::empty(&format!("metrics-{name}"));
    folder.write("p.cep", PATTERNS);
    folder
}

/// A folder for a run under a state directory that lasts until it is stopped, and what it is told.
fn long_run(name: &str) -> (Folder, String) {
    let folder = folder(name);
    folder.write("p.cep", &format!("{PATTERNS}{SLOW}"));
    folder.write("tx.jsonl", &events(0..MANY));
    let outputs = "--out alert=a.jsonl --out burst=b.jsonl --out slow=s.jsonl --out tx.bad=bad.jsonl";
    let state = "--state state --checkpoint-every 50ms";
    (folder, format!("--in tx=tx.jsonl {outputs} {state}"))
}

/// Events, four a second, in order.
fn events(range: std::ops::Range<usize>) -> String {
    let line = |at: usize| {
        let (card, amount, time) = (at % 7, at * 7919 % 11, 1_700_000_000_000_usize + at * 250);
        format!("{{\"card\":\"c{card}\",\"amount\":{amount},\"at\":{time}}}\n")
    };
    range.map(line).collect()
}

/// A run that serves metrics.
struct Run {
    child: Child,
    /// Where it listens.
    address: String,
    said: BufReader<ChildStderr>,
}

impl Run {
    /// Starts `ensue run p.cep` with more arguments, and waits until it says where it listens.
    fn start(folder: &Folder, arguments: &str) -> Run {
        let mut command = folder.command(&format!("run p.cep --listen 127.0.0.1:0 {arguments}"));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says something");
        let address = line.strip_prefix("note: metrics are at http://").unwrap_or_else(|| panic!("{line}"));
        let address = address.trim_end().trim_end_matches("/metrics").to_owned();
        Run { child, address, said }
    }

    /// What is written to its standard input.
    fn input(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("it is piped, and not closed")
    }

    fn feed(&mut self, text: &str) {
        let input = self.input();
        input.write_all(text.as_bytes()).and_then(|()| input.flush()).expect("it reads");
    }

    /// The status and body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        let answer = request(&self.address, &format!("GET {path} HTTP/1.1\r\nHost: ensue\r\n\r\n"));
        (answer.status, answer.body)
    }

    /// The metrics, by name and labels as they stand in the text.
    fn metrics(&self) -> Scrape {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        Scrape::of(text)
    }

    /// The metrics, as soon as they are as wanted.
    fn metrics_when(&self, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let scrape = self.metrics();
            if wanted(&scrape) {
                return scrape;
            }
            assert!(Instant::now() < until, "that never came:\n{}", scrape.text);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to stop, as `kill` does.
    fn terminate(&self) {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(killed.success());
    }

    /// Closes its input and waits for its end: how it ended, and what it said.
    fn end(mut self) -> (ExitStatus, String) {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends"), said)
    }
}

/// What was scraped.
struct Scrape {
    text: String,
    values: BTreeMap<String, f64>,
}

impl Scrape {
    fn of(text: String) -> Scrape {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let value = |line: &str| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        Scrape { values: lines.map(value).collect(), text }
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        self.try_value(name).unwrap_or_else(|| panic!("there is no {name} in\n{}", self.text))
    }

    fn try_value(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }
}

/// An answer by HTTP.
struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

/// Sends bytes to an address and reads what comes until the connection is closed.
fn request(address: &str, text: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
