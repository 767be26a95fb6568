//! The built-in walks: each comes out as its file says, and together they show every sentence of an introduction to
//! Kubernetes networking (`sentences.yaml`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubehop_core::api::{self, Source, WalkSpec};
use serde::Deserialize;

/// Walks that sentences name before their files are there.
const TO_COME: [&str; 1] = ["dns"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../walks")
}

/// All files, in order of their names.
fn files() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("walks/ is a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| (stem(path), fs::read(path).expect("a file"))).collect()
}

fn walks() -> Vec<WalkSpec> {
    api::walk_ids().map(|id| api::walk(id).unwrap_or_else(|error| panic!("{id}: {error}"))).collect()
}

#[test]
fn every_walk_runs_to_its_end_and_comes_out_as_its_file_says() {
    let labs = |name: &str| fs::read_to_string(folder().join(format!("labs/{name}.yaml"))).ok();
    let mut problems = Vec::new();
    for (stem, text) in files() {
        let name = format!("walks/{stem}.yaml");
        let source = Source { name: &name, text: &text };
        assert!(api::is_walk(&source), "{name} is no walk");
        problems.extend(api::check_walk(&source, &labs).iter().map(ToString::to_string));
    }
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn a_file_is_all_that_a_walk_needs() {
    let stems: Vec<String> = files().into_iter().map(|(stem, _)| stem).collect();
    let named: Vec<&str> = stems.iter().map(|stem| stem.split_once('-').expect("NN-ID.yaml").1).collect();
    assert_eq!(api::walk_ids().collect::<Vec<_>>(), named);
    assert_eq!(walks().iter().map(|walk| walk.id.as_str()).collect::<Vec<_>>(), named, "file names and metadata.name");
    assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "an id twice");
    assert!(named.len() >= 20 && named.contains(&api::DEFAULT_WALK));
}

#[test]
fn words_fit_where_they_stand() {
    let mut themes = Vec::new();
    for walk in walks() {
        let len = |text: &str| text.chars().count();
        assert!(len(&walk.title) <= 36, "{}: a title of {}", walk.id, len(&walk.title));
        assert!(
            (80..=330).contains(&len(&walk.look)),
            "{}: {} characters on what to look for",
            walk.id,
            len(&walk.look)
        );
        assert!((2..=6).contains(&walk.stops.len()), "{}: {} stops", walk.id, walk.stops.len());
        let longest = walk.stops.iter().map(|stop| len(&stop.text)).max();
        assert!(longest <= Some(32), "{}: a stop of {longest:?}", walk.id);
        if themes.last() != Some(&walk.theme) {
            themes.push(walk.theme);
        }
    }
    assert_eq!(themes.iter().collect::<BTreeSet<_>>().len(), themes.len(), "a theme in two places: {themes:?}");
}

#[test]
fn the_table_of_pairs_proves_the_model_under_every_network_provider() {
    let model = api::walk("model").expect("the walk with the table");
    let modes = [("flannel", "vxlan"), ("flannel", "host-gw"), ("calico", "ipip"), ("cilium", "geneve")];
    for (plugin, mode) in modes {
        let set = [("cni.plugin", plugin), ("cni.mode", mode)].map(|(path, value)| (path.to_owned(), value.to_owned()));
        let pairs = api::pairs(&model.lab(&set).lab).expect("pings");
        assert_eq!(pairs.len(), 12, "four pods, each to three others");
        for pair in &pairs {
            assert!(pair.is_answered && pair.translated.is_none(), "{plugin}/{mode}: {pair:?}");
            assert_eq!(pair.seen.as_ref(), Some(&pair.own), "{plugin}/{mode}: {pair:?}");
        }
        let own: BTreeSet<&String> = pairs.iter().map(|pair| &pair.own).collect();
        assert_eq!(own.len(), 4);
        assert!(pairs.iter().any(|pair| pair.is_same_node) && pairs.iter().any(|pair| !pair.is_same_node));
    }
}

/// A sentence and where it is seen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    sentence: String,
    walk: String,
    #[serde(default)]
    steps: Vec<String>,
    beside: Option<String>,
}

#[test]
fn every_sentence_is_seen_in_a_walk() {
    let seen: Vec<Seen> = serde_yaml_ng::from_str(include_str!("sentences.yaml")).expect("a list of sentences");
    let walks = walks();
    for it in seen {
        let Some(walk) = walks.iter().find(|walk| walk.id == it.walk) else {
            assert!(TO_COME.contains(&&*it.walk), "{}: there is no walk {}", it.sentence, it.walk);
            continue;
        };
        assert!(!TO_COME.contains(&&*it.walk), "{} has come: take it from the list", it.walk);
        let trace = api::trace(&walk.lab(&[]).lab, &walk.run).expect("a run");
        assert!(!it.steps.is_empty(), "{}: it names no step", it.sentence);
        for id in &it.steps {
            assert!(trace.steps().any(|(_, step)| step.id == *id), "{}: {} has no step {id}", it.sentence, walk.id);
        }
        match it.beside.as_deref() {
            None => {}
            Some("pairs") => assert!(walk.has_pairs, "{}", walk.id),
            Some(command) => assert!(walk.shows.iter().any(|(_, shown)| shown == command), "{}: {command}", walk.id),
        }
    }
}

#[test]
fn what_is_wrong_with_a_walk_is_said_with_its_place() {
    let walk = |change: [&str; 2]| {
        let (_, text) = files().into_iter().find(|(stem, _)| stem.ends_with("-vxlan")).expect("a walk");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains(change[0]), "{change:?}");
        text.replacen(change[0], change[1], 1)
    };
    let cases = [
        (["title:", "titel:"], "6:3: error: spec: found unknown field \"titel\""),
        (["lab: two-nodes", "lab: too-nodes"], "error: lab: there is no walks/labs/too-nodes.yaml"),
        (
            ["pod/client", "pod/cleint"],
            "error: from: there is no pod/default/cleint; the nearest is pod/default/client",
        ),
        (["node-a.encap", "node-a.ecap"], "error: stops.1.step: this walk has no step http.syn.node-a.ecap"),
        (["expect: delivered", "expect: dropped"], "error: expect: it was delivered at pod/default/web-1"),
        (
            ["expect: delivered", "expect: lost"],
            "error: expect: found \"lost\", expected delivered, rejected or dropped",
        ),
        (["from:", "set: [cni.mode=vxlna]\n  from:"], "error: set: mode: found string \"vxlna\""),
        (
            ["from:", "faults: [cni-mtt]\n  from:"],
            "error: faults: there is no fault \"cni-mtt\"; the nearest is cni-mtu",
        ),
        (["from:", "ttl: 0\n  from:"], "error: ttl: found number 0, expected a number from 1 to 255"),
        (["from:", "show: [{ at: pod/client, command: reboot }]\n  from:"], "error: show.0.command: found \"reboot\""),
        (["metadata:", "meta:"], "error: Walk: found unknown field \"meta\""),
    ];
    let labs = |name: &str| fs::read_to_string(folder().join(format!("labs/{name}.yaml"))).ok();
    for (change, expected) in cases {
        let text = walk(change);
        let problems = api::check_walk(&Source { name: "w.yaml", text: text.as_bytes() }, &labs);
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(
            said.iter().any(|line| line.starts_with("w.yaml:") && line.contains(expected)),
            "{change:?}: {said:#?}"
        );
    }
}
