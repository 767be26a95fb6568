//! The MTU bar: the same length at every step of a walk, filled as far as the packet goes, the sum written out beside.

use kubehop_core::api::{DeviceKind, MtuTerm, MtuView, Role, StepView};

use super::cast::Machine;

/// The bar at one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtuBar {
    /// What the sender's packet is made of, up to the first limit.
    pub inside: Vec<MtuSegment>,
    /// The envelope, up to the second limit; empty where there is no tunnel.
    pub envelope: Vec<MtuSegment>,
    /// The first limit, where there is a tunnel: what it reads, and whether it is the one that counts now.
    pub first_limit: Option<(String, bool)>,
    /// The last limit.
    pub last_limit: (String, bool),
    /// Whether the packet fits; `None` if nothing is measured here.
    pub fits: Option<bool>,
    /// The sum: its terms, its value in bold, the limit.
    pub sum: [String; 3],
    /// What else to know.
    pub extra: String,
}

/// A piece of the bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MtuSegment {
    /// Which colour; `None` for room that is left.
    pub role: Option<Role>,
    /// What stands in it.
    pub text: String,
    /// What it is, in full.
    pub title: String,
    /// Bytes: small headers have a width of their own.
    pub len: usize,
    /// Whether the packet has it; hatched if not.
    pub is_on: bool,
    /// Share of the stretchable room, in tenths; 0 for a header.
    pub share: usize,
}

/// What the envelope is made of, innermost first. IP in IP is the last alone.
const ENVELOPE: [(Role, &str, usize, &str); 4] = [
    (Role::InnerLink, "E", 14, "inner Ethernet"),
    (Role::Tunnel, "V", 8, "VXLAN"),
    (Role::OuterUdp, "U", 8, "outer UDP"),
    (Role::OuterIp, "IP ", 20, "outer IP"),
];

/// The bar of step `view` on `machine`: the one it is at, or the sender's.
#[must_use]
pub fn mtu_bar(view: &StepView, machine: &Machine) -> MtuBar {
    let mtu = view.mtu.as_ref();
    let is_loopback = mtu.is_some_and(|mtu| mtu.device == "lo");
    let overlay = machine.overlay().filter(|_| !is_loopback);
    let nic = machine.nic();
    let is_wrapped = mtu.is_some_and(|mtu| mtu.terms.iter().any(|term| term.role == Role::OuterIp));
    let envelope = overlay.map_or_else(Vec::new, |overlay| envelope(&overlay.kind, is_wrapped));
    let label = |name: &str, limit: usize| format!("{limit} {name}");
    let first_limit = overlay.map(|overlay| match mtu {
        Some(mtu) if !is_wrapped && mtu.limit == overlay.mtu => (label(&mtu.device, mtu.limit), true),
        _ => (label(&overlay.name, overlay.mtu), false),
    });
    let is_first = first_limit.as_ref().is_some_and(|(_, is_now)| *is_now);
    let last_limit = match (mtu, nic) {
        (Some(mtu), _) if !is_first => (label(&mtu.device, mtu.limit), true),
        (_, Some(nic)) => (label(&nic.name, nic.mtu), false),
        _ => (String::new(), false),
    };
    let room = match (overlay, nic, mtu) {
        (_, _, Some(mtu)) if is_loopback => mtu.limit,
        (Some(overlay), _, _) => overlay.mtu,
        (None, Some(nic), _) => nic.mtu,
        _ => 0,
    };
    MtuBar {
        inside: inside(mtu, room),
        extra: extra(view, is_wrapped, envelope.iter().map(|segment| segment.len).sum()),
        envelope,
        first_limit,
        last_limit,
        fits: mtu.map(|mtu| mtu.fits),
        sum: mtu.map(sum).unwrap_or_default(),
    }
}

fn is_own(term: &&MtuTerm) -> bool {
    matches!(term.role, Role::Ip | Role::Transport | Role::Payload | Role::Arp)
}

