use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::client::{client, client_trusting};

struct Program {
    child: Child,
    ready: Value,
}

impl Program {
    fn start(arguments: &[&str]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fake-immuta"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        output.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Program { child, ready }
    }

    fn url(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where a test went well.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn the_program_serves_until_its_input_ends() {
    let file = env::temp_dir().join(format!("fake-immuta-ca-{}.pem", std::process::id()));
    let mut program = Program::start(&["--api-key", "my key", "--ca-file", file.to_str().unwrap()]);
    let pem = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let alice = json!({ "userid": "alice" });
    let put = client().put(format!("{}/users", program.url("control")));
    assert_eq!(put.json(&alice).send().unwrap().status(), 204);

    let https = client_trusting(&pem);
    let ask = |name: &str| {
        let request = https.get(format!("{}/bim/iam/bim/user/alice", program.url(name)));
        let response = request.header("Authorization", "my key").send();
        response.map(|response| response.status().as_u16())
    };
    assert_eq!(ask("api").unwrap(), 200);
    assert_eq!(ask("https").unwrap(), 200);
    assert!(ask("httpsWrongName").is_err());
    assert!(ask("httpsUnknownCa").is_err());

    drop(program.child.stdin.take());
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn a_program_that_cannot_serve_says_why() {
    let program = Program::start(&[]);
    let (_, port) = program.url("api").rsplit_once(':').unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fake-immuta"))
        .args(["--port", port])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("fake-immuta: cannot serve: "), "{error}");
}
