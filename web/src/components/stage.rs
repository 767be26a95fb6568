//! The canvas.

use yew::{Html, Properties, component, html, use_memo};

use super::Current;
use super::machine::{Machine, Marks, label, px, state};
use super::packet::Packet;
use crate::hooks::Travel;
use crate::scene::geometry::{CANVAS, FABRIC, Point, ROUTER, Side};
use crate::scene::{Mark, Station, rounded, text, travel};
use crate::state::{Arrival, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
    pub cursor: usize,
    pub arrival: Arrival,
}

/// Names of the rows, once, between the machines.
const SPINE: [(f64, &str); 8] = [
    (74.0, "pods"),
    (130.0, "veth"),
    (160.0, "bridge"),
    (217.0, "netfilter"),
    (274.0, "route"),
    (301.0, "conntrack"),
    (339.0, "overlay"),
    (396.0, "NIC"),
];

/// The canvas: both machines, the fabric, the packet.
#[component]
pub(super) fn Stage(props: &Props) -> Html {
    let Props { walk, current, cursor, arrival } = props;
    let picture = &current.picture;
    let motion = use_memo((walk.clone(), *cursor, *arrival), |(walk, cursor, arrival)| motion(walk, *cursor, *arrival, current));
    let lines = picture.lines.iter().map(|line| {
        let class = if line.mark == Mark::Done { "done" } else { "ahead" };
        html! {
            <>
                if let Some(rim) = &line.rim { <path class="tr rim" d={rim.clone()} /> }
                <path class={format!("tr {class}")} d={line.d.clone()} />
                { for line.arrows.iter().map(|(at, angle)| html! {
                    <path class={format!("cv {class}")} d="M-3.5-4.5 3 0l-6.5 4.5"
                        transform={format!("translate({} {}) rotate({angle})", at.x, at.y)} />
                }) }
            </>
        }
    });
    html! {
        <svg class="canvas" viewBox={format!("0 0 {} {}", CANVAS.0, CANVAS.1)} role="img" aria-label={describe(walk)}>
            { fabric(walk, current) }
            { for SPINE.iter().map(|(y, name)| label(400.0, *y, "spine", name)) }
            { for Side::BOTH.map(|side| html! { <Machine walk={walk.clone()} side={side} marks={Marks::new(picture, side)} /> }) }
            <g>{ for lines }{ for picture.loops.iter().map(|(station, mark)| loopback(walk, *station, *mark)) }</g>
            if let Some(dock) = &picture.dock {
                <Packet dock={dock.clone()} change={picture.change.clone()} travel={(*motion).clone()} />
            }
        </svg>
    }
}

/// The way that the packet is seen to go: only from one step to its neighbour, and only for one and the same packet.
fn motion(walk: &Walk, cursor: usize, arrival: Arrival, current: &Current) -> Travel {
    let from = match arrival {
        Arrival::Stepped(from) | Arrival::Played(from) if from.abs_diff(cursor) == 1 => Some(from),
        _ => None,
    };
    let same_packet = |from: &usize| walk.reel.same_packet(&walk.trace, *from) == walk.reel.same_packet(&walk.trace, cursor);
    let points = from.filter(same_packet).and_then(|from| {
        let view = walk.view(from)?;
        let before = crate::scene::Picture::new(&walk.cast, &walk.reel, &walk.trace, from, &view);
        Some(if from < cursor {
            travel(&walk.cast, &before, &current.picture)
        } else {
            // Back along the same track.
            let mut points = travel(&walk.cast, &current.picture, &before);
            points.reverse();
            points
        })
    });
    let rests = || current.picture.dock.iter().map(|dock| dock.rect.middle()).collect();
    Travel { to: cursor, points: points.unwrap_or_else(rests) }
}

/// The loopback device: out of a namespace and straight back in.
fn loopback(walk: &Walk, station: Station, mark: Mark) -> Html {
    let Some(rect) = station.rect(&walk.cast) else { return html! {} };
    let (x, y) = (rect.x + 16.0, rect.bottom());
    let class = if mark == Mark::Done { "done" } else { "ahead" };
    let corners = [Point::new(x, y), Point::new(x, y + 20.0), Point::new(x + 24.0, y + 20.0), Point::new(x + 24.0, y)];
    html! {
        <g class="st" data-state={class}>
            <title>{ "lo: whatever is handed to the loopback device comes back in by it" }</title>
            <path class={format!("tr {class}")} d={rounded(&corners)} />
            { label(x + 31.0, y + 15.0, "nm", "lo") }
        </g>
    }
}

fn describe(walk: &Walk) -> String {
    let names: Vec<&str> = Side::BOTH.iter().filter_map(|side| Some(walk.cast.machine(*side)?.node.name.as_str())).collect();
    format!(
        "{}. Height is the layer: pods, veth, bridge, netfilter hooks, route, connection tracking, overlay, NIC, fabric.",
        names.join(" on the left, ") + if names.len() > 1 { " on the right" } else { "" }
    )
}

fn fabric(walk: &Walk, current: &Current) -> Html {
    let picture = &current.picture;
    let router = picture.mark(Station::Router);
    let more = walk.cast.n_more_nodes;
    let machines = Side::BOTH.into_iter().filter_map(|side| walk.cast.machine(side)?.nic());
    let mut subnets: Vec<String> = machines.flat_map(|nic| nic.addresses.first()).map(|net| network(net)).collect();
    subnets.dedup();
    let carried = if walk.cast.left.overlay().is_some() { "outer headers only" } else { "addresses as they are" };
    let subnets = match subnets.as_slice() {
        [one] => format!("{one}, {carried}"),
        all => all.join(", "),
    };
    let subnets = text::fit(&subnets, 264.0, text::MONO);
    let left = if more == 0 { "fabric".to_owned() } else { format!("fabric, +{more} more node{}", if more == 1 { "" } else { "s" }) };
    html! {
        <>
            <g class="st fab" data-state={state(picture.fabric)}>
                <rect class="bx" x={px(FABRIC.x)} y={px(FABRIC.y)} width={px(FABRIC.w)} height={px(FABRIC.h)} rx="10" />
                { label(76.0, 437.0, "nm", &left) }
                { label(742.0, 437.0, "m dim end", &subnets) }
            </g>
            <g class={if walk.cast.uses_router { "st" } else { "st unused" }} data-state={state(router)}>
                <title>{ if walk.cast.uses_router { "the fabric's router joins the subnets" } else { "the fabric's router: both machines are in one subnet, so nothing passes it" } }</title>
                <rect class="bx" x={px(ROUTER.x)} y={px(ROUTER.y)} width={px(ROUTER.w)} height={px(ROUTER.h)} rx="6" />
                { label(400.0, ROUTER.y + 14.5, "t mid", "router") }
            </g>
        </>
    }
}

/// The network of an address with its prefix length, for the prefix lengths that end at a dot; else as it is.
fn network(net: &str) -> String {
    match net.rsplit_once('/') {
        Some((address, "24")) => match address.rsplit_once('.') {
            Some((start, _)) => format!("{start}.0/24"),
            None => net.to_owned(),
        },
        _ => net.to_owned(),
    }
}
