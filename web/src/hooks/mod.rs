//! What speaks with the browser.

mod address;
mod clipboard;
mod file;
mod focus;
mod player;
mod scroll;
mod travel;
mod width;
mod window;

pub(crate) use address::{fragment, query, use_address};
pub(crate) use clipboard::copy_or_select;
pub(crate) use file::read_text;
pub(crate) use focus::use_focus;
pub(crate) use player::use_player;
pub(crate) use scroll::scroll_to;
pub(crate) use travel::{Travel, use_travel};
pub(crate) use width::{Layout, use_layout};
pub(crate) use window::use_window;
