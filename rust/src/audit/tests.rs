use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path as FilePath;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use super::queue::QUEUE;
use super::*;
use crate::VERSION;
use crate::clock::testing::ManualClock;
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
            min_age: Duration::ZERO,
        },
        patience: Patience::default(),
    }
}

/// On a clock that stands still, where each refusal has a line of its own.
fn open_at(settings: &Settings, time: Timestamp, log: Arc<Log>) -> Result<Audit, OpenError> {
    let clock = Arc::new(ManualClock::at(&time.to_string()));
    let refusals = Arc::new(Refusals::new(0, true, clock.clone()));
    Audit::open(settings, refusals, clock, log)
}

fn now() -> Timestamp {
    "2026-11-24T05:40:00.123456Z".parse().unwrap()
}

fn record(audit: &Audit, now: Timestamp, request: &Request<'_>, reason: Reason) -> Reason {
    audit
        .record(now, request, NamesInSource::default(), reason)
        .reason
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
    let target = "é".repeat(40_000);
    let impersonator = "a\r\n\u{7f}\u{9b}\u{2028}\u{202e}\u{200b}\u{e0041}b\0";
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
        text.contains(r#""a\r\n\u007f\u009b\u2028\u202e\u200b\udb40\udc41b\u0000""#),
        "{text:?}"
    );
    let line = &decisions(&file)[0];
    assert_eq!(line["impersonator"], impersonator);
    assert_eq!(line["target"], format!("{}…", "é".repeat(128)));
}

#[test]
fn a_full_disk_lets_nobody_in_and_is_reported() {
    let log = Arc::new(Log::default());
    let audit = open_at(&settings(FilePath::new("/dev/full")), now(), log.clone()).unwrap();
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
    let audit = open_at(&settings(FilePath::new("/dev/full")), now(), Arc::default()).unwrap();
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
    let audit = open_at(&warn, now(), Arc::default()).unwrap();
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
    let audit = Arc::new(open_at(&settings(&file), now(), Arc::default()).unwrap());
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
    let audit = open_at(&settings(&file), now(), Arc::default()).unwrap();
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
    let error = open_at(
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
            min_age: Duration::ZERO,
        },
        ..settings(file)
    }
}

/// One start of the engine and one decision, each a batch of its own, both at this time.
fn start_and_record(settings: &Settings, time: &str, target: &str) {
    let time: Timestamp = time.parse().unwrap();
    let audit = open_at(settings, time, Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
        min_age: Duration::ZERO,
    };
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
        min_age: Duration::ZERO,
    };
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::clone(&log)).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings, now(), Arc::default()).unwrap();
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
    let audit = open_at(&settings(FilePath::new("/dev/full")), now(), Arc::default()).unwrap();
    for _ in 0..QUEUE + 10 {
        audit.record_query(now(), ended_query(), NamesInSource::default());
    }
    assert!(audit.health.lost() >= 10);
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
        reasons("/refusals/properties/reasons/propertyNames/enum"),
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

/// Pipes and disks that do not answer.
mod hanging {
    use std::io::Read as _;
    use std::process::Command;
    use std::time::Instant;

    use super::*;
    use crate::clock::SystemClock;

    /// So long a machine that is busy with other tests may take for what should take no time.
    const HANGS: Duration = Duration::from_secs(60);
    const SHORT: Patience = Patience {
        writing: Duration::from_millis(200),
        closing: Duration::from_millis(200),
    };

    /// A pipe that is full after some hundred lines, and what holds it open.
    struct Pipe {
        _folder: TempDir,
        path: PathBuf,
        held: Option<fs::File>,
    }

    impl Pipe {
        fn without_a_reader() -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("pipe");
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            Pipe {
                _folder: folder,
                path,
                held: None,
            }
        }

        /// Somebody has it open, and does not read.
        fn held() -> Self {
            let mut pipe = Pipe::without_a_reader();
            let open = fs::File::options().read(true).write(true).open(&pipe.path);
            pipe.held = Some(open.unwrap());
            pipe
        }

