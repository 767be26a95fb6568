//! Which endpoints of a service port serve which policy on one node.
//!
//! Models pkg/proxy/topology.go CategorizeEndpoints. Not modelled: hints for nodes (`PreferSameNode`), which 1.33 has
//! behind a gate that is off.

use super::{Endpoint, ServicePort};

/// The endpoints of a service port, as one node uses them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving<'a> {
    /// For traffic policy Cluster; empty if the port does not use it.
    pub cluster: Vec<&'a Endpoint>,
    /// For traffic policy Local; empty if the port does not use it.
    pub local: Vec<&'a Endpoint>,
    /// All that this node may send packets to, in order.
    pub reachable: Vec<&'a Endpoint>,
    /// Whether there is one that could serve on any node.
    pub has_any: bool,
}

/// Sorts the endpoints of `service` for the node `node_name` in `zone`.
#[must_use]
pub fn categorize<'a>(service: &'a ServicePort, node_name: &str, zone: &str) -> Serving<'a> {
    let endpoints = &service.endpoints;
    let select = |wanted: &dyn Fn(&Endpoint) -> bool| -> Vec<&'a Endpoint> {
        endpoints.iter().filter(|endpoint| wanted(endpoint)).collect()
    };
    let is_last_resort = |endpoint: &Endpoint| endpoint.serving && endpoint.terminating;
    let is_local = |endpoint: &Endpoint| endpoint.node_name.as_deref() == Some(node_name);
    // Nothing else is used while one is ready; then those that still answer while they are shut down.
    let ready_or_last = |wanted: &dyn Fn(&Endpoint) -> bool, ready_too: &dyn Fn(&Endpoint) -> bool| {
        let ready = select(&|it| it.ready && wanted(it) && ready_too(it));
        if ready.is_empty() { select(&|it| is_last_resort(it) && wanted(it)) } else { ready }
    };
    let mut serving = Serving::default();
    if service.uses_cluster_endpoints() {
        let by_zone = uses_zone_hints(endpoints, zone);
        let is_near = |endpoint: &Endpoint| !by_zone || endpoint.zone_hints.iter().any(|hint| hint == zone);
        serving.cluster = ready_or_last(&|_| true, &is_near);
        serving.has_any = !serving.cluster.is_empty();
    }
    if !service.uses_local_endpoints() {
        serving.reachable.clone_from(&serving.cluster);
        return serving;
    }
    serving.has_any |= endpoints.iter().any(|it| it.ready || is_last_resort(it));
    serving.local = ready_or_last(&is_local, &|_| true);
    // Both lists keep the order of all endpoints, so one pass merges them.
    let (mut cluster, mut local) = (serving.cluster.iter().peekable(), serving.local.iter().peekable());
    serving.reachable = select(&|_| true);
    serving.reachable.retain(|it| {
        let in_cluster = cluster.next_if(|next| std::ptr::eq(**next, *it)).is_some();
        let in_local = local.next_if(|next| std::ptr::eq(**next, *it)).is_some();
        in_cluster || in_local
    });
    serving
}

/// Zones are kept apart only if every ready endpoint has a hint and one of them is for this zone.
fn uses_zone_hints(endpoints: &[Endpoint], zone: &str) -> bool {
    let ready = || endpoints.iter().filter(|it| it.ready);
    !zone.is_empty()
        && ready().all(|it| !it.zone_hints.is_empty())
        && ready().any(|it| it.zone_hints.iter().any(|hint| hint == zone))
}
