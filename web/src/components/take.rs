//! What can be taken away: the link to this step, a frame for another page, the picture, the capture, the text.
//!
//! Each is shown as text that can be copied by hand, so that nothing is lost where a sandbox refuses clipboard or downloads.

use data_encoding::BASE64;
use kubehop_core::api::outline;
use web_sys::{Element, HtmlTextAreaElement};
use yew::{Callback, Html, Properties, component, html, use_effect_with, use_node_ref, use_state_eq};

use super::controls::{choice_button, icon_button, on, word_button};
use super::icons::{CLOSE, icon};
use super::shapes::{bit, text};
use super::stage::Stage;
use super::{Act, Current};
use crate::hooks::{copy_selected, is_sandboxed, standalone};
use crate::scene::geometry::CANVAS;
use crate::state::{Action, Arrival, Options, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub current: Shared<Current>,
    pub cursor: usize,
    pub fragment: String,
    pub options: Options,
    pub act: Act,
}

/// What it is called, what it is, and its file's name and type.
struct Thing(&'static str, &'static str, &'static str, &'static str);

const LINK: usize = 0;
const FRAME: usize = 1;
const PICTURE: usize = 2;
const CAPTURE: usize = 3;
const THINGS: [Thing; 5] = [
    Thing("Link", "Opens this very step, wherever it is sent.", "", ""),
    Thing("Frame", "HTML that puts this very step into another page.", "", ""),
    Thing("Picture", "The scene as it is now, as an SVG file.", "kubehop.svg", "image/svg+xml"),
    Thing(
        "Capture",
        "Every frame on every device, for Wireshark; as text it is base64.",
        "kubehop.pcapng",
        "application/octet-stream",
    ),
    Thing("Text", "Every step in a line.", "kubehop.txt", "text/plain;charset=utf-8"),
];

/// The sheet.
#[component]
pub(super) fn Take(props: &Props) -> Html {
    let Props { walk, current, cursor, fragment, options, act } = props;
    let open = use_state_eq(|| LINK);
    let copied = use_state_eq(|| "");
    let drawn = use_state_eq(String::new);
    let (area, preview) = (use_node_ref(), use_node_ref());
    {
        let (preview, drawn, copied) = (preview.clone(), drawn.clone(), copied.clone());
        use_effect_with((*open, *cursor, fragment.clone()), move |_| {
            copied.set("");
            let canvas = preview.cast::<Element>().and_then(|it| it.query_selector("svg").ok().flatten());
            drawn.set(canvas.and_then(|canvas| standalone(&canvas, CANVAS)).unwrap_or_default());
        });
    }
    let Thing(_, what, file, media_type) = THINGS[*open];
    let mut encoded = String::new();
    let words = match *open {
        LINK => options.link(fragment),
        FRAME => options.frame(fragment),
        PICTURE => (*drawn).clone(),
        CAPTURE => {
            encoded = BASE64.encode(&walk.trace.to_pcapng());
            encoded.clone()
        }
        _ => outline(&walk.trace),
    };
    let saves = !file.is_empty() && !is_sandboxed();
    if saves && encoded.is_empty() {
        encoded = BASE64.encode(words.as_bytes());
    }
    let on_copy = {
        let (area, copied) = (area.clone(), copied.clone());
        Callback::from(move |_| {
            let Some(area) = area.cast::<HtmlTextAreaElement>() else { return };
            let _ = area.focus();
            area.select();
            copied.set(if copy_selected() { "Copied." } else { "Selected: press Ctrl+C." });
        })
    };
    let things = THINGS.iter().enumerate().map(|(idx, thing)| {
        let setter = open.setter();
        choice_button(thing.0, idx == *open, Callback::from(move |_| setter.set(idx)))
    });
    html! {
        <div class="sheet take" role="dialog" aria-label="Take away">
            <header><h2>{ "Take away" }</h2>{ icon_button("icon", "Close", on(act, Action::Show(None)), icon(CLOSE)) }</header>
            <div class="seg" role="group" aria-label="What to take away">{ for things }</div>
            <p>{ text(what) }</p>
            if *open == PICTURE {
                <div class="stage" ref={preview} aria-hidden="true">
                    <Stage walk={walk.clone()} current={current.clone()} cursor={*cursor} arrival={Arrival::Opened} />
                </div>
            }
            <textarea ref={area} readonly=true rows="5" spellcheck="false" aria-label="As text" value={words} />
            <div class="does">
                { word_button("btn", "Copy the text above", on_copy, "Copy") }
                if saves {
                    <a class="btn" download={file} href={format!("data:{media_type};base64,{encoded}")}>{ "Download " }{ file }</a>
                }
                { bit("copied", *copied) }
            </div>
        </div>
    }
}
