//! `ensue backtest` as users run it. The figures are counted a second time here, from the label file and from what
//! `ensue run` writes, in the slowest and most obvious way, without anything of the library.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::folder::{Folder, run};

const RULES: &str = r#"
stream transactions {
    card      string
    kind      string
    amount    decimal(2)?
    country   string
    merchant  string?
    fraud     bool?
    at        timestamp
    event time at, disorder 5s
}

/// Small charges, then a <large> one.
pattern testing {
    on transactions by card
    match small{3,} where amount < 5.00
    then  big       where amount > 500.00
    within 10m
    emit alert { card: card, since: first(small).at, until: big.at }
    emit audit { card: card, since: first(small).at, until: big.at }
}

pattern travel {
    on transactions by card
    match here
    next  there where country != here.country
    within 1h
    emit alert { card: card, since: here.at, until: there.at }
}

pattern unconfirmed {
    on transactions by card
    match pin       where kind == "pin_change"
    then  not login where kind == "login" for 5m
    emit alert { card: card, since: pin.at, until: pin.at + 5m }
}

/// Cries wolf.
pattern large {
    on transactions by card
    match one where amount > 150.00
    emit alert { card: card, since: one.at, until: one.at }
}
"#;

/// A stream with planted fraud, its labels, and the alerts of the rules.
fn planted(name: &str) -> Folder {
    let folder = Folder::empty(name);
    folder.write("rules.cep", RULES);
    let kinds = "card_testing,impossible_travel,unconfirmed_pin_change,velocity";
    let made = format!(
        "gen --events 30000 --cards 3000 --rate 6 --seed 5 --fraud {kinds} --out tx.jsonl --labels labels.jsonl"
    );
    succeed(&folder, &made);
    succeed(
        &folder,
        "run rules.cep --in transactions=tx.jsonl --out alert=alerts.jsonl --out audit=audit.jsonl",
    );
    folder
}

fn succeed(folder: &Folder, arguments: &str) -> String {
    let (code, said) = run(folder, arguments);
    assert_eq!(code, Some(0), "{arguments}: {said}");
    said
}

/// What is said on standard output alone, and on standard error.
fn answer(folder: &Folder, arguments: &str) -> (String, String) {
    let output = folder.command(arguments).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, said) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments}: {said}");
    (out, said)
}

fn report(folder: &Folder, arguments: &str) -> Json {
    let (out, _) = answer(folder, &format!("backtest {arguments} --json"));
    serde_json::from_str(&out).expect("the answer is JSON")
}

