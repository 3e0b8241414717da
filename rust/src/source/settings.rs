//! What a permission source is made of.

use std::sync::Arc;

use crate::cache::{self, Cache};
use crate::clock::Clock;
use crate::config::{ENDPOINT, Problem};
use crate::log::Log;
use crate::source::Source;
use crate::source::immuta::{self, ApiKey, ImmutaSource};
use crate::source::local::{Files, LocalFiles};
use crate::source::lookup::Lookup;
use crate::source::rights::{self, Secrecy};

/// The files, and where users are looked up besides, if anywhere.
#[derive(Debug)]
pub struct Settings {
    /// The local files.
    pub files: Files,
    /// Immuta, if users come from there.
    pub remote: Option<Remote>,
}

/// How users are looked up in Immuta and remembered.
#[derive(Debug)]
pub struct Remote {
    /// How Immuta is asked.
    pub api: immuta::Settings,
    /// How long answers are remembered.
    pub cache: cache::Settings,
}

impl Settings {
    /// Says what is wrong with the files that the settings name. Asks nobody.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.files.check();
        problems.extend(
            self.remote
                .as_ref()
                .and_then(|remote| remote.connect().err()),
        );
        problems
    }

    /// What works, but may not be meant, of who can change the files that the settings name.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.files.warnings();
        if let Some(Remote { api, .. }) = &self.remote {
            if let ApiKey::File(path) = &api.key {
                warnings.extend(rights::warnings(path, Secrecy::Secret));
            }
            if let Some(path) = &api.ca_file {
                warnings.extend(rights::warnings(path, Secrecy::Public));
            }
        }
        warnings
    }

    /// Asks Immuta whether it would answer, and tells what it said. Nothing without an endpoint.
    pub fn check_online(&self) -> Option<Result<String, Problem>> {
        let remote = self.remote.as_ref()?;
        Some(remote.connect().and_then(|api| {
            api.probe()
                .map_err(|error| Problem::new(ENDPOINT, error.to_string()))
        }))
    }

    /// Reads the files and starts to watch them. Immuta is not asked yet, or not at all if there is
    /// something else to look users up in.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files that the settings name.
    pub fn open(
        &self,
        clock: &Arc<dyn Clock>,
        log: &Arc<Log>,
        lookup: Option<Arc<dyn Lookup>>,
    ) -> Result<Source, Vec<Problem>> {
        let files = LocalFiles::open(&self.files, clock, log);
        let remote = self
            .remote
            .as_ref()
            .map(|remote| remote.start(clock, log, lookup))
            .transpose();
        match (files, remote) {
            (Ok(files), Ok(remote)) => {
                let folding = self.files.folding;
                Ok(Source::new(files, remote, folding, Arc::clone(clock)))
            }
            (files, remote) => {
                let mut problems = files.err().unwrap_or_default();
                problems.extend(remote.err());
                Err(problems)
            }
        }
    }
}

impl Remote {
    fn connect(&self) -> Result<ImmutaSource, Problem> {
        ImmutaSource::open(&self.api)
            .map_err(|error| Problem::new(error.property(), error.to_string()))
    }

    fn start(
        &self,
        clock: &Arc<dyn Clock>,
        log: &Arc<Log>,
        lookup: Option<Arc<dyn Lookup>>,
    ) -> Result<Cache, Problem> {
        let lookup = match lookup {
            Some(lookup) => lookup,
            None => Arc::new(self.connect()?),
        };
        Cache::start(
            lookup,
            self.cache.clone(),
            Arc::clone(clock),
            Arc::clone(log),
        )
        .map_err(|error| Problem::new(ENDPOINT, error.to_string()))
    }
}
