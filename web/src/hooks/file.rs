//! A file that somebody brings along.

use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::File;
use yew::Callback;

/// Larger files are no manifests.
const MAX_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// Reads `file` as text and hands it to `done`, or says why not.
pub(crate) fn read_text(file: File, done: Callback<Result<String, String>>) {
    if file.size() > MAX_BYTES {
        done.emit(Err(format!("{} is larger than 8 MiB, which no cluster's manifest is.", file.name())));
        return;
    }
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        done.emit(text.ok_or_else(|| format!("{} cannot be read as text.", file.name())));
    });
}
