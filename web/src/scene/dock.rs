//! Docks: where the packet rests at each station, beside it and never upon its text.

use super::cast::Cast;
use super::geometry::{self, MACHINE_W, ROUTER, Rect, Side, within};
use super::station::Station;
use super::tag::Tag;

/// Which edge of the resting packet points at its station.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notch {
    /// None: the packet rests inside.
    None,
    /// The upper one, at this place.
    Up(f64),
    /// The lower one, at this place.
    Down(f64),
}

/// Where a packet rests.
#[derive(Clone, Debug, PartialEq)]
pub struct Dock {
    /// The packet, as wide as the dock allows.
    pub tag: Tag,
    /// Its place.
    pub rect: Rect,
    /// How it points at the station.
    pub notch: Notch,
    /// Where a line about the change may stand, if there is room: anchor, whether it ends there, and its width.
    pub note: Option<Note>,
}

/// Room for one line of text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// Where it begins, or ends.
    pub x: f64,
    /// Its baseline.
    pub y: f64,
    /// Whether `x` is its end.
    pub is_end: bool,
    /// How wide it may be.
    pub w: f64,
}

/// Least room that is worth a note.
const MIN_NOTE: f64 = 40.0;

/// The dock of `tag` at `station`.
#[must_use]
pub(super) fn dock(cast: &Cast, station: Station, tag: &Tag) -> Dock {
    match station {
        Station::Pod(side, slot) => in_box(geometry::pod(side, slot), tag),
        Station::Host(side) => in_box(geometry::pod(side, 0), tag),
        Station::Bridge(side) => {
            let bar = geometry::bridge(side, cast.has_host(side));
            let most = side.x() + MACHINE_W - 12.0 - tag.w;
            let x = (bar.x + 48.0).min(most.max(bar.x + 4.0));
            beside(side, tag, x, bar.bottom() + 5.0, Notch::Up(x + tag.w / 2.0))
        }
        Station::Hook(side, hook) => {
            let middle = geometry::hook(side, hook).middle().x;
            let least = side.x() + 12.0;
            let most = side.x() + MACHINE_W - 12.0 - tag.w;
            let x = within(middle - tag.w / 2.0, least, most);
            beside(side, tag, x, 195.0 - tag.h, Notch::Down(middle))
        }
        Station::Route(side) => {
            let x = side.x() + 56.0;
            beside(side, tag, x, 253.0 - tag.h, Notch::Down(x + 31.0))
        }
        Station::Overlay(side) => {
            let x = side.x() + 56.0;
            beside(side, tag, x, 353.0, Notch::Up(x + tag.w / 2.0))
        }
        Station::Nic(side) => {
            let x = side.x() + 56.0;
            beside(side, tag, x, 375.0 - tag.h, Notch::Down(x + tag.w / 2.0))
        }
        // Beside the box, in the fabric; a wide one goes on its other side.
        Station::Outside(idx) => {
            let at = geometry::outside(idx);
            let x = if at.x - 8.0 - tag.w < 30.0 { at.right() + 8.0 } else { at.x - 8.0 - tag.w };
            Dock { tag: tag.clone(), rect: tag.rect(x, 432.0 - tag.h / 2.0), notch: Notch::None, note: None }
        }
        Station::Agent(_) | Station::Api | Station::Router | Station::Elsewhere => {
            let x = ROUTER.x - 8.0 - tag.w;
            Dock { tag: tag.clone(), rect: tag.rect(x, 432.0 - tag.h / 2.0), notch: Notch::None, note: None }
        }
    }
}

/// Inside a pod the packet rests between the pod's name and its address, on the right.
fn in_box(pod: Rect, tag: &Tag) -> Dock {
    let tag = tag.narrow();
    let rect = Rect::new(pod.right() - 6.0 - tag.w, pod.y + 28.0, tag.w, tag.h);
    Dock { tag, rect, notch: Notch::None, note: None }
}

fn beside(side: Side, tag: &Tag, x: f64, y: f64, notch: Notch) -> Dock {
    let rect = tag.rect(x, y);
    let baseline = y + tag.h / 2.0 + 5.0;
    let (left, right) = (x - 8.0 - (side.x() + 44.0), side.x() + 300.0 - rect.right() - 8.0);
    let note = if right >= left {
        Note { x: rect.right() + 8.0, y: baseline, is_end: false, w: right }
    } else {
        Note { x: x - 8.0, y: baseline, is_end: true, w: left }
    };
    Dock { tag: tag.clone(), rect, notch, note: Some(note).filter(|note| note.w >= MIN_NOTE) }
}
