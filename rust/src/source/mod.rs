//! Permission sources: where users, permissions and groups come from.

pub mod group_file;
pub mod immuta;
pub mod local;
pub mod lookup;
mod person;
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
use crate::name::Folding;
use crate::scope::Scopes;
use crate::source::group_file::GroupFile;
use crate::source::local::{LocalFiles, Snapshot};
use crate::user::User;
use crate::user_mapping::Mapped;

pub use person::{Found, Named, Person};

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
    folding: Folding,
    clock: Arc<dyn Clock>,
}

impl Source {
    /// Users come from the remote source if there is one, else from the policy file.
    pub fn new(
        files: LocalFiles,
        remote: Option<Cache>,
        folding: Folding,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Source {
            files,
            remote,
            folding,
            clock,
        }
    }

    /// What one decision is made on.
    pub fn view(&self) -> View<'_> {
        let now = self.clock.elapsed();
        View {
            files: self.files.snapshot(now),
            folding: self.folding,
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

    /// Forgets what is remembered of the user of this name, which is the query engine's.
    pub fn flush_user(&self, name: &str) {
        if let (Some(cache), Some(name)) = (&self.remote, self.view().named(name).in_source()) {
            cache.flush_user(name);
        }
    }
}

/// What a decision is made on, from its first step to its last: one version of each file, and one
/// deadline for all that has to be looked up.
pub struct View<'s> {
    files: Snapshot,
    folding: Folding,
    remote: Option<(&'s Cache, Duration)>,
    now: Cell<Duration>,
}

impl View<'_> {
    /// What is known of a name without asking the source.
    pub fn named<'n>(&self, asked: &'n str) -> Named<'n> {
        let mut folded = self.fold(asked);
        let mut canonical = Cow::Borrowed(asked);
        let mut source_spells = self.folding == Folding::CaseInsensitive;
        let mapped = self.files.mapping().map(|mapping| {
            let mapped = mapping.map(&folded);
            source_spells &=
                matches!(&mapped, Mapped::To(name) if *name == folded.trim_matches(' '));
            if source_spells {
                return mapped;
            }
            let Some(spelling) = mapping.other_spelling(asked) else {
                return mapped;
            };
            folded = Cow::Owned(self.fold(&spelling).into_owned());
            canonical = Cow::Owned(spelling);
            // A spelling of which nobody can say that it is the same user's is nobody's.
            if mapping.map(&folded) == mapped {
                mapped
            } else {
                Mapped::Forbidden
            }
        });
        Named {
            asked,
            canonical,
            folded,
            mapped,
            source_spells,
        }
    }

    /// Looks a user up.
    pub fn person<'v>(&'v self, named: Named<'v>) -> Person<'v> {
        let found = self.find(&named);
        Person::new(self, named, found)
    }

    fn find(&self, named: &Named<'_>) -> Found<'_> {
        if named.mapped == Some(Mapped::Forbidden) {
            return Found::Forbidden;
        }
        let Some(name) = named.in_source() else {
            return if self.files.trusted {
                Found::Unknown
            } else {
                Found::Unavailable(None)
            };
        };
        let found = match self.remote {
            Some((cache, _)) if !self.files.trusted => Err(cache.last_known(name)),
            Some((cache, deadline)) => cache
                .user(name, &self.now, deadline)
                .map_err(|Unavailable| cache.last_known(name)),
            None => {
                let user = self.files.policy().and_then(|policy| policy.user(name));
                return match (user.map(Known::Listed), self.files.trusted) {
                    (Some(user), true) => Found::Known(user),
                    (None, true) => Found::Unknown,
                    (user, false) => Found::Unavailable(user),
                };
            }
        };
        match found {
            Ok(user) => user.map_or(Found::Unknown, |user| Found::Known(Known::Remembered(user))),
            Err(last) => Found::Unavailable(last.map(Known::Remembered)),
        }
    }

    /// The form of a name that is compared.
    pub fn fold<'n>(&self, name: &'n str) -> Cow<'n, str> {
        self.folding.fold(name)
    }

    /// Whether looking a user up may ask another system.
    pub fn asks_another_system(&self) -> bool {
        self.remote.is_some()
    }

    /// The clock's time when it was last read for this decision.
    pub fn elapsed(&self) -> Duration {
        self.now.get()
    }

    /// Whether there is a user mapping.
    pub fn maps_names(&self) -> bool {
        self.files.mapping().is_some()
    }

    /// Groups by user name, in the last version of the file that could be read.
    fn group_file(&self) -> Option<&GroupFile> {
        self.files.groups()
    }

    /// Whether rules go by groups, and nothing says which groups a user has.
    pub fn misses_groups(&self, admins_by_group: bool) -> bool {
        let policy = self.files.policy();
        local::misses_groups(policy, self.group_file().is_some(), admins_by_group)
    }

    /// The scopes, if there are any. They still hold when lookups fail.
    pub fn scopes(&self) -> Option<&Scopes> {
        let policy = self.files.policy()?;
        Some(&policy.scopes).filter(|scopes| !scopes.is_empty())
    }
}
