//! Scopes: which impersonator may act as which target.
//!
//! The keys are those of the impersonation rules of Trino's file-based access control, so that
//! operators can paste theirs; groups are added.
//! <https://trino.io/docs/current/security/file-system-access-control.html#impersonation-rules>

use regex::Captures;
use serde::Deserialize;
use thiserror::Error;

use crate::name::Folding;
use crate::pattern::{Pattern, PatternError};

/// A scope as it stands in the policy file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeEntry {
    #[serde(alias = "originalUser")]
    original_user: Option<String>,
    original_group: Option<String>,
    #[serde(alias = "newUser")]
    new_user: Option<String>,
    new_group: Option<String>,
    #[serde(default = "allowed")]
    allow: bool,
}

fn allowed() -> bool {
    true
}

/// Why a scope cannot be used.
#[derive(Debug, Error)]
pub enum ScopeError {
    /// A pattern is refused.
    #[error("{key}: {error}")]
    Pattern {
        /// The scope's key.
        key: &'static str,
        /// What is wrong with its pattern.
        error: PatternError,
    },
    /// Nothing says whom the scope is about.
    #[error("a scope needs new_user or new_group")]
    NoTarget,
    /// A capture is used where it cannot be.
    #[error("new_user: {0}")]
    Capture(&'static str),
}

/// Who asks for whom, as a scope sees it. Names are folded.
pub struct Subject<'a> {
    /// The impersonator's name.
    pub impersonator: &'a str,
    /// The impersonator's groups.
    pub impersonator_groups: &'a [&'a str],
    /// The target's name.
    pub target: &'a str,
    /// The target's groups.
    pub target_groups: &'a [&'a str],
}

/// A rule that decides the pairs it matches.
#[derive(Debug)]
pub struct Scope {
    original_user: Option<Pattern>,
    original_group: Option<Pattern>,
    new_user: Option<NewUser>,
    new_group: Option<Pattern>,
    allow: bool,
}

#[derive(Debug)]
enum NewUser {
    Fixed(Pattern),
    Template(Template),
}

impl Scope {
    /// Compiles a scope.
    ///
    /// # Errors
    ///
    /// A pattern is refused, or the scope does not say whom it is about.
    pub fn new(entry: &ScopeEntry, folding: Folding) -> Result<Self, ScopeError> {
        let original_user = compile("original_user", entry.original_user.as_deref(), folding)?;
        let new_user = entry
            .new_user
            .as_deref()
            .map(|text| NewUser::new(text, original_user.as_ref(), folding))
            .transpose()?;
        let new_group = compile("new_group", entry.new_group.as_deref(), Folding::Exact)?;
        if new_user.is_none() && new_group.is_none() {
            return Err(ScopeError::NoTarget);
        }
        Ok(Scope {
            original_group: compile(
                "original_group",
                entry.original_group.as_deref(),
                Folding::Exact,
            )?,
            original_user,
            new_user,
            new_group,
            allow: entry.allow,
        })
    }

    /// Whether this scope allows the pair, or nothing if it does not match it.
    pub fn decide(&self, subject: &Subject<'_>) -> Option<bool> {
        let captures = match &self.original_user {
            Some(pattern) => Some(pattern.captures(subject.impersonator)?),
            None => None,
        };
        if !any_matches(self.original_group.as_ref(), subject.impersonator_groups)
            || !any_matches(self.new_group.as_ref(), subject.target_groups)
        {
            return None;
        }
        let matches = match &self.new_user {
            None => true,
            Some(NewUser::Fixed(pattern)) => pattern.matches(subject.target),
            Some(NewUser::Template(template)) => captures
                .as_ref()
                .is_some_and(|captures| template.matches(captures, subject.target)),
        };
        matches.then_some(self.allow)
    }
}

fn any_matches(pattern: Option<&Pattern>, groups: &[&str]) -> bool {
    pattern.is_none_or(|pattern| groups.iter().any(|group| pattern.matches(group)))
}

fn compile(
    key: &'static str,
    source: Option<&str>,
    folding: Folding,
) -> Result<Option<Pattern>, ScopeError> {
    source
        .map(|source| Pattern::new(source, folding))
        .transpose()
        .map_err(|error| ScopeError::Pattern { key, error })
}

