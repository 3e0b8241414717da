//! How much memory an engine takes, by what the kernel says of this process.

use std::fs;

use super::requests::{person, service, services};
use super::world::{From, PEOPLE, Plan, SERVICES};

/// Starts an engine that knows so many users, in a process that has done nothing yet.
///
/// Returns one line of JSON. Sizes are in bytes: `resident` is by how much the process has grown, `text` what the
/// names and groups of the users take by themselves. `startMillis` is the start of the engine: of a policy file, its loading.
pub fn measure(from: From, users: usize) -> String {
    let before = resident();
    let world = Plan::new(users, from).start();
    let grown = resident().saturating_sub(before);
    let text = text(users);
    let start = world.started_in.as_secs_f64() * 1000.0;
    let source = from.as_str();
    format!(
        r#"{{"source": "{source}", "users": {users}, "resident": {grown}, "text": {text}, "startMillis": {start:.3}}}"#
    )
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells what a process has");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.and_then(|size| size.parse::<usize>().ok())
        .expect("the resident size is given in kB")
        * 1024
}

fn text(users: usize) -> usize {
    let services_text = service(0).len() + SERVICES.len();
    let people_text = person(0).len() + PEOPLE.len();
    services(users) * services_text + (users - services(users)) * people_text
}