fn lines(folder: &Folder, name: &str) -> Vec<Json> {
    folder.read(name).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// A member that is a time, in microseconds.
fn micros(of: &Json, member: &str) -> i64 {
    let text = of[member].as_str().expect("a time is text");
    text.parse::<jiff::Timestamp>().expect("RFC 3339").as_microsecond()
}

fn card(of: &Json) -> String {
    of["card"].as_str().expect("a card").to_owned()
}

/// A fraud: its card, and when it was seen: pairs of times between which all is fraudulent.
type Fraud = (String, Vec<(i64, i64)>);

/// When a fraud begins.
fn begin(fraud: &Fraud) -> i64 {
    fraud.1.iter().map(|(first, _)| *first).min().expect("there is one")
}

/// When it ends.
fn end(fraud: &Fraud) -> i64 {
    fraud.1.iter().map(|(_, last)| *last).max().expect("there is one")
}

/// Whether an alert as `ensue run` writes it is about a fraud.
fn is_hit(alert: &Json, (of, spans): &Fraud) -> bool {
    let is_within =
        |(first, last): &(i64, i64)| *first <= micros(alert, "until") && micros(alert, "since") <= *last;
    *of == card(alert) && spans.iter().any(is_within)
}

/// Compares every line of `each.jsonl` and `frauds.jsonl` with what it must be, from the alerts that `ensue run` has written.
fn assert_listed(folder: &Folder, frauds: &[Fraud], near_misses: &[Fraud]) {
    let alerts = lines(folder, "alerts.jsonl");
    // For each fraud which alerts have found it: that which came first stands first.
    let finders = |fraud: &Fraud| {
        let mut hits: Vec<usize> = (0..alerts.len()).filter(|at| is_hit(&alerts[*at], fraud)).collect();
        hits.sort_by_key(|at| (micros(&alerts[*at], "at"), *at));
        hits
    };
    let winners: BTreeSet<usize> =
        frauds.iter().filter_map(|fraud| finders(fraud).first().copied()).collect();
    let listed = lines(folder, "each.jsonl");
    assert_eq!(listed.len(), alerts.len());
    for (at, (alert, line)) in alerts.iter().zip(&listed).enumerate() {
        for member in ["at", "pattern", "id", "card"] {
            assert_eq!(line[member], alert[member], "{line}");
        }
        assert_eq!(micros(line, "first_at"), micros(alert, "since"), "{line}");
        assert_eq!(micros(line, "last_at"), micros(alert, "until"), "{line}");
        let about =
            |of: &[Fraud]| of.iter().filter(|fraud| is_hit(alert, fraud)).map(begin).collect::<Vec<i64>>();
        let (found, near) = (about(frauds), about(near_misses));
        assert_eq!(line["is_true"], !found.is_empty(), "{line}");
        assert_eq!(line["near_miss"], found.is_empty() && !near.is_empty(), "{line}");
        assert_eq!(line["frauds"], found.len(), "{line}");
        match found.iter().min().or(near.iter().min()) {
            Some(first) => assert_eq!(micros(line, "label_first_at"), *first, "{line}"),
            None => assert!(line["label_first_at"].is_null() && line["label_kind"].is_null(), "{line}"),
        }
        let delay = found.iter().min().map(|first| (micros(alert, "at") - first) as f64 / 1e6);
        assert_eq!(line["delay_seconds"], serde_json::json!(delay), "{line}");
        assert_eq!(line["found_first"], winners.contains(&at), "{line}");
    }
    let mut told = lines(folder, "frauds.jsonl");
    assert!(told.windows(2).all(|pair| micros(&pair[0], "first_at") <= micros(&pair[1], "first_at")));
    assert_eq!(told.len(), frauds.len());
    for fraud in frauds {
        let is_it = |line: &Json| {
            card(line) == fraud.0
                && (micros(line, "first_at"), micros(line, "last_at")) == (begin(fraud), end(fraud))
        };
        let at = told.iter().position(is_it).expect("every fraud has a line");
        let line = told.remove(at);
        let hits = finders(fraud);
        assert_eq!(line["missed"], hits.is_empty(), "{line}");
        let rules: BTreeSet<&str> =
            hits.iter().map(|at| alerts[*at]["pattern"].as_str().expect("text")).collect();
        let Some(first) = hits.first().map(|at| &alerts[*at]) else {
            assert!(
                ["found_by", "found_at", "delay_seconds"].iter().all(|member| line[member].is_null()),
                "{line}"
            );
            continue;
        };
        let by: Vec<&str> = line["found_by"].as_str().expect("text").split(',').collect();
        assert_eq!(by[0], first["pattern"], "{line}");
        assert_eq!((by.len(), by.into_iter().collect::<BTreeSet<_>>()), (rules.len(), rules), "{line}");
        assert_eq!(line["found_at"], first["at"], "{line}");
        assert_eq!(line["delay_seconds"], (micros(first, "at") - begin(fraud)) as f64 / 1e6, "{line}");
    }
}

/// The figures, counted from the alerts that `ensue run` has written.
fn count(folder: &Folder, frauds: &[Fraud], near_misses: &[Fraud]) -> BTreeMap<String, Json> {
    let times: Vec<i64> = lines(folder, "tx.jsonl").iter().map(|event| micros(event, "at")).collect();
    let days = (times.iter().max().expect("there is one") - times.iter().min().expect("there is one")) as f64
        / 86_400e6;
    let alerts = lines(folder, "alerts.jsonl");
    let rule_of = |alert: &Json| alert["pattern"].as_str().expect("text").to_owned();
    let first_alert = |fraud: &Fraud, rule: Option<&str>| {
        let mut found = alerts.iter().filter(|alert| rule.is_none_or(|rule| rule_of(alert) == rule));
        // The file is in the order of the output: of several at one time the first counts.
        let mut first: Option<&Json> = None;
        for alert in found.by_ref().filter(|alert| is_hit(alert, fraud)) {
            if first.is_none_or(|first| micros(alert, "at") < micros(first, "at")) {
                first = Some(alert);
            }
        }
        first
    };
    let mut counted = BTreeMap::new();
    for rule in [None, Some("testing"), Some("travel"), Some("unconfirmed"), Some("large")] {
        let own: Vec<&Json> =
            alerts.iter().filter(|alert| rule.is_none_or(|rule| rule_of(alert) == rule)).collect();
        let good = own.iter().filter(|alert| frauds.iter().any(|fraud| is_hit(alert, fraud))).count();
        let near = own
            .iter()
            .filter(|alert| !frauds.iter().any(|fraud| is_hit(alert, fraud)))
            .filter(|alert| near_misses.iter().any(|fraud| is_hit(alert, fraud)))
            .count();
        let (mut delays, mut first) = (Vec::new(), 0);
        for fraud in frauds {
            if let Some(alert) = first_alert(fraud, rule) {
                delays.push(micros(alert, "at") - begin(fraud));
                let winner = rule_of(first_alert(fraud, None).expect("one has found it"));
                first += usize::from(rule.is_none_or(|rule| winner == rule));
            }
        }
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let figures = serde_json::json!({
            "alerts": own.len(),
            "true_positives": good,
            "false_positives": own.len() - good,
            "near_miss_alerts": near,
            "precision": share(good, own.len()),
            "found": delays.len(),
            "recall": share(delays.len(), frauds.len()),
            "found_first": first,
            "delay_seconds": {
                "median": at_least(&delays, 0.5),
                "p90": at_least(&delays, 0.9),
                "max": at_least(&delays, 1.0),
            },
            "alerts_per_day": own.len() as f64 / days,
        });
        counted.insert(rule.unwrap_or("all").to_owned(), figures);
    }
    counted
}

/// The least delay, in seconds, that at least this share of them does not exceed.
fn at_least(delays: &[i64], share: f64) -> Option<f64> {
    let enough = |delay: &i64| {
        let below = delays.iter().filter(|other| *other <= delay).count();
        below as f64 >= share * delays.len() as f64
    };
    delays.iter().copied().filter(enough).min().map(|delay| delay as f64 / 1e6)
}

/// Compares every figure.
fn assert_counted(report: &Json, counted: &BTreeMap<String, Json>) {
    let mut rules = BTreeSet::new();
    for rule in report["rules"].as_array().expect("a list") {
        let name = rule["rule"].as_str().expect("a name");
        let mut figures = rule.clone();
        figures.as_object_mut().expect("an object").remove("rule");
        assert_same(name, &figures, &counted[name]);
        rules.insert(name);
    }
    assert_same("all", &report["all"], &counted["all"]);
    assert_eq!(rules.len() + 1, counted.len());
}

/// Two trees of figures; shares may differ by how they were divided.
fn assert_same(name: &str, told: &Json, counted: &Json) {
    match (told, counted) {
        (Json::Object(told), Json::Object(counted)) => {
            let names = |of: &serde_json::Map<String, Json>| of.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(told), names(counted), "{name}");
            told.iter()
                .for_each(|(member, told)| assert_same(&format!("{name}.{member}"), told, &counted[member]));
        }
        (Json::Number(one), Json::Number(other)) => {
            let (one, other) = (one.as_f64().expect("a number"), other.as_f64().expect("a number"));
            assert!((one - other).abs() <= 1e-9 * one.abs().max(1.0), "{name}: told {one}, counted {other}");
        }
        _ => assert_eq!(told, counted, "{name}"),
    }
}

