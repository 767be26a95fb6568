//! What a keyboard sends for a key.

use serde_json::{Value, json};

/// Keys that print nothing, or something other than their name: name, code, Windows' number, text.
const NAMED: &[(&str, &str, u32, &str)] = &[
    (" ", "Space", 32, " "),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("End", "End", 35, ""),
    ("Enter", "Enter", 13, "\r"),
    ("Escape", "Escape", 27, ""),
    ("Home", "Home", 36, ""),
    ("PageDown", "PageDown", 34, ""),
    ("PageUp", "PageUp", 33, ""),
    ("Tab", "Tab", 9, ""),
];

/// The two events of a key that is pressed and released, for `Input.dispatchKeyEvent`. `Shift+Tab` holds Shift.
///
/// # Panics
/// When the key is neither in the table nor one character.
pub(crate) fn events(key: &str) -> [Value; 2] {
    const SHIFT: u32 = 8;
    let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (SHIFT, key));
    let (code, number, text) = match NAMED.iter().find(|(name, ..)| *name == key) {
        Some((_, code, number, text)) => ((*code).to_owned(), *number, *text),
        None => {
            let mut chars = key.chars();
            let (Some(character), None) = (chars.next(), chars.next()) else { panic!("there is no key `{key}`") };
            let upper = character.to_ascii_uppercase();
            let code = match upper {
                'A'..='Z' => format!("Key{upper}"),
                '0'..='9' => format!("Digit{upper}"),
                _ => String::new(),
            };
            (code, u32::from(upper), key)
        }
    };
    ["keyDown", "keyUp"].map(|kind| {
        let text = if kind == "keyDown" { text } else { "" };
        json!({
            "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text,
            "modifiers": modifiers,
        })
    })
}
