//! Tracks: the lines that a packet follows from one station to the next.

use kubehop_core::api::Hook;

use super::cast::Cast;
use super::geometry::{self, BRIDGE_TRACK_Y, FABRIC_TRACK_Y, Point, ROUTER, Side, lane};
use super::station::Station;

/// A line of the canvas.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Track {
    /// Its corners.
    pub points: Vec<Point>,
    /// Whether it passes over others: the drawing gives it a rim then.
    pub over: bool,
}

/// The line from one station to the next. `arrived` is where the line before it ended.
#[must_use]
pub(super) fn track(cast: &Cast, from: Station, to: Station, arrived: Option<Point>) -> Track {
    let mut points = corners(cast, from, to);
    // Along the bridge from where the packet came in to where it goes out.
    if let (Station::Bridge(_), Some(arrived), Some(first)) = (from, arrived, points.first())
        && arrived.y == BRIDGE_TRACK_Y
        && first.y == BRIDGE_TRACK_Y
        && arrived != *first
    {
        points.insert(0, arrived);
    }
    Track { points, over: is_over(from, to) }
}

/// Where two tracks must cross, one of them passes over the other.
fn is_over(from: Station, to: Station) -> bool {
    use Station::{Host, Overlay, Route};
    matches!(
        (from, to),
        (Route(_), Station::Hook(_, Hook::Output))
            | (Station::Hook(_, Hook::Input), Overlay(_) | Host(_))
            | (Host(_), Route(_))
            | (Route(_), Host(_))
    )
}

