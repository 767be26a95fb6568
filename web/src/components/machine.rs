//! One machine of the canvas: pods with their cables, bridge, hooks, route, connection tracking, tunnel device, NIC.

use kubehop_core::api::{Component, DeviceKind, DeviceView, Hook, PodView};
use yew::{Html, Properties, component, html};

use super::icons::ANCHOR;
use super::shapes::{group, label, label_with, path, rect, state, text};
use crate::scene::geometry::{self, LABEL_X, Rect, Side};
use crate::scene::text::{BOLD, MONO, SANS, fit};
use crate::scene::{Machine as Cast, Mark, Part, Picture, Station, hook_name};
use crate::state::{Shared, Walk};

/// What a step makes of a machine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Marks {
    pods: [(Mark, Mark); 2],
    host: Mark,
    bridge: Mark,
    hooks: [Mark; 5],
    route: Mark,
    overlay: Mark,
    nic: Mark,
    part: Option<Part>,
    words: Option<(String, String)>,
    /// The agent of the machine that wakes up.
    agent: Option<Component>,
    /// Whether a row of kube-proxy's decides here.
    proxy_wrote: bool,
    /// What the connection tracking table says, and whether this step wrote it.
    connection: Option<(String, bool)>,
    /// The device that a packet rests at, where there is no bridge to rest at.
    device: Option<String>,
    /// The program that the step names.
    program: Option<String>,
    /// Width of the packet that rests in a pod or the host's box: 0 or 1.
    resting: Option<(usize, f64)>,
}

const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

impl Marks {
    pub(super) fn new(picture: &Picture, side: Side) -> Self {
        let mark = |station| picture.mark(station);
        let resting = match picture.now.0 {
            Station::Pod(at, slot) if at == side => Some(slot),
            Station::Host(at) if at == side => Some(0),
            _ => None,
        };
        let width = picture.dock.as_ref().map_or(0.0, |dock| dock.rect.w);
        Self {
            pods: [0, 1].map(|slot| (mark(Station::Pod(side, slot)), picture.cable(side, slot))),
            host: mark(Station::Host(side)),
            bridge: mark(Station::Bridge(side)),
            hooks: HOOKS.map(|hook| mark(Station::Hook(side, hook))),
            route: mark(Station::Route(side)),
            overlay: mark(Station::Overlay(side)),
            nic: mark(Station::Nic(side)),
            part: (picture.now.0.side() == Some(side)).then_some(picture.now.1),
            words: picture.routes[usize::from(side == Side::Right)].clone(),
            agent: picture.component.filter(|_| picture.now.0 == Station::Agent(side)),
            proxy_wrote: picture.proxy_wrote == Some(side),
            connection: picture.connections[usize::from(side == Side::Right)].clone(),
            device: picture.device.clone().filter(|_| picture.now.0 == Station::Bridge(side)),
            program: picture.program.clone(),
            resting: resting.map(|slot| (slot, width)),
        }
    }

    /// Width of the packet that rests in a box.
    fn resting(&self, slot: usize) -> f64 {
        self.resting.filter(|(at, _)| *at == slot).map_or(0.0, |(_, width)| width)
    }
}

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub side: Side,
    pub marks: Marks,
}

/// One machine.
#[component]
pub(super) fn Machine(props: &Props) -> Html {
    let Props { walk, side, marks } = props;
    let side = *side;
    let frame = geometry::machine(side);
    let Some(machine) = walk.cast.machine(side) else {
        let words = label(frame.middle().x, 210.0, "dim mid", "no second machine in this cluster");
        return group("", "ahead", "", vec![rect("node absent", frame, 16.0), words]);
    };
    let mut shapes = vec![rect("node", frame, 16.0), head(machine, side, marks)];
    shapes.extend((0..2).map(|slot| slot_of(machine, side, slot, marks)));
    shapes.push(bridge(machine, side, marks));
    shapes.extend((0..2).filter_map(|slot| cable(machine, side, slot, marks)));
    shapes.extend(service_device(machine, side, marks));
    shapes.extend(HOOKS.iter().zip(marks.hooks).map(|(hook, mark)| hook_box(side, *hook, mark)));
    shapes.push(route(side, marks));
    shapes.push(conntrack(side, marks));
    shapes.push(overlay(machine, side, marks));
    shapes.push(nic(machine, side, marks));
    html! { <>{ shapes }</> }
}

