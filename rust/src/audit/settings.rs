//! Where decisions are recorded, and what becomes of those that cannot be.

use std::fs::OpenOptions;
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

impl Settings {
    /// Whether the file could be written to, as far as can be told without writing.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn check(&self) -> Result<(), String> {
        let path = self.file.display();
        if self.file.exists() {
            let opened = OpenOptions::new().append(true).open(&self.file);
            return opened
                .map(drop)
                .map_err(|error| format!("cannot write {path}: {error}"));
        }
        // The folder is made at the start if it is missing.
        match self.file.ancestors().skip(1).find(|folder| folder.exists()) {
            Some(place) if !place.is_dir() => Err(format!(
                "cannot make {path}: {} is not a folder",
                place.display()
            )),
            _ => Ok(()),
        }
    }
}
