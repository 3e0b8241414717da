//! Tells the operator about failed lookups: the same problem once a minute at most, another one sooner.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::log::{Level, Log};

/// How long the same problem is not repeated.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long another problem of the same kind waits. Problems may name users, of whom there are many.
const SHORT_INTERVAL: Duration = Duration::from_secs(1);

/// Why a lookup failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The source does not work.
    Outage,
    /// What the source says of the user cannot be used.
    Answer,
    /// A mistake of ours.
    Panic,
}

/// What was last reported of a kind.
struct Reported {
    problem: String,
    at: Duration,
    left_out: u64,
}

pub(super) struct Report {
    reported: Mutex<[Option<Reported>; 3]>,
    log: Arc<Log>,
}

impl Report {
    pub fn new(log: Arc<Log>) -> Self {
        Report {
            reported: Mutex::default(),
            log,
        }
    }

    pub fn failed(&self, kind: Kind, name: &str, problem: &str, now: Duration) {
        let mut reported = self.reported.lock();
        let last = &mut reported[kind as usize];
        let mut text = format!("looking up {name:?} failed: {problem}");
        if let Some(last) = last {
            let interval = if last.problem == problem {
                INTERVAL
            } else {
                SHORT_INTERVAL
            };
            if now < last.at.saturating_add(interval) {
                last.left_out += 1;
                return;
            }
            if last.left_out > 0 {
                text += &format!(" (and {} more since one was last reported)", last.left_out);
            }
        }
        *last = Some(Reported {
            problem: problem.to_owned(),
            at: now,
            left_out: 0,
        });
        let level = match kind {
            Kind::Outage | Kind::Answer => Level::Warning,
            Kind::Panic => Level::Error,
        };
        self.log.push(level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_reported_once_a_minute_with_the_number_left_out_and_another_one_sooner() {
        let log = Arc::<Log>::default();
        let report = Report::new(Arc::clone(&log));
        let at = Duration::from_secs;
        for second in 0..60 {
            report.failed(Kind::Outage, "bob", "down", at(second));
        }
        report.failed(Kind::Answer, "a\nb", "no user", at(59));
        report.failed(Kind::Panic, "eve", "broken", at(59));
        report.failed(Kind::Outage, "bob", "down", at(60));
        report.failed(Kind::Outage, "bob", "slow", at(60));
        report.failed(Kind::Outage, "bob", "slow", at(61));
        let messages: Vec<_> = log
            .drain()
            .into_iter()
            .map(|message| (message.level, message.text))
            .collect();
        let warning = |text: &str| (Level::Warning, text.to_owned());
        assert_eq!(
            messages,
            [
                warning("looking up \"bob\" failed: down"),
                warning("looking up \"a\\nb\" failed: no user"),
                (Level::Error, "looking up \"eve\" failed: broken".to_owned()),
                warning(
                    "looking up \"bob\" failed: down (and 59 more since one was last reported)"
                ),
                warning("looking up \"bob\" failed: slow (and 1 more since one was last reported)"),
            ]
        );
    }
}
