//! Who is an admin.

use crate::pattern::Pattern;
use crate::reason::Reason;

/// The patterns of `immuta.user.admin` and `immuta.group.admin`. Without patterns nobody is an admin.
#[derive(Debug, Default)]
pub struct Admins {
    /// Matched against a user's whole name.
    pub users: Option<Pattern>,
    /// Matched against each group's whole name.
    pub groups: Option<Pattern>,
}

impl Admins {
    /// Why this user is an admin, if so: by name first, then by group. The groups are asked for only where they
    /// matter.
    pub fn reason<'a, G: IntoIterator<Item = &'a str>>(
        &self,
        user: &str,
        groups: impl FnOnce() -> G,
    ) -> Option<Reason> {
        if self.users.as_ref().is_some_and(|users| users.matches(user)) {
            return Some(Reason::AdminUser);
        }
        let pattern = self.groups.as_ref()?;
        groups()
            .into_iter()
            .any(|group| pattern.matches(group))
            .then_some(Reason::AdminGroup)
    }
}
