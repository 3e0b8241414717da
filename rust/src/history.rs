//! How many decisions there were, and the last of them, for whoever asks right now. The audit file has them all.

use std::cmp::Reverse;
use std::collections::VecDeque;
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
    pub fn add(&self, at: Duration, request: &Request<'_>, reason: Reason) {
        let mut part = self.parts.own().lock();
        part.counted.count(reason);
        part.last.add(at, request, reason);
    }

    /// How many there were.
    pub fn counted(&self) -> Decisions {
        self.parts.iter().map(|part| part.lock().counted).sum()
    }

    /// The newest first, by the clock whose elapsed times they were added with.
    pub fn read(&self, clock: &dyn Clock) -> Vec<Past> {
        let (now, elapsed) = (clock.now(), clock.elapsed());
        let mut found: Vec<(Duration, Past)> = Vec::new();
        for part in self.parts.iter() {
            part.lock().last.read(|place, texts| {
                let time = now - elapsed.saturating_sub(place.at);
                found.push((place.at, place.past(time, texts)));
            });
        }
        // Stable, so that those of one thread at one moment stay in their order.
        found.reverse();
        found.sort_by_key(|(at, _)| Reverse(*at));
        found.truncate(N);
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

    /// Hands on each, the oldest first.
    fn read(&mut self, mut each: impl FnMut(&Place, Texts<'_>)) {
        let texts = String::from_utf8_lossy(self.texts.make_contiguous());
        let mut rest = &*texts;
        for place in &self.places {
            each(place, place.lengths.read(rest));
            rest = &rest[place.lengths.sum()..];
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
    use std::thread;

    const NOON: &str = "2026-11-24T12:00:00Z";

    fn at(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn read<const N: usize>(history: &History<N>) -> Vec<Past> {
        let clock = ManualClock::at(NOON);
        clock.advance(at(1000));
        history.read(&clock)
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
            history.add(at(7), &request, Reason::OutOfScope);
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
            );
        }
        let times: Vec<Timestamp> = read(&history).iter().map(|past| past.time).collect();
        assert_eq!(times, [4, 3, 2].map(|number| noon() + at(number)));
    }

    #[test]
    fn names_that_are_too_long_are_kept_in_part() {
        let history = History::<1>::default();
        let long = "é".repeat(5000);
        history.add(at(0), &Request::new(&long, "alice"), Reason::InvalidName);
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
                        history.add(at(number), &Request::new(&name, &name), Reason::Permission);
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
