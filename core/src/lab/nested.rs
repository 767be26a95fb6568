//! Nodes as virtual machines: a cluster inside somebody's cloud.
//!
//! Every node, and the router, runs on a hypervisor of its own, `host/hv-NAME`. Its NIC is a cable to a bridge there, and
//! the bridges of one subnet are joined by a VXLAN of the hypervisors' own. Pieces that exist, nothing more: whoever
//! gives the virtual machines an MTU that leaves no room for that envelope sees large frames vanish at the hypervisor.
//! Every hypervisor is told where every virtual machine is, and what is for all of them it sends to each (RFC 7348
//! section 4.2 without multicast). Not modelled: ARP suppression.

use std::net::IpAddr;

use ipnet::IpNet;

use super::spec::NestedSpec;
use crate::base::{BTreeMap, MacAddr, Place, Writer};
use crate::net::{At, DevRef, Fdb, FdbEntry, FdbTarget, InterfaceKind, NetNs, NsId, SegmentId, Topology, Vxlan};

/// IANA's VXLAN port, which the cluster's own tunnel may have too: it is another machine's.
const PORT: u16 = 4789;
/// What VXLAN takes of the hypervisors' MTU: IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14.
const OVERHEAD: usize = 50;

/// The hypervisors and what runs on them.
pub(super) struct Nested {
    spec: NestedSpec,
    /// The network that hypervisors are on, and its switch.
    net: IpNet,
    physical: SegmentId,
    hypervisors: BTreeMap<String, (NsId, IpAddr)>,
    vnis: BTreeMap<IpNet, u32>,
    machines: Vec<Machine>,
    seed: u64,
}

/// A virtual machine's NIC.
struct Machine {
    hypervisor: NsId,
    address: IpAddr,
    vni: u32,
    vxlan: DevRef,
    mac: MacAddr,
}

impl Nested {
    pub(super) fn new(topo: &mut Topology, spec: NestedSpec, net: IpNet, seed: u64) -> Self {
        let physical = topo.add_segment();
        let (hypervisors, vnis) = (BTreeMap::new(), BTreeMap::new());
        Self { spec, net, physical, hypervisors, vnis, machines: Vec::new(), seed }
    }

    /// A cable for a NIC of machine `name` on `subnet`, with the hypervisor at its other end. The NIC will be called
    /// `nic`, and its link address follows from that.
    pub(super) fn cable(
        &mut self,
        topo: &mut Topology,
        subnet: IpNet,
        machine: &Place,
        nic: &str,
        mtu: usize,
    ) -> SegmentId {
        let next = self.spec.vni.saturating_add(u32::try_from(self.vnis.len()).unwrap_or(u32::MAX));
        let vni = *self.vnis.entry(subnet).or_insert(next);
        let (hypervisor, address) = self.hypervisor(topo, machine.short());
        let segment = topo.add_segment();
        let ns = topo.ns_mut(hypervisor);
        let vxlan_mtu = self.spec.mtu.saturating_sub(OVERHEAD);
        let bridge = ns.add_bridge(&format!("br{vni}"), mtu.min(vxlan_mtu), Writer::Admin);
        let vxlan = ns.add_interface(&format!("vxlan{vni}"), vxlan_mtu, Writer::Admin, |dev| {
            InterfaceKind::Vxlan(Vxlan {
                vni,
                local: Some(address),
                port: PORT,
                lower: None,
                external: false,
                fdb: Fdb::new(dev.clone()),
            })
        });
        let name = format!("vnet{}", ns.next_index());
        let vnet = ns.add_interface(&name, mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
        ns.enslave(vxlan.index, bridge.index, false);
        ns.enslave(vnet.index, bridge.index, false);
        topo.segment_mut(segment).ports.push(At { ns: hypervisor, index: vnet.index });
        let mac = MacAddr::of(&format!("{machine}:{nic}"));
        self.machines.push(Machine { hypervisor, address, vni, vxlan, mac });
        segment
    }

    fn hypervisor(&mut self, topo: &mut Topology, name: &str) -> (NsId, IpAddr) {
        if let Some(known) = self.hypervisors.get(name) {
            return *known;
        }
        let mut ns = NetNs::new(Place::Host(format!("hv-{name}")), self.seed);
        let address = self.net.hosts().nth(self.hypervisors.len()).unwrap_or(self.net.addr());
        let segment = self.physical;
        let nic = ns.add_interface("eth0", self.spec.mtu, Writer::Admin, |_| InterfaceKind::Nic { segment });
        ns.add_address(nic.index, IpNet::new_assert(address, self.net.prefix_len()), Writer::Admin);
        let id = topo.add_namespace(ns);
        topo.segment_mut(segment).ports.push(At { ns: id, index: nic.index });
        self.hypervisors.insert(name.to_owned(), (id, address));
        (id, address)
    }

    /// Tells every hypervisor where the others' machines are.
    pub(super) fn connect(&self, topo: &mut Topology) {
        for own in &self.machines {
            let Some(fdb) = topo.ns_mut(own.hypervisor).fdb_mut(own.vxlan.index) else { continue };
            for other in self.machines.iter().filter(|other| other.vni == own.vni && other.mac != own.mac) {
                for mac in [MacAddr::ZERO, other.mac] {
                    fdb.add(FdbEntry { mac, target: FdbTarget::Remote(other.address), writer: Writer::Admin });
                }
            }
        }
    }
}
