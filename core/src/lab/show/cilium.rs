//! `cilium bpf … list`: the maps of Cilium's programs, as `cilium-dbg` 1.16 prints them.

use super::Line;
use crate::base::Writer;
use crate::net::{Bpf, BpfMap, BpfRow, NetNs};

/// The answer to `cilium bpf WORDS`; `None` if there is no such command, or no Cilium.
pub(super) fn bpf(ns: &NetNs, words: &[&str]) -> Option<Vec<Line>> {
    let bpf: &Bpf = ns.bpf.as_deref()?;
    Some(match words {
        ["endpoint", "list" | "ls"] => lines(&bpf.endpoints),
        ["ipcache", "list" | "ls"] => lines(&bpf.ipcache),
        ["lb", "list" | "ls"] => lines(&bpf.lb),
        ["ct", "list" | "ls", "global"] => lines(&bpf.ct),
        ["nat", "list" | "ls"] => lines(&bpf.nat),
        ["frag", "list" | "ls"] if bpf.frag.rows().is_empty() => vec![("No entries found.".to_owned(), None)],
        ["frag", "list" | "ls"] => lines(&bpf.frag),
        _ => return None,
    })
}

fn lines<R: BpfRow>(map: &BpfMap<R>) -> Vec<Line> {
    map.list().into_iter().map(|line| (line, Some(Writer::Cni))).collect()
}
