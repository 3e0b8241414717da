use std::fs;
use std::path::Path as FilePath;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use super::queue::QUEUE;
use super::text::acts_on_a_terminal;
use super::*;
use crate::VERSION;
use crate::engine::Path;

fn settings(file: &FilePath) -> Settings {
    Settings {
        file: file.to_owned(),
        on_failure: OnFailure::Deny,
        query_text: false,
        rotation: Rotation {
            size: 0,
            daily: false,
            keep: 0,
        },
    }
}

fn now() -> Timestamp {
    "2026-11-24T05:40:00.123456Z".parse().unwrap()
}

fn record(audit: &Audit, now: Timestamp, request: &Request<'_>, reason: Reason) -> Reason {
    audit.record(now, request, NamesInSource::default(), reason)
}

/// The lines of this type. Every line of the file is checked against the schema.
fn lines_of(file: &FilePath, kind: &str) -> Vec<Value> {
    let lines: Vec<Value> = fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        check(line).unwrap();
    }
    lines
        .into_iter()
        .filter(|line| line["type"] == kind)
        .collect()
}

fn decisions(file: &FilePath) -> Vec<Value> {
    lines_of(file, "decision")
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/audit.schema.json")).unwrap()
}

fn check(line: &Value) -> Result<(), String> {
    static COMPILED: OnceLock<(boon::Schemas, boon::SchemaIndex)> = OnceLock::new();
    let (schemas, index) = COMPILED.get_or_init(|| {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.enable_format_assertions();
        let place = "file:///audit.schema.json";
        compiler.add_resource(place, schema()).unwrap();
        let index = compiler.compile(place, &mut schemas).unwrap();
        (schemas, index)
    });
    let result = schemas.validate(line, *index);
    result.map_err(|error| format!("{line}: {error}"))
}

#[test]
fn allow_and_deny_leave_a_line_with_every_field() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("new/folder/audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    let mut request = Request::new("svc", "alice");
    request.principal = Some("svc@REALM".into());
    assert_eq!(
        record(&audit, now(), &request, Reason::Permission),
        Reason::Permission
    );
    let refused = Request::new("eve", "bob");
    assert_eq!(
        record(&audit, now(), &refused, Reason::NoPermission),
        Reason::NoPermission
    );
    drop(audit);
    assert_eq!(
        decisions(&file),
        [
            serde_json::json!({"type": "decision", "schemaVersion": 1, "time": "2026-11-24T05:40:00.123456Z",
                "decision": "allow", "reason": "permission", "impersonator": "svc",
                "target": "alice", "principal": "svc@REALM", "path": "native",
                "engineVersion": VERSION}),
            serde_json::json!({"type": "decision", "schemaVersion": 1, "time": "2026-11-24T05:40:00.123456Z",
                "decision": "deny", "reason": "no-permission", "impersonator": "eve",
                "target": "bob", "principal": null, "path": "native",
                "engineVersion": VERSION}),
        ]
    );
}

#[test]
fn a_flush_leaves_a_line_with_every_field() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    let mut caller = Caller {
        user: "root".into(),
        principal: None,
        query_id: None,
    };
    audit.record_flush(now(), &caller, None, false);
    caller.principal = Some("svc@REALM".into());
    caller.query_id = Some("q1".into());
    audit.record_flush(now(), &caller, Some("alice"), true);
    drop(audit);
    assert_eq!(
        lines_of(&file, "flush"),
        [
            serde_json::json!({"type": "flush", "schemaVersion": 1, "time": "2026-11-24T05:40:00.123456Z",
                "decision": "deny", "user": "root", "flushed": null, "principal": null,
                "engineVersion": VERSION}),
            serde_json::json!({"type": "flush", "schemaVersion": 1, "time": "2026-11-24T05:40:00.123456Z",
                "decision": "allow", "user": "root", "flushed": "alice", "principal": "svc@REALM",
                "queryId": "q1", "engineVersion": VERSION}),
        ]
    );
}

#[test]
fn the_names_that_the_source_knows_are_added() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    let names = NamesInSource {
        impersonator: Some("svc@corp.example".to_owned()),
        target: None,
    };
    audit.record(
        now(),
        &Request::new("svc", "alice"),
        names,
        Reason::UnknownTarget,
    );
    drop(audit);
    let line = &decisions(&file)[0];
    assert_eq!(line["impersonator"], "svc");
    assert_eq!(line["mappedImpersonator"], "svc@corp.example");
    assert_eq!(line["target"], "alice");
    assert!(line.get("mappedTarget").is_none());
}

