//! One network namespace: its devices and tables.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::fib::Tables;
use super::{
    Bpf, Defrag, DevRef, Exceptions, Fdb, FdbEntry, FdbTarget, IfAddress, Interface, InterfaceKind, NeighbourTable,
    Protocol, Route, RouteKind, RouteTable, Rules, Scope, Sockets, Sysctls, TableId,
};
use crate::base::{Dice, MacAddr, Place, Writer};
use crate::netfilter::Netfilter;

/// A network namespace (`struct net`).
#[derive(Clone, Debug)]
pub struct NetNs {
    /// Its reference.
    pub place: Arc<Place>,
    /// By index. The index of a device that has gone is not given again.
    interfaces: Arc<Vec<Interface>>,
    next_index: u32,
    /// Routing table `local`: the addresses of this machine.
    pub local: RouteTable,
    /// Routing table `main`.
    pub main: RouteTable,
    /// What is known of paths besides.
    pub exceptions: Exceptions,
    pub(super) tables: Tables,
    /// Which table is read when.
    pub rules: Rules,
    /// Neighbours.
    pub neighbours: NeighbourTable,
    /// Pieces of packets that wait for the others.
    pub defrag: Defrag,
    /// Sockets.
    pub sockets: Sockets,
    /// Settings.
    pub sysctls: Sysctls,
    /// Whether netfilter has tables here: on nodes, where kube-proxy and the CNI keep theirs.
    pub has_netfilter: bool,
    /// Its tables, sets and connections.
    pub netfilter: Netfilter,
    /// Cilium's programs and their maps, on nodes that have them.
    pub bpf: Option<Arc<Bpf>>,
    /// What this kernel draws at random.
    pub dice: Dice,
}

impl NetNs {
    /// A namespace as `ip netns add` leaves it, with `lo` up.
    #[must_use]
    pub fn new(place: Place, seed: u64) -> Self {
        let dice = Dice::new(seed, &place.to_string());
        let mut ns = Self {
            place: Arc::new(place),
            interfaces: Arc::default(),
            next_index: 1,
            local: RouteTable::new(TableId::LOCAL),
            main: RouteTable::new(TableId::MAIN),
            exceptions: Exceptions::default(),
            tables: Tables::new(),
            rules: Rules::default(),
            neighbours: NeighbourTable::default(),
            defrag: Defrag::default(),
            sockets: Sockets::default(),
            sysctls: Sysctls::default(),
            has_netfilter: false,
            netfilter: Netfilter::default(),
            bpf: None,
            dice,
        };
        let lo = ns.add_interface("lo", 65536, Writer::Kernel, |_| InterfaceKind::Loopback);
        ns.add_address(lo.index, IpNet::new_assert(IpAddr::from([127, 0, 0, 1]), 8), Writer::Kernel);
        ns
    }

    /// Adds a device that is up. Its link address follows from its name.
    pub fn add_interface(
        &mut self,
        name: &str,
        mtu: usize,
        writer: Writer,
        kind: impl FnOnce(&DevRef) -> InterfaceKind,
    ) -> DevRef {
        let dev = DevRef { index: self.next_index, name: name.into() };
        self.next_index = self.next_index.saturating_add(1);
        let kind = kind(&dev);
        let mac = match kind {
            InterfaceKind::Loopback | InterfaceKind::Ipip(_) => MacAddr::ZERO,
            _ => MacAddr::of(&format!("{}:{name}", self.place)),
        };
        Arc::make_mut(&mut self.interfaces).push(Interface {
            dev: dev.clone(),
            mac,
            mtu,
            up: true,
            peer_up: true,
            kind,
            addresses: Vec::new(),
            master: None,
            hairpin: false,
            noarp: false,
            bpf: None,
            writer,
        });
        dev
    }

    /// Adds a bridge that is up and knows its own address.
    pub fn add_bridge(&mut self, name: &str, mtu: usize, writer: Writer) -> DevRef {
        let dev = self.add_interface(name, mtu, writer, |dev| InterfaceKind::Bridge { fdb: Fdb::new(dev.clone()) });
        let mac = self.interface(dev.index).mac;
        if let Some(fdb) = self.fdb_mut(dev.index) {
            fdb.add(FdbEntry { mac, target: FdbTarget::Local(dev.clone()), writer: Writer::Kernel });
        }
        dev
    }

    /// The index that the next device will get.
    #[must_use]
    pub fn next_index(&self) -> u32 {
        self.next_index
    }