fn head(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let node = &machine.node;
    let right = if node.pod_cidr.is_empty() { "outside the cluster" } else { &node.pod_cidr };
    let words = label(side.x() + geometry::MACHINE_W - 14.0, 22.0, "m dim end", right);
    let title = format!("{} {} {right}", node.name, node.address);
    let x = side.x() + 14.0;
    let Some(agent) = agent(machine, marks) else {
        #[expect(clippy::cast_precision_loss, reason = "a label is short")]
        let taken = (right.len() + node.address.len()) as f64 * MONO + 44.0;
        let name = fit(&node.name, geometry::MACHINE_W - taken, BOLD + 1.6);
        return group("", "", &title, vec![label_with(x, 22.0, "nodename", &name, ("m dim", &node.address)), words]);
    };
    // The node's address stands at its NIC; kube-proxy has its place here.
    let at = geometry::agent(side, node.pod_cidr.len());
    let name = label(x, 22.0, "nodename", &fit(&node.name, at.x - x - 6.0, BOLD + 1.6));
    let (agent, title_of, mark) = agent;
    let shapes = vec![rect("bx", at, 6.0), label(at.middle().x, at.y + 13.5, "mid", agent)];
    html! { <>{ group("", "", &title, vec![name, words]) }{ group("st agent", mark, &title_of, shapes) }</> }
}

/// The agent that is drawn: the one that wakes up, or else kube-proxy; with what it is, and its mark.
fn agent(machine: &Cast, marks: &Marks) -> Option<(&'static str, String, &'static str)> {
    match marks.agent {
        Some(Component::Kubelet) => {
            let title = "the kubelet: a program of the node itself, not a pod. It starts and ends pods.";
            Some((Component::Kubelet.slug(), title.to_owned(), "now"))
        }
        Some(Component::CiliumAgent) => {
            let title =
                "Cilium's agent: a DaemonSet's pod on the host network. It writes the maps of the eBPF programs.";
            Some((Component::CiliumAgent.slug(), title.to_owned(), "now"))
        }
        wakes => {
            let title = format!(
                "{}: a DaemonSet's pod on the host network, the same on every node. It sees no packet; it writes the rules \
                 that translate services.",
                machine.kube_proxy()?.name
            );
            let mark = match wakes {
                Some(_) => "now",
                None if marks.proxy_wrote => "done",
                None => "ahead",
            };
            Some(("kube-proxy", title, mark))
        }
    }
}

fn slot_of(machine: &Cast, side: Side, slot: usize, marks: &Marks) -> Html {
    let at = geometry::pod(side, slot);
    if slot == 0 && machine.has_host {
        return host_box(machine, at, marks);
    }
    match &machine.pods[slot] {
        Some(pod) => pod_box(pod, at, slot, marks),
        None => {
            let words = if machine.bridge().is_none() { "no pods here" } else { "no other pod" };
            let shapes = vec![rect("bx absent", at, 12.0), label(at.middle().x, at.y + 40.0, "dim mid", words)];
            group("st pod", "ahead", words, shapes)
        }
    }
}

/// A pod: its border is the network namespace, which the pause container holds open.
fn pod_box(pod: &PodView, at: Rect, slot: usize, marks: &Marks) -> Html {
    let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
    let title = format!(
        "pod {}/{}: containers {}; its border is a network namespace",
        pod.namespace,
        pod.name,
        names.join(", ")
    );
    let mark = marks.pods[slot].0;
    let anchor = html! { <circle cx="0" cy="0" r="9.5" /> };
    let mut shapes = vec![
        rect("bx ns", at, 12.0),
        label(at.x + 12.0, at.y + 18.0, "nm", &fit(&pod.name, 98.0, BOLD)),
        pause(anchor, at),
        label(at.x + 148.0, at.y + 25.0, "dim end", "pause"),
        label(at.x + 12.0, at.y + 63.0, "m", &pod.ip),
        label(at.x + 148.0, at.y + 63.0, "dim end", "netns"),
    ];
    apps(&names, at, marks.resting(slot), marks.program.as_deref(), &mut shapes);
    group(pod_class(mark, marks.part), state(mark), &title, shapes)
}

fn pause(circle: Html, at: Rect) -> Html {
    let transform = format!("translate({} {})", geometry::Tenths(at.x + 138.0), geometry::Tenths(at.y));
    html! { <g class="pause" transform={transform}>{ circle }<path d={ANCHOR} /></g> }
}

/// The host's own programs, in the first pod's stead: no network namespace of their own.
fn host_box(machine: &Cast, at: Rect, marks: &Marks) -> Html {
    let title = format!("programs of {} itself, in its own network namespace", machine.node.name);
    let mut shapes = vec![
        rect("bx", at, 7.0),
        label(at.x + 12.0, at.y + 18.0, "nm", &fit(&machine.node.name, 96.0, BOLD)),
        label(at.x + 148.0, at.y + 18.0, "dim end", "itself"),
        label(at.x + 12.0, at.y + 63.0, "m", &machine.node.address),
        label(at.x + 148.0, at.y + 63.0, "dim end", "no netns"),
    ];
    let program = machine.program.as_deref().unwrap_or("kernel");
    apps(&[program], at, marks.resting(0), None, &mut shapes);
    group(host_class(marks.host, marks.part), state(marks.host), &title, shapes)
}

