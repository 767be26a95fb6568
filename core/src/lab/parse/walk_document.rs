//! The `kubehop.dev/v1 Walk` document: a run worth a look, and what to look for in it.
//!
//! Beside it a file may hold the manifests of a cluster of its own; else `lab` names a shared one.

use crate::base::Place;
use crate::lab::run::Run;
use crate::lab::walks::{Stop, WalkSpec};
use crate::lab::yaml;
use crate::lab::{Problem, Source};

use super::fields::{Fields, int, text};
use super::problems::Problems;

const KNOWN: [&str; 20] = [
    "theme",
    "title",
    "look",
    "stops",
    "lab",
    "set",
    "from",
    "to",
    "size",
    "replySize",
    "df",
    "ttl",
    "seed",
    "via",
    "faults",
    "do",
    "start",
    "show",
    "pairs",
    "expect",
];

/// What somebody finds wrong with a walk that could be read: each with the path of the field that it is about.
pub(in crate::lab) type Judge<'j> = &'j dyn Fn(&WalkSpec) -> Vec<(String, String)>;

/// Reads the Walk document of a file. `labs` has the texts of shared labs by their names. `None` if there is no Walk, or
/// if it lacks what it needs. What is wrong with manifests beside it is said where they are read as a cluster.
pub(in crate::lab) fn read_walk(
    source: Source<'_>,
    labs: &dyn Fn(&str) -> Option<String>,
    judge: Judge<'_>,
) -> (Option<WalkSpec>, Vec<Problem>) {
    let decoded = yaml::decode(source.text, 0);
    let problems = Problems::new(vec![source.name], vec![decoded.as_ref().map_or("", |text| text)]);
    let (documents, faults) = match &decoded {
        Ok(text) => yaml::read(text, 0, yaml::Expect::Manifests),
        Err(fault) => (Vec::new(), vec![fault.clone()]),
    };
    for fault in faults {
        problems.error(fault.span, fault.text);
    }
    let mut walks = documents
        .iter()
        .filter(|document| is_walk(document))
        .map(|document| Fields::of("document", document, &problems));
    let mut walk = None;
    if let Some(document) = walks.next() {
        for second in walks {
            problems.error(second.span(), "found a second Walk, expected one in a file");
        }
        let own = (documents.len() > 1).then_some(source.text);
        walk = read(&document, own, source.name, labs);
        let spec = document.mapping("spec");
        for (path, text) in walk.as_ref().map(judge).unwrap_or_default() {
            problems.error(spec.at(&path), format!("{path}: {text}"));
        }
    }
    drop(documents);
    (walk, problems.into_list())
}

/// A reference with its namespace, as everything that is compared with it has one.
fn in_full(reference: &str) -> String {
    match Place::parse_with_container(reference) {
        Ok((place, Some(container))) => format!("{place}/{container}"),
        Ok((place, None)) => place.to_string(),
        Err(_) => reference.to_owned(),
    }
}

/// Whether a file holds a Walk document.
pub(in crate::lab) fn holds_walk(source: &Source<'_>) -> bool {
    let text = yaml::decode(source.text, 0).unwrap_or_default();
    yaml::read(text, 0, yaml::Expect::Manifests).0.iter().any(is_walk)
}

fn is_walk(document: &yaml::Node<'_>) -> bool {
    document.get("kind").and_then(text) == Some("Walk")
}

fn read(
    document: &Fields<'_>,
    own: Option<&[u8]>,
    file_name: &str,
    labs: &dyn Fn(&str) -> Option<String>,
) -> Option<WalkSpec> {
    let problems = document.problems();
    document.only("Walk", &["apiVersion", "kind", "metadata", "spec"]);
    if document.text("apiVersion") != Some("kubehop.dev/v1") {
        problems.error(document.at("apiVersion"), "apiVersion: expected kubehop.dev/v1 for a Walk");
    }
    let metadata = document.mapping("metadata");
    metadata.only("metadata", &["name"]);
    let spec = document.mapping("spec");
    spec.only("spec", &KNOWN);
    let needed = |fields: &Fields<'_>, key: &str| {
        if fields.get(key).is_none() {
            problems.error(fields.span(), format!("found a Walk without {key}, expected its {key}"));
        }
        fields.text(key).map(str::to_owned)
    };
    let id = needed(&metadata, "name");
    let [theme, title, look, from, to] = ["theme", "title", "look", "from", "to"].map(|key| needed(&spec, key));
    let expect = needed(&spec, "expect");
    let (lab_name, lab_text) = match (spec.text("lab"), own) {
        (Some(_), Some(_)) => {
            problems.error(spec.at("lab"), "lab: found manifests in this file too, expected one or the other");
            None
        }
        (None, None) => {
            problems.error(spec.span(), "found a Walk without a cluster, expected lab or manifests in this file");
            None
        }
        (None, Some(own)) => Some((file_name.to_owned(), String::from_utf8_lossy(own).into_owned())),
        (Some(name), None) => match labs(name) {
            Some(text) => Some((format!("labs/{name}.yaml"), text)),
            None => {
                problems.error(spec.at("lab"), format!("lab: there is no walks/labs/{name}.yaml"));
                None
            }
        },
    }?;
    let words = |key: &'static str| -> Vec<String> {
        spec.read_all(key, "a string", text).into_iter().map(str::to_owned).collect()
    };
    let mut set = Vec::new();
    for pair in words("set") {
        match pair.split_once('=') {
            Some((path, value)) => set.push((path.to_owned(), value.to_owned())),
            None => problems.error(spec.at("set"), format!("set: found {pair:?}, expected PATH=VALUE")),
        }
    }
    let default = Run::new(&in_full(&from?), &to?);
    let bytes = |key, default| spec.count(key).map_or(default, |bytes| bytes as usize);
    let run = Run {
        size: bytes("size", default.size),
        reply_size: bytes("replySize", default.reply_size),
        df: spec.flag("df").unwrap_or(false),
        ttl: spec.read("ttl", "a number from 1 to 255", |node| int(node)?.try_into().ok().filter(|ttl| *ttl > 0)),
        seed: spec.count("seed").map_or(default.seed, u64::from),
        via: spec.text("via").map(str::to_owned),
        faults: words("faults"),
        actions: words("do"),
        ..default
    };
    // Pairs of a mapping's two strings.
    let two = |list: &'static str, first: &'static str, second: &'static str| -> Vec<(String, String)> {
        let pair = |fields: Fields<'_>| {
            fields.only(list, &[first, second]);
            Some((needed(&fields, first)?, needed(&fields, second)?))
        };
        spec.mappings(list).filter_map(pair).collect()
    };
    let stops = two("stops", "step", "text").into_iter().map(|(step, text)| Stop { step, text }).collect();
    let expect = expect?;
    let (outcome, reason) =
        expect.split_once(' ').map_or((&*expect, None), |(outcome, reason)| (outcome, Some(reason)));
    if !["delivered", "rejected", "dropped"].contains(&outcome) {
        problems.error(
            spec.at("expect"),
            format!(
                "expect: found {outcome:?}, expected delivered, rejected or dropped, and a reason after the last two"
            ),
        );
    }
    Some(WalkSpec {
        id: id?,
        theme: theme?,
        title: title?,
        look: look?.trim_end().to_owned(),
        stops,
        lab_name,
        lab_text,
        set,
        run,
        start: spec.text("start").map(str::to_owned),
        shows: two("show", "at", "command"),
        has_pairs: spec.flag("pairs").unwrap_or(false),
        outcome: outcome.to_owned(),
        reason: reason.map(str::to_owned),
    })
}
