//! Carrying the commands out: files in, the core's answers out, exit statuses as documented.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use kubehop_core::api::{self, ActionError, Detail, Parsed, Problem, Run, RunError, Severity, Source};

use crate::args::{self, Asked, Command, Expect, Format, Input, USAGE};

/// Not as `--expect` said.
const UNEXPECTED: u8 = 1;
/// Wrong usage.
const USAGE_ERROR: u8 = 2;
/// Bad input.
const INPUT_ERROR: u8 = 3;

/// Runs the command line.
pub(crate) fn run(parser: lexopt::Parser) -> ExitCode {
    let result = match args::parse(parser) {
        Err(message) => Err((USAGE_ERROR, vec![message])),
        Ok(Command::Help) => print(USAGE.as_bytes(), None),
        Ok(Command::Version) => print(format!("kubehop {}\n", env!("CARGO_PKG_VERSION")).as_bytes(), None),
        Ok(Command::Walks) => print(list_walks().as_bytes(), None),
        Ok(Command::Faults) => print(list_faults().as_bytes(), None),
        Ok(Command::Rules(services)) => rules(&services),
        Ok(Command::Check(input)) => check(&input),
        Ok(Command::Trace { input, asked, format, detail, output, expect }) => {
            trace(&input, &asked, format, detail, output.as_deref(), expect)
        }
        Ok(Command::Show { input, at, after, writers, command }) => {
            show(&input, &at, after.as_ref(), &command, writers)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, lines)) => {
            let mut stderr = io::stderr().lock();
            for line in lines {
                // Nobody is left to be told if standard error is gone.
                let _ = writeln!(stderr, "{line}");
            }
            ExitCode::from(status)
        }
    }
}

/// An exit status, and what is said on standard error.
type Failure = (u8, Vec<String>);

fn check(input: &Input) -> Result<(), Failure> {
    let files = contents(input)?;
    let (walks, manifests): (Vec<_>, Vec<_>) = sources(&files).into_iter().partition(api::is_walk);
    let mut problems: Vec<Problem> = walks.iter().flat_map(check_walk).collect();
    let mut notes = Vec::new();
    // Walks bring their own clusters; the other files are one together.
    if walks.is_empty() || !manifests.is_empty() {
        let parsed = api::parse(&manifests, &input.set);
        if !has_error(&parsed.problems) {
            notes = api::fault_notes(&parsed.lab, &input.faults).map_err(failure)?;
        }
        problems.extend(parsed.problems);
    }
    let lines = problems.iter().map(ToString::to_string);
    let lines = lines.chain(notes.iter().map(|note| format!("--fault:1:1: note: {note}")));
    print(lines.map(|line| line + "\n").collect::<String>().as_bytes(), None)?;
    if has_error(&problems) { Err((INPUT_ERROR, Vec::new())) } else { Ok(()) }
}

/// What is wrong with a walk's file. Shared labs stand in the folder `labs` beside it.
fn check_walk(source: &Source<'_>) -> Vec<Problem> {
    let folder = Path::new(source.name).parent().unwrap_or(Path::new("")).join("labs");
    api::check_walk(source, &|name| fs::read_to_string(folder.join(format!("{name}.yaml"))).ok())
}

fn list_faults() -> String {
    columns(api::faults().iter().map(|fault| (fault.id, fault.title.to_owned())).collect())
}

fn list_walks() -> String {
    let titled = |id| (id, api::walk(id).map(|walk| walk.title).unwrap_or_default());
    columns(api::walk_ids().map(titled).collect())
}

fn columns(rows: Vec<(&str, String)>) -> String {
    let width = rows.iter().map(|(id, _)| id.len()).max().unwrap_or_default();
    rows.into_iter().map(|(id, title)| format!("{id:width$}  {title}\n")).collect()
}

/// A line for each number of services and mode, words apart by tabs so that other programs can draw them.
fn rules(services: &[usize]) -> Result<(), Failure> {
    let counts = api::rule_counts(services).map_err(failure)?;
    let mode = |count: &api::RuleCount| {
        let named = api::ProxyMode::ALL.iter().find(|(_, mode)| *mode == count.mode);
        named.map_or("", |(name, _)| *name)
    };
    let line =
        |count: &api::RuleCount| format!("{}\t{}\t{}\t{}\n", count.services, mode(count), count.rules, count.lookups);
    let lines: String = counts.iter().map(line).collect();
    print(format!("services\tmode\trules\tlookups\n{lines}").as_bytes(), None)
}

