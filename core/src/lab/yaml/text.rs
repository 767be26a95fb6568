//! Bytes to text: what is not a manifest at all is refused here, before any parser looks at it.

use crate::base::Span;

use super::Fault;

/// Above this size a file is searched for the keys that every manifest has before it is parsed.
pub(super) const LARGE: usize = 1 << 20;

/// The text of the input file number `file`.
pub(in crate::lab) fn decode(bytes: &[u8], file: usize) -> Result<&str, Fault> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(not_text(bytes, error.valid_up_to(), file)),
    };
    if let Some(nul) = bytes.iter().position(|byte| *byte == 0) {
        return Err(not_text(bytes, nul, file));
    }
    if bytes.len() > LARGE && !(has_key(text, "apiVersion") && has_key(text, "kind")) {
        let text = format!(
            "found {} MB without the keys `apiVersion` and `kind`, expected Kubernetes manifests",
            bytes.len() / 1_000_000
        );
        return Err(Fault { span: Span { file, line: 1, col: 1 }, text });
    }
    Ok(text)
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

/// Whether `key` stands anywhere as a key: before a colon, quoted or not.
fn has_key(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| {
        let after = &text[at + key.len()..];
        after.strip_prefix(['"', '\'']).unwrap_or(after).trim_start().starts_with(':')
    })
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
    fn a_large_text_without_the_keys_of_a_manifest_is_refused_unparsed() {
        let text = "the kind of apiVersion, [1, 2]\n".repeat(70_000);
        check(
            text.as_bytes(),
            1,
            1,
            "found 2 MB without the keys `apiVersion` and `kind`, expected Kubernetes manifests",
        );
    }
}