fn corners(cast: &Cast, from: Station, to: Station) -> Vec<Point> {
    use Hook::{Forward, Input, Output, Postrouting, Prerouting};
    use Station::{Bridge, Host, Nic, Outside, Overlay, Pod, Route, Router};
    let line = |side: Side, offsets: &[(f64, f64)]| -> Vec<Point> {
        offsets.iter().map(|(x, y)| Point::new(side.x() + x, *y)).collect()
    };
    match (from, to) {
        (Pod(side, slot), Bridge(_)) => down_the_cable(side, slot),
        (Bridge(_), Pod(side, slot)) => reversed(down_the_cable(side, slot)),
        (Bridge(side), Station::Hook(_, Prerouting)) => {
            line(side, &[(lane::BRIDGE_DOWN, BRIDGE_TRACK_Y), (lane::BRIDGE_DOWN, 200.0)])
        }
        // The hooks of a bridge's port (br_netfilter): from the port to them, and from them to the port.
        (Pod(side, slot), Station::Hook(_, Prerouting)) => via_bridge(side, slot, lane::BRIDGE_DOWN),
        (Station::Hook(side, Prerouting), Bridge(_)) => {
            line(side, &[(lane::BRIDGE_DOWN, 200.0), (lane::BRIDGE_DOWN, BRIDGE_TRACK_Y)])
        }
        (Bridge(side), Station::Hook(_, Forward)) => {
            line(side, &[(lane::ROUTE_FORWARD, BRIDGE_TRACK_Y), (lane::ROUTE_FORWARD, 200.0)])
        }
        (Station::Hook(side, Forward), Bridge(_)) => {
            line(side, &[(lane::ROUTE_FORWARD, 200.0), (lane::ROUTE_FORWARD, BRIDGE_TRACK_Y)])
        }
        (Station::Hook(side, Output), Bridge(_)) => {
            line(side, &[(lane::ROUTE_OUTPUT, 200.0), (lane::ROUTE_OUTPUT, BRIDGE_TRACK_Y)])
        }
        (Station::Hook(_, Forward), Pod(side, slot)) => reversed(via_bridge(side, slot, lane::ROUTE_FORWARD)),
        (Station::Hook(_, Postrouting), Pod(side, slot)) => reversed(via_bridge(side, slot, lane::POST_BRIDGE)),
        // It has passed PREROUTING at the port, and is not asked again.
        (Bridge(side), Route(_)) => {
            line(side, &[(lane::PRE_DOWN, 226.0), (lane::PRE_DOWN, 270.0), (geometry::LABEL_X, 270.0)])
        }
        (Route(side), Bridge(_)) => line(side, &[(lane::GAP, 258.0), (lane::GAP, BRIDGE_TRACK_Y)]),
        // Where POSTROUTING has nothing to say to it.
        (Station::Hook(side, Forward), Overlay(_)) => past_post(side, lane::FORWARD_OUT, lane::POST_TUNNEL, 322.0),
        (Station::Hook(side, Forward), Nic(_)) => past_post(side, lane::FORWARD_OUT, lane::NIC_DOWN, 380.0),
        (Station::Hook(side, Output), Overlay(_)) => past_post(side, lane::OUTPUT_OUT, lane::POST_TUNNEL, 322.0),
        (Station::Hook(side, Output), Nic(_)) => past_post(side, lane::OUTPUT_OUT, lane::NIC_DOWN, 380.0),
        (Station::Hook(side, Output), Route(_)) => line(side, &[(lane::REROUTE, 226.0), (lane::REROUTE, 258.0)]),
        (Route(side), Overlay(_)) => {
            line(side, &[(272.0, 270.0), (lane::POST_TUNNEL, 270.0), (lane::POST_TUNNEL, 322.0)])
        }
        // Past the hooks: an eBPF program hands it from device to device.
        (Bridge(side), Overlay(_)) => line(side, &[(lane::PAST_DOWN, BRIDGE_TRACK_Y), (lane::PAST_DOWN, 322.0)]),
        (Overlay(side), Bridge(_)) => line(side, &[(lane::PAST_UP, 322.0), (lane::PAST_UP, BRIDGE_TRACK_Y)]),
        // IPVS takes it at INPUT, and sends it on as if it were the machine's own.
        (Station::Hook(side, Input), Route(_)) => line(side, &[(lane::IPVS_ROUTE, 226.0), (lane::IPVS_ROUTE, 258.0)]),
        (Station::Hook(side, Input), Station::Hook(_, Output)) => {
            let (from, to) = (lane::IPVS_OUT, lane::REROUTE);
            line(side, &[(from, 226.0), (from, 240.0), (to, 240.0), (to, 226.0)])
        }
        // Routed again because OUTPUT has given it another destination.
        (Route(side), Station::Hook(_, Postrouting)) => {
            let (out, post) = (lane::OUTPUT_OUT, lane::POST_IN);
            line(side, &[(out, 258.0), (out, 240.0), (post, 240.0), (post, 226.0)])
        }
        // Out by lo, and in by lo.
        (Station::Hook(side, Output), Host(_)) => {
            line(side, &[(lane::ROUTE_OUTPUT, 200.0), (lane::ROUTE_OUTPUT, 176.0), (120.0, 176.0), (120.0, 108.0)])
        }
        (Station::Hook(side, Postrouting), Host(_)) => {
            line(side, &[(lane::POST_BRIDGE, 200.0), (lane::POST_BRIDGE, 176.0), (120.0, 176.0), (120.0, 108.0)])
        }
        (Host(side), Station::Hook(_, Prerouting)) => line(side, &[(24.0, 108.0), (24.0, 200.0)]),
        (Station::Hook(side, Postrouting), Bridge(_)) => {
            line(side, &[(lane::POST_BRIDGE, 200.0), (lane::POST_BRIDGE, BRIDGE_TRACK_Y)])
        }
        (Station::Hook(side, Prerouting), Route(_)) => {
            line(side, &[(lane::PRE_DOWN, 226.0), (lane::PRE_DOWN, 270.0), (geometry::LABEL_X, 270.0)])
        }
        (Route(side), Station::Hook(_, Forward)) => up(side, lane::ROUTE_FORWARD),
        (Route(side), Station::Hook(_, Input)) => up(side, lane::ROUTE_INPUT),
        (Route(side), Station::Hook(_, Output)) => up(side, lane::ROUTE_OUTPUT),
        (Station::Hook(side, Forward), Station::Hook(_, Postrouting)) => line(
            side,
            &[(lane::FORWARD_OUT, 226.0), (lane::FORWARD_OUT, 240.0), (lane::POST_IN, 240.0), (lane::POST_IN, 226.0)],
        ),
        (Station::Hook(side, Output), Station::Hook(_, Postrouting)) => line(side, &[(272.0, 213.0), (280.0, 213.0)]),
        (Station::Hook(side, Postrouting), Overlay(_)) => {
            line(side, &[(lane::POST_TUNNEL, 226.0), (lane::POST_TUNNEL, 322.0)])
        }
        (Station::Hook(side, Postrouting), Nic(_)) => line(side, &[(lane::NIC_DOWN, 226.0), (lane::NIC_DOWN, 380.0)]),
        (Overlay(side), Route(_)) => {
            line(side, &[(lane::TUNNEL_ROUTE, 322.0), (lane::TUNNEL_ROUTE, 270.0), (272.0, 270.0)])
        }
        (Station::Hook(side, Input), Overlay(_)) => {
            line(side, &[(90.0, 226.0), (90.0, 244.0), (lane::INPUT_DOWN, 244.0), (lane::INPUT_DOWN, 322.0)])
        }
        (Overlay(side), Station::Hook(_, Prerouting)) => {
            line(side, &[(lane::TUNNEL_UP, 322.0), (lane::TUNNEL_UP, 226.0)])
        }
        (Nic(side), Station::Hook(_, Prerouting)) => line(side, &[(lane::NIC_UP, 380.0), (lane::NIC_UP, 226.0)]),
        (Nic(side), Route(_)) => {
            line(side, &[(lane::NIC_UP, 380.0), (lane::NIC_UP, 270.0), (geometry::LABEL_X, 270.0)])
        }
        (Route(side), Nic(_)) => line(side, &[(272.0, 270.0), (lane::NIC_DOWN, 270.0), (lane::NIC_DOWN, 380.0)]),
        (Station::Hook(side, Input), Host(_)) => line(side, &[(lane::ROUTE_INPUT, 200.0), (lane::ROUTE_INPUT, 108.0)]),
        (Host(side), Route(_)) => line(side, &[(lane::HOST, 108.0), (lane::HOST, 258.0)]),
        (Route(side), Host(_)) => line(side, &[(lane::HOST, 258.0), (lane::HOST, 108.0)]),
        (Nic(from), Nic(to)) if from != to => along_fabric(nic_out(from), nic_in(to)),
        (Outside(from), Outside(to)) => along_fabric(outside_port(from), outside_port(to)),
        (Outside(idx), Nic(side)) => along_fabric(outside_port(idx), nic_in(side)),
        (Nic(side), Outside(idx)) => along_fabric(nic_out(side), outside_port(idx)),
        (Outside(idx), Router) => along_fabric(outside_port(idx), router_port(half(idx))),
        (Router, Outside(idx)) => along_fabric(router_port(half(idx)), outside_port(idx)),
        (Nic(side), Router) => along_fabric(nic_out(side), router_port(side)),
        (Router, Nic(side)) => along_fabric(router_port(side), nic_in(side)),
        _ => elbow(cast, from, to),
    }
}

