//! The audit file: a JSON line for each decision, and for each query that ran under impersonation.
//!
//! Both are handed to a writer thread through a bounded queue that blocks rather than drops. A
//! line that cannot be written stays in memory and is tried again until it can; meanwhile, unless the
//! operator chose otherwise, nobody is let in.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use crate::engine::{Caller, Request};
use crate::log::Log;
use crate::metrics::Metric;
use crate::reason::Reason;

pub(crate) mod batch;
pub(crate) mod line;
mod query;
mod queue;
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

use batch::Batch;
use line::{Flush, Line, Query};
use queue::Queue;
use writer::Writer;

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
    queue: Arc<Queue>,
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
        let queue = Arc::new(Queue::new());
        let health = Arc::new(Health::default());
        let mut writer = Writer::open(settings, Arc::clone(&queue), Arc::clone(&health), log)?;
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
            queue,
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
        if self.hand_over(|batch| batch.add_decision(now, request, names_in_source, reason)) {
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
        let query = Box::new(Query {
            time: now,
            names_in_source,
            query,
        });
        self.hand_over(|batch| batch.add_query(query));
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
        let flush = Box::new(Flush::new(now, caller, user, allowed));
        self.hand_over(|batch| batch.add_flush(flush));
    }

    /// Whether the writer will find the record.
    fn hand_over(&self, add: impl FnOnce(&mut Batch)) -> bool {
        let handed_over = self.queue.put(|| !self.failing(), add);
        if !handed_over {
            self.health.lost.fetch_add(1, Ordering::Relaxed);
            self.health.lost_ever.fetch_add(1, Ordering::Relaxed);
        }
        handed_over
    }

    /// What is counted of lines. Without an audit, the same names with zeros.
    pub fn metrics(audit: Option<&Audit>) -> Vec<Metric> {
        let waiting = audit.map(|audit| audit.queue.len());
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
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}
