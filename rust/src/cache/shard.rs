//! A part of the cache behind one lock: the entries and the lookups under way of its names.
//!
//! Both are behind the same lock, so that a caller either finds an answer, or the lookup that will
//! bring it, or is the only one to begin it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use smol_str::SmolStr;

use crate::user::{Alike, User};

use super::entry::Entry;
use super::flight::Flight;
use super::key::{Asked, hash};

/// Among how many entries the one is chosen that is forgotten. So many that it is nearly always one that was not
/// read for long.
const CANDIDATES: usize = 16;
/// How many different lists of groups are shared within a shard.
const SHARED_DETAILS: usize = 256;

/// The room that shards have together, so that none is full while another has room.
pub(super) struct Room {
    users: usize,
    taken: AtomicUsize,
}

impl Room {
    pub fn new(users: NonZeroUsize) -> Self {
        Room {
            users: users.get(),
            taken: AtomicUsize::new(0),
        }
    }

    /// Takes a place, if there is one.
    fn take(&self) -> bool {
        let one_more = |taken| (taken < self.users).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    fn give_back(&self, places: usize) {
        self.taken.fetch_sub(places, Ordering::Relaxed);
    }
}

/// A fresh answer.
pub(super) struct Hit {
    pub user: Option<User>,
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

/// A user in the table. Names of usual length lie there too, so that a read is one look at memory.
struct Place {
    name: SmolStr,
    /// The number of the last read.
    read: u64,
    entry: Entry,
}

impl Place {
    fn is_of(&self, asked: &Asked<'_>) -> bool {
        self.name == asked.name
    }
}

struct UnderWay {
    name: SmolStr,
    flight: Arc<Flight>,
}

impl UnderWay {
    fn is_of(&self, asked: &Asked<'_>) -> bool {
        self.name == asked.name
    }
}

pub(super) struct Shard {
    room: Arc<Room>,
    seed: RandomState,
    counts: Counts,
    reads: u64,
    entries: HashTable<Place>,
    /// Where the next candidates are.
    hand: usize,
    alike: Alike,
    flights: HashTable<UnderWay>,
}

impl Shard {
    pub fn new(room: Arc<Room>, seed: RandomState) -> Self {
        Shard {
            room,
            seed,
            counts: Counts::default(),
            reads: 0,
            entries: HashTable::new(),
            hand: 0,
            alike: Alike::new(SHARED_DETAILS),
            flights: HashTable::new(),
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
        self.reads += 1;
        let place = self
            .entries
            .find_mut(asked.hash, |place| place.is_of(asked))?;
        place.read = self.reads;
        let entry = &mut place.entry;
        entry.is_fresh(now).then(|| Hit {
            user: entry.user.clone(),
            refresh: entry.mark(now),
            until: entry.same_until(),
        })
    }

    pub fn unmark(&mut self, asked: &Asked<'_>) {
        let place = self
            .entries
            .find_mut(asked.hash, |place| place.is_of(asked));
        if let Some(place) = place {
            place.entry.unmark();
        }
    }

    /// The entry, fresh or not. Does not count as a use.
    pub fn entry(&self, asked: &Asked<'_>) -> Option<&Entry> {
        let place = self.entries.find(asked.hash, |place| place.is_of(asked))?;
        Some(&place.entry)
    }

    /// Every entry, and whether a lookup of it is under way.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry, bool)> {
        self.entries.iter().map(|place| {
            let asked = Asked::new(&place.name, &self.seed);
            (asked.name, &place.entry, self.flight(&asked).is_some())
        })
    }

    /// The lookup of this name that is under way.
    pub fn flight(&self, asked: &Asked<'_>) -> Option<&Arc<Flight>> {
        let found = self.flights.find(asked.hash, |other| other.is_of(asked))?;
        Some(&found.flight)
    }

    /// Begins a lookup, in place of the one that is under way. Whoever calls this must make it land.
    pub fn start(&mut self, asked: &Asked<'_>) -> Arc<Flight> {
        self.forget_flight(asked);
        let flight = Arc::new(Flight::default());
        let under_way = UnderWay {
            name: SmolStr::new(asked.name),
            flight: Arc::clone(&flight),
        };
        self.flights
            .insert_unique(asked.hash, under_way, |other| hash(&other.name, &self.seed));
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
            self.forget_flight(asked);
        }
        current
    }

    fn forget_flight(&mut self, asked: &Asked<'_>) {
        let found = self
            .flights
            .find_entry(asked.hash, |other| other.is_of(asked));
        if let Ok(found) = found {
            found.remove();
        }
    }

