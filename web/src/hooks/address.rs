//! The address bar. Everything here may fail: in a sandboxed frame the history throws.

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use gloo::utils::window;
use wasm_bindgen::JsValue;
use yew::{Callback, UseReducerHandle, hook, use_effect_with, use_mut_ref};

use crate::state::{Action, State};

/// Browsers refuse to be told a new address more often than this.
const MIN_MILLIS_BETWEEN: f64 = 300.0;

/// What was last written, and what waits to be.
#[derive(Default)]
struct Pen {
    written: Option<String>,
    n_chosen: usize,
    at: f64,
    waiting: Option<Timeout>,
}

/// The fragment of the address, without its `#`.
pub(crate) fn fragment() -> String {
    let hash = window().location().hash().unwrap_or_default();
    hash.strip_prefix('#').unwrap_or(&hash).to_owned()
}

/// Keeps the address as the state has it, and the state as the address is changed by others, if it is this page's own.
#[hook]
pub(crate) fn use_address(state: &UseReducerHandle<State>, is_own: bool) {
    let pen = use_mut_ref(Pen::default);

    let dispatch = state.dispatcher();
    let own = pen.clone();
    use_effect_with((), move |()| {
        own.borrow_mut().written = Some(fragment());
        let read = Callback::from(move |()| {
            let found = fragment();
            if own.borrow().written.as_deref() != Some(&found) {
                let mut pen = own.borrow_mut();
                pen.written = Some(found.clone());
                pen.waiting = None;
                drop(pen);
                dispatch.dispatch(Action::Open(found));
            }
        });
        let events: &[&'static str] = if is_own { &["hashchange", "popstate"] } else { &[] };
        let listen = |event: &&'static str| {
            let read = read.clone();
            EventListener::new(&window(), *event, move |_| read.emit(()))
        };
        let listeners: Vec<EventListener> = events.iter().map(listen).collect();
        move || drop(listeners)
    });

    use_effect_with(
        (state.fragment(), state.n_chosen, state.notice.is_some()),
        move |(fragment, n_chosen, has_notice)| {
            let mut this = pen.borrow_mut();
            // An unreadable link stays where people can read and mend it, until something is done on the page.
            let is_untouched = *has_notice && fragment.is_empty() && *n_chosen == this.n_chosen;
            if !is_own || this.written.as_deref() == Some(fragment) || is_untouched {
                return;
            }
            if *n_chosen != this.n_chosen {
                this.n_chosen = *n_chosen;
                this.waiting = None;
                write(&mut this, fragment, true);
                return;
            }
            let wait = MIN_MILLIS_BETWEEN - (js_sys::Date::now() - this.at);
            if wait <= 0.0 {
                write(&mut this, fragment, false);
                return;
            }
            let (later, fragment) = (pen.clone(), fragment.clone());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 300")]
            let timeout = Timeout::new(wait as u32, move || write(&mut later.borrow_mut(), &fragment, false));
            this.waiting = Some(timeout);
        },
    );
}

fn write(pen: &mut Pen, fragment: &str, is_new_place: bool) {
    pen.at = js_sys::Date::now();
    pen.written = Some(fragment.to_owned());
    // An empty address is the document itself, without its query string: that stays.
    let search = window().location().search().unwrap_or_default();
    let path = window().location().pathname().unwrap_or_default();
    let url = if fragment.is_empty() { format!("{path}{search}") } else { format!("#{fragment}") };
    let Ok(history) = window().history() else { return };
    let _ = if is_new_place {
        history.push_state_with_url(&JsValue::NULL, "", Some(&url))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&url))
    };
}