#[test]
fn a_query_that_exists_already_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    let mut request = Request::new("svc", "alice");
    request.path = Path::Property;
    request.query_id = Some("20261124_054000_00007_abcde".into());
    record(&audit, now(), &request, Reason::Permission);
    drop(audit);
    let line = &decisions(&file)[0];
    assert_eq!(line["path"], "property");
    assert_eq!(line["queryId"], "20261124_054000_00007_abcde");
}

#[test]
fn control_characters_are_escaped_and_long_names_are_cut() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    let target = "é".repeat(40_000);
    let impersonator = "a\r\n\u{7f}\u{9b}\u{2028}\u{202e}b\0";
    record(
        &audit,
        now(),
        &Request::new(impersonator, &target),
        Reason::InvalidName,
    );
    drop(audit);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2, "a start line and a decision");
    assert!(
        !text.chars().any(|c| c != '\n' && acts_on_a_terminal(c)),
        "{text:?}"
    );
    let line = &decisions(&file)[0];
    assert_eq!(line["impersonator"], impersonator);
    assert_eq!(line["target"], format!("{}…", "é".repeat(128)));
}

#[test]
fn a_full_disk_lets_nobody_in_and_is_reported() {
    let log = Arc::new(Log::default());
    let audit = Audit::open(&settings(FilePath::new("/dev/full")), now(), log.clone()).unwrap();
    let request = Request::new("svc", "alice");
    assert_eq!(
        record(&audit, now(), &request, Reason::Permission),
        Reason::AuditUnavailable
    );
    assert_eq!(
        record(&audit, now(), &request, Reason::NoPermission),
        Reason::NoPermission
    );
    let messages = log.drain();
    assert!(
        messages[0].text.contains("/dev/full cannot be written"),
        "{messages:?}"
    );
}

#[test]
fn a_full_queue_over_a_full_disk_does_not_block() {
    let audit = Audit::open(&settings(FilePath::new("/dev/full")), now(), Arc::default()).unwrap();
    let request = Request::new("svc", "alice");
    for _ in 0..QUEUE + 10 {
        assert_eq!(
            record(&audit, now(), &request, Reason::Permission),
            Reason::AuditUnavailable
        );
    }
}

#[test]
fn with_warn_a_full_disk_leaves_the_decision_standing() {
    let warn = Settings {
        on_failure: OnFailure::Warn,
        ..settings(FilePath::new("/dev/full"))
    };
    let audit = Audit::open(&warn, now(), Arc::default()).unwrap();
    assert_eq!(
        record(
            &audit,
            now(),
            &Request::new("svc", "alice"),
            Reason::Permission
        ),
        Reason::Permission
    );
}

#[test]
fn more_decisions_than_the_queue_holds_all_leave_their_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Arc::new(Audit::open(&settings(&file), now(), Arc::default()).unwrap());
    let each = QUEUE / 2;
    thread::scope(|scope| {
        for thread in 0..4 {
            let audit = Arc::clone(&audit);
            scope.spawn(move || {
                for number in 0..each {
                    let target = format!("{thread}-{number}");
                    record(
                        &audit,
                        now(),
                        &Request::new("svc", &target),
                        Reason::Permission,
                    );
                }
            });
        }
    });
    drop(audit);
    let mut targets: Vec<String> = decisions(&file)
        .iter()
        .map(|line| line["target"].as_str().unwrap().to_owned())
        .collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 4 * each);
}

#[test]
fn a_file_moved_away_is_made_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Audit::open(&settings(&file), now(), Arc::default()).unwrap();
    fs::rename(&file, folder.path().join("audit.jsonl.1")).unwrap();
    record(
        &audit,
        now(),
        &Request::new("svc", "alice"),
        Reason::Permission,
    );
    drop(audit);
    assert_eq!(decisions(&file).len(), 1);
}

#[test]
fn a_file_that_cannot_be_made_is_an_error() {
    let error = Audit::open(
        &settings(FilePath::new("/dev/null/audit.jsonl")),
        now(),
        Arc::default(),
    )
    .err();
    assert!(error.is_some());
}

/// The lines of the file and of those set aside, by name, each checked to be whole.
fn targets(folder: &FilePath) -> Vec<(String, Vec<String>)> {
    let mut files: Vec<(String, Vec<String>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let target = |line: Value| line["target"].as_str().unwrap().to_owned();
            (name, decisions(&path).into_iter().map(target).collect())
        })
        .collect();
    files.sort_unstable();
    files
}

fn record_at(audit: &Audit, time: &str, target: &str) {
    let request = Request::new("svc", target);
    record(audit, time.parse().unwrap(), &request, Reason::Permission);
}

