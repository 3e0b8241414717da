//! Scopes of which the last one, for everybody, applies where no other does.

use super::requests::service;

/// What tells scopes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// How targets' names begin. The impersonators' all begin alike.
    Plain,
    /// The impersonators' names, many of them of services that ask.
    Named,
    /// What stands before the captured part of the targets' names.
    Captures,
    /// What stands within the targets' names.
    Within,
    /// Sets of characters alone, so that none can be left out.
    General,
}

impl Scopes {
    /// Every kind.
    pub const ALL: [Scopes; 5] = [
        Scopes::Plain,
        Scopes::Named,
        Scopes::Captures,
        Scopes::Within,
        Scopes::General,
    ];

    /// The words in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Scopes::Plain => "plain",
            Scopes::Named => "named",
            Scopes::Captures => "with $1",
            Scopes::Within => "within",
            Scopes::General => "general",
        }
    }

    /// So many scopes, in JSON.
    pub fn entries(self, count: usize) -> impl Iterator<Item = String> {
        let others = (1..count).map(move |number| self.other(number));
        others.chain((count > 0).then(|| self.last()))
    }

    fn other(self, number: usize) -> String {
        match self {
            Scopes::Plain => entry("svc_.*", &format!("other_{number}_p.*")),
            Scopes::Named => entry(&service(number).replace('.', "[.]"), "p.*"),
            Scopes::Captures => entry("svc_(.*)@(.*)", &format!("other_{number}_p.*@$2")),
            Scopes::Within => entry("svc_.*", &format!(".*-{number}-.*")),
            Scopes::General => {
                let half = |bit: usize| {
                    if number >> bit & 1 == 0 {
                        "[a-m]"
                    } else {
                        "[n-z]"
                    }
                };
                let letters: String = (0..14).map(half).collect();
                entry("[a-z]+_.*[a-z]", &format!("[a-z][0-9]+{letters}.*"))
            }
        }
    }

    fn last(self) -> String {
        match self {
            Scopes::Plain | Scopes::Named | Scopes::Within => entry("svc_.*", "p.*"),
            Scopes::Captures => entry("svc_(.*)@(.*)", "p.*@$2"),
            Scopes::General => entry("[a-z]+_.*[a-z]", "[a-z][0-9]+.*"),
        }
    }
}

fn entry(original: &str, new: &str) -> String {
    format!(r#"{{"original_user": "{original}", "new_user": "{new}"}}"#)
}
