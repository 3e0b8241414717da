use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Sender, bounded, unbounded};
use proptest::prelude::*;

use super::*;
use crate::clock::testing::ManualClock;
use crate::log::Level;

impl Shared {
    /// Of the source's time and of the cache's memory of lookups, nothing is taken.
    pub(super) fn assert_no_lookup_is_under_way(&self) {
        assert_eq!(self.gate.free(), LOOKUPS_AT_A_TIME);
        let mut shards = self.shards.iter();
        assert!(shards.all(|shard| shard.lock().flights() == 0));
    }
}

type Answer = Result<Option<User>, LookupError>;
type Behaviour = dyn Fn(&str, Duration) -> Answer + Send + Sync;

/// A source that does what a test tells it to, and remembers who was looked up.
struct Source {
    calls: Mutex<Vec<String>>,
    behaviour: Mutex<Arc<Behaviour>>,
}

impl Source {
    fn says(&self, behaviour: impl Fn(&str, Duration) -> Answer + Send + Sync + 'static) {
        *self.behaviour.lock() = Arc::new(behaviour);
    }

    fn calls(&self) -> usize {
        self.calls.lock().len()
    }
}

impl Lookup for Source {
    fn look_up(&self, name: &str, timeout: Duration) -> Answer {
        self.calls.lock().push(name.to_owned());
        let behaviour = Arc::clone(&self.behaviour.lock());
        behaviour(name, timeout)
    }
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn holder() -> User {
    User::new(true)
}

fn outage() -> LookupError {
    LookupError::Outage {
        problem: "connection refused".to_owned(),
        retry_after: None,
    }
}

impl Cache {
    /// Asks by the clock's own time.
    fn asked(&self, name: &str, deadline: Duration) -> Result<Option<User>, Unavailable> {
        let now = Cell::new(self.shared.clock.elapsed());
        self.user(name, &now, deadline)
    }
}

fn settings() -> Settings {
    Settings {
        ttl: secs(30),
        negative_ttl: secs(5),
        stale_if_error: Duration::ZERO,
        max_users: NonZeroUsize::new(10_000).unwrap(),
        timeout: secs(5),
    }
}

/// For tests in which threads wait for each other, so that a slow machine makes nobody give up.
fn patient() -> Settings {
    Settings {
        ttl: secs(1000),
        timeout: secs(60),
        ..settings()
    }
}

/// A cache in front of a source that knows everybody as a holder. The clock stands still.
struct World {
    cache: Cache,
    names: Receiver<Box<str>>,
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    log: Arc<Log>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let source = Arc::new(Source {
            calls: Mutex::default(),
            behaviour: Mutex::new(Arc::new(|_, _| Ok(Some(holder())))),
        });
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z"));
        let log = Arc::<Log>::default();
        let (cache, names) = Cache::unattended(
            Arc::clone(&source) as Arc<dyn Lookup>,
            settings,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::clone(&log),
        );
        World {
            cache,
            names,
            source,
            clock,
            log,
        }
    }

    /// The same with its threads.
    fn attended(settings: Settings) -> Self {
        let mut world = World::new(settings);
        let cache = &mut world.cache;
        cache.refresher.start(&cache.shared, &world.names).unwrap();
        world
    }

    fn ask(&self, name: &str) -> Result<Option<User>, Unavailable> {
        self.cache
            .asked(name, self.cache.deadline(self.clock.elapsed()))
    }

    /// Whether the user may impersonate, as far as anybody can tell.
    fn may(&self, name: &str) -> Result<bool, Unavailable> {
        let user = self.ask(name)?;
        Ok(user.is_some_and(|user| user.may_impersonate))
    }

    /// Makes the refreshes that wait.
    fn refresh(&self) -> usize {
        let names: Vec<_> = self.names.try_iter().collect();
        for name in &names {
            self.cache.shared.refresh(name);
        }
        names.len()
    }

    fn open_breaker(&self) {
        self.source.says(|_, _| Err(outage()));
        for number in 0..breaker::FAILURES {
            assert_eq!(self.ask(&format!("unlucky-{number}")), Err(Unavailable));
        }
        self.source.calls.lock().clear();
        assert_eq!(self.ask("refused"), Err(Unavailable));
        assert_eq!(self.source.calls(), 0, "the breaker is open");
    }

    /// How many wait for the lookup of this name, besides the one that makes it.
    fn followers(&self, name: &str) -> usize {
        let shared = &self.cache.shared;
        let asked = Asked::new(name, &shared.seed);
        let shard = shared.shard(&asked);
        // The shard has one, and so has the leader.
        shard
            .flight(&asked)
            .map_or(0, |flight| Arc::strong_count(flight).saturating_sub(2))
    }

    /// Everything that a lookup takes has been given back.
    fn assert_nothing_is_left(&self) {
        assert_eq!(self.cache.shared.gate.free(), LOOKUPS_AT_A_TIME);
        for shard in &self.cache.shared.shards {
            assert_eq!(shard.lock().flights(), 0);
        }
    }
}

/// Lets others run until something is so.
fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < secs(120), "it never came to be so");
        thread::yield_now();
    }
}

/// Makes lookups wait, until as many are released by sending to what is returned or it is dropped.
/// Then they end as the behaviour says.
fn held_back(
    behaviour: impl Fn(&str, Duration) -> Answer + Send + Sync + 'static,
) -> (
    Sender<()>,
    impl Fn(&str, Duration) -> Answer + Send + Sync + 'static,
) {
    let (release, released) = unbounded::<()>();
    let held = move |name: &str, timeout: Duration| {
        // With a limit, so that a test that fails does not hang.
        let _ = released.recv_timeout(secs(60));
        behaviour(name, timeout)
    };
    (release, held)
}

mod life {
    use super::*;

    #[test]
    fn a_user_is_looked_up_once_while_the_entry_lives() {
        let world = World::new(settings());
        for _ in 0..10 {
            assert_eq!(world.may("alice"), Ok(true));
        }
        assert_eq!(world.source.calls(), 1);
    }

    #[test]
    fn who_may_impersonate_is_remembered_for_the_ttl_and_all_others_for_the_negative_ttl() {
        let past = "2025-12-31T00:00:00Z".parse().unwrap();
        let expired = holder().with_details(Vec::new(), Some(past));
        let disabled = holder().disabled(true);
        for (answer, seconds) in [
            (Some(holder()), 30),
            (Some(User::default()), 5),
            (Some(disabled), 5),
            (Some(expired), 5),
            (None, 5),
        ] {
            let world = World::new(settings());
            let said = answer.clone();
            world.source.says(move |_, _| Ok(said.clone()));
            assert_eq!(world.ask("alice").unwrap(), answer);
            world.clock.advance(secs(seconds) - Duration::from_nanos(1));
            assert_eq!(world.ask("alice").unwrap(), answer);
            assert_eq!(world.source.calls(), 1, "{answer:?}");
            world.clock.advance(Duration::from_nanos(1));
            world.ask("alice").unwrap();
            assert_eq!(world.source.calls(), 2, "{answer:?}");
        }
    }

