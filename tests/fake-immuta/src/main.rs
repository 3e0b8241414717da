//! Serves the stand-in for Immuta until the standard input ends.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fake_immuta::{FakeImmuta, Options};
use serde_json::json;

/// Serves a stand-in for Immuta's HTTP API on the loopback interface.
///
/// When it is ready it prints one line of JSON with its addresses, and serves until the standard input
/// ends or it is told to terminate.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The API key that clients must have.
    #[arg(long, value_name = "KEY", default_value = "fake-immuta-key")]
    api_key: String,
    /// The port of the API over HTTP, 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// The port of the control API, 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    control_port: u16,
    /// Where to write the certificate of the CA, as PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Where to keep key and certificates of the right HTTPS port, so that who trusted this server trusts the next.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("fake-immuta: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    let server = FakeImmuta::start_with(&Options {
        api_key: arguments.api_key,
        port: arguments.port,
        control_port: arguments.control_port,
        identity: arguments.identity,
    });
    let server = server.map_err(|error| error.to_string())?;
    if let Some(path) = &arguments.ca_file {
        fs::write(path, server.ca_pem())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let ready = json!({
        "api": server.url(),
        "https": server.https_url(),
        "httpsWrongName": server.https_wrong_name_url(),
        "httpsUnknownCa": server.https_unknown_ca_url(),
        "control": server.control_url(),
    });
    say(&ready.to_string()).map_err(|error| format!("cannot print the addresses: {error}"))?;
    wait_for_the_end_of_input().map_err(|error| format!("cannot read the input: {error}"))
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

fn wait_for_the_end_of_input() -> io::Result<()> {
    let mut ignored = [0; 1024];
    let mut input = io::stdin().lock();
    while input.read(&mut ignored)? > 0 {}
    Ok(())
}
