//! What can be chosen: who sends, who receives, by which protocol.

use std::net::Ipv4Addr;

use kubehop_core::api::{AddressKind, ProxyMode, Scene, ServiceView};

/// A place that can send or receive, as an option of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its value: a reference, or an address with a port.
    pub value: String,
    /// What the menu says.
    pub label: String,
    /// Whether it cannot be chosen here; the label says why.
    pub is_barred: bool,
}

impl Place {
    pub(super) fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), is_barred: false }
    }
}

/// Places that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The node, or what else they have in common.
    pub label: String,
    /// They.
    pub places: Vec<Place>,
}

/// A protocol of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Tcp,
    Udp,
    Ping,
    Lookup,
    Dns,
}

impl Scheme {
    pub(super) const ALL: [Self; 6] = [Self::Http, Self::Tcp, Self::Udp, Self::Ping, Self::Lookup, Self::Dns];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Ping => "ping",
            Self::Lookup => "lookup",
            Self::Dns => "dns",
        }
    }

    /// Whether it asks for a name and nothing else.
    fn is_question(self) -> bool {
        matches!(self, Self::Lookup | Self::Dns)
    }

    /// Whether it is spoken on ports.
    fn has_port(self) -> bool {
        matches!(self, Self::Http | Self::Tcp | Self::Udp)
    }

    fn transport(self) -> &'static str {
        if self == Self::Udp { "UDP" } else { "TCP" }
    }

    /// The port that is asked where nobody listens, or nothing is known: the protocol's own.
    fn own_port(self) -> u16 {
        if self == Self::Udp { 53 } else { 80 }
    }
}

/// A target in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub scheme: Scheme,
    pub host: String,
    pub port: Option<String>,
    /// What follows the port, kept as it is.
    pub path: String,
}