    #[test]
    fn reading_does_not_extend_a_life() {
        let world = World::new(settings());
        for _ in 0..30 {
            assert_eq!(world.may("alice"), Ok(true));
            world.clock.advance(secs(1));
        }
        world.source.says(|_, _| Ok(None));
        assert_eq!(world.may("alice"), Ok(false));
    }

    #[test]
    fn the_life_begins_within_one_timeout_of_the_question_however_late_the_answer() {
        let world = World::new(settings());
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, _| {
            clock.advance(secs(15));
            Ok(Some(holder()))
        });
        assert_eq!(world.may("alice"), Ok(true));
        world.clock.advance(secs(19));
        world.source.says(|_, _| Ok(None));
        assert_eq!(world.may("alice"), Ok(true));
        world.clock.advance(secs(1));
        assert_eq!(world.may("alice"), Ok(false));

        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, _| {
            clock.advance(secs(36));
            Ok(Some(holder()))
        });
        assert_eq!(world.ask("bob"), Err(Unavailable), "older than an entry");
    }

    #[test]
    fn without_a_ttl_each_call_asks_and_nothing_is_kept() {
        let world = World::new(Settings {
            ttl: Duration::ZERO,
            negative_ttl: Duration::ZERO,
            ..settings()
        });
        for calls in 1..=3 {
            assert_eq!(world.may("alice"), Ok(true));
            assert_eq!(world.source.calls(), calls);
        }
        assert!(world.cache.is_empty());
    }

    #[test]
    fn a_refusal_that_is_not_kept_still_replaces_a_grant_that_was() {
        let world = World::new(Settings {
            negative_ttl: Duration::ZERO,
            ..settings()
        });
        assert_eq!(world.may("alice"), Ok(true));
        world.clock.advance(secs(24));
        assert_eq!(world.may("alice"), Ok(true));
        world.source.says(|_, _| Ok(Some(User::default())));
        assert_eq!(world.refresh(), 1);
        assert_eq!(world.may("alice"), Ok(false));
    }

    #[test]
    fn names_that_differ_in_anything_are_different_users() {
        let world = World::new(settings());
        world.source.says(|name, _| {
            let groups = vec![name.to_owned()];
            Ok(Some(holder().with_details(groups, None)))
        });
        let names = ["alice", "Alice", "alice ", "malice", "", "alic\u{e9}"];
        for name in names.iter().chain(&names) {
            assert_eq!(world.ask(name).unwrap().unwrap().groups(), [*name]);
        }
        assert_eq!(world.source.calls(), names.len());
    }

    #[test]
    fn never_more_users_are_remembered_than_configured() {
        for max_users in [1, 2, 255, 256, 257, 511, 512, 1000, 20_000] {
            let world = World::new(Settings {
                max_users: NonZeroUsize::new(max_users).unwrap(),
                ..settings()
            });
            assert!(world.cache.shared.shards.len().is_power_of_two());
            for number in 0..max_users * 2 {
                assert_eq!(world.may(&number.to_string()), Ok(true));
            }
            assert_eq!(world.cache.len(), max_users);
        }
    }

    #[test]
    fn who_was_not_read_for_longest_is_forgotten_first() {
        let world = World::new(Settings {
            max_users: NonZeroUsize::new(2).unwrap(),
            ..settings()
        });
        for name in ["alice", "bob", "alice", "carol", "alice"] {
            world.ask(name).unwrap();
        }
        assert_eq!(*world.source.calls.lock(), ["alice", "bob", "carol"]);
    }

    #[test]
    fn a_failure_is_never_remembered() {
        let world = World::new(settings());
        let malformed = LookupError::Answer {
            problem: "permissions is a string".to_owned(),
        };
        for (calls, error) in [malformed, outage()].into_iter().enumerate() {
            world.source.says(move |_, _| Err(error.clone()));
            assert_eq!(world.ask("alice"), Err(Unavailable));
            assert_eq!(world.source.calls(), calls + 1);
        }
        assert!(world.cache.is_empty());
        world.source.says(|_, _| Ok(Some(holder())));
        assert_eq!(world.may("alice"), Ok(true));
    }

    #[test]
    fn who_comes_after_the_deadline_is_answered_from_memory_only() {
        let world = World::new(settings());
        assert_eq!(world.cache.asked("alice", secs(0)), Err(Unavailable));
        assert_eq!(world.source.calls(), 0);
        assert_eq!(world.may("alice"), Ok(true));
        assert!(world.cache.asked("alice", secs(0)).unwrap().is_some());
    }

    #[test]
    fn the_time_of_a_decision_moves_on_when_the_source_was_asked() {
        let world = World::new(settings());
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, _| {
            clock.advance(secs(3));
            Ok(None)
        });
        let now = Cell::new(world.clock.elapsed());
        let deadline = world.cache.deadline(now.get());
        assert_eq!(world.cache.user("alice", &now, deadline), Ok(None));
        assert_eq!(now.get(), world.clock.elapsed());
        assert_eq!(world.cache.user("alice", &now, deadline), Ok(None));
        assert_eq!(now.get(), world.clock.elapsed(), "a hit takes no time");
        assert_eq!(world.source.calls(), 1);
    }

    #[test]
    fn a_lookup_gets_what_is_left_of_the_time_of_its_decision() {
        let world = World::new(settings());
        let clock = Arc::clone(&world.clock);
        world.source.says(move |name, timeout| {
            assert_eq!(timeout, secs(if name == "alice" { 5 } else { 3 }));
            clock.advance(secs(2));
            Ok(Some(holder()))
        });
        let deadline = world.cache.deadline(world.clock.elapsed());
        assert!(world.cache.asked("alice", deadline).is_ok());
        assert!(world.cache.asked("bob", deadline).is_ok());
        assert_eq!(world.source.calls(), 2);
    }
}

mod refreshing {
    use super::*;

    #[test]
    fn a_read_late_in_the_life_of_an_entry_has_it_refreshed_once() {
        let world = World::new(settings());
        world.ask("alice").unwrap();
        world.clock.advance(secs(24) - Duration::from_nanos(1));
        world.ask("alice").unwrap();
        assert_eq!(world.refresh(), 0);
        world.clock.advance(Duration::from_nanos(1));
        for _ in 0..10 {
            world.ask("alice").unwrap();
        }
        assert_eq!(world.source.calls(), 1, "nobody waits");
        assert_eq!(world.refresh(), 1);
        assert_eq!(world.source.calls(), 2);
        world.clock.advance(secs(23));
        assert_eq!(world.may("alice"), Ok(true));
        assert_eq!((world.refresh(), world.source.calls()), (0, 2));
    }

