//! Why a request was allowed or denied: stable codes for programs, a sentence for people.

use std::fmt;

/// The reason of a decision. The text is a contract with whoever reads the audit file; the number
/// is a contract with the shims.
///
/// Zero is no reason: it is what a native method returns when even throwing failed, so it must
/// never read as an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The impersonator holds `IMPERSONATE_USER`.
    Permission = 1,
    /// The impersonator's name matches the admin pattern for users.
    AdminUser = 2,
    /// One of the impersonator's groups matches the admin pattern for groups.
    AdminGroup = 3,
    /// Impersonator and target are the same user.
    SelfTarget = 4,
    /// Impersonation is switched off.
    Disabled = 16,
    /// A name is empty, too long, or holds characters no name may have.
    InvalidName = 17,
    /// The impersonator is itself an impersonated identity.
    Chained = 18,
    /// The permission source does not know the impersonator.
    UnknownUser = 19,
    /// The impersonator is disabled or expired.
    UserDisabled = 20,
    /// The impersonator does not hold `IMPERSONATE_USER`.
    NoPermission = 21,
    /// The permission source does not know the target.
    UnknownTarget = 22,
    /// The target is disabled or expired.
    TargetDisabled = 23,
    /// The target is an admin and the impersonator is not.
    ProtectedTarget = 24,
    /// No scope allows this impersonator this target.
    OutOfScope = 25,
    /// The permission source cannot answer.
    LookupUnavailable = 26,
    /// The decision could not be recorded.
    AuditUnavailable = 27,
    /// The target is a user whom the permission source knows, spelled otherwise.
    OtherSpelling = 28,
    /// The target is the name that the impersonator logged in with, before the user mapping of the query engine.
    LoginName = 29,
    /// The shim could not have held the target's rights up, and so did not ask for a decision.
    NotEnforceable = 30,
}

/// How many reasons allow.
const ALLOWING: usize = 4;

impl Reason {
    /// Every reason, in the order of the codes.
    pub const ALL: [Reason; 19] = [
        Reason::Permission,
        Reason::AdminUser,
        Reason::AdminGroup,
        Reason::SelfTarget,
        Reason::Disabled,
        Reason::InvalidName,
        Reason::Chained,
        Reason::UnknownUser,
        Reason::UserDisabled,
        Reason::NoPermission,
        Reason::UnknownTarget,
        Reason::TargetDisabled,
        Reason::ProtectedTarget,
        Reason::OutOfScope,
        Reason::LookupUnavailable,
        Reason::AuditUnavailable,
        Reason::OtherSpelling,
        Reason::LoginName,
        Reason::NotEnforceable,
    ];

    /// The place in [`Reason::ALL`], without a search.
    pub(crate) fn index(self) -> usize {
        let code = usize::from(self.code());
        if self.is_allow() {
            code - 1
        } else {
            code - usize::from(Reason::Disabled.code()) + ALLOWING
        }
    }

    /// The number that crosses a language border: below 16 is allow, the rest is deny.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason of this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Reason::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Whether the decision is to allow.
    pub fn is_allow(self) -> bool {
        self.code() < Reason::Disabled.code()
    }

    /// `allow` or `deny`.
    pub fn decision(self) -> &'static str {
        if self.is_allow() { "allow" } else { "deny" }
    }

    /// The stable code, as the audit file and the command-line tool show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Permission => "permission",
            Reason::AdminUser => "admin-user",
            Reason::AdminGroup => "admin-group",
            Reason::SelfTarget => "self",
            Reason::Disabled => "disabled",
            Reason::InvalidName => "invalid-name",
            Reason::Chained => "chained",
            Reason::UnknownUser => "unknown-user",
            Reason::UserDisabled => "user-disabled",
            Reason::NoPermission => "no-permission",
            Reason::UnknownTarget => "unknown-target",
            Reason::TargetDisabled => "target-disabled",
            Reason::ProtectedTarget => "protected-target",
            Reason::OutOfScope => "out-of-scope",
            Reason::LookupUnavailable => "lookup-unavailable",
            Reason::AuditUnavailable => "audit-unavailable",
            Reason::OtherSpelling => "other-spelling",
            Reason::LoginName => "login-name",
            Reason::NotEnforceable => "not-enforceable",
        }
    }

    /// One sentence for the person who asked. It follows a text that already holds both names, and
    /// it says nothing of grants, groups or scopes, which are not that person's to know.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Permission => "the impersonator holds the permission IMPERSONATE_USER",
            Reason::AdminUser => "the impersonator is an administrator by name",
            Reason::AdminGroup => "the impersonator is an administrator by group",
            Reason::SelfTarget => "the impersonator and the target are the same user",
            Reason::Disabled => {
                "impersonation is switched off on this server; an administrator can switch it on (immuta.impersonation.enabled)"
            }
            Reason::InvalidName => {
                "a user name is empty, longer than 256 bytes, or has control characters; check the name that the client sends"
            }
            Reason::Chained => {
                "the impersonator is already being impersonated; connect as a user who may impersonate the target directly"
            }
            Reason::UnknownUser => {
                "the client sent another name than the one that logged in, and the impersonator is not known to the permission source; if that name is not meant, remove it from the client's settings, otherwise check the spelling of the login or have the user added"
            }
            Reason::UserDisabled => {
                "the impersonator's account is disabled or has expired; have it enabled again"
            }
            Reason::NoPermission => {
                "the client sent another name than the one that logged in, and the impersonator does not hold the permission IMPERSONATE_USER; if that name is not meant, remove it from the client's settings, otherwise ask an administrator to grant the permission"
            }
            Reason::UnknownTarget => {
                "the target is not known to the permission source; check the spelling, or have the user added"
            }
            Reason::TargetDisabled => {
                "the target's account is disabled or has expired; have it enabled again"
            }
            Reason::ProtectedTarget => {
                "the target is an administrator, whom only an administrator may impersonate; connect as one, or name another target"
            }
            Reason::OutOfScope => {
                "no rule lets this impersonator act as this target; ask an administrator to extend the scopes"
            }
            Reason::LookupUnavailable => {
                "the permission source cannot answer at the moment; try again later, an administrator finds the cause in the server log"
            }
            Reason::AuditUnavailable => {
                "the decision cannot be recorded, and without a record nobody is let in; an administrator finds the cause in the server log"
            }
            Reason::OtherSpelling => {
                "the target is another spelling of a user's name; write the name as the user is known"
            }
            Reason::LoginName => {
                "the target is the name that this user logged in with, which the server maps to another user name; send the mapped name as the session user, or none"
            }
            Reason::NotEnforceable => {
                "the query cannot be held to the rights of any target, so that it has nobody's; its error message says why"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_zero_is_never_an_answer() {
        let mut codes: Vec<u8> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(!codes.contains(&0));
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }

    #[test]
    fn the_index_is_the_place_in_the_list_of_all() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index, "{reason}");
        }
    }

    #[test]
    fn only_the_four_reasons_of_the_design_allow() {
        let allowing: Vec<&str> = Reason::ALL
            .iter()
            .filter(|reason| reason.is_allow())
            .map(|reason| reason.as_str())
            .collect();
        assert_eq!(
            allowing,
            ["permission", "admin-user", "admin-group", "self"]
        );
    }
}
