//! What holds of each property, for whoever wants to see it.

use super::{Properties, property};

/// A property, and the value that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The property's name.
    pub name: &'static str,
    /// The value, without secrets; nothing if there is none.
    pub value: Option<String>,
    /// Whether the operator said nothing of it.
    pub is_default: bool,
}

/// What stands for a secret.
const MASK: &str = "****";

/// What holds where the operator says nothing.
const DEFAULTS: [(&str, &str); 24] = [
    (property::ALLOW_MATCH_ALL_ADMIN, "false"),
    (property::ENABLED, "true"),
    (property::POLICY_FILE_REFRESH, "1s"),
    (property::POLICY_FILE_MAX_STALE, "10m"),
    (property::UNKNOWN_TARGETS, "deny"),
    (property::PROTECT_ADMINS, "true"),
    (property::ALLOW_CHAINED, "false"),
    (property::CASE_INSENSITIVE, "false"),
    (property::AUDIT_FILE, super::DEFAULT_AUDIT_FILE),
    (property::AUDIT_ON_FAILURE, "deny"),
    (property::AUDIT_QUERY_TEXT, "false"),
    (property::AUDIT_ROTATE_SIZE, "100MB"),
    (property::AUDIT_ROTATE_DAILY, "true"),
    (property::AUDIT_MAX_HISTORY, "30"),
    (property::AUDIT_MIN_AGE, "7d"),
    (property::AUDIT_MAX_REPEATED_REFUSALS, "60"),
    (property::DELEGATE_CHECK_PRINCIPALS, "true"),
    (property::HTTP_TIMEOUT, "5000"),
    (property::ALLOW_HTTP, "false"),
    (property::CACHE_MAX_USERS, "100000"),
    (property::CACHE_NEGATIVE_TTL, "5s"),
    (property::CACHE_STALE_IF_ERROR, "0s"),
    (property::CACHE_TTL, "30s"),
    (property::NAME, "immuta"),
];

/// Every property that has an effect, by name. Those of the product's own plugin have none.
pub(crate) fn effective(properties: &Properties) -> Vec<Setting> {
    let mut settings: Vec<Setting> = property::KNOWN
        .into_iter()
        .chain(property::ENDPOINT_ONLY)
        .map(|name| {
            let given = properties.get(name);
            let value = match given {
                Some(_) if name == property::APIKEY => Some(MASK.to_owned()),
                Some(value) => Some(value.clone()),
                None => default(name).map(str::to_owned),
            };
            Setting {
                name,
                value,
                is_default: given.is_none(),
            }
        })
        .collect();
    settings.sort_unstable_by_key(|setting| setting.name);
    settings
}

fn default(name: &str) -> Option<&'static str> {
    let found = DEFAULTS.iter().find(|(property, _)| *property == name);
    found.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn the_defaults_shown_are_those_that_hold() {
        let needed = [
            (property::ENDPOINT, "https://immuta.example"),
            (property::APIKEY, "k"),
            (property::POLICY_FILE, "p.json"),
        ];
        let with_defaults = properties(&[needed.as_slice(), DEFAULTS.as_slice()].concat());
        let (left_out, problems) = Config::read(&properties(&needed));
        assert_eq!(problems, []);
        let (written, problems) = Config::read(&with_defaults);
        assert_eq!(problems, []);
        assert_eq!(format!("{left_out:?}"), format!("{written:?}"));
        for (name, value) in DEFAULTS {
            let mut changed = with_defaults.clone();
            let other = if value == "true" { "false" } else { "7" };
            changed.insert(name.to_owned(), other.to_owned());
            let (config, problems) = Config::read(&changed);
            let heard = !problems.is_empty() || format!("{config:?}") != format!("{written:?}");
            // Says only which patterns are refused, of which there are none here.
            assert!(heard || name == property::ALLOW_MATCH_ALL_ADMIN, "{name}");
        }
    }

    #[test]
    fn nothing_else_has_a_default() {
        let others: Vec<&str> = effective(&Properties::new())
            .into_iter()
            .filter(|setting| setting.value.is_none())
            .map(|setting| setting.name)
            .collect();
        assert_eq!(
            others,
            [
                property::APIKEY,
                property::APIKEY_FILE,
                property::CA_FILE,
                property::DELEGATE_CONFIG_FILE,
                property::ENDPOINT,
                property::GROUP_FILE,
                property::GROUP_ADMIN,
                property::IAM,
                property::POLICY_FILE,
                property::USER_MAPPING_FILE,
                property::USER_ADMIN,
            ]
        );
    }

    #[test]
    fn what_has_no_default_has_no_value_until_it_is_given() {
        let given = [
            (property::GROUP_FILE, "g.txt"),
            (property::CACHE_TTL, "30s"),
        ];
        let settings = effective(&properties(&given));
        let of = |name| {
            settings
                .iter()
                .find(|setting| setting.name == name)
                .unwrap()
        };
        assert_eq!(
            settings.len(),
            property::KNOWN.len() + property::ENDPOINT_ONLY.len()
        );
        assert_eq!(of(property::GROUP_FILE).value.as_deref(), Some("g.txt"));
        assert!(!of(property::CACHE_TTL).is_default, "written, if the same");
        assert_eq!(of(property::USER_ADMIN).value, None);
        assert!(of(property::USER_ADMIN).is_default);
    }

    #[test]
    fn the_key_is_not_shown() {
        let settings = effective(&properties(&[(property::APIKEY, "secret-key")]));
        let key = settings
            .iter()
            .find(|setting| setting.name == property::APIKEY);
        assert_eq!(key.unwrap().value.as_deref(), Some("****"));
        assert!(!format!("{settings:?}").contains("secret-key"));
    }
}
