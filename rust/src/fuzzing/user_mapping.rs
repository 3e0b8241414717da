//! User mappings: the first rule that matches decides, and what it makes can be a user's name.

use std::collections::BTreeSet;
use std::str;

use serde_json::value::RawValue;

use super::members::Members;
use super::policy_file::explains_itself;
use crate::name::Folding;
use crate::pattern::Pattern;
use crate::user_mapping::{Mapped, UserMapping};

const NAMES: [&str; 8] = [
    "alice",
    "svc_bi",
    "Zoë",
    "a.b@corp.example",
    "$1",
    r"\",
    "(.*)",
    "\u{2028}x y",
];

pub(super) fn check(bytes: &[u8]) {
    for folding in [Folding::Exact, Folding::CaseInsensitive] {
        match UserMapping::parse(bytes, folding) {
            Ok(mapping) => maps_by_the_first_rule(&mapping, bytes, folding),
            Err(error) => explains_itself(&error, bytes),
        }
    }
}

fn maps_by_the_first_rule(mapping: &UserMapping, bytes: &[u8], folding: Folding) {
    let json = str::from_utf8(bytes).expect("only UTF-8 is accepted");
    let file = Members::of(json).expect("only an object is accepted");
    assert!(file.are_among(&["rules"]));
    let rules: Vec<&RawValue> =
        serde_json::from_str(file.only("rules").expect("there are rules").get())
            .expect("rules are a list");
    let rules: Vec<Members<'_>> = rules
        .iter()
        .map(|rule| Members::of(rule.get()).expect("only objects are accepted"))
        .collect();
    assert!(!rules.is_empty());
    for name in NAMES {
        let name = folding.fold(name);
        let mapped = mapping.map(&name);
        if let Mapped::To(made) = &mapped {
            assert!(!made.is_empty() && made.len() <= 256 && !made.chars().any(char::is_control));
            assert_eq!(folding.fold(made), made.as_str(), "it is folded");
        }
        one_spelling_is_taken(mapping, &name);
        let first = rules.iter().find(|rule| {
            let pattern = rule.value("pattern").expect("a rule has a pattern");
            let pattern = pattern.as_str().expect("a pattern is a text");
            Pattern::new(pattern, folding)
                .expect("only patterns are accepted")
                .matches(&name)
        });
        let allows = |rule: &Members<'_>| rule.value("allow").is_none_or(|allow| allow != false);
        match first {
            None => assert_eq!(mapped, Mapped::Nobody, "{name:?}"),
            Some(rule) if !allows(rule) => assert_eq!(mapped, Mapped::Forbidden, "{name:?}"),
            Some(rule) => {
                let made = match &mapped {
                    Mapped::To(made) => Some(made.as_str()),
                    Mapped::Nobody | Mapped::Forbidden => None,
                };
                is_the_text_of(rule, made, folding);
            }
        }
    }
}

/// Of the spellings that are mapped to one user, the mapping takes one at the most.
fn one_spelling_is_taken(mapping: &UserMapping, name: &str) {
    let spellings = [
        name.to_owned(),
        name.to_lowercase(),
        name.to_uppercase(),
        format!(" {name}"),
    ];
    let taken: BTreeSet<&String> = spellings
        .iter()
        .filter(|spelling| mapping.other_spelling(spelling).is_none())
        .filter(|spelling| mapping.map(spelling) == mapping.map(name))
        .filter(|spelling| matches!(mapping.map(spelling), Mapped::To(_)))
        .collect();
    assert!(taken.len() <= 1, "{taken:?}");
}

/// Judges texts that are the same for every name.
fn is_the_text_of(rule: &Members<'_>, mapped: Option<&str>, folding: Folding) {
    let user = rule.value("user");
    let plain = user
        .as_ref()
        .and_then(|user| user.as_str())
        .filter(|text| !text.contains(['$', '\\']));
    let Some(text) = plain else {
        return;
    };
    let text = text.trim_matches(|character| character <= ' ');
    let case = rule.value("case");
    let text = match case.as_ref().and_then(|case| case.as_str()) {
        Some(case) if case.eq_ignore_ascii_case("lower") => text.to_lowercase(),
        Some(case) if case.eq_ignore_ascii_case("upper") => text.to_uppercase(),
        _ => text.to_owned(),
    };
    let made = folding.fold(&text).into_owned();
    let is_name = !made.is_empty() && made.len() <= 256 && !made.chars().any(char::is_control);
    assert_eq!(mapped, is_name.then_some(made.as_str()));
}
