//! What an engine shows to those who run it, and what it does for them.

use std::borrow::Cow;

use crate::audit::Audit;
use crate::cache::Remembered;
use crate::config::Setting;
use crate::history::Past;
use crate::metrics::Metric;
use crate::name::Name;
use crate::reason::Reason;

use super::Engine;

/// Somebody who wants to see or do what is for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The user whose rights count: of a query under impersonation, the target.
    pub user: Name<'a>,
    /// How the client authenticated, for the record.
    pub principal: Option<Name<'a>>,
    /// The query, for the record.
    pub query_id: Option<Cow<'a, str>>,
}

impl Engine {
    /// What the engine counts, under names that stay.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.history.counted().metrics();
        metrics.extend(self.source.metrics());
        metrics.extend(Audit::metrics(self.audit.as_ref()));
        metrics
    }

    /// The last decisions, the newest first: all of them, or those in which this user is the impersonator
    /// or the target.
    pub fn decisions(&self, of: Option<&Name<'_>>) -> Vec<Past> {
        let Some(user) = of else {
            return self.history.read(&*self.clock, |_, _| true);
        };
        let folded = self.folding.fold(user.as_str());
        let is_user = |name: &str| user.is_valid() && self.folding.fold(name) == folded;
        self.history.read(&*self.clock, |impersonator, target| {
            is_user(impersonator) || is_user(target)
        })
    }

    /// Who is remembered of the remote permission source.
    pub fn remembered(&self) -> Vec<Remembered> {
        self.source.remembered()
    }

    /// What holds of each property, without secrets.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Whether somebody is an admin now, judged as the impersonator of a decision is: a disabled account
    /// is not, and where the source cannot answer, the name decides.
    pub fn is_admin(&self, caller: &Caller<'_>) -> bool {
        if !caller.user.is_valid() {
            return false;
        }
        let view = self.source.view();
        let person = view.person(view.named(caller.user.as_str()));
        let standing = self.rules.standing(&person, || self.clock.now());
        matches!(standing, Ok(Reason::AdminUser | Reason::AdminGroup))
    }

    /// Forgets what is remembered of a user, or of everybody, and looks for changed files, if the caller is
    /// an admin; says whether that is so. It leaves a line in the audit file. One that cannot be written
    /// keeps nobody from taking rights away, and neither does a disk that hangs.
    pub fn flush_for(&self, caller: &Caller<'_>, user: Option<&Name<'_>>) -> bool {
        let allowed = self.is_admin(caller);
        let name = user.map(Name::as_str);
        let forget = || {
            if allowed && user.is_none_or(Name::is_valid) {
                self.flush(name);
            }
        };
        forget();
        if let Some(audit) = &self.audit {
            audit.record_flush(self.clock.now(), caller, name, allowed);
        }
        if allowed {
            self.reload();
            // By a new user mapping it may be somebody else who was meant.
            forget();
        }
        allowed
    }
}
