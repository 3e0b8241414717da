//! Regular expressions that mean here what they mean in `java.util.regex`, matched against the whole
//! text.
//!
//! Operators wrote these patterns for a Java plugin. Rust's `regex` reads most of the same syntax but
//! gives some of it another meaning, mostly a wider one (`\w` takes all of Unicode), which would make
//! more people match. So a pattern goes three steps: `spelling` writes Java's quotes and escapes in a
//! way that the parser of `regex_syntax` knows, `translate` walks the syntax tree and writes a pattern
//! in which nothing but Java's meaning is left, and `regex` compiles that. What has no equal is refused
//! with its position and `advice`; `docs/patterns.md` lists it.
//! Java's meaning: <https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html>

mod advice;
mod literals;
mod many;
mod set;
mod shared;
mod spelling;
mod translate;

use regex::{Captures, Regex};
use thiserror::Error;

use crate::name::Folding;

pub use literals::{FORM, Literal, Literals};
pub use many::Many;
pub use shared::Shared;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("position {position}: {problem}")]
pub struct PatternError {
    /// Where in the pattern, in characters, counted from 1.
    pub position: usize,
    /// What is wrong there, and what to write instead.
    pub problem: String,
}

/// A pattern that a whole text matches or does not.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    exact_groups: Vec<bool>,
    single_dots: Vec<usize>,
}

impl Pattern {
    /// Compiles a pattern written for Java.
    ///
    /// # Errors
    ///
    /// The pattern is empty, is not a pattern, or means something else in Java than can be said here.
    pub fn new(source: &str, folding: Folding) -> Result<Self, PatternError> {
        if source.is_empty() {
            return Err(PatternError {
                position: 1,
                problem: "the pattern is empty; leave it out to match nobody".to_owned(),
            });
        }
        let translation = translate::translate(source, folding)?;
        let regex = Regex::new(&format!(r"\A(?:{})\z", translation.text)).map_err(|error| {
            PatternError {
                position: 1,
                problem: format!("the pattern cannot be compiled: {error}"),
            }
        })?;
        Ok(Pattern {
            regex,
            exact_groups: translation.exact_groups,
            single_dots: translation.single_dots,
        })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups captured by a match of the whole text.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// How many capturing groups the pattern has.
    pub fn group_count(&self) -> usize {
        self.exact_groups.len()
    }

    /// Whether this group captures the same text as in Java. It may not if it can match more than once,
    /// because Java keeps more of a repetition that it gave up, or if anything that can match the empty
    /// text is repeated.
    pub fn captures_as_in_java(&self, group: usize) -> bool {
        match group.checked_sub(1) {
            Some(index) => self.exact_groups.get(index).is_some_and(|exact| *exact),
            // The whole text.
            None => true,
        }
    }

    /// The number of the group of this name.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.regex
            .capture_names()
            .position(|group| group == Some(name))
    }

    /// What a text must have to match.
    pub fn literals(&self) -> Literals {
        literals::literals(self.regex.as_str())
    }

    /// Where a dot stands between other parts for one character of any kind, in characters, counted from 1.
    pub fn single_dots(&self) -> &[usize] {
        &self.single_dots
    }

    /// Whether the pattern matches everybody, as far as unlikely names can tell: all long ones, all short ones, or all
    /// that are plain ASCII.
    pub fn matches_everything(&self) -> bool {
        CANARIES
            .iter()
            .any(|names| names.iter().all(|name| self.matches(name)))
    }
}

/// Names that nobody has, each group unlike each other in all but one respect.
const CANARIES: [[&str; 3]; 3] = [
    [
        "\u{2603}zq-7 canary",
        "k0(V\u{f6}gel)/\u{3c0}~",
        "\u{416}__#{unlikely}\u{1f426}9",
    ],
    ["\u{2603}q7", "~\u{416}K", "0_\u{f6}"],
    ["zq-7 canary!", "X9#unlikely@Q", "0__(k)~;z"],
];

