//! Lines and columns of the parser to bytes of the text.

use saphyr_parser::Marker;

/// Line, column and byte of what `marker` points at. What is past the end is at the end of the last line.
pub(super) fn locate(text: &str, marker: Marker) -> (usize, usize, usize) {
    let mut end = (1, 1, 0);
    let mut offset = 0;
    for (line, text_line) in (1..).zip(text.split_inclusive('\n')) {
        let letter = text_line.char_indices().nth(marker.col()).filter(|_| line == marker.line());
        if let Some((at, _)) = letter {
            return (line, marker.col() + 1, offset + at);
        }
        offset += text_line.len();
        let visible = text_line.trim_end_matches(['\n', '\r']);
        end = (line, visible.chars().count() + 1, offset);
        if line >= marker.line() {
            break;
        }
    }
    end
}

/// Where to go on after a fault in line number `line` of `text`: at the next `---`, in bytes and in whole lines.
///
/// A `---` in that line itself counts, since the fault may be that it came too early; not in the first line, where
/// the reader started.
pub(super) fn next_document(text: &str, line: usize) -> Option<(usize, usize)> {
    let mut offset = 0;
    for (number, text_line) in (1..).zip(text.split_inclusive('\n')) {
        let rest = text_line.strip_prefix("---");
        let is_start = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_start && number >= line.max(2) {
            return Some((offset, number - 1));
        }
        offset += text_line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use saphyr_parser::Marker;

    use super::{locate, next_document};

    #[test]
    fn a_column_counts_letters_and_an_offset_bytes() {
        assert_eq!(locate("a: é\nbé: c\n", Marker::new(0, 2, 2)), (2, 3, 9));
        assert_eq!(locate("a\nbc\n", Marker::new(0, 3, 0)), (2, 3, 5), "the end of the text");
    }

    #[test]
    fn the_next_document_begins_at_three_dashes_alone() {
        let text = "a: 1\n---x: 2\n --- \n---\nb: 2\n--- # c\n";
        assert_eq!(next_document(text, 1), Some((19, 3)));
        assert_eq!(next_document(text, 4), Some((19, 3)));
        assert_eq!(next_document(text, 5), Some((28, 5)));
        assert_eq!(next_document(&text[28..], 1), None);
    }
}
