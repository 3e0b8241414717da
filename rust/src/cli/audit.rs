//! `audit`: what the audit files say, in short.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use immuta_impersonation::audit::escape_unseen;
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
                        writeln!(out, "{}", escape_unseen(&text))?;
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

/// Refusals of one principal that were counted instead of being written one by one.
#[derive(Deserialize)]
struct Counted<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    principal: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reasons: BTreeMap<Cow<'a, str>, u64>,
}

struct Line<'a> {
    first: Timestamp,
    last: Timestamp,
    impersonator: Option<Cow<'a, str>>,
    target: Option<Cow<'a, str>>,
    event: Event<'a>,
}

enum Event<'a> {
    Allowed,
    /// How often for which reason.
    Denied(BTreeMap<Cow<'a, str>, u64>),
    Query,
    /// Such as a start.
    Other,
}

impl<'a> Line<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let fields: Fields<'_> = from_json(bytes)?;
        let missing = |name: &str| format!("{name} is missing or has an unknown value");
        let time = |text: &str, name| text.parse().map_err(|_| missing(name));
        if fields.kind == "refusals" {
            let counted: Counted<'_> = from_json(bytes)?;
            return Ok(Line {
                first: time(&counted.from, "from")?,
                last: time(&counted.to, "to")?,
                // Who asked as several users is known by how they logged in.
                impersonator: fields.impersonator.or(counted.principal),
                target: None,
                event: Event::Denied(counted.reasons),
            });
        }
        let event = match (&*fields.kind, fields.decision.as_deref()) {
            ("decision", Some("allow")) => Event::Allowed,
            ("decision", Some("deny")) => {
                let reason = fields.reason.ok_or_else(|| missing("reason"))?;
                Event::Denied(BTreeMap::from([(reason, 1)]))
            }
            ("decision", _) => return Err(missing("decision")),
            ("query", _) => Event::Query,
            _ => Event::Other,
        };
        let has_users = fields.impersonator.is_some() && fields.target.is_some();
        if !has_users && !matches!(event, Event::Other) {
            return Err(missing("impersonator or target"));
        }
        let time = time(&fields.time, "time")?;
        Ok(Line {
            first: time,
            last: time,
            impersonator: fields.impersonator,
            target: fields.target,
            event,
        })
    }

    fn is_asked_for(&self, question: &Audit) -> bool {
        let is = |wanted: &Option<String>, user: &Option<Cow<'_, str>>| {
            wanted.is_none() || wanted.as_deref() == user.as_deref()
        };
        is(&question.impersonator, &self.impersonator)
            && is(&question.target, &self.target)
            && (!question.denied || matches!(self.event, Event::Denied(_)))
            && question.since.is_none_or(|since| since <= self.last)
    }
}

fn from_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    // The text is one line; which one of the file is said already.
    serde_json::from_slice(bytes)
        .map_err(|error| error.to_string().replace("line 1 column", "column"))
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
    fn add(&mut self, count: u64, line: &Line<'_>) {
        self.count += count;
        self.first = self.first.min(line.first);
        self.last = self.last.max(line.last);
    }
}

#[derive(Default)]
struct Pair {
    allowed: u64,
    denied: u64,
    queries: u64,
    times: Times,
}

/// Impersonator and target. Neither is known of all refusals that were only counted.
type Users = (Option<String>, Option<String>);

/// In the place of a user in the table.
const SEVERAL: &str = "(several)";

#[derive(Default)]
struct Summary {
    pairs: BTreeMap<Users, Pair>,
    refusals: BTreeMap<String, Times>,
    broken_lines: u64,
}

impl Summary {
    fn add(&mut self, line: &Line<'_>) {
        if matches!(line.event, Event::Other) {
            return;
        }
        let owned = |user: &Option<Cow<'_, str>>| user.as_deref().map(str::to_owned);
        let users = (owned(&line.impersonator), owned(&line.target));
        let pair = self.pairs.entry(users).or_default();
        let mut count = 1;
        match &line.event {
            Event::Allowed => pair.allowed += 1,
            Event::Denied(reasons) => {
                count = reasons.values().sum();
                pair.denied += count;
                for (reason, count) in reasons {
                    let refusals = self.refusals.entry(reason.to_string()).or_default();
                    refusals.add(*count, line);
                }
            }
            Event::Query => pair.queries += 1,
            Event::Other => {}
        }
        pair.times.add(count, line);
    }

    /// The busiest first; the order of names otherwise.
    fn busiest(&self) -> Vec<(&Users, &Pair)> {
        let mut pairs: Vec<_> = self.pairs.iter().collect();
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
        format!("{}\n", escape_unseen(&summary.to_string()))
    }

    fn text(&self) -> String {
        let time = |time: Timestamp| format!("{time:.0}");
        let user = |name: &Option<String>| escape_unseen(name.as_deref().unwrap_or(SEVERAL));
        let mut text = String::new();
        let pairs: Vec<_> = self
            .busiest()
            .into_iter()
            .map(|((impersonator, target), pair)| {
                vec![
                    user(impersonator),
                    user(target),
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
                    escape_unseen(reason),
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
