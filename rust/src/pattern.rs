//! Regular expressions that mean here what they mean in `java.util.regex`, matched against the whole
//! text.
//!
//! Operators wrote these patterns for a Java plugin. Rust's `regex` reads most of the same syntax but
//! gives some of it another meaning, mostly a wider one (`\w` takes all of Unicode), which would make
//! more people match. So the syntax tree is walked: what differs only in extent is rewritten to Java's
//! meaning, and what has no equal is refused with its position.
//! Java's meaning: <https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/regex/Pattern.html>

use std::ops::Range;

use regex::{Captures, Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};
use thiserror::Error;

use crate::name::Folding;

/// What `.` leaves out: Java's line terminators.
const JAVA_DOT: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";

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
        let translated = translate(source)?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
            .case_insensitive(folding == Folding::CaseInsensitive)
            .build()
            .map_err(|error| PatternError {
                position: 1,
                problem: format!("the pattern cannot be compiled: {error}"),
            })?;
        Ok(Pattern { regex })
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
        self.regex.captures_len() - 1
    }

    /// Whether the pattern matches everything, as far as two very different texts can tell.
    pub fn matches_everything(&self) -> bool {
        self.matches("") && self.matches("\u{2603}zq-7 canary")
    }
}

fn translate(source: &str) -> Result<String, PatternError> {
    let tree = ast::parse::ParserBuilder::new()
        .nest_limit(100)
        .build()
        .parse(source)
        .map_err(|error| PatternError {
            position: position(source, error.span().start.offset),
            problem: advise(error.kind()),
        })?;
    let edits = ast::visit(&tree, Translator::new(source))?;
    let mut translated = source.to_owned();
    for (range, replacement) in edits.into_iter().rev() {
        translated.replace_range(range, replacement);
    }
    Ok(translated)
}

fn position(source: &str, offset: usize) -> usize {
    source[..offset].chars().count() + 1
}

fn advise(kind: &ast::ErrorKind) -> String {
    match kind {
        ast::ErrorKind::UnsupportedLookAround => {
            "look-around is not supported; list the names or use a scope instead".to_owned()
        }
        ast::ErrorKind::UnsupportedBackreference => {
            "back-references are not supported; write out what the group matches".to_owned()
        }
        ast::ErrorKind::EscapeUnrecognized => {
            "this escape is not supported; write the characters that it stands for, each after a backslash where it is special".to_owned()
        }
        other => other.to_string(),
    }
}

type Edit = (Range<usize>, &'static str);

/// Walks the tree in the order of the text, collects what to rewrite, stops at what to refuse.
struct Translator<'s> {
    source: &'s str,
    edits: Vec<Edit>,
    group_depth: usize,
}

impl<'s> Translator<'s> {
    fn new(source: &'s str) -> Self {
        Translator {
            source,
            edits: Vec::new(),
            group_depth: 0,
        }
    }

    fn refuse(&self, span: &ast::Span, problem: &str) -> PatternError {
        PatternError {
            position: position(self.source, span.start.offset),
            problem: problem.to_owned(),
        }
    }

    fn rewrite(&mut self, span: &ast::Span, replacement: &'static str) {
        self.edits
            .push((span.start.offset..span.end.offset, replacement));
    }

