//! Where everything stands on the canvas: numbers only, in units of its 800 by 464 view box.
//!
//! Each machine is drawn the same way, 348 wide, and every place on it is an offset from the machine's left edge. What
//! arrives from the fabric goes up on the left, what leaves goes down on the right, so that no track crosses a label.

use std::fmt;

use kubehop_core::api::Hook;

/// A number with at most one decimal, as SVG reads it. Formatting any `f64` costs the page ten kilobytes of program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tenths(pub f64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_possible_truncation, reason = "the canvas is 800 wide")]
        let tenths = (self.0 * 10.0).round() as i32;
        let (whole, rest) = (tenths / 10, (tenths % 10).abs());
        if tenths < 0 && whole == 0 {
            f.write_str("-")?;
        }
        if rest == 0 { write!(f, "{whole}") } else { write!(f, "{whole}.{rest}") }
    }
}

/// `number`, but not below `least` nor above `most`; if these are the wrong way round, `least`.
// f64::clamp prints its limits when they are wrong, which is all that would print an f64.
pub(crate) fn within(number: f64, least: f64, most: f64) -> f64 {
    number.min(most).max(least)
}

/// A point of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// A box of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// Which of the two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The sender's.
    Left,
    /// The other one.
    Right,
}

impl Point {
    /// A point.
    #[must_use]
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

impl Rect {
    /// A box.
    #[must_use]
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// Its middle.
    #[must_use]
    pub fn middle(self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Its right edge.
    #[must_use]
    pub fn right(self) -> f64 {
        self.x + self.w
    }

    /// Its lower edge.
    #[must_use]
    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    /// Whether two boxes share any area.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The machine's left edge.
    #[must_use]
    pub const fn x(self) -> f64 {
        match self {
            Self::Left => 20.0,
            Self::Right => 432.0,
        }
    }
}

/// Size of the canvas.
pub const CANVAS: (f64, f64) = (800.0, 464.0);
/// Width of a machine.
pub const MACHINE_W: f64 = 348.0;
/// The track of the bridge: under its text.
pub const BRIDGE_TRACK_Y: f64 = 164.0;
/// The track of the fabric: under its text.
pub const FABRIC_TRACK_Y: f64 = 448.0;
/// Where labels of a machine's boxes begin: the route box's left edge.
pub const LABEL_X: f64 = 76.0;

/// Tracks inside a machine, by their offset.
pub mod lane {
    /// From the NIC up to PREROUTING.
    pub const NIC_UP: f64 = 18.0;
    /// From the bridge down to PREROUTING.
    pub const BRIDGE_DOWN: f64 = 38.0;
    /// From the tunnel device up to PREROUTING.
    pub const TUNNEL_UP: f64 = 36.0;
    /// From PREROUTING down to the route.
    pub const PRE_DOWN: f64 = 46.0;
    /// From INPUT down to the tunnel device.
    pub const INPUT_DOWN: f64 = 64.0;
    /// From the route up to INPUT.
    pub const ROUTE_INPUT: f64 = 106.0;
    /// From INPUT down to the route.
    pub const IPVS_ROUTE: f64 = 90.0;
    /// From INPUT over to OUTPUT.
    pub const IPVS_OUT: f64 = 122.0;
    /// Between the host's own program and the route: through the gap between INPUT and FORWARD.
    pub const HOST: f64 = 140.0;
    /// From the route up to FORWARD.
    pub const ROUTE_FORWARD: f64 = 174.0;
    /// From FORWARD over to POSTROUTING.
    pub const FORWARD_OUT: f64 = 188.0;
    /// From the route up to the bridge: through the gap between FORWARD and OUTPUT.
    pub const GAP: f64 = 208.0;
    /// Past all hooks, down: through the gap between OUTPUT and POSTROUTING.
    pub const PAST_DOWN: f64 = 276.0;
    /// Past all hooks, up: through the gap between PREROUTING and INPUT.
    pub const PAST_UP: f64 = 72.0;
    /// From OUTPUT back down to the route.
    pub const REROUTE: f64 = 230.0;
    /// From OUTPUT over to a device.
    pub const OUTPUT_OUT: f64 = 262.0;
    /// From the route up to OUTPUT.
    pub const ROUTE_OUTPUT: f64 = 250.0;
    /// From the tunnel device up to the route.
    pub const TUNNEL_ROUTE: f64 = 286.0;
    /// From FORWARD into POSTROUTING.
    pub const POST_IN: f64 = 292.0;
    /// From POSTROUTING down to the tunnel device.
    pub const POST_TUNNEL: f64 = 306.0;
    /// From POSTROUTING up to the bridge.
    pub const POST_BRIDGE: f64 = 310.0;
    /// From POSTROUTING down to the NIC, and on to the fabric.
    pub const NIC_DOWN: f64 = 328.0;
}

/// The frame of a machine.
#[must_use]
pub fn machine(side: Side) -> Rect {
    Rect::new(side.x(), 4.0, MACHINE_W, 404.0)
}

/// The node's own agent, in the frame's head: left of what stands there on the right, which has so many letters.
#[must_use]
pub fn agent(side: Side, n_letters: usize) -> Rect {
    #[expect(clippy::cast_precision_loss, reason = "a label is short")]
    let right = side.x() + MACHINE_W - 22.0 - n_letters as f64 * super::text::MONO;
    Rect::new(right - 88.0, 7.0, 88.0, 19.0)
}

/// The device that has the services' addresses in IPVS mode: beside the first cable, or between the tracks of the host's
/// own programs.
#[must_use]
pub fn service_device(side: Side, has_host: bool) -> Rect {
    Rect::new(side.x() + if has_host { 28.0 } else { 4.0 }, 111.0, 74.0, 17.0)
}

/// A pod's border, or the box of the host's own programs in its stead.
#[must_use]
pub fn pod(side: Side, slot: usize) -> Rect {
    Rect::new(side.x() + if slot == 0 { 8.0 } else { 180.0 }, 36.0, 160.0, 72.0)
}

/// The middle of a pod's cable.
#[must_use]
pub fn cable_x(side: Side, slot: usize) -> f64 {
    side.x() + if slot == 0 { 88.0 } else { 260.0 }
}

/// The bridge. Where the host's own programs stand in the first place, it only reaches under the second.
#[must_use]
pub fn bridge(side: Side, has_host: bool) -> Rect {
    let x = if has_host { 180.0 } else { 8.0 };
    Rect::new(side.x() + x, 144.0, 340.0 - x, 24.0)
}

/// A netfilter hook.
#[must_use]
pub fn hook(side: Side, hook: Hook) -> Rect {
    let idx = match hook {
        Hook::Prerouting => 0.0,
        Hook::Input => 1.0,
        Hook::Forward => 2.0,
        Hook::Output => 3.0,
        Hook::Postrouting => 4.0,
    };
    Rect::new(side.x() + 8.0 + 68.0 * idx, 200.0, 60.0, 26.0)
}

/// The routing decision.
#[must_use]
pub fn route(side: Side) -> Rect {
    Rect::new(side.x() + LABEL_X, 258.0, 196.0, 25.0)
}

/// The connection tracking table.
#[must_use]
pub fn conntrack(side: Side) -> Rect {
    Rect::new(side.x() + LABEL_X, 286.0, 196.0, 22.0)
}

/// The tunnel device. It leaves both outer tracks free: what is already wrapped passes by.
#[must_use]
pub fn overlay(side: Side) -> Rect {
    Rect::new(side.x() + 30.0, 322.0, 288.0, 26.0)
}

/// The NIC.
#[must_use]
pub fn nic(side: Side) -> Rect {
    Rect::new(side.x() + 8.0, 380.0, 332.0, 24.0)
}

/// The fabric.
pub const FABRIC: Rect = Rect::new(20.0, 420.0, 760.0, 38.0);
/// The API server.
pub const API: Rect = Rect::new(374.0, 7.0, 52.0, 22.0);
/// A machine on the way that has no room above: a box in the fabric, left or right of the router.
#[must_use]
pub fn outside(idx: usize) -> Rect {
    Rect::new(if idx == 0 { 200.0 } else { 458.0 }, 423.0, 140.0, 20.0)
}

/// The fabric's router.
pub const ROUTER: Rect = Rect::new(368.0, 423.0, 64.0, 20.0);

#[cfg(test)]
mod tests {
    use super::Tenths;

    #[test]
    fn numbers_are_short() {
        for (number, text) in
            [(58.0, "58"), (17.5, "17.5"), (-3.13, "-3.1"), (-0.5, "-0.5"), (0.04, "0"), (1000.0, "1000")]
        {
            assert_eq!(Tenths(number).to_string(), text);
        }
    }
}
