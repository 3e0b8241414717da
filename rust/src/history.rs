//! How many decisions there were, and the last of them, for whoever asks right now. The audit file has them all.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::engine::{Path, Request};
use crate::metrics::Decisions;
use crate::reason::Reason;
use crate::stripes::Stripes;
use crate::texts::{Lengths, Texts};

/// How many decisions are remembered.
const CAPACITY: usize = 10_000;

/// A decision that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it was made.
    pub time: Timestamp,
    /// The reason that held in the end.
    pub reason: Reason,
    /// Who asked.
    pub impersonator: String,
    /// Who was to be impersonated.
    pub target: String,
    /// How the impersonator authenticated.
    pub principal: Option<String>,
    /// The way on which the request came.
    pub path: Path,
    /// The query, where there was one already.
    pub query_id: Option<String>,
}

/// The decisions of each part of the threads. The last ones are in a ring whose places are written over, so that
/// remembering one takes no memory once the ring is full, and waits for whoever reads at that moment alone.
#[derive(Default)]
pub(crate) struct History<const N: usize = CAPACITY> {
    parts: Stripes<Mutex<Part<N>>>,
}

#[derive(Default)]
struct Part<const N: usize> {
    counted: Decisions,
    last: Ring<N>,
}

/// The last decisions, the oldest first. Their texts are in a row, since places of the same size for all would take
/// twice the memory, and what is written over was last seen by the processor N decisions ago.
struct Ring<const N: usize> {
    places: VecDeque<Place>,
    texts: VecDeque<u8>,
}

struct Place {
    at: Duration,
    reason: Reason,
    path: Path,
    lengths: Lengths,
}

impl<const N: usize> History<N> {
    /// Counts a decision, and remembers it unless it is one of too many of its kind.
    pub fn add(&self, at: Duration, request: &Request<'_>, reason: Reason, remembers: bool) {
        let mut part = self.parts.own().lock();
        part.counted.count(reason);
        if remembers {
            part.last.add(at, request, reason);
        }
    }

    /// How many there were.
    pub fn counted(&self) -> Decisions {
        self.parts.iter().map(|part| part.lock().counted).sum()
    }

    /// Those between an impersonator and a target that are wanted, the newest first, by the clock whose elapsed times
    /// they were added with.
    pub fn read(&self, clock: &dyn Clock, is_wanted: impl Fn(&str, &str) -> bool) -> Vec<Past> {
        let (now, elapsed) = (clock.now(), clock.elapsed());
        let mut found: Vec<(Duration, Past)> = Vec::new();
        for part in self.parts.iter() {
            // Whoever decides waits while a part is read, so nothing is copied that is too old to be among the newest.
            let oldest = found.get(N - 1).map(|(at, _)| *at);
            part.lock().last.read(|place, texts| {
                if oldest.is_some_and(|oldest| place.at < oldest) {
                    return ControlFlow::Break(());
                }
                if is_wanted(texts.impersonator, texts.target) {
                    let time = now - elapsed.saturating_sub(place.at);
                    found.push((place.at, place.past(time, texts)));
                }
                ControlFlow::Continue(())
            });
            // Stable, so that those of one thread at one moment stay in their order.
            found.sort_by_key(|(at, _)| Reverse(*at));
            found.truncate(N);
        }
        found.into_iter().map(|(_, past)| past).collect()
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Ring {
            places: VecDeque::with_capacity(N),
            texts: VecDeque::new(),
        }
    }
}

impl<const N: usize> Ring<N> {
    fn add(&mut self, at: Duration, request: &Request<'_>, reason: Reason) {
        if self.places.len() == N
            && let Some(oldest) = self.places.pop_front()
        {
            self.texts.drain(..oldest.lengths.sum());
        }
        self.places.push_back(Place {
            at,
            reason,
            path: request.path,
            lengths: Lengths::append(request, |text| self.texts.extend(text.as_bytes())),
        });
    }