    /// All devices, by index.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(super) fn interfaces_arc(&self) -> Arc<Vec<Interface>> {
        self.interfaces.clone()
    }

    /// All addresses of this machine, by device.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.interfaces.iter().flat_map(|interface| &interface.addresses).map(|address| address.net.addr())
    }

    /// The device with this index.
    ///
    /// # Panics
    /// If there is none: indexes come from this namespace.
    #[must_use]
    pub fn interface(&self, index: u32) -> &Interface {
        &self.interfaces[position(&self.interfaces, index)]
    }

    /// Whether there is a device with this index.
    #[must_use]
    pub fn has_interface(&self, index: u32) -> bool {
        self.interfaces.binary_search_by_key(&index, |interface| interface.dev.index).is_ok()
    }

    /// The device with this index, to write.
    ///
    /// # Panics
    /// If there is none.
    pub fn interface_mut(&mut self, index: u32) -> &mut Interface {
        let position = position(&self.interfaces, index);
        &mut Arc::make_mut(&mut self.interfaces)[position]
    }

    /// Takes a device away with everything that names it. Models net/core/dev.c unregister_netdevice and those that it
    /// notifies.
    pub(super) fn remove_interface(&mut self, index: u32) {
        let dev = self.interface(index).dev.clone();
        self.retain_routes(|route| route.dev.as_ref().is_none_or(|by| by.index != index));
        self.neighbours.flush(index, false);
        let master = self.interface(index).master.clone();
        if let Some(fdb) = master.as_ref().and_then(|bridge| self.fdb_mut(bridge.index)) {
            fdb.release(&dev);
        }
        self.sysctls.forget_device(&dev.name);
        Arc::make_mut(&mut self.interfaces).retain(|interface| interface.dev.index != index);
        // A bridge without a port has no carrier, and forgets its neighbours (neigh_carrier_down).
        if let Some(bridge) = master.filter(|bridge| !self.has_carrier(bridge.index)) {
            self.neighbours.flush(bridge.index, true);
        }
    }

    /// The device with this name.
    #[must_use]
    pub fn interface_named(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| &*interface.dev.name == name)
    }

    /// The bridge ports of `bridge`, by index.
    pub fn ports(&self, bridge: u32) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |port| port.master.as_ref().is_some_and(|master| master.index == bridge))
    }

    /// Whether frames between the ports of its bridges are shown to netfilter.
    #[must_use]
    pub fn has_bridge_netfilter(&self) -> bool {
        self.has_netfilter && self.sysctls.bridge_nf_call_iptables
    }

    /// Whether the device has a link: a bridge has one while one of its ports has.
    #[must_use]
    pub fn has_carrier(&self, index: u32) -> bool {
        let has_link = |interface: &Interface| interface.up && interface.peer_up;
        let interface = self.interface(index);
        let is_bridge = matches!(interface.kind, InterfaceKind::Bridge { .. });
        has_link(interface) && (!is_bridge || self.ports(index).any(has_link))
    }

    /// Takes out the routes of every table that are not to be kept.
    pub(super) fn retain_routes(&mut self, keep: impl Fn(&Route) -> bool) {
        for table in self.tables.values_mut().chain([&mut self.main, &mut self.local]) {
            table.retain(&keep);
        }
    }

    /// Adds the routes again that follow from the addresses of a device.
    pub(super) fn restore_routes(&mut self, index: u32) {
        let addresses = std::mem::take(&mut self.interface_mut(index).addresses);
        self.local.retain(|route| route.dev.as_ref().is_none_or(|dev| dev.index != index));
        for IfAddress { net, writer } in addresses {
            self.add_address(index, net, writer);
        }
    }

    /// Forgets who is behind a bridge port.
    pub(super) fn forget_port(&mut self, port: u32) {
        let master = self.interface(port).master.clone();
        if let Some(fdb) = master.and_then(|bridge| self.fdb_mut(bridge.index)) {
            fdb.forget(port);
        }
    }

    /// Gives a device an address; the kernel adds the routes that follow from it.
    ///
    /// Models net/ipv4/fib_frontend.c fib_add_ifaddr.
    pub fn add_address(&mut self, index: u32, net: IpNet, writer: Writer) {
        let interface = self.interface_mut(index);
        let is_loopback = matches!(interface.kind, InterfaceKind::Loopback);
        interface.addresses.push(IfAddress { net, writer });
        let dev = interface.dev.clone();
        let addr = net.addr();
        let base = Route {
            protocol: Protocol::Kernel,
            src: Some(addr),
            ..Route::unicast(IpNet::from(addr), &dev, Writer::Kernel)
        };
        let local = local_route(addr, &dev);
        self.local.add(local.clone());
        if net.prefix_len() == net.max_prefix_len() {
            return;
        }
        if is_loopback {
            self.local.add(Route { dst: net.trunc(), ..local });
        } else {
            self.main.add(Route { dst: net.trunc(), scope: Scope::Link, ..base.clone() });
        }
        let dst = IpNet::from(net.broadcast());
        self.local.add(Route { kind: RouteKind::Broadcast, dst, scope: Scope::Link, ..base });
    }

    /// Gives a device many addresses of one machine each (/32), which it keeps sorted.
    pub fn add_addresses(&mut self, index: u32, nets: impl IntoIterator<Item = IpNet>, writer: Writer) {
        let nets: Vec<IpNet> = nets.into_iter().collect();
        if nets.is_empty() {
            return;
        }
        let interface = &mut Arc::make_mut(&mut self.interfaces)[index as usize - 1];
        interface.addresses.extend(nets.iter().map(|net| IfAddress { net: *net, writer }));
        interface.addresses.sort_by_key(|address| address.net);
        let dev = interface.dev.clone();
        self.local.extend(nets.into_iter().map(|net| local_route(net.addr(), &dev)));
    }

    /// Takes addresses of one machine each (/32) from a device.
    pub fn remove_addresses(&mut self, index: u32, gone: &BTreeSet<IpAddr>) {
        if gone.is_empty() {
            return;
        }
        let is_gone = |ip: IpAddr| gone.contains(&ip);
        let interface = &mut Arc::make_mut(&mut self.interfaces)[index as usize - 1];
        interface.addresses.retain(|address| !is_gone(address.net.addr()));
        self.local
            .retain(|route| !is_gone(route.dst.addr()) || route.dev.as_ref().is_none_or(|dev| dev.index != index));
    }

    /// Makes `port` a port of `bridge`; the bridge notes the port's own address.
    ///
    /// Models net/bridge/br_if.c br_add_if.
    pub fn enslave(&mut self, port: u32, bridge: u32, hairpin: bool) {
        let bridge_dev = self.interface(bridge).dev.clone();
        let member = self.interface_mut(port);
        member.master = Some(bridge_dev);
        member.hairpin = hairpin;
        let entry = FdbEntry { mac: member.mac, target: FdbTarget::Local(member.dev.clone()), writer: Writer::Kernel };
        if let Some(fdb) = self.fdb_mut(bridge) {
            fdb.add(entry);
        }
    }

    /// The forwarding database of a bridge or a tunnel device.
    pub fn fdb_mut(&mut self, index: u32) -> Option<&mut Fdb> {
        match &mut self.interface_mut(index).kind {
            InterfaceKind::Bridge { fdb } => Some(fdb),
            InterfaceKind::Vxlan(vxlan) => Some(&mut vxlan.fdb),
            _ => None,
        }
    }

    /// Whether `ip` is an address of this namespace.
    #[must_use]
    pub fn is_local(&self, ip: IpAddr) -> bool {
        self.local.lookup(ip, 0).route().is_some_and(|route| route.kind == RouteKind::Local)
    }

    /// The source address for packets that leave by `index` towards `to`.
    #[must_use]
    pub fn select_address(&self, index: u32, to: IpAddr) -> Option<IpAddr> {
        select_address(&self.interfaces, index, to)
    }
}