    #[test]
    fn a_user_who_is_read_constantly_never_waits() {
        let world = World::new(settings());
        world.ask("alice").unwrap();
        for _ in 0..200 {
            world.clock.advance(secs(1));
            let calls = world.source.calls();
            assert_eq!(world.may("alice"), Ok(true));
            assert_eq!(world.source.calls(), calls);
            world.refresh();
        }
        assert_eq!(world.source.calls(), 1 + 200 / 24);
    }

    #[test]
    fn a_refresh_that_says_no_takes_the_permission_away_at_once() {
        for answer in [None, Some(User::default())] {
            let world = World::new(settings());
            world.ask("alice").unwrap();
            world.clock.advance(secs(24));
            world.ask("alice").unwrap();
            world.source.says(move |_, _| Ok(answer.clone()));
            assert_eq!(world.refresh(), 1);
            assert_eq!(world.may("alice"), Ok(false));
        }
    }

    #[test]
    fn a_failed_refresh_leaves_the_entry_and_is_tried_again_after_a_moment() {
        let world = World::new(settings());
        world.ask("alice").unwrap();
        world.source.says(|_, _| Err(outage()));
        world.clock.advance(secs(24));
        assert_eq!((world.may("alice"), world.refresh()), (Ok(true), 1));
        world.clock.advance(secs(2));
        assert_eq!((world.may("alice"), world.refresh()), (Ok(true), 0));
        world.clock.advance(secs(1));
        assert_eq!((world.may("alice"), world.refresh()), (Ok(true), 1));
        assert_eq!(world.source.calls(), 3);
        world.clock.advance(secs(3));
        assert_eq!(world.ask("alice"), Err(Unavailable), "its life is over");
    }

    #[test]
    fn a_refresh_that_finds_no_place_in_the_queue_is_asked_for_by_the_next_read() {
        let world = World::new(settings());
        let mut number = 0;
        while world.cache.refresher.offer(&format!("queued-{number}")) {
            number += 1;
        }
        world.ask("alice").unwrap();
        world.clock.advance(secs(24));
        world.ask("alice").unwrap();
        assert_eq!(&*world.names.try_recv().unwrap(), "queued-0");
        world.ask("alice").unwrap();
        assert_eq!(&*world.names.try_iter().last().unwrap(), "alice");
    }

    #[test]
    fn a_refresh_that_makes_no_sense_any_more_is_left_out() {
        let world = World::new(settings());
        for name in ["flushed", "fresh", "expired"] {
            world.ask(name).unwrap();
        }
        world.clock.advance(secs(24));
        for name in ["flushed", "fresh"] {
            world.ask(name).unwrap();
            world.cache.flush_user(name);
        }
        world.ask("expired").unwrap();
        world.ask("fresh").unwrap();
        let calls = world.source.calls();
        let names: Vec<_> = world.names.try_iter().collect();
        assert_eq!(names.len(), 3);
        world.cache.shared.refresh("flushed");
        world.cache.shared.refresh("fresh");
        world.clock.advance(secs(6));
        world.cache.shared.refresh("expired");
        assert_eq!(world.source.calls(), calls);
    }

    #[test]
    fn a_refresh_and_a_caller_share_a_lookup() {
        let world = World::new(patient());
        world.ask("alice").unwrap();
        world.clock.advance(secs(800));
        world.ask("alice").unwrap();
        let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(behaviour);
        thread::scope(|scope| {
            scope.spawn(|| world.refresh());
            until(|| world.source.calls() == 2);
            world.cache.shared.refresh("alice");
            world.clock.advance(secs(200));
            let caller = scope.spawn(|| world.may("alice"));
            until(|| world.followers("alice") == 1);
            drop(release);
            assert_eq!(caller.join().unwrap(), Ok(true));
        });
        assert_eq!(world.source.calls(), 2);
        world.assert_nothing_is_left();
    }

    #[test]
    fn threads_refresh_in_the_background_and_survive_a_panic() {
        let world = World::attended(settings());
        let users: Vec<_> = (0..20).map(|number| format!("user-{number}")).collect();
        for name in &users {
            world.ask(name).unwrap();
        }
        world.source.says(|name, _| {
            assert!(name.contains("unlucky") || name.ends_with('9'), "a panic");
            Ok(None)
        });
        world.clock.advance(secs(24));
        for name in &users {
            assert_eq!(world.may(name), Ok(true));
        }
        until(|| world.source.calls() == 40);
        until(|| world.may("user-9") == Ok(false) && world.may("user-19") == Ok(false));
        assert_eq!(world.may("user-0"), Ok(true), "its refresh panicked");
    }

    #[test]
    fn a_dropped_cache_leaves_no_thread_and_forgets_the_refreshes_that_wait() {
        let world = World::attended(settings());
        for number in 0..100 {
            world.ask(&number.to_string()).unwrap();
        }
        let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(behaviour);
        world.clock.advance(secs(24));
        for number in 0..100 {
            world.ask(&number.to_string()).unwrap();
        }
        until(|| world.source.calls() == 104);
        let World { cache, source, .. } = world;
        let stopped = cache.refresher.stopped();
        let dropping = thread::spawn(move || drop(cache));
        until(|| stopped.load(Ordering::Acquire));
        drop(release);
        dropping.join().unwrap();
        assert_eq!(source.calls(), 104);
        assert_eq!(Arc::strong_count(&source), 1, "nobody holds the source");
    }
}

mod single_flight {
    use super::*;

