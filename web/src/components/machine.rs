//! One machine of the canvas: pods with their cables, bridge, hooks, route, connection tracking, tunnel device, NIC.

use kubehop_core::api::{DeviceKind, DeviceView, Hook, PodView};
use yew::{Html, Properties, component, html};

use super::icons::ANCHOR;
use crate::scene::geometry::{self, LABEL_X, Rect, Side};
use crate::scene::{Machine as Cast, Mark, Part, Picture, Station, text};
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
    /// The program that the step names.
    program: Option<String>,
    /// Width of the packet that rests in a pod or the host's box: 0 or 1.
    resting: Option<(usize, f64)>,
}

const HOOKS: [(Hook, &str); 5] = [
    (Hook::Prerouting, "PRE"),
    (Hook::Input, "INPUT"),
    (Hook::Forward, "FWD"),
    (Hook::Output, "OUTPUT"),
    (Hook::Postrouting, "POST"),
];

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
            hooks: HOOKS.map(|(hook, _)| mark(Station::Hook(side, hook))),
            route: mark(Station::Route(side)),
            overlay: mark(Station::Overlay(side)),
            nic: mark(Station::Nic(side)),
            part: (picture.now.0.side() == Some(side)).then_some(picture.now.1),
            program: picture.program.clone(),
            words: picture.routes[usize::from(side == Side::Right)].clone(),
            resting: resting.map(|slot| (slot, width)),
        }
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
        return html! {
            <>
                <rect class="node absent" x={px(frame.x)} y={px(frame.y)} width={px(frame.w)} height={px(frame.h)} rx="16" />
                { label(frame.x + frame.w / 2.0, 210.0, "dim mid", "no second machine in this cluster") }
            </>
        };
    };
    html! {
        <>
            <rect class="node" x={px(frame.x)} y={px(frame.y)} width={px(frame.w)} height={px(frame.h)} rx="16" />
            { head(machine, side) }
            { for (0..2).map(|slot| slot_of(machine, side, slot, marks)) }
            { bridge(machine, side, marks) }
            { for (0..2).map(|slot| cable(machine, side, slot, marks)) }
            { for HOOKS.iter().zip(marks.hooks).map(|((hook, name), mark)| hook_box(geometry::hook(side, *hook), name, *hook, mark)) }
            { route(side, marks) }
            { conntrack(side) }
            { overlay(machine, side, marks) }
            { nic(machine, side, marks) }
        </>
    }
}

fn head(machine: &Cast, side: Side) -> Html {
    let x = side.x() + 14.0;
    let node = &machine.node;
    let right = match (node.pod_cidr.as_str(), node.reference.split('/').next()) {
        ("", Some("host")) => "outside the cluster",
        (cidr, _) => cidr,
    };
    let room = geometry::MACHINE_W - 44.0 - text_width(right.len() + node.address.len());
    html! {
        <g>
            <title>{ format!("{} {} {right}", node.name, node.address) }</title>
            <text class="nodename" x={px(x)} y="22">
                { text::fit(&node.name, room, text::BOLD + 1.6) }<tspan class="m dim" dx="7">{ node.address.clone() }</tspan>
            </text>
            { label(side.x() + geometry::MACHINE_W - 14.0, 22.0, "m dim end", right) }
        </g>
    }
}

fn text_width(letters: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a label is short")]
    let letters = letters as f64;
    letters * text::MONO
}

fn slot_of(machine: &Cast, side: Side, slot: usize, marks: &Marks) -> Html {
    let rect = geometry::pod(side, slot);
    if slot == 0 && machine.has_host {
        return host_box(machine, rect, marks);
    }
    match &machine.pods[slot] {
        Some(pod) => pod_box(pod, rect, marks.pods[slot].0, slot, marks),
        None => html! {
            <g class="st pod" data-state="ahead">
                <rect class="bx absent" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="12" />
                { label(rect.x + rect.w / 2.0, rect.y + 40.0, "dim mid", if machine.node.reference.starts_with("host/") { "no pods here" } else { "no other pod" }) }
            </g>
        },
    }
}

fn pod_box(pod: &PodView, rect: Rect, mark: Mark, slot: usize, marks: &Marks) -> Html {
    let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
    let title = format!("pod {}/{}: containers {}; its border is a network namespace", pod.namespace, pod.name, names.join(", "));
    html! {
        <g class={format!("st pod {}", part_class(mark, marks.part))} data-state={state(mark)}>
            <title>{ title }</title>
            <rect class="bx ns" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="12" />
            { label(rect.x + 12.0, rect.y + 18.0, "nm", &text::fit(&pod.name, 112.0, text::BOLD)) }
            { apps(&names, rect, resting(marks, slot), marks.program.as_deref()) }
            <g class="pause" transform={format!("translate({} {})", rect.x + 138.0, rect.y)}>
                <circle r="9.5" /><path d={ANCHOR} />
            </g>
            { label(rect.x + 148.0, rect.y + 25.0, "dim end", "pause") }
            { label(rect.x + 12.0, rect.y + 63.0, "m", &pod.ip) }
            { label(rect.x + 148.0, rect.y + 63.0, "dim end", "netns") }
        </g>
    }
}