    fn text(&self, span: &ast::Span) -> &'s str {
        &self.source[span.start.offset..span.end.offset]
    }

    fn literal(&self, literal: &ast::Literal) -> Result<(), PatternError> {
        use ast::{HexLiteralKind, LiteralKind, SpecialLiteralKind};
        match literal.kind {
            LiteralKind::HexFixed(HexLiteralKind::UnicodeLong)
            | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => {
                Err(self.refuse(&literal.span, r"this escape is not Java's; write \x{...}"))
            }
            LiteralKind::Special(SpecialLiteralKind::VerticalTab) => {
                Err(self.refuse(&literal.span, r"\v is a class in Java; write \x0B"))
            }
            _ => Ok(()),
        }
    }

    fn perl_class(&mut self, class: &ast::ClassPerl) {
        use ast::ClassPerlKind::{Digit, Space, Word};
        let replacement = match (&class.kind, class.negated) {
            (Digit, false) => "[0-9]",
            (Digit, true) => "[^0-9]",
            (Space, false) => r"[ \t\n\x0B\f\r]",
            (Space, true) => r"[^ \t\n\x0B\f\r]",
            (Word, false) => "[a-zA-Z0-9_]",
            (Word, true) => "[^a-zA-Z0-9_]",
        };
        self.rewrite(&class.span, replacement);
    }

    fn assertion(&self, assertion: &ast::Assertion) -> Result<(), PatternError> {
        use ast::AssertionKind::{EndLine, EndText, StartLine, StartText};
        match assertion.kind {
            StartLine | StartText | EndText => Ok(()),
            // Java's `$` also matches before a final line terminator. That is the same only where
            // nothing can follow.
            EndLine => {
                let rest = &self.source[assertion.span.end.offset..];
                let ends_pattern = rest.chars().all(|c| c == ')');
                let ends_alternative = self.group_depth == 0 && rest.starts_with('|');
                if ends_pattern || ends_alternative {
                    Ok(())
                } else {
                    Err(self.refuse(
                        &assertion.span,
                        "$ is supported at the end only; leave it out, the whole name is matched anyway",
                    ))
                }
            }
            _ => Err(self.refuse(
                &assertion.span,
                "word boundaries are not supported; write the characters that may stand there",
            )),
        }
    }

    fn repetition(&self, repetition: &ast::Repetition) -> Result<(), PatternError> {
        let span = &repetition.op.span;
        match repetition.ast.as_ref() {
            Ast::Repetition(_) => {
                return Err(self.refuse(
                    span,
                    "possessive or doubled quantifiers are not supported; use one quantifier, or a group",
                ));
            }
            Ast::Assertion(_) => {
                return Err(self.refuse(span, "a quantifier after ^ or $ means nothing; remove it"));
            }
            _ => {}
        }
        let operator = self.text(span);
        let counts = operator.strip_prefix('{');
        if counts.is_some_and(|counts| {
            !counts.starts_with(|c: char| c.is_ascii_digit())
                || !counts.chars().all(|c| "0123456789,}?".contains(c))
        }) {
            return Err(self.refuse(span, "write the quantifier as {2}, {2,} or {2,5}"));
        }
        Ok(())
    }

    fn group(&self, group: &ast::Group) -> Result<(), PatternError> {
        match &group.kind {
            ast::GroupKind::CaptureIndex(_) => Ok(()),
            ast::GroupKind::CaptureName {
                starts_with_p,
                name,
            } => {
                let java_name = name.name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.name.chars().all(|c| c.is_ascii_alphanumeric());
                if *starts_with_p || !java_name {
                    Err(self.refuse(
                        &group.span,
                        "Java writes a named group as (?<name>...), the name in ASCII letters and digits",
                    ))
                } else {
                    Ok(())
                }
            }
            ast::GroupKind::NonCapturing(flags) if flags.items.is_empty() => Ok(()),
            ast::GroupKind::NonCapturing(flags) => Err(self.refuse_flags(&flags.span)),
        }
    }

    fn refuse_flags(&self, span: &ast::Span) -> PatternError {
        self.refuse(
            span,
            "flags are not supported; write both cases out, as in [aA], or set immuta.impersonation.case-insensitive=true",
        )
    }

    fn bracketed(&self, class: &ast::ClassBracketed) -> Result<(), PatternError> {
        let ast::ClassSet::Item(item) = &class.kind else {
            return Ok(());
        };
        let single = [item.clone()];
        let items: &[ast::ClassSetItem] = match item {
            ast::ClassSetItem::Union(union) => &union.items,
            _ => &single,
        };
        for (index, item) in items.iter().enumerate() {
            let (first, last) = match item {
                ast::ClassSetItem::Literal(literal) => (literal, literal),
                ast::ClassSetItem::Range(range) => (&range.start, &range.end),
                _ => continue,
            };
            let bare = |literal: &ast::Literal, c| {
                literal.kind == ast::LiteralKind::Verbatim && literal.c == c
            };
            if bare(first, ']') || bare(last, ']') {
                return Err(self.refuse(&first.span, r"write ] inside brackets as \]"));
            }
            let at_edge = std::ptr::eq(first, last) && (index == 0 || index == items.len() - 1);
            if (bare(first, '-') || bare(last, '-')) && !at_edge {
                return Err(self.refuse(
                    &first.span,
                    r"write - inside brackets as \-, or put it last",
                ));
            }
        }
        Ok(())
    }
}

