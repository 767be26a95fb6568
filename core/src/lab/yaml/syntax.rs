//! Syntax errors in our words: what was found, and what was expected.

use saphyr_parser::ScanError;

/// What the scanner says, by a part of its words, and what it means to somebody who edits a manifest.
const EXPECTED: [(&str, &str); 21] = [
    ("mapping values are not allowed", "no second `:` in this value: quote it, or correct the indentation"),
    ("did not find expected ',' or '}'", "`,` or `}`"),
    ("expected ',' or ']'", "`,` or `]`"),
    ("illegal placement of ':'", "`,` or `]`: a list was opened with `[` and is not closed"),
    ("misplaced bracket", "no closing bracket: none is open"),
    ("tabs disallowed", "spaces: YAML is not indented with tabs"),
    ("tab cannot be used as indentation", "spaces: YAML is not indented with tabs"),
    ("block scalar content cannot start with a tab", "spaces: YAML is not indented with tabs"),
    ("found unexpected end of stream", "the quote that closes this string"),
    ("unexpected document indicator", "the quote that closes this string before the document ends"),
    ("expected '-' indicator", "`-`: the next item of the list, or the end of it"),
    ("did not find expected key", "a key with the indentation of the keys above it"),
    ("simple key expect", "`:` after this key"),
    ("unexpected character", "a value: quote it if it begins with this character"),
    ("unknown anchor", "an anchor (`&name`) above this alias"),
    ("unknown escape character", "an escape that YAML knows, like `\\n` or `\\\\`"),
    ("must be followed by a valid YAML whitespace", "a space after `:` or `-`"),
    ("recursion limit exceeded", "less nesting"),
    ("invalid indentation", "deeper indentation than that of the line it belongs to"),
    ("expected node content", "a value"),
    ("block sequence entries are not allowed", "no `-` here: a list begins on a line of its own"),
];

/// One line that says what stands at `offset` of `text` and what should stand there.
///
/// Of a tab the parser speaks when it is past it, so a tab just before counts as found.
pub(super) fn explain(error: &ScanError, text: &str, offset: usize) -> String {
    let found = match text[offset..].chars().next() {
        _ if text[..offset].ends_with('\t') => "a tab".to_owned(),
        None => "the end of the file".to_owned(),
        Some('\n' | '\r') => "the end of the line".to_owned(),
        Some(c) if c.is_control() => format!("the character {}", c.escape_unicode()),
        Some(c) => format!("`{c}`"),
    };
    let info = error.info();
    match EXPECTED.iter().find(|(words, _)| info.contains(words)) {
        Some((_, expected)) => format!("not YAML: found {found}, expected {expected}"),
        None => format!("not YAML: found {found}: {info}"),
    }
}
