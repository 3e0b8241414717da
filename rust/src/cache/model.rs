//! What holds of the cache in whatever order its threads take turns.
//!
//! A model checker runs each promise under many schedules. It decides at every lock, wait and wake who runs
//! next, and it finds threads that wait for ever. The schedules are drawn by a fixed seed: at random, and by
//! PCT, which finds what needs few preemptions in the right places
//! (<https://www.microsoft.com/en-us/research/publication/a-randomized-scheduler-with-probabilistic-guarantees-of-finding-bugs/>).
//! A schedule that fails is printed; `shuttle::replay` runs it again.
//!
//! The refresher's own threads and queue are not in it: threads of the check refresh.

use std::cell::Cell;
use std::collections::HashMap;
use std::env;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

use super::*;
use crate::clock::testing::ManualClock;

/// The environment variable that says by how much more schedules are checked.
const TIMES: &str = "IMPERSONATION_MODEL_TIMES";
/// Schedules of each of the two kinds for each promise.
const SCHEDULES: usize = 1_000;
const SEED: u64 = 7_450_276_618;
/// What PCT needs at most to find a mistake: so many steps in an order of their own.
const DEPTH: usize = 3;
const STACK: usize = 256 * 1024;

fn check(promise: impl Fn() + Send + Sync + 'static) {
    let times = env::var(TIMES).map_or(1, |times| times.parse().expect("a number"));
    let schedules = SCHEDULES * times;
    let promise = Arc::new(promise);
    let random = RandomScheduler::new_from_seed(SEED, schedules);
    run(random, Arc::clone(&promise));
    let pct = PctScheduler::new_from_seed(SEED, DEPTH, schedules);
    run(pct, promise);
}

fn run(scheduler: impl Scheduler + 'static, promise: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = STACK;
    Runner::new(scheduler, config).run(move || promise());
}

/// Lets others run.
fn pause() {
    thread::sleep(Duration::ZERO);
}

/// One of these, whichever the schedule wants.
fn one_of<T: Copy>(choices: &[T]) -> T {
    choices[thread_rng().gen_range(0..choices.len())]
}

/// How a lookup ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Answer,
    Outage,
    Nonsense,
    Panic,
    /// With an outage, when its time is over.
    Late,
}

const ALL_ENDS: &[End] = &[
    End::Answer,
    End::Outage,
    End::Nonsense,
    End::Panic,
    End::Late,
];

/// What a source has seen of lookups.
#[derive(Default)]
struct Seen {
    calls: usize,
    under_way: HashMap<String, usize>,
    /// The most at a time of one user.
    most_of_one: usize,
    /// The most at a time before the first answer.
    most_unanswered: usize,
    answered: bool,
}

/// Knows everybody as a holder, in two groups: the name, and the version of what the source knows when it
/// is asked.
struct Source {
    version: AtomicU64,
    ends: parking_lot::Mutex<&'static [End]>,
    seen: parking_lot::Mutex<Seen>,
    clock: Arc<ManualClock>,
}

impl Source {
    fn begin(&self, name: &str) {
        let mut seen = self.seen.lock();
        seen.calls += 1;
        let count = seen.under_way.entry(name.to_owned()).or_default();
        *count += 1;
        seen.most_of_one = (*count).max(seen.most_of_one);
        if !seen.answered {
            seen.most_unanswered = seen
                .under_way
                .values()
                .sum::<usize>()
                .max(seen.most_unanswered);
        }
    }

    fn end(&self, name: &str, end: End) {
        let mut seen = self.seen.lock();
        seen.answered |= end == End::Answer;
        *seen.under_way.get_mut(name).unwrap() -= 1;
    }
}

