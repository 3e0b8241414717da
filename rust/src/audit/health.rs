//! Whether lines get into the file, and how long the writer has been trying.
//!
//! A disk that fails says so; one that hangs says nothing, and neither can the writer, which waits for it. So the
//! writer leaves the time at which it began, and whoever has to know compares it with the clock.

use std::cell::Cell;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::log::{Level, Log};

/// In place of a time: the writer has nothing to write.
const IDLE: u64 = u64::MAX;

pub(super) struct Health {
    path: PathBuf,
    patience: Duration,
    clock: Arc<dyn Clock>,
    pub log: Arc<Log>,
    /// The last attempt to write was answered by an error.
    failing: AtomicBool,
    /// When the writer began to write what it has not written yet, in milliseconds of the clock.
    began: AtomicU64,
    /// The beginning of what was reported to hang.
    reported: AtomicU64,
    lost: AtomicU64,
    /// Since the start; `lost` begins anew with each failure.
    lost_ever: AtomicU64,
}

impl Health {
    pub fn new(path: PathBuf, patience: Duration, clock: Arc<dyn Clock>, log: Arc<Log>) -> Self {
        Health {
            path,
            patience,
            clock,
            log,
            failing: AtomicBool::new(false),
            began: AtomicU64::new(IDLE),
            reported: AtomicU64::new(IDLE),
            lost: AtomicU64::new(0),
            lost_ever: AtomicU64::new(0),
        }
    }

    /// Whether lines that are handed over now may never get into the file.
    pub fn is_failing(&self) -> bool {
        self.has_failed() || self.hangs()
    }