    #[test]
    fn a_thousand_threads_at_the_moment_of_expiry_cause_one_lookup() {
        let world = World::new(patient());
        world.ask("svc").unwrap();
        world.clock.advance(secs(1000));
        let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(behaviour);
        let barrier = Barrier::new(1000);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..1000)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        world.ask("svc")
                    })
                })
                .collect();
            until(|| world.followers("svc") == 999);
            drop(release);
            for thread in threads {
                assert!(thread.join().unwrap().unwrap().unwrap().may_impersonate);
            }
        });
        assert_eq!(world.source.calls(), 2);
        world.assert_nothing_is_left();
    }

    #[test]
    fn a_thousand_threads_whom_nobody_holds_back_cause_one_lookup() {
        let world = World::new(patient());
        let barrier = Barrier::new(1000);
        thread::scope(|scope| {
            for _ in 0..1000 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(world.may("svc"), Ok(true));
                });
            }
        });
        assert_eq!(world.source.calls(), 1);
    }

    #[test]
    fn nobody_waits_beyond_his_deadline_even_if_the_clock_stands_still() {
        let world = World::new(patient());
        let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(behaviour);
        thread::scope(|scope| {
            let leader = scope.spawn(|| world.may("alice"));
            until(|| world.source.calls() == 1);
            let impatient = world.cache.asked("alice", Duration::from_millis(20));
            assert_eq!(impatient, Err(Unavailable));
            drop(release);
            assert_eq!(leader.join().unwrap(), Ok(true));
        });
        assert_eq!(world.source.calls(), 1);
    }

    #[test]
    fn a_panic_denies_everybody_who_waits_and_the_next_call_asks_again() {
        let world = World::new(patient());
        let (release, behaviour) = held_back(|_, _| panic!("a panic"));
        world.source.says(behaviour);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| world.ask("a\nb"))).collect();
            until(|| world.followers("a\nb") == 9);
            drop(release);
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Err(Unavailable));
            }
        });
        assert_eq!(world.source.calls(), 1);
        world.assert_nothing_is_left();
        let messages = world.log.drain();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].level, Level::Error);
        assert!(messages[0].text.starts_with("looking up \"a\\nb\" failed"));
        world.source.says(|_, _| Ok(None));
        assert_eq!(world.may("a\nb"), Ok(false));
    }

    /// A leader with a fifth of a timeout runs out of it while 200 wait with all of it.
    fn rushed(
        then: impl Fn() -> Answer + Send + Sync + 'static,
    ) -> Vec<Result<Option<User>, Unavailable>> {
        let world = World::new(patient());
        let clock = Arc::clone(&world.clock);
        let (release, behaviour) = held_back(move |_, timeout| {
            if timeout == secs(12) {
                clock.advance(timeout);
                Err(outage())
            } else {
                assert_eq!(timeout, secs(48));
                then()
            }
        });
        world.source.says(behaviour);
        let answers = thread::scope(|scope| {
            let leader = scope.spawn(|| world.cache.asked("alice", secs(12)));
            until(|| world.source.calls() == 1);
            let followers: Vec<_> = (0..200)
                .map(|_| scope.spawn(|| world.ask("alice")))
                .collect();
            until(|| world.followers("alice") == 200);
            release.send(()).unwrap();
            assert_eq!(leader.join().unwrap(), Err(Unavailable));
            until(|| world.source.calls() == 2 && world.followers("alice") == 199);
            release.send(()).unwrap();
            let answers = followers.into_iter().map(|thread| thread.join().unwrap());
            answers.collect()
        });
        assert_eq!(world.source.calls(), 2);
        world.assert_nothing_is_left();
        answers
    }

    #[test]
    fn who_waited_for_a_leader_with_little_time_shares_one_more_lookup() {
        let answers = rushed(|| Ok(Some(holder())));
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))));
    }

    #[test]
    fn in_an_outage_one_more_lookup_is_the_last() {
        let answers = rushed(|| Err(outage()));
        assert!(answers.iter().all(|answer| *answer == Err(Unavailable)));
    }

    #[test]
    fn who_has_little_time_left_does_not_ask_after_a_leader_who_had_little() {
        let world = World::new(patient());
        let clock = Arc::clone(&world.clock);
        let (release, behaviour) = held_back(move |_, timeout| {
            clock.advance(timeout);
            Err(outage())
        });
        world.source.says(behaviour);
        thread::scope(|scope| {
            let leader = scope.spawn(|| world.cache.asked("alice", secs(12)));
            until(|| world.source.calls() == 1);
            let follower = scope.spawn(|| world.cache.asked("alice", secs(40)));
            until(|| world.followers("alice") == 1);
            drop(release);
            assert_eq!(leader.join().unwrap(), Err(Unavailable));
            assert_eq!(follower.join().unwrap(), Err(Unavailable));
        });
        assert_eq!(world.source.calls(), 1);
    }

    #[test]
    fn running_out_of_a_rest_of_time_says_nothing_of_the_source() {
        let world = World::new(settings());
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, timeout| {
            clock.advance(timeout);
            Err(outage())
        });
        for number in 0..2 * breaker::FAILURES {
            let deadline = world.clock.elapsed() + secs(1);
            let answer = world.cache.asked(&number.to_string(), deadline);
            assert_eq!(answer, Err(Unavailable));
        }
        world.source.says(|_, _| Ok(Some(holder())));
        assert_eq!(world.may("alice"), Ok(true));
        assert!(world.log.drain().iter().all(|m| m.level == Level::Warning));
    }
}

mod outages {
    use super::*;

