//! The steps of a decision, in their order. The first that applies decides.

use crate::reason::Reason;

/// A step of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Step {
    /// The kill switch.
    Switch = 1,
    /// Whether both names are such as a user can have.
    Names,
    /// Whether the target is the impersonator, or a name that is to be written otherwise.
    OneUser,
    /// Whether the impersonator is an impersonated identity.
    Chain,
    /// Whether the impersonator is known and enabled.
    Impersonator,
    /// Whether the impersonator holds the permission.
    Permission,
    /// Whether the target is known and enabled.
    Target,
    /// Whether the target is an admin.
    Protection,
    /// The scopes.
    Scopes,
    /// Nothing has objected.
    Grant,
}

impl Step {
    /// Every step, in the order of the decision.
    pub const ALL: [Step; 10] = [
        Step::Switch,
        Step::Names,
        Step::OneUser,
        Step::Chain,
        Step::Impersonator,
        Step::Permission,
        Step::Target,
        Step::Protection,
        Step::Scopes,
        Step::Grant,
    ];

    /// From 1 to 10, as the documentation counts them.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What makes the step decide, for people.
    pub fn rule(self) -> &'static str {
        match self {
            Step::Switch => "denies while immuta.impersonation.enabled=false",
            Step::Names => "denies a name that is empty, over 256 bytes or has control characters",
            Step::OneUser => {
                "allows users who target themselves; denies another spelling of a user's name, and the name of the login before the server maps it"
            }
            Step::Chain => {
                "denies an impersonator who is already impersonated, unless immuta.impersonation.allow-chained=true"
            }
            Step::Impersonator => {
                "denies an impersonator who is disabled, or unknown and no administrator"
            }
            Step::Permission => {
                "denies an impersonator who has neither IMPERSONATE_USER nor an administrator's rights"
            }
            Step::Target => {
                "denies a target who is disabled, or unknown unless immuta.impersonation.unknown-targets=allow"
            }
            Step::Protection => {
                "denies an administrator as the target of somebody else, unless immuta.impersonation.protect-admins=false"
            }
            Step::Scopes => "denies what no scope allows, where there are scopes",
            Step::Grant => "allows what nothing has denied",
        }
    }
}

/// What a decision came to, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The step that decided.
    pub step: Step,
    /// The decision.
    pub reason: Reason,
}
