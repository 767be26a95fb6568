//! The canvas.

use kubehop_core::api::NodeView;
use yew::{Html, Properties, component, html, use_memo, use_mut_ref};

use super::Current;
use super::machine::{Machine, Marks};
use super::packet::Packet;
use super::shapes::{group, label, path, path_at, rect, state};
use crate::hooks::Travel;
use crate::scene::geometry::{self, API, CANVAS, FABRIC, Point, ROUTER, Side, within};
use crate::scene::text::{BOLD, MONO, fit};
use crate::scene::{Line, Mark, Picture, Station, rounded, travel};
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
    let last = use_mut_ref(|| None::<Shared<Current>>);
    let motion = use_memo((walk.clone(), *cursor, *arrival), |(walk, _, arrival)| {
        let before = last.replace(Some(current.clone()));
        motion(walk, *arrival, before.as_deref(), current)
    });
    let mut lines = Vec::new();
    for line in &picture.lines {
        draw(line, &mut lines);
    }
    lines.extend(picture.loops.iter().filter_map(|(station, mark)| loopback(walk, *station, *mark)));
    html! {
        <svg class="canvas" viewBox="12 0 776 464" role="img" aria-label={describe(walk)}>
            { fabric(walk, current) }
            { for SPINE.iter().map(|(y, name)| label(400.0, *y, "spine", name)) }
            { for Side::BOTH.map(|side| html! { <Machine walk={walk.clone()} side={side} marks={Marks::new(picture, side)} /> }) }
            if walk.has_api() { { api(picture) } }
            <g>{ lines }</g>
            if let Some(dock) = &picture.dock {
                <Packet dock={dock.clone()} change={picture.change.clone()} travel={(*motion).clone()} is_end={picture.is_end} />
            }
        </svg>
    }
}

/// The API server, above all; which of those who watch it for the whole cluster wakes up stands below.
fn api(picture: &Picture) -> Html {
    let shapes = vec![rect("bx", API, 6.0), label(API.middle().x, API.y + 15.5, "t mid", "API")];
    let mut words = Vec::new();
    let watcher = picture.component.filter(|_| picture.now.0 == Station::Api);
    if let Some(component) = watcher {
        // `endpoint-slice` takes two lines between the machines.
        for (idx, word) in component.slug().split('-').enumerate() {
            let y = if idx == 0 { 43.0 } else { 56.0 };
            words.push(label(API.middle().x, y, "m mid who", word));
        }
    }
    let title = "the API server: objects are written there, and whoever watches them is told";
    let mark = if watcher.is_some() { Mark::Now } else { Mark::Unused };
    html! { <>{ group("st api", state(mark), title, shapes) }{ words }</> }
}

fn draw(line: &Line, shapes: &mut Vec<Html>) {
    let (track, arrow) = if line.mark == Mark::Done { ("tr done", "cv done") } else { ("tr ahead", "cv ahead") };
    if let Some(rim) = &line.rim {
        shapes.push(path("tr rim", rim.clone()));
    }
    shapes.push(path(track, line.d.clone()));
    for (at, degrees) in &line.arrows {
        shapes.push(path_at(arrow, "M-3.5-4.5 3 0l-6.5 4.5", at.x, at.y, *degrees));
    }
}

/// The way that the packet is seen to go: only from one step to its neighbour, and only for one and the same packet.
fn motion(walk: &Walk, arrival: Arrival, before: Option<&Current>, current: &Current) -> Travel {
    let cursor = current.view.idx;
    let from = match arrival {
        Arrival::Stepped(from) | Arrival::Played(from) if from.abs_diff(cursor) == 1 => Some(from),
        _ => None,
    };
    let packet = |idx| walk.reel.same_packet(&walk.trace, idx);
    let is_neighbour = |before: &&Current| Some(before.view.idx) == from && packet(before.view.idx) == packet(cursor);
    let points = before.filter(is_neighbour).map(|before| {
        if before.view.idx < cursor {
            return travel(&walk.cast, &before.picture, &current.picture);
        }
        // Back along the same track.
        let mut points = travel(&walk.cast, &current.picture, &before.picture);
        points.reverse();
        points
    });
    let rests = || current.picture.dock.iter().map(|dock| dock.rect.middle()).collect();
    let mut points: Vec<Point> = points.unwrap_or_else(rests);
    // Some tracks run close to the canvas's edge: a wide packet stays inside and is not cut.
    let half = current.picture.dock.as_ref().map_or(0.0, |dock| dock.rect.w / 2.0);
    for point in &mut points {
        point.x = within(point.x, half, CANVAS.0 - half);
    }
    Travel { to: cursor, points }
}

