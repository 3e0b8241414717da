//! Finds the few scopes of many that can match a subject.
//!
//! A tree. Each of its nodes asks for one aspect of the subject, such as how the target's name begins, and
//! leads to the scopes whose patterns have that literal, and to those that do not care. Which aspect a
//! node asks for, the scopes below it tell: the one that leaves the fewest of them. Where many scopes are left that
//! no literal tells apart, their patterns for one part of the subject are matched in one walk. The index decides
//! nothing: what it finds is tried.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::slice;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{NewUser, Scope, Subject};
use crate::pattern::{FORM, Literal, Literals, Many, Pattern};

/// As many scopes are tried as fast as told apart.
const FEW: usize = 4;
/// So many patterns are worth an automaton for all of them, which takes memory.
const MANY: usize = 16;
/// How many patterns all automata may have for each scope. A scope may be below several literals.
const PATTERNS_PER_SCOPE: usize = 2;
/// How many numbers the index may have for each literal of the scopes. A scope is below each of its
/// literals, and below each pair of them where two aspects are asked for.
const NUMBERS_PER_LITERAL: usize = 4;

/// Finds the numbers of scopes.
#[derive(Debug)]
pub struct Index {
    root: Node,
}

#[derive(Debug)]
enum Node {
    /// The scopes of these numbers, in order.
    Scopes(Box<[u32]>),
    Split(Box<Split>),
    Patterns(Box<Patterns>),
}

/// Tells scopes apart by the literals of one aspect.
#[derive(Debug)]
struct Split {
    aspect: Aspect,
    whole: ByLiteral,
    part: ByLiteral,
    /// The lengths of the literals in `part`, in bytes, ascending.
    lengths: Box<[usize]>,
    /// The scopes that do not care.
    others: Node,
}

/// Tells scopes apart by what matches their patterns for one part.
#[derive(Debug)]
struct Patterns {
    part: Part,
    patterns: Many,
    /// The scopes of each pattern.
    scopes: Box<[Box<[u32]>]>,
    /// The scopes that do not care.
    others: Box<[u32]>,
}

type ByLiteral = HashMap<Box<[u8]>, Node, RandomState>;

/// A text of the subject and where in it a literal is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Aspect {
    part: Part,
    place: Place,
}

/// What a pattern of a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Impersonator,
    ImpersonatorGroup,
    Target,
    TargetGroup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    End,
    Within,
}

const PARTS: [Part; 4] = [
    Part::Target,
    Part::Impersonator,
    Part::TargetGroup,
    Part::ImpersonatorGroup,
];

impl Part {
    /// The pattern that a scope has for it, unless it is a template.
    fn pattern(self, scope: &Scope) -> Option<&Arc<Pattern>> {
        match self {
            Part::Impersonator => scope.original_user.as_ref(),
            Part::ImpersonatorGroup => scope.original_group.as_ref(),
            Part::TargetGroup => scope.new_group.as_ref(),
            Part::Target => match &scope.new_user {
                Some(NewUser::Fixed(pattern)) => Some(pattern),
                Some(NewUser::Template(_)) | None => None,
            },
        }
    }

    fn texts<'s>(self, subject: &'s Subject<'_>) -> &'s [&'s str] {
        match self {
            Part::Impersonator => slice::from_ref(&subject.impersonator),
            Part::ImpersonatorGroup => subject.impersonator_groups,
            Part::Target => slice::from_ref(&subject.target),
            Part::TargetGroup => subject.target_groups,
        }
    }
}

const ASPECTS: [Aspect; 12] = {
    const fn aspect(part: Part, place: Place) -> Aspect {
        Aspect { part, place }
    }
    [
        aspect(Part::Impersonator, Place::Start),
        aspect(Part::Target, Place::Start),
        aspect(Part::ImpersonatorGroup, Place::Start),
        aspect(Part::TargetGroup, Place::Start),
        aspect(Part::Impersonator, Place::End),
        aspect(Part::Target, Place::End),
        aspect(Part::ImpersonatorGroup, Place::End),
        aspect(Part::TargetGroup, Place::End),
        aspect(Part::Impersonator, Place::Within),
        aspect(Part::Target, Place::Within),
        aspect(Part::ImpersonatorGroup, Place::Within),
        aspect(Part::TargetGroup, Place::Within),
    ]
};

