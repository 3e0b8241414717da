//! Where decisions are recorded, and what becomes of those that cannot be.

use std::path::PathBuf;

use super::Rotation;

/// What becomes of a decision that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nobody is let in without a record.
    Deny,
    /// The decision stands; the failure is logged.
    Warn,
}

/// Where decisions are recorded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file; its folder is made if it is missing.
    pub file: PathBuf,
    /// What becomes of a decision that cannot be recorded.
    pub on_failure: OnFailure,
    /// Whether the texts of queries are recorded.
    pub query_text: bool,
    /// When a file is set aside, and how many are kept.
    pub rotation: Rotation,
}
