//! Which layout fits: by the width of the page's own element, which may be a column of somebody else's page.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver};
use yew::{NodeRef, hook, use_effect_with, use_state_eq};

use crate::state::Options;

/// How the page is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Everything at once.
    Full,
    /// Everything at once, with the right column a little narrower.
    Tight,
    /// A list of steps beside one panel.
    Rail,
    /// A list of steps, or one panel.
    Line,
    /// The same, on the narrowest screen there is.
    Slim,
}

impl Layout {
    /// What fits into `width`, where all that is to be shown at once needs `room`.
    fn of(width: f64, room: f64) -> Self {
        match width {
            width if width >= 1240.0 => Self::Full,
            width if width >= room => Self::Tight,
            width if width >= 560.0 => Self::Rail,
            width if width >= 345.0 => Self::Line,
            _ => Self::Slim,
        }
    }

    /// The class that the style sheet knows it by.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Tight => "full tight",
            Self::Rail => "rail",
            Self::Line => "line",
            Self::Slim => "line slim",
        }
    }

    /// Whether the bar has room for arrows beside the walk's name.
    pub(crate) fn has_arrows(self) -> bool {
        !matches!(self, Self::Line | Self::Slim)
    }

    /// Its name, for those outside.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Full | Self::Tight => "full",
            Self::Rail => "rail",
            Self::Line | Self::Slim => "line",
        }
    }

    /// How high it would like to be, in CSS pixels: this depends on the width alone, so that a host which obeys is not
    /// asked again.
    pub(crate) fn height(self, options: &Options) -> u32 {
        match (self, options.view) {
            (Self::Full | Self::Tight, None) => 720,
            (Self::Full | Self::Tight, Some(_)) => 560,
            (Self::Rail, _) => 450,
            (Self::Line | Self::Slim, _) => 640,
        }
    }

    /// Whether all regions are shown at once.
    pub(crate) fn is_full(self) -> bool {
        matches!(self, Self::Full | Self::Tight)
    }
}

/// The layout that fits an element.
pub(crate) fn measure(element: &Element, has_view: bool) -> Layout {
    // One region alone needs less.
    let room = if has_view { 800.0 } else { 1040.0 };
    Layout::of(element.get_bounding_client_rect().width(), room)
}

/// The layout that fits `node`; the full one until it is measured.
#[hook]
pub(crate) fn use_layout(node: &NodeRef, options: &Options) -> Layout {
    let layout = use_state_eq(|| Layout::Full);
    let setter = layout.setter();
    let has_view = options.view.is_some();
    use_effect_with(node.clone(), move |node| {
        let watch = node.cast::<Element>().and_then(|element| {
            setter.set(measure(&element, has_view));
            let measured = element.clone();
            let on_resize = Closure::<dyn FnMut()>::new(move || setter.set(measure(&measured, has_view)));
            let observer = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok()?;
            observer.observe(&element);
            Some((observer, on_resize))
        });
        move || {
            if let Some((observer, _closure)) = watch {
                observer.disconnect();
            }
        }
    });
    *layout
}
