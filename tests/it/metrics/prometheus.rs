//! Debian's own prometheus and promtool, on a run and on the rules.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{EVENTS, Run, events, folder, long_run, request};

/// Says that these tests are to be left out.
const WITHOUT: &str = "ENSUE_WITHOUT_PROMETHEUS";

/// A program of Debian's package `prometheus`: from the PATH, or from where `make test` has put it. `None` where tests
/// that need it are to be left out.
fn program(name: &str) -> Option<PathBuf> {
    if env::var_os(WITHOUT).is_some_and(|value| !value.is_empty()) {
        // Not by a macro, whose text is shown only where a test fails.
        let _ = writeln!(io::stderr(), "LEFT OUT, as {WITHOUT} says: a test that needs {name}");
        return None;
    }
    let cache = env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let unpacked = cache.map(|cache| cache.join("ensue/prometheus/usr/bin"));
    let folders = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let found =
        folders.into_iter().chain(unpacked).map(|folder| folder.join(name)).find(|path| path.is_file());
    Some(found.unwrap_or_else(|| {
        panic!(
            "{name} is missing: `make install-prometheus` gets it, or put it in the PATH (Debian: apt-get install \
             prometheus); {WITHOUT}=1 leaves this test out"
        )
    }))
}

fn promtool(arguments: &[&str]) -> Option<Output> {
    let deploy = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut command = Command::new(program("promtool")?);
    Some(command.args(arguments).current_dir(deploy).output().expect("it starts"))
}

#[track_caller]
fn assert_passes(output: &Output) {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_configuration_and_the_rules_are_well_formed() {
    for arguments in [["check", "config", "prometheus.yml"], ["check", "rules", "ensue.rules.yml"]] {
        let Some(output) = promtool(&arguments) else { return };
        assert_passes(&output);
    }
}

#[test]
fn every_alert_fires_when_it_is_to_and_not_when_it_is_not() {
    let Some(output) = promtool(&["test", "rules", "ensue.rules.test.yml"]) else { return };
    assert_passes(&output);
    let read = |name: &str| {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
        fs::read_to_string(path).expect("it is there")
    };
    let (rules, tests) = (read("ensue.rules.yml"), read("ensue.rules.test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let is_of = |line: &&str| line.trim_end().ends_with(&format!("alertname: {alert}"));
        assert!(tests.lines().any(|line| is_of(&line)), "{alert} fires in no test");
    }
}

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics() {
    let Some(program) = program("promtool") else { return };
    let (folder, arguments) = long_run("promtool");
    let run = Run::start(&folder, &arguments);
    let epochs = "ensue_epochs_total";
    let scrape = run.metrics_when(|scrape| scrape.try_value(epochs) > Some(0.0));
    run.terminate();
    assert_eq!(run.end().0.code(), Some(0));
    let mut check = Command::new(program);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().expect("it starts");
    check.stdin.take().expect("it is piped").write_all(scrape.text.as_bytes()).expect("it reads");
    let output = check.wait_with_output().expect("it ends");
    assert_passes(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// A prometheus; it ends with the test, however that ends.
struct Prometheus {
    child: Child,
    address: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// The value of an expression, as soon as it has one.
    fn query(&self, expression: &str) -> f64 {
        let until = Instant::now() + Duration::from_secs(30);
        let path = format!("GET /api/v1/query?query={expression} HTTP/1.0\r\n\r\n");
        while Instant::now() < until {
            thread::sleep(Duration::from_millis(100));
            if std::net::TcpStream::connect(&self.address).is_err() {
                continue;
            }
            let answer = request(&self.address, &path);
            let answer: Json = serde_json::from_str(&answer.body).unwrap_or_default();
            let value = answer.pointer("/data/result/0/value/1").and_then(Json::as_str);
            if let Some(value) = value {
                return value.parse().expect("a number");
            }
        }
        panic!("prometheus never had a value for {expression}");
    }
}

#[test]
fn a_real_prometheus_scrapes_a_run() {
    let Some(program) = program("prometheus") else { return };
    let folder = folder("scrape");
    let mut run = Run::start(&folder, "--in tx=- --out alert=out.jsonl --out burst=burst.jsonl");
    run.feed(&events(0..1234));
    let events = run.metrics_when(|scrape| scrape.try_value(EVENTS) == Some(1234.0));
    let matches = events.value("ensue_matches_total{pattern=\"pair\"}");
    assert!(matches > 0.0);
    let rules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/ensue.rules.yml");
    folder.write(
        "prometheus.yml",
        &format!(
            "global:\n  scrape_interval: 200ms\n  evaluation_interval: 200ms\nrule_files: [\"{}\"]\nscrape_configs:\n  \
             - job_name: ensue\n    static_configs:\n      - targets: [\"{}\"]\n",
            rules.display(),
            run.address
        ),
    );
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let address = format!("127.0.0.1:{port}");
    let child = Command::new(program)
        .current_dir(&folder.0)
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
        .arg(format!("--web.listen-address={address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.0.join("prometheus.log")).expect("writable"))
        .spawn()
        .expect("it starts");
    let prometheus = Prometheus { child, address };
    assert_eq!(prometheus.query("up%7Bjob=%22ensue%22%7D"), 1.0);
    assert_eq!(prometheus.query("ensue_events_total%7Bstream=%22tx%22%7D"), 1234.0);
    assert_eq!(prometheus.query("ensue_matches_total%7Bpattern=%22pair%22%7D"), matches);
    assert!(prometheus.query("instance:ensue_watermark_age:seconds") > 0.0);
    drop(prometheus);
    assert_eq!(run.end().0.code(), Some(0));
}