fn trace(
    input: &Input,
    asked: &Asked,
    format: Format,
    detail: Detail,
    output: Option<&OsStr>,
    expect: Option<Expect>,
) -> Result<(), Failure> {
    let (parsed, base) = match &input.walk {
        Some(id) => {
            let walk = api::walk(id).map_err(failure)?;
            (sound(walk.lab(&input.set))?, walk.run)
        }
        None => (sound(read(input)?)?, Run::new("", "")),
    };
    let run = &asked.over(base, &input.faults);
    let trace = api::trace(&parsed.lab, run).map_err(failure)?;
    if let Some(note) = api::via_note(&parsed.lab, run) {
        // Nobody is left to be told if standard error is gone.
        let _ = writeln!(io::stderr().lock(), "note: {note}");
    }
    let bytes = match format {
        Format::Text => text_of(&trace, detail).into_bytes(),
        Format::Json => api::to_json(&trace).into_bytes(),
        Format::Pcapng => trace.to_pcapng(),
    };
    print(&bytes, output)?;
    match expect {
        Some(Expect(wanted)) if wanted != trace.disposition.kind() => {
            Err((UNEXPECTED, vec![format!("expected {wanted}, but it was {}", trace.disposition)]))
        }
        _ => Ok(()),
    }
}

/// The trace as text; what a name has cost stands before the outcome.
fn text_of(trace: &api::Trace, detail: Detail) -> String {
    let mut text = api::render(trace, detail);
    let cost = api::lookup_cost(trace).filter(|cost| cost.n_wasted > 0 && detail != Detail::Minimal);
    if let (Some(cost), Some(at)) = (cost, text.trim_end().rfind('\n')) {
        let ways = [("a trailing dot", cost.with_trailing_dot), ("ndots:1", cost.with_ndots_1)];
        let fewer = ways.iter().filter_map(|(way, n)| Some((way, n.filter(|n| *n < cost.n_queries)?)));
        let fewer: String = fewer.map(|(way, n)| format!("; with {way} {n}")).collect();
        let line = format!("{} queries for {}, {} of them wasted{fewer}\n", cost.n_queries, cost.name, cost.n_wasted);
        text.insert_str(at + 1, &line);
    }
    text
}

fn show(input: &Input, at: &str, after: Option<&Run>, command: &[String], writers: bool) -> Result<(), Failure> {
    let parsed = sound(read(input)?)?;
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let shown = match after {
        Some(_) => api::show(&parsed.lab, at, after, &words, writers),
        None => api::show_broken(&parsed.lab, at, &input.faults, &words, writers),
    };
    let text = shown.map_err(|error| {
        let status = match &error {
            api::ShowError::Run(error) => status_of(error),
            api::ShowError::NoSuchCommand { .. } | api::ShowError::Argument { .. } => USAGE_ERROR,
        };
        (status, vec![error.to_string()])
    })?;
    print(text.as_bytes(), None)
}

fn failure(error: RunError) -> Failure {
    (status_of(&error), vec![error.to_string()])
}

/// A word that cannot be read is wrong usage; a place that the files do not have is bad input.
fn status_of(error: &RunError) -> u8 {
    match error {
        RunError::Action(ActionError::NoSuchObject { .. }) => INPUT_ERROR,
        RunError::NoSuchPlace { .. }
        | RunError::NotAnAddress { .. }
        | RunError::NoBgpSession { .. }
        | RunError::CannotAsk { .. }
        | RunError::Names(_) => INPUT_ERROR,
        RunError::From(_)
        | RunError::Action(_)
        | RunError::NotATarget { .. }
        | RunError::Port { .. }
        | RunError::NotAName { .. }
        | RunError::RecordType { .. }
        | RunError::BgpEvent { .. }
        | RunError::ProbeKind { .. }
        | RunError::NoSuchFault { .. }
        | RunError::NoSuchWalk { .. }
        | RunError::Services { .. }
        | RunError::TooLarge { .. } => USAGE_ERROR,
    }
}

/// Reads and parses the files.
fn read(input: &Input) -> Result<Parsed, Failure> {
    let files = contents(input)?;
    Ok(api::parse(&sources(&files), &input.set))
}

fn sources(files: &[(String, Vec<u8>)]) -> Vec<Source<'_>> {
    files.iter().map(|(name, text)| Source { name, text }).collect()
}

/// Reads the files.
fn contents(input: &Input) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let read_one = |file: &OsString| {
        let name = file.to_string_lossy().into_owned();
        let text = if name == "-" {
            let mut text = Vec::new();
            io::Read::read_to_end(&mut io::stdin(), &mut text).map(|_| text)
        } else {
            fs::read(file)
        };
        match text {
            Ok(text) => Ok((name, text)),
            Err(error) => Err((INPUT_ERROR, vec![format!("{name}:1:1: error: cannot be read: {error}")])),
        }
    };
    input.files.iter().map(read_one).collect()
}

/// What was parsed, for commands that need a lab without errors.
fn sound(parsed: Parsed) -> Result<Parsed, Failure> {
    if has_error(&parsed.problems) {
        return Err((INPUT_ERROR, parsed.problems.iter().map(ToString::to_string).collect()));
    }
    Ok(parsed)
}

fn has_error(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

fn print(bytes: &[u8], output: Option<&OsStr>) -> Result<(), Failure> {
    let written = match output {
        Some(file) => fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.to_string_lossy())),
        None => match io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush()) {
            // `kubehop ... | head` is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| error.to_string()),
        },
    };
    written.map_err(|message| (USAGE_ERROR, vec![message]))
}
