//! The command-line tool, run as its users run it.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
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
fn can_i_takes_chains() {
    let fixture = Fixture::new("");
    let chained = fixture.can_i(&["svc", "alice", "--chained"]);
    assert_eq!(stdout(&chained).lines().next(), Some("deny chained"));
}

#[test]
fn can_i_shows_the_steps_and_the_one_that_decided() {
    let fixture = Fixture::new("immuta.user.admin=root\n");
    for (pair, deciding, words) in [
        (
            ["svc", "svc"],
            3,
            "decided     allows users who target themselves",
        ),
        (
            ["bob", "svc"],
            5,
            "decided     denies an impersonator who is disabled",
        ),
        (
            ["alice", "svc"],
            6,
            "decided     denies an impersonator who has neither IMPERSONATE_USER",
        ),
        (
            ["svc", "bob"],
            7,
            "decided     denies a target who is disabled",
        ),
        (
            ["svc", "alice"],
            10,
            "decided     allows what nothing has denied",
        ),
    ] {
        let output = fixture.can_i(&[&pair[..], &["--explain"]].concat());
        let text = stdout(&output);
        let steps: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(steps.len(), 10, "{text}");
        for (number, line) in (1..).zip(&steps) {
            assert!(line.starts_with(&format!("{number:>2} ")), "{text}");
            assert_eq!(line.contains(" passed "), number < deciding, "{text}");
            assert_eq!(line.contains(words), number == deciding, "{text}");
            assert_eq!(line.contains(" not reached "), number > deciding, "{text}");
        }
    }
}

