//! Bytes to text: what is not a manifest at all is refused here, before any parser looks at it.

use std::borrow::Cow;

use crate::base::Span;

use super::Fault;

/// Above this size a file is searched for the words that every manifest holds before it is parsed.
const LARGE: usize = 1 << 20;

/// The text of the input file number `file`.
pub(in crate::lab) fn decode(bytes: &[u8], file: usize) -> Result<Cow<'_, str>, Fault> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_text(bytes, error.valid_up_to(), file)),
    };
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        return Err(not_text(bytes, nul, file));
    }
    if bytes.len() > LARGE && !(text.contains("apiVersion") && text.contains("kind")) {
        let text = format!(
            "found {} MB without the words `apiVersion` and `kind`, expected Kubernetes manifests",
            bytes.len() / 1_000_000
        );
        return Err(Fault { span: Span { file, line: 1, col: 1 }, text });
    }
    Ok(without_json_tabs(text))
}

fn not_text(bytes: &[u8], at: usize, file: usize) -> Fault {
    let before = &bytes[..at];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let span = Span {
        file,
        line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
        col: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
    };
    let byte = bytes.get(at).copied().unwrap_or_default();
    Fault { span, text: format!("found byte 0x{byte:02x}, expected text (UTF-8); this file is not a manifest") }
}

/// JSON may separate with tabs where the YAML parser takes only spaces, so tabs outside strings become spaces.
fn without_json_tabs(text: &str) -> Cow<'_, str> {
    let is_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    if !is_json || !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let mut in_string = false;
    let mut escaped = false;
    let blanked = text.chars().map(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '\t' if !in_string => return ' ',
            _ => {}
        }
        c
    });
    Cow::Owned(blanked.collect())
}

#[cfg(test)]
mod tests {
    use super::decode;

    fn check(bytes: &[u8], line: usize, col: usize, text: &str) {
        let fault = decode(bytes, 0).expect_err("a fault");
        assert_eq!((fault.span.line, fault.span.col, fault.text.as_str()), (line, col, text));
    }

    #[test]
    fn bytes_that_are_no_text_are_named_with_their_position() {
        check(b"a: b\nc\xc3\xa9: \xff\n", 2, 5, "found byte 0xff, expected text (UTF-8); this file is not a manifest");
        check(b"\x7fELF\0\0", 1, 5, "found byte 0x00, expected text (UTF-8); this file is not a manifest");
        check(b"\xff\xfea\0", 1, 1, "found byte 0xff, expected text (UTF-8); this file is not a manifest");
    }

    #[test]
    fn a_large_text_without_the_words_of_a_manifest_is_refused_unparsed() {
        let text = "[1, 2, 3]\n".repeat(200_000);
        check(
            text.as_bytes(),
            1,
            1,
            "found 2 MB without the words `apiVersion` and `kind`, expected Kubernetes manifests",
        );
    }

    #[test]
    fn json_may_be_indented_and_separated_with_tabs() {
        assert_eq!(decode(b"\n{\n\t\"a\\\"\t\":\t1\n}", 0).expect("text"), "\n{\n \"a\\\"\t\": 1\n}");
        assert_eq!(decode(b"a: \"\t\"", 0).expect("text"), "a: \"\t\"");
    }
}
