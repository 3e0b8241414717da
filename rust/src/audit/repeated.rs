//! Refusals of one principal beyond so many a minute, which are counted instead of being written one by one.
//!
//! Who may log in may be refused as often as they like, and each line of theirs would push an older one of somebody
//! else out of the files. A minute begins with a refusal. The writer looks every second for minutes that are over,
//! so that a count is written though nobody is refused any more. While it cannot, a minute lasts longer.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::text::shortened;
use crate::clock::Clock;
use crate::engine::Request;
use crate::reason::Reason;

const MINUTE: Duration = Duration::from_secs(60);
/// How often the writer looks while a minute has not ended.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Principals whose refusals are counted each for themselves. All others are counted as one.
const PRINCIPALS: usize = 1_000;
/// How far different targets are counted.
const TARGETS: usize = 1_000;

/// What was refused of late, by who asked.
pub(crate) struct Refusals {
    /// So many in a minute have a line of their own; with 0 all do.
    most: usize,
    /// Whether somebody writes what is counted.
    counts: bool,
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    minutes: Mutex<Minutes>,
}

#[derive(Default)]
struct Minutes {
    by_asker: HashMap<Asker, Minute, RandomState>,
    others: Option<Minute>,
    /// Nobody writes counts any more.
    closed: bool,
}

/// Whose refusals are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asker {
    Principal(String),
    /// Nobody said how they logged in.
    Impersonator(String),
}

struct Minute {
    began: Duration,
    lines: usize,
    counted: Option<Repeated>,
}

/// Refusals that have no line of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repeated {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Absent where nobody said it, and for several.
    pub(super) principal: Option<String>,
    /// Absent for several.
    pub(super) impersonator: Option<String>,
    reasons: [u64; Reason::ALL.len()],
    targets: HashSet<u64, RandomState>,
}

impl Refusals {
    pub fn new(most: usize, counts: bool, clock: Arc<dyn Clock>) -> Self {
        Refusals {
            most,
            counts,
            clock,
            hasher: RandomState::default(),
            minutes: Mutex::default(),
        }
    }

    /// Whether a decision has a line of its own. If not, it has been counted where that is of use.
    pub fn has_own_line(&self, request: &Request<'_>, reason: Reason) -> bool {
        if self.most == 0 || reason.is_allow() {
            return true;
        }
        let asker = Asker::of(request);
        let now = self.clock.elapsed();
        let mut minutes = self.minutes.lock();
        if minutes.closed {
            return true;
        }
        let is_one = minutes.has_room_for(&asker, now);
        let minute = if is_one {
            minutes
                .by_asker
                .entry(asker.clone())
                .or_insert_with(|| Minute::new(now))
        } else {
            minutes.others.get_or_insert_with(|| Minute::new(now))
        };
        if minute.is_over(now) && minute.counted.is_none() {
            *minute = Minute::new(now);
        }
        if minute.lines < self.most {
            minute.lines += 1;
            return true;
        }
        if !self.counts {
            return false;
        }
        let time = self.clock.now();
        let counted = minute
            .counted
            .get_or_insert_with(|| Repeated::new(time, is_one.then_some(asker), request));
        let target = self.hasher.hash_one(request.target.as_str());
        counted.add(time, request, target, reason);
        false
    }

    /// How long the writer may sleep; for as long as nothing comes if no minute has begun.
    pub fn longest_sleep(&self) -> Option<Duration> {
        let minutes = self.minutes.lock();
        (!minutes.by_asker.is_empty() || minutes.others.is_some()).then_some(LOOK)
    }

    /// Takes what was counted in minutes that are over, the oldest first.
    pub fn take_ended(&self) -> Vec<Repeated> {
        let now = self.clock.elapsed();
        self.minutes.lock().take(|minute| minute.is_over(now))
    }

    /// Takes all that was counted. Nothing is counted from now on.
    pub fn close(&self) -> Vec<Repeated> {
        let mut minutes = self.minutes.lock();
        minutes.closed = true;
        minutes.take(|_| true)
    }

    /// How many refusals have been counted and not taken.
    pub fn waiting(&self) -> u64 {
        let minutes = self.minutes.lock();
        let all = minutes.by_asker.values().chain(&minutes.others);
        all.filter_map(|minute| minute.counted.as_ref())
            .map(Repeated::count)
            .sum()
    }
}

impl Minutes {
    /// Whether this asker is counted alone.
    fn has_room_for(&mut self, asker: &Asker, now: Duration) -> bool {
        if self.by_asker.contains_key(asker) {
            return true;
        }
        if self.by_asker.len() >= PRINCIPALS {
            self.by_asker
                .retain(|_, minute| !minute.is_over(now) || minute.counted.is_some());
        }
        self.by_asker.len() < PRINCIPALS
    }

