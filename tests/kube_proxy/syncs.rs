//! Rules from sync to sync: what is written again, and that the outcome never depends on the way there.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use kubehop_core::base::Dice;
use kubehop_core::k8s::kube_proxy::iptables::Written;
use kubehop_core::k8s::kube_proxy::{service_ports, updated_ports};
use kubehop_core::k8s::objects::{EndpointSlice, Objects};
use kubehop_core::netfilter::{Chain, Netfilter, TableName};
use serde::Deserialize;

use super::cluster::{node, read};

/// What a sync does.
#[derive(Deserialize)]
pub(crate) struct Expected {
    #[serde(default)]
    full: bool,
    changed: Vec<String>,
    deleted: Vec<String>,
    rules: String,
}

/// The rules of the chains of table nat that are others than before, of single services.
fn written(before: &Netfilter, after: &Netfilter) -> String {
    let chains = |of: &Netfilter| of.table(TableName::Nat).chains().to_vec();
    let old = chains(before);
    let is_of_service = |chain: &Arc<Chain>| {
        ["SVC", "SVL", "EXT", "FW", "SEP"].iter().any(|kind| chain.name().starts_with(&format!("KUBE-{kind}-")))
    };
    let mut new = chains(after);
    new.retain(|chain| is_of_service(chain) && !old.iter().any(|old| Arc::ptr_eq(old, chain)));
    new.sort_by(|a, b| a.name().cmp(b.name()));
    let rules = |chain: &Arc<Chain>| {
        chain.rules().iter().map(|rule| format!("-A {} {rule}\n", chain.name())).collect::<String>()
    };
    new.iter().map(rules).collect()
}

#[test]
fn a_sync_writes_the_chains_that_kube_proxy_expects() {
    let clusters = read(include_str!("syncs.yaml"));
    let (mut state, mut ns) = (Written::default(), node());
    let mut ports = Vec::new();
    for cluster in &clusters {
        let expected = cluster.sync.as_ref().expect("every table here has what its sync does");
        let objects = cluster.objects();
        // Whatever there is in any of the tables may have changed.
        let keys = (1..=4).map(|n| (format!("ns{n}"), format!("svc{n}"))).collect();
        ports = updated_ports(&ports, &objects, &keys);
        let before = ns.netfilter.clone();
        let done = cluster.sync(&mut state, &mut ns, &ports);
        assert_eq!(done.full, expected.full, "{}", cluster.table);
        assert_eq!(done.changed, expected.changed, "{}", cluster.table);
        let deleted: Vec<&str> = done.deleted_chains.iter().map(|chain| &**chain).collect();
        assert_eq!(deleted, expected.deleted, "{}", cluster.table);
        assert_eq!(written(&before, &ns.netfilter), expected.rules, "{}", cluster.table);
        let n_own: BTreeSet<&str> = expected.rules.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        // Six chains that services share, the mark, what is masqueraded and forwarded; and once, the guard of loopback.
        let n_shared = if done.full { 10 } else { 9 };
        assert_eq!(done.n_chains, n_own.len() + n_shared, "{}", cluster.table);
    }
}

/// A cluster like those of the tables, changed at random.
pub(crate) fn change(objects: &mut Objects, all: &Objects, dice: &mut Dice) -> (String, String) {
    let mut below = |n: usize| dice.word() as usize % n.max(1);
    let service = &all.services[below(all.services.len())];
    let key = (service.meta.namespace.clone(), service.meta.name.clone());
    let is_it = |slice: &&mut EndpointSlice| slice.meta.namespace == key.0 && slice.service_name == key.1;
    match below(6) {
        0 => objects.services.retain(|it| (&it.meta.namespace, &it.meta.name) != (&key.0, &key.1)),
        1 if !objects.services.contains(service) => objects.services.push(service.clone()),
        2 => {
            for endpoint in objects.endpoint_slices.iter_mut().filter(is_it).flat_map(|it| &mut it.endpoints) {
                endpoint.ready = below(2) == 0;
                endpoint.terminating = !endpoint.ready && below(2) == 0;
            }
        }
        3 => {
            let slices = objects.endpoint_slices.iter_mut().filter(is_it);
            slices.for_each(|slice| slice.endpoints.truncate(below(3)));
        }
        4 => {
            // As many as make a cluster large.
            for slice in objects.endpoint_slices.iter_mut().filter(is_it) {
                let Some(first) = slice.endpoints.first().cloned() else { continue };
                slice.endpoints = (0..1200_u16)
                    .map(|n| {
                        let [a, b] = n.to_be_bytes();
                        let mut endpoint = first.clone();
                        endpoint.addresses = vec![IpAddr::from([10, 181, a, b])];
                        endpoint
                    })
                    .collect();
            }
        }
        _ => {
            objects.endpoint_slices.retain(|it| (&it.meta.namespace, &it.service_name) != (&key.0, &key.1));
            let of_it = |it: &&EndpointSlice| it.meta.namespace == key.0 && it.service_name == key.1;
            objects.endpoint_slices.extend(all.endpoint_slices.iter().filter(of_it).cloned());
        }
    }
    key
}

#[test]
fn rules_after_any_changes_are_those_tables_for() {
    let cluster = &read(include_str!("overall.yaml"))[0];
    let all = cluster.objects();
    let mut n_full = 0;
    for seed in 1..=4 {
        let mut dice = Dice::new(seed, "syncs");
        let (mut objects, mut ports) = (Objects::default(), Vec::new());
        let (mut state, mut ns) = (Written::default(), node());
        for round in 0..30 {
            let changed = (0..1 + dice.word() % 3).map(|_| change(&mut objects, &all, &mut dice)).collect();
            ports = updated_ports(&ports, &objects, &changed);
            assert_eq!(ports, service_ports(&objects), "seed {seed}, round {round}: the ports");
            n_full += usize::from(cluster.sync(&mut state, &mut ns, &ports).full);
            let scratch = cluster.tables_for(&ports);
            for name in TableName::ALL {
                assert!(ns.netfilter.table(name) == scratch.table(name), "seed {seed}, round {round}: {name:?}");
                assert_eq!(ns.netfilter.table(name).validate(), Ok(()), "seed {seed}, round {round}: {name:?}");
            }
        }
    }
    assert!(n_full > 4, "no cluster became large");
}
