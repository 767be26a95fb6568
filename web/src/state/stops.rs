//! Stops: the steps where a packet comes to another place or another device, for those who go by hops.

use kubehop_core::api::Trace;

use crate::scene::{Reel, Station, is_end};

/// How far one press of Next goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    /// One step.
    #[default]
    Steps,
    /// To the next place or device.
    Hops,
}

/// The first step at every place and device, every step that ends a packet, and the last step of all. What the kernel
/// does between two devices is no stop.
#[must_use]
pub(super) fn stops(trace: &Trace, reel: &Reel) -> Vec<usize> {
    let mut stops = Vec::new();
    let mut last: Option<(usize, Station)> = None;
    for idx in 0..reel.len() {
        let (hop, station) = (reel.hop(idx), reel.station(idx));
        let is_between = matches!(station, Station::Hook(..) | Station::Route(_));
        let is_new = match last {
            Some((at, _)) if at != hop => true,
            Some((_, before)) => !is_between && before != station,
            None => true,
        };
        if is_new || is_end(&reel.step(trace, idx).1.decision) || idx + 1 == reel.len() {
            stops.push(idx);
        }
        if is_new {
            last = Some((hop, station));
        }
    }
    stops
}

#[cfg(test)]
mod tests {
    use crate::state::{Scenario, Walk};

    #[test]
    fn a_packet_stops_once_at_every_device_of_its_way() {
        let walk = Walk::new(&Scenario::default()).expect("the built-in walk");
        let ack: Vec<&str> =
            walk.stops.iter().map(|idx| walk.id(*idx)).filter(|id| id.starts_with("http.ack.")).collect();
        assert_eq!(
            ack,
            [
                "http.ack.client.app",
                "http.ack.node-a.conntrack-prerouting",
                "http.ack.node-a.bridge",
                "http.ack.node-a.ip-output",
                "http.ack.node-a.outer-ip-output",
                "http.ack.node-b.rx",
                "http.ack.node-b.decap",
                "http.ack.node-b.ip-output",
                "http.ack.web-1.rx",
            ]
        );
        assert_eq!(walk.stops.last(), Some(&(walk.n_steps() - 1)));
        assert_eq!(walk.stops.first(), Some(&0));
    }
}
