//! One step as plain values for showing: what happened and why, what changed, which tables, how many bytes.

use std::sync::Arc;

use crate::trace::{Consulted, Explanation, MtuCheck, Row, Stage, Step, Stretch, Trace, Written, explain};
use crate::wire::{Layer, LayerChange, Link, Packet, Role, diff, dissect};

/// Everything a face shows of one step.
#[derive(Clone, Debug)]
pub struct StepView {
    /// Position among all steps, from 0.
    pub idx: usize,
    /// `FLOW.PACKET.PLACE.STAGE[.n]`.
    pub id: String,
    /// Reference of the place.
    pub at: String,
    /// Device concerned.
    pub device: Option<String>,
    /// Which part of the kernel.
    pub stage: Stage,
    /// Whether the packet is a tunnel's envelope here.
    pub outer: bool,
    /// Nanoseconds since the run began; the client may start later ([`Trace::start`]).
    pub time_ns: u64,
    /// `http`, `ping`, `arp`.
    pub flow: &'static str,
    /// `syn`, `request`.
    pub packet_name: String,
    /// What happened, why one cares, and how to see it on a real machine.
    pub explanation: Explanation,
    /// What became of each layer, outermost first.
    pub changes: Vec<LayerChange>,
    /// Bytes before, if the packet was not made here.
    pub before: Option<Packet>,
    /// Bytes after, or as they were when the packet ended here.
    pub packet: Option<Packet>,
    /// The tables that decided; the last one read comes first.
    pub tables: Vec<TableView>,
    /// Rows that this step wrote.
    pub wrote: Vec<Written>,
    /// The packet against the limit ahead of it.
    pub mtu: Option<MtuView>,
}

/// A table that was read. Its rows are made when they are asked for: there may be ten thousand.
#[derive(Clone, Debug)]
pub struct TableView {
    /// The command that shows it.
    pub command: String,
    /// Number of its rows.
    pub n_rows: usize,
    /// The row that decided.
    pub matched: Option<usize>,
    table: Arc<dyn Consulted>,
}

impl TableView {
    /// `table`, to be asked.
    #[must_use]
    pub fn new(table: &Arc<dyn Consulted>) -> Self {
        Self { command: table.command(), n_rows: table.n_rows(), matched: table.matched(), table: table.clone() }
    }

    /// One row, with why it did or did not decide. `idx` is below [`TableView::n_rows`].
    #[must_use]
    pub fn row(&self, idx: usize) -> Row {
        self.table.row(idx)
    }

    /// Every row that matched on the way, the one that decided last.
    #[must_use]
    pub fn all_matched(&self) -> Vec<usize> {
        self.table.all_matched()
    }

    /// Where the table has chains: the stretches of rows that are of one chain, in order.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        self.table.stretches()
    }
}

/// The tables that `step` read; the last one read comes first.
#[must_use]
pub fn tables_of(step: &Step) -> Vec<TableView> {
    step.consulted.iter().rev().map(TableView::new).collect()
}

/// The sum that an MTU bar prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtuView {
    /// The device whose limit counts next.
    pub device: String,
    /// Its MTU in bytes.
    pub limit: usize,
    /// What counts against it, innermost first: the sender's own packet, then each header of each envelope around it.
    pub terms: Vec<MtuTerm>,
    /// Their sum in bytes.
    pub total: usize,
    /// Whether it may pass.
    pub fits: bool,
    /// The limit after that one in this packet's way, if it is another: device and bytes.
    pub then: Option<(String, usize)>,
}

/// One term of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtuTerm {
    /// What it is for.
    pub role: Role,
    /// Its protocol.
    pub name: &'static str,
    /// Bytes.
    pub len: usize,
}

/// The view of step `idx`; `None` past the end.
#[must_use]
pub fn step_view(trace: &Trace, idx: usize) -> Option<StepView> {
    let (hop, step) = trace.steps().nth(idx)?;
    let journey = trace.journey(hop.journey);
    let packet = step.packet().cloned();
    let changes = match (&step.before, &packet) {
        (Some(before), Some(after)) => diff(before, after),
        (None, Some(after)) => dissect(after).into_iter().map(LayerChange::Added).collect(),
        _ => Vec::new(),
    };
    Some(StepView {
        idx,
        id: step.id.clone(),
        at: hop.at.to_string(),
        device: step.device.as_deref().map(str::to_owned),
        stage: step.stage,
        outer: step.outer,
        time_ns: step.time.as_nanos(),
        flow: journey.flow,
        packet_name: journey.name.clone(),
        explanation: explain(trace, hop, step),
        changes,
        before: step.before.clone(),
        tables: tables_of(step),
        wrote: step.wrote.clone(),
        mtu: packet.as_ref().and_then(|packet| mtu_view(trace, idx, packet)),
        packet,
    })
}

