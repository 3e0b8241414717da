//! Groups from a group file, in a whole engine.

use std::fs;
use std::path::PathBuf;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Request};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Fixture {
            folder: TempDir::new().unwrap(),
        };
        fs::write(
            fixture.path("policy.json"),
            r#"{"users": [{"name": "svc", "permissions": ["IMPERSONATE_USER"]}, {"name": "alice"},
                          {"name": "boss", "groups": ["executives"]}],
                "scopes": [{"original_group": "bi", "new_group": "executives", "allow": false},
                           {"new_user": ".*"}]}"#,
        )
        .unwrap();
        fs::write(fixture.path("groups.txt"), "wheel:ann\nbi:svc\n").unwrap();
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn properties(&self) -> Properties {
        [
            ("immuta.group.admin", "wheel".to_owned()),
            (
                "immuta.impersonation.policy-file",
                self.path("policy.json").display().to_string(),
            ),
            (
                "immuta.group-file",
                self.path("groups.txt").display().to_string(),
            ),
            ("immuta.impersonation.policy-file.refresh", "1h".to_owned()),
            (
                "immuta.impersonation.policy-file.max-stale",
                "0s".to_owned(),
            ),
            ("immuta.impersonation.audit.file", String::new()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

fn reason(engine: &Engine, impersonator: &str, target: &str) -> &'static str {
    engine.decide(&Request::new(impersonator, target)).as_str()
}

#[test]
fn groups_of_the_file_count_for_admins_and_scopes() {
    let fixture = Fixture::new();
    let engine = Engine::open(&fixture.properties()).unwrap();
    assert_eq!(
        reason(&engine, "ann", "alice"),
        "admin-group",
        "known to the group file only"
    );
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    assert_eq!(reason(&engine, "svc", "boss"), "out-of-scope");
}

#[test]
fn a_changed_group_file_is_read_again() {
    let fixture = Fixture::new();
    let engine = Engine::open(&fixture.properties()).unwrap();
    fs::write(fixture.path("groups.txt"), "wheel:alice\n").unwrap();
    engine.reload();
    assert_eq!(reason(&engine, "ann", "alice"), "unknown-user");
    assert_eq!(reason(&engine, "svc", "alice"), "protected-target");
    assert_eq!(reason(&engine, "svc", "boss"), "permission");
}

#[test]
fn a_broken_group_file_lets_nobody_in() {
    let fixture = Fixture::new();
    let engine = Engine::open(&fixture.properties()).unwrap();
    fs::write(fixture.path("groups.txt"), "nonsense\n").unwrap();
    engine.reload();
    assert_eq!(reason(&engine, "ann", "alice"), "lookup-unavailable");
    assert_eq!(reason(&engine, "svc", "alice"), "lookup-unavailable");
}

#[test]
fn both_files_are_complained_about_at_once() {
    let fixture = Fixture::new();
    fs::write(fixture.path("groups.txt"), "nonsense\n").unwrap();
    fs::write(fixture.path("policy.json"), "nonsense\n").unwrap();
    let (checked, _) = Engine::check(&fixture.properties());
    let started = Engine::open(&fixture.properties()).err().unwrap();
    for problems in [checked, started.0] {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts[0].starts_with("immuta.impersonation.policy-file: "),
            "{texts:?}"
        );
        assert!(texts[1].starts_with("immuta.group-file: "), "{texts:?}");
        assert!(texts[1].contains("line 1"), "{texts:?}");
    }
}
