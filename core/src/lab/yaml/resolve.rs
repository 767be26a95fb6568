//! What a scalar means: null, a boolean, a number or a string.

use super::Scalar;

/// The meaning of a scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lab) enum Resolved {
    Null,
    Bool(bool),
    Int(i128),
    /// A number that is no integer: nothing that Kubehop reads is one.
    Float,
    String,
}

impl Scalar<'_> {
    /// Models go-yaml's resolve.go, which kubectl reads with.
    pub(in crate::lab) fn resolve(&self) -> Resolved {
        if !self.plain {
            return Resolved::String;
        }
        match &*self.text {
            "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Resolved::Bool(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
                Resolved::Bool(false)
            }
            text => number(text),
        }
    }

    /// What stands there, for the first half of an error.
    pub(super) fn describe(&self) -> String {
        match self.resolve() {
            Resolved::Null => "nothing".to_owned(),
            Resolved::Bool(_) => format!("boolean {}", self.text),
            Resolved::Int(_) | Resolved::Float => format!("number {}", shorten(&self.text)),
            Resolved::String => format!("string {:?}", shorten(&self.text)),
        }
    }
}

fn number(text: &str) -> Resolved {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let radix = |prefix: &str| digits.strip_prefix(prefix).filter(|rest| !rest.starts_with(['+', '-']));
    let parsed = if let Some(hex) = radix("0x") {
        i128::from_str_radix(hex, 16).ok()
    } else if let Some(octal) = radix("0o").or_else(|| radix("0").filter(|rest| !rest.is_empty())) {
        i128::from_str_radix(octal, 8).ok()
    } else if digits.starts_with(|first: char| first.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    };
    match parsed {
        Some(value) => Resolved::Int(if negative { -value } else { value }),
        None if is_float(digits) => Resolved::Float,
        None => Resolved::String,
    }
}

/// `[0-9.]` with an exponent at most, or one of the words for what is not finite.
fn is_float(digits: &str) -> bool {
    let starts_like_one = digits.trim_start_matches('.').starts_with(|first: char| first.is_ascii_digit());
    matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") || (starts_like_one && is_decimal(digits))
}

/// Digits with a point among them and an exponent behind, both optional. Its value is nobody's concern, so the tables that
/// reading it takes need not be in the page.
pub(super) fn is_decimal(number: &str) -> bool {
    let unsigned = |text: &str| text.strip_prefix(['-', '+']).unwrap_or(text).to_owned();
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = unsigned(number);
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((&number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = unsigned(exponent);
    whole.len() + fraction.len() > 0 && !exponent.is_empty() && [whole, fraction, &exponent].into_iter().all(all_digits)
}

/// At most forty characters of what was found: errors are one line.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{Resolved, Scalar};

    #[test]
    fn unquoted_words_mean_what_they_mean_to_kubectl() {
        let cases = [
            ("", Resolved::Null),
            ("~", Resolved::Null),
            ("yes", Resolved::Bool(true)),
            ("off", Resolved::Bool(false)),
            ("8080", Resolved::Int(8080)),
            ("-1", Resolved::Int(-1)),
            ("0x1F", Resolved::Int(31)),
            ("0755", Resolved::Int(493)),
            ("0o17", Resolved::Int(15)),
            ("0", Resolved::Int(0)),
            ("1.0", Resolved::Float),
            ("1e3", Resolved::Float),
            ("089", Resolved::Float),
            (".inf", Resolved::Float),
            ("10.244.0.0", Resolved::String),
            ("infinity", Resolved::String),
            ("0x", Resolved::String),
            ("fd00::1", Resolved::String),
            ("web", Resolved::String),
        ];
        for (text, expected) in cases {
            let scalar = |plain| Scalar { text: Cow::Borrowed(text), plain };
            assert_eq!(scalar(true).resolve(), expected, "{text}");
            assert_eq!(scalar(false).resolve(), Resolved::String, "quoted {text}");
        }
    }
}