/// The route by which the kernel knows an address of `dev` as its own.
fn local_route(addr: IpAddr, dev: &DevRef) -> Route {
    Route {
        protocol: Protocol::Kernel,
        src: Some(addr),
        kind: RouteKind::Local,
        scope: Scope::Host,
        ..Route::unicast(IpNet::from(addr), dev, Writer::Kernel)
    }
}

/// Where the device with this index stands among all: at its index, unless one before it has gone.
fn position(interfaces: &[Interface], index: u32) -> usize {
    let at_its_index = index as usize - 1;
    match interfaces.get(at_its_index) {
        Some(interface) if interface.dev.index == index => at_its_index,
        _ => interfaces.partition_point(|interface| interface.dev.index < index),
    }
}

/// The source address for packets that leave by device `index` towards `to`.
///
/// Models net/ipv4/devinet.c inet_select_addr: an address whose subnet holds the next hop, else the device's first,
/// else the first of any device that is not `lo`.
#[must_use]
pub(super) fn select_address(interfaces: &[Interface], index: u32, to: IpAddr) -> Option<IpAddr> {
    let device = &interfaces[position(interfaces, index)];
    // 127.0.0.1 has the scope of a host, and is no source for packets that may leave it.
    let own = if matches!(device.kind, InterfaceKind::Loopback) { &[][..] } else { &device.addresses };
    let in_subnet = own.iter().find(|address| address.net.contains(&to));
    let of_others = || {
        let others = interfaces.iter().filter(|interface| !matches!(interface.kind, InterfaceKind::Loopback));
        others.flat_map(|interface| &interface.addresses).next()
    };
    in_subnet.or_else(|| own.first()).or_else(of_others).map(|address| address.net.addr())
}