fn up(side: Side, x: f64) -> Vec<Point> {
    vec![Point::new(side.x() + x, 258.0), Point::new(side.x() + x, 226.0)]
}

fn down_the_cable(side: Side, slot: usize) -> Vec<Point> {
    let x = geometry::cable_x(side, slot);
    vec![Point::new(x, 106.0), Point::new(x, BRIDGE_TRACK_Y)]
}

/// From a pod to the lane at `x` under the bridge, and down it to the hooks.
fn via_bridge(side: Side, slot: usize, x: f64) -> Vec<Point> {
    let mut points = down_the_cable(side, slot);
    points.extend([BRIDGE_TRACK_Y, 200.0].map(|y| Point::new(side.x() + x, y)));
    points
}

/// From a hook at `from`, below POSTROUTING, to a device at `to`.
fn past_post(side: Side, from: f64, to: f64, end: f64) -> Vec<Point> {
    [(from, 226.0), (from, 240.0), (to, 240.0), (to, end)].map(|(x, y)| Point::new(side.x() + x, y)).to_vec()
}

fn reversed(mut points: Vec<Point>) -> Vec<Point> {
    points.reverse();
    points
}

fn nic_out(side: Side) -> Point {
    Point::new(side.x() + lane::NIC_DOWN, geometry::nic(side).bottom())
}

