//! `audit`: what the audit files say, in short.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use immuta_impersonation::audit::escape_controls;
use immuta_impersonation::duration;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{CliError, output};

#[derive(Args)]
pub(super) struct Audit {
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
    /// Prints the lines themselves instead of a summary.
    #[arg(long, conflicts_with = "json")]
    lines: bool,
    /// Only what this user did as somebody else, or tried.
    #[arg(long, value_name = "USER")]
    impersonator: Option<String>,
    /// Only what was done as this user, or tried.
    #[arg(long, value_name = "USER")]
    target: Option<String>,
    /// Only decisions that refused.
    #[arg(long)]
    denied: bool,
    /// Only what happened since then: a time such as 2026-11-24T05:40:00Z, or how long ago, such as 24h.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Audit files, in any order; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = duration::parse(text).map_err(|_| {
        "write a time with its zone, such as 2026-11-24T05:40:00Z, or how long ago, such as 24h"
            .to_owned()
    })?;
    let ago = SignedDuration::try_from(ago).map_err(|error| error.to_string())?;
    Ok(Timestamp::now()
        .saturating_sub(ago)
        .unwrap_or(Timestamp::MIN))
}

pub(super) fn run(question: &Audit) -> Result<ExitCode, CliError> {
    let mut summary = Summary::default();
    match read_all(question, &mut summary) {
        // Whoever wanted the lines has seen enough.
        Err(CliError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        result => result?,
    }
    if question.json {
        output::print(&summary.json())?;
    } else if !question.lines {
        output::print(&summary.text())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_all(question: &Audit, summary: &mut Summary) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    for path in &question.files {
        let failed = |error: io::Error| CliError::File {
            path: path.clone(),
            problem: error.to_string(),
        };
        let mut lines: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(BufReader::new(File::open(path).map_err(failed)?))
        };
        let mut bytes = Vec::new();
        for number in 1.. {
            bytes.clear();
            if lines.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
                break;
            }
            let bytes = bytes.trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            match Line::read(bytes) {
                Ok(line) if line.is_asked_for(question) => {
                    if question.lines {
                        let text = String::from_utf8_lossy(bytes);
                        writeln!(out, "{}", escape_controls(&text))?;
                    }
                    summary.add(&line);
                }
                Ok(_) => {}
                Err(problem) => {
                    summary.broken_lines += 1;
                    output::tell(&format!(
                        "{}:{number}: not a line of an audit file: {problem}",
                        path.display()
                    ));
                }
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// What is looked at in a line, of a type that is known or not.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    decision: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(borrow)]
    impersonator: Option<Cow<'a, str>>,
    #[serde(borrow)]
    target: Option<Cow<'a, str>>,
}

struct Line<'a> {
    time: Timestamp,
    users: Option<(Cow<'a, str>, Cow<'a, str>)>,
    event: Event<'a>,
}

enum Event<'a> {
    Allowed,
    /// For this reason.
    Denied(Cow<'a, str>),
    Query,
    /// Such as a start.
    Other,
}

impl<'a> Line<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let fields: Fields<'_> = serde_json::from_slice(bytes)
            // The text is one line; which one of the file is said already.
            .map_err(|error| error.to_string().replace("line 1 column", "column"))?;
        let missing = |name: &str| format!("{name} is missing or has an unknown value");
        let event = match (&*fields.kind, fields.decision.as_deref()) {
            ("decision", Some("allow")) => Event::Allowed,
            ("decision", Some("deny")) => {
                Event::Denied(fields.reason.ok_or_else(|| missing("reason"))?)
            }
            ("decision", _) => return Err(missing("decision")),
            ("query", _) => Event::Query,
            _ => Event::Other,
        };
        let users = fields.impersonator.zip(fields.target);
        if users.is_none() && !matches!(event, Event::Other) {
            return Err(missing("impersonator or target"));
        }
        Ok(Line {
            time: fields.time.parse().map_err(|_| missing("time"))?,
            users,
            event,
        })
    }

    fn is_asked_for(&self, question: &Audit) -> bool {
        let (impersonator, target) = match &self.users {
            Some((impersonator, target)) => (Some(&**impersonator), Some(&**target)),
            None => (None, None),
        };
        let is = |wanted: &Option<String>, user: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == user
        };
        is(&question.impersonator, impersonator)
            && is(&question.target, target)
            && (!question.denied || matches!(self.event, Event::Denied(_)))
            && question.since.is_none_or(|since| since <= self.time)
    }
}

