//! Decisions for a shim that gives queries the target's rights itself, and so needs the target's groups.

use std::fs;
use std::path::PathBuf;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Bound, Engine, Path, Reason, Request};
use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = r#"{"users": [
    {"name": "svc", "permissions": ["IMPERSONATE_USER"], "groups": ["services"]},
    {"name": "alice", "groups": ["analysts", "bi"]},
    {"name": "bob"}]}"#;

struct Fixture {
    folder: TempDir,
    properties: Properties,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("policy.json"), POLICY).unwrap();
        fs::write(
            folder.path().join("groups.txt"),
            "bi:alice,svc\neast:alice\n",
        )
        .unwrap();
        let fixture = Fixture {
            folder,
            properties: Properties::default(),
        };
        let (policy, groups) = (fixture.path("policy.json"), fixture.path("groups.txt"));
        let audit = fixture.path("audit.jsonl");
        fixture
            .with("immuta.impersonation.policy-file", policy)
            .with("immuta.group-file", groups)
            .with("immuta.impersonation.audit.file", audit)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with(mut self, name: &str, value: impl Into<PathBuf>) -> Self {
        let value = value.into().display().to_string();
        self.properties.insert(name.to_owned(), value);
        self
    }

    fn open(&self) -> Engine {
        Engine::open(&self.properties).unwrap()
    }

    fn decisions(&self) -> Vec<Value> {
        fs::read_to_string(self.path("audit.jsonl"))
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["type"] == "decision")
            .collect()
    }
}

fn request<'a>(impersonator: &'a str, target: &'a str) -> Request<'a> {
    Request {
        path: Path::Property,
        query_id: Some("q1".into()),
        ..Request::new(impersonator, target)
    }
}

fn bind(engine: &Engine, impersonator: &str, target: &str) -> Bound {
    engine.bind(&request(impersonator, target))
}

#[test]
fn an_allowed_target_comes_with_the_groups_of_source_and_group_file() {
    let engine = Fixture::new().open();
    assert_eq!(
        bind(&engine, "svc", "alice"),
        Bound {
            reason: Reason::Permission,
            target: "alice".to_owned(),
            groups: ["analysts", "bi", "east"].map(str::to_owned).to_vec(),
        }
    );
    assert_eq!(bind(&engine, "svc", "bob").groups, Vec::<String>::new());
}

#[test]
fn whoever_is_oneself_has_ones_own_groups() {
    let engine = Fixture::new().open();
    let bound = bind(&engine, "svc", "svc");
    assert_eq!(bound.reason, Reason::SelfTarget);
    assert_eq!(bound.groups, ["bi", "services"]);
}

#[test]
fn a_denied_target_comes_without_groups() {
    let engine = Fixture::new().open();
    assert_eq!(
        bind(&engine, "bob", "alice"),
        Bound {
            reason: Reason::NoPermission,
            target: "alice".to_owned(),
            groups: Vec::new(),
        }
    );
}

#[test]
fn one_decision_leaves_one_line_that_names_the_query() {
    let fixture = Fixture::new();
    let engine = fixture.open();
    bind(&engine, "svc", "alice");
    bind(&engine, "bob", "alice");
    drop(engine);
    let lines: Vec<_> = fixture
        .decisions()
        .into_iter()
        .map(|line| {
            (
                line["decision"].clone(),
                line["path"].clone(),
                line["queryId"].clone(),
            )
        })
        .collect();
    let line = |decision: &str| (decision.into(), "property".into(), "q1".into());
    assert_eq!(lines, [line("allow"), line("deny")]);
}

#[test]
fn a_decision_that_cannot_be_recorded_gives_no_groups() {
    let engine = Fixture::new()
        .with("immuta.impersonation.audit.file", "/dev/full")
        .open();
    assert_eq!(
        bind(&engine, "svc", "alice"),
        Bound {
            reason: Reason::AuditUnavailable,
            target: "alice".to_owned(),
            groups: Vec::new(),
        }
    );
}

#[test]
fn a_refusal_of_the_shim_is_a_denial_that_leaves_a_line_whoever_asks_for_whom() {
    let fixture = Fixture::new();
    let engine = fixture.open();
    for (impersonator, target) in [("svc", "alice"), ("svc", "svc"), ("bob", ""), ("svc", "?")] {
        let reason = engine.refuse(&request(impersonator, target));
        assert_eq!(reason, Reason::NotEnforceable, "{impersonator} as {target}");
        assert!(!reason.is_allow());
    }
    let remembered = engine.decisions(None);
    assert_eq!(remembered.len(), 4);
    assert!(
        remembered
            .iter()
            .all(|past| past.reason == Reason::NotEnforceable)
    );
    drop(engine);
    let lines: Vec<_> = fixture
        .decisions()
        .into_iter()
        .map(|line| {
            assert_eq!(line["decision"], "deny");
            assert_eq!(line["reason"], "not-enforceable");
            assert_eq!(line["path"], "property");
            assert_eq!(line["queryId"], "q1");
            (line["impersonator"].clone(), line["target"].clone())
        })
        .collect();
    assert_eq!(
        lines,
        [("svc", "alice"), ("svc", "svc"), ("bob", ""), ("svc", "?")]
            .map(|(impersonator, target)| (impersonator.into(), target.into()))
    );
}

#[test]
fn a_refusal_of_the_shim_is_counted_and_stays_one_where_it_cannot_be_recorded() {
    let fixture = Fixture::new().with("immuta.impersonation.audit.file", "/dev/full");
    let engine = fixture.open();
    assert_eq!(
        engine.refuse(&request("svc", "alice")),
        Reason::NotEnforceable
    );
    let counted: u64 = engine
        .metrics()
        .iter()
        .filter(|metric| metric.name.contains("not_enforceable"))
        .map(|metric| metric.value)
        .sum();
    assert_eq!(counted, 1, "{:?}", engine.metrics());
}
