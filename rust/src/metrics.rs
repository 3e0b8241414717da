//! What an engine counts, as numbers with names. The names are documented in `docs/metrics.md`, and none
//! of them holds a user's.

use std::iter::Sum;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::reason::Reason;

/// A number with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Lower case with underscores, the same for as long as the engine lives.
    pub name: String,
    /// Only ever grows, unless it says how things are at the moment.
    pub value: u64,
}

impl Metric {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<u64>) -> Self {
        Metric {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// How many decisions had which reason.
#[derive(Clone, Copy, Default)]
pub(crate) struct Decisions {
    by_reason: [u64; Reason::ALL.len()],
}

impl Decisions {
    pub fn count(&mut self, reason: Reason) {
        self.by_reason[reason.index()] += 1;
    }

    /// By result, and by reason within each.
    pub fn metrics(&self) -> Vec<Metric> {
        let counts = &self.by_reason;
        let mut metrics = Vec::new();
        for result in ["allow", "deny"] {
            let reasons = Reason::ALL
                .into_iter()
                .filter(|reason| reason.decision() == result);
            let total: u64 = reasons.clone().map(|reason| counts[reason.index()]).sum();
            metrics.push(Metric::new(format!("decisions_{result}"), total));
            metrics.extend(reasons.map(|reason| {
                let name = format!("decisions_{result}_{}", reason.as_str().replace('-', "_"));
                Metric::new(name, counts[reason.index()])
            }));
        }
        metrics
    }
}

impl Sum for Decisions {
    fn sum<I: Iterator<Item = Decisions>>(parts: I) -> Self {
        parts.fold(Decisions::default(), |mut sum, part| {
            for (count, more) in sum.by_reason.iter_mut().zip(part.by_reason) {
                *count += more;
            }
            sum
        })
    }
}

/// The upper bounds of the lookup times that are counted together, in milliseconds.
const BOUNDS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];

/// How long lookups took, and how many had no answer.
#[derive(Default)]
pub(crate) struct Lookups {
    /// Each with those that took longer than the bound before it; the last with what took longest.
    times: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    failures: AtomicU64,
}

impl Lookups {
    pub fn ended(&self, time: Duration, answered: bool) {
        let place = BOUNDS
            .iter()
            .position(|bound| time <= Duration::from_millis(*bound))
            .unwrap_or(BOUNDS.len());
        self.times[place].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
        if !answered {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Like a histogram of Prometheus: each bound with everything that took no longer.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut so_far = 0;
        let mut upto = |count: &AtomicU64| {
            so_far += count.load(Ordering::Relaxed);
            so_far
        };
        let mut metrics: Vec<Metric> = BOUNDS
            .iter()
            .zip(&self.times)
            .map(|(bound, count)| {
                Metric::new(format!("lookup_milliseconds_le_{bound}"), upto(count))
            })
            .collect();
        metrics.push(Metric::new(
            "lookup_milliseconds_le_inf",
            upto(&self.times[BOUNDS.len()]),
        ));
        let milliseconds = self.microseconds.load(Ordering::Relaxed) / 1000;
        metrics.push(Metric::new("lookup_milliseconds_sum", milliseconds));
        metrics.push(Metric::new(
            "lookup_failures",
            self.failures.load(Ordering::Relaxed),
        ));
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(metrics: &[Metric], name: &str) -> u64 {
        let found: Vec<u64> = metrics
            .iter()
            .filter(|metric| metric.name == name)
            .map(|metric| metric.value)
            .collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    }

    #[test]
    fn every_reason_is_counted_for_itself_and_in_its_result() {
        let mut parts = [Decisions::default(); 2];
        for (times, reason) in Reason::ALL.into_iter().enumerate() {
            for _ in 0..=times {
                parts[times % 2].count(reason);
            }
        }
        let metrics = parts.into_iter().sum::<Decisions>().metrics();
        assert_eq!(metrics.len(), Reason::ALL.len() + 2);
        assert_eq!(value(&metrics, "decisions_allow"), 10);
        let denied: u64 = (5..=Reason::ALL.len() as u64).sum();
        assert_eq!(value(&metrics, "decisions_deny"), denied);
        assert_eq!(value(&metrics, "decisions_allow_self"), 4);
        assert_eq!(value(&metrics, "decisions_deny_no_permission"), 10);
        assert_eq!(value(&metrics, "decisions_deny_audit_unavailable"), 16);
        assert_eq!(value(&metrics, "decisions_deny_not_enforceable"), 19);
    }

    #[test]
    fn a_bound_counts_everything_that_took_no_longer() {
        let lookups = Lookups::default();
        for (microseconds, answered) in [(0, true), (1000, true), (1001, false), (7_000_000, false)]
        {
            lookups.ended(Duration::from_micros(microseconds), answered);
        }
        let metrics = lookups.metrics();
        for (name, count) in [("1", 2), ("2", 3), ("5000", 3), ("inf", 4)] {
            assert_eq!(
                value(&metrics, &format!("lookup_milliseconds_le_{name}")),
                count
            );
        }
        assert_eq!(value(&metrics, "lookup_milliseconds_sum"), 7002);
        assert_eq!(value(&metrics, "lookup_failures"), 2);
    }
}