#[test]
fn its_figures_are_those_of_an_independent_count_over_planted_fraud() {
    let folder = planted("backtest-planted");
    let (mut frauds, mut near_misses) = (Vec::new(), Vec::new());
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for label in lines(&folder, "labels.jsonl") {
        let fraud = (card(&label), vec![(micros(&label, "first_at"), micros(&label, "last_at"))]);
        match label["near_miss"].as_bool().expect("a bool") {
            true => near_misses.push(fraud),
            false => {
                *kinds.entry(label["kind"].as_str().expect("text").to_owned()).or_default() += 1;
                frauds.push(fraud);
            }
        }
    }
    let files = "--alerts-out each.jsonl --frauds-out frauds.jsonl";
    let asked = format!("rules.cep --in transactions=tx.jsonl --label-file labels.jsonl {files}");
    let report = report(&folder, &asked);
    assert_listed(&folder, &frauds, &near_misses);
    let counted = count(&folder, &frauds, &near_misses);
    assert_counted(&report, &counted);
    assert_eq!(report["frauds"], frauds.len());
    assert_eq!(report["near_misses"], near_misses.len());
    assert_eq!(report["events"], 30_000);
    assert_eq!(report["key"], serde_json::json!(["card"]));
    let told: BTreeMap<String, u64> = report["kinds"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kind| {
            (kind["kind"].as_str().expect("text").to_owned(), kind["frauds"].as_u64().expect("a number"))
        })
        .collect();
    assert_eq!(told, kinds);
    // The figures are worth comparing: rules find, miss, err, and come before each other.
    for (rule, figures) in &counted {
        assert!(figures["alerts"].as_u64() > Some(10), "{rule}");
        assert!(figures["found"].as_u64() < Some(frauds.len() as u64), "{rule}");
    }
    assert!(counted["large"]["false_positives"].as_u64() > Some(50));
    assert!(counted["large"]["found_first"].as_u64() < counted["large"]["found"].as_u64());
    assert!(counted["all"]["near_miss_alerts"].as_u64() > Some(0));
}

#[test]
fn labels_of_events_give_the_same_in_the_stream_in_a_file_and_by_an_independent_count() {
    let folder = planted("backtest-field");
    let labels = lines(&folder, "labels.jsonl");
    let is_fraud = |event: &Json| {
        labels.iter().any(|label| {
            label["near_miss"] == false
                && label["card"] == event["card"]
                && micros(label, "first_at") <= micros(event, "at")
                && micros(event, "at") <= micros(label, "last_at")
        })
    };
    let suspects: BTreeSet<String> = labels.iter().map(card).collect();
    let (mut marked, mut rows) = (String::new(), String::from("When,CARD,is it\n"));
    let mut by_card: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for mut event in lines(&folder, "tx.jsonl") {
        let fraudulent = suspects.contains(&card(&event)) && is_fraud(&event);
        event["fraud"] = Json::Bool(fraudulent);
        writeln!(marked, "{event}").expect("text takes everything");
        writeln!(rows, "{},{},{}", event["at"].as_str().expect("text"), card(&event), u8::from(fraudulent))
            .expect("text takes everything");
        if fraudulent {
            by_card.entry(card(&event)).or_default().push(micros(&event, "at"));
        }
    }
    folder.write("tx.jsonl", &marked);
    folder.write("rows.csv", &rows.replace("CARD", "card"));
    // Frauds: fraudulent events of a card of which none is more than so long after the one before.
    for (gap, minutes) in [("2m", 2), ("1h", 60)] {
        let mut frauds: Vec<Fraud> = Vec::new();
        for (card, times) in &by_card {
            let mut times = times.clone();
            times.sort_unstable();
            let mut before = i64::MIN;
            for at in times {
                if before == i64::MIN || at - before > minutes * 60_000_000 {
                    frauds.push((card.clone(), Vec::new()));
                }
                frauds.last_mut().expect("there is one").1.push((at, at));
                before = at;
            }
        }
        let common = format!("rules.cep --in transactions=tx.jsonl --alerts alert --fraud-gap {gap}");
        let lists = "--alerts-out each.jsonl --frauds-out frauds.jsonl";
        let told = report(&folder, &format!("{common} --labels fraud {lists}"));
        assert_eq!(told["frauds"], frauds.len(), "{gap}");
        assert_listed(&folder, &frauds, &[]);
        assert_counted(&told, &count(&folder, &frauds, &[]));
        assert!(told["all"]["found"].as_u64() > Some(50), "{told}");
        let listed = ["each.jsonl", "frauds.jsonl"].map(|name| folder.read(name));
        let threads = report(&folder, &format!("{common} --labels fraud --threads 3 {lists}"));
        assert_eq!(threads, told, "threads");
        assert_eq!(["each.jsonl", "frauds.jsonl"].map(|name| folder.read(name)), listed, "threads");
        let mut command =
            folder.command(&format!("backtest {common} --label-file rows.csv --label-time When --json"));
        let file = command.args(["--labels", "is it"]).output().expect("it starts");
        let file: Json = serde_json::from_slice(&file.stdout).expect("the answer is JSON");
        assert_eq!(file, told, "the rows of a file");
    }
}