/// The containers that run programs; they make room for a packet that rests in the pod.
fn apps(names: &[&str], at: Rect, resting: f64, talks: Option<&str>, shapes: &mut Vec<Html>) {
    const LEAST: f64 = 34.0;
    let left = at.x + 12.0;
    let right = if resting > 0.0 { at.right() - 11.0 - resting } else { at.x + 104.0 };
    let room = right - left;
    // The one that talks comes first if there is room for one only; a tool that is no container is run in the first.
    let talks = talks.filter(|talks| names.contains(talks)).or(names.first().copied());
    let one = || talks.into_iter().collect();
    let shown: Vec<&str> = match room {
        room if room < LEAST => Vec::new(),
        room if room < 2.0 * LEAST + 4.0 => one(),
        _ => names.iter().take(2).copied().collect(),
    };
    let width = if shown.len() == 2 { (room - 4.0) / 2.0 } else { room }.min(64.0);
    let mut x = left;
    for name in shown {
        let (class, words) = if Some(name) == talks { ("app talks", "t mid talks") } else { ("app", "t mid") };
        shapes.push(rect(class, Rect::new(x, at.y + 26.0, width, 19.0), 5.0));
        shapes.push(label(x + width / 2.0, at.y + 40.0, words, &fit(name, width - 8.0, SANS)));
        x += width + 4.0;
    }
}

/// One cable with a plug at each end, and both ends' names.
fn cable(machine: &Cast, side: Side, slot: usize, marks: &Marks) -> Option<Html> {
    let pod = machine.pods[slot].as_ref()?;
    let x = geometry::cable_x(side, slot);
    let peer = pod.devices.iter().find_map(|device| match device.kind {
        DeviceKind::Veth { peer_index, .. } => Some(format!("{}@if{peer_index}", device.name)),
        _ => None,
    });
    let room = if slot == 0 { 86.0 } else { 64.0 };
    let mut shapes = vec![
        path("cable", format!("M{} 108V144", geometry::Tenths(x))),
        rect("plug top", Rect::new(x - 8.0, 103.0, 16.0, 9.0), 2.5),
        rect("plug", Rect::new(x - 8.0, 140.0, 16.0, 9.0), 2.5),
        label(x + 14.0, 123.0, "m lab", peer.as_deref().unwrap_or("eth0")),
        label(x + 14.0, 139.0, "m lab", &fit(&pod.veth, room, MONO)),
    ];
    let n_more = machine.n_more_pods;
    if n_more > 0 && slot == usize::from(machine.has_host) {
        let more = if n_more == 1 { "+1 pod".to_owned() } else { format!("+{n_more} pods") };
        shapes.push(label(side.x() + 12.0, 139.0, "dim", &more));
    }
    let title = format!("one cable with two ends: eth0 in {}, {} on the node", pod.name, pod.veth);
    let is_host_end = machine.bridge().is_none() && marks.device.as_ref() == Some(&pod.veth);
    let (class, mark) = if is_host_end { ("st veth at-host", Mark::Now) } else { ("st veth", marks.pods[slot].1) };
    Some(group(class, state(mark), &title, shapes))
}

fn bridge(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let at = geometry::bridge(side, machine.has_host);
    let Some(bridge) = machine.bridge() else {
        // The words stand above the track that passes here.
        let why = machine.no_bridge();
        let short = why.split(':').next().unwrap_or(why);
        let words = label(at.middle().x, 157.0, "dim mid", &fit(short, at.w - 8.0, SANS));
        return group("st unused", "ahead", why, vec![rect("bx", at, 6.0), words]);
    };
    let address = bridge.addresses.first().map_or("", String::as_str);
    // Between the cables, and above the track; the short one has room for its name alone.
    let (x, address) = if machine.has_host { (at.x + 10.0, "") } else { (side.x() + 104.0, address) };
    let words = label_with(x, 157.0, "nm", &fit(&bridge.name, 56.0, BOLD), ("m dim", &fit(address, 104.0, MONO)));
    group("st br", state(marks.bridge), &device_title(bridge), vec![rect("bx", at, 6.0), words])
}

