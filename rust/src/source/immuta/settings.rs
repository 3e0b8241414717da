//! How Immuta is asked, and what can be wrong with that.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::name::Folding;
use crate::source::immuta::{ApiKey, Endpoint};
use crate::source::watched::FileError;

/// How Immuta is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where Immuta is.
    pub endpoint: Endpoint,
    /// The key that authorizes us.
    pub key: ApiKey,
    /// Look users up in this IAM only.
    pub iam: Option<String>,
    /// The certificates in PEM format that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a lookup is meant to take at most; connecting gets no more than this, and no more than
    /// two seconds.
    pub timeout: Duration,
    /// How user names are compared. Names that are looked up are folded already.
    pub folding: Folding,
}

/// Why Immuta cannot be asked with these settings.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The key is not one.
    #[error("{0}")]
    ApiKey(String),
    /// The file with the key cannot be used.
    #[error("{0}")]
    ApiKeyFile(FileError),
    /// The file with the certificates cannot be used.
    #[error("{0}")]
    CaFile(FileError),
    /// The system has no certificates to trust.
    #[error("this machine has no trusted certificates; name a file with them here {0}")]
    SystemRoots(String),
    /// The IAM cannot be one.
    #[error("{0:?} cannot be the ID of an IAM")]
    Iam(String),
    /// The HTTP client did not start.
    #[error("the HTTP client did not start: {0}")]
    Client(String),
}

impl OpenError {
    /// The property that is wrong.
    pub fn property(&self) -> &'static str {
        match self {
            OpenError::ApiKey(_) => "immuta.apikey",
            OpenError::ApiKeyFile(_) => "immuta.apikey-file",
            OpenError::CaFile(_) | OpenError::SystemRoots(_) => "immuta.ca-file",
            OpenError::Iam(_) => "immuta.iam",
            OpenError::Client(_) => "immuta.endpoint",
        }
    }
}
