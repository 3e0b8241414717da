//! What operators of the first release have in their folders is accepted by this one, and means the same.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const WITH_IMMUTA: [&str; 2] = ["immuta", "every-property-immuta"];
const WITH_POLICY: [&str; 3] = ["quick-start", "property-path", "every-property"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/release-0.1.0")
        .join(name)
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
        let checked = run(
            &folder(name),
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
