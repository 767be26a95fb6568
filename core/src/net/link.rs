//! Devices that go up and down or away, and what else changes with them.
//!
//! Models net/ipv4/fib_frontend.c fib_netdev_event (fib_disable_ip, fib_add_ifaddr), net/core/neighbour.c neigh_ifdown
//! and neigh_carrier_down, net/bridge/br_stp_if.c br_stp_disable_port. Not modelled: bonding, dormant links.

use super::{At, InterfaceKind, NsId, RouteKind, Sockets, Topology};

impl Topology {
    /// Brings a device up or down, as `ip link set` does.
    ///
    /// Routes by a device that goes down are gone, the addresses' own in table `local` excepted, and so are its
    /// neighbours. When it comes up again its connected routes return, and no others.
    pub fn set_up(&mut self, at: At, up: bool) {
        let ns = self.ns_mut(at.ns);
        if ns.interface(at.index).up == up {
            return;
        }
        ns.interface_mut(at.index).up = up;
        if up {
            ns.restore_routes(at.index);
        } else {
            ns.retain_routes(|route| {
                route.kind == RouteKind::Local || route.dev.as_ref().is_none_or(|dev| dev.index != at.index)
            });
            ns.neighbours.flush(at.index, false);
            ns.forget_port(at.index);
        }
        // The other end of a cable loses its carrier, but keeps its routes.
        if let InterfaceKind::Veth { peer } = self.ns(at.ns).interface(at.index).kind {
            let other = self.ns_mut(peer.ns);
            other.interface_mut(peer.index).peer_up = up;
            if !up {
                other.neighbours.flush(peer.index, true);
                other.forget_port(peer.index);
            }
        }
    }

    /// Takes a device away, as `ip link del` does; of a cable both ends go.
    pub fn remove_interface(&mut self, at: At) {
        if !self.has_device(at) {
            return;
        }
        let peer = match self.ns(at.ns).interface(at.index).kind {
            InterfaceKind::Veth { peer } => Some(peer),
            _ => None,
        };
        self.ns_mut(at.ns).remove_interface(at.index);
        if let Some(peer) = peer.filter(|peer| self.has_device(*peer)) {
            self.ns_mut(peer.ns).remove_interface(peer.index);
        }
    }

    /// Ends a namespace: its devices go, its sockets close, and its name is free.
    pub fn remove_namespace(&mut self, id: NsId) {
        let devices: Vec<u32> = self.ns(id).interfaces().iter().map(|interface| interface.dev.index).collect();
        for index in devices {
            self.remove_interface(At { ns: id, index });
        }
        self.ns_mut(id).sockets = Sockets::default();
        self.forget(id);
    }
}
