//! Where the source knows users by other names, lookups use those and everything else keeps the query
//! engine's.

use std::fs;
use std::path::Path;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Reason, Request};
use tempfile::TempDir;

const MAPPING: &str = r#"{"rules": [
    {"pattern": "robot_.*", "allow": false},
    {"pattern": "(.*)@(?:corp|corporation)\\.example", "user": "$1"},
    {"pattern": "(svc|admin)_([a-z]+)", "user": "$2.$1", "case": "upper"}
]}"#;

const POLICY: &str = r#"{
    "users": [
        {"name": "BI.SVC", "permissions": ["IMPERSONATE_USER"], "groups": ["services"]},
        {"name": "svc_bi", "disabled": true},
        {"name": "alice", "permissions": ["IMPERSONATE_USER"]},
        {"name": "bob"}
    ],
    "scopes": [
        {"original_user": "svc_(.*)", "new_user": "(alice|bob)@corp.*"},
        {"original_user": "(.*)@corp\\.example", "new_user": "$1@corporation\\.example"},
        {"original_group": "operators", "new_user": ".*"}
    ]
}"#;

struct Fixture {
    folder: TempDir,
    properties: Properties,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let fixture = Fixture {
            properties: Properties::new(),
            folder,
        };
        fixture
            .file("immuta.impersonation.policy-file", "policy.json", POLICY)
            .file(
                "immuta.impersonation.user-mapping.file",
                "mapping.json",
                MAPPING,
            )
            .with("immuta.impersonation.audit.file", "")
    }

    fn path(&self, name: &str) -> String {
        let path: &Path = self.folder.path();
        path.join(name).display().to_string()
    }

    fn file(self, property: &str, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        self.with(property, &path)
    }

    fn with(mut self, property: &str, value: &str) -> Self {
        self.properties
            .insert(property.to_owned(), value.to_owned());
        self
    }

    fn engine(&self) -> Engine {
        Engine::open(&self.properties).unwrap()
    }

    fn decide(&self, impersonator: &str, target: &str) -> Reason {
        self.engine().decide(&Request::new(impersonator, target))
    }
}

#[test]
fn users_are_looked_up_by_the_name_that_the_source_knows() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.decide("svc_bi", "alice@corp.example"),
        Reason::Permission
    );
    assert_eq!(
        fixture.decide("svc_bi", "zoe@corp.example"),
        Reason::UnknownTarget
    );
}

#[test]
fn whom_no_rule_maps_the_source_does_not_know() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.decide("alice", "bob@corp.example"),
        Reason::UnknownUser,
        "no rule"
    );
    assert_eq!(
        fixture.decide("robot_1", "bob@corp.example"),
        Reason::UnknownUser,
        "not allowed"
    );
    assert_eq!(fixture.decide("svc_bi", "bob"), Reason::UnknownTarget);
}

#[test]
fn two_names_of_one_source_user_stay_two_users() {
    let fixture = Fixture::new();
    let pair = ("alice@corp.example", "alice@corporation.example");
    assert_eq!(
        fixture.decide(pair.0, pair.1),
        Reason::Permission,
        "not self: scopes decide"
    );
    assert_eq!(fixture.decide(pair.1, pair.0), Reason::OutOfScope);
}

#[test]
fn patterns_and_the_group_file_keep_the_query_engines_name() {
    let fixture = Fixture::new()
        .with("immuta.user.admin", "admin_.*|BI\\.SVC")
        .with("immuta.group.admin", "operators")
        .file(
            "immuta.group-file",
            "groups.txt",
            "operators:bob@corp.example\n",
        );
    assert_eq!(
        fixture.decide("bob@corp.example", "alice@corp.example"),
        Reason::AdminGroup
    );
    assert_eq!(
        fixture.decide("svc_bi", "alice@corp.example"),
        Reason::Permission,
        "the source's name is not matched"
    );
}

#[test]
fn the_explanation_says_by_which_name_a_user_was_looked_up() {
    let engine = Fixture::new().engine();
    for (impersonator, target, words) in [
        ("svc_etl", "bob@corp.example", "asked for \"ETL.SVC\""),
        ("svc_bi", "zoe@corp.example", "asked for \"zoe\""),
        (
            "bob@corp.example",
            "alice@corp.example",
            "asked for \"bob\"",
        ),
        (
            "robot_1",
            "alice@corp.example",
            "a rule of the user mapping forbids this name",
        ),
        (
            "nobody",
            "alice@corp.example",
            "no rule of the user mapping",
        ),
    ] {
        let request = Request::new(impersonator, target);
        let reason = engine.decide(&request);
        let text = engine.explain(reason, &request);
        assert!(text.starts_with(reason.sentence()), "{text}");
        assert!(text.contains(words), "{impersonator}: {text}");
    }
}

#[test]
fn the_audit_line_holds_both_names() {
    let fixture = Fixture::new();
    let audit = fixture.path("audit.jsonl");
    let fixture = fixture.with("immuta.impersonation.audit.file", &audit);
    fixture.decide("svc_bi", "alice@corp.example");
    let text = fs::read_to_string(&audit).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(line["impersonator"], "svc_bi");
    assert_eq!(line["mappedImpersonator"], "BI.SVC");
    assert_eq!(line["target"], "alice@corp.example");
    assert_eq!(line["mappedTarget"], "alice");
}

#[test]
fn case_insensitive_names_are_folded_before_and_after() {
    let fixture = Fixture::new().with("immuta.impersonation.case-insensitive", "true");
    assert_eq!(
        fixture.decide("SVC_BI", "alice@corp.example"),
        Reason::Permission
    );
    assert_eq!(
        fixture.decide("SVC_BI", "Alice@CORP.example"),
        Reason::OtherSpelling
    );
}

#[test]
fn a_broken_mapping_stops_the_start_with_its_line() {
    let fixture = Fixture::new().file(
        "immuta.impersonation.user-mapping.file",
        "broken.json",
        "{\"rules\": [\n{\"pattern\": \"(a)\", \"user\": \"$2\"}]}",
    );
    let error = Engine::open(&fixture.properties).err().unwrap().to_string();
    assert!(
        error.starts_with("immuta.impersonation.user-mapping.file: ")
            && error.contains("line 2: user: "),
        "{error}"
    );
}