#[test]
fn the_steps_are_there_in_json_too() {
    let output = Fixture::new("").can_i(&["alice", "svc", "--explain", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["reason"], "no-permission");
    assert_eq!(answer["steps"][4]["state"], "passed");
    assert_eq!(answer["steps"][5]["state"], "decided");
    assert_eq!(answer["steps"][5]["step"], 6);
    assert_eq!(answer["steps"][9]["state"], "not reached");
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

/// Lines of both types, in two files, and what is no line.
fn audit_files() -> Fixture {
    let fixture = Fixture::new("");
    let decision = |time: &str, users: (&str, &str), decision: &str, reason: &str| {
        let (impersonator, target) = users;
        format!(
            r#"{{"type":"decision","schemaVersion":1,"time":"{time}","decision":"{decision}","reason":"{reason}","impersonator":"{impersonator}","target":"{target}"}}"#
        ) + "\n"
    };
    let older = decision(
        "2026-11-23T10:00:00.000000Z",
        ("svc", "alice"),
        "allow",
        "permission",
    ) + &decision(
        "2026-11-23T11:00:00.000000Z",
        ("plain", "alice"),
        "deny",
        "no-permission",
    ) + "{\"type\":\"deci\n";
    fs::write(fixture.folder.path().join("old.jsonl"), older).unwrap();
    let newer = r#"{"type":"start","time":"2026-11-24T09:00:00.000000Z"}
{"type":"of a later release","time":"2026-11-24T09:00:00.000000Z","impersonator":"x","target":"y"}
{"type":"query","time":"2026-11-24T10:00:09.000000Z","impersonator":"svc","target":"alice","success":true}
{"type":"decision","time":"2026-11-24T10:00:08.000000Z","decision":"maybe","impersonator":"svc","target":"alice"}

"#
    .to_owned()
        + &decision("2026-11-24T10:00:00.000000Z", ("svc", "alice"), "allow", "permission")
        + &decision("2026-11-24T10:30:00.000000Z", ("svc", "bob"), "deny", "out-of-scope")
        + &decision("2026-11-24T10:40:00.000000Z", ("svc", "\\u001b[31m"), "deny", "invalid-name")
        + &decision("2026-11-24T10:50:00.000000Z", ("svc", "bob"), "deny", "out-of-scope");
    fs::write(fixture.folder.path().join("new.jsonl"), newer).unwrap();
    fixture
}

fn audit(arguments: &[&str]) -> Output {
    let both = ["audit", "new.jsonl", "old.jsonl"];
    audit_files().run(&[&both[..], arguments].concat())
}

#[test]
fn audit_says_who_impersonated_whom_how_often_and_what_was_refused() {
    let output = audit(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        "\
impersonator  target      allowed  denied  queries  first                 last
svc           alice             2       0        1  2026-11-23T10:00:00Z  2026-11-24T10:00:09Z
svc           bob               0       2        0  2026-11-24T10:30:00Z  2026-11-24T10:50:00Z
plain         alice             0       1        0  2026-11-23T11:00:00Z  2026-11-23T11:00:00Z
svc           \\u001b[31m        0       1        0  2026-11-24T10:40:00Z  2026-11-24T10:40:00Z

refused because  times  first                 last
out-of-scope         2  2026-11-24T10:30:00Z  2026-11-24T10:50:00Z
invalid-name         1  2026-11-24T10:40:00Z  2026-11-24T10:40:00Z
no-permission        1  2026-11-23T11:00:00Z  2026-11-23T11:00:00Z

allowed: 2, denied: 4, queries ended: 1; lines that cannot be read: 2
"
    );
}

#[test]
fn audit_adds_up_refusals_that_were_only_counted() {
    let fixture = Fixture::new("");
    let counted = |impersonator: &str, from: &str, to: &str| {
        format!(
            r#"{{"type":"refusals","schemaVersion":1,"time":"2026-11-24T10:02:00.000000Z","from":"2026-11-24T10:{from}Z","to":"2026-11-24T10:{to}Z","principal":"plain","impersonator":{impersonator},"repeated":7,"reasons":{{"no-permission":5,"unknown-target":2}},"distinctTargets":3,"engineVersion":"0"}}"#
        ) + "\n"
    };
    let lines = counted(r#""plain""#, "00:00.000000", "00:59.000000")
        + &counted(r#""plain""#, "01:00.000000", "01:30.000000")
        + &counted("null", "01:00.000000", "01:30.000000")
        + r#"{"type":"decision","time":"2026-11-24T10:00:00.000000Z","decision":"deny","reason":"no-permission","impersonator":"plain","target":"bob"}"#;
    fs::write(fixture.folder.path().join("a.jsonl"), lines).unwrap();
    let output = fixture.run(&["audit", "a.jsonl"]);
    assert_eq!(
        stdout(&output),
        "\
impersonator  target     allowed  denied  queries  first                 last
plain         (several)        0      21        0  2026-11-24T10:00:00Z  2026-11-24T10:01:30Z
plain         bob              0       1        0  2026-11-24T10:00:00Z  2026-11-24T10:00:00Z

refused because  times  first                 last
no-permission       16  2026-11-24T10:00:00Z  2026-11-24T10:01:30Z
unknown-target       6  2026-11-24T10:00:00Z  2026-11-24T10:01:30Z

allowed: 0, denied: 22, queries ended: 0
"
    );
    let denied = |arguments: &[&str]| {
        let output = fixture.run(&[&["audit", "--json", "a.jsonl"], arguments].concat());
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["denied"].as_u64().unwrap()
    };
    assert_eq!(denied(&["--impersonator", "plain", "--denied"]), 22);
    assert_eq!(denied(&["--since", "2026-11-24T10:01:00Z"]), 14);
    assert_eq!(
        denied(&["--target", "bob"]),
        1,
        "whose targets nobody knows are left out"
    );
    let output = fixture.run(&["audit", "--json", "a.jsonl"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        answer["impersonations"][0]["target"],
        serde_json::Value::Null
    );
}

#[test]
fn check_config_refuses_an_audit_file_that_everybody_can_write() {
    let fixture = Fixture::new("immuta.impersonation.audit.file=audit.jsonl\n");
    let file = fixture.folder.path().join("audit.jsonl");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o646)).unwrap();
    let output = fixture.run(&["check-config", "access-control.properties"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("could forge the record"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn audit_names_lines_that_cannot_be_read_and_goes_on() {
    let text = stderr(&audit(&[]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(
        lines[0].starts_with("new.jsonl:4: not a line of an audit file: decision"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("old.jsonl:3: not a line of an audit file: EOF"),
        "{text}"
    );
}

#[test]
fn audit_answers_in_json_for_what_is_asked() {
    let counts = |arguments: &[&str]| {
        let output = audit(&[arguments, &["--json"]].concat());
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        ["allowed", "denied", "queries"].map(|name| answer[name].as_u64().unwrap())
    };
    assert_eq!(counts(&[]), [2, 4, 1]);
    assert_eq!(counts(&["--impersonator", "svc"]), [2, 3, 1]);
    assert_eq!(counts(&["--target", "alice"]), [2, 1, 1]);
    assert_eq!(
        counts(&["--impersonator", "svc", "--target", "bob"]),
        [0, 2, 0]
    );
    assert_eq!(counts(&["--denied"]), [0, 4, 0]);
    assert_eq!(counts(&["--since", "2026-11-24T10:00:00Z"]), [1, 3, 1]);
    assert_eq!(counts(&["--since", "2026-11-24T11:00:00+01:00"]), [1, 3, 1]);
    assert_eq!(counts(&["--since", "36000d"]), [2, 4, 1]);
    assert_eq!(counts(&["--since", "9999-01-01T00:00:00Z"]), [0, 0, 0]);

    let output = audit(&["--json", "--target", "bob"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        answer,
        serde_json::json!({"allowed": 0, "denied": 2, "queries": 0, "brokenLines": 2,
            "impersonations": [{"impersonator": "svc", "target": "bob", "allowed": 0, "denied": 2,
                "queries": 0, "first": "2026-11-24T10:30:00Z", "last": "2026-11-24T10:50:00Z"}],
            "refusals": [{"reason": "out-of-scope", "count": 2,
                "first": "2026-11-24T10:30:00Z", "last": "2026-11-24T10:50:00Z"}]})
    );
}

#[test]
fn audit_prints_the_lines_themselves() {
    let output = audit(&["--lines", "--denied", "--target", "bob"]);
    let text = stdout(&output);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["reason"] == "out-of-scope"));
}

#[test]
fn audit_reads_standard_input() {
    let fixture = audit_files();
    let output = fixture
        .command(&["audit", "--json", "-"])
        .stdin(fs::File::open(fixture.folder.path().join("old.jsonl")).unwrap())
        .output()
        .unwrap();
    assert!(
        stdout(&output).contains("\"allowed\":1"),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).starts_with("-:3: "), "{}", stderr(&output));
}

#[test]
fn audit_of_a_file_that_is_not_there_or_a_time_that_is_none_is_an_error() {
    let missing = audit(&["missing.jsonl"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        stderr(&missing).contains("error: missing.jsonl: "),
        "{}",
        stderr(&missing)
    );
    let yesterday = audit(&["--since", "yesterday"]);
    assert_eq!(yesterday.status.code(), Some(2));
    assert!(
        stderr(&yesterday).contains("such as 24h"),
        "{}",
        stderr(&yesterday)
    );
}

#[test]
fn commands_end_quietly_where_nobody_reads_their_answer() {
    for (arguments, code) in [
        (&["audit", "old.jsonl"][..], 0),
        (&["audit", "--lines", "old.jsonl"], 0),
        (&["check-config", "access-control.properties"], 0),
        (&["check-config", "broken.properties"], 1),
        (
            &[
                "can-i",
                "--config",
                "access-control.properties",
                "svc",
                "alice",
            ],
            0,
        ),
        // Whoever goes by the exit code must not take a closed pipe for a yes.
        (
            &[
                "can-i",
                "--config",
                "access-control.properties",
                "alice",
                "svc",
            ],
            1,
        ),
        (
            &[
                "can-i",
                "--config",
                "access-control.properties",
                "--batch",
                "questions",
            ],
            141,
        ),
    ] {
        let fixture = audit_files();
        fs::write(
            fixture.folder.path().join("broken.properties"),
            "immuta.nonsense=1\n",
        )
        .unwrap();
        fs::write(fixture.folder.path().join("questions"), "svc\talice\n").unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = fixture.command(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let said = stderr(&output);
        assert!(
            !said.contains("panicked") && !said.contains("error: "),
            "{arguments:?}: {said}"
        );
    }
}

/// A configuration that looks users up at the stand-in.
fn write_secret(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn online(immuta: &FakeImmuta, properties: &str) -> Fixture {
    let fixture = Fixture::new("");
    write_secret(&fixture.folder.path().join("key"), immuta.api_key());
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
fn check_config_warns_of_a_folder_in_which_everybody_can_put_another_file_in_the_place() {
    let fixture = Fixture::new("");
    let folder = fixture.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let checked = fixture.run(&["check-config", "access-control.properties"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    let warning = "warning: everybody can put another file in the place of policy.json";
    assert!(stdout(&checked).contains(warning), "{}", stdout(&checked));
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let checked = fixture.run(&["check-config", "access-control.properties"]);
    assert!(
        !stdout(&checked).contains("warning"),
        "{}",
        stdout(&checked)
    );
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
    write_secret(&etc.join("immuta.key"), immuta.api_key());
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
