//! What deciding threads hand over to the writer, and when they wake it.
//!
//! A library's channel hands over each record by itself, with memory that the writer has to give back, and wakes
//! whoever waits for it. Waking a thread costs many times what a record does. So the writer takes all that waits
//! at once, and when it has written that, it naps and looks again by itself. Only who finds it asleep, since nobody
//! has decided anything for a while, or finds very much waiting, has to wake it.

use std::mem;
use std::time::{Duration, Instant};

use super::batch::Batch;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Lines that may wait for the writer.
pub(super) const QUEUE: usize = 10_000;
/// So many lines are worth waking the writer from its nap.
const MANY: usize = 1_000;
/// How long the writer naps, and a line waits at most while the writer has nothing else to write.
const NAP: Duration = Duration::from_millis(2);
/// After so many naps in a row in which nothing came, a second in all, the writer sleeps.
const NAPS: usize = 500;
/// How often a blocked caller looks whether it still has to wait.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Queue {
    capacity: usize,
    many: usize,
    naps: usize,
    waiting: Mutex<Waiting>,
    /// For the writer: enough is there, or the queue is closed.
    news: Condvar,
    /// For whoever found the queue full.
    room: Condvar,
}

struct Waiting {
    batch: Batch,
    /// Of these lines and those that the writer has taken, so many are not in the file.
    unwritten: usize,
    /// With how many lines in the batch the writer wants to be woken.
    wakes_at: usize,
    /// Nobody hands anything over any more.
    closed: bool,
    /// Nobody takes anything any more.
    abandoned: bool,
}

impl Queue {
    pub fn new() -> Self {
        Queue::of(QUEUE, MANY, NAPS)
    }

    fn of(capacity: usize, many: usize, naps: usize) -> Self {
        Queue {
            capacity,
            many,
            naps,
            waiting: Mutex::new(Waiting {
                batch: Batch::default(),
                unwritten: 0,
                wakes_at: usize::MAX,
                closed: false,
                abandoned: false,
            }),
            news: Condvar::new(),
            room: Condvar::new(),
        }
    }