fn inside(mtu: Option<&MtuView>, room: usize) -> Vec<MtuSegment> {
    let own: Vec<&MtuTerm> = mtu.map(|mtu| mtu.terms.iter().filter(is_own).collect()).unwrap_or_default();
    let used: usize = own.iter().map(|term| term.len).sum();
    let payload = own.iter().find(|term| term.role == Role::Payload).map_or(0, |term| term.len);
    let free = room.saturating_sub(used);
    let share = tenths(payload, payload + free);
    let mut segments: Vec<MtuSegment> = own
        .iter()
        .map(|term| MtuSegment {
            role: Some(term.role),
            text: format!("{} {}", term.name, term.len),
            title: format!("{}, {} bytes", term.name, term.len),
            len: term.len,
            is_on: true,
            share: if term.role == Role::Payload { share } else { 0 },
        })
        .collect();
    if free > 0 {
        segments.push(MtuSegment {
            role: None,
            text: format!("{free} free"),
            title: format!("{free} bytes of room, drawn shortened"),
            len: free,
            is_on: false,
            share: 10 - share.min(9),
        });
    }
    segments
}

fn envelope(kind: &DeviceKind, is_on: bool) -> Vec<MtuSegment> {
    let tunnel = match kind {
        DeviceKind::Geneve { .. } => (Role::Tunnel, "G", 8, "Geneve"),
        _ => ENVELOPE[1],
    };
    let segment = |(role, letter, len, title): &(Role, &str, usize, &str)| MtuSegment {
        role: Some(*role),
        text: format!("{letter}{len}"),
        title: format!("{title}, {len} bytes"),
        len: *len,
        is_on,
        share: 0,
    };
    match kind {
        DeviceKind::Ipip => vec![segment(&ENVELOPE[3])],
        _ => [ENVELOPE[0], tunnel, ENVELOPE[2], ENVELOPE[3]].iter().map(segment).collect(),
    }
}

/// `part` of `whole`, in tenths; at least one tenth of what is not nothing.
fn tenths(part: usize, whole: usize) -> usize {
    if part == 0 || whole == 0 {
        return 0;
    }
    (part * 10 / whole).clamp(1, 10)
}

fn sum(mtu: &MtuView) -> [String; 3] {
    let join = |terms: &[&MtuTerm]| terms.iter().map(|term| term.len.to_string()).collect::<Vec<_>>().join(" + ");
    let own: Vec<&MtuTerm> = mtu.terms.iter().filter(is_own).collect();
    let around: Vec<&MtuTerm> = mtu.terms.iter().filter(|term| !is_own(term)).collect();
    let terms = if around.is_empty() {
        if own.len() > 1 { format!("{} = ", join(&own)) } else { String::new() }
    } else {
        let inner: usize = own.iter().map(|term| term.len).sum();
        format!("{inner} + ({}) = ", join(&around))
    };
    let sign = if mtu.fits { "≤" } else { ">" };
    [terms, mtu.total.to_string(), format!(" {sign} {}", mtu.limit)]
}

fn extra(view: &StepView, is_wrapped: bool, n_envelope: usize) -> String {
    let Some(mtu) = &view.mtu else {
        return if view.packet.is_none() {
            "no packet in this step".to_owned()
        } else if view.flow == "arp" {
            "an ARP frame of 28 bytes: nothing to hold against a limit".to_owned()
        } else {
            "no limit ahead of this packet any more".to_owned()
        };
    };
    if is_wrapped {
        return "outer Ethernet, 14 B, is not in the MTU".to_owned();
    }
    match &mtu.then {
        Some((device, limit)) if mtu.fits && n_envelope > 0 && *limit == mtu.limit + n_envelope => {
            format!("then + {n_envelope} of envelope = {} ≤ {limit} {device}", mtu.total + n_envelope)
        }
        Some((device, limit)) if mtu.fits => format!("then {limit} {device}"),
        _ => "Ethernet, 14 B, is not in the MTU".to_owned(),
    }
}