    /// How many lookups a thousand threads make for as many users.
    fn lookups_of_a_thousand(world: &World, meanwhile: impl FnOnce()) -> usize {
        let before = world.source.calls();
        let barrier = Barrier::new(1000);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..1000)
                .map(|number| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        let name = format!("user-{number}");
                        barrier.wait();
                        world.ask(&name)
                    })
                })
                .collect();
            meanwhile();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Err(Unavailable));
            }
        });
        world.assert_nothing_is_left();
        world.source.calls() - before
    }

    /// Those that were let through when the breaker opened, and those whose failures opened it.
    const A_FEW: usize = LOOKUPS_AT_A_TIME + breaker::FAILURES as usize;

    #[test]
    fn a_thousand_users_during_an_outage_make_a_few_lookups() {
        let world = World::new(patient());
        world.source.says(|_, _| Err(outage()));
        let lookups = lookups_of_a_thousand(&world, || {});
        assert!(lookups < A_FEW, "{lookups}");
        assert_eq!(lookups_of_a_thousand(&world, || {}), 0);
    }

    #[test]
    fn a_thousand_users_during_an_outage_in_which_lookups_hang_make_a_few_lookups() {
        let world = World::new(patient());
        let (release, behaviour) = held_back(|_, _| Err(outage()));
        world.source.says(behaviour);
        let start = Instant::now();
        let lookups = lookups_of_a_thousand(&world, || {
            until(|| world.source.calls() == LOOKUPS_AT_A_TIME);
            drop(release);
        });
        assert!(start.elapsed() < patient().timeout / 2, "nobody waits on");
        assert!(lookups < A_FEW, "{lookups}");
    }

    #[test]
    fn so_many_lookups_are_made_at_a_time_and_the_rest_wait_until_their_deadline() {
        let world = World::new(patient());
        let busy = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let (release, behaviour) = {
            let (busy, most) = (Arc::clone(&busy), Arc::clone(&most));
            let (release, released) = bounded::<()>(0);
            let behaviour = move |_: &str, _| {
                let now = busy.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                let _ = released.recv_timeout(secs(60));
                busy.fetch_sub(1, Ordering::SeqCst);
                Ok(Some(holder()))
            };
            (release, behaviour)
        };
        world.source.says(behaviour);
        let world = &world;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..40)
                .map(|number| scope.spawn(move || world.may(&format!("user-{number}"))))
                .collect();
            until(|| busy.load(Ordering::SeqCst) == LOOKUPS_AT_A_TIME);
            let late = world.cache.asked("late", Duration::from_millis(20));
            assert_eq!(late, Err(Unavailable));
            assert_eq!(world.source.calls(), LOOKUPS_AT_A_TIME);
            drop(release);
            for thread in threads {
                assert_eq!(thread.join().unwrap(), Ok(true));
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), LOOKUPS_AT_A_TIME);
        world.assert_nothing_is_left();
    }

    #[test]
    fn an_open_breaker_lets_one_lookup_try_while_all_others_are_refused_at_once() {
        let world = World::new(patient());
        world.ask("warm").unwrap();
        world.open_breaker();
        assert_eq!(world.may("warm"), Ok(true));
        world.clock.advance(secs(1));
        let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(behaviour);
        thread::scope(|scope| {
            let probe = scope.spawn(|| world.may("alice"));
            until(|| world.source.calls() == 1);
            assert_eq!(world.ask("bob"), Err(Unavailable));
            assert_eq!(world.ask("alice"), Err(Unavailable), "not even for the try");
            drop(release);
            assert_eq!(probe.join().unwrap(), Ok(true));
        });
        assert_eq!(world.may("bob"), Ok(true));
        let messages: Vec<_> = world.log.drain();
        let texts: Vec<_> = messages.iter().map(|message| &*message.text).collect();
        assert_eq!(messages.len(), 3, "{texts:?}");
        assert_eq!(messages[0].level, Level::Warning);
        assert!(texts[0].starts_with("looking up \"unlucky-0\" failed: connection refused"));
        assert_eq!(messages[1].level, Level::Error);
        assert!(texts[1].contains("for 1 s") && texts[1].ends_with("connection refused"));
        assert_eq!(messages[2].level, Level::Info);
        assert!(texts[2].ends_with("refused meanwhile: 3"), "{texts:?}");
    }

    #[test]
    fn a_try_that_fails_in_any_way_leaves_the_breaker_open_for_longer() {
        let failures: [fn() -> Answer; 2] = [|| Err(outage()), || panic!("a panic")];
        for failure in failures {
            let world = World::new(settings());
            world.open_breaker();
            world.source.says(move |_, _| failure());
            world.clock.advance(secs(1));
            assert_eq!(world.ask("alice"), Err(Unavailable));
            world.source.says(|_, _| Ok(Some(holder())));
            world.clock.advance(secs(2) - Duration::from_nanos(1));
            assert_eq!(world.ask("alice"), Err(Unavailable));
            assert_eq!(world.source.calls(), 1);
            world.clock.advance(Duration::from_nanos(1));
            assert_eq!(world.may("alice"), Ok(true));
        }
    }

    #[test]
    fn a_try_without_time_to_ask_does_not_block_the_next() {
        let world = World::new(settings());
        world.open_breaker();
        world.clock.advance(secs(1));
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, timeout| {
            clock.advance(timeout);
            Err(outage())
        });
        let deadline = world.clock.elapsed() + secs(1);
        assert_eq!(world.cache.asked("alice", deadline), Err(Unavailable));
        assert_eq!(world.source.calls(), 1);
        world.source.says(|_, _| Ok(Some(holder())));
        world.clock.advance(secs(2));
        assert_eq!(world.may("alice"), Ok(true));
    }

    #[test]
    fn answers_that_cannot_be_used_do_not_open_the_breaker_and_close_an_open_one() {
        let malformed = || {
            Err(LookupError::Answer {
                problem: "two users".to_owned(),
            })
        };
        let world = World::new(settings());
        world.source.says(move |_, _| malformed());
        for _ in 0..20 {
            assert_eq!(world.ask("alice"), Err(Unavailable));
        }
        assert_eq!(world.source.calls(), 20);
        world.open_breaker();
        world.clock.advance(secs(1));
        world.source.says(move |_, _| malformed());
        assert_eq!(world.ask("alice"), Err(Unavailable));
        assert_eq!(world.ask("alice"), Err(Unavailable));
        assert_eq!(world.source.calls(), 2);
    }

    #[test]
    fn the_source_says_how_long_it_is_left_alone() {
        let world = World::new(settings());
        world.source.says(|_, _| {
            Err(LookupError::Outage {
                problem: "too many requests".to_owned(),
                retry_after: Some(secs(40)),
            })
        });
        for _ in 0..breaker::FAILURES {
            assert_eq!(world.ask("alice"), Err(Unavailable));
        }
        world.source.says(|_, _| Ok(Some(holder())));
        world.clock.advance(secs(39));
        assert_eq!(world.ask("alice"), Err(Unavailable));
        world.clock.advance(secs(1));
        assert_eq!(world.may("alice"), Ok(true));
    }

    #[test]
    fn a_warm_user_works_through_an_outage_that_is_shorter_than_the_life_of_the_entry() {
        let world = World::new(settings());
        world.ask("alice").unwrap();
        world.open_breaker();
        for _ in 0..29 {
            world.clock.advance(secs(1));
            assert_eq!(world.may("alice"), Ok(true));
            world.refresh();
        }
        world.clock.advance(secs(1));
        assert_eq!(world.ask("alice"), Err(Unavailable));
    }

    fn stale() -> Settings {
        Settings {
            stale_if_error: secs(60),
            ..settings()
        }
    }

    #[test]
    fn what_was_said_last_serves_during_an_outage_for_as_long_as_configured() {
        for (answer, life) in [(Some(holder()), 30), (None, 5)] {
            let world = World::new(stale());
            let expected = Ok(answer.is_some());
            world.source.says(move |_, _| Ok(answer.clone()));
            world.ask("alice").unwrap();
            world.clock.advance(secs(life));
            world.source.says(|_, _| Err(outage()));
            assert_eq!(world.may("alice"), expected, "by a failure");
            world.open_breaker();
            world.clock.advance(secs(60) - Duration::from_nanos(1));
            world.source.says(|_, _| Err(outage()));
            assert_eq!(world.may("alice"), expected, "by a try that fails");
            assert_eq!(world.may("alice"), expected, "by the breaker");
            assert_eq!(world.source.calls(), 1);
            world.clock.advance(Duration::from_nanos(1));
            assert_eq!(world.ask("alice"), Err(Unavailable));
        }
    }

    #[test]
    fn the_age_of_what_was_said_last_is_taken_after_the_failure() {
        let world = World::new(stale());
        world.ask("alice").unwrap();
        world.clock.advance(secs(88));
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, _| {
            clock.advance(secs(2));
            Err(outage())
        });
        assert_eq!(world.ask("alice"), Err(Unavailable));
    }

    #[test]
    fn an_answer_wins_over_what_was_said_before() {
        let world = World::new(stale());
        world.ask("alice").unwrap();
        world.clock.advance(secs(30));
        world.source.says(|_, _| Ok(None));
        assert_eq!(world.may("alice"), Ok(false));
        world.source.says(|_, _| Err(outage()));
        world.clock.advance(secs(5));
        assert_eq!(
            world.may("alice"),
            Ok(false),
            "the grant does not come back"
        );
    }
}