/// How often, and from when to when.
struct Times {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            count: 0,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
        }
    }
}

impl Times {
    fn add(&mut self, time: Timestamp) {
        self.count += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}

#[derive(Default)]
struct Pair {
    allowed: u64,
    denied: u64,
    queries: u64,
    times: Times,
}

#[derive(Default)]
struct Summary {
    pairs: BTreeMap<(String, String), Pair>,
    refusals: BTreeMap<String, Times>,
    broken_lines: u64,
}

impl Summary {
    fn add(&mut self, line: &Line<'_>) {
        let Some((impersonator, target)) = &line.users else {
            return;
        };
        let pair = self
            .pairs
            .entry((impersonator.to_string(), target.to_string()))
            .or_default();
        match &line.event {
            Event::Allowed => pair.allowed += 1,
            Event::Denied(reason) => {
                pair.denied += 1;
                let refusals = self.refusals.entry(reason.to_string()).or_default();
                refusals.add(line.time);
            }
            Event::Query => pair.queries += 1,
            Event::Other => return,
        }
        pair.times.add(line.time);
    }

    /// The busiest first; the order of names otherwise.
    fn busiest(&self) -> Vec<(&(String, String), &Pair)> {
        // Types of lines that are not known leave pairs without anything.
        let mut pairs: Vec<_> = self
            .pairs
            .iter()
            .filter(|(_, pair)| pair.times.count > 0)
            .collect();
        pairs.sort_by_key(|(_, pair)| std::cmp::Reverse(pair.allowed + pair.denied));
        pairs
    }

    fn total(&self, of: fn(&Pair) -> u64) -> u64 {
        self.pairs.values().map(of).sum()
    }

    fn json(&self) -> String {
        let pairs: Vec<_> = self
            .busiest()
            .into_iter()
            .map(|((impersonator, target), pair)| {
                serde_json::json!({
                    "impersonator": impersonator,
                    "target": target,
                    "allowed": pair.allowed,
                    "denied": pair.denied,
                    "queries": pair.queries,
                    "first": pair.times.first.to_string(),
                    "last": pair.times.last.to_string(),
                })
            })
            .collect();
        let refusals: Vec<_> = self
            .refusals
            .iter()
            .map(|(reason, times)| {
                serde_json::json!({
                    "reason": reason,
                    "count": times.count,
                    "first": times.first.to_string(),
                    "last": times.last.to_string(),
                })
            })
            .collect();
        let summary = serde_json::json!({
            "allowed": self.total(|pair| pair.allowed),
            "denied": self.total(|pair| pair.denied),
            "queries": self.total(|pair| pair.queries),
            "impersonations": pairs,
            "refusals": refusals,
            "brokenLines": self.broken_lines,
        });
        format!("{}\n", escape_controls(&summary.to_string()))
    }

    fn text(&self) -> String {
        let time = |time: Timestamp| format!("{time:.0}");
        let mut text = String::new();
        let pairs: Vec<_> = self
            .busiest()
            .into_iter()
            .map(|((impersonator, target), pair)| {
                vec![
                    escape_controls(impersonator),
                    escape_controls(target),
                    pair.allowed.to_string(),
                    pair.denied.to_string(),
                    pair.queries.to_string(),
                    time(pair.times.first),
                    time(pair.times.last),
                ]
            })
            .collect();
        if !pairs.is_empty() {
            let header = [
                "impersonator",
                "target",
                "allowed",
                "denied",
                "queries",
                "first",
                "last",
            ];
            text += &output::table(&header, &pairs);
            text += "\n";
        }
        let mut refusals: Vec<_> = self.refusals.iter().collect();
        refusals.sort_by_key(|(_, times)| std::cmp::Reverse(times.count));
        let refusals: Vec<_> = refusals
            .into_iter()
            .map(|(reason, times)| {
                vec![
                    escape_controls(reason),
                    times.count.to_string(),
                    time(times.first),
                    time(times.last),
                ]
            })
            .collect();
        if !refusals.is_empty() {
            text += &output::table(&["refused because", "times", "first", "last"], &refusals);
            text += "\n";
        }
        text += &format!(
            "allowed: {}, denied: {}, queries ended: {}",
            self.total(|pair| pair.allowed),
            self.total(|pair| pair.denied),
            self.total(|pair| pair.queries),
        );
        if self.broken_lines > 0 {
            text += &format!("; lines that cannot be read: {}", self.broken_lines);
        }
        text + "\n"
    }
}