/// The host's own programs, in the first pod's stead: no network namespace of their own.
fn host_box(machine: &Cast, rect: Rect, marks: &Marks) -> Html {
    html! {
        <g class={format!("st pod host {}", part_class(marks.host, marks.part))} data-state={state(marks.host)}>
            <title>{ format!("programs of {} itself, in its own network namespace", machine.node.name) }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            { label(rect.x + 12.0, rect.y + 18.0, "nm", &text::fit(&machine.node.name, 96.0, text::BOLD)) }
            { label(rect.x + 148.0, rect.y + 18.0, "dim end", "itself") }
            { apps(&[machine.program.as_deref().unwrap_or("program")], rect, resting(marks, 0), None) }
            { label(rect.x + 12.0, rect.y + 63.0, "m", &machine.node.address) }
            { label(rect.x + 148.0, rect.y + 63.0, "dim end", "no netns") }
        </g>
    }
}

fn resting(marks: &Marks, slot: usize) -> f64 {
    marks.resting.filter(|(at, _)| *at == slot).map_or(0.0, |(_, width)| width)
}

/// The containers that run programs; they make room for a packet that rests in the pod.
fn apps(names: &[&str], rect: Rect, resting: f64, talks: Option<&str>) -> Html {
    const LEAST: f64 = 34.0;
    let right = if resting > 0.0 { rect.right() - 6.0 - resting - 5.0 } else { rect.x + 104.0 };
    let room = right - (rect.x + 12.0);
    if room < LEAST {
        return html! {};
    }
    let n_shown = match names.len() {
        0 | 1 => names.len(),
        _ if room >= 2.0 * LEAST + 4.0 => 2,
        _ => 1,
    };
    #[expect(clippy::cast_precision_loss, reason = "one or two")]
    let width = ((room - 4.0 * (n_shown.max(1) - 1) as f64) / n_shown.max(1) as f64).min(64.0);
    // The one that talks comes first if there is room for one only; a tool that is no container is run in the first.
    let talks = talks.filter(|talks| names.contains(talks)).or(names.first().copied());
    let mut shown: Vec<&str> = names.to_vec();
    if n_shown < names.len() {
        shown.sort_by_key(|name| Some(*name) != talks);
    }
    let boxes = shown.iter().take(n_shown).enumerate().map(|(idx, name)| {
        #[expect(clippy::cast_precision_loss, reason = "0 or 1")]
        let x = rect.x + 12.0 + idx as f64 * (width + 4.0);
        html! {
            <>
                <rect class={if Some(*name) == talks { "app talks" } else { "app" }} x={px(x)} y={px(rect.y + 26.0)} width={px(width)} height="19" rx="5" />
                { label(x + width / 2.0, rect.y + 40.0, if Some(*name) == talks { "t mid talks" } else { "t mid" }, &text::fit(name, width - 8.0, text::SANS)) }
            </>
        }
    });
    html! { <g class="apps">{ for boxes }</g> }
}

fn cable(machine: &Cast, side: Side, slot: usize, marks: &Marks) -> Html {
    let Some(pod) = &machine.pods[slot] else { return html! {} };
    let x = geometry::cable_x(side, slot);
    let mark = marks.pods[slot].1;
    let peer = pod.devices.iter().find_map(|device| match device.kind {
        DeviceKind::Veth { peer_index, .. } => Some(format!("{}@if{peer_index}", device.name)),
        _ => None,
    });
    let more = (slot == usize::from(machine.has_host) && machine.n_more_pods > 0).then(|| machine.n_more_pods);
    let state = if mark == Mark::Unused { "ahead" } else { state(mark) };
    html! {
        <g class="st veth" data-state={state}>
            <title>{ format!("one cable with two ends: eth0 in {}, {} on the node", pod.name, pod.veth) }</title>
            <path class="cable" d={format!("M{x} 108V144")} />
            <rect class="plug top" x={px(x - 8.0)} y="103" width="16" height="9" rx="2.5" />
            <rect class="plug" x={px(x - 8.0)} y="140" width="16" height="9" rx="2.5" />
            { label(x + 14.0, 123.0, "m lab", &peer.unwrap_or_else(|| "eth0".to_owned())) }
            { label(x + 14.0, 139.0, "m lab", &text::fit(&pod.veth, if slot == 0 { 86.0 } else { 64.0 }, text::MONO)) }
            if let Some(n) = more {
                { label(side.x() + 12.0, 139.0, "dim", &format!("+{n} pod{}", if n == 1 { "" } else { "s" })) }
            }
        </g>
    }
}

