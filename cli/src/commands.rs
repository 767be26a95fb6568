//! Carrying the commands out: files in, the core's answers out, exit statuses as documented.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use kubehop_core::api::{self, ActionError, Parsed, Run, RunError, Severity, Source};

use crate::args::{self, Command, Expect, Format, Input, USAGE};

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
        Ok(Command::Faults) => print(list_faults().as_bytes(), None),
        Ok(Command::Rules(services)) => rules(&services),
        Ok(Command::Check(input)) => check(&input),
        Ok(Command::Trace { input, run, format, detail, output, expect }) => {
            trace(&input, &run, format, detail, output.as_deref(), expect)
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
    let parsed = read(input)?;
    let mut lines: String = parsed.problems.iter().map(|problem| format!("{problem}\n")).collect();
    if !has_error(&parsed) {
        let notes = api::fault_notes(&parsed.lab, &input.faults).map_err(failure)?;
        lines.extend(notes.iter().map(|note| format!("--fault:1:1: note: {note}\n")));
    }
    print(lines.as_bytes(), None)?;
    if has_error(&parsed) { Err((INPUT_ERROR, Vec::new())) } else { Ok(()) }
}

fn list_faults() -> String {
    let faults = api::faults();
    let width = faults.iter().map(|fault| fault.id.len()).max().unwrap_or_default();
    faults.iter().map(|fault| format!("{:width$}  {}\n", fault.id, fault.title)).collect()
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
    run: &Run,
    format: Format,
    detail: api::Detail,
    output: Option<&OsStr>,
    expect: Option<Expect>,
) -> Result<(), Failure> {
    let parsed = sound(input)?;
    let trace = api::trace(&parsed.lab, run).map_err(failure)?;
    if let Some(note) = api::via_note(&parsed.lab, run) {
        // Nobody is left to be told if standard error is gone.
        let _ = writeln!(io::stderr().lock(), "note: {note}");
    }
    let bytes = match format {
        Format::Text => api::render(&trace, detail).into_bytes(),
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

fn show(input: &Input, at: &str, after: Option<&Run>, command: &[String], writers: bool) -> Result<(), Failure> {
    let parsed = sound(input)?;
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
        | RunError::Services { .. }
        | RunError::TooLarge { .. } => USAGE_ERROR,
    }
}

/// Reads and parses the files.
fn read(input: &Input) -> Result<Parsed, Failure> {
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
    let files = input.files.iter().map(read_one).collect::<Result<Vec<_>, _>>()?;
    let sources: Vec<Source<'_>> = files.iter().map(|(name, text)| Source { name, text }).collect();
    Ok(api::parse(&sources, &input.set))
}

/// The same, for commands that need a lab without errors.
fn sound(input: &Input) -> Result<Parsed, Failure> {
    let parsed = read(input)?;
    if has_error(&parsed) {
        return Err((INPUT_ERROR, parsed.problems.iter().map(ToString::to_string).collect()));
    }
    Ok(parsed)
}

fn has_error(parsed: &Parsed) -> bool {
    parsed.problems.iter().any(|problem| problem.severity == Severity::Error)
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
