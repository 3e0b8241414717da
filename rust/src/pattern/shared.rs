//! Patterns that several rules of a file share.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Pattern, PatternError};
use crate::name::Folding;

/// Compiles each different pattern once: a compiled one takes ten kilobytes, and files repeat them.
#[derive(Debug, Default)]
pub struct Shared {
    known: HashMap<(String, Folding), Arc<Pattern>>,
}

impl Shared {
    /// The pattern written for Java as this text.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`].
    pub fn pattern(
        &mut self,
        source: &str,
        folding: Folding,
    ) -> Result<Arc<Pattern>, PatternError> {
        let key = (source.to_owned(), folding);
        if let Some(known) = self.known.get(&key) {
            return Ok(Arc::clone(known));
        }
        let pattern = Arc::new(Pattern::new(source, folding)?);
        self.known.insert(key, Arc::clone(&pattern));
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_shared_by_those_that_mean_the_same() {
        let mut shared = Shared::default();
        let exact = shared.pattern("K.*", Folding::Exact).unwrap();
        let again = shared.pattern("K.*", Folding::Exact).unwrap();
        assert!(Arc::ptr_eq(&exact, &again));
        let folded = shared.pattern("K.*", Folding::CaseInsensitive).unwrap();
        assert!(folded.matches("k") && !exact.matches("k"));
        assert!(shared.pattern("K.*(", Folding::Exact).is_err());
    }
}
