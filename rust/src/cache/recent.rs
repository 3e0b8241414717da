//! What each thread has just read in the cache, so that it need not read it there again.
//!
//! Nearly every decision is about the same few service accounts. Threads that take the same lock and count the
//! holders of the same user at every decision are slower together than one alone.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use smol_str::SmolStr;

use crate::stripes::Stripes;
use crate::user::User;

use super::key::Asked;

/// Users per thread: the service accounts, and some of the people that they ask for. 22 kilobytes.
const PLACES: usize = 256;

/// Of a user who was read, if the cache has not changed since then.
struct Place {
    cache: u64,
    version: u64,
    until: Duration,
    hash: u64,
    /// The hash of who was last asked for instead.
    other: u64,
    name: SmolStr,
    user: Option<User>,
}

impl Place {
    const EMPTY: Place = Place {
        cache: 0,
        version: 0,
        until: Duration::ZERO,
        hash: 0,
        other: 0,
        name: SmolStr::new_static(""),
        user: None,
    };

    fn holds(&self, cache: u64, version: u64, now: Duration) -> bool {
        self.cache == cache && self.version == version && now < self.until
    }
}

thread_local! {
    static PLACES_OF_THREAD: RefCell<[Place; PLACES]> = const { RefCell::new([Place::EMPTY; PLACES]) };
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
    pub fn find(&self, version: u64, asked: &Asked<'_>, now: Duration) -> Option<Option<User>> {
        let found = PLACES_OF_THREAD.with_borrow(|places| {
            let place = &places[index(asked)];
            let holds = place.holds(self.cache, version, now)
                && place.hash == asked.hash
                && place.name == asked.name;
            holds.then(|| place.user.clone())
        })?;
        self.hits.own().fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    /// Keeps what was read in the cache, which would say the same until this time unless it changes. Who is asked
    /// for once does not take the place of another.
    pub fn keep(
        &self,
        version: u64,
        asked: &Asked<'_>,
        user: Option<&User>,
        now: Duration,
        until: Duration,
    ) {
        PLACES_OF_THREAD.with_borrow_mut(|places| {
            let place = &mut places[index(asked)];
            if place.holds(self.cache, version, now) && place.other != asked.hash {
                place.other = asked.hash;
                return;
            }
            *place = Place {
                cache: self.cache,
                version,
                until,
                hash: asked.hash,
                other: 0,
                name: SmolStr::new(asked.name),
                user: user.map(User::apart),
            };
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(1);

    fn keep(recent: &Recent, version: u64, asked: &Asked<'_>) {
        let user = User::new(true);
        recent.keep(version, asked, Some(&user), Duration::ZERO, LATER);
    }

    fn has(recent: &Recent, version: u64, asked: &Asked<'_>) -> bool {
        recent.find(version, asked, Duration::ZERO).is_some()
    }

    /// Two who have the same place.
    const ALICE: Asked<'_> = Asked {
        hash: 1,
        name: "alice",
    };
    const BOB: Asked<'_> = Asked {
        hash: 2,
        name: "bob",
    };

    #[test]
    fn who_is_asked_for_once_does_not_take_the_place_of_another() {
        let recent = Recent::new();
        keep(&recent, 0, &ALICE);
        for stranger in 10..100 {
            let stranger = Asked {
                hash: stranger,
                name: "stranger",
            };
            keep(&recent, 0, &stranger);
        }
        assert!(has(&recent, 0, &ALICE));
        keep(&recent, 0, &BOB);
        assert!(!has(&recent, 0, &BOB));
        keep(&recent, 0, &BOB);
        assert!(has(&recent, 0, &BOB) && !has(&recent, 0, &ALICE));
    }

    #[test]
    fn what_counts_for_nothing_any_more_gives_way_at_once() {
        let recent = Recent::new();
        keep(&recent, 0, &ALICE);
        keep(&recent, 1, &BOB);
        assert!(has(&recent, 1, &BOB));
        recent.keep(1, &ALICE, None, LATER, LATER * 2);
        assert!(recent.find(1, &ALICE, LATER).is_some());
    }

    #[test]
    fn names_with_the_same_hash_are_different_users() {
        let recent = Recent::new();
        keep(&recent, 0, &ALICE);
        let other = Asked {
            name: "mallory",
            ..ALICE
        };
        assert!(!has(&recent, 0, &other));
    }
}
