//! The packets of a run, lane by lane: ARP, names, handshake, request, reply. Each can be jumped to.

use std::rc::Rc;

use yew::{Html, Properties, component, html};

use super::Act;
use super::choices::{Group, Place};
use super::controls::{Take, choice_button, menu, on};
use crate::scene::packet_title;
use crate::state::{Action, LegKind, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    /// Which packet is shown.
    pub journey: usize,
    pub act: Act,
}

/// A button for every lane, which leads to its first packet, and a menu of all packets.
#[component]
pub(super) fn Lanes(props: &Props) -> Html {
    let Props { walk, journey, act } = props;
    let first = |journey: usize| walk.reel.first_of(journey);
    let here = first(*journey).map(|idx| walk.kinds[idx]);
    let buttons = walk
        .legs
        .iter()
        .map(|leg| choice_button(leg.kind.name(), here == Some(leg.kind), on(act, Action::Go(leg.first))));
    let take: Take = Rc::new(|value| value.parse().map_or(Action::Dismiss, Action::Go));
    let value = first(*journey).unwrap_or_default().to_string();
    html! {
        <div class="legs" role="group" aria-label="Packets">
            <div class="seg">{ for buttons }</div>
            { menu("pick pkt", "Packet of this run", &groups(walk), &value, act, take) }
        </div>
    }
}

/// All packets, those of a lane together; each stands for its first step.
fn groups(walk: &Walk) -> Vec<Group> {
    let of_lane = |kind: LegKind| {
        let packets = walk.trace.journeys.iter().enumerate().filter_map(|(idx, journey)| {
            let first = walk.reel.first_of(idx).filter(|first| walk.kinds[*first] == kind)?;
            let who = if kind == LegKind::Arp {
                format!(", {}", walk.reel.step(&walk.trace, first).0.at.short())
            } else {
                String::new()
            };
            Some(Place::new(first.to_string(), format!("{}{who}", packet_title(journey.flow, &journey.name))))
        });
        Group { label: kind.name().to_owned(), places: packets.collect() }
    };
    walk.legs.iter().map(|leg| of_lane(leg.kind)).collect()
}