#[test]
fn a_stretch_of_time_is_measured_as_if_there_were_nothing_else() {
    let folder = planted("backtest-stretch");
    // It begins and ends within a label.
    let mut middles: Vec<i64> = lines(&folder, "labels.jsonl")
        .iter()
        .map(|label| (micros(label, "first_at") + micros(label, "last_at")) / 2)
        .collect();
    middles.sort_unstable();
    let (from, to) = (middles[middles.len() / 4], middles[middles.len() * 3 / 4]);
    let [since, until] =
        [from, to].map(|time| jiff::Timestamp::from_microsecond(time).expect("a time").to_string());
    let is_in = |line: &&str| {
        let event: Json = serde_json::from_str(line).expect("JSON");
        (from..to).contains(&micros(&event, "at"))
    };
    // The same, cut by hand: events, and labels where they reach out of it.
    let events: Vec<String> =
        folder.read("tx.jsonl").lines().filter(is_in).map(|line| format!("{line}\n")).collect();
    assert!(events.len() > 1000 && events.len() < 29_000, "{}", events.len());
    folder.write("part.jsonl", &events.concat());
    let (mut labels, mut cut) = (String::new(), 0);
    for mut label in lines(&folder, "labels.jsonl") {
        let (first, last) = (micros(&label, "first_at"), micros(&label, "last_at"));
        if last < from || first >= to {
            continue;
        }
        for (member, time) in [("first_at", first.max(from)), ("last_at", last.min(to - 1))] {
            cut += u32::from(micros(&label, member) != time);
            let time = jiff::Timestamp::from_microsecond(time).expect("a time");
            label[member] = Json::String(time.to_string());
        }
        writeln!(labels, "{label}").expect("text takes everything");
    }
    assert!(cut >= 2, "labels reach out of the stretch");
    folder.write("part-labels.jsonl", &labels);
    let lists = |name: &str| format!("--alerts-out {name}-alerts.csv --frauds-out {name}-frauds.csv");
    let whole = format!("rules.cep --in transactions=tx.jsonl --label-file labels.jsonl {}", lists("whole"));
    let whole = report(&folder, &format!("{whole} --since {since} --until {until}"));
    let part =
        format!("rules.cep --in transactions=part.jsonl --label-file part-labels.jsonl {}", lists("part"));
    assert_eq!(whole, report(&folder, &part));
    assert_eq!(whole["events"], events.len());
    assert_eq!(whole["frauds_outside"], 0);
    assert!(whole["all"]["found"].as_u64() > Some(0), "{whole}");
    assert_eq!(folder.read("whole-frauds.csv"), folder.read("part-frauds.csv"));
    // Ids name lines, which are others; all else is the same.
    let but_id = |name: &str| {
        let rows = folder.read(name);
        rows.lines()
            .map(|line| {
                line.split(',')
                    .enumerate()
                    .filter(|(at, _)| *at != 2)
                    .map(|(_, cell)| cell.to_owned())
                    .collect()
            })
            .collect::<Vec<Vec<String>>>()
    };
    assert_eq!(but_id("whole-alerts.csv"), but_id("part-alerts.csv"));
    assert_eq!(
        but_id("part-alerts.csv").len() as u64,
        whole["all"]["alerts"].as_u64().expect("a number") + 1
    );
}

const LOGINS: &str = r#"
stream logins {
    user   string
    ip     string
    ok     bool
    fraud  string?
    at     timestamp
    event time at
}

pattern spray {
    on logins by ip
    match fail{2} where not ok
    then  hit     where ok
    within 10m
    emit break_in { user: hit.user, ip: ip }
}

pattern again {
    on break_in by user
    match one
    then  two
    within 1h
    emit page { user: user }
}

pattern stuck {
    on logins by user
    match bad where not ok
    then  good where ok
    within 5m
    emit fine { user: user }
    on timeout emit locked { user: user, ip: bad.ip }
}
"#;

fn login(user: &str, ip: &str, ok: bool, fraud: &str, second: u32) -> String {
    let fraud = if fraud.is_empty() { String::new() } else { format!(",\"fraud\":\"{fraud}\"") };
    let (minute, second) = (second / 60, second % 60);
    format!(
        "{{\"user\":\"{user}\",\"ip\":\"{ip}\",\"ok\":{ok}{fraud},\"at\":\"2026-01-01T12:{minute:02}:{second:02}Z\"}}\n"
    )
}

