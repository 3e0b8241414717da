use std::collections::BTreeSet;

use fake_immuta::Fault;
use serde_json::json;

#[test]
fn the_catalogue_has_every_fault_but_the_free_answer() {
    let message = serde_json::from_str::<Fault>(r#"{"kind":"none of them"}"#)
        .unwrap_err()
        .to_string();
    let (_, kinds) = message.split_once("expected one of ").unwrap();
    let mut kinds: BTreeSet<String> = kinds
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(kinds.remove("answer"), "{message}");
    let catalogue = Fault::catalogue();
    let listed = catalogue.iter().map(|known| {
        let json = json!(known.fault);
        json["kind"].as_str().unwrap().to_owned()
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn names_in_the_catalogue_are_unique_and_faults_survive_json() {
    let catalogue = Fault::catalogue();
    let names: BTreeSet<&str> = catalogue.iter().map(|known| known.name.as_str()).collect();
    assert_eq!(names.len(), catalogue.len());
    for known in &catalogue {
        let json = serde_json::to_string(&known.fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), known.fault);
    }
}

#[test]
fn a_fault_with_an_unknown_field_is_refused() {
    let fault = serde_json::from_str::<Fault>(r#"{"kind":"delay","millis":1,"seconds":1}"#);
    assert!(fault.unwrap_err().to_string().contains("seconds"));
}

#[test]
fn the_documentation_lists_the_catalogue() {
    let rows = Fault::catalogue().into_iter().map(|known| {
        let json = serde_json::to_string(&known.fault).unwrap();
        format!(
            "//! | `{}` | `{json}` | {} |\n",
            known.name, known.description
        )
    });
    let rows: String = rows.collect();
    assert!(
        include_str!("../../src/lib.rs").contains(&rows),
        "the table must be:\n{rows}"
    );
}
