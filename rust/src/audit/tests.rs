use std::fs;
use std::path::Path as FilePath;

use serde_json::Value;
use tempfile::TempDir;

use super::text::acts_on_a_terminal;
use super::*;
use crate::VERSION;
use crate::engine::Path;

fn settings(file: &FilePath) -> Settings {
    Settings {
        file: file.to_owned(),
        on_failure: OnFailure::Deny,
    }
}

fn now() -> Timestamp {
    "2026-11-24T05:40:00.123456Z".parse().unwrap()
}

fn record(audit: &Audit, now: Timestamp, request: &Request<'_>, reason: Reason) -> Reason {
    audit.record(now, request, NamesInSource::default(), reason)
}

fn decisions(file: &FilePath) -> Vec<Value> {
    fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["type"] == "decision")
        .collect()
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
            serde_json::json!({"type": "decision", "time": "2026-11-24T05:40:00.123456Z",
                "decision": "allow", "reason": "permission", "impersonator": "svc",
                "target": "alice", "principal": "svc@REALM", "path": "native",
                "engineVersion": VERSION}),
            serde_json::json!({"type": "decision", "time": "2026-11-24T05:40:00.123456Z",
                "decision": "deny", "reason": "no-permission", "impersonator": "eve",
                "target": "bob", "principal": null, "path": "native",
                "engineVersion": VERSION}),
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
