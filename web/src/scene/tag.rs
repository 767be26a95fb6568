//! The packet as it is drawn: its headers side by side, the envelope around them if there is one.

use kubehop_core::api::{Packet, Role, dissect};

use super::geometry::Rect;

/// One header of the drawn packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Which colour.
    pub role: Role,
    /// What stands in it.
    pub name: &'static str,
    /// Left edge, from the tag's own.
    pub x: f64,
    /// Width.
    pub w: f64,
}

/// The drawn packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// Its headers, outermost first.
    pub segments: Vec<Segment>,
    /// The frame inside the envelope: left edge and width, from the tag's own.
    pub inner: Option<(f64, f64)>,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// Width of the frame around the headers.
pub const FRAME: f64 = 2.0;

impl Tag {
    /// Draws `packet`.
    #[must_use]
    pub fn new(packet: &Packet) -> Self {
        Self::of(dissect(packet).iter().map(|layer| (layer.role, layer.name)), false)
    }

    /// The same, as narrow as its letters allow: for inside a pod.
    #[must_use]
    pub fn narrow(&self) -> Self {
        Self::of(self.segments.iter().map(|segment| (segment.role, segment.name)), true)
    }

    fn of(layers: impl Iterator<Item = (Role, &'static str)>, narrow: bool) -> Self {
        let mut x = FRAME;
        let mut inner = None;
        let mut segments = Vec::new();
        for (role, name) in layers {
            if role == Role::InnerLink {
                inner = Some((x, 0.0));
                x += FRAME;
            }
            let w = width(name, narrow);
            segments.push(Segment { role, name, x, w });
            x += w;
        }
        if let Some((start, w)) = &mut inner {
            x += FRAME;
            *w = x - *start;
        }
        let h = if inner.is_some() { 26.0 } else { 24.0 };
        Self { segments, inner, w: x + FRAME, h }
    }

    /// Its place if its upper left corner is at `x`, `y`.
    #[must_use]
    pub fn rect(&self, x: f64, y: f64) -> Rect {
        Rect::new(x, y, self.w, self.h)
    }
}

/// Width of a header by its name: twelve-pixel bold letters and a little air.
fn width(name: &str, narrow: bool) -> f64 {
    match (name, narrow) {
        ("IP", false) => 24.0,
        ("IP", true) => 20.0,
        ("VXLAN" | "GENEVE", _) => 50.0,
        ("HTTP" | "DATA" | "ICMP", false) => 42.0,
        ("HTTP" | "DATA" | "ICMP", true) => 38.0,
        (_, false) => 34.0,
        (_, true) => 30.0,
    }
}

/// The class that carries the colours of a layer: those of its role, but for DNS, which people look for.
#[must_use]
pub fn layer_class(role: Role, name: &str) -> &'static str {
    match role {
        Role::Payload if name == "DNS" => "ly-dns",
        Role::Link => "ly-eth",
        Role::Arp => "ly-arp",
        Role::OuterIp => "ly-oip",
        Role::OuterUdp => "ly-udp",
        Role::Tunnel => "ly-vx",
        Role::InnerLink => "ly-ieth",
        Role::Ip => "ly-ip",
        Role::Transport => "ly-tcp",
        Role::Payload => "ly-pay",
    }
}