impl Target {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = Scheme::ALL.into_iter().find(|known| known.name() == scheme)?;
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.to_owned())),
            None => (authority, None),
        };
        Some(Self { scheme, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// The value of the receiver's menu that stands for this target.
    pub(super) fn value(&self) -> String {
        match (&self.port, self.scheme) {
            (_, scheme) if !scheme.has_port() => self.host.clone(),
            (Some(port), _) => format!("{}:{port}", self.host),
            (None, scheme) => format!("{}:{}", self.host, scheme.own_port()),
        }
    }
}

/// Who can send: pods by node, nodes, machines outside.
pub(super) fn senders(scene: &Scene) -> Vec<Group> {
    let mut groups: Vec<Group> = scene
        .nodes
        .iter()
        .filter(|node| !node.pods.is_empty())
        .map(|node| Group {
            label: format!("pods of {}", node.name),
            places: node
                .pods
                .iter()
                .map(|pod| Place::new(&pod.reference, pod_label(&pod.namespace, &pod.name)))
                .collect(),
        })
        .collect();
    let machines = |label: &str, nodes: &[kubehop_core::api::NodeView]| Group {
        label: label.to_owned(),
        places: nodes.iter().map(|node| Place::new(&node.reference, &node.name)).collect(),
    };
    groups.push(machines("nodes", &scene.nodes));
    groups.push(machines("outside", &scene.hosts));
    groups.retain(|group| !group.places.is_empty());
    groups
}

/// Who can receive by `scheme`: for a ping every address, else every port of a service, or that somebody listens on.
/// Values are what follows `scheme://`.
pub(super) fn receivers(scene: &Scene, scheme: Scheme, from: &str) -> Vec<Group> {
    if scheme.is_question() {
        let outside = Group { label: "outside".to_owned(), places: vec![Place::new(OUTSIDE, OUTSIDE)] };
        return vec![names(scene, from, &|_| vec![String::new()]), outside];
    }
    let of_scheme = |ports: &[String]| -> Vec<String> {
        let ports = ports.iter().filter_map(|port| port.split_once('/'));
        let is_spoken = |(_, transport): &(&str, &str)| scheme.has_port() && *transport == scheme.transport();
        ports.filter(is_spoken).map(|(port, _)| port.to_owned()).collect()
    };
    let group = |label: &str| Group { label: label.to_owned(), places: Vec::new() };
    let [mut services, mut outer, mut node_ports] = ["services", "services, from outside", "node ports"].map(group);
    for service in &scene.services {
        let name = pod_label(&service.namespace, &service.name);
        // A service that nobody serves is a target all the same: what comes of it is worth a look.
        let nobody = if service.n_endpoints == 0 { ", no endpoints" } else { "" };
        for (kind, address) in &service.addresses {
            let (group, of) = match kind {
                AddressKind::Cluster => (&mut services, String::new()),
                AddressKind::External => (&mut outer, format!(" at external IP {address}")),
                AddressKind::LoadBalancer => (&mut outer, format!(" at load balancer {address}")),
            };
            let ports = of_scheme(&service.ports).into_iter();
            group.places.extend(
                ports.map(|port| Place::new(format!("{address}:{port}"), format!("{name} :{port}{of}{nobody}"))),
            );
        }
        for node in &scene.nodes {
            node_ports.places.extend(of_scheme(&service.node_ports).into_iter().map(|port| {
                Place::new(format!("{}:{port}", node.address), format!("{} :{port}, {name}{nobody}", node.name))
            }));
        }
    }
    let by_name =
        names(scene, from, &|service| of_scheme(&service.ports).into_iter().map(|port| format!(":{port}")).collect());
    let mut groups = vec![services, by_name, outer, node_ports];
    for node in &scene.nodes {
        let mut places = Vec::new();
        for pod in &node.pods {
            let label = pod_label(&pod.namespace, &pod.name);
            if scheme == Scheme::Ping {
                places.push(Place::new(&pod.ip, label));
                continue;
            }
            for port in pod.containers.iter().flat_map(|container| of_scheme(&container.ports)) {
                places.push(Place::new(format!("{}:{port}", pod.ip), format!("{label} :{port}")));
                if from == pod.reference || from.starts_with(&format!("{}/", pod.reference)) {
                    let own = format!("127.0.0.1:{port}");
                    places.push(Place::new(&own, format!("itself, {own}")));
                }
            }
        }
        groups.push(Group { label: format!("pods of {}", node.name), places });
    }
    let machines = |label: &str, nodes: &[kubehop_core::api::NodeView]| Group {
        label: label.to_owned(),
        places: nodes
            .iter()
            .map(|node| {
                let port = scheme.own_port();
                let value =
                    if scheme == Scheme::Ping { node.address.clone() } else { format!("{}:{port}", node.address) };
                let label = if scheme == Scheme::Ping { node.name.clone() } else { format!("{} :{port}", node.name) };
                Place::new(value, label)
            })
            .collect(),
    };
    groups.push(machines("nodes", &scene.nodes));
    groups.push(machines("outside", &scene.hosts));
    groups.retain(|group| !group.places.is_empty());
    groups
}

/// A name that no cluster has.
const OUTSIDE: &str = "example.com";

/// Services by the names that `from` can give them: short as its search list allows, and in full. `ends` is what follows a
/// name in a target, for each port that can be asked.
fn names(scene: &Scene, from: &str, ends: &dyn Fn(&ServiceView) -> Vec<String>) -> Group {
    let own = match from.split('/').collect::<Vec<_>>()[..] {
        ["pod", _] => Some("default"),
        ["pod", namespace, ..] => Some(namespace),
        _ => None,
    };
    let mut places = Vec::new();
    for service in &scene.services {
        let full = full_name(service);
        let short = own.map(|own| {
            if own == service.namespace { service.name.clone() } else { pod_label(&service.namespace, &service.name) }
        });
        for end in ends(service) {
            let names = short.iter().chain([&full]).map(|name| format!("{name}{end}"));
            places.extend(names.map(|name| Place::new(&name, name.replacen(':', " :", 1))));
        }
    }
    Group { label: "services, by name".to_owned(), places }
}

fn full_name(service: &ServiceView) -> String {
    format!("{}.{}.svc.cluster.local", service.name, service.namespace)
}

/// The service that a target's host means, by address or by name.
fn service_of<'a>(scene: &'a Scene, host: &str) -> Option<&'a ServiceView> {
    let host = host.trim_end_matches('.');
    let is_it = |service: &&ServiceView| {
        let full = full_name(service);
        service.addresses.iter().any(|(_, address)| address == host)
            || full.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    scene.services.iter().find(is_it)
}

/// The same receiver by another protocol, at a port that it has for it.
pub(super) fn with_scheme(scene: &Scene, target: &Target, scheme: Scheme, from: &str) -> String {
    let groups = receivers(scene, scheme, from);
    let places = || groups.iter().flat_map(|group| &group.places);
    let host_of = |value: &str| value.split(':').next().unwrap_or_default().to_owned();
    let own = target.value();
    // What has a name is asked for by it, and a name that nobody knows stays.
    if scheme.is_question() {
        let service = service_of(scene, &target.host);
        let name = match service {
            Some(service) if target.host.parse::<Ipv4Addr>().is_ok() => {
                let full = full_name(service);
                let is_it = |place: &&Place| full.strip_prefix(&*place.value).is_some_and(|rest| rest.starts_with('.'));
                places().find(is_it).map_or_else(|| full.clone(), |place| place.value.clone())
            }
            None if target.host.parse::<Ipv4Addr>().is_ok() => OUTSIDE.to_owned(),
            _ => target.host.clone(),
        };
        return format!("{}://{name}", scheme.name());
    }
    let same = places()
        .find(|place| place.value == own)
        .or_else(|| places().find(|place| host_of(&place.value) == target.host));
    let value = same.or_else(|| places().next()).map_or(own, |place| place.value.clone());
    format!("{}://{value}", scheme.name())
}

