//! Buttons, menus and fields. One function for each, as with the shapes.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::{AttrValue, Callback, Event, Html, MouseEvent, TargetCast as _, html};

use super::Act;
use super::choices::Group;
use super::shapes::text;
use crate::state::Action;

/// What a click does.
pub(super) fn on(act: &Act, action: Action) -> Callback<MouseEvent> {
    let act = act.clone();
    Callback::from(move |_| act.dispatch(action.clone()))
}

/// A button that shows an icon; its name is told to those who do not see it, and to a pointer that rests on it.
pub(super) fn icon_button(class: &'static str, name: &str, on_click: Callback<MouseEvent>, icon: Html) -> Html {
    let name = AttrValue::from(name.to_owned());
    html! { <button class={class} aria-label={name.clone()} title={name} onclick={on_click}>{ icon }</button> }
}

/// A button with a word on it.
pub(super) fn word_button(class: &'static str, title: &str, on_click: Callback<MouseEvent>, words: &str) -> Html {
    html! { <button class={class} title={title.to_owned()} onclick={on_click}>{ text(words) }</button> }
}

/// A button that is pressed or not, one of several.
pub(super) fn choice_button(words: &str, is_pressed: bool, on_click: Callback<MouseEvent>) -> Html {
    html! { <button aria-pressed={bool_word(is_pressed)} onclick={on_click}>{ text(words) }</button> }
}

/// A tab.
pub(super) fn tab(class: &'static str, words: &str, is_open: bool, on_click: Callback<MouseEvent>) -> Html {
    html! { <button role="tab" class={class} aria-selected={bool_word(is_open)} onclick={on_click}>{ text(words) }</button> }
}

/// A truth as ARIA writes it.
pub(super) fn bool_word(is_true: bool) -> &'static str {
    if is_true { "true" } else { "false" }
}

/// What choosing an option, or leaving a field, does with the value.
pub(super) type Take = Rc<dyn Fn(&str) -> Action>;

/// A handler of `change` events: the value of a menu or a field.
fn on_value(take: Rc<dyn Fn(&str)>) -> Callback<Event> {
    Callback::from(move |event: Event| {
        let Some(target) = event.target() else { return };
        let value = match target.dyn_ref::<HtmlSelectElement>() {
            Some(menu) => menu.value(),
            None => target.unchecked_ref::<HtmlInputElement>().value(),
        };
        take(value.trim());
    })
}

fn on_change(act: &Act, take: Take) -> Callback<Event> {
    let act = act.clone();
    on_value(Rc::new(move |value| act.dispatch(take(value))))
}

/// A menu; what is chosen and not among its options stands first.
pub(super) fn menu(
    class: &'static str,
    name: &'static str,
    groups: &[Group],
    value: &str,
    act: &Act,
    take: Take,
) -> Html {
    select(class, name, groups, value, on_change(act, take))
}

/// A menu of a form, under its name.
pub(super) fn menu_of(name: &'static str, groups: &[Group], value: &str, take: Rc<dyn Fn(&str)>) -> Html {
    html! { <label class="fld"><span>{ name }</span>{ select("pick", name, groups, value, on_value(take)) }</label> }
}

fn select(class: &'static str, name: &'static str, groups: &[Group], value: &str, on_change: Callback<Event>) -> Html {
    let is_listed = groups.iter().flat_map(|group| &group.places).any(|place| place.value == value);
    let option = |value: &str, label: &str, selected: bool, disabled: bool| {
        html! { <option value={value.to_owned()} selected={selected} disabled={disabled}>{ text(label) }</option> }
    };
    let mut options = Vec::new();
    if !is_listed && !value.is_empty() {
        options.push(option(value, value, true, false));
    }
    for group in groups {
        let places = group.places.iter();
        let places = places.map(|place| option(&place.value, &place.label, place.value == value, place.is_barred));
        if group.label.is_empty() {
            options.extend(places);
        } else {
            options.push(html! { <optgroup label={group.label.clone()}>{ for places }</optgroup> });
        }
    }
    html! {
        <select class={class} aria-label={name} title={format!("{name}: {value}")} onchange={on_change}>{ options }</select>
    }
}

/// A field for a number, which is taken when it is left or Enter is pressed.
pub(super) fn number(name: &'static str, label: &'static str, value: &str, act: &Act, take: Take) -> Html {
    field("number", name, label, value, act, take)
}

/// A field for a number or a text.
pub(super) fn field(
    kind: &'static str,
    name: &'static str,
    label: &'static str,
    value: &str,
    act: &Act,
    take: Take,
) -> Html {
    html! {
        <label class="fld"><span>{ label }</span>
            <input type={kind} aria-label={name} title={name} min="0" value={value.to_owned()} onchange={on_change(act, take)} />
        </label>
    }
}

/// A field of a form for a number, under its name; `unit` stands behind it.
pub(super) fn number_of(name: &'static str, value: &str, unit: &'static str, take: Rc<dyn Fn(&str)>) -> Html {
    html! {
        <label class="fld"><span>{ name }</span>
            <span class="unit"><input type="number" aria-label={name} value={value.to_owned()} onchange={on_value(take)} />{ unit }</span>
        </label>
    }
}

/// A box to tick.
pub(super) fn tick(words: &'static str, is_ticked: bool, act: &Act, take: fn(bool) -> Action) -> Html {
    let act = act.clone();
    let on_change = Callback::from(move |event: Event| {
        let input: HtmlInputElement = event.target_unchecked_into();
        act.dispatch(take(input.checked()));
    });
    html! { <label class="fld chk"><input type="checkbox" checked={is_ticked} onchange={on_change} /><span>{ words }</span></label> }
}
