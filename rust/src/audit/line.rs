//! What stands in the file.

use jiff::Timestamp;
use serde::Serialize;

use super::NamesInSource;
use super::text::{escape_controls, shortened};
use crate::VERSION;
use crate::engine::{Path, Request};
use crate::reason::Reason;

/// A decision on its way to the file.
pub(super) struct Record {
    time: Timestamp,
    reason: Reason,
    impersonator: String,
    target: String,
    names_in_source: NamesInSource,
    principal: Option<String>,
    path: Path,
    query_id: Option<String>,
}

impl Record {
    pub(super) fn new(
        time: Timestamp,
        request: &Request<'_>,
        names_in_source: NamesInSource,
        reason: Reason,
    ) -> Self {
        Record {
            time,
            reason,
            impersonator: shortened(request.impersonator.as_str()),
            target: shortened(request.target.as_str()),
            names_in_source,
            principal: request
                .principal
                .as_ref()
                .map(|principal| shortened(principal.as_str())),
            path: request.path,
            query_id: request.query_id.as_deref().map(shortened),
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    pub(super) fn line(&self) -> Line<'_> {
        Line::Decision {
            time: time_text(self.time),
            decision: self.reason.decision(),
            reason: self.reason.as_str(),
            impersonator: &self.impersonator,
            target: &self.target,
            mapped_impersonator: self.names_in_source.impersonator.as_deref(),
            mapped_target: self.names_in_source.target.as_deref(),
            principal: self.principal.as_deref(),
            path: self.path.as_str(),
            query_id: self.query_id.as_deref(),
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
pub(super) enum Line<'a> {
    Start {
        time: String,
        engine_version: &'a str,
    },
    Decision {
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
}

impl Line<'_> {
    pub(super) fn start(time: Timestamp) -> Self {
        Line::Start {
            time: time_text(time),
            engine_version: VERSION,
        }
    }

    /// The line as it is written, without its end.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        Ok(escape_controls(&serde_json::to_string(self)?))
    }
}

fn time_text(time: Timestamp) -> String {
    format!("{time:.6}")
}