impl ast::Visitor for Translator<'_> {
    type Output = Vec<Edit>;
    type Err = PatternError;

    fn finish(self) -> Result<Vec<Edit>, PatternError> {
        Ok(self.edits)
    }

    fn visit_pre(&mut self, node: &Ast) -> Result<(), PatternError> {
        match node {
            Ast::Empty(span) => Err(self.refuse(
                span,
                "an empty alternative or group would match the empty name; remove it",
            )),
            Ast::Flags(flags) => Err(self.refuse_flags(&flags.span)),
            Ast::Literal(literal) => self.literal(literal),
            Ast::Dot(span) => {
                self.rewrite(span, JAVA_DOT);
                Ok(())
            }
            Ast::Assertion(assertion) => self.assertion(assertion),
            Ast::ClassUnicode(class) => Err(self.refuse(&class.span, UNICODE_CLASS)),
            Ast::ClassPerl(class) => {
                self.perl_class(class);
                Ok(())
            }
            Ast::ClassBracketed(class) => self.bracketed(class),
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => {
                self.group_depth += 1;
                self.group(group)
            }
            Ast::Alternation(_) | Ast::Concat(_) => Ok(()),
        }
    }

    fn visit_post(&mut self, node: &Ast) -> Result<(), PatternError> {
        if matches!(node, Ast::Group(_)) {
            self.group_depth -= 1;
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), PatternError> {
        use ast::ClassSetItem;
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal),
            ClassSetItem::Range(range) => {
                self.literal(&range.start)?;
                self.literal(&range.end)
            }
            ClassSetItem::Perl(class) => {
                self.perl_class(class);
                Ok(())
            }
            ClassSetItem::Unicode(class) => Err(self.refuse(&class.span, UNICODE_CLASS)),
            ClassSetItem::Ascii(class) => Err(self.refuse(
                &class.span,
                "[:name:] classes are not Java's; write ranges such as a-z",
            )),
            ClassSetItem::Bracketed(class) => Err(self.refuse(&class.span, CLASS_SETS)),
            ClassSetItem::Empty(_) | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        operation: &ast::ClassSetBinaryOp,
    ) -> Result<(), PatternError> {
        Err(self.refuse(&operation.span, CLASS_SETS))
    }
}

const UNICODE_CLASS: &str =
    r"\p classes are not supported; write ranges such as [a-z] or list the characters";
const CLASS_SETS: &str =
    "brackets within brackets and set operations are not supported; write one list of characters";

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source, Folding::Exact).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    #[test]
    fn the_whole_name_must_match() {
        assert!(pattern("admin").matches("admin"));
        assert!(!pattern("admin").matches("badminton"));
        assert!(
            !pattern("a|b").matches("ab"),
            "alternatives are anchored too"
        );
        assert!(pattern("^(?:a|b)$").matches("b"));
        assert!(!pattern("admin$").matches("admin\n"));
    }

    #[test]
    fn classes_are_javas_ascii_ones() {
        for (source, yes, no) in [
            (r"\d+", "12", "١٢"),
            (r"\w+", "az_9", "é"),
            (r"a\sb", "a b", "a\u{a0}b"),
            (r"[\w.-]+", "a.b-c", "ä"),
            (r"[^\W]+", "abc", "é"),
            (r"\D", "١", "1"),
        ] {
            assert!(pattern(source).matches(yes), "{source} {yes}");
            assert!(!pattern(source).matches(no), "{source} {no}");
        }
    }

    #[test]
    fn dot_leaves_out_javas_line_terminators() {
        for terminator in ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"] {
            assert!(!pattern("a.b").matches(&format!("a{terminator}b")));
        }
        assert!(
            pattern("a.b").matches("a😀b"),
            "one code point is one character"
        );
    }

    #[test]
    fn what_means_something_else_in_java_is_refused_with_its_position() {
        for (source, position, word) in [
            ("", 1, "empty"),
            ("a|", 3, "empty alternative"),
            ("a||b", 3, "empty alternative"),
            ("a()", 3, "empty alternative"),
            ("(?=a)b", 1, "look-around"),
            (r"(a)\1", 4, "back-references"),
            ("a++", 3, "possessive"),
            ("(?i)admin", 1, "flags"),
            ("(?i:admin)", 3, "flags"),
            ("(?x) a # comment", 1, "flags"),
            (r"\badmin", 1, "word boundaries"),
            (r"é\p{Alpha}", 2, r"\p classes"),
            (r"[\p{L}]", 2, r"\p classes"),
            ("[[:alpha:]]", 2, "[:name:]"),
            ("[a-z&&[^b]]", 2, "set operations"),
            ("[a[b]]", 3, "set operations"),
            ("[]a]", 2, r"\]"),
            ("[a-z-9]", 5, r"\-"),
            ("a$b", 2, "$"),
            ("(a$|b)c", 3, "$"),
            ("a{,3}", 3, "quantifier"),
            (r"\v", 1, r"\x0B"),
            (r"\u{61}", 1, r"\x{...}"),
            (r"\Qa\E", 1, "escape"),
            ("(?P<n>a)", 1, "(?<name>...)"),
            ("(a", 1, "group"),
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
    }

    #[test]
    fn matching_everything_is_noticed() {
        assert!(pattern(".*").matches_everything());
        assert!(pattern("(?:a|.*)").matches_everything());
        assert!(!pattern("admin_.*").matches_everything());
    }
}
