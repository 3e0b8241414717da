//! The scopes of a policy file.

use super::index::Index;
use super::{Scope, Subject};

/// Scopes in the order of the file, of which the first that matches decides. What that costs does not grow
/// with their number, as long as their patterns for one name or group tell them apart.
#[derive(Debug, Default)]
pub struct Scopes {
    scopes: Vec<Scope>,
    index: Index,
}

impl Scopes {
    /// Whether the first scope that matches allows the pair, or nothing if none matches it.
    pub fn decide(&self, subject: &Subject<'_>) -> Option<bool> {
        self.index
            .find(subject)
            .find_map(|number| self.scopes[number].decide(subject))
    }

    /// Whether it matters for any of them which groups somebody has.
    pub fn are_by_group(&self) -> bool {
        self.scopes.iter().any(Scope::is_by_group)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.scopes.len()
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        Scopes {
            index: Index::new(&scopes),
            scopes,
        }
    }
}
