//! What a permission source knows of a user.

use jiff::Timestamp;

/// The permission that lets its holder impersonate, by exactly this name.
pub const IMPERSONATE_USER: &str = "IMPERSONATE_USER";

/// A user whom the permission source knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Whether [`IMPERSONATE_USER`] is held.
    pub may_impersonate: bool,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Whether the account is switched off.
    pub disabled: bool,
    /// From when on the account counts as disabled.
    pub expires: Option<Timestamp>,
}

impl User {
    /// Whether the account is in use: neither disabled nor expired. The time is asked for only where it
    /// matters, since hardly any account expires and reading the clock costs as much as finding a user.
    pub fn is_enabled(&self, now: impl FnOnce() -> Timestamp) -> bool {
        !self.disabled && self.expires.is_none_or(|expires| now() < expires)
    }
}