fn nic_in(side: Side) -> Point {
    Point::new(side.x() + lane::NIC_UP, geometry::nic(side).bottom())
}

fn outside_port(idx: usize) -> Point {
    let at = geometry::outside(idx);
    Point::new(at.middle().x, at.bottom())
}

/// On which side of the router a box of the fabric stands.
fn half(idx: usize) -> Side {
    if idx == 0 { Side::Left } else { Side::Right }
}

fn router_port(side: Side) -> Point {
    let x = match side {
        Side::Left => ROUTER.x + 16.0,
        Side::Right => ROUTER.right() - 16.0,
    };
    Point::new(x, ROUTER.bottom())
}

fn along_fabric(from: Point, to: Point) -> Vec<Point> {
    vec![from, Point::new(from.x, FABRIC_TRACK_Y), Point::new(to.x, FABRIC_TRACK_Y), to]
}

/// For pairs that no kernel makes today: a plain line, rather than none.
fn elbow(cast: &Cast, from: Station, to: Station) -> Vec<Point> {
    let (Some(from), Some(to)) = (from.rect(cast), to.rect(cast)) else { return Vec::new() };
    let (a, b) = (from.middle(), to.middle());
    vec![a, Point::new(a.x, b.y), b]
}

/// A flooded copy ends under the pod that drops it.
pub(super) const FLOOD_END_Y: f64 = 114.0;

/// The stretch of cable that a flooded copy takes from the bridge to a pod that is not meant.
#[must_use]
pub(super) fn flood(side: Side, slot: usize, arrived: Option<Point>) -> Track {
    let mut points = reversed(down_the_cable(side, slot));
    points.pop();
    points.push(Point::new(geometry::cable_x(side, slot), FLOOD_END_Y));
    if let Some(arrived) = arrived.filter(|arrived| arrived.y == BRIDGE_TRACK_Y && *arrived != points[0]) {
        points.insert(0, arrived);
    }
    Track { points, over: false }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{elbow, track};
    use crate::scene::Station;
    use crate::state::{Scenario, Walk};
    use kubehop_core::api::{CniMode, ProxyMode};

    #[test]
    fn every_way_that_a_packet_takes_has_a_track_of_its_own() {
        let runs = [
            ("pod/default/client", "http://10.244.1.2:8080"),
            ("pod/default/client", "http://10.244.0.3:8080"),
            ("pod/default/client", "http://10.96.45.67:80"),
            ("pod/default/web-0", "http://10.96.45.67:80"),
            ("pod/default/client", "http://203.0.113.2:80"),
            ("pod/default/client", "ping://172.18.0.2"),
            ("node/node-a", "http://10.96.45.67:80"),
            ("node/node-a", "ping://172.18.0.2"),
            ("host/laptop", "ping://172.18.0.3"),
            ("host/laptop", "http://172.18.0.2:30080"),
            ("host/laptop", "http://172.18.0.3:30080"),
        ];
        let mut missing = BTreeSet::new();
        let proxies = [None, Some(ProxyMode::Ipvs), Some(ProxyMode::Nftables)];
        for ((_, _, mode), proxy) in CniMode::ALL.into_iter().flat_map(|mode| proxies.map(|proxy| (mode, proxy))) {
            for (from, to) in runs {
                for seed in [1, 2] {
                    let scenario = Scenario {
                        from: Some(from.to_owned()),
                        to: Some(to.to_owned()),
                        cni: Some(mode),
                        proxy,
                        seed,
                        ..Scenario::default()
                    };
                    let walk = Walk::new(&scenario).expect("a walk");
                    for idx in 0..walk.n_steps() {
                        let steps = walk.reel.same_packet(&walk.trace, idx);
                        for pair in steps.windows(2) {
                            let (from, to) = (walk.reel.station(pair[0]), walk.reel.station(pair[1]));
                            let is_drawn = from != Station::Elsewhere && to != Station::Elsewhere && from != to;
                            if is_drawn && track(&walk.cast, from, to, None).points == elbow(&walk.cast, from, to) {
                                missing.insert(format!("{from:?} to {to:?}, {}: {}", mode.name(), walk.id(pair[1])));
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(missing, BTreeSet::new());
    }
}
