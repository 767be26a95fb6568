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
mod set;

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
    let problems = Problems::default();
    let texts: Vec<_> = (0..).zip(sources).map(|(file, source)| yaml::decode(source.text, file)).collect();
    let mut documents = Vec::new();
    for (file, text) in texts.iter().enumerate() {
        let (read, faults) = match text {
            Ok(text) => yaml::read(text, file, yaml::Expect::Manifests),
            Err(fault) => (Vec::new(), vec![fault.clone()]),
        };
        if faults.is_empty() && read.iter().all(yaml::Node::is_null) {
            let at = Span { file, line: 1, col: 1 };
            problems.error(at, "found nothing in this file, expected Kubernetes manifests");
        }
        for fault in faults {
            problems.error(fault.span, fault.text);
        }
        documents.extend(read);
    }

    let mut draft = Draft::default();
    for document in documents.iter().filter(|document| !document.is_null()) {
        draft.add(Fields::of("document", document, &problems));
    }
    draft.note_skipped(&problems);

    let stated = draft.lab(&problems);
    let spec = set::apply(stated, set, sources.len(), &problems);
    let spec_fields = spec.as_ref().map_or(Fields::none(&problems), |spec| Fields::of("spec", spec, &problems));
    let spec = lab_document::lab_spec(stated.and_then(lab_document::name), &spec_fields);
    let lab = complete::complete(draft, spec, &spec_fields);

    let names: Vec<&str> = sources.iter().map(|source| source.name).chain(["--set"]).collect();
    Parsed { lab, problems: problems.into_list(&names) }
}