fn bridge(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let rect = geometry::bridge(side, machine.has_host);
    let Some(bridge) = machine.bridge() else {
        return absent(rect, "br", "no bridge", "no bridge: this machine has no pods");
    };
    let address = bridge.addresses.first().map_or("", String::as_str);
    // Between the cables, and above the track; the short one has room for its name alone.
    let words = if machine.has_host { rect.x + 10.0 } else { side.x() + 104.0 };
    let address = if machine.has_host { "" } else { address };
    html! {
        <g class="st br" data-state={state(marks.bridge)}>
            <title>{ device_title(bridge) }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="6" />
            <text class="nm" x={px(words)} y="157">
                { text::fit(&bridge.name, 56.0, text::BOLD) }<tspan class="m dim" dx="8">{ text::fit(address, 104.0, text::MONO) }</tspan>
            </text>
        </g>
    }
}

fn hook_box(rect: Rect, name: &str, hook: Hook, mark: Mark) -> Html {
    html! {
        <g class={if mark == Mark::Unused { "st hook unused" } else { "st hook" }} data-state={state(mark)}>
            <title>{ format!("netfilter hook {}", hook.name()) }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            { label(rect.x + 30.0, rect.y + 17.5, "t mid", name) }
        </g>
    }
}

fn route(side: Side, marks: &Marks) -> Html {
    let rect = geometry::route(side);
    let (dst, to) = marks.words.clone().unwrap_or_else(|| ("routes".to_owned(), String::new()));
    html! {
        <g class="st" data-state={state(marks.route)}>
            <title>{ "routing decision: ip route" }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            <text class="m mid" x={px(rect.middle().x)} y="275">
                { dst }
                if !to.is_empty() {
                    <tspan class="ar">{ " → " }</tspan>{ text::fit(&to, 84.0, text::MONO) }
                }
            </text>
        </g>
    }
}

/// Nothing is tracked yet: the place stays, and says so.
fn conntrack(side: Side) -> Html {
    let rect = geometry::conntrack(side);
    html! {
        <g class="st ct unused" data-state="ahead">
            <title>{ "connection tracking: no rule here needs it yet" }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            { label(rect.middle().x, 301.0, "dim mid", "not in use yet") }
        </g>
    }
}

fn overlay(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let rect = geometry::overlay(side);
    let Some(device) = machine.overlay() else {
        let why = machine.no_overlay();
        return absent(rect, "", why.split(':').next().unwrap_or(why), why);
    };
    let vni = match device.kind {
        DeviceKind::Vxlan { vni, .. } => format!("vni {vni}"),
        _ => String::new(),
    };
    device_box(rect, side, device, &vni, marks.overlay)
}

fn nic(machine: &Cast, side: Side, marks: &Marks) -> Html {
    let rect = geometry::nic(side);
    let Some(device) = machine.nic() else { return absent(rect, "", "no NIC", "no NIC") };
    let address = device.addresses.first().and_then(|net| net.split('/').next()).unwrap_or_default();
    device_box(rect, side, device, address, marks.nic)
}

fn device_box(rect: Rect, side: Side, device: &DeviceView, detail: &str, mark: Mark) -> Html {
    let y = rect.y + rect.h / 2.0 + 4.5;
    html! {
        <g class="st" data-state={state(mark)}>
            <title>{ device_title(device) }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            { label(side.x() + LABEL_X, y, "nm", &text::fit(&device.name, 74.0, text::BOLD)) }
            { label(side.x() + 156.0, y, "m dim", &text::fit(detail, 94.0, text::MONO)) }
            { label(side.x() + 311.0, y, "m end", &format!("mtu {}", device.mtu)) }
        </g>
    }
}

/// A place that stays empty in this mode, and says why.
fn absent(rect: Rect, class: &str, short: &str, why: &str) -> Html {
    html! {
        <g class={format!("st unused {class}")} data-state="ahead">
            <title>{ why.to_owned() }</title>
            <rect class="bx" x={px(rect.x)} y={px(rect.y)} width={px(rect.w)} height={px(rect.h)} rx="7" />
            { label(rect.middle().x, rect.y + rect.h / 2.0 + 4.5, "dim mid", &text::fit(short, rect.w - 16.0, text::SANS)) }
        </g>
    }
}

fn device_title(device: &DeviceView) -> String {
    format!("{}: index {}, {}, mtu {}, made by {}", device.name, device.index, device.mac, device.mtu, device.writer)
}

pub(super) fn label(x: f64, y: f64, class: &'static str, words: &str) -> Html {
    html! { <text class={class} x={px(x)} y={px(y)}>{ words.to_owned() }</text> }
}

pub(super) fn px(number: f64) -> String {
    number.to_string()
}

/// The word of a mark in the style sheet; what is never reached looks like what is not reached yet.
pub(super) fn state(mark: Mark) -> &'static str {
    match mark {
        Mark::Done => "done",
        Mark::Now => "now",
        Mark::Ahead | Mark::Unused => "ahead",
    }
}

fn part_class(mark: Mark, part: Option<Part>) -> &'static str {
    match (mark, part) {
        (Mark::Now, Some(Part::App)) => "at-app",
        (Mark::Now, Some(Part::Port)) => "at-port",
        (Mark::Now, _) => "at-kernel",
        _ => "",
    }
}
