//! Figures of the page in a real browser.

use anyhow::{Context, Result};

use crate::Page;

/// Milliseconds of main-thread time that each of `n` clicks on Next takes, from the click to the end of the style and
/// layout that follow it. The page is open and shows a step with `n` steps after it.
///
/// Waiting for the next frame is no work, so it is left out: rendering, then style and layout are forced at once.
pub fn measure_next(page: &mut Page, n: usize) -> Result<Vec<f64>> {
    let times = page.eval(&format!(
        "(async () => {{
            const next = document.querySelector('[aria-label=\"Next step\"]');
            const slider = document.querySelector('input[type=range]');
            const root = document.querySelector('#kubehop');
            const turn = () => new Promise(done => {{
                const channel = new MessageChannel();
                channel.port1.onmessage = done;
                channel.port2.postMessage(0);
            }});
            const times = [];
            for (let i = 0; i < {n}; i++) {{
                const before = slider.value;
                const start = performance.now();
                next.click();
                while (slider.value === before) await turn();
                root.getBoundingClientRect();
                for (const element of root.querySelectorAll('svg, section')) element.getBoundingClientRect();
                times.push(performance.now() - start);
                await new Promise(done => setTimeout(done, 30));
            }}
            return times;
        }})()"
    ))?;
    times.as_array().context("a list of times")?.iter().map(|time| time.as_f64().context("a number")).collect()
}

/// The middle of some figures.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
