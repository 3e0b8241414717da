//! Scopes: which impersonator may act as which target.
//!
//! The keys are those of the impersonation rules of Trino's file-based access control, so that
//! operators can paste theirs; groups are added.
//! <https://trino.io/docs/current/security/file-system-access-control.html#impersonation-rules>

mod index;
mod list;

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use regex::Captures;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::name::Folding;
use crate::pattern::{self, Literals, Pattern, PatternError, Shared};

pub use list::Scopes;

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
    /// Known so that it can be refused in words.
    #[serde(alias = "originalRole")]
    original_role: Option<IgnoredAny>,
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
    /// It is about roles.
    #[error(
        "original_role: rules by role do not work here, since a role is chosen by each session and is unknown to the permission source; write original_group, or original_user"
    )]
    Role,
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
    original_user: Option<Arc<Pattern>>,
    original_group: Option<Arc<Pattern>>,
    new_user: Option<NewUser>,
    new_group: Option<Arc<Pattern>>,
    allow: bool,
}

#[derive(Debug)]
enum NewUser {
    Fixed(Arc<Pattern>),
    Template(Template),
}

impl Scope {
    /// Compiles a scope that shares patterns with others of the file.
    ///
    /// # Errors
    ///
    /// A pattern is refused, or the scope does not say whom it is about.
    pub fn new(
        entry: &ScopeEntry,
        folding: Folding,
        shared: &mut Shared,
    ) -> Result<Self, ScopeError> {
        if entry.original_role.is_some() {
            return Err(ScopeError::Role);
        }
        let mut compile = |key, source: &Option<String>, folding| {
            source
                .as_deref()
                .map(|source| shared.pattern(source, folding))
                .transpose()
                .map_err(|error| ScopeError::Pattern { key, error })
        };
        let original_user = compile("original_user", &entry.original_user, folding)?;
        let original_group = compile("original_group", &entry.original_group, Folding::Exact)?;
        let new_group = compile("new_group", &entry.new_group, Folding::Exact)?;
        let new_user = entry
            .new_user
            .as_deref()
            .map(|text| NewUser::new(text, original_user.as_deref(), folding, shared))
            .transpose()?;
        if new_user.is_none() && new_group.is_none() {
            return Err(ScopeError::NoTarget);
        }
        Ok(Scope {
            original_group,
            original_user,
            new_user,
            new_group,
            allow: entry.allow,
        })
    }

    /// Whether it matters which groups somebody has.
    pub fn is_by_group(&self) -> bool {
        self.original_group.is_some() || self.new_group.is_some()
    }

    /// Whether this scope allows the pair, or nothing if it does not match it.
    pub fn decide(&self, subject: &Subject<'_>) -> Option<bool> {
        let original_matches = || match &self.original_user {
            Some(pattern) => pattern.matches(subject.impersonator),
            None => true,
        };
        let new_matches = || match &self.new_user {
            None => original_matches(),
            Some(NewUser::Fixed(pattern)) => original_matches() && pattern.matches(subject.target),
            // To find captures costs several times what a match does.
            Some(NewUser::Template(template)) => self
                .original_user
                .as_ref()
                .and_then(|pattern| pattern.captures(subject.impersonator))
                .is_some_and(|captures| template.matches(&captures, subject.target)),
        };
        let matches = any_matches(self.original_group.as_deref(), subject.impersonator_groups)
            && any_matches(self.new_group.as_deref(), subject.target_groups)
            && new_matches();
        matches.then_some(self.allow)
    }
}

fn any_matches(pattern: Option<&Pattern>, groups: &[&str]) -> bool {
    pattern.is_none_or(|pattern| groups.iter().any(|group| pattern.matches(group)))
}

