//! Which of many patterns match a text, found in one walk over it.
//!
//! For patterns that no literal tells apart. It is what `regex::RegexSet` does, but that answers with a flag for each
//! pattern, which to look through takes longer than the walk, and its automaton's memory is fit for a few patterns.

use std::panic::{RefUnwindSafe, UnwindSafe};

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};

use super::Pattern;

/// How large the patterns may be together, in bytes: ten thousand take some twenty megabytes.
const SIZE_LIMIT: usize = 256 * 1024 * 1024;
/// How much of the automaton is kept for each pattern and for all, in bytes, by each of the threads that decide at
/// the same moment. What a name needs first takes long, and no time the next time.
const KEPT_FOR_EACH: usize = 2 * 1024;
const KEPT_FOR_ALL: usize = 1024 * 1024;

/// Patterns in a list.
#[derive(Debug)]
pub struct Many {
    automaton: DFA,
    caches: Pool<Cache, MakeCache>,
}

type MakeCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

impl Many {
    /// Nothing if the patterns are too large together.
    pub fn new<'p>(patterns: impl ExactSizeIterator<Item = &'p Pattern>) -> Option<Self> {
        let kept = KEPT_FOR_ALL + KEPT_FOR_EACH * patterns.len();
        Many::within(SIZE_LIMIT, kept, patterns)
    }

    fn within<'p>(
        size_limit: usize,
        kept: usize,
        patterns: impl Iterator<Item = &'p Pattern>,
    ) -> Option<Self> {
        let patterns: Vec<&str> = patterns.map(|pattern| pattern.regex.as_str()).collect();
        let automaton = DFA::builder()
            .thompson(
                thompson::Config::new()
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(size_limit)),
            )
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .cache_capacity(kept)
                    .skip_cache_capacity_check(true),
            )
            .build_many(&patterns)
            .ok()?;
        let caches = Pool::new({
            let automaton = automaton.clone();
            Box::new(move || automaton.create_cache()) as MakeCache
        });
        Some(Many { automaton, caches })
    }

    /// The places in the list of those that match the whole text; nothing if that cannot be told.
    pub fn find(&self, text: &str) -> Option<Vec<usize>> {
        let mut cache = self.caches.get();
        let input = Input::new(text).anchored(Anchored::Yes);
        let mut state = self
            .automaton
            .start_state_forward(&mut cache, &input)
            .ok()?;
        for byte in text.as_bytes() {
            state = self.automaton.next_state(&mut cache, state, *byte).ok()?;
            if state.is_dead() {
                return Some(Vec::new());
            }
            if state.is_quit() {
                return None;
            }
        }
        state = self.automaton.next_eoi_state(&mut cache, state).ok()?;
        if !state.is_match() {
            return (!state.is_quit()).then(Vec::new);
        }
        let found = (0..self.automaton.match_len(&cache, state)).map(|index| {
            self.automaton
                .match_pattern(&cache, state, index)
                .as_usize()
        });
        Some(found.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Folding;

    fn patterns(sources: &[String]) -> Vec<Pattern> {
        let pattern = |source: &String| Pattern::new(source, Folding::CaseInsensitive).unwrap();
        sources.iter().map(pattern).collect()
    }

    fn find(patterns: &[Pattern], text: &str) -> Vec<usize> {
        let mut found = Many::new(patterns.iter()).unwrap().find(text).unwrap();
        found.sort_unstable();
        found
    }

    fn one_by_one(patterns: &[Pattern], text: &str) -> Vec<usize> {
        (0..patterns.len())
            .filter(|number| patterns[*number].matches(text))
            .collect()
    }

    #[test]
    fn those_are_found_that_match_one_by_one() {
        let sources = [
            "a",
            "ab?",
            "[ab]+",
            ".*",
            r"\w+\d",
            "zoë|a.?",
            "(a){0}b",
            "(?s).+",
            "^a$|b",
            "é+",
            ".{2}",
            "[^a]*",
            r"(?i)\Qa.b\E",
        ]
        .map(str::to_owned);
        let patterns = patterns(&sources);
        for text in [
            "", "a", "b", "ab", "abab", "a1", "A", "zoë", "é", "éé", "\n", "a\n", "😀", "a.b", "K",
            "\u{212a}",
        ] {
            assert_eq!(
                find(&patterns, text),
                one_by_one(&patterns, text),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_text_that_needs_more_memory_than_is_kept_is_answered() {
        // Whether one of these matches depends on a letter far from the end: thousands of states.
        let sources: Vec<String> = (0..16).map(|n| format!("[ab]*a[ab]{{{n}}}")).collect();
        let patterns = patterns(&sources);
        let many = Many::within(SIZE_LIMIT, 0, patterns.iter()).unwrap();
        for number in 0..500_u32 {
            let bits = number.wrapping_mul(0x9e37_79b9);
            let letter = |bit: u32| if bits >> bit & 1 == 0 { 'a' } else { 'b' };
            let text: String = (0..32).map(letter).collect();
            let mut found = many.find(&text).unwrap();
            found.sort_unstable();
            assert_eq!(found, one_by_one(&patterns, &text), "{text}");
        }
        assert!(many.caches.get().clear_count() > 0);
    }

    #[test]
    fn patterns_that_are_too_large_together_are_not_taken() {
        let patterns = patterns(&["a.*b".to_owned(), "b.*a".to_owned()]);
        assert!(Many::within(10_000, 0, patterns[..1].iter()).is_some());
        assert!(Many::within(10_000, 0, patterns.iter().cycle().take(100)).is_none());
    }
}
