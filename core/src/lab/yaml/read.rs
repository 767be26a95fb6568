//! Text to documents: JSON where it is JSON, else YAML, and past what is broken to the next `---`.

use saphyr_parser::{Marker, Parser};

use crate::base::Span;

use super::build::{Builder, Expect};
use super::json::{Json, JsonError};
use super::position::{locate, next_document};
use super::text::LARGE;
use super::{Fault, Node, syntax};

/// Faults after which the rest of a file is not looked at.
const MAX_FAULTS: usize = 20;

/// The documents of `text`, the input file number `file`: those that could be read, and what is wrong with the others.
///
/// Documents that hold nothing are left out. After a fault, reading goes on at the next `---`.
pub(in crate::lab) fn read(text: &str, file: usize, expect: Expect) -> (Vec<Node<'_>>, Vec<Fault>) {
    let mut builder = Builder::new(expect);
    let mut rest = text;
    let mut line_base = 0;
    loop {
        let result = match expect {
            Expect::Manifests => json(&mut builder, &mut rest, &mut line_base, file),
            Expect::AnyValue => Ok(()),
        };
        let Err(fault) = result.and_then(|()| yaml(&mut builder, rest, line_base, file)) else { break };
        let line_in_rest = fault.span.line.saturating_sub(line_base);
        // A document that is read again from its `---` has the same fault again.
        if builder.faults.last() != Some(&fault) {
            builder.faults.push(fault);
        }
        builder.end_document();
        let Some((offset, lines)) = next_document(rest, line_in_rest) else { break };
        if builder.faults.len() >= MAX_FAULTS || builder.is_exhausted() {
            let span = Span { file, line: line_base + lines + 1, col: 1 };
            builder.faults.push(Fault { span, text: "the rest of this file is not read".to_owned() });
            break;
        }
        line_base += lines;
        rest = &rest[offset..];
    }
    (builder.documents, builder.faults)
}

/// Reads the JSON documents that `rest` begins with, and leaves what follows them.
///
/// The YAML parser could read them too, but it holds a whole `{…}` in memory before it says anything of it.
fn json<'a>(builder: &mut Builder<'a>, rest: &mut &'a str, line_base: &mut usize, file: usize) -> Result<(), Fault> {
    loop {
        let mut json = Json::new(rest, *line_base, file);
        match json.document(&mut |event, span| builder.on_event(event, span)) {
            Ok(true) => {
                builder.end_document();
                (*rest, *line_base) = json.rest();
            }
            Ok(false) => return Ok(()),
            // It may be YAML that begins like JSON.
            Err(JsonError::Syntax(_)) if rest.len() <= LARGE => {
                builder.end_document();
                return Ok(());
            }
            Err(JsonError::Syntax(fault) | JsonError::Refused(fault)) => return Err(fault),
        }
    }
}

