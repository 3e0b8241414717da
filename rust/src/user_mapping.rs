//! The user mapping: from the name that the query engine has to the name that the permission source knows.
//!
//! The file has the format of Trino's own user mapping:
//! <https://trino.io/docs/current/security/user-mapping.html>. The first rule whose pattern matches the
//! whole name decides. Trino replaces every match that it finds in the name again, so that `(.*)` with
//! `$1@corp.example` doubles the suffix there; here the text of `user` is put in place once.

use std::borrow::Cow;
use std::fmt;

use regex::Captures;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Entry, JsonError};
use crate::name::{self, Folding};
use crate::pattern::Pattern;

/// The rules of one version of the file.
#[derive(Debug)]
pub struct UserMapping {
    rules: Vec<Rule>,
    folding: Folding,
}

impl UserMapping {
    /// Reads a user mapping.
    ///
    /// # Errors
    ///
    /// Broken JSON, unknown keys, wrong types, no rules, refused patterns, groups that a pattern does not
    /// have.
    pub fn parse(bytes: &[u8], folding: Folding) -> Result<Self, JsonError> {
        let file = Entry::file(bytes)?;
        let entries = file.read::<MappingFile<'_>>()?.rules;
        if entries.is_empty() {
            let problem = "the list of rules is empty, so that nobody would be known".to_owned();
            return Err(file.error(1, problem));
        }
        let mut rules = Vec::with_capacity(entries.len());
        for raw in entries {
            let entry = file.within(raw);
            let rule = Rule::new(entry.read()?, folding).map_err(|text| entry.error(1, text))?;
            rules.push(rule);
        }
        Ok(UserMapping { rules, folding })
    }

    /// The name that the source knows the user of this folded name by.
    pub fn map(&self, folded: &str) -> Mapped {
        self.apply(folded).1
    }

    /// The spelling in which this user has to be named, if this is another one. The source answers to the mapped
    /// name and cannot tell the spellings apart that a rule maps to it, so only one of them is taken: the one that is
    /// in the case of the rule (lower case, where the rule keeps the case) and has no blanks around it.
    pub fn other_spelling(&self, name: &str) -> Option<String> {
        let (case, mapped) = self.apply(&self.folding.fold(name));
        if !matches!(mapped, Mapped::To(_)) {
            return None;
        }
        let trimmed = trim(name);
        for spelling in self.spellings(case, trimmed) {
            if spelling == name {
                return None;
            }
            if self.map(&self.folding.fold(&spelling)) == mapped {
                return Some(spelling);
            }
        }
        // Of a rule that changes the case, nobody can tell how many other names in mixed case it takes.
        (case != Case::Keep).then(|| case.of(trimmed))
    }

    /// Which of several spellings of a name is taken, the first choice first.
    fn spellings(&self, case: Case, trimmed: &str) -> Vec<String> {
        let [lower, upper] = [trimmed.to_lowercase(), trimmed.to_uppercase()];
        match (self.folding, case) {
            (Folding::CaseInsensitive, _) => vec![self.folding.fold(trimmed).into_owned()],
            (Folding::Exact, Case::Upper) => vec![upper, lower],
            (Folding::Exact, Case::Lower) => vec![lower, upper],
            (Folding::Exact, Case::Keep) => vec![lower, upper, trimmed.to_owned()],
        }
    }

    fn apply(&self, folded: &str) -> (Case, Mapped) {
        let found = self
            .rules
            .iter()
            .find_map(|rule| Some((rule, rule.pattern.captures(folded)?)));
        let Some((rule, captures)) = found else {
            return (Case::Keep, Mapped::Nobody);
        };
        if !rule.allow {
            return (rule.case, Mapped::Forbidden);
        }
        let name = rule.name(&captures);
        let name = self.folding.fold(&name);
        let mapped = if name::is_valid(&name) {
            Mapped::To(name.into_owned())
        } else {
            Mapped::Nobody
        };
        (rule.case, mapped)
    }
}

/// What a user mapping makes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// The name that the source knows the user by, folded.
    To(String),
    /// No user of the source: no rule matches, or what it makes is no user's name.
    Nobody,
    /// The rule says `"allow": false`.
    Forbidden,
}

impl fmt::Display for UserMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules", self.rules.len())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile<'a> {
    #[serde(borrow)]
    rules: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry<'a> {
    pattern: String,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    allow: Option<bool>,
    case: Option<String>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    user: Vec<Piece>,
    allow: bool,
    case: Case,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    Keep,
    Lower,
    Upper,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Rule {
    fn new(entry: RuleEntry<'_>, folding: Folding) -> Result<Self, String> {
        let pattern =
            Pattern::new(&entry.pattern, folding).map_err(|error| format!("pattern: {error}"))?;
        let allow = entry.allow.unwrap_or(true);
        let user = entry.user.unwrap_or(Cow::Borrowed("$1"));
        Ok(Rule {
            // A rule that allows nobody makes no name.
            user: if allow {
                pieces(&user, &pattern).map_err(|problem| format!("user: {problem}"))?
            } else {
                Vec::new()
            },
            pattern,
            allow,
            case: entry.case.as_deref().map_or(Ok(Case::Keep), case)?,
        })
    }

    fn name(&self, captures: &Captures<'_>) -> String {
        let mut name = String::new();
        for piece in &self.user {
            match piece {
                Piece::Text(text) => name.push_str(text),
                // A group that took no part in the match stands for nothing, as in Java.
                Piece::Group(group) => {
                    name.push_str(captures.get(*group).map_or("", |found| found.as_str()));
                }
            }
        }
        self.case.of(trim(&name))
    }
}