        fn settings(&self, on_failure: OnFailure) -> Settings {
            Settings {
                on_failure,
                patience: SHORT,
                ..settings(&self.path)
            }
        }

        /// Reads for ever, and does not keep the test waiting.
        fn drain(&self) {
            let mut held = self.held.as_ref().unwrap().try_clone().unwrap();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                while held.read(&mut bytes).is_ok() {}
            });
        }
    }

    fn open(settings: &Settings, log: &Arc<Log>) -> Result<Audit, OpenError> {
        let clock = Arc::new(SystemClock::new());
        let refusals = Arc::new(Refusals::new(0, true, clock.clone()));
        Audit::open(settings, refusals, clock, Arc::clone(log))
    }

    fn decide(audit: &Audit) -> Reason {
        record(
            audit,
            now(),
            &Request::new("svc", "alice"),
            Reason::Permission,
        )
    }

    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < HANGS, "{what}");
            thread::yield_now();
        }
    }

    fn said(log: &Log) -> String {
        let texts: Vec<String> = log
            .drain()
            .into_iter()
            .map(|message| message.text)
            .collect();
        texts.join("\n")
    }

    #[test]
    fn a_pipe_that_nobody_reads_lets_nobody_in_after_a_while_and_blocks_nobody() {
        let (pipe, log) = (Pipe::held(), Arc::new(Log::default()));
        let audit = open(&pipe.settings(OnFailure::Deny), &log).unwrap();
        let mut allowed = 0;
        until("still let in", || {
            let is_allowed = decide(&audit) == Reason::Permission;
            allowed += usize::from(is_allowed);
            !is_allowed
        });
        // What waits, and some hundred lines that are in the pipe.
        assert!(allowed < QUEUE + 1_000, "{allowed}");
        let start = Instant::now();
        for _ in 0..QUEUE + 1_000 {
            assert_eq!(decide(&audit), Reason::AuditUnavailable);
            let refused = Request::new("eve", "bob");
            let reason = record(&audit, now(), &refused, Reason::NoPermission);
            assert_eq!(reason, Reason::NoPermission);
            audit.record_query(now(), ended_query(), NamesInSource::default());
            assert!(start.elapsed() < HANGS, "somebody waits");
        }
        let metrics = Audit::metrics(Some(&audit));
        let of = |name: &str| {
            let metric = metrics.iter().find(|metric| metric.name == name);
            metric.unwrap().value
        };
        assert_eq!(of("audit_failing"), 1);
        assert!(of("audit_lost") > 1_000);
        let hangs = said(&log);
        assert!(
            hangs.contains("cannot be written: the file system has not answered"),
            "{hangs}"
        );

        pipe.drain();
        until("not let in again", || decide(&audit) == Reason::Permission);
        // It is said a moment after it holds.
        until("nothing is said of it", || {
            said(&log).contains("can be written again after it hung for")
        });
    }

    #[test]
    fn with_warn_a_pipe_that_nobody_reads_leaves_decisions_standing_and_blocks_nobody() {
        let (pipe, log) = (Pipe::held(), Arc::new(Log::default()));
        let audit = open(&pipe.settings(OnFailure::Warn), &log).unwrap();
        let start = Instant::now();
        for _ in 0..2 * QUEUE {
            assert_eq!(decide(&audit), Reason::Permission);
            assert!(start.elapsed() < HANGS, "somebody waits");
        }
        until("no line is lost", || {
            decide(&audit);
            audit.health.lost() > 0
        });
    }

    #[test]
    fn closing_turns_away_from_a_pipe_that_nobody_reads_and_says_what_is_lost() {
        let (pipe, log) = (Pipe::held(), Arc::new(Log::default()));
        let clock = Arc::new(SystemClock::new());
        let refusals = Arc::new(Refusals::new(1, true, clock.clone()));
        let settings = pipe.settings(OnFailure::Deny);
        let audit = Audit::open(&settings, refusals, clock, Arc::clone(&log)).unwrap();
        until("still let in", || decide(&audit) != Reason::Permission);
        for _ in 0..3 {
            record(
                &audit,
                now(),
                &Request::new("eve", "bob"),
                Reason::NoPermission,
            );
        }
        let start = Instant::now();
        audit.close();
        assert!(start.elapsed() < HANGS);
        let lines = audit.queue.len();
        assert!(lines > 0);
        let words =
            format!("{lines} lines, and the count of 2 repeated refusals, were not written");
        let said_so = said(&log);
        assert!(said_so.contains(&words), "{said_so}");
        assert_eq!(decide(&audit), Reason::AuditUnavailable, "closed");
        drop(audit);
    }

    #[test]
    fn a_pipe_without_a_reader_stops_the_start_instead_of_holding_it_for_ever() {
        let pipe = Pipe::without_a_reader();
        let start = Instant::now();
        let error = open(&pipe.settings(OnFailure::Deny), &Arc::default()).err();
        assert!(start.elapsed() < HANGS);
        let text = error.unwrap().to_string();
        assert!(text.contains("start its reader first"), "{text}");
        let checked = pipe.settings(OnFailure::Deny).check();
        assert!(checked.unwrap_err().contains("cannot write"));
    }

    #[test]
    fn a_first_line_that_hangs_lets_the_server_start_and_nobody_in() {
        let (pipe, log) = (Pipe::held(), Arc::new(Log::default()));
        let mut filling = fs::File::options()
            .write(true)
            .custom_flags(0o4000)
            .open(&pipe.path)
            .unwrap();
        while filling.write(b"\n").is_ok() {}
        let audit = open(&pipe.settings(OnFailure::Deny), &log).unwrap();
        until("still let in", || {
            decide(&audit) == Reason::AuditUnavailable
        });
        assert!(said(&log).contains("the file system has not answered"));
    }
}

