//! Names that are made to be taken for others, and files that change while they are asked.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Request};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    properties: Properties,
}

impl Fixture {
    fn new(policy: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("policy.json");
        fs::write(&file, policy).unwrap();
        let file = file.display().to_string();
        let fixture = Fixture {
            folder,
            properties: Properties::default(),
        };
        fixture
            .with("immuta.impersonation.policy-file", &file)
            .with("immuta.impersonation.policy-file.refresh", "1h")
            .with("immuta.impersonation.audit.file", "")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn engine(&self) -> Engine {
        Engine::open(&self.properties).unwrap()
    }
}

fn reason(engine: &Engine, impersonator: &str, target: &str) -> &'static str {
    engine.decide(&Request::new(impersonator, target)).as_str()
}

/// What a person would read as the name, or a program might make into it.
fn look_alikes(name: &str) -> Vec<String> {
    let full_width = name
        .bytes()
        .map(|byte| char::from_u32(0xfee0 + u32::from(byte)).unwrap())
        .collect();
    let with = |from: &str, to: &str| name.replacen(from, to, 1);
    let others = [
        full_width,
        format!(" {name}"),
        format!("{name} "),
        format!("{name}\u{a0}"),
        format!("{name}\u{3000}"),
        format!("\u{feff}{name}"),
        format!("{name}\u{200b}"),
        format!("{name}\u{200d}"),
        format!("{name}\u{ad}"),
        format!("\u{202e}{name}"),
        format!("{name}\u{301}"),
        format!("{name}/"),
        format!("./{name}"),
        format!("{name}%00"),
        format!("{name}\\"),
        format!("\"{name}\""),
        with("a", "\u{430}"),
        with("e", "\u{435}"),
        with("i", "\u{131}"),
        with("l", "1"),
        with("l", "\u{217c}"),
        with("c", "\u{441}"),
    ];
    others.into_iter().filter(|other| other != name).collect()
}

const POLICY: &str = r#"{"users": [{"name": "malice", "permissions": ["IMPERSONATE_USER"]}, {"name": "alice"},
                                   {"name": "plain"}]}"#;

#[test]
fn a_name_that_looks_like_another_is_nobody_however_names_are_compared() {
    for insensitive in ["false", "true"] {
        let fixture = Fixture::new(POLICY)
            .with("immuta.user.admin", "alice_admin")
            .with("immuta.impersonation.case-insensitive", insensitive);
        let engine = fixture.engine();
        assert_eq!(reason(&engine, "malice", "alice"), "permission");
        assert_eq!(reason(&engine, "alice_admin", "alice"), "admin-user");
        for name in look_alikes("alice") {
            assert_eq!(reason(&engine, "malice", &name), "unknown-target", "{name}");
        }
        for name in look_alikes("malice") {
            assert_eq!(reason(&engine, &name, "alice"), "unknown-user", "{name}");
        }
        for name in look_alikes("alice_admin") {
            assert_eq!(reason(&engine, &name, "alice"), "unknown-user", "{name}");
        }
    }
}

#[test]
fn a_name_in_another_case_is_never_a_target_beside_the_name_that_is_known() {
    for (insensitive, expected) in [("false", "unknown-target"), ("true", "other-spelling")] {
        let fixture =
            Fixture::new(POLICY).with("immuta.impersonation.case-insensitive", insensitive);
        let engine = fixture.engine();
        for target in ["Alice", "ALICE", "alicE"] {
            assert_eq!(reason(&engine, "malice", target), expected, "{target}");
        }
    }
}

/// A line end, which Java's `$` would overlook, is not part of any name, either.
#[test]
fn a_name_with_a_control_character_is_refused_before_anything_is_looked_up() {
    let engine = Fixture::new(POLICY)
        .with("immuta.user.admin", "alice_admin")
        .engine();
    for control in ["\n", "\r\n", "\0", "\u{1b}[2K", "\u{85}", "\u{7f}", "\t"] {
        let end = |name: &str| format!("{name}{control}");
        let reasons = [
            reason(&engine, &end("malice"), "alice"),
            reason(&engine, "malice", &end("alice")),
            reason(&engine, &end("alice_admin"), "alice"),
        ];
        assert_eq!(reasons, ["invalid-name"; 3], "{control:?}");
    }
}

/// Each version refuses. A decision that took the permission from one and the target from the other would allow.
#[test]
fn a_decision_takes_nothing_from_one_version_of_a_file_and_nothing_from_the_next() {
    const RELOADS: usize = 200;
    let without_target = r#"{"users": [{"name": "svc", "permissions": ["IMPERSONATE_USER"]}]}"#;
    let without_permission = r#"{"users": [{"name": "svc"}, {"name": "alice"}]}"#;
    let fixture = Fixture::new(without_target);
    for (name, text) in [("0", without_target), ("1", without_permission)] {
        fs::write(fixture.path(name), text).unwrap();
    }
    let engine = fixture.engine();
    let (decisions, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let seen = thread::scope(|threads| {
        let deciding = threads.spawn(|| {
            let mut seen = BTreeSet::new();
            while !ended.load(Relaxed) {
                seen.insert(reason(&engine, "svc", "alice"));
                decisions.fetch_add(1, Relaxed);
            }
            seen
        });
        for reload in 1..=RELOADS {
            let link = fixture.path("link");
            symlink((reload % 2).to_string(), &link).unwrap();
            fs::rename(link, fixture.path("policy.json")).unwrap();
            engine.reload();
            // The second one from here on began with this version.
            let enough = decisions.load(Relaxed) + 2;
            while decisions.load(Relaxed) < enough && !deciding.is_finished() {
                thread::yield_now();
            }
        }
        ended.store(true, Relaxed);
        deciding.join().unwrap()
    });
    assert_eq!(seen, BTreeSet::from(["no-permission", "unknown-target"]));
}