impl Case {
    fn of(self, name: &str) -> String {
        match self {
            Case::Keep => name.to_owned(),
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
        }
    }
}

/// Without what `String.trim` of Java takes away.
fn trim(name: &str) -> &str {
    name.trim_matches(|character| character <= ' ')
}

fn case(word: &str) -> Result<Case, String> {
    match word.to_ascii_lowercase().as_str() {
        "keep" => Ok(Case::Keep),
        "lower" => Ok(Case::Lower),
        "upper" => Ok(Case::Upper),
        _ => Err(format!("case is \"{word}\"; write keep, lower or upper")),
    }
}

/// Splits a replacement text with the meaning that it has in Java: `$1` and `${name}` are groups, a
/// backslash takes the next character as it is.
/// <https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Matcher.html#appendReplacement(java.lang.StringBuilder,java.lang.String)>
fn pieces(text: &str, pattern: &Pattern) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => literal.push(characters.next().ok_or("it ends with a lone backslash")?),
            '$' => {
                let group = if characters.next_if_eq(&'{').is_some() {
                    let name: String = characters.by_ref().take_while(|c| *c != '}').collect();
                    pattern
                        .group_named(&name)
                        .ok_or_else(|| format!("the pattern has no group named \"{name}\""))?
                } else {
                    group_number(&mut characters, pattern.group_count())?
                };
                if !pattern.captures_as_in_java(group) {
                    return Err(format!(
                        "group {group} may capture another text in Java; write ((?:ab)+) instead of (ab)+, and repeat nothing that can be empty"
                    ));
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Group(group));
            }
            _ => literal.push(character),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// Further digits belong to the number as long as there is such a group.