/// Who is refused over and over.
mod repeating {
    use super::*;

    struct World {
        folder: TempDir,
        clock: Arc<ManualClock>,
        audit: Audit,
    }

    fn world(most: usize, rotation: Rotation) -> World {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(&now().to_string()));
        let refusals = Arc::new(Refusals::new(most, true, clock.clone()));
        let settings = Settings {
            rotation,
            ..settings(&folder.path().join("a.jsonl"))
        };
        World {
            audit: Audit::open(&settings, refusals, clock.clone(), Arc::default()).unwrap(),
            folder,
            clock,
        }
    }

    const ONE_FILE: Rotation = Rotation {
        size: 0,
        daily: false,
        keep: 0,
        min_age: Duration::ZERO,
    };

    impl World {
        fn decide(&self, target: &str, reason: Reason) -> Recorded {
            let mut request = Request::new("eve", target);
            request.principal = Some("eve@REALM".into());
            let names = NamesInSource::default();
            self.audit.record(now(), &request, names, reason)
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("a.jsonl")
        }
    }

    #[test]
    fn refusals_beyond_so_many_a_minute_leave_one_line_though_nobody_asks_again() {
        let world = world(2, ONE_FILE);
        for number in 0..5 {
            let done = world.decide(&format!("target{number}"), Reason::UnknownTarget);
            assert_eq!(done.has_own_line, number < 2);
            assert_eq!(done.reason, Reason::UnknownTarget);
        }
        for number in 0..100 {
            let done = world.decide(&format!("target{number}"), Reason::Permission);
            assert!(done.has_own_line);
        }
        world.clock.advance(Duration::from_secs(60));
        let count = || {
            fs::read_to_string(world.file())
                .unwrap()
                .matches("\"refusals\"")
                .count()
        };
        while count() == 0 {
            thread::yield_now();
        }
        let file = world.file();
        assert_eq!(
            lines_of(&file, "refusals"),
            [
                serde_json::json!({"type": "refusals", "schemaVersion": 1, "time": "2026-11-24T05:41:00.123456Z",
                "from": "2026-11-24T05:40:00.123456Z", "to": "2026-11-24T05:40:00.123456Z",
                "principal": "eve@REALM", "impersonator": "eve", "repeated": 3,
                "reasons": {"unknown-target": 3}, "distinctTargets": 3, "engineVersion": VERSION})
            ]
        );
        assert_eq!(decisions(&file).len(), 102, "whoever is let in has a line");
        drop(world.audit);
        assert_eq!(lines_of(&file, "refusals").len(), 1);
    }

    #[test]
    fn closing_writes_what_was_counted_so_far() {
        let world = world(1, ONE_FILE);
        for reason in [Reason::NoPermission, Reason::NoPermission, Reason::Chained] {
            world.decide("alice", reason);
        }
        let file = world.file();
        drop(world.audit);
        let line = &lines_of(&file, "refusals")[0];
        assert_eq!(
            line["reasons"],
            serde_json::json!({"chained": 1, "no-permission": 1})
        );
    }

    #[test]
    fn who_is_let_in_is_never_counted_and_who_cannot_be_recorded_is() {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(&now().to_string()));
        let refusals = Arc::new(Refusals::new(1, true, clock.clone()));
        let settings = settings(FilePath::new("/dev/full"));
        let audit = Audit::open(&settings, Arc::clone(&refusals), clock, Arc::default()).unwrap();
        for _ in 0..3 {
            let reason = record(
                &audit,
                now(),
                &Request::new("svc", "alice"),
                Reason::Permission,
            );
            assert_eq!(reason, Reason::AuditUnavailable);
        }
        assert_eq!(refusals.waiting(), 2);
        drop(folder);
    }

    #[test]
    fn refusals_push_no_line_of_this_week_out_of_the_files() {
        let world = world(
            0,
            Rotation {
                size: 1,
                daily: false,
                keep: 1,
                min_age: Duration::from_secs(7 * 24 * 3600),
            },
        );
        world.decide("alice", Reason::Permission);
        for _ in 0..5 {
            world.decide("bob", Reason::NoPermission);
            // A batch of its own, and so a file.
            while world.audit.queue.len() > 0 {
                thread::yield_now();
            }
        }
        let folder = world.folder;
        drop(world.audit);
        let lines = targets(folder.path())
            .into_iter()
            .flat_map(|(_, lines)| lines);
        let lines: Vec<String> = lines.collect();
        assert_eq!(lines.iter().filter(|target| *target == "alice").count(), 1);
        assert_eq!(lines.len(), 6);
    }
}

