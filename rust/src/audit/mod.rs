//! The audit file: a JSON line for each decision, and for each query that ran under impersonation.
//!
//! Both are handed to a writer thread through a bounded queue that blocks rather than drops. A
//! line that cannot be written stays in memory and is tried again until it can; meanwhile, unless the
//! operator chose otherwise, nobody is let in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{SendTimeoutError, Sender, TrySendError, bounded};
use jiff::Timestamp;

use crate::engine::{Caller, Request};
use crate::log::Log;
use crate::metrics::Metric;
use crate::reason::Reason;

pub(crate) mod line;
mod query;
mod rotation;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub use query::{Amount, EndedQuery};
pub use rotation::Rotation;
pub use settings::{OnFailure, Settings};
pub use text::escape_controls;

use line::{Decision, Flush, Line, Query, Record};
use writer::Writer;

/// Lines that may wait for the writer.
const QUEUE: usize = 10_000;
/// How often a blocked caller looks whether the file has begun to fail.
const LOOK: Duration = Duration::from_millis(50);

/// The names by which the permission source knows the two users, where they differ in kind from the
/// query engine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesInSource {
    /// The impersonator's.
    pub impersonator: Option<String>,
    /// The target's.
    pub target: Option<String>,
}

#[derive(Default)]
struct Health {
    failing: AtomicBool,
    lost: AtomicU64,
    /// Since the start; `lost` begins anew with each failure.
    lost_ever: AtomicU64,
}

/// The audit file and the thread that writes it. Dropping it writes what waits.
pub struct Audit {
    on_failure: OnFailure,
    query_text: bool,
    health: Arc<Health>,
    queue: Option<Sender<Record>>,
    stop: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Audit {
    /// Opens the file for appending and writes the line that says that the engine has started, which
    /// proves that lines can be written. If that fails, the file counts as failing from the start.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or made.
    pub fn open(settings: &Settings, now: Timestamp, log: Arc<Log>) -> io::Result<Self> {
        let (queue, records) = bounded(QUEUE);
        let (stop, stopped) = bounded(0);
        let health = Arc::new(Health::default());
        let mut writer = Writer::open(settings, records, stopped, Arc::clone(&health), log)?;
        writer.remove_old_files(None);
        writer.add(now, &Line::start(now));
        writer.flush();
        let writer = thread::Builder::new()
            .name("impersonation-audit".to_owned())
            .spawn(move || writer.run())?;
        Ok(Audit {
            on_failure: settings.on_failure,
            query_text: settings.query_text,
            health,
            queue: Some(queue),
            stop: Some(stop),
            writer: Some(writer),
        })
    }

    /// Records a decision and returns the one that holds: the same, or a denial if it cannot be
    /// recorded. Blocks while the queue is full and the file works.
    pub fn record(
        &self,
        now: Timestamp,
        request: &Request<'_>,
        names_in_source: NamesInSource,
        reason: Reason,
    ) -> Reason {
        let mut reason = reason;
        if self.failing() {
            reason = self.unrecorded(reason);
        }
        let decision = Decision::new(now, request, names_in_source, reason);
        if self.hand_over(Record::Decision(decision)) {
            reason
        } else {
            self.unrecorded(reason)
        }
    }

    /// Records a query that has ended, so that nothing can be denied any more. Blocks as [`Audit::record`]
    /// does.
    pub fn record_query(
        &self,
        now: Timestamp,
        mut query: EndedQuery,
        names_in_source: NamesInSource,
    ) {
        if !self.query_text {
            query.text = None;
        }
        self.hand_over(Record::Query(Box::new(Query {
            time: now,
            names_in_source,
            query,
        })));
    }

    /// Records that somebody wanted what is remembered of a user, or of everybody, to be forgotten. Blocks
    /// as [`Audit::record`] does.
    pub fn record_flush(
        &self,
        now: Timestamp,
        caller: &Caller<'_>,
        user: Option<&str>,
        allowed: bool,
    ) {
        let flush = Flush::new(now, caller, user, allowed);
        self.hand_over(Record::Flush(Box::new(flush)));
    }

    /// Whether the writer has it now.
    fn hand_over(&self, mut record: Record) -> bool {
        let Some(queue) = &self.queue else {
            return false;
        };
        // Nearly always there is room, and then the clock need not be read.
        match queue.try_send(record) {
            Ok(()) => return true,
            Err(TrySendError::Full(waiting) | TrySendError::Disconnected(waiting)) => {
                record = waiting
            }
        }
        loop {
            let wait = if self.failing() { Duration::ZERO } else { LOOK };
            match queue.send_timeout(record, wait) {
                Ok(()) => return true,
                Err(SendTimeoutError::Timeout(waiting)) if !self.failing() => record = waiting,
                Err(_) => {
                    self.health.lost.fetch_add(1, Ordering::Relaxed);
                    self.health.lost_ever.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
            }
        }
    }

    /// What is counted of lines. Without an audit, the same names with zeros.
    pub fn metrics(audit: Option<&Audit>) -> Vec<Metric> {
        let waiting = audit.and_then(|audit| Some(audit.queue.as_ref()?.len()));
        let lost = audit.map(|audit| audit.health.lost_ever.load(Ordering::Relaxed));
        vec![
            Metric::new("audit_queue", waiting.unwrap_or_default() as u64),
            Metric::new("audit_lost", lost.unwrap_or_default()),
            Metric::new("audit_failing", audit.is_some_and(Audit::failing)),
        ]
    }

    fn failing(&self) -> bool {
        self.health.failing.load(Ordering::Acquire)
    }

    fn unrecorded(&self, reason: Reason) -> Reason {
        match self.on_failure {
            OnFailure::Deny if reason.is_allow() => Reason::AuditUnavailable,
            _ => reason,
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        drop(self.queue.take());
        drop(self.stop.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}