impl Lookup for Source {
    fn look_up(&self, name: &str, timeout: Duration) -> Result<Option<User>, LookupError> {
        self.begin(name);
        pause();
        let version = self.version.load(SeqCst);
        pause();
        let end = one_of(*self.ends.lock());
        self.end(name, end);
        match end {
            End::Answer => {
                let groups = vec![name.to_owned(), version.to_string()];
                Ok(Some(User::new(true).with_details(groups, None)))
            }
            End::Nonsense => Err(LookupError::Answer {
                problem: "nonsense".to_owned(),
            }),
            // Past the hook, which would print each of them.
            End::Panic => resume_unwind(Box::new("a panic")),
            End::Outage | End::Late => {
                if end == End::Late {
                    self.clock.advance(timeout);
                }
                Err(LookupError::Outage {
                    problem: "down".to_owned(),
                    retry_after: None,
                })
            }
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(1000);

/// How users are asked for, in how much time.
type Way = fn(&Cache, &str, Duration) -> Result<Option<User>, Unavailable>;

fn properly(cache: &Cache, name: &str, time: Duration) -> Result<Option<User>, Unavailable> {
    let now = cache.shared.clock.elapsed();
    cache.user(name, &Cell::new(now), now + time)
}

struct World {
    cache: Cache,
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    way: Way,
}

impl World {
    /// With one shard, so that names meet.
    fn new(way: Way, ends: &'static [End]) -> Self {
        World::with_room(USERS_PER_SHARD, way, ends)
    }

    fn with_room(max_users: usize, way: Way, ends: &'static [End]) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z"));
        let source = Arc::new(Source {
            version: AtomicU64::new(0),
            ends: parking_lot::Mutex::new(ends),
            seen: parking_lot::Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let settings = Settings {
            ttl: TTL,
            negative_ttl: TTL,
            stale_if_error: Duration::ZERO,
            max_users: NonZeroUsize::new(max_users).unwrap(),
            timeout: TIMEOUT,
        };
        let (cache, _) = Cache::unattended(
            Arc::clone(&source) as Arc<dyn Lookup>,
            settings,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::default(),
        );
        World {
            cache,
            source,
            clock,
            way,
        }
    }

    /// The version that the answer is from.
    fn ask_within(&self, name: &str, time: Duration) -> Result<u64, Unavailable> {
        let user = (self.way)(&self.cache, name, time)?.expect("the source knows everybody");
        assert_eq!(user.groups()[0], name, "answered for another");
        Ok(user.groups()[1].parse().unwrap())
    }

    fn ask(&self, name: &str) -> Result<u64, Unavailable> {
        self.ask_within(name, TIMEOUT)
    }

    /// Lets refreshes be due of all who are remembered.
    fn age(&self) {
        self.clock.advance(TTL - TTL / 10);
    }

    fn assert_nothing_is_left(&self) {
        let shared = &self.cache.shared;
        shared.assert_no_lookup_is_under_way();
        let under_way: usize = self.source.seen.lock().under_way.values().sum();
        assert_eq!(under_way, 0);
    }
}

fn one_lookup_serves_all(way: Way) {
    check(move || {
        let world = &World::new(way, &[End::Answer]);
        thread::scope(|scope| {
            for name in ["alice", "alice", "alice", "bob"] {
                scope.spawn(move || world.ask(name));
            }
        });
        assert_eq!(
            world.source.seen.lock().most_of_one,
            1,
            "looked up twice at a time"
        );
        assert_eq!(world.source.seen.lock().calls, 2, "looked up again");
        assert_eq!(world.ask("alice"), Ok(0));
        world.assert_nothing_is_left();
    });
}

#[test]
fn one_lookup_serves_all_who_ask_for_a_user() {
    one_lookup_serves_all(properly);
}

#[test]
fn refreshes_and_callers_look_a_user_up_once_at_a_time() {
    check(|| {
        let world = &World::new(properly, ALL_ENDS);
        *world.source.ends.lock() = &[End::Answer];
        world.ask("alice").unwrap();
        world.age();
        *world.source.ends.lock() = &[End::Answer, End::Outage, End::Panic];
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| world.cache.shared.refresh("alice"));
                scope.spawn(|| world.ask("alice"));
            }
            scope.spawn(|| {
                pause();
                world.clock.advance(TTL);
            });
        });
        assert_eq!(world.source.seen.lock().most_of_one, 1);
        world.assert_nothing_is_left();
    });
}

fn everybody_is_answered_or_refused(way: Way) {
    check(move || {
        let world = &World::new(way, ALL_ENDS);
        thread::scope(|scope| {
            for name in ["alice", "alice", "alice", "bob", "bob"] {
                let time = one_of(&[TIMEOUT, TIMEOUT, TIMEOUT / 5]);
                scope.spawn(move || {
                    for _ in 0..2 {
                        // The answer is checked; a failure is as good.
                        let _ = world.ask_within(name, time);
                    }
                });
            }
        });
        world.assert_nothing_is_left();
    });
}

#[test]
fn whoever_waits_is_answered_or_refused_whatever_lookups_come_to() {
    everybody_is_answered_or_refused(properly);
}

fn a_flush_is_not_undone(way: Way) {
    check(move || {
        let world = &World::new(way, &[End::Answer]);
        world.ask("alice").unwrap();
        world.age();
        let flushed = &AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    for _ in 0..2 {
                        let since = flushed.load(SeqCst);
                        if let Ok(version) = world.ask("alice") {
                            assert!(version >= since, "answered from before a flush");
                        }
                    }
                });
            }
            scope.spawn(|| world.cache.shared.refresh("alice"));
            scope.spawn(move || {
                for version in 1..=2 {
                    world.source.version.store(version, SeqCst);
                    pause();
                    if one_of(&[true, false]) {
                        world.cache.flush();
                    } else {
                        world.cache.flush_user("alice");
                    }
                    flushed.store(version, SeqCst);
                    pause();
                }
            });
        });
        assert_eq!(world.ask("alice"), Ok(2), "remembered from before a flush");
        world.assert_nothing_is_left();
    });
}