mod flushing {
    use super::*;

    type Flush = fn(&Cache);
    const BOTH: [Flush; 2] = [|cache| cache.flush(), |cache| cache.flush_user("alice")];

    #[test]
    fn a_flush_forgets_whom_it_names() {
        let world = World::new(settings());
        world.ask("alice").unwrap();
        world.ask("bob").unwrap();
        world.cache.flush_user("alice");
        world.ask("alice").unwrap();
        world.ask("bob").unwrap();
        assert_eq!(*world.source.calls.lock(), ["alice", "bob", "alice"]);
        world.cache.flush();
        assert!(world.cache.is_empty());
        world.ask("bob").unwrap();
        assert_eq!(world.source.calls(), 4);
    }

    /// What a thread keeps for itself, and what other threads do then.
    #[test]
    fn what_a_thread_has_just_read_is_forgotten_by_a_flush_of_another_thread() {
        for flush in BOTH {
            let world = World::new(settings());
            for _ in 0..3 {
                assert_eq!(world.may("alice"), Ok(true));
            }
            assert!(world.cache.shared.recent.hits() > 0);
            world.source.says(|_, _| Ok(None));
            thread::scope(|scope| {
                scope.spawn(|| flush(&world.cache));
            });
            assert_eq!(world.may("alice"), Ok(false));
        }
    }

    #[test]
    fn what_a_thread_has_just_read_gives_way_to_what_another_thread_has_looked_up() {
        let world = World::new(settings());
        for _ in 0..3 {
            assert_eq!(world.may("alice"), Ok(true));
        }
        world.clock.advance(secs(24));
        assert_eq!(world.may("alice"), Ok(true), "and asks for a refresh");
        assert_eq!(world.may("alice"), Ok(true));
        world.source.says(|_, _| Ok(None));
        thread::scope(|scope| {
            scope.spawn(|| world.cache.shared.refresh("alice"));
        });
        assert_eq!(world.may("alice"), Ok(false));
    }

    #[test]
    fn what_a_thread_has_just_read_lives_no_longer_than_what_is_remembered() {
        let world = World::new(settings());
        for _ in 0..3 {
            assert_eq!(world.may("alice"), Ok(true));
        }
        world.source.says(|_, _| Err(outage()));
        world.clock.advance(secs(30) - Duration::from_nanos(1));
        assert_eq!(world.may("alice"), Ok(true));
        assert_eq!(world.may("alice"), Ok(true));
        world.clock.advance(Duration::from_nanos(1));
        assert_eq!(world.may("alice"), Err(Unavailable));
    }

    #[test]
    fn what_a_thread_has_read_in_one_cache_is_nothing_to_another() {
        let world = World::new(settings());
        for _ in 0..3 {
            assert_eq!(world.may("alice"), Ok(true));
        }
        let other = World::new(settings());
        other.source.says(|_, _| Ok(None));
        for _ in 0..3 {
            assert_eq!(other.may("alice"), Ok(false));
            assert_eq!(world.may("alice"), Ok(true));
        }
    }

    #[test]
    fn a_lookup_that_began_before_a_flush_is_neither_stored_nor_given_to_who_asks_after_it() {
        for flush in BOTH {
            let world = World::new(patient());
            let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
            world.source.says(behaviour);
            thread::scope(|scope| {
                let before: Vec<_> = (0..2).map(|_| scope.spawn(|| world.may("alice"))).collect();
                until(|| world.followers("alice") == 1);
                flush(&world.cache);
                world.source.says(|_, _| Ok(None));
                assert_eq!(world.may("alice"), Ok(false), "without waiting");
                drop(release);
                for thread in before {
                    assert_eq!(thread.join().unwrap(), Ok(true));
                }
            });
            assert_eq!(world.may("alice"), Ok(false));
            assert_eq!(world.source.calls(), 2);
            world.assert_nothing_is_left();
        }
    }

    #[test]
    fn the_end_of_a_lookup_from_before_a_flush_leaves_the_next_one_alone() {
        for flush in BOTH {
            let world = World::new(patient());
            let (release_old, behaviour) = held_back(|_, _| Ok(Some(holder())));
            world.source.says(behaviour);
            thread::scope(|scope| {
                let old = scope.spawn(|| world.may("alice"));
                until(|| world.source.calls() == 1);
                flush(&world.cache);
                let (release_new, behaviour) = held_back(|_, _| Ok(None));
                world.source.says(behaviour);
                let new = scope.spawn(|| world.may("alice"));
                until(|| world.source.calls() == 2);
                drop(release_old);
                assert_eq!(old.join().unwrap(), Ok(true));
                assert!(world.cache.is_empty(), "not stored");
                let newer = scope.spawn(|| world.may("alice"));
                until(|| world.followers("alice") == 1);
                drop(release_new);
                assert_eq!(new.join().unwrap(), Ok(false));
                assert_eq!(newer.join().unwrap(), Ok(false));
            });
            assert_eq!(world.source.calls(), 2);
            world.assert_nothing_is_left();
        }
    }

    #[test]
    fn a_refresh_that_began_before_a_flush_is_not_stored() {
        for flush in BOTH {
            let world = World::new(patient());
            world.ask("alice").unwrap();
            world.clock.advance(secs(800));
            world.ask("alice").unwrap();
            let (release, behaviour) = held_back(|_, _| Ok(Some(holder())));
            world.source.says(behaviour);
            thread::scope(|scope| {
                let refresh = scope.spawn(|| world.refresh());
                until(|| world.source.calls() == 2);
                flush(&world.cache);
                drop(release);
                refresh.join().unwrap();
            });
            assert!(world.cache.is_empty());
        }
    }

    #[test]
    fn a_flush_takes_away_what_would_serve_in_an_outage() {
        for flush in BOTH {
            let world = World::new(Settings {
                stale_if_error: secs(60),
                ..settings()
            });
            world.ask("alice").unwrap();
            flush(&world.cache);
            world.source.says(|_, _| Err(outage()));
            assert_eq!(world.ask("alice"), Err(Unavailable));
        }
    }
}

