//! The rules of a decision, in their order. The first that applies decides.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Path, Request};
use crate::admin::Admins;
use crate::reason::Reason;
use crate::scope::{Scopes, Subject};
use crate::source::{Found, Person, View};
use crate::step::{Step, Verdict};

/// What the configuration says of who may impersonate whom.
pub(super) struct Rules {
    pub enabled: bool,
    pub admins: Admins,
    pub allow_unknown_targets: bool,
    pub protect_admins: bool,
    pub allow_chained: bool,
}

/// Of whom a decision is made, where it comes so far that they are looked up.
#[derive(Default)]
pub(super) struct People<'v> {
    pub impersonator: Option<Person<'v>>,
    pub target: Option<Person<'v>>,
}

impl Rules {
    /// Decides, and hands back whom it has looked up for that.
    pub fn judge<'v>(
        &self,
        view: &'v View<'_>,
        request: &'v Request<'_>,
        now: &impl Fn() -> Timestamp,
        people: &mut People<'v>,
    ) -> Verdict {
        let at = |step, reason| Verdict { step, reason };
        if !self.enabled {
            return at(Step::Switch, Reason::Disabled);
        }
        if !request.impersonator.is_valid() || !request.target.is_valid() {
            return at(Step::Names, Reason::InvalidName);
        }
        let native = request.path == Path::Native;
        if request.impersonator == request.target {
            return at(Step::OneUser, Reason::SelfTarget);
        }
        let target = view.named(request.target.as_str());
        if native && target.is_other_spelling() {
            return at(Step::OneUser, Reason::OtherSpelling);
        }
        let own = view.person(view.named(request.impersonator.as_str()));
        let own = &*people.impersonator.insert(own);
        let standing = self.standing(own, now);
        // Nobody without the permission has another system asked for the names that they think of.
        let may_ask = !view.asks_another_system() || standing.is_ok();
        if may_ask || target.folded() == own.folded() {
            let target = &*people.target.insert(view.person(target));
            if native && target.is_other_spelling() {
                return at(Step::OneUser, Reason::OtherSpelling);
            }
            if !native && target.name() == own.name() {
                return at(Step::OneUser, Reason::SelfTarget);
            }
        }
        if is_login_name(request) {
            return at(Step::OneUser, Reason::LoginName);
        }
        if request.chained && !self.allow_chained {
            return at(Step::Chain, Reason::Chained);
        }
        let grant = match standing {
            Ok(grant) => grant,
            Err(verdict) => return verdict,
        };
        let target = match &mut people.target {
            Some(target) => &*target,
            none => &*none.insert(view.person(view.named(request.target.as_str()))),
        };
        let is_admin = grant != Reason::Permission;
        if target.is_gone(now) {
            return at(Step::Target, Reason::TargetDisabled);
        }
        match target.found() {
            Found::Unavailable(_) if !is_admin => {
                return at(Step::Target, Reason::LookupUnavailable);
            }
            Found::Forbidden => return at(Step::Target, Reason::UnknownTarget),
            Found::Unknown | Found::Unavailable(_) if !self.allow_unknown_targets => {
                return at(Step::Target, Reason::UnknownTarget);
            }
            _ => {}
        }
        if !is_admin && self.protect_admins && self.is_protected(view, target) {
            return at(Step::Protection, Reason::ProtectedTarget);
        }
        if view
            .scopes()
            .is_some_and(|scopes| !allows(scopes, view, own, target))
        {
            return at(Step::Scopes, Reason::OutOfScope);
        }
        at(Step::Grant, grant)
    }

    /// Why this person may impersonate others, if so; what denies it otherwise.
    pub fn standing(
        &self,
        own: &Person<'_>,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<Reason, Verdict> {
        let denied = |step, reason| Err(Verdict { step, reason });
        if own.is_gone(now) {
            return denied(Step::Impersonator, Reason::UserDisabled);
        }
        if matches!(own.found(), Found::Forbidden) {
            return denied(Step::Impersonator, Reason::UnknownUser);
        }
        if let Some(admin) = self.admins.reason(own.folded(), || own.certain_groups()) {
            return Ok(admin);
        }
        match own.found() {
            Found::Known(user) if user.may_impersonate => Ok(Reason::Permission),
            Found::Known(_) => denied(Step::Permission, Reason::NoPermission),
            Found::Unknown | Found::Forbidden => denied(Step::Impersonator, Reason::UnknownUser),
            Found::Unavailable(_) => denied(Step::Impersonator, Reason::LookupUnavailable),
        }
    }

    /// Whether the person may be an admin by any of their names, or by a group that they had last.
    fn is_protected(&self, view: &View<'_>, target: &Person<'_>) -> bool {
        let asked = view.fold(target.asked());
        target
            .names(&asked)
            .any(|name| self.admins.reason(name, || target.groups()).is_some())
    }
}

/// The names are a person's login and what the server's user mapping has made of it. Whoever is impersonated has
/// another login than the principal's.
fn is_login_name(request: &Request<'_>) -> bool {
    !request.chained && request.principal.as_ref() == Some(&request.target)
}

/// Whether the scopes allow the pair by the canonical names, and deny it by none of the names that the two have.
fn allows(scopes: &Scopes, view: &View<'_>, own: &Person<'_>, target: &Person<'_>) -> bool {
    let own_groups: Vec<&str> = own.groups().collect();
    let target_groups: Vec<&str> = target.groups().collect();
    let decide = |impersonator, target| {
        scopes.decide(&Subject {
            impersonator,
            impersonator_groups: &own_groups,
            target,
            target_groups: &target_groups,
        })
    };
    let asked: [Cow<'_, str>; 2] = [own, target].map(|person| view.fold(person.asked()));
    let target_names = target.names(&asked[1]);
    own.names(&asked[0]).all(|impersonator| {
        target_names.clone().all(|other| {
            let decided = decide(impersonator, other);
            if impersonator == own.folded() && other == target.folded() {
                decided == Some(true)
            } else {
                decided != Some(false)
            }
        })
    })
}