/// The loopback device: out of a namespace and straight back in.
fn loopback(walk: &Walk, station: Station, mark: Mark) -> Option<Html> {
    let at = station.rect(&walk.cast)?;
    let (x, y) = (at.x + 16.0, at.bottom());
    let (class, word) = if mark == Mark::Done { ("tr done", "done") } else { ("tr ahead", "ahead") };
    let corners = [Point::new(x, y), Point::new(x, y + 20.0), Point::new(x + 24.0, y + 20.0), Point::new(x + 24.0, y)];
    let shapes = vec![path(class, rounded(&corners)), label(x + 31.0, y + 15.0, "nm", "lo")];
    Some(group("st", word, "lo: whatever is handed to the loopback device comes back in by it", shapes))
}

fn describe(walk: &Walk) -> String {
    let names: Vec<&str> =
        Side::BOTH.iter().filter_map(|side| Some(walk.cast.machine(*side)?.node.name.as_str())).collect();
    format!(
        "{}. Height is the layer: pods, veth, bridge, netfilter hooks, route, connection tracking, overlay, NIC, fabric.",
        names.join(" on the left, ") + if names.len() > 1 { " on the right" } else { "" }
    )
}

fn fabric(walk: &Walk, current: &Current) -> Html {
    let picture = &current.picture;
    let left = match walk.cast.n_more_nodes {
        0 => "fabric".to_owned(),
        more if !walk.cast.outside.is_empty() => format!("fabric, +{more}"),
        1 => "fabric, +1 more node".to_owned(),
        more => format!("fabric, +{more} more nodes"),
    };
    let shapes = vec![
        rect("bx", FABRIC, 10.0),
        label(46.0, 437.0, "nm", &left),
        label(
            742.0,
            437.0,
            "m dim end",
            &fit(&subnets(walk), if walk.cast.outside.len() > 1 { 136.0 } else { 264.0 }, MONO),
        ),
    ];
    let (class, why) = if walk.cast.uses_router {
        ("st", "the fabric's router joins the subnets")
    } else {
        ("st unused", "the fabric's router: nothing on this walk passes it")
    };
    let router = vec![rect("bx", ROUTER, 6.0), label(ROUTER.middle().x, ROUTER.y + 14.5, "t mid", "router")];
    html! {
        <>
            { group("st fab", state(picture.fabric), "the network between the machines", shapes) }
            { group(class, state(picture.mark(Station::Router)), why, router) }
            { for walk.cast.outside.iter().enumerate().map(|(idx, machine)| outside(idx, machine, picture)) }
        </>
    }
}

/// A machine on the way that is not drawn large.
fn outside(idx: usize, machine: &NodeView, picture: &Picture) -> Html {
    let station = Station::Outside(idx);
    let at = geometry::outside(idx);
    let title =
        format!("{} {}: also on the way. What it decides is told in the panels.", machine.name, machine.address);
    let shapes =
        vec![rect("bx", at, 6.0), label(at.middle().x, at.y + 14.5, "t mid", &fit(&machine.name, at.w - 12.0, BOLD))];
    group("st", state(picture.mark(station)), &title, shapes)
}

/// The drawn machines' subnets, and what the fabric sees of a packet.
fn subnets(walk: &Walk) -> String {
    let machines = Side::BOTH.into_iter().filter_map(|side| walk.cast.machine(side)?.nic());
    let mut subnets: Vec<String> = machines.flat_map(|nic| nic.addresses.first()).map(|net| network(net)).collect();
    subnets.dedup();
    let carried = if walk.cast.left.overlay().is_some() { "outer headers only" } else { "addresses as they are" };
    match subnets.as_slice() {
        [one] => format!("{one}, {carried}"),
        all => all.join(", "),
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
