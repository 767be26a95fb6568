//! The charts: rules against services (why IPVS and nftables scale, and iptables does not), and payload against the MTU.

use gloo::timers::callback::Timeout;
use kubehop_core::api::{ProxyMode, RuleCount, rule_count};
use yew::{Html, Properties, component, html, use_effect_with, use_state};

use super::Act;
use super::controls::{icon_button, on};
use super::icons::{CLOSE, icon};
use super::shapes::{bit, label, num, path, text};
use crate::scene::geometry::Tenths;
use crate::scene::{CHART, Chart as Drawn, Curve, Efficiency, rules_chart};
use crate::state::{Action, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub act: Act,
}

/// What draws each curve.
const CLASSES: [&str; 3] = ["c1", "c2", "c3"];

/// The sheet. It is computed while it is open, and only then.
#[component]
pub(super) fn Chart(props: &Props) -> Html {
    let counts = use_state(Vec::<RuleCount>::new);
    let n_counted = use_state(|| 0);
    {
        let (counts, n_counted) = (counts.clone(), n_counted.clone());
        use_effect_with(*n_counted, move |idx| {
            // One number at a time, and the sheet is painted in between: thousands of services take a while.
            let timeout = measurement(*idx).map(|(mode, services)| {
                Timeout::new(PAUSE_MS, move || {
                    let more = rule_count(mode, services).ok().flatten();
                    counts.set(counts.iter().copied().chain(more).collect());
                    n_counted.set(*n_counted + 1);
                })
            });
            move || drop(timeout)
        });
    }
    let is_done = measurement(*n_counted).is_none();
    let curves = curves(&counts);
    let drawn = is_done.then(|| rules_chart(&curves)).flatten();
    html! {
        <div class="sheet chart" role="dialog" aria-label="Rules against services">
            <header>
                <h2>{ "Rules against services" }</h2>
                { icon_button("icon", "Close", on(&props.act, Action::Show(None)), icon(CLOSE)) }
            </header>
            if let Some(chart) = &drawn {
                { plot(chart, &describe(&curves)) }
            } else {
                <p class="plot" role="status">
                    { format!("Building the tables of up to 10\u{2009}000 services: {} of {} …", *n_counted, N_MEASUREMENTS) }
                </p>
            }
            <p>{ text(WORDS) }</p>
        </div>
    }
}

/// A drawn chart.
fn plot(chart: &Drawn, words: &str) -> Html {
    html! {
        <svg class="plot" viewBox={format!("0 0 {} {}", CHART.0, CHART.1)} role="img" aria-label={words.to_owned()}>
            { path("grid", chart.grid.clone()) }
            { for chart.below.iter().map(|(at, words)| label(at.x, at.y + 16.0, "mid", words)) }
            { for chart.left.iter().map(|(at, words)| label(at.x - 7.0, at.y + 4.0, "end", words)) }
            { for chart.lines.iter().zip(CLASSES).map(|(line, class)| path(class, line.clone())) }
            { for chart.names.iter().zip(CLASSES).map(|((at, words), class)| label(at.x + 8.0, at.y + 4.0, class, words)) }
            if let Some(at) = chart.mark {
                { path("mark", format!("M{} {}V{}", Tenths(at.x), Tenths(at.y), CHART.1 - 26)) }
                <circle class="mark" cx={num(at.x)} cy={num(at.y)} r="5" />
            }
        </svg>
    }
}

/// The sheet of payload against the MTU.
pub(super) fn efficiency(walk: &Walk, act: &Act) -> Html {
    let Some(drawn) = Efficiency::new(walk.mtu, &walk.cast.left) else { return html! {} };
    let row = |(name, sum, is_own): &(&'static str, String, bool)| {
        html! { <li class={if *is_own { "own" } else { "" }}>{ bit("", name) }<code>{ text(sum) }</code></li> }
    };
    let own = drawn.rows.iter().find(|(_, _, is_own)| *is_own);
    let words = own.map_or(String::new(), |(name, sum, _)| format!("This cluster: {name}, {sum}"));
    html! {
        <div class="sheet chart" role="dialog" aria-label="Payload against the MTU">
            <header>
                <h2>{ "Payload against the MTU" }</h2>
                { icon_button("icon", "Close", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            { plot(&drawn.chart, &words) }
            <ol class="sums">{ for drawn.rows.iter().map(row) }</ol>
            <p>{ text(ABOUT) }</p>
        </div>
    }
}

const ABOUT: &str = "Across: NIC MTU. Upwards: TCP payload of a full packet, of all that it takes on the wire: the MTU and 38 \
    bytes around it (Ethernet header 14, check sequence 4, preamble 8, gap 12). Options of TCP would take a little more.";

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
const N_MEASUREMENTS: usize = SERVICES.len() * ProxyMode::ALL.len();
/// Time for the page to paint between two numbers.
const PAUSE_MS: u32 = 20;

/// What is counted as the `idx`th.
fn measurement(idx: usize) -> Option<(ProxyMode, usize)> {
    let services = *SERVICES.get(idx / ProxyMode::ALL.len())?;
    Some((ProxyMode::ALL[idx % ProxyMode::ALL.len()].1, services))
}

fn curves(counts: &[RuleCount]) -> Vec<Curve> {
    let modes = ProxyMode::ALL.iter().map(|(name, mode)| {
        let points = counts.iter().filter(|count| count.mode == *mode);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let points = points.map(|count| (small(count.services), small(count.rules + count.lookups)));
        Curve { name, points: points.collect() }
    });
    modes.filter(|curve| !curve.points.is_empty()).collect()
}