    fn take(&mut self, is_over: impl Fn(&Minute) -> bool) -> Vec<Repeated> {
        let mut ended = Vec::new();
        self.by_asker.retain(|_, minute| {
            let over = is_over(minute);
            if over {
                ended.extend(minute.counted.take());
            }
            !over
        });
        if let Some(others) = self.others.take_if(|minute| is_over(minute)) {
            ended.extend(others.counted);
        }
        ended.sort_by_key(|repeated| repeated.from);
        ended
    }
}

impl Asker {
    fn of(request: &Request<'_>) -> Self {
        match &request.principal {
            Some(principal) => Asker::Principal(shortened(principal.as_str())),
            None => Asker::Impersonator(shortened(request.impersonator.as_str())),
        }
    }
}

impl Minute {
    fn new(began: Duration) -> Self {
        Minute {
            began,
            lines: 0,
            counted: None,
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= MINUTE
    }
}

impl Repeated {
    fn new(time: Timestamp, asker: Option<Asker>, request: &Request<'_>) -> Self {
        let is_one = asker.is_some();
        Repeated {
            from: time,
            to: time,
            principal: match asker {
                Some(Asker::Principal(principal)) => Some(principal),
                _ => None,
            },
            impersonator: is_one.then(|| shortened(request.impersonator.as_str())),
            reasons: [0; Reason::ALL.len()],
            targets: HashSet::default(),
        }
    }

    fn add(&mut self, time: Timestamp, request: &Request<'_>, target: u64, reason: Reason) {
        self.to = self.to.max(time);
        self.reasons[reason.index()] += 1;
        if self.targets.len() < TARGETS {
            self.targets.insert(target);
        }
        let impersonator = shortened(request.impersonator.as_str());
        if self.impersonator.as_ref() != Some(&impersonator) {
            self.impersonator = None;
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.reasons.iter().sum()
    }

    /// How many targets; so many or more, of the most that are told apart.
    pub(super) fn targets(&self) -> u64 {
        self.targets.len() as u64
    }

    /// How often each reason was given that was given at all.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = Reason::ALL
            .into_iter()
            .map(|reason| (reason.as_str(), self.reasons[reason.index()]));
        counts.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::ManualClock;

    const NOON: &str = "2026-11-24T12:00:00Z";
    const SECOND: Duration = Duration::from_secs(1);

    fn refusals(most: usize) -> (Refusals, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(NOON));
        (Refusals::new(most, true, clock.clone()), clock)
    }

    fn refuse(refusals: &Refusals, principal: Option<&str>, target: &str) -> bool {
        let mut request = Request::new("eve", target);
        request.principal = principal.map(Into::into);
        refusals.has_own_line(&request, Reason::NoPermission)
    }

    fn noon() -> Timestamp {
        NOON.parse().unwrap()
    }