mod revocation {
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Read(usize),
        ReadConstantly(usize, u64),
        Grant(usize),
        Revoke(usize),
        /// Revokes while the next lookup is under way, when the answer has already been found.
        RevokeDuringLookup,
        Source {
            works: bool,
            millis: u64,
        },
        Refresh,
        Flush,
    }

    const USERS: [&str; 3] = ["alice", "bob", "carol"];

    fn step() -> impl Strategy<Value = Step> {
        let user = 0..USERS.len();
        prop_oneof![
            4 => (0..12_000u64).prop_map(Step::Wait),
            6 => user.clone().prop_map(Step::Read),
            4 => (user.clone(), 1..60_000u64).prop_map(|(u, t)| Step::ReadConstantly(u, t)),
            2 => user.clone().prop_map(Step::Grant),
            2 => user.prop_map(Step::Revoke),
            1 => Just(Step::RevokeDuringLookup),
            2 => (any::<bool>(), 0..8_000u64).prop_map(|(works, millis)| Step::Source { works, millis }),
            4 => Just(Step::Refresh),
            1 => Just(Step::Flush),
        ]
    }

    struct Truth {
        /// Since when each user has no permission; `None` while it is held.
        revoked: HashMap<&'static str, Option<Duration>>,
        works: bool,
        takes: Duration,
        revoke_during_lookup: bool,
    }

    struct Trial {
        world: World,
        truth: Arc<Mutex<Truth>>,
        grace: Duration,
        granted: usize,
    }

    impl Trial {
        fn new(settings: Settings) -> Self {
            let grace = settings.ttl + settings.stale_if_error + settings.timeout;
            let world = World::new(settings);
            let truth = Arc::new(Mutex::new(Truth {
                revoked: USERS.iter().map(|name| (*name, None)).collect(),
                works: true,
                takes: Duration::ZERO,
                revoke_during_lookup: false,
            }));
            let (clock, shared) = (Arc::clone(&world.clock), Arc::clone(&truth));
            world.source.says(move |name, timeout| {
                let mut truth = shared.lock();
                let takes = truth.takes;
                let answer = truth.revoked[name].is_none().then(holder);
                if truth.revoke_during_lookup {
                    truth.revoke_during_lookup = false;
                    let revoked = truth.revoked.get_mut(name).unwrap();
                    revoked.get_or_insert(clock.elapsed());
                }
                // A source that overruns its time a little is still to be told the truth about.
                clock.advance(takes.min(timeout + secs(1)));
                if truth.works && takes <= timeout + secs(1) {
                    Ok(answer)
                } else {
                    Err(outage())
                }
            });
            Trial {
                world,
                truth,
                grace,
                granted: 0,
            }
        }

        fn read(&mut self, user: usize) -> Result<(), TestCaseError> {
            let asked = self.world.clock.elapsed();
            let allowed = self.world.may(USERS[user]) == Ok(true);
            self.granted += usize::from(allowed);
            let revoked = self.truth.lock().revoked[USERS[user]];
            if let (true, Some(since)) = (allowed, revoked) {
                prop_assert!(
                    asked < since + self.grace,
                    "{} was revoked at {since:?} and allowed at {asked:?}",
                    USERS[user]
                );
            }
            Ok(())
        }

        fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
            let now = self.world.clock.elapsed();
            match step {
                Step::Wait(millis) => self.world.clock.advance(Duration::from_millis(millis)),
                Step::Read(user) => self.read(user)?,
                Step::ReadConstantly(user, millis) => {
                    let end = now + Duration::from_millis(millis);
                    while self.world.clock.elapsed() < end {
                        self.read(user)?;
                        self.world.clock.advance(Duration::from_millis(500));
                    }
                }
                Step::Grant(user) => {
                    self.truth.lock().revoked.insert(USERS[user], None);
                }
                Step::Revoke(user) => {
                    let mut truth = self.truth.lock();
                    let revoked = truth.revoked.get_mut(USERS[user]).unwrap();
                    revoked.get_or_insert(now);
                }
                Step::RevokeDuringLookup => self.truth.lock().revoke_during_lookup = true,
                Step::Source { works, millis } => {
                    let mut truth = self.truth.lock();
                    truth.works = works;
                    truth.takes = Duration::from_millis(millis);
                }
                Step::Refresh => {
                    self.world.refresh();
                }
                Step::Flush => self.world.cache.flush(),
            }
            Ok(())
        }

        /// However it went, a source that works is believed once everything old is out of the way.
        fn settle(&mut self) -> Result<(), TestCaseError> {
            {
                let mut truth = self.truth.lock();
                truth.works = true;
                truth.takes = Duration::ZERO;
                truth.revoke_during_lookup = false;
            }
            self.world.clock.advance(self.grace + secs(300));
            for name in USERS {
                let held = self.truth.lock().revoked[name].is_none();
                prop_assert_eq!(self.world.may(name), Ok(held));
            }
            self.world.assert_nothing_is_left();
            Ok(())
        }
    }

    fn any_settings() -> impl Strategy<Value = Settings> {
        (
            prop_oneof![Just(0u64), Just(30), 1..60u64],
            prop_oneof![Just(0u64), Just(5), 1..20u64],
            prop_oneof![Just(0u64), 1..60u64],
            1..4usize,
        )
            .prop_map(|(ttl, negative_ttl, stale, max_users)| Settings {
                ttl: secs(ttl),
                negative_ttl: secs(negative_ttl),
                stale_if_error: secs(stale),
                max_users: NonZeroUsize::new(max_users).unwrap(),
                timeout: secs(5),
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_revoked_permission_stops_working_within_ttl_stale_if_error_and_one_timeout(
            settings in any_settings(),
            steps in prop::collection::vec(step(), 1..80),
        ) {
            let mut trial = Trial::new(settings);
            for step in steps {
                trial.take(step)?;
            }
            trial.settle()?;
        }
    }

    #[test]
    fn an_entry_that_is_read_constantly_through_an_outage_is_refused_at_the_promised_time() {
        for (stale_if_error, last) in [(0, 29), (60, 89)] {
            let mut trial = Trial::new(Settings {
                stale_if_error: secs(stale_if_error),
                ..settings()
            });
            trial.read(0).unwrap();
            trial.take(Step::Revoke(0)).unwrap();
            trial.truth.lock().works = false;
            let mut allowed = 0;
            for second in 0..200 {
                let before = trial.granted;
                trial.read(0).unwrap();
                if trial.granted > before {
                    allowed = second;
                }
                trial.world.refresh();
                trial.world.clock.advance(secs(1));
            }
            assert_eq!(allowed, last, "and it works until then");
        }
    }
}

mod under_load {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn nothing_leaks_and_nobody_is_answered_for_another_whatever_happens_at_once() {
        let source = Arc::new(Source {
            calls: Mutex::default(),
            behaviour: Mutex::new(Arc::new(|name: &str, _| {
                let number: usize = name.parse().unwrap();
                match number % 8 {
                    0 => panic!("a panic"),
                    1 => Err(outage()),
                    2 => Err(LookupError::Answer {
                        problem: "malformed".to_owned(),
                    }),
                    3 => Ok(None),
                    _ => Ok(Some(holder().with_details(vec![name.to_owned()], None))),
                }
            })),
        });
        let settings = Settings {
            ttl: Duration::from_micros(200),
            negative_ttl: Duration::from_micros(50),
            stale_if_error: Duration::from_micros(50),
            max_users: NonZeroUsize::new(20).unwrap(),
            timeout: secs(60),
        };
        let cache = Cache::start(
            Arc::clone(&source) as Arc<dyn Lookup>,
            settings,
            Arc::new(SystemClock::new()),
            Arc::default(),
        )
        .unwrap();
        let barrier = Barrier::new(8);
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for thread in 0..8usize {
                let (cache, barrier, answered) = (&cache, &barrier, &answered);
                scope.spawn(move || {
                    barrier.wait();
                    for turn in 0..3000usize {
                        // Few names, so that threads meet.
                        let name = (turn * (thread + 1) % 40).to_string();
                        match turn % 97 {
                            0 => cache.flush(),
                            1 => cache.flush_user(&name),
                            _ => {}
                        }
                        if let Ok(Some(user)) =
                            cache.asked(&name, cache.deadline(cache.shared.clock.elapsed()))
                        {
                            assert_eq!(user.groups(), [name]);
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        assert!(cache.len() <= 20);
                    }
                });
            }
        });
        assert!(answered.load(Ordering::Relaxed) > 0);
        let shared = Arc::clone(&cache.shared);
        drop(cache);
        shared.assert_no_lookup_is_under_way();
        assert_eq!(Arc::strong_count(&shared), 1, "the threads have ended");
    }
}

