//! The delegate's own properties file, as far as it can be judged without the server.

use std::path::Path;

use immuta_impersonation::config::{DELEGATE_CONFIG_FILE, Problem, Properties};

use super::properties;

const NAME: &str = "access-control.name";

pub(super) fn problems(control: &Properties) -> Vec<Problem> {
    let Some(file) = control.get(DELEGATE_CONFIG_FILE).map(|file| file.trim()) else {
        return Vec::new();
    };
    let problem = |text: String| vec![Problem::new(DELEGATE_CONFIG_FILE, text)];
    if file.is_empty() {
        return problem(
            "is empty; write the path of an access control's properties file, or remove the line"
                .to_owned(),
        );
    }
    let delegate = match properties::read(Path::new(file)) {
        Ok(delegate) => delegate,
        Err(error) => return problem(error.to_string()),
    };
    match delegate.get(NAME).map(|name| name.trim()) {
        None | Some("") => problem(format!(
            "{file} has no {NAME}; write which control decides on data, such as file"
        )),
        Some("immuta") => problem(format!(
            "{file}: {NAME}=immuta would make the plugin its own delegate; name another control, such as file"
        )),
        Some(_) => Vec::new(),
    }
}
