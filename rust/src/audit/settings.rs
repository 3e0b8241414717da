//! Where decisions are recorded, and what becomes of those that cannot be.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::Rotation;
use crate::source::rights::{self, Secrecy};

/// Linux's `O_NONBLOCK`: a pipe at which nobody reads is an error at once.
const WITHOUT_WAITING: i32 = 0o4000;

/// What becomes of a decision that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Nobody is let in without a record.
    Deny,
    /// The decision stands; the failure is logged.
    Warn,
}

/// How long a file system is waited for that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until lines count as lines that cannot be written, and by whoever has no room for one more.
    pub writing: Duration,
    /// Until the engine ends without what has not been written.
    pub closing: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            writing: Duration::from_secs(5),
            closing: Duration::from_secs(8),
        }
    }
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
    /// How long a file system is waited for that does not answer.
    pub patience: Patience,
}

impl Settings {
    /// Whether the file could be written to, as far as can be told without writing; and what the operator should
    /// know of who else can.
    ///
    /// # Errors
    ///
    /// Why it cannot, or must not.
    pub fn check(&self) -> Result<Vec<String>, String> {
        let path = self.file.display();
        if self.file.exists() {
            let opened = OpenOptions::new()
                .append(true)
                .custom_flags(WITHOUT_WAITING)
                .open(&self.file)
                .and_then(|file| file.metadata())
                .map_err(|error| format!("cannot write {path}: {error}"))?;
            rights::check(&self.file, &opened, Secrecy::Record)
                .map_err(|problem| format!("{path} {problem}"))?;
            return Ok(rights::warnings(&self.file, Secrecy::Record));
        }
        // The folder is made at the start if it is missing.
        match self.file.ancestors().skip(1).find(|folder| folder.exists()) {
            Some(place) if !place.is_dir() => Err(format!(
                "cannot make {path}: {} is not a folder",
                place.display()
            )),
            _ => Ok(rights::warnings(&self.file, Secrecy::Record)),
        }
    }
}
