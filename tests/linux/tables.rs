//! What `ip` and `bridge` print in a place, on both sides.
//!
//! | set aside | why |
//! |---|---|
//! | the order of rows of `ip neigh` and `bridge fdb` | hash tables keyed at boot |

use std::collections::BTreeMap;

use kubehop_core::api::{Lab, Run, show};
use kubehop_core::net::Topology;

use crate::realise::Realised;

/// Place, then command, then sorted lines.
pub(crate) type Tables = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What the kernel's side prints.
pub(crate) fn of_kernel(topo: &Topology, realised: &Realised, commands: &[&str]) -> Tables {
    let print = |at: usize, command: &str| {
        let words: Vec<&str> = command.split(' ').collect();
        realised.rename(topo, &realised.places[at].output(&words))
    };
    let places = topo.namespaces().enumerate();
    places.map(|(at, ns)| (ns.place.to_string(), each(commands, |command| print(at, command)))).collect()
}

/// What the simulator prints, after `run` if there is one.
pub(crate) fn of_simulator(lab: &Lab, topo: &Topology, run: Option<&Run>, commands: &[&str]) -> Tables {
    let print =
        |place: &str, command: &str| show(lab, place, run, &[command]).unwrap_or_else(|error| error.to_string());
    let places = topo.namespaces().map(|ns| ns.place.to_string());
    places.map(|place| (place.clone(), each(commands, |command| print(&place, command)))).collect()
}

fn each(commands: &[&str], print: impl Fn(&str) -> String) -> BTreeMap<String, Vec<String>> {
    let rows = commands.iter().map(|command| {
        let mut rows: Vec<String> = print(command).lines().map(str::to_owned).collect();
        rows.sort();
        ((*command).to_owned(), rows)
    });
    rows.filter(|(_, rows)| !rows.is_empty()).collect()
}
