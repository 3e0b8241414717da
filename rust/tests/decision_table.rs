//! Every combination of what a decision depends on, decided by the engine and by a second, plain
//! statement of the ten rules.

use std::fs;

use immuta_impersonation::config::Properties;
use immuta_impersonation::{Engine, Reason, Request};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug)]
struct Setting {
    enabled: bool,
    allow_chained: bool,
    allow_unknown_targets: bool,
    protect_admins: bool,
    scopes: Scopes,
    source_works: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scopes {
    None,
    FirstAllows,
    FirstDenies,
    NoneMatches,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Account {
    Unknown,
    Disabled,
    Expired,
    Plain,
    Permitted,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Admin {
    No,
    ByName,
    ByGroup,
}

#[derive(Clone, Copy, Debug)]
struct Person {
    account: Account,
    admin: Admin,
}

const ACCOUNTS: [Account; 5] = [
    Account::Unknown,
    Account::Disabled,
    Account::Expired,
    Account::Plain,
    Account::Permitted,
];
const ADMINS: [Admin; 3] = [Admin::No, Admin::ByName, Admin::ByGroup];
const SCOPES: [Scopes; 4] = [
    Scopes::None,
    Scopes::FirstAllows,
    Scopes::FirstDenies,
    Scopes::NoneMatches,
];
const BOTH: [bool; 2] = [false, true];

/// How the target is named.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    AsKnown,
    Invalid,
    /// Which the engine is told not to regard.
    InAnotherCase,
    /// The principal has the target's name.
    AsTheLogin,
}

const SENT: [Sent; 4] = [
    Sent::AsKnown,
    Sent::Invalid,
    Sent::InAnotherCase,
    Sent::AsTheLogin,
];

impl Person {
    fn all() -> impl Iterator<Item = Person> {
        ACCOUNTS.into_iter().flat_map(|account| {
            ADMINS
                .into_iter()
                .map(move |admin| Person { account, admin })
        })
    }

    fn name(self, role: &str) -> String {
        let prefix = if self.admin == Admin::ByName {
            "root_"
        } else {
            ""
        };
        format!("{prefix}{role}_{:?}_{:?}", self.account, self.admin).to_lowercase()
    }

    fn entry(self, role: &str) -> Option<Value> {
        let mut entry = json!({"name": self.name(role), "groups": ["people"]});
        match self.account {
            Account::Unknown => return None,
            Account::Disabled => entry["disabled"] = json!(true),
            Account::Expired => entry["expires"] = json!("2001-01-01T00:00:00Z"),
            Account::Plain => entry["permissions"] = json!(["IMPERSONATE_HDFS_USER"]),
            Account::Permitted => entry["permissions"] = json!(["IMPERSONATE_USER"]),
        }
        if self.admin == Admin::ByGroup {
            entry["groups"] = json!(["people", "wheel"]);
        }
        Some(entry)
    }

    /// Whether the source says so, where it can be asked. A group that only the source knows makes
    /// nobody an admin while it is down or does not know the user.
    fn is_admin(self, source_works: bool) -> bool {
        match self.admin {
            Admin::No => false,
            Admin::ByName => true,
            Admin::ByGroup => source_works && self.account != Account::Unknown,
        }
    }
}

impl Setting {
    fn all() -> Vec<Setting> {
        let mut settings = Vec::new();
        for scopes in SCOPES {
            for bits in 0..32_u8 {
                let bit = |index: u8| bits & (1 << index) != 0;
                settings.push(Setting {
                    enabled: bit(0),
                    allow_chained: bit(1),
                    allow_unknown_targets: bit(2),
                    protect_admins: bit(3),
                    source_works: bit(4),
                    scopes,
                });
            }
        }
        settings
    }

    fn start(self, folder: &TempDir) -> Engine {
        let policy = folder.path().join("policy.json");
        let users: Vec<Value> = Person::all()
            .flat_map(|person| [person.entry("impersonator"), person.entry("target")])
            .flatten()
            .collect();
        let scopes = match self.scopes {
            Scopes::None => json!([]),
            Scopes::FirstAllows => {
                json!([{"new_user": ".*(target|impersonator).*"}, {"new_user": ".*", "allow": false}])
            }
            Scopes::FirstDenies => {
                json!([{"new_user": ".*(target|impersonator).*", "allow": false}, {"new_user": ".*"}])
            }
            Scopes::NoneMatches => json!([{"original_user": "somebody", "new_user": ".*"}]),
        };
        fs::write(
            &policy,
            json!({"users": users, "scopes": scopes}).to_string(),
        )
        .unwrap();
        let properties = [
            ("immuta.user.admin", "root_.*".to_owned()),
            ("immuta.group.admin", "wheel".to_owned()),
            ("immuta.impersonation.enabled", self.enabled.to_string()),
            (
                "immuta.impersonation.allow-chained",
                self.allow_chained.to_string(),
            ),
            (
                "immuta.impersonation.unknown-targets",
                if self.allow_unknown_targets {
                    "allow"
                } else {
                    "deny"
                }
                .to_owned(),
            ),
            (
                "immuta.impersonation.protect-admins",
                self.protect_admins.to_string(),
            ),
            (
                "immuta.impersonation.policy-file",
                policy.display().to_string(),
            ),
            ("immuta.impersonation.case-insensitive", "true".to_owned()),
            ("immuta.impersonation.policy-file.refresh", "1h".to_owned()),
            (
                "immuta.impersonation.policy-file.max-stale",
                "0s".to_owned(),
            ),
            ("immuta.impersonation.audit.file", String::new()),
        ];
        let properties: Properties = properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let engine = Engine::open(&properties).unwrap();
        if !self.source_works {
            fs::write(&policy, "broken").unwrap();
            engine.reload();
        }
        engine
    }
}

/// The ten rules of the design, once more. Without a target the impersonator is the target.
fn expected(
    setting: Setting,
    impersonator: Person,
    target: Option<Person>,
    sent: Sent,
    chained: bool,
) -> &'static str {
    if !setting.enabled {
        return "disabled";
    }
    if sent == Sent::Invalid {
        return "invalid-name";
    }
    if target.is_none() && sent != Sent::InAnotherCase {
        return "self";
    }
    let target = target.unwrap_or(impersonator);
    if sent == Sent::InAnotherCase && target.account != Account::Unknown {
        return "other-spelling";
    }
    // Whoever is impersonated already has another login than the principal's.
    if sent == Sent::AsTheLogin && !chained {
        return "login-name";
    }
    if chained && !setting.allow_chained {
        return "chained";
    }
    let works = setting.source_works;
    let admin = impersonator.is_admin(works);
    let gone = [Account::Disabled, Account::Expired];
    // So the last readable version of the file says.
    if gone.contains(&impersonator.account) {
        return "user-disabled";
    }
    if !admin {
        if !works {
            return "lookup-unavailable";
        }
        if impersonator.account == Account::Unknown {
            return "unknown-user";
        }
        if impersonator.account != Account::Permitted {
            return "no-permission";
        }
    }
    if gone.contains(&target.account) {
        return "target-disabled";
    }
    let target_known = works && target.account != Account::Unknown;
    if !target_known && !setting.allow_unknown_targets {
        return "unknown-target";
    }
    if target.is_admin(works) && !admin && setting.protect_admins {
        return "protected-target";
    }
    if ![Scopes::None, Scopes::FirstAllows].contains(&setting.scopes) {
        return "out-of-scope";
    }
    match impersonator.admin {
        Admin::ByName => "admin-user",
        Admin::ByGroup if admin => "admin-group",
        _ => "permission",
    }
}

#[test]
fn every_combination_is_decided_as_the_ten_rules_say() {
    let mut decided = 0;
    let mut seen = Vec::new();
    for setting in Setting::all() {
        let folder = TempDir::new().unwrap();
        let engine = setting.start(&folder);
        let targets = || Person::all().map(Some).chain([None]);
        for impersonator in Person::all() {
            for target in targets() {
                for (sent, chained) in SENT.into_iter().flat_map(|s| BOTH.map(|c| (s, c))) {
                    let impersonator_name = impersonator.name("impersonator");
                    let mut target_name =
                        target.map_or(impersonator_name.clone(), |target| target.name("target"));
                    match sent {
                        Sent::AsKnown | Sent::AsTheLogin => {}
                        Sent::Invalid => target_name.push('\n'),
                        Sent::InAnotherCase => target_name.make_ascii_uppercase(),
                    }
                    let mut request = Request::new(&impersonator_name, &target_name);
                    request.chained = chained;
                    if sent == Sent::AsTheLogin {
                        request.principal = Some(request.target.clone());
                    }
                    let reason = engine.decide(&request);
                    assert_eq!(
                        reason.as_str(),
                        expected(setting, impersonator, target, sent, chained),
                        "{setting:?}\nchained={chained} {sent:?} {impersonator:?} as {target:?}"
                    );
                    decided += 1;
                    if !seen.contains(&reason) {
                        seen.push(reason);
                    }
                }
            }
        }
    }
    assert_eq!(decided, 128 * 15 * 16 * 8);
    // What decides nothing: a decision that cannot be recorded, and a request that the shim refused by itself.
    seen.extend([Reason::AuditUnavailable, Reason::NotEnforceable]);
    let unseen: Vec<Reason> = Reason::ALL
        .into_iter()
        .filter(|reason| !seen.contains(reason))
        .collect();
    assert_eq!(unseen, [], "the table must reach every reason");
}
