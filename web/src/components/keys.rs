//! Keys, while the focus is inside the page's element.

use crate::state::{Action, Sheet};

/// What has the focus, as far as keys care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// A field where keys write or choose.
    Field,
    /// The slider, which would move by itself.
    Slider,
    /// A button or a link, which Space presses.
    Button,
    /// Anything else.
    Other,
}

impl Focus {
    /// Of an element, by its tag name and input type.
    pub(super) fn of(tag: &str, input_type: &str) -> Self {
        match (tag.to_ascii_lowercase().as_str(), input_type) {
            ("input", "range") => Self::Slider,
            ("input", "checkbox") => Self::Button,
            ("input" | "select" | "textarea", _) => Self::Field,
            ("button" | "a" | "summary", _) => Self::Button,
            _ => Self::Other,
        }
    }
}

/// What a key does; `None` leaves it to the browser.
pub(super) fn action(key: &str, focus: Focus) -> Option<Action> {
    if focus == Focus::Field {
        return None;
    }
    Some(match key {
        "ArrowLeft" => Action::Previous,
        "ArrowRight" => Action::Next,
        "ArrowDown" if focus == Focus::Slider => Action::Previous,
        "ArrowUp" if focus == Focus::Slider => Action::Next,
        "Home" => Action::First,
        "End" => Action::Last,
        "PageUp" => Action::PreviousHop,
        "PageDown" => Action::NextHop,
        " " if focus != Focus::Button => Action::TogglePlay,
        "?" => Action::Show(Some(Sheet::Help)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Focus, action};
    use crate::state::Action;

    #[test]
    fn a_field_keeps_its_keys() {
        let field = Focus::of("INPUT", "number");
        for key in ["ArrowLeft", "Home", " ", "?"] {
            assert_eq!(action(key, field), None);
        }
        assert_eq!(Focus::of("SELECT", ""), Focus::Field);
    }

    #[test]
    fn space_presses_a_button_and_plays_elsewhere() {
        assert_eq!(action(" ", Focus::of("BUTTON", "")), None);
        assert_eq!(action(" ", Focus::of("g", "")), Some(Action::TogglePlay));
        assert_eq!(action(" ", Focus::of("INPUT", "range")), Some(Action::TogglePlay));
    }

    #[test]
    fn steps_and_hops_have_keys() {
        let keys = ["ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"];
        let actions =
            [Action::Previous, Action::Next, Action::First, Action::Last, Action::PreviousHop, Action::NextHop];
        for (key, expected) in keys.into_iter().zip(actions) {
            assert_eq!(action(key, Focus::Slider), Some(expected.clone()));
            assert_eq!(action(key, Focus::Button), Some(expected));
        }
        assert_eq!(action("Tab", Focus::Other), None);
    }
}
