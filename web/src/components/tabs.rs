//! The tabs of a narrow page.

use yew::{Callback, Html, Properties, component, html};

use super::Act;
use crate::state::{Action, Panel};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub panels: &'static [Panel],
    pub open: Panel,
    pub act: Act,
}

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
#[component]
pub(super) fn Tabs(props: &Props) -> Html {
    let tab = |panel: &Panel| {
        let (panel, act) = (*panel, props.act.clone());
        let on_click = Callback::from(move |_| act.dispatch(Action::Panel(panel)));
        html! { <button role="tab" aria-selected={(panel == props.open).to_string()} onclick={on_click}>{ name(panel) }</button> }
    };
    html! { <div class="ptabs" role="tablist" aria-label="Panels">{ for props.panels.iter().map(tab) }</div> }
}
