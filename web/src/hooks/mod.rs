//! What speaks with the browser.

mod address;
mod clipboard;
mod drawing;
mod file;
mod focus;
mod player;
mod scroll;
mod travel;
mod width;
mod window;

pub(crate) use address::{fragment, use_address};
pub(crate) use clipboard::{copy_or_select, copy_selected, is_sandboxed};
pub(crate) use drawing::standalone;
pub(crate) use file::read_text;
pub(crate) use focus::use_focus;
pub(crate) use player::use_player;
pub(crate) use scroll::scroll_to;
pub(crate) use travel::{Travel, object, use_travel};
pub(crate) use width::{Layout, measure, use_layout};
pub(crate) use window::use_window;