/// Two break-ins of one user, with failures of others before them; one failure that nothing comes after.
fn logins(name: &str) -> Folder {
    let folder = Folder::empty(name);
    folder.write("p.cep", LOGINS);
    let rows = [
        ("x", "1.1.1.1", false, "no", 0),
        ("y", "1.1.1.1", false, "", 10),
        ("a", "1.1.1.1", true, "take-over <&>", 20),
        ("x", "2.2.2.2", false, "", 600),
        ("y", "2.2.2.2", false, "", 610),
        ("a", "2.2.2.2", true, "take-over <&>", 620),
        ("b", "3.3.3.3", false, "1", 1200),
    ];
    let rows = rows.map(|(user, ip, ok, fraud, second)| login(user, ip, ok, fraud, second));
    folder.write("in.jsonl", &rows.concat());
    folder
}

#[test]
fn the_key_of_an_alert_is_found_in_its_record_and_alerts_of_alerts_begin_with_their_events() {
    let folder = logins("backtest-keys");
    let common = "p.cep --in logins=in.jsonl --labels fraud";
    let (code, said) = run(&folder, &format!("backtest {common}"));
    assert_eq!(code, Some(2));
    let expected = "error: the patterns have no key in common: `spray` is by ip; `again` is by user; `stuck` is by user\n\
                    help: say of what a fraud is: --key FIELD; a pattern that is by something else must emit that field\n";
    assert!(said.starts_with(expected), "{said}");
    let told = report(&folder, &format!("{common} --key user --fraud-gap 1m"));
    // Two of `a`, one of `b`.
    assert_eq!(told["frauds"], 3);
    let figures = |rule: usize, member: &str| told["rules"][rule][member].as_u64().expect("a number");
    let of = |rule: usize| {
        ["alerts", "true_positives", "found", "found_first"].map(|member| figures(rule, member))
    };
    assert_eq!(of(0), [2, 2, 2, 2], "{told}");
    // `again` spans both break-ins: it has found the first of them, too, though later.
    assert_eq!(of(1), [1, 1, 2, 0], "{told}");
    assert_eq!(told["rules"][1]["delay_seconds"]["max"], 600.0);
    // A timeout is an alert: x and y twice, and b.
    assert_eq!(of(2), [5, 1, 1, 1], "{told}");
    assert_eq!(told["rules"][2]["delay_seconds"]["max"], 300.0);
    let kinds: Vec<&str> = told["kinds"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|kind| kind["kind"].as_str().expect("text"))
        .collect();
    assert_eq!(kinds, ["take-over <&>"]);
    let one = report(&folder, &format!("{common} --key user --alerts locked"));
    assert_eq!(
        (&one["rules"][0]["rule"], one["rules"].as_array().expect("a list").len()),
        (&Json::from("stuck"), 1)
    );
    let (_, said) = run(&folder, &format!("backtest {common} --key ok"));
    assert!(said.contains("error: the alerts of `spray` have no `ok`"), "{said}");
    // Records go where they are bound, and not to standard output.
    succeed(&folder, &format!("backtest {common} --key user --out page=page.jsonl"));
    assert_eq!(lines(&folder, "page.jsonl").len(), 1);
}