impl Default for Index {
    fn default() -> Self {
        Index::new(&[])
    }
}

impl Index {
    /// Indexes scopes by their places in this list.
    pub fn new(scopes: &[Scope]) -> Self {
        let literals: Vec<ScopeLiterals> = scopes.iter().map(ScopeLiterals::of).collect();
        let numbers = (0..).take(scopes.len()).collect();
        let mut planter = Planter {
            scopes,
            literals: &literals,
            room: NUMBERS_PER_LITERAL * literals.iter().map(ScopeLiterals::count).sum::<usize>(),
            pattern_room: PATTERNS_PER_SCOPE * scopes.len(),
        };
        Index {
            root: planter.node(numbers, &ASPECTS),
        }
    }

    /// The numbers of the scopes that can match, in order, each once.
    pub fn find(&self, subject: &Subject<'_>) -> Found<'_> {
        let mut lists = Vec::new();
        self.root.find(&Texts::of(subject), &mut lists);
        Found {
            lists: lists.into(),
            last: None,
        }
    }
}

impl Node {
    fn find<'i>(&'i self, texts: &Texts<'_>, lists: &mut Vec<Reverse<&'i [u32]>>) {
        match self {
            Node::Scopes(numbers) => push(numbers, lists),
            Node::Patterns(patterns) => patterns.find(texts.subject, lists),
            Node::Split(split) => {
                split.others.find(texts, lists);
                texts.each(split.aspect.part, |text| {
                    split.each(text.as_bytes(), |node| node.find(texts, lists));
                });
            }
        }
    }
}

/// Lists in [`Found`] are not empty.
fn push<'i>(numbers: &'i [u32], lists: &mut Vec<Reverse<&'i [u32]>>) {
    if !numbers.is_empty() {
        lists.push(Reverse(numbers));
    }
}

impl Patterns {
    fn find<'i>(&'i self, subject: &Subject<'_>, lists: &mut Vec<Reverse<&'i [u32]>>) {
        push(&self.others, lists);
        for text in self.part.texts(subject) {
            match self.patterns.find(text) {
                Some(found) => found
                    .into_iter()
                    .for_each(|pattern| push(&self.scopes[pattern], lists)),
                None => self.scopes.iter().for_each(|numbers| push(numbers, lists)),
            }
        }
    }
}

impl Split {
    /// What lies below the literals that this text has.
    fn each<'i>(&'i self, text: &[u8], mut action: impl FnMut(&'i Node)) {
        self.whole.get(text).into_iter().for_each(&mut action);
        for length in &self.lengths {
            let Some(last) = text.len().checked_sub(*length) else {
                break;
            };
            let places = match self.aspect.place {
                Place::Start => 0..=0,
                Place::End => last..=last,
                Place::Within => 0..=last,
            };
            for place in places {
                if let Some(node) = self.part.get(&text[place..place + length]) {
                    action(node);
                }
            }
        }
    }
}

/// The texts of a subject in the form in which literals are found.
struct Texts<'a> {
    subject: &'a Subject<'a>,
    impersonator: Cow<'a, str>,
    target: Cow<'a, str>,
    impersonator_groups: OnceCell<Vec<Cow<'a, str>>>,
    target_groups: OnceCell<Vec<Cow<'a, str>>>,
}

impl<'a> Texts<'a> {
    fn of(subject: &'a Subject<'a>) -> Self {
        Texts {
            subject,
            impersonator: FORM.fold(subject.impersonator),
            target: FORM.fold(subject.target),
            impersonator_groups: OnceCell::new(),
            target_groups: OnceCell::new(),
        }
    }

    fn each(&self, part: Part, mut action: impl FnMut(&str)) {
        let folded = |groups: &[&'a str]| groups.iter().map(|group| FORM.fold(group)).collect();
        let groups = match part {
            Part::Impersonator => return action(&self.impersonator),
            Part::Target => return action(&self.target),
            Part::ImpersonatorGroup => self
                .impersonator_groups
                .get_or_init(|| folded(self.subject.impersonator_groups)),
            Part::TargetGroup => self
                .target_groups
                .get_or_init(|| folded(self.subject.target_groups)),
        };
        groups.iter().for_each(|group| action(group));
    }
}

/// The numbers in several lists, merged as far as they are wanted.
pub struct Found<'i> {
    /// The list with the least number is on top. None is empty.
    lists: BinaryHeap<Reverse<&'i [u32]>>,
    last: Option<u32>,
}