#[test]
fn who_asks_after_a_flush_gets_no_answer_to_a_question_from_before() {
    a_flush_is_not_undone(properly);
}

#[test]
fn nobody_is_answered_for_another_while_users_push_each_other_out() {
    check(|| {
        let world = &World::with_room(1, properly, &[End::Answer, End::Answer, End::Outage]);
        thread::scope(|scope| {
            for names in [["alice", "bob"], ["bob", "carol"], ["alice", "carol"]] {
                scope.spawn(move || {
                    for name in names {
                        let _ = world.ask(name);
                        assert!(world.cache.len() <= 1);
                    }
                });
            }
            scope.spawn(|| world.cache.flush());
        });
        world.assert_nothing_is_left();
    });
}

#[test]
fn an_open_breaker_lets_one_lookup_try() {
    check(|| {
        let world = &World::new(properly, &[End::Outage]);
        for number in 0..breaker::FAILURES {
            world.ask(&number.to_string()).unwrap_err();
        }
        world.clock.advance(Duration::from_secs(1));
        *world.source.seen.lock() = Seen::default();
        let ends: &[End] = one_of(&[&[End::Answer], &[End::Outage], &[End::Panic]]);
        *world.source.ends.lock() = ends;
        thread::scope(|scope| {
            for name in ["alice", "bob", "carol", "alice"] {
                scope.spawn(move || world.ask(name));
            }
        });
        let seen = world.source.seen.lock();
        assert_eq!(seen.most_unanswered, 1, "{ends:?}");
        assert!(seen.calls == 1 || seen.answered, "{ends:?}");
        drop(seen);
        world.assert_nothing_is_left();
    });
}

#[test]
fn a_gate_has_room_for_as_many_as_it_has_places_and_forgets_nobody_who_waits() {
    const PLACES: usize = 2;
    check(|| {
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z"));
        let gate = &Gate::new(PLACES, TIMEOUT, clock, Arc::default());
        let inside = &AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..=breaker::FAILURES {
                scope.spawn(move || {
                    let Ok(ticket) = gate.enter(Instant::now() + TIMEOUT) else {
                        return;
                    };
                    assert!(inside.fetch_add(1, SeqCst) < PLACES);
                    pause();
                    inside.fetch_sub(1, SeqCst);
                    match one_of(ALL_ENDS) {
                        End::Answer | End::Nonsense => ticket.source_works(),
                        End::Panic => drop(ticket),
                        End::Outage | End::Late => ticket.source_fails("down".to_owned(), None),
                    }
                });
            }
        });
        assert_eq!(gate.free(), PLACES);
    });
}

