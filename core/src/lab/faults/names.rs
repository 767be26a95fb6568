//! What is broken about names: who answers them, and how they are asked for.

use super::Broken;
use super::acts::reference;
use super::victim::Victim;
use crate::k8s::coredns::is_coredns;
use crate::k8s::objects::{DnsOption, DnsPolicy};
use crate::lab::names::crash;

pub(super) fn coredns_down(broken: &mut Broken, _: &Victim) {
    let objects = &mut broken.lab.objects;
    for at in 0..objects.pods.len() {
        if !objects.pods[at].finished && is_coredns(&objects.pods[at]) {
            crash(objects, at);
            broken
                .notes
                .push(format!("{} is in CrashLoopBackOff and listens on nothing", reference(&objects.pods[at])));
        }
    }
}

pub(super) fn wrong_ndots(broken: &mut Broken, victim: &Victim) {
    let Some(client) = &victim.client_pod else { return };
    let is_it = |pod: &&mut crate::k8s::objects::Pod| {
        pod.meta.name == client.meta.name && pod.meta.namespace == client.meta.namespace
    };
    let Some(pod) = broken.lab.objects.pods.iter_mut().find(is_it) else { return };
    // Only where there is a search list that is not tried in time.
    if matches!(pod.dns_policy, DnsPolicy::Default | DnsPolicy::None) {
        return;
    }
    pod.dns_config.options.retain(|option| option.name != "ndots");
    pod.dns_config.options.push(DnsOption { name: "ndots".to_owned(), value: "1".to_owned() });
    broken.notes.push(format!("dnsConfig of {} sets ndots:1", reference(pod)));
}
