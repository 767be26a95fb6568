//! The chart of rules against services: why IPVS and nftables scale, and iptables does not.

use yew::{Html, Properties, component, html, use_memo};

use super::Act;
use super::controls::{icon_button, on};
use super::icons::{CLOSE, icon};
use super::shapes::{label, path, text};
use crate::scene::{CHART, Curve, chart};
use crate::state::Action;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub act: Act,
}

/// What draws each curve.
const CLASSES: [&str; 3] = ["c1", "c2", "c3"];

/// The sheet. It is computed when it is opened, and only then.
#[component]
pub(super) fn Chart(props: &Props) -> Html {
    let curves = use_memo((), |()| curves());
    let drawn = chart(&curves);
    html! {
        <div class="sheet chart" role="dialog" aria-label="Rules against services">
            <header>
                <h2>{ "Rules against services" }</h2>
                { icon_button("icon", "Close", on(&props.act, Action::Show(None)), icon(CLOSE)) }
            </header>
            if let Some(chart) = &drawn {
                <svg class="plot" viewBox={format!("0 0 {} {}", CHART.0, CHART.1)} role="img" aria-label={describe(&curves)}>
                    { path("grid", chart.grid.clone()) }
                    { for chart.below.iter().map(|(at, words)| label(at.x, at.y + 16.0, "mid", words)) }
                    { for chart.left.iter().map(|(at, words)| label(at.x - 7.0, at.y + 4.0, "end", words)) }
                    { for chart.lines.iter().zip(CLASSES).map(|(line, class)| path(class, line.clone())) }
                    { for chart.names.iter().zip(CLASSES).map(|((at, words), class)| label(at.x + 8.0, at.y + 4.0, class, words)) }
                </svg>
            }
            <p>{ text(WORDS) }</p>
        </div>
    }
}

const WORDS: &str = "Across: services in the cluster. Upwards: rules, set elements and lookups that the first packet of a \
    connection is held against, until it has its endpoint, if its service comes last. iptables reads its list from the top; \
    nftables and IPVS look the address up in a hash.";

/// The chart for those who do not see it.
fn describe(curves: &[Curve]) -> String {
    let ends = curves.iter().filter_map(|curve| {
        let ((_, first), (n, last)) = (curve.points.first()?, curve.points.last()?);
        Some(format!("{}: {first} for one service, {last} for {n}", curve.name))
    });
    ends.collect::<Vec<_>>().join("; ")
}

fn curves() -> Vec<Curve> {
    Vec::new()
}
