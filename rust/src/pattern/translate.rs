//! Walks the syntax tree of a pattern written for Java and writes one that means the same to `regex`,
//! or stops at what has no equal.
//!
//! Nothing of the original is copied but quantifiers: each set of characters is computed here and
//! written out, so that no class, flag or operator is left for `regex` to give its own meaning.

use regex_syntax::ast::{self, Ast};
use regex_syntax::hir::{Class, ClassUnicode, Hir};

use super::PatternError;
use super::advice;
use super::set;
use super::spelling::Respelled;
use crate::name::Folding;

/// The deepest that groups and brackets may be nested.
const NEST_LIMIT: u32 = 100;

/// A pattern for `regex`.
pub struct Translation {
    /// The pattern.
    pub text: String,
    /// For each capturing group, the first first, whether it captures the same text as in Java.
    pub exact_groups: Vec<bool>,
    /// Where a dot stands for one character of any kind, in characters, counted from 1.
    pub single_dots: Vec<usize>,
}

/// Translates a pattern written for Java.
pub fn translate(source: &str, folding: Folding) -> Result<Translation, PatternError> {
    let respelled = Respelled::new(source);
    let mut translator = Translator {
        source,
        respelled: &respelled,
        folding,
        flags: Flags::default(),
        at_end: true,
        repetition_depth: 0,
        repeated_groups: Vec::new(),
        has_empty_turns: false,
        single_dots: Vec::new(),
        out: String::new(),
    };
    if let Some(offset) = source.find('\0') {
        return Err(translator.refuse_at(offset, advice::NUL));
    }
    let tree = ast::parse::ParserBuilder::new()
        .nest_limit(NEST_LIMIT)
        .build()
        .parse(&respelled.text)
        .map_err(|error| {
            let offset = respelled.origin(error.span().start.offset);
            translator.refuse_at(offset, &advice::unreadable(error.kind(), &source[offset..]))
        })?;
    translator.alternative(&tree)?;
    let exact = |repeated: bool| !repeated && !translator.has_empty_turns;
    Ok(Translation {
        exact_groups: translator.repeated_groups.into_iter().map(exact).collect(),
        single_dots: translator.single_dots,
        text: translator.out,
    })
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    dot_all: bool,
}

struct Translator<'s> {
    source: &'s str,
    respelled: &'s Respelled,
    folding: Folding,
    flags: Flags,
    /// Whether nothing can follow the part that is being translated.
    at_end: bool,
    repetition_depth: usize,
    repeated_groups: Vec<bool>,
    /// Whether a repetition repeats what can match the empty text. Java and `regex` then may give its
    /// turns, and so the groups around and after it, different parts of the same text.
    has_empty_turns: bool,
    single_dots: Vec<usize>,
    out: String,
}

type Translated = Result<(), PatternError>;