    /// Has one record added. While there is no room for it, waits for as long as that is worth it. Whether the
    /// record was added; none is, once the queue is closed.
    pub fn put(&self, worth_waiting: impl Fn() -> bool, add: impl FnOnce(&mut Batch)) -> bool {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.closed || waiting.abandoned {
                return false;
            }
            if waiting.unwritten < self.capacity {
                break;
            }
            if !worth_waiting() {
                return false;
            }
            self.room.wait_until(&mut waiting, Instant::now() + LOOK);
        }
        add(&mut waiting.batch);
        waiting.unwritten += 1;
        let wakes = waiting.batch.len() >= waiting.wakes_at;
        if wakes {
            waiting.wakes_at = usize::MAX;
        }
        drop(waiting);
        if wakes {
            self.news.notify_one();
        }
        true
    }

    /// Waits for records and takes all that there are. Whoever has something else to do as well is not kept
    /// asleep for longer than this, and may get none. False once the queue is closed and empty.
    pub fn take(&self, taken: &mut Batch, longest_sleep: Option<Duration>) -> bool {
        taken.clear();
        let mut waiting = self.waiting.lock();
        waiting.wakes_at = self.many;
        for _ in 0..self.naps {
            self.nap(&mut waiting);
            if waiting.closed || waiting.batch.len() > 0 {
                break;
            }
        }
        waiting.wakes_at = 1;
        let end = longest_sleep.map(|time| Instant::now() + time);
        while !waiting.closed && waiting.batch.len() == 0 {
            match end {
                None => self.news.wait(&mut waiting),
                Some(end) => {
                    if self.news.wait_until(&mut waiting, end).timed_out() {
                        break;
                    }
                }
            }
        }
        waiting.wakes_at = usize::MAX;
        mem::swap(&mut waiting.batch, taken);
        taken.len() > 0 || !waiting.closed
    }

    fn nap(&self, waiting: &mut MutexGuard<'_, Waiting>) {
        let end = Instant::now() + NAP;
        while !waiting.closed && waiting.batch.len() < self.many {
            if self.news.wait_until(waiting, end).timed_out() {
                break;
            }
        }
    }

    /// So many of the lines that were taken are in the file.
    pub fn written(&self, lines: usize) {
        self.waiting.lock().unwritten -= lines;
        self.room.notify_all();
    }

    /// How many lines are not in the file.
    pub fn len(&self) -> usize {
        self.waiting.lock().unwritten
    }

    /// Nothing more is handed over. What waits can still be taken.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.news.notify_one();
        self.room.notify_all();
    }

    /// Waits so long, or until the queue is closed. Whether it is.
    pub fn is_closed_within(&self, time: Duration) -> bool {
        let mut waiting = self.waiting.lock();
        let limit = Instant::now() + time;
        while !waiting.closed {
            if self.news.wait_until(&mut waiting, limit).timed_out() {
                break;
            }
        }
        waiting.closed
    }

    /// Nothing is taken any more.
    pub fn abandon(&self) {
        self.waiting.lock().abandoned = true;
        self.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::NamesInSource;
    use crate::engine::Request;
    use crate::reason::Reason;
    use jiff::Timestamp;
    use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
    use shuttle::{Config, Runner};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::thread;

    const SCHEDULES: usize = 1_000;
    const SEED: u64 = 7_450_276_618;
    const DEPTH: usize = 3;

    fn put(queue: &Queue, worth_waiting: bool, target: &str) -> bool {
        queue.put(
            || worth_waiting,
            |batch| {
                batch.add_decision(
                    Timestamp::UNIX_EPOCH,
                    &Request::new("svc", target),
                    NamesInSource::default(),
                    Reason::Permission,
                );
            },
        )
    }

    fn targets(batch: &Batch) -> Vec<String> {
        batch
            .lines()
            .map(|(_, line)| {
                let line: serde_json::Value = serde_json::from_str(&line.json().unwrap()).unwrap();
                line["target"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    #[test]
    fn a_line_takes_up_room_until_it_is_in_the_file() {
        let queue = Queue::of(2, 1, 1);
        let mut batch = Batch::default();
        assert!(put(&queue, false, "alice") && put(&queue, false, "bob"));
        assert!(!put(&queue, false, "carol"), "full");
        assert!(queue.take(&mut batch, None));
        assert_eq!(targets(&batch), ["alice", "bob"]);
        assert!(!put(&queue, false, "carol"), "taken, not written");
        assert_eq!(queue.len(), 2);
        queue.written(1);
        assert_eq!(queue.len(), 1);
        assert!(put(&queue, false, "carol"));
        assert!(queue.take(&mut batch, None));
        assert_eq!(targets(&batch), ["carol"]);
    }

    #[test]
    fn what_waits_when_the_queue_is_closed_can_still_be_taken() {
        let queue = Queue::new();
        let mut batch = Batch::default();
        assert!(put(&queue, true, "alice"));
        assert!(!queue.is_closed_within(Duration::ZERO));
        queue.close();
        assert!(queue.is_closed_within(Duration::from_secs(60)));
        assert!(queue.take(&mut batch, None));
        assert_eq!(targets(&batch), ["alice"]);
        assert!(!queue.take(&mut batch, None));
        assert_eq!(targets(&batch), [""; 0]);
    }

    #[test]
    fn nothing_is_handed_over_to_a_queue_that_is_closed() {
        let queue = Queue::new();
        queue.close();
        assert!(!put(&queue, true, "alice"));
    }

    #[test]
    fn who_has_something_else_to_do_is_not_kept_asleep() {
        let queue = Queue::of(1, 1, 1);
        let mut batch = Batch::default();
        assert!(queue.take(&mut batch, Some(Duration::ZERO)));
        assert_eq!(targets(&batch), [""; 0]);
        queue.close();
        assert!(!queue.take(&mut batch, Some(Duration::ZERO)));
    }

    #[test]
    fn whoever_waits_for_room_is_told_that_there_will_be_none() {
        let queue = Queue::of(1, 1, 1);
        assert!(put(&queue, true, "alice"));
        thread::scope(|scope| {
            let blocked = scope.spawn(|| put(&queue, true, "bob"));
            queue.abandon();
            assert!(!blocked.join().unwrap());
        });
        assert!(!put(&queue, true, "carol"));
    }

    #[test]
    fn a_panic_while_a_record_is_added_spoils_nothing() {
        let queue = Queue::of(10, 1, 1);
        let add = |_: &mut Batch| panic!("on request");
        assert!(catch_unwind(AssertUnwindSafe(|| queue.put(|| true, add))).is_err());
        assert!(put(&queue, true, "alice"));
        let mut batch = Batch::default();
        assert!(queue.take(&mut batch, None));
        assert_eq!(targets(&batch), ["alice"]);
        assert_eq!(queue.len(), 1);
    }

    fn check(scheduler: impl Scheduler + 'static, promise: fn()) {
        Runner::new(scheduler, Config::new()).run(promise);
    }

    /// The model checker finds it if anybody sleeps whom nobody wakes.
    #[test]
    fn under_any_schedule_all_lines_come_in_each_threads_order() {
        fn promise() {
            const EACH: usize = 3;
            let queue = Arc::new(Queue::of(2, 2, 2));
            let writer = {
                let queue = Arc::clone(&queue);
                shuttle::thread::spawn(move || {
                    let (mut batch, mut all) = (Batch::default(), Vec::new());
                    while queue.take(&mut batch, None) {
                        for target in targets(&batch) {
                            all.push(target);
                            queue.written(1);
                        }
                    }
                    all
                })
            };
            let threads: Vec<_> = ["a", "b"]
                .map(|thread| {
                    let queue = Arc::clone(&queue);
                    shuttle::thread::spawn(move || {
                        for number in 0..EACH {
                            assert!(put(&queue, true, &format!("{thread}{number}")));
                        }
                    })
                })
                .into();
            for thread in threads {
                thread.join().unwrap();
            }
            queue.close();
            let all = writer.join().unwrap();
            assert_eq!(all.len(), 2 * EACH, "{all:?}");
            for thread in ["a", "b"] {
                let own = all.iter().filter(|target| target.starts_with(thread));
                assert!(own.is_sorted(), "{all:?}");
            }
        }
        check(RandomScheduler::new_from_seed(SEED, SCHEDULES), promise);
        check(PctScheduler::new_from_seed(SEED, DEPTH, SCHEDULES), promise);
    }

    /// A disk hangs: the writer has taken lines and never says that they are written.
    #[test]
    fn under_any_schedule_closing_frees_all_who_wait_for_a_writer_without_progress() {
        fn promise() {
            let queue = Arc::new(Queue::of(2, 2, 2));
            let threads: Vec<_> = ["a", "b", "c"]
                .map(|thread| {
                    let queue = Arc::clone(&queue);
                    shuttle::thread::spawn(move || {
                        let put = |number| put(&queue, true, &format!("{thread}{number}"));
                        (0..2).filter(|number| put(*number)).count()
                    })
                })
                .into();
            let mut batch = Batch::default();
            assert!(queue.take(&mut batch, None));
            queue.close();
            let put: usize = threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum();
            assert!(put <= 2, "no more than there is room for");
            assert_eq!(queue.len(), put);
        }
        check(RandomScheduler::new_from_seed(SEED, SCHEDULES), promise);
        check(PctScheduler::new_from_seed(SEED, DEPTH, SCHEDULES), promise);
    }
}
