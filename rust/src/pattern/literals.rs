//! What a text must be, begin with, end with or contain to match a pattern, as far as the pattern's syntax tree tells.
//!
//! It serves to leave out patterns that cannot match. A text that matches always has one of the literals;
//! a text that has one may still not match.

use std::cmp::Reverse;

use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Dot, Hir, HirKind, Repetition};

use crate::name::Folding;

/// The longest literal, in bytes. No name is longer.
const LONGEST: usize = crate::name::MAX_BYTES;
/// How many characters a class may have for each to become a literal of its own.
const LARGEST_CLASS: usize = 10;
/// How many literals even a short pattern may have.
const FEW: usize = 16;

/// How many parts of a pattern one after the other are looked at for what a match contains.
const NEIGHBOURS: usize = 8;

/// Something that the folded form of a text has if it matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Literal {
    /// The text is this.
    Whole(Box<[u8]>),
    /// The text has this at its start, at its end or anywhere, whichever was asked for.
    Part(Box<[u8]>),
}

impl Literal {
    fn bytes(&self) -> &[u8] {
        match self {
            Literal::Whole(bytes) | Literal::Part(bytes) => bytes,
        }
    }
}

/// The literals of a pattern. Each set is in order, without repetitions; there is none where a match may
/// have anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Literals {
    /// One of these is at the start.
    pub start: Option<Vec<Literal>>,
    /// One of these is at the end.
    pub end: Option<Vec<Literal>>,
    /// One of these is somewhere.
    pub within: Option<Vec<Literal>>,
}

/// The form of a text in which its literals are found. It is folded wherever the text comes from, since a
/// pattern may ignore case by itself.
pub const FORM: Folding = Folding::CaseInsensitive;

/// The literals of a pattern for `regex` that is to match a whole text.
pub fn literals(pattern: &str) -> Literals {
    let Ok(tree) = regex_syntax::parse(pattern) else {
        return Literals::default();
    };
    let tree = folded(&tree);
    // As many as an alternation of names has; not as many as all the turns of a repetition could have.
    let most = FEW + pattern.len() / 4;
    Literals {
        start: literals_of(&extractor(ExtractKind::Prefix, most).extract(&tree)),
        end: literals_of(&extractor(ExtractKind::Suffix, most).extract(&tree)),
        within: within(&tree, most),
    }
}

fn extractor(kind: ExtractKind, most: usize) -> Extractor {
    let mut extractor = Extractor::new();
    extractor
        .kind(kind)
        .limit_class(LARGEST_CLASS)
        .limit_literal_len(LONGEST)
        .limit_total(most);
    extractor
}

/// What a match has somewhere: what any part of the pattern begins with.
fn within(tree: &Hir, most: usize) -> Option<Vec<Literal>> {
    let extractor = extractor(ExtractKind::Prefix, most);
    let start = |tree: &Hir| -> Option<Vec<Literal>> {
        let literals = extractor.extract(tree);
        let parts = literals
            .literals()?
            .iter()
            .map(|literal| literal.as_bytes());
        let parts: Vec<Literal> = parts.map(|bytes| Literal::Part(bytes.into())).collect();
        (!parts.contains(&Literal::Part([].into()))).then_some(parts)
    };
    let mut found = match tree.kind() {
        HirKind::Concat(parts) => (0..parts.len())
            .map(|first| parts[first..].iter().take(NEIGHBOURS).cloned().collect())
            .filter_map(|neighbours| start(&Hir::concat(neighbours)))
            .max_by_key(|literals| {
                let shortest = literals.iter().map(|literal| literal.bytes().len()).min();
                (shortest, Reverse(literals.len()))
            })?,
        HirKind::Alternation(alternatives) => {
            let each = alternatives.iter().map(|tree| within(tree, most));
            each.collect::<Option<Vec<_>>>()?.concat()
        }
        _ => start(tree)?,
    };
    found.sort_unstable();
    found.dedup();
    (found.len() <= most).then_some(found)
}

fn literals_of(sequence: &Seq) -> Option<Vec<Literal>> {
    let mut literals = Vec::new();
    for literal in sequence.literals()? {
        let bytes = literal.as_bytes().into();
        literals.push(if literal.is_exact() {
            Literal::Whole(bytes)
        } else if literal.is_empty() {
            return None;
        } else {
            Literal::Part(bytes)
        });
    }
    literals.sort_unstable();
    literals.dedup();
    Some(literals)
}

/// A tree that matches the folded form of whatever this one matches, and maybe more.
fn folded(tree: &Hir) -> Hir {
    let all = |trees: &[Hir]| trees.iter().map(folded).collect();
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::literal(FORM.fold(text).as_bytes()),
            Err(_) => any_text(),
        },
        HirKind::Class(Class::Unicode(class)) => folded_class(class),
        HirKind::Class(Class::Bytes(_)) => any_text(),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(folded(&repetition.sub)),
            ..*repetition
        }),
        HirKind::Capture(capture) => folded(&capture.sub),
        HirKind::Concat(trees) => Hir::concat(all(trees)),
        HirKind::Alternation(trees) => Hir::alternation(all(trees)),
    }
}

fn folded_class(class: &ClassUnicode) -> Hir {
    // No character is the folded form of so many that a larger class could end up small enough.
    if class.iter().map(ClassUnicodeRange::len).sum::<usize>() > 4 * LARGEST_CLASS {
        return Hir::dot(Dot::AnyChar);
    }
    let characters: String = class
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .collect();
    let folded = FORM.fold(&characters);
    let ranges = folded.chars().map(|c| ClassUnicodeRange::new(c, c));
    Hir::class(Class::Unicode(ClassUnicode::new(ranges)))
}