impl NewUser {
    fn new(text: &str, original: Option<&Pattern>, folding: Folding) -> Result<Self, ScopeError> {
        let in_new_user = |error| ScopeError::Pattern {
            key: "new_user",
            error,
        };
        let group_count = original.map_or(0, Pattern::group_count);
        let pieces = pieces(text, group_count)?;
        let captures: Vec<usize> = pieces.iter().filter_map(Piece::capture).collect();
        if captures.is_empty() {
            return Pattern::new(text, folding)
                .map(NewUser::Fixed)
                .map_err(in_new_user);
        }
        if original.is_none() {
            return Err(ScopeError::Capture(
                "it refers to a capturing group, but there is no original_user",
            ));
        }
        if captures.iter().any(|capture| *capture > group_count) {
            // Trino accepts such a rule and fails each check that meets it.
            return Err(ScopeError::Capture(
                "it refers to a capturing group that original_user does not have",
            ));
        }
        let template = Template { pieces, folding };
        // Any text in place of the captures shows whether the rest is a pattern.
        Pattern::new(&template.fill(|_| Some("x")), folding).map_err(in_new_user)?;
        Ok(NewUser::Template(template))
    }
}

/// A pattern for the target that quotes what was captured from the impersonator's name. Trino leaves
/// the captured text unquoted, which lets a crafted name such as `svc_.*` widen the rule.
#[derive(Debug)]
struct Template {
    pieces: Vec<Piece>,
    folding: Folding,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Capture(usize),
}

impl Piece {
    fn capture(&self) -> Option<usize> {
        match self {
            Piece::Text(_) => None,
            Piece::Capture(group) => Some(*group),
        }
    }
}

impl Template {
    fn matches(&self, captures: &Captures<'_>, target: &str) -> bool {
        let source = self.fill(|group| captures.get(group).map(|found| found.as_str()));
        Pattern::new(&source, self.folding).is_ok_and(|pattern| pattern.matches(target))
    }

    fn fill<'t>(&self, captured: impl Fn(usize) -> Option<&'t str>) -> String {
        let mut source = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => source.push_str(text),
                Piece::Capture(group) => {
                    // An empty capture is not left out: a quantifier after it would reach what is before.
                    let text = captured(*group).filter(|text| !text.is_empty());
                    source.push_str("(?:");
                    source.push_str(&text.map_or_else(|| "x{0}".to_owned(), regex::escape));
                    source.push(')');
                }
            }
        }
        source
    }
}

