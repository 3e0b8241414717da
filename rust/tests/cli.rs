//! The command-line tool, run as its users run it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use fake_immuta::{FakeImmuta, FakeUser};
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

/// A configuration that looks users up at the stand-in.
fn online(immuta: &FakeImmuta, properties: &str) -> Fixture {
    let fixture = Fixture::new("");
    fs::write(fixture.folder.path().join("key"), immuta.api_key()).unwrap();
    fs::write(fixture.folder.path().join("ca.pem"), immuta.ca_pem()).unwrap();
    fs::write(
        fixture.folder.path().join("access-control.properties"),
        format!(
            "immuta.endpoint={}\nimmuta.apikey-file=key\nimmuta.ca-file=ca.pem\n{properties}",
            immuta.https_url()
        ),
    )
    .unwrap();
    fixture
}

#[test]
fn can_i_asks_immuta() {
    let immuta = FakeImmuta::start();
    immuta.put_user(FakeUser::new("svc@corp", &["IMPERSONATE_USER"]));
    immuta.put_user(FakeUser::new("alice@corp", &[]));
    let fixture = online(
        &immuta,
        "immuta.impersonation.user-mapping.file=mapping.json\n",
    );
    fs::write(
        fixture.folder.path().join("mapping.json"),
        r#"{"rules": [{"pattern": "(.*)", "user": "$1@corp"}]}"#,
    )
    .unwrap();
    let allowed = fixture.can_i(&["svc", "alice"]);
    assert_eq!(allowed.status.code(), Some(0), "{}", stderr(&allowed));
    assert!(stdout(&allowed).starts_with("allow permission\n"));
    let denied = fixture.can_i(&["alice", "svc", "--json"]);
    assert_eq!(denied.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_str(&stdout(&denied)).unwrap();
    assert_eq!(answer["impersonator"], "alice");
    assert_eq!(answer["mappedImpersonator"], "alice@corp");
    assert_eq!(answer["reason"], "no-permission");
    assert!(
        answer["explanation"]
            .as_str()
            .unwrap()
            .contains("alice@corp")
    );
}

#[test]
fn check_config_contacts_the_endpoint_only_when_told_to() {
    let immuta = FakeImmuta::start();
    let fixture = online(&immuta, "");
    let offline = fixture.run(&["check-config", "access-control.properties"]);
    assert_eq!(offline.status.code(), Some(0), "{}", stdout(&offline));
    assert!(immuta.requests().is_empty());
    let checked = fixture.run(&["check-config", "access-control.properties", "--online"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    assert!(
        stdout(&checked).contains("accepts the API key"),
        "{}",
        stdout(&checked)
    );
    assert!(!immuta.requests().is_empty());
}

#[test]
fn check_config_online_says_what_is_wrong_with_the_endpoint() {
    let immuta = FakeImmuta::start();
    let fixture = online(&immuta, "");
    fs::write(fixture.folder.path().join("key"), "another-key").unwrap();
    let checked = fixture.run(&["check-config", "access-control.properties", "--online"]);
    assert_eq!(checked.status.code(), Some(1));
    let text = stdout(&checked);
    assert!(text.starts_with("error: immuta.endpoint: "), "{text}");
    assert!(
        text.contains("refused the API key") && !text.contains("another-key"),
        "{text}"
    );
}

#[test]
fn check_config_online_has_nobody_to_ask_without_an_endpoint() {
    let checked = Fixture::new("").run(&["check-config", "access-control.properties", "--online"]);
    assert_eq!(checked.status.code(), Some(0));
    assert!(stdout(&checked).contains("warning: there is no immuta.endpoint"));
}

/// What stands in the README under this mark.
fn readme_example(name: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, rest) = readme
        .split_once(&format!("<!-- example:{name} -->\n"))
        .unwrap();
    let (_, block) = rest.split_once('\n').unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.to_owned()
}

#[test]
fn the_readmes_example_with_immuta_works() {
    let immuta = FakeImmuta::start();
    immuta.put_user(FakeUser::new("svc_bi@example.com", &["IMPERSONATE_USER"]));
    immuta.put_user(FakeUser::new("alice@example.com", &[]));
    let fixture = online(&immuta, "");
    let etc = fixture.folder.path().join("etc");
    fs::create_dir(&etc).unwrap();
    fs::write(etc.join("immuta.key"), immuta.api_key()).unwrap();
    fs::write(
        etc.join("mapping.json"),
        readme_example("user-mapping.json"),
    )
    .unwrap();
    let properties = readme_example("immuta.properties")
        .replace("https://immuta.example.com", &immuta.https_url())
        + "immuta.ca-file=ca.pem\nimmuta.impersonation.user-mapping.file=etc/mapping.json\n";
    fs::write(
        fixture.folder.path().join("access-control.properties"),
        properties,
    )
    .unwrap();
    let checked = fixture.run(&["check-config", "--online", "access-control.properties"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    let allowed = fixture.can_i(&["SVC_BI", "alice"]);
    assert_eq!(allowed.status.code(), Some(0), "{}", stdout(&allowed));
    let robot = fixture.can_i(&["robot_1", "alice"]);
    assert!(
        stdout(&robot).starts_with("deny unknown-user"),
        "{}",
        stdout(&robot)
    );
}
