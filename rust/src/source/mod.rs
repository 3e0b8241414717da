//! Permission sources: where users, permissions and groups come from.

pub mod group_file;
pub mod immuta;
pub mod local;
pub mod lookup;
pub mod rights;
pub mod settings;
pub mod watched;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::cache::{Cache, Remembered};
use crate::clock::Clock;
use crate::metrics::Metric;
use crate::scope::Scopes;
use crate::source::local::{LocalFiles, Snapshot};
use crate::user::User;

/// A permission source cannot answer. It is neither a yes nor a no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the permission source cannot answer")]
pub struct Unavailable;

/// A user who was found. One of a file is not shared for a decision: processors that count the holders of the same
/// user wait for each other, and nearly every decision is about the same few service accounts.
pub enum Known<'v> {
    /// In the policy file's version that the decision is made on.
    Listed(&'v User),
    /// In the cache.
    Remembered(User),
}

impl Deref for Known<'_> {
    type Target = User;

    fn deref(&self) -> &User {
        match self {
            Known::Listed(user) => user,
            Known::Remembered(user) => user,
        }
    }
}

/// The permission source: local files, and what users are looked up in besides, if anything.
pub struct Source {
    files: LocalFiles,
    remote: Option<Cache>,
    clock: Arc<dyn Clock>,
}

impl Source {
    /// Users come from the remote source if there is one, else from the policy file.
    pub fn new(files: LocalFiles, remote: Option<Cache>, clock: Arc<dyn Clock>) -> Self {
        Source {
            files,
            remote,
            clock,
        }
    }

    /// What one decision is made on.
    pub fn view(&self) -> View<'_> {
        let now = self.clock.elapsed();
        View {
            files: self.files.snapshot(now),
            remote: self
                .remote
                .as_ref()
                .map(|cache| (cache, cache.deadline(now))),
            now: Cell::new(now),
        }
    }

    /// Whom the source was asked for and is remembered; nobody without a remote source.
    pub fn remembered(&self) -> Vec<Remembered> {
        self.remote
            .as_ref()
            .map(Cache::remembered)
            .unwrap_or_default()
    }

    /// What is counted of lookups and of what is remembered.
    pub fn metrics(&self) -> Vec<Metric> {
        Cache::metrics(self.remote.as_ref())
    }

    /// Has changed files looked for at once, and names those that nobody could look at by then.
    pub fn reload_if_changed(&self, until: Instant) -> Vec<&Path> {
        self.files.reload_if_changed(until)
    }

    /// Forgets what is remembered of everybody.
    pub fn flush(&self) {
        if let Some(cache) = &self.remote {
            cache.flush();
        }
    }

    /// Forgets what is remembered of the user of this name, which is the query engine's, folded.
    pub fn flush_user(&self, folded: &str) {
        if let (Some(cache), Some(name)) = (&self.remote, self.view().name_in_source(folded)) {
            cache.flush_user(&name);
        }
    }
}

/// What a decision is made on, from its first step to its last: one version of each file, and one
/// deadline for all that has to be looked up.
pub struct View<'s> {
    files: Snapshot,
    remote: Option<(&'s Cache, Duration)>,
    now: Cell<Duration>,
}

impl View<'_> {
    /// Looks a user up by the query engine's name, folded.
    ///
    /// # Errors
    ///
    /// A file has been broken for too long, or the remote source did not say.
    pub fn user(&self, folded: &str) -> Result<Option<Known<'_>>, Unavailable> {
        if !self.files.trusted {
            return Err(Unavailable);
        }
        let Some(name) = self.name_in_source(folded) else {
            return Ok(None);
        };
        match self.remote {
            Some((cache, deadline)) => {
                let found = cache.user(&name, &self.now, deadline)?;
                Ok(found.map(Known::Remembered))
            }
            None => {
                let policy = self.files.policy();
                Ok(policy
                    .and_then(|policy| policy.user(&name))
                    .map(Known::Listed))
            }
        }
    }

    /// The clock's time when it was last read for this decision.
    pub fn elapsed(&self) -> Duration {
        self.now.get()
    }

    /// The name that the source knows a user by; `None` if it knows no such user.
    fn name_in_source<'n>(&self, folded: &'n str) -> Option<Cow<'n, str>> {
        match self.files.mapping() {
            Some(mapping) => mapping.map(folded).map(Cow::Owned),
            None => Some(Cow::Borrowed(folded)),
        }
    }

    /// Whether there is a user mapping.
    pub fn maps_names(&self) -> bool {
        self.files.mapping().is_some()
    }

    /// What is to be said of a user to whoever knows the query engine's name only: what the user mapping
    /// makes of it. Nothing without a user mapping.
    pub fn mapped(&self, folded: &str) -> Option<Mapped> {
        let mapping = self.files.mapping()?;
        Some(mapping.map(folded).map_or(Mapped::Nobody, Mapped::To))
    }

    /// The groups of a user who was looked up by this folded name; none where the source cannot be asked.
    pub fn groups<'v>(
        &'v self,
        folded: &str,
        known: &'v Result<Option<Known<'_>>, Unavailable>,
    ) -> impl Iterator<Item = &'v str> {
        let user = known.as_ref().ok();
        let own = user.and_then(Option::as_ref).into_iter();
        let listed = self.files.groups().filter(|_| user.is_some());
        own.flat_map(|user| user.groups().iter().map(String::as_str))
            .chain(listed.into_iter().flat_map(|file| file.groups(folded)))
    }

    /// The scopes, if there are any. They still hold when lookups fail.
    pub fn scopes(&self) -> Option<&Scopes> {
        let policy = self.files.policy()?;
        Some(&policy.scopes).filter(|scopes| !scopes.is_empty())
    }
}

/// What the user mapping makes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// The name that the source knows.
    To(String),
    /// No user of the source.
    Nobody,
}