/// One line a file: every line but the first in a file is too much.
fn rotating(file: &FilePath, keep: usize) -> Settings {
    Settings {
        rotation: Rotation {
            size: 1,
            daily: false,
            keep,
        },
        ..settings(file)
    }
}

/// One start of the engine and one decision, each a batch of its own, both at this time.
fn start_and_record(settings: &Settings, time: &str, target: &str) {
    let time: Timestamp = time.parse().unwrap();
    let audit = Audit::open(settings, time, Arc::default()).unwrap();
    let request = Request::new("svc", target);
    record(&audit, time, &request, Reason::Permission);
    drop(audit);
    // The next start finds the file as old as its last line.
    let since_epoch = Duration::try_from(time.as_duration()).unwrap();
    fs::File::options()
        .append(true)
        .open(&settings.file)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + since_epoch)
        .unwrap();
}

#[test]
fn a_full_file_is_set_aside_under_the_time_of_its_last_line() {
    let folder = TempDir::new().unwrap();
    let settings = rotating(&folder.path().join("a.jsonl"), 0);
    start_and_record(&settings, "2026-11-24T05:40:00.9Z", "alice");
    start_and_record(&settings, "2026-11-24T05:41:00Z", "bob");
    let file = |name: &str, target: &[&str]| {
        let target: Vec<String> = target.iter().map(|name| (*name).to_owned()).collect();
        (name.to_owned(), target)
    };
    assert_eq!(
        targets(folder.path()),
        [
            file("a.jsonl", &["bob"]),
            file("a.jsonl-20261124.054000", &[]),
            file("a.jsonl-20261124.054000-1", &["alice"]),
            file("a.jsonl-20261124.054100", &[]),
        ]
    );
}

#[test]
fn the_second_of_a_file_that_is_gone_already_is_not_given_again() {
    let folder = TempDir::new().unwrap();
    let settings = rotating(&folder.path().join("a.jsonl"), 1);
    for target in ["alice", "bob", "carol"] {
        start_and_record(&settings, "2026-11-24T05:40:00Z", target);
    }
    let names: Vec<String> = targets(folder.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["a.jsonl", "a.jsonl-20261124.054000-4"]);
}

#[test]
fn each_day_has_a_file_of_its_own() {
    let folder = TempDir::new().unwrap();
    let mut settings = settings(&folder.path().join("a.jsonl"));
    settings.rotation.daily = true;
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    // In one batch or in several.
    record_at(&audit, "2026-11-24T23:59:59.999999Z", "alice");
    record_at(&audit, "2026-11-25T00:00:00Z", "bob");
    record_at(&audit, "2026-11-25T00:00:01Z", "carol");
    record_at(&audit, "2026-11-27T12:00:00Z", "dora");
    drop(audit);
    assert_eq!(
        targets(folder.path()),
        [
            ("a.jsonl".to_owned(), vec!["dora".to_owned()]),
            (
                "a.jsonl-20261124.235959".to_owned(),
                vec!["alice".to_owned()]
            ),
            (
                "a.jsonl-20261125.000001".to_owned(),
                vec!["bob".to_owned(), "carol".to_owned()]
            ),
        ]
    );
}

#[test]
fn the_oldest_files_are_removed_and_nothing_that_is_not_ours() {
    let folder = TempDir::new().unwrap();
    let others = [
        "a.jsonl-20200101",
        "a.jsonl-20200101.000000.gz",
        "a.jsonl.1",
        "a.jsonl-20200101.000000.bak",
        "b.jsonl-20200101.000000",
    ];
    for name in others {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir(folder.path().join("a.jsonl-20200101.000000")).unwrap();
    fs::write(folder.path().join("a.jsonl-20200102.000000"), "").unwrap();
    let mut settings = settings(&folder.path().join("a.jsonl"));
    settings.rotation = Rotation {
        size: 0,
        daily: true,
        keep: 2,
    };
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    for day in 24..=28 {
        record_at(&audit, &format!("2026-11-{day}T12:00:00Z"), "alice");
    }
    drop(audit);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !others.contains(&name.as_str()))
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "a.jsonl",
            "a.jsonl-20200101.000000",
            "a.jsonl-20261126.120000",
            "a.jsonl-20261127.120000"
        ]
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        names.len() + others.len()
    );
}