impl Iterator for Found<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let mut top = self.lists.peek_mut()?;
            let (first, rest) = top.0.split_first()?;
            if rest.is_empty() {
                PeekMut::pop(top);
            } else {
                top.0 = rest;
            }
            if self.last.replace(*first) != Some(*first) {
                return Some(*first as usize);
            }
        }
    }
}

/// What a subject must have to match a scope, by part.
#[derive(Default)]
struct ScopeLiterals {
    impersonator: Literals,
    impersonator_group: Literals,
    target: Literals,
    target_group: Literals,
}

impl ScopeLiterals {
    fn of(scope: &Scope) -> Self {
        let literals = |part: Part| {
            let literals = part.pattern(scope).map(|pattern| pattern.literals());
            literals.unwrap_or_default()
        };
        ScopeLiterals {
            impersonator: literals(Part::Impersonator),
            impersonator_group: literals(Part::ImpersonatorGroup),
            target: match &scope.new_user {
                Some(NewUser::Template(template)) => template.literals(),
                Some(NewUser::Fixed(_)) | None => literals(Part::Target),
            },
            target_group: literals(Part::TargetGroup),
        }
    }

    fn count(&self) -> usize {
        let each = ASPECTS.iter().filter_map(|aspect| self.get(*aspect));
        each.map(<[Literal]>::len).sum()
    }

    fn get(&self, aspect: Aspect) -> Option<&[Literal]> {
        let literals = match aspect.part {
            Part::Impersonator => &self.impersonator,
            Part::ImpersonatorGroup => &self.impersonator_group,
            Part::Target => &self.target,
            Part::TargetGroup => &self.target_group,
        };
        match aspect.place {
            Place::Start => literals.start.as_deref(),
            Place::End => literals.end.as_deref(),
            Place::Within => literals.within.as_deref(),
        }
    }
}

/// Grows the tree.
struct Planter<'l> {
    scopes: &'l [Scope],
    literals: &'l [ScopeLiterals],
    /// How many more numbers the index may have than there are scopes.
    room: usize,
    /// How many more patterns its automata may have.
    pattern_room: usize,
}

impl<'l> Planter<'l> {
    /// A node for the scopes of these numbers, which asks for one of these aspects.
    fn node(&mut self, numbers: Vec<u32>, aspects: &[Aspect]) -> Node {
        let all = numbers.len();
        if all <= FEW {
            return Node::Scopes(numbers.into());
        }
        let best = aspects
            .iter()
            .map(|aspect| self.sorted(*aspect, &numbers))
            .filter(|sorted| sorted.cost() < all && sorted.more_than(all) <= self.room)
            .min_by_key(Sorted::cost);
        let Some(sorted) = best else {
            return self.leaf(numbers);
        };
        self.room -= sorted.more_than(all);
        let aspect = sorted.aspect;
        let aspects: Vec<Aspect> = aspects.iter().copied().filter(|a| *a != aspect).collect();
        let mut split = Split {
            aspect,
            whole: ByLiteral::default(),
            part: ByLiteral::default(),
            lengths: sorted.lengths(),
            others: self.node(sorted.others, &aspects),
        };
        for (literal, numbers) in sorted.by_literal {
            let node = self.node(numbers, &aspects);
            match literal {
                Literal::Whole(bytes) => split.whole.insert(bytes.clone(), node),
                Literal::Part(bytes) => split.part.insert(bytes.clone(), node),
            };
        }
        Node::Split(Box::new(split))
    }

