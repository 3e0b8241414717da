//! What operators of the first release have in their folders is accepted by this one, and means the same.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const WITH_IMMUTA: [&str; 2] = ["immuta", "every-property-immuta"];
const WITH_POLICY: [&str; 3] = ["quick-start", "property-path", "every-property"];

const API_KEY: &str = "etc/immuta.key";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/release-0.1.0")
        .join(name)
}

/// A copy, in which the API key is a secret: Git does not keep that.
fn copied(name: &str) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_into(copy.path(), &folder(name));
    let key = copy.path().join(API_KEY);
    if key.exists() {
        fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
    }
    copy
}

fn copy_into(copy: &Path, folder: &Path) {
    fs::create_dir_all(copy).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let to = copy.join(entry.file_name());
        if entry.path().is_dir() {
            copy_into(&to, &entry.path());
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_immuta-impersonation"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_properties_and_files_of_the_first_release_are_accepted() {
    for name in WITH_IMMUTA.into_iter().chain(WITH_POLICY) {
        let folder = copied(name);
        let checked = run(
            folder.path(),
            &["check-config", "etc/access-control.properties"],
            "",
        );
        let said = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(0), "{name}: {said}");
        assert!(said.contains("no problems"), "{name}: {said}");
    }
}

#[test]
fn decisions_on_the_policies_of_the_first_release_are_the_same() {
    for name in WITH_POLICY {
        let folder = folder(name);
        let expected = fs::read_to_string(folder.join("decisions.tsv")).unwrap();
        let mut questions = String::new();
        let mut answers = String::new();
        for line in expected.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            questions += &format!("{}\t{}\n", words[0], words[1]);
            answers += &format!("{}\t{}\n", words[2], words[3]);
        }
        assert!(!answers.is_empty());
        let arguments = [
            "can-i",
            "--config",
            "etc/access-control.properties",
            "--batch",
            "-",
        ];
        let answered = run(&folder, &arguments, &questions);
        assert_eq!(
            String::from_utf8(answered.stdout).unwrap(),
            answers,
            "{name}"
        );
    }
}
