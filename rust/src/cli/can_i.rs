//! `can-i`: one question, or many.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use immuta_impersonation::config::AUDIT_FILE;
use immuta_impersonation::log::Level;
use immuta_impersonation::{Engine, Name, Reason, Request, Step, Verdict};

use super::{CanI, CliError, output, properties};

pub(super) fn run(question: &CanI) -> Result<ExitCode, CliError> {
    let mut properties = properties::read(&question.config)?;
    // Asking what would be decided is not a decision.
    properties.insert(AUDIT_FILE.to_owned(), String::new());
    let engine = Engine::open(&properties)?;
    if let Some(batch) = &question.batch {
        run_batch(&engine, question, batch)?;
        return Ok(ExitCode::SUCCESS);
    }
    let impersonator = question.impersonator.as_deref().unwrap_or_default();
    let target = question.target.as_deref().unwrap_or_default();
    let request = request(question, impersonator.into(), target.into());
    let Verdict { step, reason } = engine.verdict(&request);
    let explanation = engine.explain(reason, &request);
    print_log(&engine);
    let text = if question.json {
        let names = engine.names_in_source(&request);
        let mut answer = serde_json::json!({
            "impersonator": impersonator,
            "target": target,
            "mappedImpersonator": names.impersonator,
            "mappedTarget": names.target,
            "decision": reason.decision(),
            "reason": reason.as_str(),
            "explanation": explanation,
        });
        if question.explain {
            answer["steps"] = Step::ALL
                .into_iter()
                .map(|one| step_in_json(one, step))
                .collect();
        }
        format!("{answer}\n")
    } else {
        let mut text = format!("{} {reason}\n{explanation}\n", reason.decision());
        if question.explain {
            for one in Step::ALL {
                let (number, state, rule) = (one.number(), state(one, step), one.rule());
                text += &format!("{number:>2} {state:<11} {rule}\n");
            }
        }
        text
    };
    output::print(&text)?;
    Ok(exit_code(reason))
}

fn state(step: Step, deciding: Step) -> &'static str {
    match step.cmp(&deciding) {
        Ordering::Less => "passed",
        Ordering::Equal => "decided",
        Ordering::Greater => "not reached",
    }
}

fn step_in_json(step: Step, deciding: Step) -> serde_json::Value {
    serde_json::json!({"step": step.number(), "state": state(step, deciding), "rule": step.rule()})
}

fn run_batch(engine: &Engine, question: &CanI, batch: &Path) -> Result<(), CliError> {
    let mut lines: Box<dyn BufRead> = if batch == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(batch)?))
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let pair = line.strip_suffix(b"\n").unwrap_or(&line);
        let tab = pair
            .iter()
            .position(|byte| *byte == b'\t')
            .ok_or(CliError::BatchLine(number))?;
        let (impersonator, target) = (
            Name::from_bytes(&pair[..tab]),
            Name::from_bytes(&pair[tab + 1..]),
        );
        let reason = engine.decide(&self::request(question, impersonator, target));
        writeln!(out, "{}\t{reason}", reason.decision())?;
    }
    out.flush()?;
    print_log(engine);
    Ok(())
}

/// What an operator would find in the server's log, such as why nobody could be looked up.
fn print_log(engine: &Engine) {
    for message in engine.log().drain() {
        match message.level {
            Level::Info => {}
            Level::Warning => output::tell(&format!("warning: {}", message.text)),
            Level::Error => output::tell(&format!("error: {}", message.text)),
        }
    }
}

fn request<'a>(question: &'a CanI, impersonator: Name<'a>, target: Name<'a>) -> Request<'a> {
    Request {
        impersonator,
        target,
        chained: question.chained,
        ..Request::new("", "")
    }
}

fn exit_code(reason: Reason) -> ExitCode {
    ExitCode::from(u8::from(!reason.is_allow()))
}
