//! A second reader of JSON, which hides nothing: it shows each member of an object, also those of one name.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object in their order, their values as text.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Nothing if the text is no object in JSON.
    pub(super) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The values of all members of this name.
    pub(super) fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'a RawValue> + 'm {
        let named = self.0.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| *value)
    }

    /// The value of the only member of this name; nothing where there is none or there are several.
    pub(super) fn only(&self, name: &str) -> Option<&'a RawValue> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// The value of the only member of this name, read.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.only(name)?.get()).ok()
    }

    /// Whether no name is there twice and each is one of these.
    pub(super) fn are_among(&self, names: &[&str]) -> bool {
        let names_known = self.0.iter().all(|(key, _)| names.contains(&key.as_str()));
        names_known && names.iter().all(|name| self.all(name).count() <= 1)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfObject;

        impl<'de> Visitor<'de> for OfObject {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(OfObject)
    }
}

/// The texts of an array of texts; nothing if the value is anything else.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    value.as_array()?.iter().map(text).collect()
}