impl NewUser {
    fn new(
        text: &str,
        original: Option<&Pattern>,
        folding: Folding,
        shared: &mut Shared,
    ) -> Result<Self, ScopeError> {
        let in_new_user = |error| ScopeError::Pattern {
            key: "new_user",
            error,
        };
        let group_count = original.map_or(0, Pattern::group_count);
        let pieces = pieces(text, group_count)?;
        let captures: Vec<usize> = pieces.iter().filter_map(Piece::capture).collect();
        if captures.is_empty() {
            return shared
                .pattern(text, folding)
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
        if !captures
            .iter()
            .all(|capture| original.is_some_and(|pattern| pattern.captures_as_in_java(*capture)))
        {
            return Err(ScopeError::Capture(
                "it refers to a capturing group that may capture another text in Java; write ((?:ab)+) instead of (ab)+, and repeat nothing that can be empty",
            ));
        }
        let template = Template {
            pieces,
            folding,
            compiled: Mutex::new(LruCache::new(COMPILED)),
        };
        // Any text in place of the captures shows whether the rest is a pattern.
        let filled = Pattern::new(&template.fill(|_| quote("x")), folding).map_err(in_new_user)?;
        // A group in their place counts only where a group can stand.
        let groups = Pattern::new(&template.fill(|_| "(x)".to_owned()), folding)
            .map_or(0, |pattern| pattern.group_count());
        if groups != filled.group_count() + captures.len() {
            return Err(ScopeError::Capture(
                r"a captured group cannot stand inside brackets or \Q...\E; it is taken literally anyway",
            ));
        }
        Ok(NewUser::Template(template))
    }
}

/// A pattern for the target that quotes what was captured from the impersonator's name. Trino leaves
/// the captured text unquoted, which lets a crafted name such as `svc_.*` widen the rule.
#[derive(Debug)]
struct Template {
    pieces: Vec<Piece>,
    folding: Folding,
    /// By what the captures make of the template. Few impersonators match a scope, and compiling a pattern
    /// costs a hundred times what a decision does.
    compiled: Mutex<LruCache<String, Pattern>>,
}

/// How many compiled patterns a template keeps.
const COMPILED: NonZeroUsize = NonZeroUsize::new(64).unwrap();

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
        let source =
            self.fill(|group| quote(captures.get(group).map_or("", |found| found.as_str())));
        let known = self.compiled.lock().get(&source).cloned();
        let pattern = match known {
            Some(pattern) => pattern,
            None => {
                let Ok(pattern) = Pattern::new(&source, self.folding) else {
                    return false;
                };
                self.compiled.lock().put(source, pattern.clone());
                pattern
            }
        };
        pattern.matches(target)
    }

    /// What a target must have to match, whatever is captured.
    fn literals(&self) -> Literals {
        pattern::literals(&self.fill(|_| "(?s:.*)".to_owned()), self.folding)
    }

    fn fill(&self, capture: impl Fn(usize) -> String) -> String {
        let mut source = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => source.push_str(text),
                Piece::Capture(group) => source.push_str(&capture(*group)),
            }
        }
        source
    }
}

/// A group that matches this text alone, whatever stands around it.
fn quote(text: &str) -> String {
    if text.is_empty() {
        // It is not left out: a quantifier after it would reach what is before.
        return "(?:x{0})".to_owned();
    }
    format!("(?:{})", regex::escape(text))
}

/// Splits a `new_user` at its `$1`. As in `java.util.regex.Matcher.appendReplacement`, further digits
/// belong to the number as long as there is such a group. A `$` before anything else stays an anchor.
fn pieces(text: &str, group_count: usize) -> Result<Vec<Piece>, ScopeError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\\' {
            literal.push(character);
            literal.extend(characters.next());
            continue;
        }
        let digit = |next: Option<&char>| next.and_then(|c| c.to_digit(10)).map(|d| d as usize);
        match (character, characters.peek()) {
            ('$', Some('{')) => {
                return Err(ScopeError::Capture(
                    "${...} is not supported; write the group's number, as in $1",
                ));
            }
            ('$', next) if digit(next).is_some() => {
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
        let entry = serde_json::from_str(json).unwrap();
        Scope::new(&entry, Folding::Exact, &mut Shared::default())
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
    fn many_impersonators_of_one_scope_do_not_get_each_others_targets() {
        let scope = scope(r#"{"original_user": "svc_(.*)", "new_user": "$1_.*"}"#).unwrap();
        let decide = |impersonator: &str, target: &str| {
            scope.decide(&Subject {
                impersonator,
                impersonator_groups: &[],
                target,
                target_groups: &[],
            })
        };
        let names: Vec<String> = (0..3 * COMPILED.get()).map(|n| format!("t{n}")).collect();
        for _ in 0..2 {
            for (name, other) in names.iter().zip(names.iter().skip(1)) {
                let impersonator = format!("svc_{name}");
                assert_eq!(decide(&impersonator, &format!("{name}_a")), Some(true));
                assert_eq!(decide(&impersonator, &format!("{other}_a")), None);
            }
        }
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
    fn group_0_is_the_whole_name() {
        let json = r#"{"original_user":"(?:svc|app)*_b","new_user":"$0_prod"}"#;
        assert_eq!(decide(json, "svc_b", "svc_b_prod"), Some(true));
        assert_eq!(decide(json, "svc_b", "app_b_prod"), None);
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
            (
                r#"{"original_user":"(a)","new_user":"[b[c]$1]"}"#,
                "brackets",
            ),
            (
                r#"{"original_user":"(a)","new_user":"\\Qb$1\\E"}"#,
                "brackets",
            ),
            (r#"{"original_user":"(a)+","new_user":"b$1"}"#, "in Java"),
            (
                r#"{"original_user":"(?:b(a)){2}","new_user":"b$1"}"#,
                "in Java",
            ),
            (
                r#"{"original_user":"(a)(b*)*","new_user":"b$1"}"#,
                "in Java",
            ),
            (r#"{"original_user":"(a)","new_user":"${x}"}"#, "${...}"),
            (
                r#"{"original_user":"(?u)a","new_user":"b"}"#,
                "original_user: position 3",
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
