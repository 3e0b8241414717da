//! The documentation of patterns and the golden patterns say what the engine does.

use std::collections::BTreeSet;

use immuta_impersonation::name::Folding;
use immuta_impersonation::pattern::Pattern;
use serde::Deserialize;

const DOCUMENT: &str = include_str!("../../docs/patterns.md");
const GOLDEN: &str = include_str!("../../tests/golden/patterns.json");

#[derive(Deserialize)]
struct Construct {
    construct: String,
    accepted: Vec<String>,
    refused: Vec<String>,
}

fn golden() -> Vec<Construct> {
    serde_json::from_str(GOLDEN).unwrap()
}

fn problem(pattern: &str) -> Option<String> {
    Pattern::new(pattern, Folding::Exact)
        .err()
        .map(|error| error.problem)
}

/// The code in one column of the tables under a heading.
fn code(heading: &str, column: usize) -> Vec<String> {
    let section = DOCUMENT
        .split_once(&format!("\n## {heading}\n"))
        .map(|(_, rest)| {
            rest.split_once("\n## ")
                .map_or(rest, |(section, _)| section)
        })
        .unwrap();
    let code: Vec<String> = section
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .flat_map(|row| {
            let row = row.replace(r"\|", "\0");
            let cell = row.split('|').nth(column + 1).unwrap().to_owned();
            let code: Vec<String> = cell
                .split('`')
                .skip(1)
                .step_by(2)
                .map(|code| code.replace('\0', "|"))
                .collect();
            code
        })
        .collect();
    assert!(code.len() > 30, "{heading}");
    code
}

#[test]
fn the_document_shows_what_is_supported() {
    for pattern in code("Supported", 0) {
        assert_eq!(problem(&pattern), None, "{pattern}");
    }
}

#[test]
fn the_document_shows_what_is_refused_and_what_to_write_instead() {
    for pattern in code("Refused", 0) {
        assert!(problem(&pattern).is_some(), "{pattern}");
    }
    for pattern in code("Refused", 1) {
        assert_eq!(problem(&pattern), None, "{pattern}");
    }
}

/// A refusal that is not about broken patterns has to be in the document.
#[test]
fn the_document_leaves_no_reason_for_a_refusal_out() {
    let problems = |patterns: Vec<String>| -> BTreeSet<String> {
        patterns
            .iter()
            .filter_map(|pattern| problem(pattern))
            .filter(|problem| !problem.starts_with("this is no pattern"))
            .collect()
    };
    let mut shown = problems(code("Refused", 0));
    // A table cannot show these two.
    shown.extend(problems(vec![String::new(), "\0".to_owned()]));
    let refused = golden().into_iter().flat_map(|golden| golden.refused);
    let met = problems(refused.collect());
    assert!(met.len() > 20);
    assert_eq!(met.difference(&shown).collect::<Vec<_>>(), [""; 0]);
}

/// Whether those that are accepted match the same names as in Java is for the Java tests to judge.
#[test]
fn the_golden_patterns_are_accepted_and_refused_as_recorded() {
    let mut count = 0;
    for golden in golden() {
        for pattern in &golden.accepted {
            assert_eq!(problem(pattern), None, "{}: {pattern:?}", golden.construct);
        }
        for pattern in &golden.refused {
            assert!(
                problem(pattern).is_some(),
                "{}: {pattern:?}",
                golden.construct
            );
        }
        count += golden.accepted.len() + golden.refused.len();
    }
    assert!(count >= 300);
}