/// The back ends of kube-proxy.
pub(super) fn proxies(scene: &Scene) -> Group {
    let place = |(name, mode): &(&str, ProxyMode)| {
        // Only Cilium's own programs translate services where there is no kube-proxy.
        let is_barred = *mode == ProxyMode::None && !scene.cni.is_cilium() && scene.proxy != ProxyMode::None;
        let label = if is_barred { "none (Cilium only)" } else { name };
        Place { is_barred, ..Place::new(*name, label) }
    };
    Group { label: "kube-proxy".to_owned(), places: ProxyMode::ALL.iter().map(place).collect() }
}

/// The nodes that a client outside can come in by.
pub(super) fn entries(scene: &Scene) -> Group {
    let nodes = scene.nodes.iter().map(|node| Place::new(&node.name, &node.name));
    let places = std::iter::once(Place::new("", "the balancer's choice")).chain(nodes).collect();
    Group { label: String::new(), places }
}

pub(super) fn pod_label(namespace: &str, name: &str) -> String {
    if namespace == "default" { name.to_owned() } else { format!("{namespace}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, Target, receivers, senders, with_scheme};
    use crate::state::{Scenario, Walk};

    fn walk() -> Walk {
        Walk::new(&Scenario::default()).expect("the built-in walk")
    }

    #[test]
    fn everyone_can_send_and_whoever_listens_can_receive() {
        let scene = walk().scene;
        let labels: Vec<String> =
            senders(&scene).into_iter().flat_map(|group| group.places).map(|place| place.label).collect();
        assert_eq!(labels, ["client", "web-0", "web-1", "duo", "node-a", "node-b", "laptop"]);
        let values = |scheme| -> Vec<String> {
            receivers(&scene, scheme, "pod/default/duo")
                .into_iter()
                .flat_map(|group| group.places)
                .map(|place| place.value)
                .collect()
        };
        assert_eq!(values(Scheme::Http)[0], "10.96.45.67:80");
        assert_eq!(values(Scheme::Http)[1..3], ["web:80", "web.default.svc.cluster.local:80"]);
        assert_eq!(values(Scheme::Lookup), ["web", "web.default.svc.cluster.local", "example.com"]);
        assert!(values(Scheme::Http).contains(&"127.0.0.1:9090".to_owned()));
        assert_eq!(values(Scheme::Udp)[..2], ["10.244.1.3:8125", "127.0.0.1:8125"]);
        assert!(values(Scheme::Ping).contains(&"172.18.0.3".to_owned()));
    }

    #[test]
    fn a_receiver_is_kept_when_the_protocol_changes() {
        let scene = walk().scene;
        let target = Target::parse("http://10.244.1.3:9090/path").expect("a target");
        assert_eq!(target.path, "/path");
        assert_eq!(with_scheme(&scene, &target, Scheme::Udp, ""), "udp://10.244.1.3:8125");
        assert_eq!(with_scheme(&scene, &target, Scheme::Ping, ""), "ping://10.244.1.3");
        assert_eq!(with_scheme(&scene, &target, Scheme::Tcp, ""), "tcp://10.244.1.3:9090");
        let service = Target::parse("http://10.96.45.67:80").expect("a target");
        assert_eq!(with_scheme(&scene, &service, Scheme::Lookup, "pod/default/client"), "lookup://web");
        assert_eq!(with_scheme(&scene, &service, Scheme::Dns, "host/laptop"), "dns://web.default.svc.cluster.local");
        let name = Target::parse("dns://web.default.svc.cluster.local?type=SRV").expect("a target");
        assert_eq!((name.host.as_str(), name.path.as_str()), ("web.default.svc.cluster.local", "?type=SRV"));
        assert_eq!(with_scheme(&scene, &name, Scheme::Http, "pod/client"), "http://web.default.svc.cluster.local:80");
        let nobody = Target::parse("http://10.244.1.2:8080").expect("a target");
        assert_eq!(with_scheme(&scene, &nobody, Scheme::Udp, ""), "udp://10.244.1.3:8125");
    }
}