#[test]
fn the_file_just_set_aside_is_kept_though_the_clock_was_set_back() {
    let folder = TempDir::new().unwrap();
    let newer = folder.path().join("a.jsonl-20300101.000000");
    fs::write(&newer, "").unwrap();
    let mut settings = settings(&folder.path().join("a.jsonl"));
    settings.rotation = Rotation {
        size: 0,
        daily: true,
        keep: 1,
    };
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    record_at(&audit, "2026-11-25T12:00:00Z", "alice");
    drop(audit);
    assert!(newer.exists());
    assert!(folder.path().join("a.jsonl-20261124.054000").exists());
}

#[test]
fn no_line_is_lost_or_broken_where_many_write_into_small_files() {
    let folder = TempDir::new().unwrap();
    let mut settings = settings(&folder.path().join("a.jsonl"));
    settings.rotation.size = 20_000;
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    let each = 2_000;
    thread::scope(|scope| {
        for thread in 0..4 {
            let audit = &audit;
            scope.spawn(move || {
                for number in 0..each {
                    record_at(audit, "2026-11-24T05:40:01Z", &format!("{thread}-{number}"));
                }
            });
        }
    });
    drop(audit);
    let files = targets(folder.path());
    assert!(files.len() > 10, "{}", files.len());
    let mut all: Vec<String> = files.into_iter().flat_map(|(_, lines)| lines).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4 * each);
}

#[test]
fn a_link_stays_one_and_the_file_that_it_leads_to_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    for path in [&real, &link] {
        fs::create_dir(path).unwrap();
    }
    let file = link.join("a.jsonl");
    std::os::unix::fs::symlink(real.join("b.jsonl"), &file).unwrap();
    let mut settings = settings(&file);
    settings.rotation.daily = true;
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    record_at(&audit, "2026-11-25T12:00:00Z", "alice");
    drop(audit);
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(decisions(&file).len(), 1);
    assert!(real.join("b.jsonl-20261124.054000").exists());
}

#[test]
fn a_file_that_cannot_be_set_aside_goes_on_and_is_reported_once() {
    let folder = TempDir::new().unwrap();
    // Its own name leaves no room for the time.
    let mut settings = settings(&folder.path().join("a".repeat(250)));
    settings.rotation.daily = true;
    let log = Arc::new(Log::default());
    let audit = Audit::open(&settings, now(), Arc::clone(&log)).unwrap();
    record_at(&audit, "2026-11-25T12:00:00Z", "alice");
    record_at(&audit, "2026-11-26T12:00:00Z", "bob");
    drop(audit);
    let messages = log.drain();
    assert_eq!(decisions(&settings.file).len(), 2);
    // On the second day it is tried again.
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(
        messages[0].text.contains("cannot be renamed"),
        "{messages:?}"
    );
}

#[test]
fn a_file_emptied_by_copytruncate_goes_on_without_a_hole() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder.path().join("a.jsonl"));
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    fs::write(&settings.file, "").unwrap();
    record_at(&audit, "2026-11-24T05:40:01Z", "alice");
    drop(audit);
    assert_eq!(targets(folder.path())[0].1, ["alice"]);
}

#[test]
fn a_line_cut_off_by_a_crash_does_not_swallow_the_next() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder.path().join("a.jsonl"));
    fs::write(&settings.file, "{\"type\":\"deci").unwrap();
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    record_at(&audit, "2026-11-24T05:40:01Z", "alice");
    drop(audit);
    let text = fs::read_to_string(&settings.file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(lines[0], "{\"type\":\"deci");
    assert!(
        lines[1].contains("\"start\"") && lines[2].contains("alice"),
        "{text}"
    );
}

fn ended_query() -> EndedQuery {
    EndedQuery {
        path: Path::Native,
        reason: Reason::Permission,
        decided: now(),
        impersonator: "svc".to_owned(),
        target: "alice".to_owned(),
        principal: Some("svc@REALM".to_owned()),
        query_id: "20261124_054000_00007_abcde".to_owned(),
        state: "FINISHED".to_owned(),
        error: None,
        start: now(),
        elapsed: Duration::from_micros(1_234_567),
        source: Some("superset\u{9b}".to_owned()),
        client_address: Some("127.0.0.1".to_owned()),
        client_tags: vec!["nightly".to_owned()],
        catalogs: vec!["tpch".to_owned()],
        tables: vec!["tpch.tiny.nation".to_owned(), "tpch.tiny.region".to_owned()],
        input: Amount {
            rows: 30,
            bytes: 300,
        },
        output: Amount { rows: 5, bytes: 50 },
        written: Amount::default(),
        text: Some("SELECT 'secret'".to_owned()),
    }
}

