//! The tabs of a narrow page.

use yew::{Html, html};

use super::Act;
use super::controls::{on, tab};
use crate::state::{Action, Panel};

/// The panels of a page that has room for a list beside one panel.
pub(super) const BESIDE: &[Panel] = &[Panel::Explanation, Panel::Packet, Panel::Tables, Panel::Mtu];
/// The panels of a page that has room for one.
pub(super) const ALONE: &[Panel] = &[Panel::Topology, Panel::Explanation, Panel::Packet, Panel::Tables, Panel::Mtu];

/// The accessible name of a panel.
pub(super) fn name(panel: Panel) -> &'static str {
    match panel {
        Panel::Topology => "Topology",
        Panel::Explanation => "Explanation",
        Panel::Packet => "Packet",
        Panel::Tables => "Tables",
        Panel::Mtu => "MTU",
    }
}

/// One tab for each panel.
pub(super) fn tabs(panels: &[Panel], open: Panel, act: &Act) -> Html {
    let tabs = panels.iter().map(|panel| tab("", name(*panel), *panel == open, on(act, Action::Panel(*panel))));
    html! { <div class="ptabs" role="tablist" aria-label="Panels">{ for tabs }</div> }
}
