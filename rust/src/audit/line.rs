//! What stands in the file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::batch::Decided;
use super::repeated::Repeated;
use super::text::{escape_unseen, shortened};
use super::{EndedQuery, NamesInSource};
use crate::VERSION;
use crate::engine::Caller;
use crate::name::is_printable_ascii;

/// Of `docs/audit.schema.json`. A change that a reader of the lines could stumble over takes the next number.
const SCHEMA_VERSION: u32 = 1;

/// Somebody wanted what is remembered to be forgotten.
pub(crate) struct Flush {
    pub(super) time: Timestamp,
    allowed: bool,
    user: String,
    principal: Option<String>,
    query_id: Option<String>,
    flushed: Option<String>,
}

impl Flush {
    pub(crate) fn new(
        time: Timestamp,
        caller: &Caller<'_>,
        user: Option<&str>,
        allowed: bool,
    ) -> Self {
        Flush {
            time,
            allowed,
            user: shortened(caller.user.as_str()),
            principal: caller
                .principal
                .as_ref()
                .map(|principal| shortened(principal.as_str())),
            query_id: caller.query_id.as_deref().map(shortened),
            flushed: user.map(shortened),
        }
    }

    pub(super) fn line(&self) -> Line<'_> {
        Line::Flush {
            schema_version: SCHEMA_VERSION,
            time: time_text(self.time),
            decision: if self.allowed { "allow" } else { "deny" },
            user: &self.user,
            flushed: self.flushed.as_deref(),
            principal: self.principal.as_deref(),
            query_id: self.query_id.as_deref(),
            engine_version: VERSION,
        }
    }
}

impl<'b> Decided<'b> {
    pub(super) fn line(self) -> Line<'b> {
        let names = self.names_in_source;
        Line::Decision {
            schema_version: SCHEMA_VERSION,
            time: time_text(self.time),
            decision: self.reason.decision(),
            reason: self.reason.as_str(),
            impersonator: self.texts.impersonator,
            target: self.texts.target,
            mapped_impersonator: names.and_then(|names| names.impersonator.as_deref()),
            mapped_target: names.and_then(|names| names.target.as_deref()),
            principal: self.texts.principal,
            path: self.path.as_str(),
            query_id: self.texts.query_id,
            engine_version: VERSION,
        }
    }
}

pub(crate) struct Query {
    pub(crate) time: Timestamp,
    pub(crate) names_in_source: NamesInSource,
    pub(crate) query: EndedQuery,
}

impl Query {
    pub(super) fn line(&self) -> Line<'_> {
        let query = &self.query;
        Line::Query(Box::new(QueryLine {
            schema_version: SCHEMA_VERSION,
            time: time_text(self.time),
            query_id: &query.query_id,
            state: &query.state,
            success: query.error.is_none(),
            error_code: query.error.as_deref(),
            start: time_text(query.start),
            elapsed_millis: query.elapsed.as_millis(),
            impersonator: &query.impersonator,
            target: &query.target,
            mapped_impersonator: self.names_in_source.impersonator.as_deref(),
            mapped_target: self.names_in_source.target.as_deref(),
            principal: query.principal.as_deref(),
            path: query.path.as_str(),
            reason: query.reason.as_str(),
            decided_at: time_text(query.decided),
            user_id: &query.target,
            impersonation_user: &query.impersonator,
            source: query.source.as_deref(),
            client_address: query.client_address.as_deref(),
            client_tags: &query.client_tags,
            catalogs: &query.catalogs,
            tables: &query.tables,
            input_rows: query.input.rows,
            input_bytes: query.input.bytes,
            output_rows: query.output.rows,
            output_bytes: query.output.bytes,
            written_rows: query.written.rows,
            written_bytes: query.written.bytes,
            query_text: query.text.as_deref(),
            engine_version: VERSION,
        }))
    }
}

impl Repeated {
    pub(crate) fn line(&self, time: Timestamp) -> Line<'_> {
        Line::Refusals {
            schema_version: SCHEMA_VERSION,
            time: time_text(time),
            from: time_text(self.from),
            to: time_text(self.to),
            principal: self.principal.as_deref(),
            impersonator: self.impersonator.as_deref(),
            repeated: self.count(),
            reasons: self.reasons().collect(),
            distinct_targets: self.targets(),
            engine_version: VERSION,
        }
    }
}

#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Line<'a> {
    Start {
        schema_version: u32,
        time: String,
        engine_version: &'a str,
    },
    Decision {
        schema_version: u32,
        time: String,
        decision: &'a str,
        reason: &'a str,
        impersonator: &'a str,
        target: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        mapped_impersonator: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        mapped_target: Option<&'a str>,
        principal: Option<&'a str>,
        path: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        query_id: Option<&'a str>,
        engine_version: &'a str,
    },
    Flush {
        schema_version: u32,
        time: String,
        decision: &'a str,
        user: &'a str,
        /// Null for everybody.
        flushed: Option<&'a str>,
        principal: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        query_id: Option<&'a str>,
        engine_version: &'a str,
    },
    Query(Box<QueryLine<'a>>),
    Refusals {
        schema_version: u32,
        time: String,
        from: String,
        to: String,
        principal: Option<&'a str>,
        /// Null for several.
        impersonator: Option<&'a str>,
        repeated: u64,
        reasons: BTreeMap<&'static str, u64>,
        distinct_targets: u64,
        engine_version: &'a str,
    },
}

/// Immuta's own record calls the two users `userId` and `impersonationUser`, so both are there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryLine<'a> {
    schema_version: u32,
    time: String,
    query_id: &'a str,
    state: &'a str,
    success: bool,
    error_code: Option<&'a str>,
    start: String,
    elapsed_millis: u128,
    impersonator: &'a str,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapped_impersonator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapped_target: Option<&'a str>,
    principal: Option<&'a str>,
    path: &'a str,
    reason: &'a str,
    decided_at: String,
    user_id: &'a str,
    impersonation_user: &'a str,
    source: Option<&'a str>,
    client_address: Option<&'a str>,
    client_tags: &'a [String],
    catalogs: &'a [String],
    tables: &'a [String],
    input_rows: u64,
    input_bytes: u64,
    output_rows: u64,
    output_bytes: u64,
    written_rows: u64,
    written_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_text: Option<&'a str>,
    engine_version: &'a str,
}

impl Line<'_> {
    pub(crate) fn start(time: Timestamp) -> Self {
        Line::Start {
            schema_version: SCHEMA_VERSION,
            time: time_text(time),
            engine_version: VERSION,
        }
    }

    /// The line as it is written, without its end.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        // Nearly every line is plain, and then it need not be looked at character by character.
        if is_printable_ascii(&json) {
            return Ok(json);
        }
        Ok(escape_unseen(&json))
    }
}

fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}