    /// Replaces what is remembered, by nothing if the entry is of no use even if lookups fail. That an account is
    /// disabled is of use for as long as there is room.
    pub fn put(&mut self, asked: &Asked<'_>, mut entry: Entry, stale_if_error: Duration) {
        let disabled = entry.user.as_ref().is_some_and(|user| user.disabled);
        if !disabled && !entry.is_ever_usable(stale_if_error) {
            self.remove(asked);
            return;
        }
        if let Some(user) = &mut entry.user {
            self.alike.share(user);
        }
        self.reads += 1;
        let read = self.reads;
        let known = self
            .entries
            .find_mut(asked.hash, |place| place.is_of(asked));
        if let Some(place) = known {
            place.entry = entry;
            place.read = read;
        } else if self.room.take() || self.make_room() {
            let place = Place {
                name: SmolStr::new(asked.name),
                read,
                entry,
            };
            self.entries
                .insert_unique(asked.hash, place, |other| hash(&other.name, &self.seed));
        }
    }

    /// Forgets who was not read for longest, of a few if there are many. There is nobody to forget where others have
    /// taken all the room, which chance brings about as good as never.
    fn make_room(&mut self) -> bool {
        let buckets = self.entries.num_buckets();
        let mut candidates = 0;
        let mut longest: Option<(u64, usize)> = None;
        for _ in 0..buckets {
            self.hand = (self.hand + 1) % buckets;
            if let Some(place) = self.entries.get_bucket(self.hand) {
                let this = (place.read, self.hand);
                longest = Some(longest.map_or(this, |other| this.min(other)));
                candidates += 1;
            }
            if candidates == CANDIDATES {
                break;
            }
        }
        let Some((_, bucket)) = longest else {
            return false;
        };
        if let Ok(place) = self.entries.get_bucket_entry(bucket) {
            place.remove();
        }
        self.counts.evictions += 1;
        true
    }

    fn remove(&mut self, asked: &Asked<'_>) {
        let found = self
            .entries
            .find_entry(asked.hash, |place| place.is_of(asked));
        if let Ok(found) = found {
            found.remove();
            self.room.give_back(1);
        }
    }

    pub fn flush(&mut self) {
        self.room.give_back(self.entries.len());
        self.entries.clear();
        self.flights.clear();
    }

    pub fn flush_user(&mut self, asked: &Asked<'_>) {
        self.remove(asked);
        self.forget_flight(asked);
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub fn flights(&self) -> usize {
        self.flights.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(users: usize) -> Shard {
        let users = NonZeroUsize::new(users).unwrap();
        Shard::new(Arc::new(Room::new(users)), RandomState::default())
    }

    fn put(shard: &mut Shard, asked: &Asked<'_>) {
        let groups = vec![asked.name.to_owned()];
        let user = User::new(true).with_details(groups, None);
        let entry = Entry::new(Some(user), Duration::ZERO, Duration::MAX);
        shard.put(asked, entry, Duration::ZERO);
    }

    fn has(shard: &mut Shard, asked: &Asked<'_>) -> bool {
        let hit = shard.hit(asked, Duration::ZERO);
        let user = hit.and_then(|hit| hit.user);
        user.is_some_and(|user| user.groups() == [asked.name])
    }

    #[test]
    fn names_with_the_same_hash_are_different_users() {
        let [alice, bob] = ["alice", "bob"].map(|name| Asked { hash: 7, name });
        let mut shard = shard(2);
        put(&mut shard, &alice);
        assert!(!has(&mut shard, &bob));
        assert!(shard.hit(&bob, Duration::ZERO).is_none());
        put(&mut shard, &bob);
        assert!(has(&mut shard, &alice) && has(&mut shard, &bob));
        shard.start(&alice);
        assert!(shard.flight(&alice).is_some() && shard.flight(&bob).is_none());
    }

    #[test]
    fn who_is_read_again_and_again_stays_while_many_come_and_go() {
        let mut shard = shard(100);
        let seed = shard.seed.clone();
        let names: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        let (warm, strangers) = names.split_at(20);
        for name in warm {
            put(&mut shard, &Asked::new(name, &seed));
        }
        for (turn, name) in strangers.iter().enumerate() {
            let warm = Asked::new(&warm[turn % warm.len()], &seed);
            assert!(has(&mut shard, &warm), "{turn}");
            put(&mut shard, &Asked::new(name, &seed));
        }
        assert_eq!(shard.len(), 100);
    }

    #[test]
    fn a_shard_that_has_nobody_to_forget_remembers_nobody_while_others_have_all_the_room() {
        let mut full = shard(1);
        let mut empty = Shard::new(Arc::clone(&full.room), full.seed.clone());
        let seed = full.seed.clone();
        let [alice, bob] = ["alice", "bob"].map(|name| Asked::new(name, &seed));
        put(&mut full, &alice);
        put(&mut empty, &bob);
        assert_eq!((full.len(), empty.len()), (1, 0));
        full.flush();
        put(&mut empty, &bob);
        assert_eq!((full.len(), empty.len()), (0, 1));
    }
}