    /// A node for scopes that no literal tells apart.
    fn leaf(&mut self, numbers: Vec<u32>) -> Node {
        let by_pattern = PARTS.map(|part| self.by_pattern(part, &numbers));
        let best = by_pattern
            .into_iter()
            .filter(|sorted| (MANY..=self.pattern_room).contains(&sorted.scopes.len()))
            .min_by_key(ByPattern::cost);
        let patterns = best.and_then(|sorted| {
            self.pattern_room -= sorted.scopes.len();
            let compiled = sorted.scopes.iter().map(|(pattern, _)| &***pattern);
            Some(Patterns {
                part: sorted.part,
                patterns: Many::new(compiled)?,
                scopes: sorted
                    .scopes
                    .into_iter()
                    .map(|(_, numbers)| numbers.into())
                    .collect(),
                others: sorted.others.into(),
            })
        });
        match patterns {
            Some(patterns) => Node::Patterns(Box::new(patterns)),
            None => Node::Scopes(numbers.into()),
        }
    }

    fn by_pattern(&self, part: Part, numbers: &[u32]) -> ByPattern<'l> {
        let mut places = HashMap::new();
        let mut sorted = ByPattern {
            part,
            scopes: Vec::new(),
            others: Vec::new(),
        };
        for number in numbers {
            match part.pattern(&self.scopes[*number as usize]) {
                None => sorted.others.push(*number),
                Some(pattern) => {
                    let place = *places.entry(Arc::as_ptr(pattern)).or_insert_with(|| {
                        sorted.scopes.push((pattern, Vec::new()));
                        sorted.scopes.len() - 1
                    });
                    sorted.scopes[place].1.push(*number);
                }
            }
        }
        sorted
    }

    fn sorted(&self, aspect: Aspect, numbers: &[u32]) -> Sorted<'l> {
        let mut sorted = Sorted {
            aspect,
            by_literal: BTreeMap::new(),
            others: Vec::new(),
        };
        for number in numbers {
            match self.literals[*number as usize].get(aspect) {
                None => sorted.others.push(*number),
                Some(literals) => {
                    for literal in literals {
                        sorted.by_literal.entry(literal).or_default().push(*number);
                    }
                }
            }
        }
        sorted
    }
}

/// Scopes by their patterns for one part, each different pattern once.
struct ByPattern<'l> {
    part: Part,
    scopes: Vec<(&'l Arc<Pattern>, Vec<u32>)>,
    others: Vec<u32>,
}

impl ByPattern<'_> {
    /// How many scopes are tried for a subject that matches a pattern of these, on the average.
    fn cost(&self) -> usize {
        self.others.len() + expected(self.scopes.iter().map(|(_, numbers)| numbers.len()))
    }
}

/// How many there are in the group of one of them, on the average.
fn expected(groups: impl Iterator<Item = usize> + Clone) -> usize {
    let sum: usize = groups.clone().sum();
    let squares: usize = groups.map(|count| count * count).sum();
    squares.div_ceil(sum.max(1))
}

/// Scopes by the literals of one aspect.
struct Sorted<'l> {
    aspect: Aspect,
    by_literal: BTreeMap<&'l Literal, Vec<u32>>,
    others: Vec<u32>,
}

