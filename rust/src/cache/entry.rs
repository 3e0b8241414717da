//! What is remembered of a user, and for how long.

use std::time::Duration;

use crate::user::User;

/// What a source said of a user. Its life begins when it is written; reading does not extend it.
///
/// Times are in nanoseconds of the clock, since there are many entries. [`ENDLESS`] is never reached.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` for a name that the source does not know.
    pub user: Option<User>,
    written: u64,
    life: u64,
    /// From when on the next read asks for a refresh.
    refresh_at: u64,
}

/// Also what is longer than 584 years.
const ENDLESS: u64 = u64::MAX;

/// A length of time.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(ENDLESS)
}

/// A point in time, before whatever is endless.
fn point(time: Duration) -> u64 {
    nanos(time).min(ENDLESS - 1)
}

impl Entry {
    pub fn new(user: Option<User>, written: Duration, life: Duration) -> Self {
        let mut entry = Entry {
            user,
            written: point(written),
            life: nanos(life),
            refresh_at: 0,
        };
        entry.unmark();
        entry
    }

    pub fn age(&self, now: Duration) -> Duration {
        Duration::from_nanos(point(now).saturating_sub(self.written))
    }

    fn due_at(&self) -> u64 {
        if self.life == ENDLESS {
            return ENDLESS;
        }
        self.written.saturating_add(self.life - self.life / 5)
    }

    fn expires(&self) -> u64 {
        self.written.saturating_add(self.life)
    }

    /// Whether the life is over. An entry without one is not past at the moment of its writing.
    pub fn is_past(&self, now: Duration) -> bool {
        point(now) > self.expires()
    }

    pub fn is_fresh(&self, now: Duration) -> bool {
        point(now) < self.expires()
    }

    /// Whether the entry may stand in for a lookup that failed.
    pub fn is_usable(&self, now: Duration, stale_if_error: Duration) -> bool {
        point(now) < self.expires().saturating_add(nanos(stale_if_error))
    }

    /// Whether the entry may be used at any time at all.
    pub fn is_ever_usable(&self, stale_if_error: Duration) -> bool {
        self.life > 0 || !stale_if_error.is_zero()
    }

    /// Whether a refresh still makes sense.
    pub fn is_due(&self, now: Duration) -> bool {
        point(now) >= self.due_at() && self.is_fresh(now)
    }

    /// Whether this read should ask for a refresh. The reads of the next tenth of the entry's life
    /// should not.
    pub fn mark(&mut self, now: Duration) -> bool {
        let now = point(now);
        let due = now >= self.refresh_at;
        if due {
            self.refresh_at = now.saturating_add(self.life / 10);
        }
        due
    }

    /// Until when reads find the entry fresh and ask for no refresh.
    pub fn same_until(&self) -> Duration {
        Duration::from_nanos(self.refresh_at.min(self.expires()))
    }

    /// Lets the next read ask for the refresh for which this one found no place.
    pub fn unmark(&mut self) {
        self.refresh_at = self.due_at();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_lives_from_its_writing_for_its_life() {
        let entry = Entry::new(None, at(100), at(30));
        assert!(entry.is_fresh(at(129)));
        assert!(!entry.is_fresh(at(130)));
        assert!(!entry.is_usable(at(130), at(0)));
        assert!(entry.is_usable(at(139), at(10)));
        assert!(!entry.is_usable(at(140), at(10)));
        assert!(!Entry::new(None, at(100), at(0)).is_fresh(at(100)));
    }

    #[test]
    fn a_refresh_is_asked_for_once_in_a_tenth_of_the_life() {
        let mut entry = Entry::new(None, at(100), at(30));
        assert!(!entry.mark(at(123)));
        assert!(entry.mark(at(124)));
        assert!(!entry.mark(at(126)));
        assert!(entry.mark(at(127)));
        entry.unmark();
        assert!(entry.mark(at(127)));
    }

    #[test]
    fn an_endless_life_is_no_arithmetic_problem() {
        let mut entry = Entry::new(None, at(100), Duration::MAX);
        assert!(entry.is_fresh(at(1 << 40)));
        assert!(entry.is_usable(at(1 << 40), Duration::MAX));
        assert!(!entry.mark(at(1 << 40)));
    }
}