fn any_text() -> Hir {
    Hir::repetition(Repetition {
        min: 0,
        max: None,
        greedy: true,
        sub: Box::new(Hir::dot(Dot::AnyChar)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    fn shown(literals: Option<Vec<Literal>>) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Some(literals) = literals else {
            return vec!["anything".to_owned()];
        };
        literals
            .iter()
            .map(|literal| match literal {
                Literal::Whole(bytes) => text(bytes),
                Literal::Part(bytes) => format!("{}~", text(bytes)),
            })
            .collect()
    }

    #[test]
    fn a_match_has_one_of_the_literals() {
        for (source, start, end) in [
            ("alice", &["alice"][..], &["alice"][..]),
            ("svc_.*", &["svc_~"], &["anything"]),
            (".*_prod", &["anything"], &["_prod~"]),
            ("a.*b", &["a~"], &["b~"]),
            ("alice|bob", &["alice", "bob"], &["alice", "bob"]),
            ("alice|svc_.*", &["alice", "svc_~"], &["anything"]),
            ("alice|.*", &["anything"], &["anything"]),
            (
                "(svc|app)_x?",
                &["app_", "app_x", "svc_", "svc_x"],
                &["app_", "app_x", "svc_", "svc_x"],
            ),
            ("a*b", &["b", "a~"], &["b", "ab~"]),
            ("a{3}", &["aaa"], &["aaa"]),
            ("a{12}", &["aaaaaaaaaa~"], &["aaaaaaaaaa~"]),
            ("(ab)+", &["ab~"], &["ab~"]),
            (".*", &["anything"], &["anything"]),
            (".", &["anything"], &["anything"]),
            ("a.c", &["a~"], &["c~"]),
            (r"a\.c", &["a.c"], &["a.c"]),
            ("a[.]c", &["a.c"], &["a.c"]),
            (r"\Qa.c\E.*", &["a.c~"], &["anything"]),
            ("^a$", &["a"], &["a"]),
            (r"^a|\Ab.*", &["a", "b~"], &["anything"]),
            (
                "p[0-3]",
                &["p0", "p1", "p2", "p3"],
                &["p0", "p1", "p2", "p3"],
            ),
            ("p[a-z]", &["p~"], &["anything"]),
            ("p[^a]", &["p~"], &["anything"]),
            (
                r"p\d",
                &["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"],
                &["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"],
            ),
            (
                r"p\d\d",
                &[
                    "p0~", "p1~", "p2~", "p3~", "p4~", "p5~", "p6~", "p7~", "p8~", "p9~",
                ],
                &["0~", "1~", "2~", "3~", "4~", "5~", "6~", "7~", "8~", "9~"],
            ),
            ("[a&&b]", &["anything"], &["anything"]),
            ("Alice", &["alice"], &["alice"]),
            ("(?i)alice", &["alice"], &["alice"]),
            ("al(?i)I(?-i)ce", &["alice"], &["alice"]),
            ("(?i)\u{212a}x", &["kx"], &["kx"]),
            ("É\u{17f}", &["és"], &["és"]),
        ] {
            for folding in [Folding::Exact, Folding::CaseInsensitive] {
                let literals = Pattern::new(source, folding).unwrap().literals();
                assert_eq!(
                    shown(literals.start),
                    start,
                    "start of {source}, {folding:?}"
                );
                assert_eq!(shown(literals.end), end, "end of {source}, {folding:?}");
            }
        }
    }

    #[test]
    fn a_match_contains_one_of_the_literals() {
        for (source, within) in [
            ("alice", &["alice~"][..]),
            (".*_prod_.*", &["_prod_~"]),
            ("[a-z]+_team7_.*", &["_team7_~"]),
            ("a.*bcd.*ef", &["bcd~"]),
            (".*(?i)-EU-[a-z]+", &["-eu-~"]),
            (".*-(eu|us)-.*", &["-eu-~", "-us-~"]),
            (".*-a-.*|.*-b-.*", &["-a-~", "-b-~"]),
            ("(?:.*-a-.*)", &["-a-~"]),
            (".*-a-.*|.*", &["anything"]),
            (".*(?:-a-)?.*", &["anything"]),
            (".*(?:-a-)+.*", &["-a-~"]),
            ("[a-z]+[0-9]*", &["anything"]),
            (".*\u{212a}.*", &["k~"]),
        ] {
            for folding in [Folding::Exact, Folding::CaseInsensitive] {
                let literals = Pattern::new(source, folding).unwrap().literals();
                assert_eq!(shown(literals.within), within, "{source}, {folding:?}");
            }
        }
    }

    #[test]
    fn a_long_name_is_one_literal_also_where_case_does_not_count() {
        let name = "svc_kilimanjaro_billing_reader@corp.example".repeat(5);
        let source = format!("(?i){}", regex::escape(&name));
        for folding in [Folding::Exact, Folding::CaseInsensitive] {
            let literals = Pattern::new(&source, folding).unwrap().literals();
            assert_eq!(shown(literals.start), [name.as_str()]);
        }
    }

    #[test]
    fn an_alternation_of_names_has_them_all() {
        let names: Vec<String> = (0..1000).map(|number| format!("svc_{number:03}")).collect();
        let literals = Pattern::new(&names.join("|"), Folding::Exact)
            .unwrap()
            .literals();
        assert_eq!(shown(literals.end), names);
    }

    #[test]
    fn a_short_pattern_has_few_literals() {
        for source in [
            "[0-9]{8}",
            "(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d)",
            "(?:[ab]{9}){9}",
        ] {
            let literals = Pattern::new(source, Folding::Exact).unwrap().literals();
            for literals in [literals.start, literals.end, literals.within] {
                let count = literals.map_or(0, |literals| literals.len());
                assert!(count <= 32, "{source}: {count}");
            }
        }
    }
}
