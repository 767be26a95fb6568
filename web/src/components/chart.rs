//! The chart of rules against services: why IPVS and nftables scale, and iptables does not.

use gloo::timers::callback::Timeout;
use kubehop_core::api::{ProxyMode, rule_counts};
use yew::{Html, Properties, component, html, use_effect_with, use_state};

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
    let counted = use_state(|| None::<Vec<Curve>>);
    let setter = counted.setter();
    use_effect_with((), move |()| {
        // The sheet is painted first: thousands of services take a while.
        let timeout = Timeout::new(60, move || setter.set(Some(curves())));
        move || drop(timeout)
    });
    let curves = (*counted).clone().unwrap_or_default();
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
            } else {
                <p class="plot" role="status">{ "Building the tables of up to 10 000 services, three times …" }</p>
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

/// Numbers of services that are counted.
const SERVICES: [usize; 5] = [1, 10, 100, 1000, 10_000];

fn curves() -> Vec<Curve> {
    let counts = rule_counts(&SERVICES).unwrap_or_default();
    let modes = ProxyMode::ALL.iter().map(|(name, mode)| {
        let points = counts.iter().filter(|count| count.mode == *mode);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let points = points.map(|count| (small(count.services), small(count.rules + count.lookups)));
        Curve { name, points: points.collect() }
    });
    modes.filter(|curve| !curve.points.is_empty()).collect()
}