#[test]
fn the_table_is_plain_in_a_pipe_and_fits_a_terminal() {
    let folder = logins("backtest-table");
    let (table, said) =
        answer(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key user --fraud-gap 1m");
    assert_eq!(said, "");
    let expected = "\
7 events from 2026-01-01 12:00 to 2026-01-01 12:20
3 frauds by user

rule    alerts    true   false  precision  found  recall  first
spray        2       2       0     100.0%      2   66.7%      2
again        1       1       0     100.0%      2   66.7%      0
stuck        5       1       4      20.0%      1   33.3%      1
all          8       4       4      50.0%      3  100.0%      3

rule   per day   delay median       p90       max
spray      144             0s        0s        0s
again       72             0s       10m       10m
stuck      360             5m        5m        5m
all        576             0s        5m        5m

fraud           frauds   found  missed  recall   delay median
take-over <&>        2       2       0  100.0%             0s

4 false alerts; --alerts-out FILE writes all alerts
first event          rule   user  came after
2026-01-01 12:00:00  stuck  x     5m
2026-01-01 12:00:10  stuck  y     5m
2026-01-01 12:10:00  stuck  x     5m
2026-01-01 12:10:10  stuck  y     5m
";
    assert_eq!(table, expected);
}

#[test]
fn alerts_and_frauds_are_written_as_columns_that_a_spreadsheet_opens() {
    let folder = logins("backtest-columns");
    let common = "p.cep --in logins=in.jsonl --labels fraud --key user --fraud-gap 1m --alerts page,locked";
    let lists =
        "--alerts-out alerts.csv --frauds-out frauds.tsv --out page=page.jsonl --out locked=locked.jsonl";
    let (table, _) = answer(&folder, &format!("backtest {common} {lists}"));
    assert!(table.contains("\n4 false alerts; all alerts are in alerts.csv\n"), "{table}");
    let id = |file: &str, at: usize| lines(&folder, file)[at]["id"].as_str().expect("text").to_owned();
    let heads = "at,pattern,id,user,is_true,near_miss,first_at,last_at,label_first_at,label_kind,frauds,\
                 delay_seconds,found_first";
    let day = "2026-01-01T12";
    let again = format!(
        "{day}:10:20.000Z,again,{},a,true,false,{day}:00:00.000Z,{day}:10:20.000Z,{day}:00:20.000Z,\
         take-over <&>,2,600.0,true",
        id("page.jsonl", 0)
    );
    let stuck = format!(
        "{day}:05:00.000Z,stuck,{},x,false,false,{day}:00:00.000Z,{day}:05:00.000Z,,,0,,false",
        id("locked.jsonl", 0)
    );
    let alerts = folder.read("alerts.csv");
    let alerts: Vec<&str> = alerts.lines().collect();
    assert_eq!(alerts.len(), 7, "{alerts:?}");
    assert_eq!(alerts[0], heads);
    assert!(alerts.contains(&again.as_str()) && alerts.contains(&stuck.as_str()), "{alerts:?}");
    let expected = format!(
        "user\tfirst_at\tlast_at\tkind\tmissed\toutside\tfound_by\tfound_at\tdelay_seconds\n\
         a\t{day}:00:20.000Z\t{day}:00:20.000Z\ttake-over <&>\tfalse\tfalse\tagain\t{day}:10:20.000Z\t600.0\n\
         a\t{day}:10:20.000Z\t{day}:10:20.000Z\ttake-over <&>\tfalse\tfalse\tagain\t{day}:10:20.000Z\t0.0\n\
         b\t{day}:20:00.000Z\t{day}:20:00.000Z\t\tfalse\tfalse\tstuck\t{day}:25:00.000Z\t300.0\n"
    );
    assert_eq!(folder.read("frauds.tsv"), expected);
}

#[test]
fn what_was_missed_is_what_the_next_rule_is_measured_with() {
    let folder = logins("backtest-missed");
    let common = "backtest p.cep --in logins=in.jsonl --key user";
    let (table, _) =
        answer(&folder, &format!("{common} --labels fraud --select spray --frauds-out frauds.csv"));
    let expected = "\n1 missed fraud; all frauds are in frauds.csv\nfirst event          user  lasted\n\
                    2026-01-01 12:20:00  b     0s\n";
    assert!(table.ends_with(expected), "{table}");
    let next = format!("{common} --label-file frauds.csv --labels missed --select stuck --json");
    let (out, said) = answer(&folder, &next);
    let next: Json = serde_json::from_str(&out).expect("the answer is JSON");
    assert_eq!((&next["frauds"], &next["all"]["found"]), (&Json::from(1), &Json::from(1)), "{out}{said}");
}

#[test]
fn an_answer_that_cannot_be_written_ends_it_before_the_run() {
    let folder = logins("backtest-unwritable");
    let common = "backtest p.cep --in logins=in.jsonl --labels fraud --key user --out page=page.jsonl";
    let fails = |arguments: &str, expected: &str| {
        let (code, said) = run(&folder, &format!("{common} {arguments}"));
        assert!(code == Some(2) && said.starts_with(expected), "{arguments}: {said}");
        assert!(!folder.0.join("page.jsonl").exists(), "{arguments}");
    };
    for option in ["--html", "--alerts-out", "--frauds-out"] {
        fails(&format!("{option} no/a.html"), "error: cannot write no/a.html");
        fails(&format!("{option} ."), "error: cannot write .");
        fails(&format!("{option} -"), &format!("error: {option} needs a file"));
        fails(&format!("{option} ./in.jsonl"), "error: ./in.jsonl is an input and an output");
        fails(&format!("{option} page.jsonl"), "error: records go to page.jsonl, too");
    }
    fails("--html a --alerts-out ./a", "error: --alerts-out and --html are one file, a\nhelp: name two");
    folder.write("labels.jsonl", "{\"user\":\"a\",\"at\":2000}\n");
    let labels = "--label-file labels.jsonl --labels user --frauds-out labels.jsonl";
    let (code, said) = run(&folder, &format!("backtest p.cep --in logins=in.jsonl --key user {labels}"));
    let expected = "error: --label-file and --frauds-out are one file, labels.jsonl";
    assert!(code == Some(2) && said.starts_with(expected), "{said}");
    assert_ne!(folder.read("labels.jsonl"), "");
    // What was there stays until there is something new; what was not is not left behind.
    folder.write("old.csv", "old");
    let (code, _) = run(
        &folder,
        "backtest p.cep --in logins=none.jsonl --labels fraud --key user --alerts-out old.csv --html new.html",
    );
    assert_eq!(code, Some(2));
    assert_eq!(folder.read("old.csv"), "old");
    assert!(!folder.0.join("new.html").exists());
    succeed(&folder, &format!("{common} --alerts-out old.csv --html new.html"));
    assert!(
        folder.read("old.csv").starts_with("at,pattern,") && folder.read("new.html").ends_with("</html>\n")
    );
}

/// Whether every tag of a page is closed, in order.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("it says what it is");
    while let Some((text, behind)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{text}");
        let (tag, behind) = behind.split_once('>').expect("a tag ends");
        rest = behind;
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match () {
            () if tag.ends_with('/') => {}
            () if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{tag}"),
            () => open.push(name),
        }
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").expect("it ends")..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for piece in page.split('&').skip(1) {
        let entity = piece.split_once(';').map(|(name, _)| name);
        assert!(matches!(entity, Some("amp" | "lt" | "gt" | "quot" | "#39")), "&{piece:.20}");
    }
}

