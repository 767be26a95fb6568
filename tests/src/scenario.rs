//! The runs in `tests/scenarios`: a directory with a cluster, a command, and what the command prints.

use std::fs;
use std::path::{Path, PathBuf};

use kubehop_core::api::{self, Detail, Lab, Run, Severity, Source, Trace};

/// A cluster and a run in it, as its directory states them.
pub struct Scenario {
    /// The directory's name.
    pub name: String,
    /// The first line of `trace.txt`.
    pub command: String,
    /// All of `trace.txt`.
    pub golden: String,
    /// The file with the command and what it prints.
    pub golden_path: PathBuf,
    lab: Vec<u8>,
}

/// All scenarios, in order of their names.
///
/// # Panics
/// If the files cannot be read.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let folders = fs::read_dir(&root).expect("tests/scenarios is a folder");
    let mut scenarios = folders
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|folder| folder.join("lab.yaml").exists())
        .map(|folder| Scenario::read(&folder))
        .collect::<Vec<_>>();
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    scenarios
}

impl Scenario {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let golden_path = folder.join("trace.txt");
        // A new case is a directory whose trace.txt holds the command alone.
        let golden = fs::read_to_string(&golden_path).unwrap_or_else(|error| panic!("{name}/trace.txt: {error}"));
        let lab = fs::read(folder.join("lab.yaml")).unwrap_or_else(|error| panic!("{name}/lab.yaml: {error}"));
        let command = golden.lines().next().unwrap_or_default().to_owned();
        Self { name, command, golden, golden_path, lab }
    }

    /// Runs the command; returns what happened and how much of it `trace.txt` shows.
    ///
    /// # Errors
    /// If the command or the cluster cannot be understood, or the run cannot be made.
    pub fn trace(&self) -> Result<(Trace, Detail), String> {
        let (lab, run, detail) = self.understand()?;
        let trace = api::trace(&lab, &run).map_err(|error| error.to_string())?;
        api::validate(&trace).map_err(|error| error.to_string())?;
        Ok((trace, detail))
    }

    fn understand(&self) -> Result<(Lab, Run, Detail), String> {
        let words =
            self.command.strip_prefix("$ kubehop trace lab.yaml ").ok_or("expected `$ kubehop trace lab.yaml …`")?;
        let (run, set, detail) = options(words)?;
        let parsed = api::parse(&[Source { name: "lab.yaml", text: &self.lab }], &set);
        match parsed.problems.iter().find(|problem| problem.severity == Severity::Error) {
            Some(problem) => Err(problem.to_string()),
            None => Ok((parsed.lab, run, detail)),
        }
    }
}

/// Words as a shell has them that knows single quotes alone.
fn quoted_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (idx, part) in text.split('\'').enumerate() {
        match idx % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

type Options = (Run, Vec<(String, String)>, Detail);

fn options(words: &str) -> Result<Options, String> {
    let mut run = Run::new("", "");
    let (mut set, mut detail) = (Vec::new(), Detail::Minimal);
    let words = quoted_words(words);
    let mut words = words.iter().map(String::as_str);
    while let Some(option) = words.next() {
        if option == "--df" {
            run.df = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{option} has no value"))?;
        let number = || value.parse::<usize>().map_err(|error| format!("{option} {value}: {error}"));
        match option {
            "--from" => value.clone_into(&mut run.from),
            "--to" => value.clone_into(&mut run.to),
            "--fault" => run.faults.push(value.to_owned()),
            "--size" => run.size = number()?,
            "--reply-size" => run.reply_size = number()?,
            "--seed" => run.seed = value.parse().map_err(|error| format!("{option} {value}: {error}"))?,
            "--do" => run.actions.push(value.to_owned()),
            "--via" => run.via = Some(value.to_owned()),
            "--ttl" => run.ttl = Some(value.parse().map_err(|error| format!("{option} {value}: {error}"))?),
            "--set" => {
                let (path, value) = value.split_once('=').ok_or_else(|| format!("--set {value}: no ="))?;
                set.push((path.to_owned(), value.to_owned()));
            }
            "--detail" => detail = Detail::parse(value).ok_or_else(|| format!("no detail {value}"))?,
            _ => return Err(format!("no option {option}")),
        }
    }
    Ok((run, set, detail))
}
