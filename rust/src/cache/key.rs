//! Names as keys, hashed once.
//!
//! The hash of a name chooses its shard and its place there, so a key carries it. Names decide whether
//! keys are equal: two names with one hash are two keys.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::RandomState;

/// What a stored key and a name that somebody asks for have in common.
pub(super) trait Hashed {
    fn hash(&self) -> u64;
    fn name(&self) -> &str;
}

/// A name that somebody asks for, with its hash.
#[derive(Clone, Copy)]
pub(super) struct Asked<'n> {
    pub hash: u64,
    pub name: &'n str,
}

impl<'n> Asked<'n> {
    pub fn new(name: &'n str, seed: &RandomState) -> Self {
        Asked {
            hash: seed.hash_one(name),
            name,
        }
    }
}

impl Hashed for Asked<'_> {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn name(&self) -> &str {
        self.name
    }
}

/// A stored name, with its hash.
pub(super) struct Key {
    hash: u64,
    name: Box<str>,
}

impl From<&Asked<'_>> for Key {
    fn from(asked: &Asked<'_>) -> Self {
        Key {
            hash: asked.hash,
            name: asked.name.into(),
        }
    }
}

impl Hashed for Key {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Hash for dyn Hashed + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(Hashed::hash(self));
    }
}

impl PartialEq for dyn Hashed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Hashed + '_ {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Key {}

impl<'a> Borrow<dyn Hashed + 'a> for Key {
    fn borrow(&self) -> &(dyn Hashed + 'a) {
        self
    }
}

/// Takes the hash that a key carries.
#[derive(Clone, Default)]
pub(super) struct Carried(u64);

impl Hasher for Carried {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys write a number only; anything else would still be hashed, if badly.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::hash::BuildHasherDefault;

    #[test]
    fn names_with_the_same_hash_are_different_keys() {
        let (alice, bob) = (
            Asked {
                hash: 7,
                name: "alice",
            },
            Asked {
                hash: 7,
                name: "bob",
            },
        );
        let mut map: HashMap<Key, u8, BuildHasherDefault<Carried>> = HashMap::default();
        map.insert(Key::from(&alice), 1);
        assert_eq!(map.get(&bob as &dyn Hashed), None);
        map.insert(Key::from(&bob), 2);
        assert_eq!(map.get(&alice as &dyn Hashed), Some(&1));
        assert_eq!(map.get(&bob as &dyn Hashed), Some(&2));
    }
}