    #[test]
    fn so_many_refusals_a_minute_have_a_line_and_the_rest_are_counted() {
        let (refusals, clock) = refusals(2);
        let own: Vec<bool> = (0..5)
            .map(|number| {
                clock.advance(SECOND);
                refuse(&refusals, Some("p"), &format!("target{}", number % 4))
            })
            .collect();
        assert_eq!(own, [true, true, false, false, false]);
        let mut request = Request::new("eve", "target3");
        request.principal = Some("p".into());
        assert!(!refusals.has_own_line(&request, Reason::UnknownTarget));
        assert!(
            refusals.has_own_line(&request, Reason::Permission),
            "allowed"
        );
        assert_eq!(refusals.waiting(), 4);
        assert!(refusals.take_ended().is_empty());
        clock.advance(MINUTE - SECOND * 4);
        let ended = refusals.take_ended();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].count(), 4);
        assert_eq!(ended[0].targets(), 3);
        let reasons: Vec<_> = ended[0].reasons().collect();
        assert_eq!(reasons, [("no-permission", 3), ("unknown-target", 1)]);
        assert_eq!(ended[0].from, noon() + SECOND * 3);
        assert_eq!(ended[0].to, noon() + SECOND * 5);
        assert_eq!(ended[0].principal.as_deref(), Some("p"));
        assert_eq!(ended[0].impersonator.as_deref(), Some("eve"));
        assert_eq!(refusals.longest_sleep(), None);
        assert!(refuse(&refusals, Some("p"), "target"), "another minute");
    }

    #[test]
    fn nobody_is_counted_for_somebody_else() {
        let (refusals, _) = refusals(1);
        for asker in [Some("p"), Some("q"), Some("eve"), None] {
            assert!(refuse(&refusals, asker, "alice"), "{asker:?}");
            assert!(!refuse(&refusals, asker, "alice"), "{asker:?}");
        }
        assert_eq!(refusals.close().len(), 4);
    }

    #[test]
    fn a_minute_without_a_count_leaves_nothing_and_begins_anew() {
        let (refusals, clock) = refusals(1);
        assert!(refuse(&refusals, None, "alice"));
        assert_eq!(refusals.longest_sleep(), Some(LOOK));
        clock.advance(MINUTE);
        assert!(refuse(&refusals, None, "alice"), "nobody took it");
        clock.advance(MINUTE);
        assert!(refusals.take_ended().is_empty());
    }

    #[test]
    fn what_nobody_has_taken_yet_goes_on_to_be_counted() {
        let (refusals, clock) = refusals(1);
        for _ in 0..4 {
            refuse(&refusals, None, "alice");
        }
        clock.advance(MINUTE * 60);
        assert!(!refuse(&refusals, None, "alice"), "the writer hangs");
        let ended = refusals.take_ended();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].count(), 4);
        assert_eq!((ended[0].from, ended[0].to), (noon(), noon() + MINUTE * 60));
    }

    #[test]
    fn one_who_asks_as_several_is_counted_once_and_by_no_name() {
        let (refusals, _) = refusals(1);
        for impersonator in ["eve", "eve", "mallory"] {
            let mut request = Request::new(impersonator, "alice");
            request.principal = Some("p".into());
            refusals.has_own_line(&request, Reason::Chained);
        }
        let counted = refusals.close();
        assert_eq!(counted[0].impersonator, None);
        assert_eq!(counted[0].principal.as_deref(), Some("p"));
    }

    #[test]
    fn thousands_of_principals_and_targets_take_limited_memory_and_are_all_counted() {
        let (refusals, clock) = refusals(1);
        for number in 0..PRINCIPALS + 10 {
            for _ in 0..2 {
                refuse(&refusals, Some(&number.to_string()), "alice");
            }
        }
        for target in 0..TARGETS + 10 {
            refuse(&refusals, Some("7"), &target.to_string());
        }
        clock.advance(MINUTE);
        let ended = refusals.take_ended();
        assert_eq!(ended.len(), PRINCIPALS + 1);
        let others = ended
            .iter()
            .find(|repeated| repeated.impersonator.is_none());
        // The first of the others has the one line that they have together.
        assert_eq!(others.unwrap().count(), 2 * 10 - 1);
        assert_eq!(others.unwrap().principal, None);
        let seven = ended
            .iter()
            .find(|one| one.principal.as_deref() == Some("7"));
        assert_eq!(seven.unwrap().count(), 1 + TARGETS as u64 + 10);
        assert_eq!(seven.unwrap().targets(), TARGETS as u64);
    }

    #[test]
    fn principals_whose_minute_is_over_make_room_for_others() {
        let (refusals, clock) = refusals(1);
        for number in 0..PRINCIPALS {
            assert!(refuse(&refusals, Some(&number.to_string()), "alice"));
        }
        clock.advance(MINUTE);
        assert!(refuse(&refusals, Some("new"), "alice"));
        assert!(!refuse(&refusals, Some("new"), "alice"));
        assert_eq!(refusals.close()[0].principal.as_deref(), Some("new"));
    }

    #[test]
    fn names_of_any_length_are_kept_in_part() {
        let (refusals, _) = refusals(1);
        let long = "x".repeat(60_000);
        for _ in 0..2 {
            refuse(&refusals, Some(&long), &long);
        }
        assert!(refusals.close()[0].principal.as_ref().unwrap().len() < 300);
    }

    #[test]
    fn where_nothing_is_recorded_a_minute_ends_by_itself() {
        let clock = Arc::new(ManualClock::at(NOON));
        let refusals = Refusals::new(1, false, clock.clone());
        for _ in 0..3 {
            assert!(refuse(&refusals, None, "alice"));
            assert!(!refuse(&refusals, None, "alice"));
            clock.advance(MINUTE);
        }
        assert!(refusals.close().is_empty());
    }

    #[test]
    fn with_zero_every_refusal_has_a_line() {
        let (refusals, _) = refusals(0);
        assert!((0..100).all(|_| refuse(&refusals, Some("p"), "alice")));
        assert_eq!(refusals.longest_sleep(), None);
    }

    #[test]
    fn after_the_end_nothing_is_counted() {
        let (refusals, _) = refusals(1);
        refuse(&refusals, None, "alice");
        assert!(!refuse(&refusals, None, "alice"));
        assert_eq!(refusals.close().len(), 1);
        assert!(
            refuse(&refusals, None, "alice"),
            "a line, which is lost and counted as such"
        );
        assert_eq!(refusals.waiting(), 0);
    }
}