mod what_operators_see {
    use super::*;

    fn metric(world: &World, name: &str) -> u64 {
        let metrics = Cache::metrics(Some(&world.cache));
        let found: Vec<&Metric> = metrics
            .iter()
            .filter(|metric| metric.name == name)
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].value
    }

    fn states(world: &World) -> Vec<(String, State)> {
        let remembered = world.cache.remembered();
        let mut states: Vec<_> = remembered
            .into_iter()
            .map(|user| (user.name, user.state))
            .collect();
        states.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        states
    }

    #[test]
    fn hits_misses_refreshes_and_evictions_are_counted() {
        let world = World::new(Settings {
            max_users: NonZeroUsize::new(1).unwrap(),
            ..settings()
        });
        for name in ["svc", "svc", "svc", "bob", "svc"] {
            world.ask(name).unwrap();
        }
        world.clock.advance(secs(24));
        world.ask("svc").unwrap();
        assert_eq!(world.refresh(), 1);
        for (name, count) in [
            ("cache_hits", 3),
            ("cache_misses", 3),
            ("cache_refreshes", 1),
            ("cache_evictions", 2),
            ("cache_size", 1),
            ("lookup_milliseconds_le_1", 4),
            ("lookup_milliseconds_le_inf", 4),
            ("lookup_failures", 0),
        ] {
            assert_eq!(metric(&world, name), count, "{name}");
        }
    }

    #[test]
    fn slow_and_failed_lookups_and_the_breaker_are_seen() {
        let world = World::new(settings());
        let clock = Arc::clone(&world.clock);
        world.source.says(move |_, _| {
            clock.advance(Duration::from_millis(70));
            Err(outage())
        });
        let failures = u64::from(breaker::FAILURES);
        for number in 0..failures {
            assert_eq!(metric(&world, "breaker_open"), 0);
            assert!(world.ask(&number.to_string()).is_err());
        }
        assert!(world.ask("refused").is_err());
        for (name, count) in [
            ("breaker_open", 1),
            ("lookups_refused", 1),
            ("lookup_failures", failures),
            ("lookup_milliseconds_le_50", 0),
            ("lookup_milliseconds_le_100", failures),
            ("lookup_milliseconds_sum", 70 * failures),
            ("cache_size", 0),
        ] {
            assert_eq!(metric(&world, name), count, "{name}");
        }
    }

    #[test]
    fn without_a_cache_the_names_are_the_same() {
        let names = |metrics: Vec<Metric>| metrics.into_iter().map(|metric| metric.name);
        let world = World::new(settings());
        let with: Vec<String> = names(Cache::metrics(Some(&world.cache))).collect();
        assert_eq!(names(Cache::metrics(None)).collect::<Vec<_>>(), with);
        assert!(Cache::metrics(None).iter().all(|metric| metric.value == 0));
    }

    #[test]
    fn what_is_remembered_says_what_it_is_good_for() {
        let world = World::new(Settings {
            stale_if_error: secs(10),
            ..settings()
        });
        world.source.says(|name, _| {
            Ok(match name {
                "svc" => {
                    let groups = vec!["bi".to_owned(), "etl".to_owned()];
                    Some(holder().with_details(groups, None))
                }
                "alice" => Some(User::default()),
                _ => None,
            })
        });
        for name in ["svc", "alice", "nobody"] {
            world.ask(name).unwrap();
        }
        let state = |name: &str, state| (name.to_owned(), state);
        world.clock.advance(secs(4));
        assert_eq!(
            states(&world),
            [
                state("alice", State::Negative),
                state("nobody", State::Negative),
                state("svc", State::Fresh)
            ]
        );
        world.clock.advance(secs(1));
        let remembered = world.cache.remembered();
        let of = |name: &str| {
            remembered
                .iter()
                .find(|user| user.name == name)
                .unwrap()
                .clone()
        };
        assert_eq!(
            of("svc"),
            Remembered {
                name: "svc".to_owned(),
                state: State::Fresh,
                age: secs(5),
                known: true,
                may_impersonate: true,
                groups: 2,
            }
        );
        assert_eq!(
            (
                of("alice").state,
                of("alice").known,
                of("alice").may_impersonate
            ),
            (State::Stale, true, false)
        );
        assert_eq!(
            (of("nobody").state, of("nobody").known),
            (State::Stale, false)
        );
        world.clock.advance(secs(10));
        assert_eq!(states(&world)[0], state("alice", State::Expired));
    }

    #[test]
    fn who_is_looked_up_again_is_seen_to_be() {
        let world = World::attended(patient());
        world.ask("svc").unwrap();
        let (release, held) = held_back(|_, _| Ok(Some(holder())));
        world.source.says(held);
        world.clock.advance(secs(999));
        world.ask("svc").unwrap();
        until(|| world.source.calls() == 2);
        assert_eq!(states(&world), [("svc".to_owned(), State::Refreshing)]);
        drop(release);
        until(|| states(&world) == [("svc".to_owned(), State::Fresh)]);
    }
}