/// Holds the packet of step `idx` against the next limit on its way: this step's, or the first one after it.
fn mtu_view(trace: &Trace, idx: usize, packet: &Packet) -> Option<MtuView> {
    let (hop, _) = trace.steps().nth(idx)?;
    let own = |step: &Step| step.mtu.clone();
    let ahead: Vec<MtuCheck> = trace
        .steps()
        .skip(idx)
        .filter(|(other, _)| other.journey == hop.journey)
        .filter_map(|(_, step)| own(step))
        .collect();
    let behind = || {
        let before = trace.steps().take(idx).filter(|(other, _)| other.journey == hop.journey);
        before.filter_map(|(_, step)| own(step)).last()
    };
    let check = ahead.first().cloned().or_else(behind)?;
    let terms = mtu_terms(packet);
    let total = terms.iter().map(|term| term.len).sum();
    let then = ahead.iter().skip(1).find(|other| other.mtu != check.mtu).map(|o| (o.device.to_string(), o.mtu));
    Some(MtuView { device: check.device.to_string(), limit: check.mtu, total, fits: total <= check.mtu, terms, then })
}

/// What of `packet` counts against an MTU, innermost first.
fn mtu_terms(packet: &Packet) -> Vec<MtuTerm> {
    let mut layers = dissect(packet);
    // The MTU counts what is above the link header.
    if packet.link() == Link::Ethernet && !layers.is_empty() {
        layers.remove(0);
    }
    let is_envelopes =
        |layer: &Layer| matches!(layer.role, Role::OuterIp | Role::OuterUdp | Role::Tunnel | Role::InnerLink);
    let n_envelope = layers.iter().rposition(is_envelopes).map_or(0, |last| last + 1);
    let (envelope, own_packet) = layers.split_at(n_envelope);
    let ordered = own_packet.iter().chain(envelope.iter().rev());
    ordered.map(|layer| MtuTerm { role: layer.role, name: layer.name, len: layer.range.len() }).collect()
}

#[cfg(test)]
mod tests {
    use super::mtu_terms;
    use crate::base::MacAddr;
    use crate::wire::{ETHERTYPE_IPV4, GeneveHeader, IpSpec, Packet, VxlanHeader, icmp_echo, ipip, udp};

    const IP: IpSpec = IpSpec {
        src: std::net::Ipv4Addr::new(10, 0, 0, 1),
        dst: std::net::Ipv4Addr::new(10, 0, 0, 2),
        ttl: 64,
        df: true,
        id: 1,
        tos: 0,
    };

    fn framed(packet: &Packet) -> Packet {
        packet.with_ethernet(MacAddr::of("a"), MacAddr::of("b"), ETHERTYPE_IPV4)
    }

    fn in_udp(port: u16, header: &[u8], inner: &Packet) -> Packet {
        udp(IP, 50000, port, &[header, framed(inner).bytes()].concat())
    }

    #[test]
    fn every_header_of_every_envelope_is_a_term_of_the_sum() {
        let ping = icmp_echo(IP, false, 1, 1, &[0; 56]);
        let vxlan = in_udp(8472, &VxlanHeader { vni: 1 }.to_bytes(), &ping);
        let options = vec![0x01, 0x4b, 0x01, 0x02, 0, 0, 0, 0, 0, 0, 0, 0];
        let cases = [
            (ping.clone(), ""),
            (framed(&ping), ""),
            (ipip(IP, &ping), " IP 20"),
            (framed(&ipip(IP, &ping)), " IP 20"),
            (vxlan.clone(), " ETH 14 VXLAN 8 UDP 8 IP 20"),
            (
                in_udp(6081, &GeneveHeader { vni: 1, options }.to_bytes(), &ping),
                " ETH 14 GENEVE-OPT 12 GENEVE 8 UDP 8 IP 20",
            ),
            (
                in_udp(4789, &VxlanHeader { vni: 2 }.to_bytes(), &vxlan),
                " ETH 14 VXLAN 8 UDP 8 IP 20 ETH 14 VXLAN 8 UDP 8 IP 20",
            ),
        ];
        for (packet, envelope) in cases {
            let terms = mtu_terms(&packet);
            let text: Vec<String> = terms.iter().map(|term| format!("{} {}", term.name, term.len)).collect();
            assert_eq!(text.join(" "), format!("IP 20 ICMP 8 DATA 56{envelope}"));
            assert_eq!(terms.iter().map(|term| term.len).sum::<usize>(), packet.network_len());
        }
    }
}
