//! What a slow source said of users, remembered for a limited time.
//!
//! A revoked permission stops working within ttl + stale-if-error + one lookup timeout, however often
//! it is read. However many callers ask for a user, one of them looks it up; a source that does not
//! work is left alone, and who would have to ask it is told so at once. A failure is never remembered
//! as an answer.

mod breaker;
mod entry;
mod flight;
mod gate;
mod key;
mod recent;
mod refresher;
mod report;
mod shard;
mod snapshot;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::mem;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use foldhash::quality::RandomState;

use crate::clock::Clock;
use crate::log::Log;
use crate::metrics::{Lookups, Metric};
use crate::source::Unavailable;
use crate::source::lookup::{Lookup, LookupError};
use crate::sync::{Mutex, MutexGuard};
use crate::user::User;

use entry::Entry;
use flight::{Failure, Flight, Outcome};
use gate::{Gate, Refusal};
use key::Asked;
use recent::Recent;
use refresher::Refresher;
use report::{Kind, Report};
use shard::{Counts, Room, Shard};
pub use snapshot::{Remembered, State};

/// Lookups at a time, over all names. They wait for the network, so this is far more than there are
/// processors, and few enough that an empty cache does not flood a source that many servers share: at
/// 50 ms each, 320 users a second.
const LOOKUPS_AT_A_TIME: usize = 16;
/// More shards than threads that are likely to ask at the same moment.
const MOST_SHARDS: usize = 64;
/// Who is forgotten is chosen within a shard, so that one needs some to choose from.
const USERS_PER_SHARD: usize = 32;
/// Keeps points in time within what the system can express.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

/// How long users are remembered, and how many.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a user who may impersonate is remembered. Zero: not at all.
    pub ttl: Duration,
    /// How long a user is remembered who is unknown, disabled, or may not impersonate. Zero: not at all.
    pub negative_ttl: Duration,
    /// How much longer a user is remembered while lookups fail.
    pub stale_if_error: Duration,
    /// How many users are remembered.
    pub max_users: NonZeroUsize,
    /// How long one lookup may take, an hour at most.
    pub timeout: Duration,
}

/// Users by name. Dropping it ends its threads, within the timeout of a lookup.
pub struct Cache {
    // Dropped first, so that nothing is looked up for a cache that is gone.
    refresher: Refresher,
    shared: Arc<Shared>,
}