fn record_query(query_text: bool, query: EndedQuery) -> Value {
    let folder = TempDir::new().unwrap();
    let settings = Settings {
        query_text,
        ..settings(&folder.path().join("audit.jsonl"))
    };
    let audit = Audit::open(&settings, now(), Arc::default()).unwrap();
    let names = NamesInSource {
        impersonator: None,
        target: Some("alice@corp.example".to_owned()),
    };
    audit.record_query(now(), query, names);
    drop(audit);
    lines_of(&settings.file, "query").remove(0)
}

#[test]
fn a_query_leaves_a_line_with_every_field() {
    let time = "2026-11-24T05:40:00.123456Z";
    assert_eq!(
        record_query(true, ended_query()),
        serde_json::json!({"type": "query", "schemaVersion": 1, "time": time,
            "queryId": "20261124_054000_00007_abcde", "state": "FINISHED", "success": true,
            "errorCode": null, "start": time, "elapsedMillis": 1234, "impersonator": "svc",
            "target": "alice", "mappedTarget": "alice@corp.example", "principal": "svc@REALM",
            "path": "native", "reason": "permission", "decidedAt": time, "userId": "alice",
            "impersonationUser": "svc", "source": "superset\u{9b}", "clientAddress": "127.0.0.1",
            "clientTags": ["nightly"], "catalogs": ["tpch"],
            "tables": ["tpch.tiny.nation", "tpch.tiny.region"], "inputRows": 30,
            "inputBytes": 300, "outputRows": 5, "outputBytes": 50, "writtenRows": 0,
            "writtenBytes": 0, "queryText": "SELECT 'secret'", "engineVersion": VERSION})
    );
}

#[test]
fn a_querys_text_is_left_out_unless_it_is_wanted() {
    let line = record_query(false, ended_query());
    assert!(!line.to_string().contains("secret"), "{line}");
}

#[test]
fn a_query_that_failed_is_no_success_and_names_the_error() {
    let line = record_query(
        false,
        EndedQuery {
            state: "FAILED".to_owned(),
            error: Some("DIVISION_BY_ZERO".to_owned()),
            source: None,
            ..ended_query()
        },
    );
    assert_eq!(line["success"], false);
    assert_eq!(line["errorCode"], "DIVISION_BY_ZERO");
    assert_eq!(line["source"], Value::Null);
}

#[test]
fn a_query_on_a_full_disk_waits_and_does_not_block() {
    let audit = Audit::open(&settings(FilePath::new("/dev/full")), now(), Arc::default()).unwrap();
    for _ in 0..QUEUE + 10 {
        audit.record_query(now(), ended_query(), NamesInSource::default());
    }
    assert!(audit.health.lost.load(Ordering::Relaxed) >= 10);
}

#[test]
fn the_schema_knows_every_reason_and_nothing_else() {
    let schema = schema();
    let reasons = |place: &str| -> Vec<String> {
        let mut reasons: Vec<String> =
            serde_json::from_value(schema["$defs"].pointer(place).unwrap().clone()).unwrap();
        reasons.sort_unstable();
        reasons
    };
    let all = |choose: fn(&Reason) -> bool| {
        let chosen = Reason::ALL.into_iter().filter(choose);
        let mut words: Vec<String> = chosen.map(|reason| reason.to_string()).collect();
        words.sort_unstable();
        words
    };
    assert_eq!(reasons("/decision/properties/reason/enum"), all(|_| true));
    assert_eq!(
        reasons("/decision/then/properties/reason/enum"),
        all(|reason| reason.is_allow())
    );
    assert_eq!(
        reasons("/decision/else/properties/reason/enum"),
        all(|reason| !reason.is_allow())
    );
    assert_eq!(
        reasons("/query/properties/reason/enum"),
        all(|reason| reason.is_allow() && *reason != Reason::SelfTarget)
    );
}

#[test]
fn the_schema_refuses_lines_that_are_wrong() {
    let line = record_query(true, ended_query());
    check(&line).unwrap();
    for (field, value) in [
        ("type", "other".into()),
        ("schemaVersion", 2.into()),
        ("time", "yesterday".into()),
        ("decidedAt", Value::Null),
        ("reason", "no-permission".into()),
        ("errorCode", "SYNTAX_ERROR".into()),
        ("inputRows", (-1).into()),
        ("tables", "tpch.tiny.region".into()),
        ("password", "x".into()),
    ] {
        let mut wrong = line.clone();
        wrong[field] = value;
        assert!(check(&wrong).is_err(), "{wrong}");
    }
    let mut short = line;
    short.as_object_mut().unwrap().remove("userId");
    assert!(check(&short).is_err());
}
