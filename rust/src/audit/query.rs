//! What is recorded of a query.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Path;
use crate::reason::Reason;

/// A query that ran under impersonation and has ended, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedQuery {
    /// The way on which the impersonation came.
    pub path: Path,
    /// Why it was allowed.
    pub reason: Reason,
    /// When the shim had that answer. The decision's own line is a little older.
    pub decided: Timestamp,
    /// The user who acted as somebody else.
    pub impersonator: String,
    /// The user who was impersonated.
    pub target: String,
    /// How the impersonator authenticated.
    pub principal: Option<String>,
    /// The query's id.
    pub query_id: String,
    /// The query engine's word for how it ended.
    pub state: String,
    /// The query engine's name of the error, of a query that failed.
    pub error: Option<String>,
    /// When it began.
    pub start: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// The program that sent it, as it calls itself.
    pub source: Option<String>,
    /// Where the program runs.
    pub client_address: Option<String>,
    /// The program's tags.
    pub client_tags: Vec<String>,
    /// The catalogs that it touched.
    pub catalogs: Vec<String>,
    /// The tables that it touched, each with catalog and schema.
    pub tables: Vec<String>,
    /// What it read from its sources.
    pub input: Amount,
    /// What it gave to the program.
    pub output: Amount,
    /// What it wrote into tables.
    pub written: Amount,
    /// Its text, which is recorded only where the operator wants that.
    pub text: Option<String>,
}

/// How much data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// In rows.
    pub rows: u64,
    /// In bytes.
    pub bytes: u64,
}