/// Splits a `new_user` at its `$1`. As in `java.util.regex.Matcher.appendReplacement`, further digits
/// belong to the number as long as there is such a group. A `$` before anything else stays an anchor.
fn pieces(text: &str, group_count: usize) -> Result<Vec<Piece>, ScopeError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut in_brackets = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                literal.push(character);
                literal.extend(characters.next());
                continue;
            }
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        let digit = |next: Option<&char>| next.and_then(|c| c.to_digit(10)).map(|d| d as usize);
        match (character, characters.peek()) {
            ('$', Some('{')) => {
                return Err(ScopeError::Capture(
                    "${...} is not supported; write the group's number, as in $1",
                ));
            }
            ('$', next) if digit(next).is_some() => {
                if in_brackets {
                    return Err(ScopeError::Capture(
                        "a captured group cannot stand inside brackets",
                    ));
                }
                let mut group = digit(characters.next().as_ref()).unwrap_or_default();
                while let Some(longer) = digit(characters.peek())
                    .map(|next| group.saturating_mul(10).saturating_add(next))
                {
                    if longer > group_count {
                        break;
                    }
                    group = longer;
                    characters.next();
                }
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Capture(group));
            }
            _ => literal.push(character),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(json: &str) -> Result<Scope, ScopeError> {
        Scope::new(&serde_json::from_str(json).unwrap(), Folding::Exact)
    }

    fn decide(json: &str, impersonator: &str, target: &str) -> Option<bool> {
        scope(json).unwrap().decide(&Subject {
            impersonator,
            impersonator_groups: &["support"],
            target,
            target_groups: &["executives"],
        })
    }

    #[test]
    fn trinos_rules_mean_what_they_mean_in_trino() {
        for (json, impersonator, target, expected) in [
            (
                r#"{"original_user":"alice","new_user":"bob|charlie"}"#,
                "alice",
                "charlie",
                Some(true),
            ),
            (
                r#"{"original_user":"alice","new_user":"bob|charlie"}"#,
                "alice",
                "admin",
                None,
            ),
            (
                r#"{"originalUser":"admin-test","newUser":".*","allow":false}"#,
                "admin-test",
                "x",
                Some(false),
            ),
            (r#"{"new_user":"test"}"#, "anybody", "test", Some(true)),
            (
                r#"{"original_user":"svc_(.*)","new_user":"svc_$1_prod"}"#,
                "svc_tenant",
                "svc_tenant_prod",
                Some(true),
            ),
            (
                r#"{"original_user":"svc_(.*)","new_user":"svc_$1_prod"}"#,
                "svc_tenant",
                "svc_other_prod",
                None,
            ),
            (
                r#"{"original_user":"external_(.*)_(.*)","new_user":"internal-$2-$1-sandbox"}"#,
                "external_corp_dept",
                "internal-dept-corp-sandbox",
                Some(true),
            ),
            (
                r#"{"original_user":"missing_(.*)","new_user":".*"}"#,
                "missing_x",
                "anything",
                Some(true),
            ),
        ] {
            assert_eq!(
                decide(json, impersonator, target),
                expected,
                "{json} {impersonator} {target}"
            );
        }
    }

    #[test]
    fn a_captured_name_is_text_and_never_a_pattern() {
        let json = r#"{"original_user":"svc_(.*)","new_user":"svc_$1_prod"}"#;
        assert_eq!(decide(json, "svc_.*", "svc_tenant_prod"), None);
        assert_eq!(decide(json, "svc_.*", "svc_.*_prod"), Some(true));
        assert_eq!(decide(json, "svc_a|b", "svc_a"), None);
        assert_eq!(decide(json, r"svc_a\", r"svc_a\_prod"), Some(true));
    }

    #[test]
    fn a_quantifier_after_a_capture_takes_all_of_it() {
        let json = r#"{"original_user":"(ab)","new_user":"$1+"}"#;
        assert_eq!(decide(json, "ab", "abab"), Some(true));
        assert_eq!(decide(json, "ab", "abb"), None);
    }

    #[test]
    fn a_quantifier_after_an_empty_capture_does_not_reach_what_is_before() {
        let json = r#"{"original_user":"svc(.*)","new_user":"a$1*"}"#;
        assert_eq!(decide(json, "svc", "a"), Some(true));
        assert_eq!(decide(json, "svc", "aaa"), None);
    }

    #[test]
    fn an_empty_capture_alone_matches_nobody() {
        let json = r#"{"original_user":"svc(.*)","new_user":"$1"}"#;
        assert_eq!(decide(json, "svc", "x"), None);
    }

    #[test]
    fn further_digits_belong_to_the_number_while_there_is_such_a_group() {
        assert_eq!(
            pieces("$10", 1).unwrap(),
            [Piece::Capture(1), Piece::Text("0".to_owned())]
        );
        assert_eq!(pieces("$10", 10).unwrap(), [Piece::Capture(10)]);
        assert_eq!(pieces("a$", 1).unwrap(), [Piece::Text("a$".to_owned())]);
        assert_eq!(pieces(r"\$1", 1).unwrap(), [Piece::Text(r"\$1".to_owned())]);
    }

    #[test]
    fn groups_of_both_sides_can_be_named() {
        let json = r#"{"original_group":"support","new_group":"executives","allow":false}"#;
        assert_eq!(decide(json, "a", "b"), Some(false));
        assert_eq!(
            decide(r#"{"original_group":"sales","new_user":".*"}"#, "a", "b"),
            None
        );
    }

    #[test]
    fn scopes_that_cannot_be_used_are_explained() {
        for (json, words) in [
            (r#"{"original_user":"a"}"#, "new_user or new_group"),
            (r#"{"new_user":"$1"}"#, "no original_user"),
            (
                r#"{"original_user":"few_(.*)","new_user":"$2_$1_prod"}"#,
                "that original_user does not have",
            ),
            (r#"{"original_user":"(a)","new_user":"[$1]"}"#, "brackets"),
            (r#"{"original_user":"(a)","new_user":"${x}"}"#, "${...}"),
            (
                r#"{"original_user":"(?i)a","new_user":"b"}"#,
                "original_user: position 1",
            ),
            (
                r#"{"original_user":"(a)","new_user":"$1("}"#,
                "new_user: position",
            ),
            (r#"{"new_user":""}"#, "empty"),
        ] {
            let error = scope(json).expect_err(json).to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
