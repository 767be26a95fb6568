//! Icons: strokes of 1.5 on a grid of 16.

use yew::{Html, html};

/// An icon by its path.
pub(super) fn icon(d: &'static str) -> Html {
    html! { <svg viewBox="0 0 16 16" aria-hidden="true"><path d={d} /></svg> }
}

pub(super) const FIRST: &str = "M3.5 3v10M12.5 3.5 7 8l5.5 4.5";
pub(super) const PREVIOUS: &str = "M10 3.5 5 8l5 4.5";
pub(super) const NEXT: &str = "M3 8h9.5M8.8 4.2 12.6 8l-3.8 3.8";
pub(super) const LAST: &str = "M12.5 3v10M3.5 3.5 9 8l-5.5 4.5";
pub(super) const PLAY: &str = "M5 3.2v9.6L12.6 8Z";
pub(super) const PAUSE: &str = "M5.5 3.5v9M10.5 3.5v9";
pub(super) const SHARE: &str =
    "M8 10V2.5M5 5l3-2.7L11 5M3.5 8.5v3.3a1.7 1.7 0 0 0 1.7 1.7h5.6a1.7 1.7 0 0 0 1.7-1.7V8.5";
pub(super) const COPY: &str = "M7.3 5.5h4.4a1.8 1.8 0 0 1 1.8 1.8v4.4a1.8 1.8 0 0 1-1.8 1.8H7.3a1.8 1.8 0 0 1-1.8-1.8V7.3\
    a1.8 1.8 0 0 1 1.8-1.8ZM10 3.2A1.7 1.7 0 0 0 9 2.5H4.3A1.8 1.8 0 0 0 2.5 4.3V9a1.7 1.7 0 0 0 .7 1.4";
pub(super) const THEME: &str = "M13.5 8a5.5 5.5 0 1 1-11 0a5.5 5.5 0 0 1 11 0ZM8 2.5a5.5 5.5 0 0 1 0 11Z";
pub(super) const MENU: &str = "M2.5 4.5h11M2.5 8h11M2.5 11.5h11";
/// Lines of text.
pub(super) const LINES: &str = "M3 3.5h10M3 6.5h10M3 9.5h10M3 12.5h6";
pub(super) const ARROW: &str = "M3 8h9.5M8.8 4.2 12.6 8l-3.8 3.8";
pub(super) const BOLT: &str = "M9 2 4 9h4l-1 5 5-7H8Z";
pub(super) const COLUMNS: &str = "M3 3h4v10H3ZM9 3h4v10H9Z";
pub(super) const CLOSE: &str = "M4 4l8 8M12 4l-8 8";
/// The anchor of the pause container, around its middle.
pub(super) const ANCHOR: &str = "M0-5.2a1.7 1.7 0 1 1 0 3.4a1.7 1.7 0 1 1 0-3.4ZM0-1.8V5M-2.6.2H2.6M-5 1.6C-4.6 4 -2.4 \
    5.2 0 5.2S4.6 4 5 1.6";

/// The page's sign.
pub(super) fn logo() -> Html {
    html! {
        <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M3 17C5 8 10 8 12 14S19 19 21 8" />
            <circle cx="3" cy="17" r="2.4" />
            <circle cx="12" cy="14" r="2.4" />
            <circle cx="21" cy="8" r="2.4" />
        </svg>
    }
}