#[test]
fn a_file_that_everybody_can_write_is_refused_at_the_start_and_when_it_is_made_again() {
    let folder = TempDir::new().unwrap();
    let settings = settings(&folder.path().join("a.jsonl"));
    let exposed = |path: &FilePath| {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    };
    exposed(&settings.file);
    let error = open_at(&settings, now(), Arc::default()).err().unwrap();
    assert!(error.to_string().contains("chmod o-w"), "{error}");
    assert!(settings.check().unwrap_err().contains("forge the record"));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&settings.file, &link).unwrap();
    let by_link = Settings {
        file: link,
        ..settings.clone()
    };
    assert!(open_at(&by_link, now(), Arc::default()).is_err());

    fs::remove_file(&settings.file).unwrap();
    let log = Arc::new(Log::default());
    let audit = open_at(&settings, now(), Arc::clone(&log)).unwrap();
    fs::rename(&settings.file, folder.path().join("moved")).unwrap();
    exposed(&settings.file);
    let request = Request::new("svc", "alice");
    while record(&audit, now(), &request, Reason::Permission) == Reason::Permission {
        thread::yield_now();
    }
    assert!(log.drain()[0].text.contains("chmod o-w"));
}

#[test]
fn a_folder_where_everybody_can_replace_the_file_is_warned_of() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let settings = settings(&folder.path().join("a.jsonl"));
    assert_eq!(settings.check().unwrap().len(), 1);
    let log = Arc::new(Log::default());
    let audit = open_at(&settings, now(), Arc::clone(&log)).unwrap();
    let messages = log.drain();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].text.contains("in the place of"), "{messages:?}");
    assert_eq!(settings.check().unwrap().len(), 1);
    drop(audit);
}
