//! Files to a [`Lab`]: text to trees, trees to objects, objects checked and completed.
//!
//! Parsing never fails: it returns what it understood together with what was wrong. Read `parse` first, it is the
//! whole way; `documents` finds the objects, `k8s` and `lab_document` read them field by field, `check` compares them
//! with each other, and what a real cluster would fill in comes from [`crate::k8s::controllers`].

mod check;
mod complete;
mod documents;
mod fields;
mod k8s;
mod lab_document;
mod problems;
#[cfg(test)]
mod properties;
mod set;
#[cfg(test)]
mod tests;

use crate::base::Span;
use crate::lab::{Lab, Problem, Severity, yaml};

use documents::Draft;
use fields::Fields;
use problems::Problems;

/// An input file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its bytes.
    pub text: &'a [u8],
}

/// What was understood, and what was wrong.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The cluster: complete if no problem is an error, otherwise the part of it that is sound.
    pub lab: Lab,
    /// Errors and notes, in the order of the files and their lines.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// Whether one of the problems is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// Understands `sources` as one cluster, with the fields of `Lab.spec` that `set` names set to those values.
///
/// Problems in `set` are positions in the file `--set`: column 1 is the first letter of the path.
#[must_use]
pub fn parse(sources: &[Source<'_>], set: &[(String, String)]) -> Parsed {
    let texts: Vec<_> = (0..).zip(sources).map(|(file, source)| yaml::decode(source.text, file)).collect();
    let names = sources.iter().map(|source| source.name).chain(["--set"]).collect();
    let problems = Problems::new(names, texts.iter().map(|text| text.as_ref().map_or("", |text| text)).collect());
    let mut documents = Vec::new();
    let mut all_read = true;
    for (file, text) in texts.iter().enumerate() {
        let (read, faults) = match text {
            Ok(text) => yaml::read(text, file, yaml::Expect::Manifests),
            Err(fault) => (Vec::new(), vec![fault.clone()]),
        };
        if faults.is_empty() && read.is_empty() {
            let at = Span { file, line: 1, col: 1 };
            problems.error(at, "found nothing in this file, expected Kubernetes manifests");
        }
        all_read &= faults.is_empty() && !read.is_empty();
        for fault in faults {
            problems.error(fault.span, fault.text);
        }
        documents.extend(read);
    }

    let mut draft = Draft::default();
    for document in &documents {
        draft.add(Fields::of("document", document, &problems));
    }
    draft.note_skipped(&problems);
    // Where a part could not be read, the nodes may stand in it.
    if all_read && !draft.has_node {
        let at = Span { file: 0, line: 1, col: 1 };
        problems.error(at, "found no Node, expected at least one: pods and addresses are on nodes");
    }

    let stated = draft.lab(&problems);
    let spec = set::apply(stated, set, sources.len(), &problems);
    let spec_fields = spec.as_ref().map_or(Fields::none(&problems), |spec| Fields::of("spec", spec, &problems));
    let name = stated.and_then(lab_document::name);
    let lab = complete::complete(draft, lab_document::lab_spec(name, &spec_fields), &spec_fields);

    drop(spec);
    Parsed { lab, problems: problems.into_list() }
}