impl Sorted<'_> {
    /// What a subject that has a literal of these scopes costs on the average, as many times as a scope
    /// that is tried.
    fn cost(&self) -> usize {
        let lengths = self.lengths().len();
        let looking = match self.aspect.place {
            Place::Start | Place::End => lengths / 8,
            // Each length is looked for at each place of a name.
            Place::Within => lengths * 3,
        };
        self.others.len() + expected(self.by_literal.values().map(Vec::len)) + looking
    }

    /// How many more numbers there are than this.
    fn more_than(&self, all: usize) -> usize {
        let sum: usize = self.by_literal.values().map(Vec::len).sum();
        (sum + self.others.len()).saturating_sub(all)
    }

    fn lengths(&self) -> Box<[usize]> {
        let mut lengths: Vec<usize> = self
            .by_literal
            .keys()
            .filter_map(|literal| match literal {
                Literal::Whole(_) => None,
                Literal::Part(bytes) => Some(bytes.len()),
            })
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::name::Folding;
    use crate::pattern::Shared;

    fn scopes(entries: impl IntoIterator<Item = serde_json::Value>) -> Vec<Scope> {
        let mut shared = Shared::default();
        let scope = |entry| {
            let entry = serde_json::from_value(entry).unwrap();
            Scope::new(&entry, Folding::Exact, &mut shared).unwrap()
        };
        entries.into_iter().map(scope).collect()
    }

    fn found(scopes: &[Scope], subject: &Subject<'_>) -> Vec<usize> {
        Index::new(scopes).find(subject).collect()
    }

    #[test]
    fn of_many_scopes_the_few_that_can_match_are_found() {
        type Entry = fn(usize) -> serde_json::Value;
        let kinds: [Entry; 15] = [
            |n| json!({"original_user": format!("svc_{n}"), "new_user": ".*"}),
            |n| json!({"original_user": "svc_.*", "new_user": format!("p{n}_x")}),
            |n| json!({"original_user": "svc_.*", "new_user": format!("p{n}_.*")}),
            |n| json!({"original_user": "svc_.*", "new_user": format!("p.*_{n}_x")}),
            |n| json!({"original_user": "svc_.*", "new_user": format!("(?i)P[0-9]+_{n}_.")}),
            |n| json!({"original_user": "svc_(.*)", "new_user": format!("p{n}_.*$1?")}),
            |n| json!({"original_user": "(.*)_.*", "new_user": format!("$1_{n}_x")}),
            |n| json!({"original_group": format!("own{n}"), "new_user": ".*"}),
            |n| json!({"original_group": "own.*", "new_group": format!(".*_{n}")}),
            |n| json!({"original_user": format!("svc_{n}|app_{n}"), "new_group": "its.*"}),
            // Neither of the two alone tells them apart.
            |n| {
                json!({"original_user": format!("svc_{}", n / 8),
                                   "new_user": format!("p{}_.*", n % 8)})
            },
            // No literal does.
            |n| json!({"original_user": "svc_.*", "new_user": format!(".{{{}}}", n + 1)}),
            |n| json!({"original_user": format!("(.{{{}}})", n + 1), "new_user": "$1|.*"}),
            |n| json!({"original_group": format!(".{{{}}}", n + 1), "new_user": "p.*"}),
            |n| json!({"new_group": format!("[a-z_7]{{{}}}", n + 1)}),
        ];
        for (kind, entry) in kinds.into_iter().enumerate() {
            let scopes = scopes((0..64).map(entry));
            let subject = Subject {
                impersonator: "svc_7",
                impersonator_groups: &["else", "own7"],
                target: "p7_7_x",
                target_groups: &["else", "its_7"],
            };
            let found = found(&scopes, &subject);
            assert!(found.len() <= FEW + 1, "kind {kind}: {found:?}");
        }
    }

    #[test]
    fn what_is_found_is_in_order_and_there_once() {
        let mut entries: Vec<_> = (0..20)
            .map(|n| json!({"new_user": format!("x{n}.*")}))
            .collect();
        for patterns in [
            "a.*",
            "ab.*|a.*|abc",
            ".*",
            "abc",
            "a.*",
            "(?:a|ab).*",
            "ab.*",
        ] {
            entries.push(json!({"new_user": patterns}));
        }
        let subject = Subject {
            impersonator: "svc",
            impersonator_groups: &[],
            target: "abc",
            target_groups: &[],
        };
        assert_eq!(
            found(&scopes(entries), &subject),
            [20, 21, 22, 23, 24, 25, 26]
        );
    }

    #[test]
    fn pairs_of_many_names_do_not_fill_the_memory() {
        let names = |kind: &str, n: usize| -> String {
            let names: Vec<String> = (0..40).map(|k| format!("{kind}{}", (n + k) % 60)).collect();
            names.join("|")
        };
        let scopes = scopes(
            (0..60).map(|n| json!({"original_user": names("svc", n), "new_user": names("p", n)})),
        );
        let (found, most) = (
            numbers(&Index::new(&scopes).root),
            60 * (1 + 6 * 40 * NUMBERS_PER_LITERAL),
        );
        assert!(found > 60 * 40, "{found}");
        assert!(found <= most, "{found} of at most {most}");
    }

    fn numbers(node: &Node) -> usize {
        match node {
            Node::Scopes(numbers) => numbers.len(),
            Node::Patterns(patterns) => {
                let by_pattern = patterns.scopes.iter().map(|numbers| numbers.len());
                by_pattern.sum::<usize>() + patterns.others.len()
            }
            Node::Split(split) => {
                let below = split.whole.values().chain(split.part.values());
                below.map(numbers).sum::<usize>() + numbers(&split.others)
            }
        }
    }
}
