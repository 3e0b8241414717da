//! A server's properties file, read as the server reads it.

use std::fs::File;
use std::path::Path;

use immuta_impersonation::config::{ConfigError, Problem, Properties};
use regex::Regex;

use super::CliError;

/// Reads a properties file and puts environment variables in the place of `${ENV:NAME}`.
///
/// # Errors
///
/// The file cannot be read, or every property that refers to a variable that is not set.
pub(super) fn read(path: &Path) -> Result<Properties, CliError> {
    let unreadable = |problem: String| CliError::Properties {
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let written = java_properties::read(file).map_err(|error| unreadable(error.to_string()))?;
    let mut properties = Properties::new();
    let mut problems = Vec::new();
    for (name, value) in written {
        match resolve(&value) {
            Ok(value) => {
                properties.insert(name, value);
            }
            Err(text) => problems.push(Problem::new(&name, text)),
        }
    }
    if problems.is_empty() {
        Ok(properties)
    } else {
        problems.sort_by(|one, other| one.property.cmp(&other.property));
        Err(ConfigError(problems).into())
    }
}

fn resolve(value: &str) -> Result<String, String> {
    // The pattern is a constant that a test compiles.
    #[allow(clippy::unwrap_used)]
    let reference = Regex::new(r"\$\{ENV:([a-zA-Z][a-zA-Z0-9_-]*)\}").unwrap();
    let mut resolved = String::new();
    let mut end = 0;
    for captures in reference.captures_iter(value) {
        let (whole, [variable]) = captures.extract();
        let start = end + value[end..].find(whole).unwrap_or_default();
        resolved.push_str(&value[end..start]);
        resolved.push_str(
            &std::env::var(variable)
                .map_err(|_| format!("the environment variable {variable} is not set; set it where this and the server are started"))?,
        );
        end = start + whole.len();
    }
    resolved.push_str(&value[end..]);
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_variables_are_put_in_place() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(resolve("a${ENV:PATH}b$c").unwrap(), format!("a{path}b$c"));
        let error = resolve("${ENV:NO_SUCH_VARIABLE_HERE}").unwrap_err();
        assert!(error.contains("NO_SUCH_VARIABLE_HERE"));
    }
}