#[test]
fn the_page_asks_for_nothing_and_is_whole() {
    let folder = logins("backtest-page");
    let rules = LOGINS.replace("pattern spray", "/// \"Many\" <users> & one address.\npattern spray")
        + "pattern never { on logins by user match one where user == \"?\" emit odd { user: user } }\n";
    folder.write("p.cep", &rules);
    answer(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key user --html page.html");
    let page = folder.read("page.html");
    for reference in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert_well_formed(&page);
    assert_eq!(page.matches("<svg").count(), 3);
    for text in [
        "&quot;Many&quot; &lt;users&gt; &amp; one address.",
        "take-over &lt;&amp;&gt;",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("<title>spray: precision 100.0%</title>"), "{page}");
    assert!(
        page.contains("<p class=\"key\">4 false alerts; --alerts-out FILE writes all alerts.</p>"),
        "{page}"
    );
    assert_eq!(page.matches("<td>stuck</td>").count(), 4);
    // A rule without alerts has a recall, which is nothing, and no precision.
    answer(
        &folder,
        "backtest p.cep --in logins=in.jsonl --labels fraud --key user --select never --html page.html",
    );
    let page = folder.read("page.html");
    assert_well_formed(&page);
    assert!(
        page.contains("<title>never: recall 0.0%</title>") && !page.contains("never: precision"),
        "{page}"
    );
    assert!(page.contains("2 missed frauds; --frauds-out FILE writes all frauds."), "{page}");
    // Also with nothing in it.
    folder.write("in.jsonl", "");
    answer(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key user --html page.html");
    assert_well_formed(&folder.read("page.html"));
    let (code, said) =
        run(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key user --html no/page.html");
    assert!(code == Some(2) && said.contains("error: cannot write no/page.html"), "{said}");
}

#[test]
fn what_is_missing_is_said() {
    let folder = logins("backtest-missing");
    let common = "p.cep --in logins=in.jsonl --key user";
    let fails = |arguments: &str, expected: &str| {
        let (code, said) = run(&folder, &format!("backtest {common} {arguments}"));
        assert!(code == Some(2) && said.contains(expected), "{arguments}: {said}");
    };
    let fields =
        "help: --labels FIELD: a field of the events that is true of the fraudulent ones; is it `fraud`?\n";
    fails("", &format!("error: there are no labels to compare alerts with\n{fields}"));
    // One thing stands where another belongs.
    fails(
        "--labels labels.csv",
        "error: no stream that is read has a field `labels.csv`\nhelp: labels in a file: --label-file labels.csv\n",
    );
    fails(
        "--labels fraud --alerts a.csv",
        "error: no pattern emits to a stream `a.csv`\nhelp: to write the alerts to a file: --alerts-out a.csv\n",
    );
    fails(
        "in.jsonl --labels fraud",
        "error: in.jsonl does not look like a file of patterns\nhelp: events come in by stream: ensue run patterns/ --in STREAM=in.jsonl\n",
    );
    let (code, said) = run(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key usr");
    assert!(code == Some(2) && said.contains("have no `usr`: "), "{said}");
    assert!(said.contains("\nhelp: did you mean `user`?\n"), "{said}");
    let (code, said) = run(&folder, "backtest p.cep --in logins=in.jsonl --labels fraud --key ok");
    assert!(code == Some(2) && said.contains("\nhelp: emit it: `emit break_in { ok: … }`\n"), "{said}");
    let (code, said) = run(&folder, "backtest");
    assert!(code == Some(2) && said.starts_with("error: there are no patterns to run\n"), "{said}");
    fails(
        "--labels frod",
        "error: no stream that is read has a field `frod`\nhelp: did you mean `fraud`?\nhelp: if the file has it, \
         declare it in the stream: `frod bool?`\n",
    );
    fails(
        "--labels fraud --alerts pages",
        "error: no pattern emits to a stream `pages`\nhelp: did you mean `page`?",
    );
    fails("--labels fraud --fraud-gap 1", "write a duration such as 30m or 1h");
    fails("--label-file none.csv", "error: cannot read none.csv");
    folder.write("l.csv", "account,at\na,2026-01-01T12:00:20Z\n");
    fails(
        "--label-file l.csv",
        "error: l.csv:2: the label has no `user`\nhelp: alerts and labels are joined by key; the row has account, at\n",
    );
    folder.write("l.csv", "user,when\na,2026-01-01T12:00:20Z\n");
    fails(
        "--label-file l.csv",
        "error: l.csv:2: the label has no time, looked for as `first_at`, `at`\nhelp: name its time with --label-time",
    );
    fails("--label-file l.csv --label-time when --labels x", "error: no row of l.csv has a `x`");
    folder.write("l.csv", "user,at\na,2026-01-01T12:00:20Z\na,yesterday\n");
    fails("--label-file l.csv", "error: l.csv:3: `at` is `yesterday`, and no time");
    folder.write("l.jsonl", "{\"user\":\"a\",\"first_at\":2000,\"last_at\":1000}\n");
    fails("--label-file l.jsonl", "error: l.jsonl:1: it ends at 1970-01-01T00:00:01.000Z, before it begins");
    folder.write("l.jsonl", "{\"user\":\"a\",\"at\":2000}\nnonsense\n");
    fails("--label-file l.jsonl", "error: l.jsonl:2: it is not a row");
}

#[test]
fn what_the_figures_do_not_say_is_said_beside_them() {
    let folder = logins("backtest-notes");
    let common = "backtest p.cep --key user";
    // Labels of another year.
    folder
        .write("l.jsonl", "{\"user\":\"a\",\"at\":2000}\n{\"user\":\"a\",\"at\":\"2026-01-01T12:00:20Z\"}\n");
    let (_, said) = answer(&folder, &format!("{common} --in logins=in.jsonl --label-file l.jsonl"));
    assert_eq!(
        said,
        "note: outside of the time of the events: 1 of 2 frauds; they count as missed; --since and --until leave them out\n"
    );
    folder.write("l.jsonl", "");
    let (out, said) = answer(&folder, &format!("{common} --in logins=in.jsonl --label-file l.jsonl"));
    assert_eq!(said, "note: there is no fraud to be found: no row of l.jsonl is a fraud\n");
    assert!(out.contains("spray        2       0       2       0.0%      0       -      0"), "{out}");
    // Keys that are written differently.
    folder.write("l.jsonl", "{\"user\":\"A\",\"at\":\"2026-01-01T12:00:20Z\"}\n");
    let (_, said) = answer(&folder, &format!("{common} --in logins=in.jsonl --label-file l.jsonl"));
    assert_eq!(said, "note: no alert has the user of a fraud: alerts have such as `a`, labels `A`\n");
    // A stretch in which nothing is.
    let (out, said) =
        answer(&folder, &format!("{common} --in logins=in.jsonl --label-file l.jsonl --since 2027-01-01"));
    assert_eq!(said, "note: nothing to look at: 7 events outside of --since and --until\n");
    assert!(out.starts_with("0 events\n0 frauds by user\n"), "{out}");
    let wrong = format!("{common} --in logins=in.jsonl --labels fraud --since 2026-01-02 --until 2026-01-01");
    let (code, said) = run(&folder, &wrong);
    assert!(code == Some(2) && said.contains(" is not before --until "), "{said}");
    // No event, no alert, no fraud among the events.
    folder.write("empty.jsonl", "");
    let (out, said) = answer(&folder, &format!("{common} --in logins=empty.jsonl --labels fraud"));
    assert_eq!(said, "note: there were no events: the inputs are empty\n");
    assert!(out.starts_with("0 events\n0 frauds by user\n"), "{out}");
    assert!(out.contains("all          -              -         -         -"), "{out}");
    folder.write("one.jsonl", &login("a", "1.1.1.1", true, "1", 0));
    let (_, said) = answer(&folder, &format!("{common} --in logins=one.jsonl --labels fraud"));
    let silent = "note: `spray` has found nothing. Events that fit each step by themselves, of 1:
  fail  0  not ok
           no event with not ok
  hit   1  ok
note: `stuck` has found nothing. Events that fit each step by themselves, of 1:
  bad   0  not ok
           no event with not ok
  good  1  ok\n";
    assert_eq!(said, format!("{silent}note: no pattern has found anything: every fraud is missed\n"));
    folder.write("one.jsonl", &login("a", "1.1.1.1", true, "0", 0));
    let (_, said) = answer(&folder, &format!("{common} --in logins=one.jsonl --labels fraud"));
    assert_eq!(
        said,
        format!("{silent}note: there is no fraud to be found: `fraud` is true of none of them\n")
    );
    // Late events and bad lines, and a rule that reads the answer.
    folder.write(
        "p.cep",
        &LOGINS.replace("match bad where not ok", "match bad where not ok and fraud is null"),
    );
    let late = login("b", "1.1.1.1", true, "1", 600) + &login("a", "1.1.1.1", true, "1", 0) + "what\n";
    folder.write("late.jsonl", &late);
    let (out, said) = answer(&folder, &format!("{common} --in logins=late.jsonl --labels fraud"));
    assert!(out.contains("\n2 frauds by user\n"), "{out}");
    let silent = "note: `spray` has found nothing. Events that fit each step by themselves, of 2:
  fail  0  not ok
           no event with not ok
  hit   2  ok
note: `stuck` has found nothing. Events that fit each step by themselves, of 2:
  bad   0  not ok and fraud is null
           no event with not ok
           no event with fraud is null
  good  2  ok\n";
    let expected = format!(
        "note: `stuck` reads the labels itself: its figures say nothing about new events\n\
         note: 1 late event of logins left out; more `disorder` in the stream takes them in\n\
         note: 1 line of logins cannot be read: see logins.bad.jsonl\n\
         {silent}note: no pattern has found anything: every fraud is missed\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn the_example_of_the_document_says_what_it_shows() {
    let folder = Folder::empty("backtest-document");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir(folder.0.join("patterns")).expect("a folder");
    for entry in std::fs::read_dir(root.join("patterns")).expect("patterns") {
        let path = entry.expect("a file").path();
        std::fs::copy(&path, folder.0.join("patterns").join(path.file_name().expect("a name")))
            .expect("a copy");
    }
    let document = std::fs::read_to_string(root.join("docs/backtest.md")).expect("the document");
    let (_, block) = document.split_once("```console\n").expect("an example");
    let (block, _) = block.split_once("```").expect("its end");
    let mut commands = 0;
    for part in block.split("$ ensue ").skip(1) {
        let (command, shown) = part.split_once('\n').expect("a command is a line");
        assert_eq!(succeed(&folder, command), shown, "{command}");
        commands += 1;
    }
    assert_eq!(commands, 2);
}
