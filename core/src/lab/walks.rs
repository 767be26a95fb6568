//! The built-in walks: files of `walks/`, each a run worth a look with words on what to look for.
//!
//! `core/build.rs` lists the files. They are read when somebody asks for one, by the reader of all other input.

use super::exhibits::answer_beside;
use super::nearest::nearest;
use super::parse::{self, Parsed};
use super::run::{Run, RunError, run_to_end};
use super::{Problem, Severity, Source};

include!(concat!(env!("OUT_DIR"), "/walks.rs"));

/// The walk that a page opens on.
pub const DEFAULT_WALK: &str = "cluster-ip";

/// A walk, as its file states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkSpec {
    /// What `--walk` and links call it.
    pub id: String,
    /// The chapter that it belongs to.
    pub theme: String,
    /// What it is, in a few words.
    pub title: String,
    /// What to look for.
    pub look: String,
    /// Steps worth stopping at.
    pub stops: Vec<Stop>,
    /// Name of the file that describes its cluster.
    pub lab_name: String,
    /// The text of that file.
    pub lab_text: String,
    /// Fields of `Lab.spec` that it sets.
    pub set: Vec<(String, String)>,
    /// The run.
    pub run: Run,
    /// The step that it opens at, if not the first.
    pub start: Option<String>,
    /// Commands whose answers belong into view: the place and the command.
    pub shows: Vec<(String, String)>,
    /// Whether the table of all pairs belongs into view.
    pub has_pairs: bool,
    /// How it comes out: `delivered`, `rejected` or `dropped`.
    pub outcome: String,
    /// Why, if it is not delivered.
    pub reason: Option<String>,
}

/// A step worth stopping at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its id.
    pub step: String,
    /// What is seen there, in a few words.
    pub text: String,
}

impl WalkSpec {
    /// Its cluster, with the fields of `Lab.spec` that it sets and then those that `set` names.
    #[must_use]
    pub fn lab(&self, set: &[(String, String)]) -> Parsed {
        let set = [&self.set[..], set].concat();
        parse::parse_beside_walk(&[Source { name: &self.lab_name, text: self.lab_text.as_bytes() }], &set)
    }
}

/// The ids of the built-in walks, in order.
pub fn walk_ids() -> impl Iterator<Item = &'static str> {
    WALKS.iter().map(|(stem, _)| id_of(stem))
}

/// Files are named `NN-ID.yaml`: the number is their order.
fn id_of(stem: &'static str) -> &'static str {
    stem.split_once('-').map_or(stem, |(_, id)| id)
}

/// A built-in walk.
///
/// # Errors
/// If there is none of that name; names the nearest.
pub fn walk(id: &str) -> Result<WalkSpec, RunError> {
    let missing = || RunError::NoSuchWalk { found: id.to_owned(), nearest: nearest(id, walk_ids()).map(str::to_owned) };
    let (stem, text) = WALKS.iter().find(|(stem, _)| id_of(stem) == id).ok_or_else(missing)?;
    let source = Source { name: stem, text: text.as_bytes() };
    parse::read_walk(source, &built_in_lab, &|_| Vec::new()).0.ok_or_else(missing)
}

/// The text of a shared lab.
fn built_in_lab(name: &str) -> Option<String> {
    LABS.iter().find(|(stem, _)| *stem == name).map(|(_, text)| (*text).to_owned())
}

/// Whether a file seems to hold a walk.
#[must_use]
pub fn is_walk(source: &Source<'_>) -> bool {
    // Only a file that has the words is read to know.
    let has = |word: &[u8]| source.text.windows(word.len()).any(|part| part == word);
    has(b"kubehop.dev/v1") && has(b"Walk") && parse::holds_walk(source)
}

/// What is wrong with a walk's file, its cluster and its run, which is made to its end.
#[must_use]
pub fn check_walk(source: &Source<'_>, labs: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
    let (walk, mut problems) = parse::read_walk(*source, labs, &judge);
    if let Some(walk) = walk {
        let of_lab = walk.lab(&[]).problems.into_iter();
        problems.extend(
            of_lab.filter(|problem| problem.file != "--set" && !problems.contains(problem)).collect::<Vec<_>>(),
        );
    }
    problems
}

/// What is wrong with a walk that could be read, each with the path of the field that it is about.
fn judge(walk: &WalkSpec) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let mut say = |path: &str, text: String| wrong.push((path.to_owned(), text));
    let parsed = walk.lab(&[]);
    for problem in parsed.problems.iter().filter(|problem| problem.file == "--set") {
        say("set", problem.text.clone());
    }
    if parsed.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return wrong;
    }
    let ended = match run_to_end(&parsed.lab, &walk.run) {
        Ok(ended) => ended,
        Err(error) => {
            let text = error.to_string();
            let option = text.split_once(": ").filter(|(option, _)| option.starts_with("--"));
            let (option, rest) = option.unwrap_or(("--to", &text));
            let path = match option.split(' ').next().unwrap_or_default() {
                "--from" => "from",
                "--fault" => "faults",
                "--do" => "do",
                "--via" => "via",
                "--size" => "size",
                "--reply-size" => "replySize",
                _ => "to",
            };
            say(path, rest.to_owned());
            return wrong;
        }
    };
    let steps = || ended.trace.steps().map(|(_, step)| step.id.as_str());
    let mut step = |path: String, id: &str| {
        if !steps().any(|step| step == id) {
            let near = nearest(id, steps()).map(|near| format!("; the nearest is {near}")).unwrap_or_default();
            say(&path, format!("this walk has no step {id}{near}"));
        }
    };
    for (idx, stop) in walk.stops.iter().enumerate() {
        step(format!("stops.{idx}.step"), &stop.step);
    }
    if let Some(start) = &walk.start {
        step("start".to_owned(), start);
    }
    for (idx, (at, command)) in walk.shows.iter().enumerate() {
        match answer_beside(&parsed.lab, at, command) {
            Ok(Some(_)) => {}
            Ok(None) => {
                let text = format!(
                    "found {command:?}, expected ip addr, ip link, ip route, iptables-save or cat /etc/resolv.conf"
                );
                say(&format!("show.{idx}.command"), text);
            }
            Err(error) => say(&format!("show.{idx}.at"), error.to_string()),
        }
    }
    let reached = &ended.trace.disposition;
    if reached.kind() != walk.outcome || reached.reason() != walk.reason.as_deref() {
        say("expect", format!("it was {reached}"));
    }
    wrong
}
