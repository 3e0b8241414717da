//! What a permission source knows of a user.
//!
//! Hardly any user expires and few decisions ask for groups, so that both lie apart: a user without them takes no
//! memory besides the two answers, and users who have the same ones share them.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::quality::RandomState;
use jiff::Timestamp;

/// The permission that lets its holder impersonate, by exactly this name.
pub const IMPERSONATE_USER: &str = "IMPERSONATE_USER";

/// A user whom the permission source knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Whether [`IMPERSONATE_USER`] is held.
    pub may_impersonate: bool,
    /// Whether the account is switched off.
    pub disabled: bool,
    /// Whether `details` says when. Here too, since every decision asks.
    expires: bool,
    /// Nothing where there is nothing to say.
    details: Option<Arc<Details>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Details {
    groups: Vec<String>,
    expires: Option<Timestamp>,
    /// Where it is not the name that was looked up.
    spelling: Option<String>,
}

impl User {
    /// An enabled user without groups, whose account does not expire.
    pub fn new(may_impersonate: bool) -> Self {
        User {
            may_impersonate,
            ..User::default()
        }
    }

    /// The same with the account switched off, or not.
    pub fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// The same with these groups, and with the time from when on the account counts as disabled.
    pub fn with_details(mut self, groups: Vec<String>, expires: Option<Timestamp>) -> Self {
        self.expires = expires.is_some();
        let spelling = self.spelling().map(str::to_owned);
        let details = Details {
            groups,
            expires,
            spelling,
        };
        self.details = (details != Details::default()).then(|| Arc::new(details));
        self
    }

    /// The same, whom the source spells so while users are looked up by this name.
    pub fn spelled(mut self, spelling: &str, name: &str) -> Self {
        if spelling != name {
            let mut details = self.details.map(Arc::unwrap_or_clone).unwrap_or_default();
            details.spelling = Some(spelling.to_owned());
            self.details = Some(Arc::new(details));
        }
        self
    }

    /// How the source spells the user, where that is not the name that was looked up.
    pub fn spelling(&self) -> Option<&str> {
        self.details.as_ref()?.spelling.as_deref()
    }

    /// The user's groups.
    pub fn groups(&self) -> &[String] {
        self.details.as_ref().map_or(&[], |details| &details.groups)
    }

    /// Whether the account is in use: neither disabled nor expired. The time is asked for only where it
    /// matters, since hardly any account expires and reading the clock costs as much as finding a user.
    pub fn is_enabled(&self, now: impl FnOnce() -> Timestamp) -> bool {
        !self.disabled && (!self.expires || self.expiry().is_none_or(|expires| now() < expires))
    }

    fn expiry(&self) -> Option<Timestamp> {
        self.details.as_ref()?.expires
    }

    /// The same user, who shares nothing with others: threads that count the holders of the same memory wait for
    /// each other.
    pub(crate) fn apart(&self) -> Self {
        User {
            details: self.details.as_deref().cloned().map(Arc::new),
            ..*self
        }
    }
}

/// Groups and times of expiry that were seen, so that users who have the same ones share them.
pub(crate) struct Alike {
    seen: HashSet<Arc<Details>, RandomState>,
    most: usize,
}

impl Alike {
    /// Holds so many different ones, and then begins anew.
    pub(crate) fn new(most: usize) -> Self {
        Alike {
            seen: HashSet::default(),
            most,
        }
    }

    /// Lets a user have what another one has, if it is the same.
    pub(crate) fn share(&mut self, user: &mut User) {
        // Nobody else has the same spelling.
        let Some(own) = user.details.as_mut().filter(|own| own.spelling.is_none()) else {
            return;
        };
        if let Some(same) = self.seen.get(own) {
            *own = Arc::clone(same);
            return;
        }
        if self.seen.len() >= self.most {
            self.seen.clear();
        }
        self.seen.insert(Arc::clone(own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_group(name: &str) -> User {
        User::new(true).with_details(vec![name.to_owned()], None)
    }

    fn share_memory(one: &User, other: &User) -> bool {
        std::ptr::eq(one.groups(), other.groups())
    }

    #[test]
    fn a_user_is_small_and_takes_no_memory_where_there_is_nothing_to_say() {
        assert_eq!(size_of::<Option<User>>(), 16);
        let user = User::new(true).with_details(Vec::new(), None);
        assert!(user.details.is_none());
        assert_eq!(user, User::new(true));
    }

    #[test]
    fn a_spelling_is_kept_beside_everything_else() {
        let ann = in_group("hr").spelled("Ann", "ann");
        assert_eq!(
            (ann.spelling(), ann.groups()),
            (Some("Ann"), &["hr".to_owned()][..])
        );
        assert_eq!(User::new(true).spelled("ann", "ann"), User::new(true));
        let later = User::new(true)
            .spelled("Ann", "ann")
            .with_details(vec!["hr".to_owned()], None);
        assert_eq!(later, ann);
    }

    #[test]
    fn users_share_what_is_the_same_and_nothing_else() {
        let mut alike = Alike::new(2);
        let mut users = ["bi", "bi", "hr"].map(in_group);
        for user in &mut users {
            alike.share(user);
        }
        let [one, other, hr] = &users;
        assert!(share_memory(one, other));
        assert_eq!(hr.groups(), ["hr"]);
        assert!(!share_memory(one, &one.apart()));
        assert_eq!(*one, one.apart());
    }

    #[test]
    fn what_was_seen_is_not_kept_for_ever() {
        let mut alike = Alike::new(2);
        let mut first = in_group("0");
        alike.share(&mut first);
        for number in 1..100 {
            alike.share(&mut in_group(&number.to_string()));
            assert!(alike.seen.len() <= 2);
        }
        assert_eq!(first.groups(), ["0"]);
    }
}
