//! A part of the cache behind one lock: the entries and the lookups under way of its names.
//!
//! Both are behind the same lock, so that a caller either finds an answer, or the lookup that will
//! bring it, or is the only one to begin it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;

use crate::user::User;

use super::entry::Entry;
use super::flight::Flight;
use super::key::{Asked, Carried, Hashed, Key};

/// A fresh answer.
pub(super) struct Hit {
    pub user: Option<Arc<User>>,
    /// Whether the entry should be refreshed. Said once, until [`Shard::unmark`].
    pub refresh: bool,
    /// Until when the same would be said of the entry, unless it changes.
    pub until: Duration,
}

/// What was asked of a cache, or of a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users who were remembered when somebody asked for them.
    pub hits: u64,
    /// Users who were not, so that the source had to be asked.
    pub misses: u64,
    /// Users who were looked up again before they were forgotten.
    pub refreshes: u64,
    /// Users who were forgotten to make room for others.
    pub evictions: u64,
}

pub(super) struct Shard {
    counts: Counts,
    entries: LruCache<Key, Entry, BuildHasherDefault<Carried>>,
    flights: HashMap<Key, Arc<Flight>, BuildHasherDefault<Carried>>,
}

impl Shard {
    pub fn new(capacity: NonZeroUsize) -> Self {
        // Made without a limit, since otherwise memory for every entry would be taken at once.
        let mut entries = LruCache::unbounded_with_hasher(BuildHasherDefault::default());
        entries.resize(capacity);
        Shard {
            counts: Counts::default(),
            entries,
            flights: HashMap::default(),
        }
    }

    /// What [`Shard::hit`] finds, counted as asked for.
    pub fn ask(&mut self, asked: &Asked<'_>, now: Duration) -> Option<Hit> {
        let hit = self.hit(asked, now);
        if hit.is_some() {
            self.counts.hits += 1;
        } else {
            self.counts.misses += 1;
        }
        hit
    }

    pub fn hit(&mut self, asked: &Asked<'_>, now: Duration) -> Option<Hit> {
        let entry = self.entries.get_mut(asked as &dyn Hashed)?;
        entry.is_fresh(now).then(|| Hit {
            user: entry.user.clone(),
            refresh: entry.mark(now),
            until: entry.same_until(),
        })
    }

    pub fn unmark(&mut self, asked: &Asked<'_>) {
        if let Some(entry) = self.entries.peek_mut(asked as &dyn Hashed) {
            entry.unmark();
        }
    }

    /// The entry, fresh or not. Does not count as a use.
    pub fn entry(&self, asked: &Asked<'_>) -> Option<&Entry> {
        self.entries.peek(asked as &dyn Hashed)
    }

    /// Every entry, and whether a lookup of it is under way.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry, bool)> {
        self.entries.iter().map(|(key, entry)| {
            let under_way = self.flights.contains_key(key as &dyn Hashed);
            (key.name(), entry, under_way)
        })
    }

    /// The lookup of this name that is under way.
    pub fn flight(&self, asked: &Asked<'_>) -> Option<&Arc<Flight>> {
        self.flights.get(asked as &dyn Hashed)
    }

    /// Begins a lookup. Whoever calls this must make it land.
    pub fn start(&mut self, asked: &Asked<'_>) -> Arc<Flight> {
        let flight = Arc::new(Flight::default());
        self.flights.insert(Key::from(asked), Arc::clone(&flight));
        flight
    }

    /// Begins a lookup of what is remembered, as [`Shard::start`] does.
    pub fn start_refresh(&mut self, asked: &Asked<'_>) -> Arc<Flight> {
        self.counts.refreshes += 1;
        self.start(asked)
    }

    /// Ends a lookup and says whether it still was the one of this name: a flush lets go of those
    /// under way, and then another one may have begun.
    pub fn end(&mut self, asked: &Asked<'_>, flight: &Arc<Flight>) -> bool {
        let current = self
            .flight(asked)
            .is_some_and(|current| Arc::ptr_eq(current, flight));
        if current {
            self.flights.remove(asked as &dyn Hashed);
        }
        current
    }

    /// Replaces what is remembered, by nothing if the entry is of no use even if lookups fail.
    pub fn put(&mut self, asked: &Asked<'_>, entry: Entry, stale_if_error: Duration) {
        if entry.is_ever_usable(stale_if_error) {
            let gone = self.entries.push(Key::from(asked), entry);
            if gone.is_some_and(|(key, _)| key.name() != asked.name) {
                self.counts.evictions += 1;
            }
        } else {
            self.remove(asked);
        }
    }

    fn remove(&mut self, asked: &Asked<'_>) {
        self.entries.pop(asked as &dyn Hashed);
    }

    pub fn flush(&mut self) {
        self.entries.clear();
        self.flights.clear();
    }

    pub fn flush_user(&mut self, asked: &Asked<'_>) {
        self.remove(asked);
        self.flights.remove(asked as &dyn Hashed);
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.entries.cap().get()
    }

    #[cfg(test)]
    pub fn flights(&self) -> usize {
        self.flights.len()
    }
}
