//! What each thread has just read in the cache, so that it need not read it there again.
//!
//! Nearly every decision is about the same few service accounts. Threads that take the same lock and count the
//! holders of the same user at every decision are slower together than one alone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::stripes::Stripes;
use crate::user::User;

use super::key::Asked;

/// A user whose holders in one thread are counted there.
pub type Held = Rc<Arc<User>>;

/// Users per thread: the service accounts, and some of the people that they ask for. Six kilobytes.
const PLACES: usize = 64;

struct Place {
    cache: u64,
    version: u64,
    until: Duration,
    hash: u64,
    name: Box<str>,
    user: Option<Held>,
}

thread_local! {
    static PLACES_OF_THREAD: RefCell<[Option<Place>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// One cache's part of what threads have read. What was read before the cache last changed counts for nothing, so
/// that each change of a cache sends every thread back to it.
pub(super) struct Recent {
    cache: u64,
    version: CachePadded<AtomicU64>,
    hits: Stripes<AtomicU64>,
}

impl Recent {
    pub fn new() -> Self {
        static CACHES: AtomicU64 = AtomicU64::new(0);
        Recent {
            cache: CACHES.fetch_add(1, Ordering::Relaxed),
            version: CachePadded::default(),
            hits: Stripes::default(),
        }
    }

    /// To be read before the cache is, for [`Recent::keep`].
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// To be called after each change of the cache, before anybody is told of it.
    pub fn outdate(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    /// What this thread has read of a name, if the cache would say the same.
    pub fn find(&self, version: u64, asked: &Asked<'_>, now: Duration) -> Option<Option<Held>> {
        let found = PLACES_OF_THREAD.with_borrow(|places| {
            let place = places[index(asked)].as_ref()?;
            let holds = place.cache == self.cache
                && place.version == version
                && now < place.until
                && place.hash == asked.hash
                && *place.name == *asked.name;
            holds.then(|| place.user.clone())
        })?;
        self.hits.own().fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Keeps what was read in the cache, which would say the same until this time unless it changes.
    pub fn keep(&self, version: u64, asked: &Asked<'_>, user: Option<&Held>, until: Duration) {
        let place = Place {
            cache: self.cache,
            version,
            until,
            hash: asked.hash,
            name: asked.name.into(),
            user: user.cloned(),
        };
        PLACES_OF_THREAD.with_borrow_mut(|places| places[index(asked)] = Some(place));
    }

    /// How often a thread needed not read the cache.
    pub fn hits(&self) -> u64 {
        self.hits.iter().map(|n| n.load(Ordering::Relaxed)).sum()
    }
}

fn index(asked: &Asked<'_>) -> usize {
    // Bits that choose neither the shard nor the place within it.
    (asked.hash >> 48) as usize % PLACES
}