/// What a text must have to match a pattern written for Java, which is not compiled for that; nothing if it
/// is not a pattern.
pub fn literals(source: &str, folding: Folding) -> Literals {
    translate::translate(source, folding)
        .map(|translation| literals::literals(&translation.text))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source, Folding::Exact).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    #[test]
    fn dots_that_stand_for_one_character_are_found() {
        for (source, positions) in [
            ("admin.omar", &[6][..]),
            ("(a.b|ü.c)d.", &[3, 7, 11]),
            (r"\Q.\E.a", &[6]),
            (r"a\.b|[.]c|a.*|a.+|a.?|a.{3}|.", &[]),
        ] {
            assert_eq!(pattern(source).single_dots(), positions, "{source}");
        }
    }

    #[test]
    fn patterns_match_whom_they_match_in_java() {
        for (source, yes, no) in [
            ("admin", &["admin"][..], &["badminton", "admin\n", ""][..]),
            ("a|b", &["a", "b"], &["ab"]),
            ("^(?:a|b)$", &["a", "b"], &["ab", "a\n"]),
            (r"^a$|\Ab\Z", &["a", "b"], &["a\n", "b\n"]),
            ("(^a$|^b$)", &["a", "b"], &["a\n"]),
            (r"\d+", &["12"], &["١٢"]),
            (r"\D", &["١"], &["1"]),
            (r"\w+", &["az_9"], &["é", "\u{212a}"]),
            (r"a\sb", &["a b", "a\u{b}b"], &["a\u{a0}b", "a\u{85}b"]),
            (r"a\hb", &["a\u{a0}b", "a\u{180e}b"], &["a\nb"]),
            (r"a\vb", &["a\u{85}b", "a\u{b}b"], &["a b", "avb"]),
            (r"[\w.-]+", &["a.b-c"], &["ä"]),
            (r"[^\W]+", &["abc"], &["é"]),
            (r"\p{Alpha}+", &["aZ"], &["é", "1"]),
            (r"\P{Alpha}", &["é", "1"], &["a"]),
            (r"[\p{Punct}\d]+", &["_1!"], &["a", "¡"]),
            (
                ".",
                &["😀", "\u{b}"],
                &["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"],
            ),
            ("(?s).", &["\n", "\u{2028}"], &["", "ab"]),
            (
                "(?i)admin",
                &["ADMIN", "aDmin"],
                &["ADM\u{130}N", "adm\u{131}n"],
            ),
            ("(?i)k", &["k", "K"], &["\u{212a}"]),
            ("(?i)[s-t]", &["S", "t"], &["\u{17f}"]),
            ("(?i)[^s]", &["a", "\u{17f}"], &["s", "S"]),
            ("(?i)é", &["é"], &["É"]),
            ("(?i)[Z-a]", &["z", "A", "_"], &["b"]),
            (r"(?i)\p{Lower}", &["a", "A"], &["1", "É"]),
            (r"(?i)\P{Lower}", &["1", "É"], &["a", "A"]),
            ("(?i:ad)min", &["ADmin"], &["ADMIN"]),
            ("(?:(?i)ad)min", &["ADmin"], &["ADMIN"]),
            ("(?i)ad(?-i)min", &["ADmin"], &["ADMIN"]),
            ("(?i)a|b", &["A", "B"], &["c"]),
            (r"\Qa.b\E+", &["a.b", "a.bb"], &["axb", "a.ba.b"]),
            (r"(?i)\Qa.b", &["A.B"], &["AxB"]),
            (r"[\Qa-c\E]", &["-"], &["b"]),
            (r"\x41\u0042\0103\x{1F600}", &["ABC😀"], &["abc😀"]),
            ("[a-d[m-p]]", &["a", "n"], &["e", "["]),
            ("[^a[b]]", &["c"], &["a", "b"]),
            ("[a-z&&[^m-p]]", &["a", "q"], &["n", "&"]),
            (r"[\w&&[^\d]]", &["a"], &["1"]),
            ("(?<n>a)(b)", &["ab"], &["a"]),
            ("a{2,3}?", &["aa", "aaa"], &["a"]),
            ("[a^]", &["^"], &["b"]),
            ("[-a]", &["-"], &["b"]),
            ("[.&~]", &["&", "~"], &["b"]),
        ] {
            for text in yes {
                assert!(pattern(source).matches(text), "{source} on {text:?}");
            }
            for text in no {
                assert!(!pattern(source).matches(text), "{source} on {text:?}");
            }
        }
    }

    #[test]
    fn what_means_something_else_in_java_is_refused_with_its_position() {
        for (source, position, word) in [
            ("", 1, "empty"),
            ("a|", 3, "empty alternative"),
            ("a||b", 3, "empty alternative"),
            ("a()", 3, "empty alternative"),
            ("(?i)", 1, "empty alternative"),
            ("a|(?i)", 3, "empty alternative"),
            (r"a|\Q\E", 7, "empty alternative"),
            ("(?=a)b", 1, "look-around"),
            (r"(a)\1", 4, "back-references"),
            (r"(?<n>a)\k<n>", 8, "back-references"),
            ("a++", 3, "possessive"),
            ("a{2}{3}", 5, "doubled"),
            ("(?>a)", 3, "independent"),
            ("(?x) a # comment", 3, "flag x"),
            ("(?iu:a)", 4, "flags u and U"),
            ("(?U)a", 3, "flags u and U"),
            ("(?m)^a", 3, "flag m"),
            ("(?d)a", 3, "flag d"),
            ("(?R)a", 3, "flags i and s"),
            (r"\badmin", 1, "word boundaries"),
            (r"\<a", 1, "without a backslash"),
            (r"é\p{L}", 2, r"\p classes"),
            (r"[\p{IsLatin}]", 2, r"\p classes"),
            (r"\p{alpha}", 1, r"\p classes"),
            (r"\ph", 1, r"\p classes"),
            ("[[:alpha:]]", 2, r"\p{Alpha}"),
            ("[a&&]", 5, "&&"),
            ("[a&&[b]c]", 5, "&&"),
            ("[a&b&&c]", 3, r"\&"),
            ("[a--b]", 3, r"\-"),
            ("[ab~~c]", 4, r"\~"),
            ("[]a]", 2, r"\]"),
            ("[a-z-9]", 5, r"\-"),
            (r"[\w-.]", 2, r"\-"),
            (r"[\v-]", 2, r"\-"),
            ("[A-[b]]", 4, r"\["),
            ("a$b", 2, "$"),
            ("(a$|b)c", 3, "$"),
            ("(?:a$)+", 5, "repeated"),
            (r"a\Zb", 2, "$"),
            ("^*a", 2, "repeated"),
            ("(b(^a)?)*", 4, "repeated"),
            ("a{,3}", 3, "{2,5}"),
            ("a{ 1}", 2, "{2,5}"),
            (r"\u{61}", 1, r"\x{...}"),
            (r"\ud83d\udc00", 3, "surrogate"),
            (r"\08", 1, "octal"),
            (r"\ca", 1, r"\x{...}"),
            (r"\R", 1, r"\r\n"),
            (r"\N{DIGIT ONE}", 1, "itself"),
            (r"\X", 1, "characters"),
            (r"\Ga", 1, "leave it out"),
            (r"a\E", 2, r"\Q"),
            (r"\Qé.\E\b", 7, "word boundaries"),
            (r"\y", 1, "no such escape"),
            ("(?P<n>a)", 1, "(?<name>...)"),
            ("(?<n_1>a)", 1, "(?<name>...)"),
            ("(a", 1, "group"),
            ("a\0", 2, r"\x00"),
        ] {
            let error = Pattern::new(source, Folding::Exact).expect_err(source);
            assert_eq!(error.position, position, "{source}: {error}");
            assert!(error.problem.contains(word), "{source}: {error}");
        }
    }

    #[test]
    fn a_pattern_too_large_to_compile_is_refused() {
        let error = Pattern::new("((a{1000}){1000}){1000}", Folding::Exact).unwrap_err();
        assert!(error.problem.contains("cannot be compiled"), "{error}");
        let deep = format!("{}a{}", "(".repeat(200), ")".repeat(200));
        let error = Pattern::new(&deep, Folding::Exact).unwrap_err();
        assert!(error.problem.contains("nested"), "{error}");
    }

    /// Where matching goes back and tries again, each of these takes longer than the server will live.
    #[test]
    fn no_pattern_and_no_name_take_ages_to_match() {
        let name = "a".repeat(255) + "!";
        for text in [
            "(a+)+",
            "(a|a)+",
            "(a|aa)+",
            "(.*a){12}",
            "(a?){60}a{60}",
            "([a-z]+)*b",
            "((a+)+)+b",
        ] {
            assert!(!pattern(text).matches(&name), "{text}");
        }
    }

    #[test]
    fn matching_everything_is_noticed() {
        for everybody in [
            ".*",
            ".+",
            ".{1,}",
            ".{1,8}",
            "..+",
            "(?s).+",
            r"[^\n]+",
            r"[^\x00]*",
            r"\S+",
            "[ -~]+",
            "(?:a|.*)",
            "admin|.+",
        ] {
            assert!(pattern(everybody).matches_everything(), "{everybody}");
        }
        for some in ["admin_.*", "admin.+", ".*@corp", r"\d+", "[a-z]{4,}", "a|b"] {
            assert!(!pattern(some).matches_everything(), "{some}");
        }
    }

    #[test]
    fn groups_are_counted_as_in_java() {
        let source = pattern("(a){0}(?<n>b)(?:(c)|d)*(e)?");
        assert_eq!(source.group_count(), 4);
        let exact = |source: &Pattern| -> Vec<bool> {
            (1..=source.group_count())
                .map(|group| source.captures_as_in_java(group))
                .collect()
        };
        assert_eq!(exact(&source), [false, true, false, true]);
        assert_eq!(exact(&pattern("(a)(?:b+|c)*")), [true]);
        assert_eq!(exact(&pattern("(a)(?:b*|c)*")), [false]);
        assert_eq!(exact(&pattern("(a*)((b?)?)")), [true; 3]);
        let captures = source.captures("bce").unwrap();
        assert_eq!(&captures[2], "b");
        assert_eq!(&captures[4], "e");
        assert!(captures.get(1).is_none());
        let last = pattern("(a)((b){0}){2}");
        assert_eq!(last.group_count(), 3);
        let captures = last.captures("a").unwrap();
        assert!(captures.get(2).is_some_and(|found| found.is_empty()));
        assert!(captures.get(3).is_none());
    }

    /// Names that are the same to the engine are the same to its patterns, and no others are.
    #[test]
    fn patterns_ignore_case_as_names_do() {
        let folding = Folding::CaseInsensitive;
        let mut others: BTreeMap<char, BTreeSet<char>> = BTreeMap::new();
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let folded = folding.fold(&text).chars().next().unwrap();
            if folded != character {
                others.entry(folded).or_default().insert(character);
            }
        }
        let mut alone = set::range('\0', char::MAX);
        for (folded, characters) in &mut others {
            characters.insert(*folded);
            for character in characters.iter() {
                let mut set = set::range(*character, *character);
                alone.difference(&set);
                set.try_case_fold_simple().unwrap();
                let found: BTreeSet<char> = set
                    .iter()
                    .flat_map(|range| range.start()..=range.end())
                    .collect();
                assert_eq!(&found, characters, "{character:?}");
            }
        }
        assert!(others.len() > 1000);
        let unfolded = alone.clone();
        alone.try_case_fold_simple().unwrap();
        assert_eq!(alone, unfolded);
    }

    #[test]
    fn ignoring_case_for_names_holds_in_every_part_of_a_pattern() {
        let folded = |source| Pattern::new(source, Folding::CaseInsensitive).unwrap();
        assert!(folded("É").matches("é"));
        assert!(folded("(?-i)[É-Ï]").matches("é"));
        assert!(!folded("[^k]").matches("K"));
        assert!(!folded("[^k]").matches("\u{212a}"));
        assert!(
            !folded(r"\W").matches("\u{212a}"),
            "the name is the same as k"
        );
        assert!(!folded("i").matches("\u{131}"));
        assert!(!folded("i").matches("\u{130}"));
    }
}
