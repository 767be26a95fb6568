//! Who asks for names here, and whom: `/etc/resolv.conf` of nodes and pods, and the C library of a pod.

use crate::app::resolver::Libc;
use crate::base::{Place, Span};
use crate::k8s::controllers::kube_dns_address;
use crate::k8s::node_cache::LOCAL_DNS;
use crate::k8s::objects::Pod;
use crate::k8s::resolv_conf::{DnsEvent, KubeletDns, ResolvConf, pod_resolv_conf};

use super::{Lab, names};

/// The domain that kubeadm gives a cluster.
pub const CLUSTER_DOMAIN: &str = "cluster.local";
/// The annotation that decides which C library a pod has.
pub(super) const LIBC: &str = "kubehop.dev/libc";

/// The file of every node: the resolver outside, if there is one.
#[must_use]
pub fn node_resolv_conf(lab: &Lab) -> ResolvConf {
    let upstream = lab.spec.dns.as_ref().and_then(|dns| dns.upstream.as_ref());
    let nameservers = upstream.map(|upstream| upstream.address.to_string()).into_iter().collect();
    ResolvConf { nameservers, ..ResolvConf::default() }
}

/// `/etc/resolv.conf` at a node or in a pod; `None` elsewhere.
#[must_use]
pub fn resolv_conf(lab: &Lab, place: &Place) -> Option<ResolvConf> {
    if let Place::Node(_) = place {
        return Some(node_resolv_conf(lab));
    }
    let mut pods = lab.objects.pods.iter().filter(|pod| !pod.finished);
    let pod = pods.find(|pod| Place::pod(&pod.meta.namespace, &pod.meta.name) == *place)?;
    Some(written(lab, pod).0)
}

/// What the kubelets complain of: the pods whose own part does not fit, one of each template, and the warning.
pub(super) fn complaints(lab: &Lab) -> Vec<(Span, String)> {
    let adds = |pod: &&Pod| !pod.dns_config.nameservers.is_empty() || !pod.dns_config.searches.is_empty();
    let mut all: Vec<(Span, String)> = Vec::new();
    for pod in lab.objects.pods.iter().filter(|pod| !pod.finished).filter(adds) {
        if all.iter().any(|(span, _)| *span == pod.meta.span) {
            continue;
        }
        let name = format!("pod {}/{}", pod.meta.namespace, pod.meta.name);
        let events = written(lab, pod).1;
        let said = events.iter().map(|event| format!("{name}: {}: {}", event.reason(), event.message()));
        all.extend(said.map(|text| (pod.meta.span, text)));
    }
    all
}

/// The file that the kubelet writes for `pod`, and what it warns of.
fn written(lab: &Lab, pod: &Pod) -> (ResolvConf, Vec<DnsEvent>) {
    let node = node_resolv_conf(lab);
    let address = match names::is_asked_by_name(&lab.spec) {
        true => Some(LOCAL_DNS),
        false => kube_dns_address(&lab.objects.services, lab.spec.service_cidr),
    };
    let cluster_dns: Vec<String> = address.iter().map(ToString::to_string).collect();
    let kubelet = KubeletDns { cluster_dns: &cluster_dns, cluster_domain: CLUSTER_DOMAIN, node: Some(&node) };
    pod_resolv_conf(pod, &kubelet)
}

/// The C library of a pod: what its annotation says, or else musl in an image of Alpine.
#[must_use]
pub fn libc(pod: &Pod) -> Libc {
    match pod.meta.annotations.get(LIBC).map(String::as_str) {
        Some("musl") => Libc::Musl,
        Some("glibc") => Libc::Glibc,
        _ if pod.containers.first().is_some_and(|container| container.image.contains("alpine")) => Libc::Musl,
        _ => Libc::Glibc,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Source, parse, show};

    const LAB: &str = "
apiVersion: kubehop.dev/v1
kind: Lab
metadata: { name: names }
spec:
  dns: { upstream: { address: 9.9.9.9, records: [] } }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Pod
metadata: { name: plain, namespace: shop }
spec: { containers: [{ name: main, image: \"nginx:alpine\" }] }
---
apiVersion: v1
kind: Pod
metadata: { name: own, annotations: { kubehop.dev/libc: glibc } }
spec:
  dnsPolicy: None
  dnsConfig:
    nameservers: [1.2.3.4]
    searches: [ns1.svc.cluster-domain.example]
    options: [{ name: ndots, value: \"2\" }, { name: edns0 }]
  containers: [{ name: main, image: \"nginx:alpine\" }]
---
apiVersion: v1
kind: Pod
metadata: { name: outside }
spec: { dnsPolicy: Default, containers: [{ name: main, image: nginx }] }
";

    fn lab(text: &str) -> (Lab, Vec<String>) {
        let parsed = parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]);
        (parsed.lab, parsed.problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_place_shows_its_own_file() {
        let (lab, problems) = lab(LAB);
        assert_eq!(problems, Vec::<String>::new());
        let files = [
            (
                "pod/shop/plain",
                "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
            ),
            ("pod/own", "nameserver 1.2.3.4\nsearch ns1.svc.cluster-domain.example\noptions ndots:2 edns0\n"),
            ("pod/outside", "nameserver 9.9.9.9\n"),
            ("node/node-a", "nameserver 9.9.9.9\n"),
        ];
        for (at, file) in files {
            let shown = show(&lab, at, None, &["cat", "/etc/resolv.conf"], false);
            assert_eq!(shown.as_deref(), Ok(file), "{at}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_with_the_kubelets_warning() {
        let text = LAB
            .replace("  dnsPolicy: None\n", "")
            .replace("nameservers: [1.2.3.4]", "nameservers: [1.2.3.4, 1.2.3.5, 1.2.3.6]");
        let (_, problems) = lab(&text);
        assert_eq!(
            problems,
            [
                "lab.yaml:19:19: note: pod default/own: DNSConfigForming: Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.2.3.4 1.2.3.5"
            ]
        );
    }

    #[test]
    fn the_annotation_decides_over_the_image() {
        let (lab, _) = lab(LAB);
        let libcs: Vec<Libc> = lab.objects.pods.iter().take(3).map(libc).collect();
        assert_eq!(libcs, [Libc::Musl, Libc::Glibc, Libc::Glibc]);
    }

    #[test]
    fn a_policy_of_none_needs_a_nameserver() {
        let text = LAB.replace("    nameservers: [1.2.3.4]\n", "");
        let (_, problems) = lab(&text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("expected at least one nameserver"), "{problems:?}");
    }
}
