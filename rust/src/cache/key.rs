//! Names as keys, hashed once.
//!
//! The hash of a name chooses its shard, its place there and its place in a thread's memory. Names decide whether
//! keys are equal: two names with one hash are two keys.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// A name that somebody asks for, with its hash.
#[derive(Clone, Copy)]
pub(super) struct Asked<'n> {
    pub hash: u64,
    pub name: &'n str,
}

impl<'n> Asked<'n> {
    pub fn new(name: &'n str, seed: &RandomState) -> Self {
        Asked {
            hash: hash(name, seed),
            name,
        }
    }
}

/// The hash of a name in a cache with this seed.
pub(super) fn hash(name: &str, seed: &RandomState) -> u64 {
    seed.hash_one(name)
}