    /// Whether the file system answered the last attempt by an error.
    pub fn has_failed(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Whether the writer has been trying for longer than anybody should wait. The first to notice has it logged.
    pub fn hangs(&self) -> bool {
        let began = self.began.load(Ordering::Acquire);
        if began == IDLE || self.since(began) <= self.patience {
            return false;
        }
        if self.reported.swap(began, Ordering::AcqRel) != began {
            let seconds = self.since(began).as_secs();
            let problem = format!("the file system has not answered for {seconds} s");
            self.say(Level::Error, &format!("cannot be written: {problem}"));
        }
        true
    }

    fn since(&self, began: u64) -> Duration {
        let began = Duration::from_millis(began);
        self.clock.elapsed().saturating_sub(began)
    }

    /// How long whoever needs room for a line waits for it: not at all while lines may never be written.
    pub fn worth_waiting(&self) -> impl Fn() -> bool {
        let end = Cell::new(None);
        move || {
            let now = self.clock.elapsed();
            let limit = end.get().unwrap_or(now.saturating_add(self.patience));
            end.set(Some(limit));
            now < limit && !self.is_failing()
        }
    }

    /// The writer turns to the file system, unless it has been at it already.
    pub fn begins(&self) {
        let now = self.clock.elapsed().as_millis() as u64;
        let _ = self
            .began
            .compare_exchange(IDLE, now, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// The file system has answered by an error.
    pub fn failed(&self, error: &io::Error, retry: Duration) {
        self.began.store(IDLE, Ordering::Release);
        self.reported.store(IDLE, Ordering::Release);
        if !self.failing.swap(true, Ordering::AcqRel) {
            let retry = retry.as_secs();
            let text = format!("cannot be written: {error}; trying again every {retry} s");
            self.say(Level::Error, &text);
        }
    }

    /// Some of what was to be written is in the file.
    pub fn succeeded(&self) {
        if self.failing.swap(false, Ordering::AcqRel) {
            self.recovered("can be written again");
        }
    }

    /// All of it is.
    pub fn done(&self) {
        let began = self.began.swap(IDLE, Ordering::AcqRel);
        if began != IDLE && self.reported.swap(IDLE, Ordering::AcqRel) == began {
            let seconds = self.since(began).as_secs();
            self.recovered(&format!(
                "can be written again after it hung for {seconds} s"
            ));
        }
    }

    fn recovered(&self, words: &str) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        self.say(
            Level::Warning,
            &format!("{words}; {lost} decisions and queries in between left no line"),
        );
    }

    /// A line was not handed over.
    pub fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.lost_ever.fetch_add(1, Ordering::Relaxed);
    }

    /// How many lines were never written since the start.
    pub fn lost(&self) -> u64 {
        self.lost_ever.load(Ordering::Relaxed)
    }

    /// Tells the operator something about the file.
    pub fn say(&self, level: Level, what: &str) {
        let text = format!("audit file {} {what}", self.path.display());
        self.log.push(level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::ManualClock;

    const PATIENCE: Duration = Duration::from_secs(5);

    struct World {
        clock: Arc<ManualClock>,
        log: Arc<Log>,
        health: Health,
    }

    fn world() -> World {
        let clock = Arc::new(ManualClock::at("2026-11-24T05:40:00Z"));
        let log = Arc::new(Log::default());
        World {
            health: Health::new("a.jsonl".into(), PATIENCE, clock.clone(), log.clone()),
            clock,
            log,
        }
    }

    impl World {
        fn after(&self, time: Duration) -> bool {
            self.clock.advance(time);
            self.health.is_failing()
        }

        fn said(&self) -> Vec<String> {
            let messages = self.log.drain();
            messages.into_iter().map(|message| message.text).collect()
        }
    }

    #[test]
    fn a_write_that_does_not_come_back_is_a_failure_after_a_while_and_reported_once() {
        let world = world();
        world.health.begins();
        assert!(!world.after(PATIENCE));
        assert!(world.after(Duration::from_millis(1)));
        assert!(world.after(Duration::from_secs(60)));
        assert_eq!(
            world.said(),
            ["audit file a.jsonl cannot be written: the file system has not answered for 5 s"]
        );
        world.health.lose();
        world.health.succeeded();
        world.health.done();
        assert!(!world.after(Duration::from_secs(3600)), "nothing to write");
        assert_eq!(
            world.said(),
            [
                "audit file a.jsonl can be written again after it hung for 65 s; 1 decisions and queries in between left no line"
            ]
        );
        world.health.begins();
        assert!(world.after(PATIENCE * 2));
        assert_eq!(world.said().len(), 1, "the next time is another");
    }

    #[test]
    fn a_disk_that_is_slow_over_and_over_fails_as_one_that_hangs() {
        let world = world();
        world.health.begins();
        assert!(!world.after(PATIENCE / 2));
        world.health.succeeded();
        world.health.begins();
        assert!(
            world.after(PATIENCE),
            "the first lines have waited too long"
        );
    }

    #[test]
    fn an_error_after_a_hang_is_a_failure_until_a_write_succeeds() {
        let world = world();
        world.health.begins();
        assert!(world.after(PATIENCE * 2));
        let error = io::Error::from(io::ErrorKind::StorageFull);
        world.health.failed(&error, Duration::from_secs(1));
        assert!(world.health.is_failing() && !world.health.hangs());
        assert_eq!(world.said().len(), 2);
        world.health.begins();
        world.health.succeeded();
        world.health.done();
        assert!(!world.health.is_failing());
        assert_eq!(
            world.said(),
            [
                "audit file a.jsonl can be written again; 0 decisions and queries in between left no line"
            ]
        );
    }

    #[test]
    fn nobody_waits_longer_than_a_hang_needs_to_be_noticed() {
        let world = world();
        let worth_waiting = world.health.worth_waiting();
        assert!(worth_waiting());
        world.clock.advance(PATIENCE - Duration::from_millis(1));
        assert!(worth_waiting(), "the writer makes progress");
        world.clock.advance(Duration::from_millis(1));
        assert!(!worth_waiting(), "and too little of it");

        world.health.begins();
        assert!(world.after(PATIENCE * 2));
        assert!(!world.health.worth_waiting()(), "at once");
    }
}
