//! The commands. Exit code 0 is allow or no problem, 1 is deny or problems, 2 is an error. 141 is a batch of which nobody
//! wanted all answers, as for other programs at the head of a pipe.

mod audit;
mod can_i;
mod delegate;
pub mod output;
mod properties;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use immuta_impersonation::Engine;
use immuta_impersonation::config::{ConfigError, ENDPOINT, Problem, Properties};
use thiserror::Error;

/// Asks the impersonation engine what it would decide, checks configurations, and reads audit files.
#[derive(Parser)]
#[command(name = "immuta-impersonation", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says whether one user may impersonate another, and why. Leaves no audit line.
    CanI(CanI),
    /// Says what audit files hold: who impersonated whom, how often, and what was refused and why.
    Audit(audit::Audit),
    /// Lists every problem of a configuration.
    CheckConfig {
        /// The access control's properties file.
        file: PathBuf,
        /// Asks Immuta as well whether it answers with this endpoint and key.
        #[arg(long)]
        online: bool,
    },
}

#[derive(Args)]
struct CanI {
    /// The access control's properties file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Prints the decision as JSON.
    #[arg(long)]
    json: bool,
    /// Prints the ten steps of the decision as well, with the one that decided.
    #[arg(long)]
    explain: bool,
    /// Takes lines `impersonator<TAB>target` from a file, or from standard input if it is `-`, and
    /// prints a line `decision<TAB>reason` for each.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["impersonator", "target", "json", "explain"])]
    batch: Option<PathBuf>,
    /// Takes the impersonator as somebody who is already being impersonated.
    #[arg(long)]
    chained: bool,
    /// The user who asks to act as somebody else.
    #[arg(required_unless_present = "batch")]
    impersonator: Option<String>,
    /// The user to be impersonated.
    #[arg(required_unless_present = "batch")]
    target: Option<String>,
}

/// Why a command could not do its work.
#[derive(Debug, Error)]
pub enum CliError {
    /// The properties file cannot be used.
    #[error("{}: {problem}", path.display())]
    Properties {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The engine does not start with these properties.
    #[error("the configuration cannot be used:\n{0}")]
    Configuration(#[from] ConfigError),
    /// A file cannot be read.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line of a batch is not a pair of names.
    #[error("line {0} is not impersonator<TAB>target")]
    BatchLine(usize),
}

const BROKEN_PIPE: u8 = 128 + 13;

/// Runs a command.
///
/// # Errors
///
/// The command could not do its work.
pub fn run(arguments: Arguments) -> Result<ExitCode, CliError> {
    match arguments.command {
        Command::Audit(question) => audit::run(&question),
        Command::CanI(question) => match can_i::run(&question) {
            Err(CliError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => {
                Ok(ExitCode::from(BROKEN_PIPE))
            }
            result => result,
        },
        Command::CheckConfig { file, online } => check_config(&file, online),
    }
}

/// What is to be said about a configuration.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<String>,
    /// What the endpoint answered.
    online: Option<String>,
}

fn check_config(file: &Path, online: bool) -> Result<ExitCode, CliError> {
    let findings = match properties::read(file) {
        Ok(properties) => examine(&properties, online),
        Err(CliError::Configuration(ConfigError(problems))) => Findings {
            problems,
            ..Findings::default()
        },
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    if let Some(found) = &findings.online {
        text += &format!("{ENDPOINT}: {found}\n");
    }
    for problem in &findings.problems {
        text += &format!("error: {problem}\n");
    }
    for warning in &findings.warnings {
        text += &format!("warning: {warning}\n");
    }
    if findings.problems.is_empty() {
        text += &format!("{}: no problems\n", file.display());
    }
    output::print(&text)?;
    Ok(ExitCode::from(u8::from(!findings.problems.is_empty())))
}

fn examine(properties: &Properties, online: bool) -> Findings {
    let (problems, warnings) = Engine::check(properties);
    let mut findings = Findings {
        problems,
        warnings,
        online: None,
    };
    findings.problems.extend(delegate::problems(properties));
    // With other problems about, an endpoint that does not answer would only be one of their faces.
    if online && findings.problems.is_empty() {
        match Engine::check_online(properties) {
            Some(Ok(found)) => findings.online = Some(found),
            Some(Err(problem)) => findings.problems.push(problem),
            None => findings
                .warnings
                .push(format!("there is no {ENDPOINT} that --online could ask")),
        }
    }
    findings
}