impl Translator<'_> {
    /// In characters, counted from 1.
    fn position(&self, offset: usize) -> usize {
        self.source[..offset].chars().count() + 1
    }

    fn refuse_at(&self, offset: usize, problem: &str) -> PatternError {
        PatternError {
            position: self.position(offset),
            problem: problem.to_owned(),
        }
    }

    fn refuse(&self, span: &ast::Span, problem: &str) -> PatternError {
        self.refuse_at(self.respelled.origin(span.start.offset), problem)
    }

    fn original(&self, span: &ast::Span) -> &str {
        let origin = |position: ast::Position| self.respelled.origin(position.offset);
        &self.source[origin(span.start)..origin(span.end)]
    }

    fn push_set(&mut self, set: ClassUnicode) {
        self.out
            .push_str(&Hir::class(Class::Unicode(set)).to_string());
    }

    /// What stands between `|`, or is all of a group or of the pattern.
    fn alternative(&mut self, node: &Ast) -> Translated {
        let is_empty = match node {
            Ast::Flags(_) => true,
            Ast::Concat(concat) => concat.asts.iter().all(|part| matches!(part, Ast::Flags(_))),
            _ => false,
        };
        if is_empty {
            return Err(self.refuse(node.span(), advice::EMPTY));
        }
        self.node(node)
    }

    fn node(&mut self, node: &Ast) -> Translated {
        match node {
            Ast::Empty(span) => Err(self.refuse(span, advice::EMPTY)),
            Ast::Flags(flags) => self.set_flags(&flags.flags),
            Ast::Literal(literal) => {
                let character = self.literal(literal)?;
                let set = self.folded(set::range(character, character))?;
                self.push_set(set);
                Ok(())
            }
            Ast::Dot(_) => {
                let mut set = ClassUnicode::empty();
                if !self.flags.dot_all {
                    set = set::line_terminators();
                }
                set.negate();
                self.push_set(set);
                Ok(())
            }
            Ast::Assertion(assertion) => self.assertion(assertion),
            Ast::ClassUnicode(class) => {
                let set = self.named_class(class)?;
                self.push_set(set);
                Ok(())
            }
            Ast::ClassPerl(class) => {
                let set = self.perl_class(class)?;
                self.push_set(set);
                Ok(())
            }
            Ast::ClassBracketed(class) => {
                let set = self.bracketed(class)?;
                self.push_set(set);
                Ok(())
            }
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => self.group(group),
            Ast::Alternation(alternation) => {
                for (index, alternative) in alternation.asts.iter().enumerate() {
                    if index > 0 {
                        self.out.push('|');
                    }
                    self.alternative(alternative)?;
                }
                Ok(())
            }
            Ast::Concat(concat) => {
                let outer = self.at_end;
                for (index, part) in concat.asts.iter().enumerate() {
                    self.at_end = outer && index + 1 == concat.asts.len();
                    if let Ast::Dot(span) = part {
                        let offset = self.respelled.origin(span.start.offset);
                        self.single_dots.push(self.position(offset));
                    }
                    self.node(part)?;
                }
                self.at_end = outer;
                Ok(())
            }
        }
    }

    fn set_flags(&mut self, flags: &ast::Flags) -> Translated {
        let mut value = true;
        for item in &flags.items {
            match item.kind {
                ast::FlagsItemKind::Negation => value = false,
                ast::FlagsItemKind::Flag(ast::Flag::CaseInsensitive) => {
                    self.flags.ignore_case = value;
                }
                ast::FlagsItemKind::Flag(ast::Flag::DotMatchesNewLine) => {
                    self.flags.dot_all = value;
                }
                ast::FlagsItemKind::Flag(_) => {
                    let problem = advice::flag(self.original(&item.span));
                    return Err(self.refuse(&item.span, problem));
                }
            }
        }
        Ok(())
    }

    fn assertion(&mut self, assertion: &ast::Assertion) -> Translated {
        use ast::AssertionKind::{
            EndLine, EndText, StartLine, StartText, WordBoundaryEndAngle, WordBoundaryStartAngle,
        };
        // After a turn that matched nothing, Java skips the rest of a repetition. That makes a difference
        // where what is repeated depends on the place.
        if self.repetition_depth > 0 {
            return Err(self.refuse(&assertion.span, advice::REPEATED_ASSERTION));
        }
        match assertion.kind {
            StartLine | StartText => self.out.push_str(r"\A"),
            EndText => self.out.push_str(r"\z"),
            // Also matches before a final line terminator. That is the same only where nothing can
            // follow.
            EndLine if self.at_end => self.out.push_str(r"\z"),
            EndLine => return Err(self.refuse(&assertion.span, advice::END)),
            WordBoundaryStartAngle | WordBoundaryEndAngle => {
                return Err(self.refuse(&assertion.span, advice::ANGLE));
            }
            _ => return Err(self.refuse(&assertion.span, advice::WORD_BOUNDARY)),
        }
        Ok(())
    }

    fn repetition(&mut self, repetition: &ast::Repetition) -> Translated {
        let span = &repetition.op.span;
        match repetition.ast.as_ref() {
            Ast::Repetition(_) => return Err(self.refuse(span, advice::DOUBLED_QUANTIFIER)),
            Ast::Assertion(_) => return Err(self.refuse(span, advice::REPEATED_ASSERTION)),
            _ => {}
        }
        let operator = &self.respelled.text[span.start.offset..span.end.offset];
        // The parser allows blanks in counts.
        if !operator.chars().all(|c| "*+?{0123456789,}".contains(c)) {
            return Err(self.refuse(span, advice::COUNTS));
        }
        let outer_at_end = std::mem::replace(&mut self.at_end, false);
        let repeats = !operator.starts_with('?');
        self.has_empty_turns |= repeats && can_be_empty(&repetition.ast);
        self.repetition_depth += usize::from(repeats);
        self.node(&repetition.ast)?;
        self.repetition_depth -= usize::from(repeats);
        self.at_end = outer_at_end;
        self.out.push_str(operator);
        Ok(())
    }

    fn group(&mut self, group: &ast::Group) -> Translated {
        let outer = self.flags;
        match &group.kind {
            ast::GroupKind::CaptureIndex(_) => {
                self.repeated_groups.push(self.repetition_depth > 0);
                self.out.push('(');
            }
            ast::GroupKind::CaptureName {
                starts_with_p,
                name,
            } => {
                let java_name = name.name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && name.name.chars().all(|c| c.is_ascii_alphanumeric());
                if *starts_with_p || !java_name {
                    return Err(self.refuse(&group.span, advice::GROUP_NAME));
                }
                self.repeated_groups.push(self.repetition_depth > 0);
                self.out.push_str(&format!("(?<{}>", name.name));
            }
            ast::GroupKind::NonCapturing(flags) => {
                self.set_flags(flags)?;
                self.out.push_str("(?:");
            }
        }
        self.alternative(&group.ast)?;
        self.out.push(')');
        // Flags end with the group that they are set in.
        self.flags = outer;
        Ok(())
    }

    /// What else a set matches where case is ignored, by the pattern's own flag or by the configuration.
    fn folded(&self, mut set: ClassUnicode) -> Result<ClassUnicode, PatternError> {
        if self.flags.ignore_case {
            set::add_ascii_cases(&mut set);
        }
        if self.folding == Folding::CaseInsensitive {
            set.try_case_fold_simple()
                .map_err(|error| self.refuse_at(0, &error.to_string()))?;
        }
        Ok(set)
    }

    fn literal(&self, literal: &ast::Literal) -> Result<char, PatternError> {
        use ast::{HexLiteralKind, LiteralKind};
        match literal.kind {
            LiteralKind::HexFixed(HexLiteralKind::UnicodeLong)
            | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => {
                Err(self.refuse(&literal.span, advice::HEX))
            }
            _ => Ok(literal.c),
        }
    }

    fn perl_class(&self, class: &ast::ClassPerl) -> Result<ClassUnicode, PatternError> {
        use ast::ClassPerlKind::{Digit, Space, Word};
        let set = match class.kind {
            Digit => set::digit(),
            Space => set::space(),
            Word => set::word(),
        };
        let mut set = self.folded(set)?;
        if class.negated {
            set.negate();
        }
        Ok(set)
    }

    fn named_class(&self, class: &ast::ClassUnicode) -> Result<ClassUnicode, PatternError> {
        let set = set::named(self.original(&class.span))
            .ok_or_else(|| self.refuse(&class.span, advice::UNICODE_CLASS))?;
        let mut set = self.folded(set)?;
        if class.negated {
            set.negate();
        }
        Ok(set)
    }

    fn bracketed(&self, class: &ast::ClassBracketed) -> Result<ClassUnicode, PatternError> {
        let in_operation = matches!(class.kind, ast::ClassSet::BinaryOp(_));
        let mut set = self.class_set(&class.kind, in_operation)?;
        if class.negated {
            set.negate();
        }
        Ok(set)
    }

    fn class_set(
        &self,
        class: &ast::ClassSet,
        in_operation: bool,
    ) -> Result<ClassUnicode, PatternError> {
        match class {
            ast::ClassSet::BinaryOp(operation) => {
                if operation.kind != ast::ClassSetBinaryOpKind::Intersection {
                    let operator = self.respelled.origin(operation.lhs.span().end.offset);
                    return Err(self.refuse_at(operator, advice::DOUBLED_IN_BRACKETS));
                }
                let mut set = self.class_set(&operation.lhs, true)?;
                set.intersect(&self.class_set(&operation.rhs, true)?);
                Ok(set)
            }
            ast::ClassSet::Item(ast::ClassSetItem::Union(union)) => {
                let mut set = ClassUnicode::empty();
                let last = union.items.len().saturating_sub(1);
                // Java combines these from left to right, one by one.
                let nested = |item: &&_| matches!(item, ast::ClassSetItem::Bracketed(_));
                if in_operation && let Some(item) = union.items.iter().find(nested) {
                    return Err(self.refuse(item.span(), advice::CLASS_OPERATION));
                }
                for (index, item) in union.items.iter().enumerate() {
                    let at_edge = index == 0 || index == last;
                    set.union(&self.class_item(item, in_operation, at_edge)?);
                }
                Ok(set)
            }
            ast::ClassSet::Item(item) => self.class_item(item, in_operation, true),
        }
    }

    fn class_item(
        &self,
        item: &ast::ClassSetItem,
        in_operation: bool,
        at_edge: bool,
    ) -> Result<ClassUnicode, PatternError> {
        use ast::ClassSetItem;
        match item {
            ClassSetItem::Literal(literal) => {
                let problem = match bare(literal) {
                    Some(']') => Some(advice::BRACKET_IN_BRACKETS),
                    Some('-') if in_operation || !at_edge => Some(advice::HYPHEN_IN_BRACKETS),
                    Some('&' | '^') if in_operation => Some(advice::BESIDE_INTERSECTION),
                    _ => None,
                };
                if let Some(problem) = problem {
                    return Err(self.refuse(&literal.span, problem));
                }
                let character = self.literal(literal)?;
                self.folded(set::range(character, character))
            }
            ClassSetItem::Range(range) => {
                for end in [&range.start, &range.end] {
                    if matches!(bare(end), Some('[' | ']' | '-' | '&')) {
                        return Err(self.refuse(&end.span, advice::RANGE_END));
                    }
                }
                self.folded(set::range(
                    self.literal(&range.start)?,
                    self.literal(&range.end)?,
                ))
            }
            ClassSetItem::Perl(class) => self.perl_class(class),
            ClassSetItem::Unicode(class) => {
                let next = &self.respelled.text[class.span.end.offset..];
                if self.original(&class.span) == r"\v" && next.starts_with('-') {
                    return Err(self.refuse(&class.span, advice::VERTICAL_AND_HYPHEN));
                }
                self.named_class(class)
            }
            ClassSetItem::Ascii(class) => Err(self.refuse(&class.span, advice::POSIX_BRACKETS)),
            ClassSetItem::Bracketed(class) => self.bracketed(class),
            // The parser makes unions of items alone, so this is an operation's missing side.
            ClassSetItem::Empty(span) => Err(self.refuse(span, advice::CLASS_OPERATION)),
            ClassSetItem::Union(union) => Err(self.refuse(&union.span, advice::CLASS_OPERATION)),
        }
    }
}

fn can_be_empty(node: &Ast) -> bool {
    use ast::RepetitionRange::{AtLeast, Bounded, Exactly};
    match node {
        Ast::Empty(_) | Ast::Flags(_) | Ast::Assertion(_) => true,
        Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => false,
        Ast::Repetition(repetition) => {
            let optional = match &repetition.op.kind {
                ast::RepetitionKind::ZeroOrOne | ast::RepetitionKind::ZeroOrMore => true,
                ast::RepetitionKind::OneOrMore => false,
                ast::RepetitionKind::Range(Exactly(least) | AtLeast(least) | Bounded(least, _)) => {
                    *least == 0
                }
            };
            optional || can_be_empty(&repetition.ast)
        }
        Ast::Group(group) => can_be_empty(&group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().any(can_be_empty),
        Ast::Concat(concat) => concat.asts.iter().all(can_be_empty),
    }
}

/// The character, if it stands there without a backslash.
fn bare(literal: &ast::Literal) -> Option<char> {
    (literal.kind == ast::LiteralKind::Verbatim).then_some(literal.c)
}
