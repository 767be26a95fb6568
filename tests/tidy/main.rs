//! What no compiler checks about the sources: who may use whom, how long files are, what they must not name.
//!
//! Each rule is a function of one file's path and text, with tests that prove it can fail; the tests here apply them to
//! every file that is in git or could be added to it.

mod files;
mod layers;
mod links;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A rule that a line breaks.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    rule: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule: rule.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// The project's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Applies a rule to every text file of the project.
fn apply(rule: impl Fn(&str, &str) -> Vec<Finding>) {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the project's files");
    assert!(listing.status.success(), "git: {}", String::from_utf8_lossy(&listing.stderr));
    let listing = String::from_utf8(listing.stdout).unwrap();
    let mut findings = Vec::new();
    for path in listing.split_terminator('\0') {
        // What is deleted but still in the index, and what is not text, has no lines to judge.
        if let Ok(text) = fs::read_to_string(root().join(path)) {
            findings.extend(rule(path, &text));
        }
    }
    let lines = findings.iter().map(Finding::to_string).collect::<Vec<_>>();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

#[test]
fn modules_of_the_core_use_lower_layers_only() {
    apply(layers::core);
}

#[test]
fn faces_use_nothing_of_the_core_but_its_api() {
    apply(layers::faces);
}

#[test]
fn no_source_file_is_too_long() {
    apply(files::length);
}

#[test]
fn no_file_names_a_registry_or_a_folder_of_one_machine() {
    apply(files::places);
}

#[test]
fn what_the_documents_point_at_exists() {
    apply(|path, text| links::links(path, text, |target| root().join(target).exists()));
}
