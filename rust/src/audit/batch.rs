//! What waits for the writer.

use jiff::Timestamp;

use super::NamesInSource;
use super::line::{Flush, Line, Query};
use crate::engine::{Path, Request};
use crate::reason::Reason;
use crate::texts::{Lengths, Texts};

/// Room for texts that is kept while nothing needs it. The texts of the most decisions that can wait, were they
/// all as long as they may be, take ten times as much.
const ROOM: usize = 1024 * 1024;

/// Records in their order, with the texts of all decisions in a row. Handing a decision over takes no memory of its
/// own, which another thread would have to give back.
#[derive(Default)]
pub(crate) struct Batch {
    records: Vec<Record>,
    texts: String,
}

enum Record {
    Decision(Decision),
    Query(Box<Query>),
    Flush(Box<Flush>),
}

struct Decision {
    time: Timestamp,
    reason: Reason,
    path: Path,
    texts_at: usize,
    lengths: Lengths,
    /// Where there is a user mapping.
    names_in_source: Option<Box<NamesInSource>>,
}

/// A decision as its line is made of it.
pub(super) struct Decided<'b> {
    pub time: Timestamp,
    pub reason: Reason,
    pub path: Path,
    pub texts: Texts<'b>,
    pub names_in_source: Option<&'b NamesInSource>,
}

impl Batch {
    pub fn add_decision(
        &mut self,
        time: Timestamp,
        request: &Request<'_>,
        names_in_source: NamesInSource,
        reason: Reason,
    ) {
        let is_mapped = names_in_source != NamesInSource::default();
        self.records.push(Record::Decision(Decision {
            time,
            reason,
            path: request.path,
            texts_at: self.texts.len(),
            lengths: Lengths::append(request, |text| self.texts.push_str(text)),
            names_in_source: is_mapped.then(|| Box::new(names_in_source)),
        }));
    }

    pub fn add_query(&mut self, query: Box<Query>) {
        self.records.push(Record::Query(query));
    }

    pub fn add_flush(&mut self, flush: Box<Flush>) {
        self.records.push(Record::Flush(flush));
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn clear(&mut self) {
        self.records.clear();
        self.texts.clear();
        self.texts.shrink_to(ROOM);
    }

    /// Each line and its time.
    pub fn lines(&self) -> impl Iterator<Item = (Timestamp, Line<'_>)> {
        self.records.iter().map(|record| match record {
            Record::Decision(decision) => {
                let decided = Decided {
                    time: decision.time,
                    reason: decision.reason,
                    path: decision.path,
                    texts: decision.lengths.read(&self.texts[decision.texts_at..]),
                    names_in_source: decision.names_in_source.as_deref(),
                };
                (decision.time, decided.line())
            }
            Record::Query(query) => (query.time, query.line()),
            Record::Flush(flush) => (flush.time, flush.line()),
        })
    }
}