impl Cache {
    /// An empty cache, and the threads that refresh what is in it.
    ///
    /// # Errors
    ///
    /// The system gives no threads.
    pub fn start(
        lookup: Arc<dyn Lookup>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> io::Result<Self> {
        let (mut cache, names) = Cache::unattended(lookup, settings, clock, log);
        cache.refresher.start(&cache.shared, &names)?;
        Ok(cache)
    }

    /// A cache whose refreshes nobody makes, and the names that wait for one.
    fn unattended(
        lookup: Arc<dyn Lookup>,
        mut settings: Settings,
        clock: Arc<dyn Clock>,
        log: Arc<Log>,
    ) -> (Self, Receiver<Box<str>>) {
        settings.timeout = settings.timeout.min(LONGEST_TIMEOUT);
        let (refresher, names) = Refresher::idle();
        let gate = Gate::new(
            LOOKUPS_AT_A_TIME,
            settings.timeout,
            Arc::clone(&clock),
            Arc::clone(&log),
        );
        let seed = RandomState::default();
        let shared = Arc::new(Shared {
            shards: shards(settings.max_users, &seed),
            seed,
            recent: Recent::new(),
            gate,
            report: Report::new(log),
            lookup,
            lookups: Lookups::default(),
            settings,
            clock,
        });
        (Cache { refresher, shared }, names)
    }

    /// The deadline of a decision that begins at this time of the clock: one timeout, however many users
    /// it asks for.
    pub fn deadline(&self, now: Duration) -> Duration {
        now.saturating_add(self.shared.settings.timeout)
    }

    /// The user of this name, `None` if the source does not know the name. Asks the source if the
    /// answer is not remembered, which takes until the deadline at most, a time of the clock. The time
    /// that it is now is the caller's, who may have read the clock already, and moves on if the source
    /// is asked.
    ///
    /// # Errors
    ///
    /// The source did not answer in time, and what it said before is too old.
    pub fn user(
        &self,
        name: &str,
        now: &Cell<Duration>,
        deadline: Duration,
    ) -> Result<Option<User>, Unavailable> {
        let shared = &*self.shared;
        let asked = Asked::new(name, &shared.seed);
        let version = shared.recent.version();
        if let Some(found) = shared.recent.find(version, &asked, now.get()) {
            return Ok(found);
        }
        let hit = shared.shard(&asked).ask(&asked, now.get());
        let Some(hit) = hit else {
            let found = shared.find(&asked, now.get(), deadline);
            now.set(shared.clock.elapsed());
            return found;
        };
        if hit.refresh && !self.refresher.offer(name) {
            shared.shard(&asked).unmark(&asked);
        } else {
            let recent = &shared.recent;
            recent.keep(version, &asked, hit.user.as_ref(), now.get(), hit.until);
        }
        Ok(hit.user)
    }

    /// What the source said last of the user of this name, however long ago that was. It grants nothing.
    pub fn last_known(&self, name: &str) -> Option<User> {
        let asked = Asked::new(name, &self.shared.seed);
        let shard = self.shared.shard(&asked);
        shard.entry(&asked)?.user.clone()
    }

    /// Forgets every user. Whoever asks from now on gets no answer to a question from before.
    pub fn flush(&self) {
        for shard in &self.shared.shards {
            shard.lock().flush();
        }
        self.shared.recent.outdate();
    }

    /// Forgets a user. Whoever asks from now on gets no answer to a question from before.
    pub fn flush_user(&self, name: &str) {
        let asked = Asked::new(name, &self.shared.seed);
        self.shared.shard(&asked).flush_user(&asked);
        self.shared.recent.outdate();
    }

    /// Who is remembered. Holds up lookups of a part of the users at a time.
    pub fn remembered(&self) -> Vec<Remembered> {
        let shared = &self.shared;
        let mut found = Vec::with_capacity(self.len());
        for shard in &shared.shards {
            let shard = shard.lock();
            let now = shared.clock.elapsed();
            found.extend(
                shard
                    .entries()
                    .map(|(name, entry, under_way)| shared.remembered(name, entry, under_way, now)),
            );
        }
        found
    }

    /// What the cache counts. Without a cache, the same names with zeros.
    pub fn metrics(cache: Option<&Cache>) -> Vec<Metric> {
        let counts = cache.map(Cache::counts).unwrap_or_default();
        let (open, refused) = cache.map_or((false, 0), |cache| cache.shared.gate.breaker());
        let mut metrics = vec![
            Metric::new("cache_hits", counts.hits),
            Metric::new("cache_misses", counts.misses),
            Metric::new("cache_refreshes", counts.refreshes),
            Metric::new("cache_evictions", counts.evictions),
            Metric::new("cache_size", cache.map_or(0, Cache::len) as u64),
            Metric::new("breaker_open", open),
            Metric::new("lookups_refused", refused),
        ];
        metrics.extend(match cache {
            Some(cache) => cache.shared.lookups.metrics(),
            None => Lookups::default().metrics(),
        });
        metrics
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts {
            hits: self.shared.recent.hits(),
            ..Counts::default()
        };
        for shard in &self.shared.shards {
            let counts = shard.lock().counts();
            sum.hits += counts.hits;
            sum.misses += counts.misses;
            sum.refreshes += counts.refreshes;
            sum.evictions += counts.evictions;
        }
        sum
    }

    /// How many users are remembered, the expired included.
    pub fn len(&self) -> usize {
        let lengths = self.shared.shards.iter().map(|shard| shard.lock().len());
        lengths.sum()
    }

    /// Whether no user is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Shards that hold so many users in all. Their number is a power of two.
fn shards(max_users: NonZeroUsize, seed: &RandomState) -> Box<[Mutex<Shard>]> {
    let room = Arc::new(Room::new(max_users));
    let count = 1
        << (max_users.get() / USERS_PER_SHARD)
            .clamp(1, MOST_SHARDS)
            .ilog2();
    (0..count)
        .map(|_| Mutex::new(Shard::new(Arc::clone(&room), seed.clone())))
        .collect()
}

/// What callers and the refreshing threads share.
struct Shared {
    seed: RandomState,
    shards: Box<[Mutex<Shard>]>,
    recent: Recent,
    gate: Gate,
    report: Report,
    lookup: Arc<dyn Lookup>,
    lookups: Lookups,
    settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Shared {
    fn shard(&self, asked: &Asked<'_>) -> MutexGuard<'_, Shard> {
        // Bits that have no part in choosing the place within a shard.
        let index = (asked.hash >> 32) as usize & (self.shards.len() - 1);
        self.shards[index].lock()
    }

    /// The user from the source, or from memory if that fails.
    fn find(
        &self,
        asked: &Asked<'_>,
        mut now: Duration,
        deadline: Duration,
    ) -> Result<Option<User>, Unavailable> {
        // Waiting goes by real time, computed once, so that a clock that stands still hangs nobody.
        let time = deadline.saturating_sub(now).min(self.settings.timeout);
        let limit = Instant::now() + time;
        while now < deadline {
            let (flight, leads) = {
                let mut shard = self.shard(asked);
                if let Some(hit) = shard.hit(asked, now) {
                    return Ok(hit.user);
                }
                match shard.flight(asked) {
                    Some(flight) => (Arc::clone(flight), false),
                    None => (shard.start(asked), true),
                }
            };
            let outcome = if leads {
                Some(self.lead(asked, &flight, deadline, limit))
            } else if self.gate.refuses() {
                // The lookup under way is the one that tries whether the source works again, which
                // is not worth waiting for.
                None
            } else {
                flight.wait(limit)
            };
            match outcome {
                Some(Ok(user)) => return Ok(user),
                // Whoever led had too little time. Of those who have enough, one leads the next try,
                // and the failure of that one holds for all.
                Some(Err(Failure { rushed: true })) if !leads && Instant::now() < limit => {
                    now = self.clock.elapsed();
                    if self.is_rushed(deadline.saturating_sub(now)) {
                        break;
                    }
                }
                _ => break,
            }
        }
        self.last_resort(asked)
    }

    /// Looks a name up again if that still makes sense and nobody does it already.
    fn refresh(&self, name: &str) {
        let asked = Asked::new(name, &self.seed);
        let now = self.clock.elapsed();
        let flight = {
            let mut shard = self.shard(&asked);
            let due = shard.entry(&asked).is_some_and(|entry| entry.is_due(now));
            if !due || shard.flight(&asked).is_some() {
                return;
            }
            shard.start_refresh(&asked)
        };
        let timeout = self.settings.timeout;
        let deadline = now.saturating_add(timeout);
        // A failure leaves the entry as it is.
        let _ = self.lead(&asked, &flight, deadline, Instant::now() + timeout);
    }

    /// Makes the lookup for which others wait, and remembers its answer.
    fn lead(
        &self,
        asked: &Asked<'_>,
        flight: &Arc<Flight>,
        deadline: Duration,
        limit: Instant,
    ) -> Outcome {
        let mut landing = Landing {
            shared: self,
            asked,
            flight,
            answer: Err(Failure::default()),
        };
        landing.answer = self.ask(asked.name, deadline, limit);
        landing.outcome()
    }

    /// Asks the source.
    fn ask(&self, name: &str, deadline: Duration, limit: Instant) -> Result<Entry, Failure> {
        let ticket = self.gate.enter(limit).map_err(|refusal| Failure {
            rushed: refusal == Refusal::Late,
        })?;
        let began = self.clock.elapsed();
        let time = deadline.saturating_sub(began).min(self.settings.timeout);
        if time.is_zero() {
            return Err(Failure { rushed: true });
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.lookup.look_up(name, time)));
        let now = self.clock.elapsed();
        let answered = matches!(result, Ok(Ok(_)));
        self.lookups.ended(now.saturating_sub(began), answered);
        let report = |kind, problem: &str| self.report.failed(kind, name, problem, now);
        match result {
            Ok(Ok(user)) => {
                ticket.source_works();
                self.entry(user, began, now)
            }
            Ok(Err(LookupError::Answer { problem })) => {
                ticket.source_works();
                report(Kind::Answer, &problem);
                Err(Failure::default())
            }
            Ok(Err(LookupError::Outage {
                problem,
                retry_after,
            })) => {
                report(Kind::Outage, &problem);
                let rushed = self.is_rushed(time) && now >= began.saturating_add(time);
                if !rushed {
                    ticket.source_fails(problem, retry_after);
                }
                Err(Failure { rushed })
            }
            Err(_) => {
                report(Kind::Panic, "the lookup failed inside the engine");
                Err(Failure::default())
            }
        }
    }

    /// What to remember of an answer to a question that was asked at this time.
    fn entry(&self, user: Option<User>, began: Duration, now: Duration) -> Result<Entry, Failure> {
        let positive = user.as_ref().is_some_and(|user| self.is_positive(user));
        let life = if positive {
            self.settings.ttl
        } else {
            self.settings.negative_ttl
        };
        // A lookup that overran its time must not make the permission last longer.
        let written = now.min(began.saturating_add(self.settings.timeout));
        let entry = Entry::new(user, written, life);
        if entry.is_past(now) {
            return Err(Failure::default());
        }
        Ok(entry)
    }

    fn is_positive(&self, user: &User) -> bool {
        user.may_impersonate && user.is_enabled(|| self.clock.now())
    }

    fn remembered(&self, name: &str, entry: &Entry, under_way: bool, now: Duration) -> Remembered {
        let user = entry.user.as_ref();
        let may_impersonate = user.is_some_and(|user| self.is_positive(user));
        let state = if under_way {
            State::Refreshing
        } else if !entry.is_usable(now, self.settings.stale_if_error) {
            State::Expired
        } else if !entry.is_fresh(now) {
            State::Stale
        } else if may_impersonate {
            State::Fresh
        } else {
            State::Negative
        };
        Remembered {
            name: name.to_owned(),
            state,
            age: entry.age(now),
            known: user.is_some(),
            may_impersonate,
            groups: user.map_or(0, |user| user.groups().len()),
        }
    }

    /// Whether a lookup that has this much time may run out of it though the source works.
    fn is_rushed(&self, time: Duration) -> bool {
        time < self.settings.timeout / 2
    }

    /// What may serve where a lookup failed.
    fn last_resort(&self, asked: &Asked<'_>) -> Result<Option<User>, Unavailable> {
        let now = self.clock.elapsed();
        let shard = self.shard(asked);
        let entry = shard.entry(asked).ok_or(Unavailable)?;
        if entry.is_usable(now, self.settings.stale_if_error) {
            Ok(entry.user.clone())
        } else {
            Err(Unavailable)
        }
    }
}

/// The end of a lookup, whatever ends it: the answer is remembered and everybody who waits is woken.
struct Landing<'l> {
    shared: &'l Shared,
    asked: &'l Asked<'l>,
    flight: &'l Arc<Flight>,
    answer: Result<Entry, Failure>,
}

impl Landing<'_> {
    fn outcome(&self) -> Outcome {
        match &self.answer {
            Ok(entry) => Ok(entry.user.clone()),
            Err(failure) => Err(*failure),
        }
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome();
        let answer = mem::replace(&mut self.answer, Err(Failure::default()));
        let mut shard = self.shared.shard(self.asked);
        if shard.end(self.asked, self.flight)
            && let Ok(entry) = answer
        {
            shard.put(self.asked, entry, self.shared.settings.stale_if_error);
        }
        drop(shard);
        self.shared.recent.outdate();
        self.flight.land(outcome);
    }
}