/// kube-ipvs0: no packet leaves by it. It has the services' addresses, so that packets to them reach the hooks of IPVS.
fn service_device(machine: &Cast, side: Side, marks: &Marks) -> Option<Html> {
    let device = machine.service_device()?;
    let at = geometry::service_device(side, machine.has_host);
    let addresses = device.addresses.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    let title = format!("{}; down, it only has the services' addresses: {addresses}", device_title(device));
    let words = label(at.middle().x, at.y + 12.5, "mid dev", &device.name);
    let state = if marks.proxy_wrote { "done" } else { "ahead" };
    Some(group("st agent", state, &title, vec![rect("bx", at, 5.0), words]))
}

fn hook_box(side: Side, hook: Hook, mark: Mark) -> Html {
    let at = geometry::hook(side, hook);
    let class = if mark == Mark::Unused { "st hook unused" } else { "st hook" };
    let shapes = vec![rect("bx", at, 7.0), label(at.middle().x, at.y + 17.5, "t mid", hook_name(hook))];
    group(class, state(mark), hook.name(), shapes)
}

fn route(side: Side, marks: &Marks) -> Html {
    let at = geometry::route(side);
    let words = match &marks.words {
        None => label(at.middle().x, 275.0, "m mid", "routes"),
        Some((dst, to)) => html! {
            <text class="m mid" x={super::shapes::num(at.middle().x)} y="275">
                { text(dst) }<tspan class="ar">{ " → " }</tspan>{ text(&fit(to, 84.0, MONO)) }
            </text>
        },
    };
    group("st", state(marks.route), "routing decision: ip route", vec![rect("bx", at, 7.0), words])
}

/// The connection of the packet, in the words of `conntrack -L`.
fn conntrack(side: Side, marks: &Marks) -> Html {
    let at = geometry::conntrack(side);
    let Some((words, is_new)) = &marks.connection else {
        return absent(at, "nothing is tracked", "connection tracking: no packet of this walk passes a hook here");
    };
    let (class, box_class, mark) = match is_new {
        true => ("st ct", "bx fresh", "done"),
        false if words.starts_with("no ") => ("st ct", "bx", "ahead"),
        false => ("st ct", "bx", "done"),
    };
    let words = label(at.middle().x, at.y + 15.0, "m mid", &fit(words, at.w - 12.0, MONO));
    group(class, mark, "connection tracking: conntrack -L", vec![rect(box_class, at, 7.0), words])
}

fn overlay(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let at = geometry::overlay(side);
    let Some(device) = machine.overlay() else {
        let why = machine.no_overlay();
        return absent(at, why.split(':').next().unwrap_or(why), why);
    };
    let vni = match device.kind {
        DeviceKind::Vxlan { vni, .. } | DeviceKind::Geneve { vni, .. } if vni > 0 => format!("vni {vni}"),
        _ => String::new(),
    };
    device_box(at, side, device, &vni, marks.overlay)
}

fn nic(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let at = geometry::nic(side);
    let Some(device) = machine.nic() else { return absent(at, "no NIC", "no NIC") };
    let address = device.addresses.first().and_then(|net| net.split('/').next()).unwrap_or_default();
    device_box(at, side, device, address, marks.nic)
}

fn device_box(at: Rect, side: Side, device: &DeviceView, detail: &str, mark: Mark) -> Html {
    let y = at.middle().y + 4.5;
    let shapes = vec![
        rect("bx", at, 7.0),
        label(side.x() + LABEL_X, y, "nm", &fit(&device.name, if detail.is_empty() { 150.0 } else { 74.0 }, BOLD)),
        label(side.x() + 156.0, y, "m dim", &fit(detail, 94.0, MONO)),
        label(side.x() + 311.0, y, "m end", &format!("mtu {}", device.mtu)),
    ];
    group("st", state(mark), &device_title(device), shapes)
}

/// A place that stays empty in this mode, and says why.
fn absent(at: Rect, short: &str, why: &str) -> Html {
    let words = label(at.middle().x, at.middle().y + 4.5, "dim mid", &fit(short, at.w - 16.0, SANS));
    group("st unused", "ahead", why, vec![rect("bx", at, 7.0), words])
}

fn device_title(device: &DeviceView) -> String {
    format!("{}: index {}, {}, mtu {}, made by {}", device.name, device.index, device.mac, device.mtu, device.writer)
}

fn pod_class(mark: Mark, part: Option<Part>) -> &'static str {
    match (mark, part) {
        (Mark::Now, Some(Part::App)) => "st pod at-app",
        (Mark::Now, Some(Part::Port)) => "st pod at-port",
        _ => "st pod",
    }
}

fn host_class(mark: Mark, part: Option<Part>) -> &'static str {
    if mark == Mark::Now && part == Some(Part::App) { "st pod host at-app" } else { "st pod host" }
}
