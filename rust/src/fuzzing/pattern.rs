//! Patterns: the first line is one, the others are names.
//!
//! Where a pattern is plain ASCII and has nothing that only Java knows, `regex` alone, told to know ASCII
//! only, must find the same. `TestAdminPatternsMeanTheSameInJava` has Java judge the corpus.

use regex::bytes::RegexBuilder;

use super::is_harmless;
use crate::name::Folding;
use crate::pattern::Pattern;

pub(super) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (source, names) = text.split_once('\n').unwrap_or((text, ""));
    let names = names_to_try(source, names);
    for folding in [Folding::Exact, Folding::CaseInsensitive] {
        match Pattern::new(source, folding) {
            Ok(pattern) => {
                for name in &names {
                    agrees_with_itself(&pattern, name, folding);
                }
                means_what_regex_means(&pattern, source, &names, folding);
            }
            Err(error) => {
                let characters = source.chars().count();
                assert!((1..=characters + 1).contains(&error.position), "{error}");
                assert!(
                    !error.problem.is_empty() && is_harmless(&error.problem),
                    "{error:?}"
                );
                assert!(
                    !error.problem.contains("cannot be compiled")
                        || error.problem.contains("size limit"),
                    "what was translated is no pattern: {error}"
                );
            }
        }
    }
}

/// Those given, and some that are near to what the pattern may match.
fn names_to_try(source: &str, given: &str) -> Vec<String> {
    let mut names: Vec<String> = given.split('\n').take(8).map(str::to_owned).collect();
    let letters = |c: char| !r"\()[]{}^$.|?*+".contains(c);
    let near: String = source.chars().filter(|c| letters(*c)).collect();
    names.extend([
        source.to_owned(),
        near.to_uppercase(),
        near.to_lowercase(),
        near,
        "\n".to_owned(),
        "k\u{212a}\u{2028}".to_owned(),
    ]);
    names
}

fn agrees_with_itself(pattern: &Pattern, name: &str, folding: Folding) {
    let matches = pattern.matches(name);
    let captures = pattern.captures(name);
    assert_eq!(captures.is_some(), matches, "{name:?}");
    if let Some(captures) = captures {
        assert_eq!(&captures[0], name, "only the whole name matches");
        // `regex` leaves out groups at the end that match no times.
        assert!(captures.len() <= pattern.group_count() + 1);
    }
    assert_eq!(
        pattern.matches(&folding.fold(name)),
        matches,
        "{name:?} and what is the same name"
    );
}

fn means_what_regex_means(pattern: &Pattern, source: &str, names: &[String], folding: Folding) {
    let ignore_case = folding == Folding::CaseInsensitive;
    // A flag of the pattern's own would switch off for `regex` what the configuration switched on.
    if !regex_has_the_same_syntax(source) || ignore_case && source.contains("(?") {
        return;
    }
    let Ok(judge) = RegexBuilder::new(&format!(r"\A(?:{source})\z"))
        .unicode(false)
        .case_insensitive(ignore_case)
        // The dot leaves out both ends of a line.
        .crlf(true)
        .build()
    else {
        return;
    };
    for name in names.iter().filter(|name| name.is_ascii()) {
        let expected = judge.captures(name.as_bytes());
        let found = pattern.captures(name);
        assert_eq!(
            found.is_some(),
            expected.is_some(),
            "{source:?} on {name:?}"
        );
        let (Some(expected), Some(found)) = (expected, found) else {
            continue;
        };
        for group in 0..=pattern.group_count() {
            assert_eq!(
                found.get(group).map(|part| part.range()),
                expected.get(group).map(|part| part.range()),
                "group {group} of {source:?} on {name:?}"
            );
        }
    }
}

/// Whether each escape is a class that both have, or takes a sign's meaning away.
fn regex_has_the_same_syntax(source: &str) -> bool {
    let known = |pair: &[u8]| {
        pair[0] != b'\\' || b"dDwWsS".contains(&pair[1]) || pair[1].is_ascii_punctuation()
    };
    source.is_ascii() && source.as_bytes().windows(2).all(known)
}
