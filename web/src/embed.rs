//! What index.html and the element `<kube-hop>` start, ask and hear.
//!
//! Both speak of the state as a link does: [`mount`] takes a fragment, [`Handle::state`] gives one back.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Element;
use yew::{AppHandle, Renderer, UseReducerHandle};

use crate::components::{App, Props};
use crate::hooks::{Layout, object};
use crate::state::{Action, Options, Shared, State};

/// A page's way to those who have put it where it is.
#[derive(Debug)]
pub(crate) struct Port {
    /// How to look and where it comes from.
    pub(crate) options: Options,
    /// The fragment to open; `None` reads the address, and keeps it.
    pub(crate) fragment: Option<String>,
    /// Hears what happens, as `(type, detail)`.
    tell: Function,
    /// What is shown.
    now: RefCell<Option<(UseReducerHandle<State>, Layout)>>,
}

impl Port {
    /// Takes note of what is shown.
    pub(crate) fn show(&self, state: &UseReducerHandle<State>, layout: Layout) {
        *self.now.borrow_mut() = Some((state.clone(), layout));
    }

    /// Tells that something of this kind has happened.
    pub(crate) fn tell(&self, what: &str) {
        let _ = self.tell.call2(&JsValue::NULL, &what.into(), &self.detail());
    }

    fn detail(&self) -> JsValue {
        let now = self.now.borrow();
        let Some((state, layout)) = &*now else { return JsValue::NULL };
        let (kind, reason) = state.walk.outcome();
        let number = |number: usize| JsValue::from(u32::try_from(number).unwrap_or(u32::MAX));
        let detail = object(&[
            ("v", 1.into()),
            ("state", state.fragment().into()),
            ("step", state.walk.id(state.cursor).into()),
            ("index", number(state.cursor)),
            ("count", number(state.walk.n_steps())),
            ("headline", state.walk.headline(state.cursor).into()),
            ("playing", state.is_playing.into()),
            ("disposition", kind.into()),
            ("reason", reason.into()),
            ("layout", layout.name().into()),
            ("height", layout.height(&self.options).into()),
        ]);
        detail.into()
    }
}

/// A page that is shown.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Handle {
    app: AppHandle<App>,
    port: Rc<Port>,
}

#[wasm_bindgen]
impl Handle {
    /// Does what is asked: `next`, `previous`, `play`, `pause`, `goTo` the step with the id `value`, or `setState` to the
    /// fragment `value`. Whether it is understood.
    pub fn send(&self, what: &str, value: &str) -> bool {
        let now = self.port.now.borrow();
        let Some((state, _)) = &*now else { return false };
        let action = match what {
            "next" => Action::Next,
            "previous" => Action::Previous,
            "goTo" => match state.walk.find(value) {
                Some(idx) => Action::Go(idx),
                None => return false,
            },
            "setState" => Action::Open(value.to_owned()),
            "play" | "pause" if state.is_playing == (what == "play") => return true,
            "play" | "pause" => Action::TogglePlay,
            _ => return false,
        };
        let dispatcher = state.dispatcher();
        // What is dispatched may be told of, and then asked about.
        drop(now);
        dispatcher.dispatch(action);
        true
    }

    /// What is shown: the same object that comes with every event.
    pub fn state(&self) -> JsValue {
        self.port.detail()
    }

    /// Takes the page out of its element.
    pub fn unmount(self) {
        // The last state holds the way back to the page.
        self.port.now.replace(None);
        self.app.destroy();
    }
}

/// Shows the page inside an element of a document or of an open shadow root; what was in it before is replaced.
///
/// `fragment` is what to open, and `undefined` the address of the document, which then follows the page. `query` has the
/// options for embedded pages as a query string has them, `base` is where index.html is, and `tell` hears what happens.
#[wasm_bindgen]
#[must_use]
pub fn mount(root: Element, fragment: Option<String>, query: &str, base: String, tell: Function) -> Handle {
    root.set_inner_html("");
    let port = Rc::new(Port { options: Options::parse(query, base), fragment, tell, now: RefCell::default() });
    let app = Renderer::<App>::with_root_and_props(root, Props { port: Shared::of(port.clone()) }).render();
    Handle { app, port }
}
