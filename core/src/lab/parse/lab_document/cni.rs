//! `cni`: the plugin, its mode and its bridge.

use crate::lab::nearest::nearest;
use crate::lab::parse::fields::{Fields, text};
use crate::lab::spec::CniMode;

/// Every plugin with its modes, the default first.
const PLUGINS: [(&str, &[&str]); 3] = [
    ("flannel", &["vxlan", "host-gw"]),
    ("calico", &["vxlan", "ipip", "bgp"]),
    ("cilium", &["vxlan", "geneve", "native"]),
];

/// Names that a node's devices have already.
const TAKEN: [&str; 4] = ["lo", "eth0", "flannel.1", "docker0"];

/// `plugin` and `mode`, each with its default.
pub(super) fn mode(cni: &Fields<'_>) -> Option<CniMode> {
    cni.only("cni", &["plugin", "mode", "bridge"]);
    let plugins: Vec<&str> = PLUGINS.iter().map(|(plugin, _)| *plugin).collect();
    let (plugin, modes) = match one_of(cni, "plugin", "one of", &plugins)? {
        Some(plugin) => PLUGINS.into_iter().find(|(known, _)| *known == plugin)?,
        None => PLUGINS[0],
    };
    let mode = one_of(cni, "mode", &format!("one of {plugin}'s modes"), modes)?.unwrap_or(modes[0]);
    let is_it = |pair: &&(&str, &str, CniMode)| (pair.0, pair.1) == (plugin, mode);
    CniMode::ALL.iter().find(is_it).map(|(_, _, mode)| *mode)
}

/// The name under `key`: `None` if it is no name that is known, `Some(None)` if nothing is stated.
fn one_of<'n>(cni: &Fields<'n>, key: &str, expected: &str, names: &[&'static str]) -> Option<Option<&'static str>> {
    let Some(node) = cni.get(key) else { return Some(None) };
    let stated = text(node);
    let known = names.iter().find(|name| Some(**name) == stated);
    if known.is_none() {
        let hint = match stated.and_then(|stated| nearest(stated, names.iter().copied())) {
            Some(name) => format!("; the nearest is {name}"),
            None => String::new(),
        };
        cni.wrong(key, node, &format!("{expected} {}{hint}", names.join(", ")));
    }
    known.map(|name| Some(*name))
}

/// `bridge`: a name that Linux takes for a device and that no other device has.
pub(super) fn bridge<'n>(cni: &Fields<'n>) -> Option<&'n str> {
    let fits = |name: &&str| {
        let is_plain = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
        (1..=15).contains(&name.len())
            && name.chars().all(is_plain)
            && !matches!(*name, "." | "..")
            && !TAKEN.contains(name)
            && !name.starts_with("veth")
    };
    cni.read("bridge", "a device name of 1-15 characters that is not taken", |node| text(node).filter(fits))
}
