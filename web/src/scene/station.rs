//! Stations: the places of the canvas where a packet can be, and which of them a step is at.

use kubehop_core::api::{Component, DeviceKind, Hook, Place, Stage, Step};

use super::cast::{Cast, is_tunnel};
use super::geometry::{self, API, FABRIC, ROUTER, Rect, Side};

/// A place of the canvas where a packet can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Station {
    /// A pod, by its place on the machine: 0 or 1.
    Pod(Side, usize),
    /// The machine's own programs.
    Host(Side),
    /// The bridge.
    Bridge(Side),
    /// A netfilter hook.
    Hook(Side, Hook),
    /// The routing decision.
    Route(Side),
    /// The tunnel device.
    Overlay(Side),
    /// The NIC.
    Nic(Side),
    /// An agent of the machine, which sees no packet: kube-proxy, the kubelet.
    Agent(Side),
    /// The API server, and those who watch it for the whole cluster.
    Api,
    /// A machine that is a box in the fabric, by its place there.
    Outside(usize),
    /// The fabric's router.
    Router,
    /// A place that is not drawn.
    Elsewhere,
}

/// Which part of a station decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A program.
    App,
    /// A device.
    Port,
    /// The kernel between them.
    Kernel,
}

impl Station {
    /// The station of a step at `place`.
    #[must_use]
    pub fn of(cast: &Cast, place: &Place, step: &Step) -> Self {
        let reference = place.to_string();
        match place {
            _ if matches!(step.stage, Stage::Control(component) if !is_of_node(component)) => Self::Api,
            Place::Router(_) => Self::Router,
            Place::Pod { .. } => match cast.slot_of(&reference) {
                Some((side, slot)) => Self::Pod(side, slot),
                None => cast.outside_of(&reference).map_or(Self::Elsewhere, Self::Outside),
            },
            Place::Node(_) | Place::Host(_) => match cast.side_of(&reference) {
                Some(side) => Self::on_machine(cast, side, step),
                None => cast.outside_of(&reference).map_or(Self::Elsewhere, Self::Outside),
            },
        }
    }

    fn on_machine(cast: &Cast, side: Side, step: &Step) -> Self {
        match step.stage {
            Stage::App | Stage::Deliver => Self::Host(side),
            Stage::Control(_) => Self::Agent(side),
            Stage::Netfilter(hook, _) => Self::Hook(side, hook),
            Stage::Route | Stage::Forward => Self::Route(side),
            Stage::Bridge | Stage::BridgeRoute => Self::Bridge(side),
            Stage::Encap | Stage::Decap | Stage::TunnelRx => Self::Overlay(side),
            Stage::Output | Stage::Defrag | Stage::Neigh | Stage::Tx | Stage::Rx | Stage::Arp | Stage::Bpf(_) => {
                let devices = cast.machine(side).map_or(&[][..], |machine| &machine.node.devices);
                let device = devices.iter().find(|device| Some(device.name.as_str()) == step.device.as_deref());
                match device.map(|device| &device.kind) {
                    Some(DeviceKind::Loopback) => Self::Host(side),
                    // The host end of a pod's cable, and where they meet if there is such a place.
                    Some(DeviceKind::Bridge | DeviceKind::Veth { .. }) => Self::Bridge(side),
                    Some(kind) if is_tunnel(kind) => Self::Overlay(side),
                    _ => Self::Nic(side),
                }
            }
        }
    }

    /// Its box; `None` for what is not drawn.
    #[must_use]
    pub fn rect(self, cast: &Cast) -> Option<Rect> {
        Some(match self {
            Self::Pod(side, slot) => geometry::pod(side, slot),
            Self::Host(side) => geometry::pod(side, 0),
            Self::Bridge(side) => geometry::bridge(side, cast.has_host(side)),
            Self::Hook(side, hook) => geometry::hook(side, hook),
            Self::Route(side) => geometry::route(side),
            Self::Overlay(side) => geometry::overlay(side),
            Self::Nic(side) => geometry::nic(side),
            Self::Agent(side) => cast.agent(side),
            Self::Api => API,
            Self::Outside(idx) => geometry::outside(idx),
            Self::Router => ROUTER,
            Self::Elsewhere => FABRIC,
        })
    }

    /// The machine it is on.
    #[must_use]
    pub fn side(self) -> Option<Side> {
        match self {
            Self::Pod(side, _)
            | Self::Host(side)
            | Self::Bridge(side)
            | Self::Hook(side, _)
            | Self::Route(side)
            | Self::Overlay(side)
            | Self::Nic(side)
            | Self::Agent(side) => Some(side),
            Self::Api | Self::Outside(_) | Self::Router | Self::Elsewhere => None,
        }
    }
}

/// Whether every node has such a component of its own.
fn is_of_node(component: Component) -> bool {
    matches!(component, Component::Kubelet | Component::KubeProxy | Component::CiliumAgent)
}

/// A hook's name on the canvas.
#[must_use]
pub fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "PRE",
        Hook::Input => "INPUT",
        Hook::Forward => "FWD",
        Hook::Output => "OUTPUT",
        Hook::Postrouting => "POST",
    }
}

impl Part {
    /// The part that decides at `step`. The loopback device is inside the kernel for the eye.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        match step.stage {
            Stage::App | Stage::Deliver | Stage::Control(_) => Self::App,
            _ if step.device.as_deref() == Some("lo") => Self::Kernel,
            Stage::Tx | Stage::Rx | Stage::Output | Stage::Neigh | Stage::Arp => Self::Port,
            _ => Self::Kernel,
        }
    }
}
