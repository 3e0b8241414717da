//! `check-config` finds what is wrong with each of a set of broken configurations, and says it with the right property.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Configuration {
    name: String,
    properties: Vec<String>,
    /// Their texts by name.
    files: BTreeMap<String, String>,
    /// Of the files that have another than 600, in octal.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    problems: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    property: String,
    words: String,
}

fn configurations() -> Vec<Configuration> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/golden/broken-configurations.json"
    );
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn write(folder: &Path, name: &str, text: &str, mode: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    let mode = u32::from_str_radix(mode, 8).unwrap();
    fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn each_is_found_with_its_property_and_nothing_else_is() {
    let mut mistakes = Vec::new();
    for configuration in configurations() {
        let folder = TempDir::new().unwrap();
        for (name, text) in &configuration.files {
            let mode = configuration.modes.get(name).map_or("600", String::as_str);
            write(folder.path(), name, text, mode);
        }
        let properties = configuration.properties.join("\n");
        write(
            folder.path(),
            "access-control.properties",
            &properties,
            "600",
        );
        let output = Command::new(env!("CARGO_BIN_EXE_immuta-impersonation"))
            .args(["check-config", "access-control.properties"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let errors: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("error: "))
            .collect();
        let found = configuration.problems.iter().all(|expected| {
            let start = format!("{}: ", expected.property);
            errors
                .iter()
                .any(|error| error.starts_with(&start) && error.contains(&expected.words))
        });
        if !found || errors.len() != configuration.problems.len() || output.status.code() != Some(1)
        {
            mistakes.push(format!("{}: {text}", configuration.name));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn there_are_forty_of_them_at_least_and_each_is_broken_in_its_own_way() {
    let configurations = configurations();
    assert!(configurations.len() >= 40, "{}", configurations.len());
    let mut ways: Vec<(&[String], _, _)> = configurations
        .iter()
        .map(|one| (&one.properties[..], &one.files, &one.modes))
        .collect();
    ways.sort_unstable();
    ways.dedup();
    assert_eq!(ways.len(), configurations.len());
}
