//! The command-line tool: asks the engine what it would decide, checks configurations, and reads
//! audit files.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            cli::output::tell(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}