    /// Hands on each, the newest first, for as long as more are asked for.
    fn read(&mut self, mut each: impl FnMut(&Place, Texts<'_>) -> ControlFlow<()>) {
        let texts = String::from_utf8_lossy(self.texts.make_contiguous());
        let mut rest = &*texts;
        for place in self.places.iter().rev() {
            let (before, own) = rest.split_at(rest.len() - place.lengths.sum());
            if each(place, place.lengths.read(own)).is_break() {
                return;
            }
            rest = before;
        }
    }
}

impl Place {
    fn past(&self, time: Timestamp, texts: Texts<'_>) -> Past {
        Past {
            time,
            reason: self.reason,
            impersonator: texts.impersonator.to_owned(),
            target: texts.target.to_owned(),
            principal: texts.principal.map(str::to_owned),
            path: self.path,
            query_id: texts.query_id.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::ManualClock;
    use crate::name::MAX_BYTES;
    use std::cell::Cell;
    use std::thread;

    const NOON: &str = "2026-11-24T12:00:00Z";

    fn at(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn read<const N: usize>(history: &History<N>) -> Vec<Past> {
        let clock = ManualClock::at(NOON);
        clock.advance(at(1000));
        history.read(&clock, |_, _| true)
    }

    fn noon() -> Timestamp {
        NOON.parse().unwrap()
    }

    #[test]
    fn what_was_decided_comes_back_whole() {
        let history = History::<CAPACITY>::default();
        for (principal, query_id) in [
            (None, None),
            (Some("svc@REALM"), None),
            (None, Some("q1")),
            (Some(""), Some("q1")),
            (Some("svc@REALM"), Some("")),
        ] {
            let mut request = Request::new("svc", "zoë");
            request.path = Path::Property;
            request.principal = principal.map(Into::into);
            request.query_id = query_id.map(Into::into);
            history.add(at(7), &request, Reason::OutOfScope, true);
            let past = Past {
                time: noon() + at(7),
                reason: Reason::OutOfScope,
                impersonator: "svc".to_owned(),
                target: "zoë".to_owned(),
                principal: principal.map(str::to_owned),
                path: Path::Property,
                query_id: query_id.map(str::to_owned),
            };
            assert_eq!(read(&history)[0], past);
        }
    }

    #[test]
    fn the_last_ones_are_kept_the_newest_first() {
        let history = History::<3>::default();
        assert_eq!(read(&history), []);
        for number in 0..5 {
            history.add(
                at(number),
                &Request::new("svc", "alice"),
                Reason::Permission,
                true,
            );
        }
        let times: Vec<Timestamp> = read(&history).iter().map(|past| past.time).collect();
        assert_eq!(times, [4, 3, 2].map(|number| noon() + at(number)));
    }

    #[test]
    fn only_what_is_wanted_is_read_however_much_else_there_is() {
        let history = History::<3>::default();
        for (number, target) in ["alice", "bob", "alice", "carol"].into_iter().enumerate() {
            let request = Request::new("svc", target);
            history.add(at(number as u64), &request, Reason::Permission, true);
        }
        let clock = ManualClock::at(NOON);
        clock.advance(at(1000));
        let times = |wanted: &str| -> Vec<Timestamp> {
            let read = history.read(&clock, |_, target| target == wanted);
            read.iter().map(|past| past.time).collect()
        };
        assert_eq!(
            times("alice"),
            [noon() + at(2)],
            "the other one is written over"
        );
        assert_eq!(times("bob"), [noon() + at(1)]);
        assert_eq!(times("dora"), []);
    }

    #[test]
    fn of_all_threads_the_newest_are_read_and_no_others_are_copied() {
        let history = History::<3>::default();
        for (thread, part) in history.parts.iter().take(4).enumerate() {
            for number in 0..3 {
                let request = Request::new("svc", "alice");
                let time = at(thread as u64 + 10 * number);
                part.lock().last.add(time, &request, Reason::Permission);
            }
        }
        let times: Vec<Timestamp> = read(&history).iter().map(|past| past.time).collect();
        assert_eq!(times, [23, 22, 21].map(|number| noon() + at(number)));
        let looked_at = Cell::new(0);
        let clock = ManualClock::at(NOON);
        history.read(&clock, |_, _| {
            looked_at.set(looked_at.get() + 1);
            true
        });
        assert!(looked_at.get() < 12, "{}", looked_at.get());
    }

    #[test]
    fn what_is_one_of_too_many_is_counted_and_not_remembered() {
        let history = History::<3>::default();
        let request = Request::new("svc", "alice");
        history.add(at(0), &request, Reason::NoPermission, true);
        history.add(at(1), &request, Reason::NoPermission, false);
        assert_eq!(read(&history).len(), 1);
        let metrics = history.counted().metrics();
        let denied = metrics
            .iter()
            .find(|metric| metric.name == "decisions_deny");
        assert_eq!(denied.map(|metric| metric.value), Some(2));
    }

    #[test]
    fn names_that_are_too_long_are_kept_in_part() {
        let history = History::<1>::default();
        let long = "é".repeat(5000);
        history.add(
            at(0),
            &Request::new(&long, "alice"),
            Reason::InvalidName,
            true,
        );
        let past = &read(&history)[0];
        assert_eq!(past.impersonator, format!("{}…", "é".repeat(MAX_BYTES / 2)));
        assert_eq!(past.target, "alice");
    }

    #[test]
    fn many_threads_at_once_lose_nothing_and_mix_nothing() {
        let history = History::<4000>::default();
        thread::scope(|scope| {
            for thread in 0..4 {
                let history = &history;
                scope.spawn(move || {
                    for number in 0..1000 {
                        let name = format!("user{thread}-{number}");
                        history.add(
                            at(number),
                            &Request::new(&name, &name),
                            Reason::Permission,
                            true,
                        );
                        if number % 100 == 0 {
                            read(history);
                        }
                    }
                });
            }
        });
        let read = read(&history);
        assert_eq!(read.len(), 4000);
        let metrics = history.counted().metrics();
        let allowed = metrics
            .iter()
            .find(|metric| metric.name == "decisions_allow");
        assert_eq!(allowed.map(|metric| metric.value), Some(4000));
        assert!(read.iter().all(|past| past.impersonator == past.target));
    }
}
