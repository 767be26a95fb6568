//! Text that must fit: SVG cannot shorten it, so it is counted.

/// Width of a letter of the monospaced face at 12 px, with the canvas' letter spacing.
pub const MONO: f64 = 7.0;
/// Mean width of a letter of the sans face at 12 px.
pub const SANS: f64 = 6.2;
/// Mean width of a letter of the bold sans face at 13 px.
pub const BOLD: f64 = 7.3;

/// `text`, cut with an ellipsis so that letters of `letter` width fill at most `width`.
#[must_use]
pub fn fit(text: &str, width: f64, letter: f64) -> String {
    let n_letters = text.chars().count();
    let room = (width / letter).floor().max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "no name has so many letters")]
    if n_letters as f64 <= room {
        return text.to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number of letters")]
    let kept: String = text.chars().take((room as usize).saturating_sub(1)).collect();
    format!("{}…", kept.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::{BOLD, MONO, fit};

    #[test]
    fn long_names_end_in_an_ellipsis() {
        assert_eq!(fit("client", 120.0, BOLD), "client");
        assert_eq!(fit("coredns-76f75df574-abcde", 120.0, BOLD), "coredns-76f75df…");
        assert_eq!(fit("10.244.0.2", 70.0, MONO), "10.244.0.2");
        assert_eq!(fit("abc", 0.0, MONO), "…");
    }
}
