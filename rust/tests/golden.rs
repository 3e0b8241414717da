//! The golden cases that Java reads, too.

use std::borrow::Cow;
use std::fmt;
use std::fs;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Name, Path, Request, wire};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, Visitor};
use tempfile::TempDir;

fn golden<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!("{}/../tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<T> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(!cases.is_empty(), "{file} holds no case");
    cases
}

/// A JSON string that may hold lone surrogates, which become their generalised UTF-8.
#[derive(Debug)]
struct Text(Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesOfText;

        impl Visitor<'_> for BytesOfText {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(BytesOfText)
    }
}

impl Text {
    fn name(&self) -> Name<'_> {
        Name::from_bytes(&self.0)
    }

    fn shown(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

#[derive(serde::Deserialize)]
struct PackedRequest {
    path: u8,
    chained: bool,
    impersonator: Text,
    target: Text,
    principal: Option<Text>,
    #[serde(rename = "queryId", default)]
    query_id: Option<Text>,
    hex: String,
}

#[test]
fn packed_requests_are_read_as_they_are_meant() {
    for case in golden::<PackedRequest>("requests.json") {
        let bytes: Vec<u8> = case
            .hex
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let expected = Request {
            impersonator: case.impersonator.name(),
            target: case.target.name(),
            principal: case.principal.as_ref().map(Text::name),
            chained: case.chained,
            path: [Path::Native, Path::Property][usize::from(case.path)],
            query_id: case.query_id.as_ref().map(Text::shown),
        };
        assert_eq!(wire::read_request(&bytes), Ok(expected), "{}", case.hex);
    }
}

#[derive(serde::Deserialize)]
struct Decisions {
    name: String,
    properties: Properties,
    policy: serde_json::Value,
    checks: Vec<Check>,
}

#[derive(serde::Deserialize)]
struct Check {
    impersonator: Text,
    target: Text,
    chained: bool,
    reason: String,
}

#[test]
fn decisions_have_the_reasons_they_should_have() {
    for mut case in golden::<Decisions>("decisions.json") {
        let folder = TempDir::new().unwrap();
        let policy = folder.path().join("policy.json");
        fs::write(&policy, case.policy.to_string()).unwrap();
        case.properties.insert(
            "immuta.impersonation.policy-file".to_owned(),
            policy.display().to_string(),
        );
        case.properties
            .insert("immuta.impersonation.audit.file".to_owned(), String::new());
        let engine = Engine::open(&case.properties).unwrap();
        for check in &case.checks {
            let request = Request {
                impersonator: check.impersonator.name(),
                target: check.target.name(),
                chained: check.chained,
                ..Request::new("", "")
            };
            assert_eq!(
                engine.decide(&request).as_str(),
                check.reason,
                "{}: {:?} as {:?}",
                case.name,
                check.impersonator.name().as_str(),
                check.target.name().as_str()
            );
        }
    }
}
