//! What the operator reads first.

use crate::VERSION;
use crate::config::Setting;

/// The version and what holds of every property, a line each.
pub(super) fn of(settings: &[Setting]) -> String {
    let lines = settings.iter().map(|setting| {
        let mark = if setting.is_default { ' ' } else { '*' };
        let value = setting.value.as_deref().unwrap_or("(not set)");
        // Line ends within a value would look like other settings.
        let value = value.replace(['\r', '\n'], " ");
        format!("\n  {mark} {}={value}", setting.name)
    });
    format!(
        "impersonation engine {VERSION} started; * marks what the configuration sets, everything else is a default{}",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_line_with_what_was_set_marked() {
        let setting = |name, value: Option<&str>, is_default| Setting {
            name,
            value: value.map(str::to_owned),
            is_default,
        };
        let text = of(&[
            setting("immuta.apikey", Some("****"), false),
            setting("immuta.iam", None, true),
            setting("immuta.user.admin", Some("a\nb"), false),
        ]);
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.contains(VERSION), "{first}");
        assert_eq!(
            rest,
            "  * immuta.apikey=****\n    immuta.iam=(not set)\n  * immuta.user.admin=a b"
        );
    }
}