/// Reads YAML documents to the end of `text` or to the first fault.
fn yaml<'a>(builder: &mut Builder<'a>, text: &'a str, line_base: usize, file: usize) -> Result<(), Fault> {
    let span = |marker: Marker| Span { file, line: line_base + marker.line(), col: marker.col() + 1 };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, at)) => builder.on_event(event, span(at.start))?,
            Err(error) => {
                let (line, col, offset) = locate(text, *error.marker());
                let span = Span { file, line: line_base + line, col };
                return Err(Fault { span, text: syntax::explain(&error, text, offset) });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Expect, read};
    use crate::lab::yaml::Node;

    /// The documents as one line, and the faults as lines.
    fn check(text: &str, documents: &str, faults: &[&str]) {
        let (read, found) = read(text, 0, Expect::Manifests);
        assert_eq!(read.iter().map(Node::to_string).collect::<Vec<_>>().join(" | "), documents, "{text:?}");
        let found: Vec<String> =
            found.iter().map(|fault| format!("{}:{}: {}", fault.span.line, fault.span.col, fault.text)).collect();
        assert_eq!(found, faults, "{text:?}");
    }

    #[test]
    fn documents_come_in_block_and_flow_form_with_any_line_end() {
        check("a: 1\nb:\n- x\n- y: z\n", "{a@1:1: 1@1:4, b@2:1: [x@3:3, {y@4:3: z@4:6}@4:3]@3:3}@1:1", &[]);
        check("a: 1\r\nb: 2\r\n", "{a@1:1: 1@1:4, b@2:1: 2@2:4}@1:1", &[]);
        check("\u{feff}a: {b: [c, d]}", "{a@1:1: {b@1:5: [c@1:9, d@1:12]@1:8}@1:4}@1:1", &[]);
        check("---\na: 1\n---\n# nothing\n---\nb: 2\n...\n", "{a@2:1: 1@2:4}@2:1 | {b@6:1: 2@6:4}@6:1", &[]);
        check("", "", &[]);
    }

    #[test]
    fn json_documents_may_be_followed_by_yaml() {
        let json = "{\n\t\"a\":\t1}\n{\"b\": \"x\"}\n---\nc: 3\n";
        check(json, "{a@2:2: 1@2:7}@1:1 | {b@3:2: \"x\"@3:7}@3:1 | {c@5:1: 3@5:4}@5:1", &[]);
        check("{a: 1}\n---\n{\"b\": 2}", "{a@1:2: 1@1:5}@1:1 | {b@3:2: 2@3:7}@3:1", &[]);
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        check("a: &x 1\nb: *x\n", "{a@1:1: 1@1:4, b@2:1: 1@1:4}@1:1", &[]);
        check(
            "a: &x {c: 1, d: 2}\n<<: *x\nc: 3\n",
            "{a@1:1: {c@1:8: 1@1:11, d@1:14: 2@1:17}@1:4, c@3:1: 3@3:4, d@1:14: 2@1:17}@1:1",
            &[],
        );
        check("<<: [{a: 1}, {a: 2}]\n", "{a@1:7: 1@1:10}@1:1", &[]);
        check("\"<<\": {a: 1}\n", "{<<@1:1: {a@1:8: 1@1:11}@1:7}@1:1", &[]);
        check("<<: 5\n", "", &["1:5: found number 5 under `<<`, expected a mapping"]);
        let itself = "1:8: found an alias inside what it stands for, expected an anchor (`&name`) above it";
        check("a: &a [*a]\n", "", &[itself]);
        check("a: *b\n", "", &["1:4: not YAML: found `*`, expected an anchor (`&name`) above this alias"]);
    }

    #[test]
    fn aliases_that_double_themselves_end() {
        let levels = ('b'..='z').map(|name| {
            let of = (name as u8 - 1) as char;
            format!("{name}: &{name} [*{of}, *{of}]\n")
        });
        let bomb: String = ["a: &a [x]\n".to_owned()].into_iter().chain(levels).collect();
        let (documents, faults) = read(&bomb, 0, Expect::Manifests);
        assert!(documents.is_empty());
        assert_eq!(faults[0].text, "found aliases that grow without measure, expected a manifest");
    }

    #[test]
    fn nesting_ends() {
        let deep = |open: &str, close: &str| format!("a: {}{}", open.repeat(200), close.repeat(200));
        check(&deep("[", "]"), "", &["1:131: found nesting deeper than 128, expected less"]);
        check(&deep("{\"b\":", "}"), "", &["1:639: found nesting deeper than 128, expected less"]);
        let json = format!("{{\"a\":{}", "[".repeat(100_000));
        check(&json, "", &["1:133: found nesting deeper than 128, expected less"]);
    }

    #[test]
    fn a_key_stands_once() {
        check(
            "a: 1\nb: 2\na: 3\n",
            "{a@1:1: 1@1:4, b@2:1: 2@2:4}@1:1",
            &["3:1: found key \"a\" again, expected it once: it stands at 1:1"],
        );
        check("? [a]\n: b\n", "", &["1:3: found a list or a mapping as a key, expected a string"]);
    }

    #[test]
    fn what_stands_around_a_syntax_error_is_still_read() {
        let text = "a: 1\n---\nb: [1\nc: 2\n---\nd: 3\n";
        let fault = "4:2: not YAML: found `:`, expected `,` or `]`: a list was opened with `[` and is not closed";
        check(text, "{a@1:1: 1@1:4}@1:1 | {d@6:1: 3@6:4}@6:1", &[fault]);
        let early = "2:1: not YAML: found `-`, expected `,` or `]`";
        check("a: [1\n---\nb: 2\n", "{b@3:1: 2@3:4}@3:1", &[early]);
        let inline = "2:5: found string \"b\", expected a manifest: a mapping with `apiVersion` and `kind`";
        check("a: 1\n--- b: c: d\n---\ne: 2\n", "{a@1:1: 1@1:4}@1:1 | {e@4:1: 2@4:4}@4:1", &[inline]);
    }

    #[test]
    fn syntax_errors_say_what_was_found_and_what_was_expected() {
        let cases = [
            ("a: {b: 1\nc: 2\n", "2:2: not YAML: found `:`, expected `,` or `}`"),
            ("{\"a\": 1", "1:8: not YAML: found the end of the file, expected `,` or `}`"),
            (
                "a: b: c\n",
                "1:5: not YAML: found `:`, expected no second `:` in this value: quote it, or correct the indentation",
            ),
            ("a:\n\t- b\n", "2:2: not YAML: found a tab, expected spaces: YAML is not indented with tabs"),
            ("a:\tb\n", "1:4: not YAML: found a tab, expected a space after `:` or `-`"),
            ("a: \"b\n", "1:4: not YAML: found `\"`, expected the quote that closes this string"),
            ("a: b\n]\n", "2:1: not YAML: found `]`, expected no closing bracket: none is open"),
            (
                "a:\n  b: 1\n c: 2\n",
                "3:2: not YAML: found `c`, expected a key with the indentation of the keys above it",
            ),
            ("a: @b\n", "1:4: not YAML: found `@`, expected a value: quote it if it begins with this character"),
            ("a: \"\\q\"\n", "1:4: not YAML: found `\"`, expected an escape that YAML knows, like `\\n` or `\\\\`"),
            ("- a\n", "1:1: found a list, expected a manifest: a mapping with `apiVersion` and `kind`"),
            ("hello\n", "1:1: found string \"hello\", expected a manifest: a mapping with `apiVersion` and `kind`"),
        ];
        for (text, fault) in cases {
            check(text, "", &[fault]);
        }
    }

    #[test]
    fn managed_fields_are_passed_over() {
        check("managedFields:\n- a: [1]\n  b: 2\nc: 3\n", "{managedFields@1:1: []@2:3, c@4:1: 3@4:4}@1:1", &[]);
    }
}
