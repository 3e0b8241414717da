//! The command-line tool, run as its users run it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A folder with a policy and this configuration, in which `policy-file` is already set.
    fn new(properties: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(
            folder.path().join("policy.json"),
            r#"{"users": [{"name": "svc", "permissions": ["IMPERSONATE_USER"]}, {"name": "alice"}]}"#,
        )
        .unwrap();
        fs::write(
            folder.path().join("access-control.properties"),
            format!("access-control.name=immuta\nimmuta.impersonation.policy-file=policy.json\n{properties}"),
        )
        .unwrap();
        Fixture { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_immuta-impersonation"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn can_i(&self, arguments: &[&str]) -> Output {
        self.run(
            &[
                &["can-i", "--config", "access-control.properties"],
                arguments,
            ]
            .concat(),
        )
    }

    fn batch(&self, input: &[u8]) -> Output {
        let mut child = self
            .command(&[
                "can-i",
                "--config",
                "access-control.properties",
                "--batch",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn can_i_says_the_decision_first_and_exits_with_it() {
    let fixture = Fixture::new("");
    let allowed = fixture.can_i(&["svc", "alice"]);
    assert_eq!(stdout(&allowed).lines().next(), Some("allow permission"));
    assert_eq!(allowed.status.code(), Some(0));
    let denied = fixture.can_i(&["alice", "svc"]);
    assert_eq!(stdout(&denied).lines().next(), Some("deny no-permission"));
    assert_eq!(denied.status.code(), Some(1));
}

#[test]
fn can_i_answers_in_json() {
    let output = Fixture::new("").can_i(&["svc", "bob", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["decision"], "deny");
    assert_eq!(answer["reason"], "unknown-target");
    assert_eq!(answer["impersonator"], "svc");
    assert_eq!(answer["target"], "bob");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn can_i_takes_groups_and_chains() {
    let fixture = Fixture::new("immuta.group.admin=wheel\n");
    let grouped = fixture.can_i(&["alice", "svc", "--group", "wheel"]);
    assert_eq!(stdout(&grouped).lines().next(), Some("allow admin-group"));
    let chained = fixture.can_i(&["svc", "alice", "--chained"]);
    assert_eq!(stdout(&chained).lines().next(), Some("deny chained"));
}

#[test]
fn a_question_leaves_no_audit_file() {
    let fixture = Fixture::new("immuta.impersonation.audit.file=audit.jsonl\n");
    fixture.can_i(&["svc", "alice"]);
    assert!(!fixture.folder.path().join("audit.jsonl").exists());
}

#[test]
fn a_batch_is_answered_in_order() {
    let output =
        Fixture::new("").batch(b"svc\talice\nalice\tsvc\nsvc\t\nsvc\tal\xed\xa0\x80\nsvc\tsvc");
    assert_eq!(
        stdout(&output),
        "allow\tpermission\ndeny\tno-permission\ndeny\tinvalid-name\ndeny\tinvalid-name\nallow\tself\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_batch_line_without_a_tab_is_an_error_with_its_number() {
    let output = Fixture::new("").batch(b"svc\talice\nsvc alice\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("line 2"), "{}", stderr(&output));
}

#[test]
fn check_config_lists_every_problem_at_once() {
    let fixture = Fixture::new("immuta.user.admin=(\nimmuta.user.amdin=x\n");
    fs::write(
        fixture.folder.path().join("policy.json"),
        "{\n\"users\": 7}",
    )
    .unwrap();
    let output = fixture.run(&["check-config", "access-control.properties"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    for words in [
        "error: immuta.user.admin: \"(\": position 1",
        "error: immuta.user.amdin: unknown property; did you mean immuta.user.admin?",
        "error: immuta.impersonation.policy-file: policy.json: line 2: invalid type",
    ] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
}

#[test]
fn check_config_is_content_with_a_good_configuration() {
    let fixture = Fixture::new("immuta.cache.views.seconds=30\n");
    let output = fixture.run(&["check-config", "access-control.properties"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(stdout(&output).contains("warning: ignored"));
    assert!(stdout(&output).contains("no problems"));
}

#[test]
fn errors_exit_with_two_and_name_the_file() {
    let fixture = Fixture::new("immuta.user.admin=(\n");
    let broken = fixture.can_i(&["svc", "alice"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(stderr(&broken).contains("immuta.user.admin"));
    let missing = fixture.run(&["check-config", "missing.properties"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("missing.properties"));
}