fn group_number(
    characters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    group_count: usize,
) -> Result<usize, String> {
    let digit = |next: Option<&char>| next.and_then(|c| c.to_digit(10)).map(|d| d as usize);
    let mut group = digit(characters.peek())
        .ok_or(r"write $1 for what a group matched, \$ for the character")?;
    characters.next();
    if group > group_count {
        return Err(format!(
            "it refers to group {group}, but the pattern has {group_count}"
        ));
    }
    while let Some(longer) = digit(characters.peek()).map(|next| group * 10 + next) {
        if longer > group_count {
            break;
        }
        group = longer;
        characters.next();
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(rules: &str) -> UserMapping {
        let json = format!("{{\"rules\": [{rules}]}}");
        UserMapping::parse(json.as_bytes(), Folding::Exact).unwrap()
    }

    fn map(rules: &str, name: &str) -> Option<String> {
        match mapping(rules).map(name) {
            Mapped::To(name) => Some(name),
            Mapped::Nobody | Mapped::Forbidden => None,
        }
    }

    #[test]
    fn the_first_rule_that_matches_the_whole_name_decides() {
        let rules = r#"{"pattern": "svc_(.*)", "user": "service.$1@corp.example"},
                       {"pattern": "test_.*", "allow": false},
                       {"pattern": "([a-z]+)", "user": "$1@corp.example"}"#;
        assert_eq!(
            map(rules, "svc_bi").as_deref(),
            Some("service.bi@corp.example")
        );
        assert_eq!(map(rules, "alice").as_deref(), Some("alice@corp.example"));
        assert_eq!(map(rules, "test_alice"), None, "not allowed");
        assert_eq!(map(rules, "Alice"), None, "no rule matches");
        assert_eq!(map(rules, "malice2"), None, "no part of a name is enough");
    }

    #[test]
    fn without_a_user_the_first_group_is_the_name() {
        assert_eq!(
            map(r#"{"pattern": "(.*)@corp"}"#, "alice@corp").as_deref(),
            Some("alice")
        );
    }

    #[test]
    fn the_text_is_put_in_place_once() {
        let rules = r#"{"pattern": "(.*)", "user": "$1@corp.example"}"#;
        assert_eq!(map(rules, "alice").as_deref(), Some("alice@corp.example"));
    }

    #[test]
    fn groups_are_found_by_number_and_name() {
        let rules = r#"{"pattern": "(?<first>a)(b)?(.*)", "user": "${first}-$2-$3-$10\\$"}"#;
        assert_eq!(map(rules, "ac").as_deref(), Some("a--c-a0$"));
    }

    #[test]
    fn case_is_changed_last() {
        for (case, expected) in [("keep", "Zoë"), ("lower", "zoë"), ("UPPER", "ZOË")] {
            let rules = format!(r#"{{"pattern": "(.*)", "case": "{case}"}}"#);
            assert_eq!(map(&rules, "Zoë").as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_made_is_a_name_or_nobody() {
        assert_eq!(
            map(r#"{"pattern": "(.*)", "user": "  $1 "}"#, "a").as_deref(),
            Some("a")
        );
        assert_eq!(map(r#"{"pattern": "a(.*)"}"#, "a"), None, "empty");
        let long = "a".repeat(name::MAX_BYTES);
        assert_eq!(
            map(r#"{"pattern": "(.*)", "user": "$1$1"}"#, &long),
            None,
            "too long"
        );
    }

    #[test]
    fn folded_names_are_matched_without_regard_to_case() {
        let json = br#"{"rules": [{"pattern": "SVC_(.*)", "user": "$1@Corp.Example"}]}"#;
        let mapping = UserMapping::parse(json, Folding::CaseInsensitive).unwrap();
        assert_eq!(
            mapping.map("svc_bi"),
            Mapped::To("bi@corp.example".to_owned())
        );
    }

    #[test]
    fn a_rule_that_forbids_is_not_taken_for_none() {
        let mapping = mapping(r#"{"pattern": "robot_.*", "allow": false}, {"pattern": "a(.*)"}"#);
        assert_eq!(mapping.map("robot_1"), Mapped::Forbidden);
        assert_eq!(mapping.map("svc"), Mapped::Nobody);
        assert_eq!(mapping.map("a"), Mapped::Nobody, "no name");
    }

    #[test]
    fn of_the_spellings_of_a_user_one_is_taken() {
        let lower = r#"{"pattern": "(.*)", "user": "$1@example.com", "case": "lower"}"#;
        let upper = r#"{"pattern": "(.*)", "user": "$1@EXAMPLE.COM", "case": "upper"}"#;
        let keep = r#"{"pattern": "(.*)", "user": "$1@example.com"}"#;
        let one_case = r#"{"pattern": "([a-z]+)_([a-z]+)", "user": "$2.$1", "case": "upper"}"#;
        let capital = r#"{"pattern": "([A-Z][a-z]+)", "case": "lower"}"#;
        let flagged = r#"{"pattern": "(?i)alice", "user": "a"}"#;
        let listed = r#"{"pattern": "Alice|bob", "user": "a"}"#;
        for (rules, name, spelling) in [
            (lower, "ceo", None),
            (lower, "CEO", Some("ceo")),
            (lower, "Ceo", Some("ceo")),
            (lower, " ceo", Some("ceo")),
            (upper, "CEO", None),
            (upper, "ceo", Some("CEO")),
            (keep, "ceo", None),
            (keep, "CEO", None),
            (keep, " ceo", Some("ceo")),
            (keep, " CEO", Some("CEO")),
            (one_case, "svc_bi", None),
            (capital, "Alice", Some("alice")),
            (flagged, "alice", None),
            (flagged, "ALICE", Some("alice")),
            (listed, "Alice", None),
            (listed, "bob", None),
            (listed, "nobody", None),
        ] {
            let found = mapping(rules).other_spelling(name);
            assert_eq!(found.as_deref(), spelling, "{rules} {name:?}");
        }
    }

    #[test]
    fn where_case_does_not_count_names_are_written_as_they_are_folded() {
        let json =
            br#"{"rules": [{"pattern": "(.*)", "user": "$1@Corp.Example", "case": "upper"}]}"#;
        let mapping = UserMapping::parse(json, Folding::CaseInsensitive).unwrap();
        assert_eq!(mapping.other_spelling("alice"), None);
        assert_eq!(mapping.other_spelling("Alice").as_deref(), Some("alice"));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (rules, words) in [
            ("", "the list of rules is empty"),
            (r#"{"pattern": "("}"#, "pattern: position 1"),
            (
                r#"{"pattern": "a"}"#,
                "refers to group 1, but the pattern has 0",
            ),
            (
                r#"{"pattern": "(ab)+"}"#,
                "group 1 may capture another text",
            ),
            (r#"{"pattern": "(a)", "user": "$2"}"#, "refers to group 2"),
            (
                r#"{"pattern": "(a)", "user": "${b}"}"#,
                "no group named \"b\"",
            ),
            (r#"{"pattern": "(a)", "user": "$"}"#, "write $1"),
            (r#"{"pattern": "(a)", "user": "\\"}"#, "lone backslash"),
            (
                r#"{"pattern": "(a)", "case": "title"}"#,
                "keep, lower or upper",
            ),
            (
                r#"{"pattern": "(a)", "allowed": true}"#,
                "unknown field `allowed`",
            ),
            (r#"{"user": "a"}"#, "missing field `pattern`"),
            (r#"{"pattern": "(a)", "allow": "yes"}"#, "invalid type"),
        ] {
            let json = format!("{{\"rules\": [\n{rules}]}}");
            let error = UserMapping::parse(json.as_bytes(), Folding::Exact).unwrap_err();
            let line = if rules.is_empty() { 1 } else { 2 };
            assert_eq!(error.line, line, "{rules}: {error}");
            assert!(error.to_string().contains(words), "{rules}: {error}");
        }
        assert!(UserMapping::parse(b"{}", Folding::Exact).is_err());
    }
}
