//! Long lists: only the rows that are seen are made.

use std::ops::Range;

use gloo::events::EventListener;
use web_sys::Element;
use yew::{NodeRef, hook, use_effect_with, use_state_eq};

/// Rows above and below the visible ones that are made besides, so that a quick hand sees no gap.
const BESIDE: usize = 20;
/// What is made before anything is measured.
const AT_FIRST: usize = 60;

/// Which of `n_rows` rows, all `height` pixels high, are seen of the list `node` inside the nearest ancestor that
/// `scroller` names. `key` changes with the list.
#[hook]
pub(crate) fn use_window(
    node: &NodeRef,
    scroller: &'static str,
    n_rows: usize,
    height: usize,
    key: String,
) -> Range<usize> {
    let seen = use_state_eq(|| 0..AT_FIRST);
    let setter = seen.setter();
    use_effect_with((node.clone(), n_rows, key), move |(node, n_rows, _)| {
        let n_rows = *n_rows;
        let watch = node.cast::<Element>().and_then(|list| {
            let outer = list.closest(scroller).ok().flatten()?;
            let measured = outer.clone();
            let measure = move || {
                let (out, own) = (measured.get_bounding_client_rect(), list.get_bounding_client_rect());
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
                let rows = |pixels: f64| (pixels.max(0.0) as usize) / height;
                let first = rows(out.top() - own.top()).saturating_sub(BESIDE);
                let end = (first + rows(out.height()) + 2 * BESIDE).min(n_rows);
                setter.set(first.min(end)..end);
            };
            measure();
            Some(EventListener::new(&outer, "scroll", move |_| measure()))
        });
        move || drop(watch)
    });
    let end = seen.end.min(n_rows);
    seen.start.min(end)..end
}