#[test]
fn a_close_while_lookups_are_under_way_leaves_nobody_waiting_and_nothing_behind() {
    check(|| {
        let world = World::new(properly, &[End::Answer]);
        world.ask("alice").unwrap();
        world.age();
        *world.source.ends.lock() = ALL_ENDS;
        let World { cache, source, .. } = world;
        let shared = Arc::clone(&cache.shared);
        // As the border to the JVM holds an engine, and the refresher's threads what they share.
        let place = Mutex::new(Some(Arc::new(cache)));
        let stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            let (place, stopped) = (&place, &stopped);
            for name in ["alice", "bob", "bob"] {
                scope.spawn(move || {
                    let cache = place.lock().clone();
                    if let Some(cache) = cache {
                        let _ = properly(&cache, name, TIMEOUT);
                    }
                });
            }
            scope.spawn(move || {
                for _ in 0..2 {
                    if !stopped.load(SeqCst) {
                        shared.refresh("alice");
                    }
                }
            });
            scope.spawn(move || {
                stopped.store(true, SeqCst);
                let closed = place.lock().take();
                drop(closed);
            });
        });
        assert_eq!(Arc::strong_count(&source), 1, "somebody holds the source");
    });
}

/// Mistakes that the check has to find, or its silence says nothing.
mod mistakes {
    use super::*;

    #[derive(PartialEq, Eq)]
    enum Mistake {
        LetsOthersInBeforeItBegins,
        LandsNoFailure,
        RemembersInSpiteOfAFlush,
    }

    /// Does what the cache does, but for the mistake.
    fn ask(
        mistake: &Mistake,
        cache: &Cache,
        name: &str,
        time: Duration,
    ) -> Result<Option<User>, Unavailable> {
        let shared = &*cache.shared;
        let asked = Asked::new(name, &shared.seed);
        let now = shared.clock.elapsed();
        let limit = Instant::now() + time;
        let mut shard = shared.shard(&asked);
        if let Some(hit) = shard.hit(&asked, now) {
            return Ok(hit.user);
        }
        if let Some(flight) = shard.flight(&asked).cloned() {
            drop(shard);
            return flight.wait(limit).and_then(Result::ok).ok_or(Unavailable);
        }
        if *mistake == Mistake::LetsOthersInBeforeItBegins {
            drop(shard);
            shard = shared.shard(&asked);
        }
        let flight = shard.start(&asked);
        drop(shard);
        let answer = shared.ask(name, now + time, limit);
        if answer.is_err() && *mistake == Mistake::LandsNoFailure {
            return Err(Unavailable);
        }
        let outcome = match &answer {
            Ok(entry) => Ok(entry.user.clone()),
            Err(failure) => Err(*failure),
        };
        let mut shard = shared.shard(&asked);
        let is_current = shard.end(&asked, &flight);
        if let Ok(entry) = answer
            && (is_current || *mistake == Mistake::RemembersInSpiteOfAFlush)
        {
            shard.put(&asked, entry, Duration::ZERO);
        }
        drop(shard);
        flight.land(outcome.clone());
        outcome.map_err(|_| Unavailable)
    }

    #[test]
    #[should_panic(expected = "looked up twice at a time")]
    fn two_lookups_at_a_time_are_found() {
        one_lookup_serves_all(|cache, name, time| {
            ask(&Mistake::LetsOthersInBeforeItBegins, cache, name, time)
        });
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn somebody_who_waits_for_ever_is_found() {
        everybody_is_answered_or_refused(|cache, name, time| {
            ask(&Mistake::LandsNoFailure, cache, name, time)
        });
    }

    #[test]
    #[should_panic(expected = "from before a flush")]
    fn an_answer_from_before_a_flush_is_found() {
        a_flush_is_not_undone(|cache, name, time| {
            ask(&Mistake::RemembersInSpiteOfAFlush, cache, name, time)
        });
    }
}
