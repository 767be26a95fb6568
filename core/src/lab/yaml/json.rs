//! JSON text to the events that YAML text gives, without holding more than one token.

use super::resolve::is_decimal;
use std::borrow::Cow;

use saphyr_parser::{Event, ScalarStyle};

use crate::base::Span;

use super::Fault;

/// Why a document was not read.
#[derive(Debug)]
pub(super) enum JsonError {
    /// It is not JSON.
    Syntax(Fault),
    /// It is, and whoever takes the events does not want it.
    Refused(Fault),
}

/// Takes events with their positions.
type Sink<'s, 'a> = dyn FnMut(Event<'a>, Span) -> Result<(), Fault> + 's;

/// A reader that stands somewhere in the text.
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    here: Span,
    /// Byte and line base at which the text after the last document begins.
    after: (usize, usize),
}

impl<'a> Json<'a> {
    /// A reader at the start of `text`, whose first line is `line_base` + 1 of its file.
    pub(super) fn new(text: &'a str, line_base: usize, file: usize) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, here: Span { file, line: line_base + 1, col: 1 }, after: (0, line_base) }
    }

    /// Reads a document and what separates it from the next; `false` if there is none that begins like JSON.
    pub(super) fn document(&mut self, sink: &mut Sink<'_, 'a>) -> Result<bool, JsonError> {
        self.skip_space();
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            return Ok(false);
        }
        self.value(sink)?;
        self.skip_space();
        match self.peek() {
            None | Some(b'{') => {}
            Some(_) if self.here.col == 1 && self.text[self.at..].starts_with("---") => {}
            Some(_) => return Err(self.expected("the end of the document")),
        }
        // Without its columns the line is the next reader's first, so it must begin where the line does.
        self.after = match self.peek() {
            Some(b'{') if self.here.col != 1 => return Err(self.expected("the next document on a line of its own")),
            _ => (self.at, self.here.line - 1),
        };
        Ok(true)
    }

    /// What follows the last document, with its line base.
    pub(super) fn rest(&self) -> (&'a str, usize) {
        (&self.text[self.after.0..], self.after.1)
    }

    fn value(&mut self, sink: &mut Sink<'_, 'a>) -> Result<(), JsonError> {
        self.skip_space();
        let span = self.here;
        let mut send = |event| sink(event, span).map_err(JsonError::Refused);
        match self.peek() {
            Some(b'{') => {
                send(Event::MappingStart(0, None))?;
                self.collection(b'}', sink)
            }
            Some(b'[') => {
                send(Event::SequenceStart(0, None))?;
                self.collection(b']', sink)
            }
            Some(b'"') => {
                let text = self.string()?;
                send(Event::Scalar(text, ScalarStyle::DoubleQuoted, 0, None))
            }
            _ => {
                let text = self.word()?;
                send(Event::Scalar(Cow::Borrowed(text), ScalarStyle::Plain, 0, None))
            }
        }
    }

    /// The items or fields up to `close`; the opening bracket is still ahead.
    fn collection(&mut self, close: u8, sink: &mut Sink<'_, 'a>) -> Result<(), JsonError> {
        self.step(1);
        self.skip_space();
        let mut is_first = true;
        while self.peek() != Some(close) {
            if !is_first {
                let expected = if close == b'}' { "`,` or `}`" } else { "`,` or `]`" };
                self.take(b',', expected)?;
            }
            is_first = false;
            if close == b'}' {
                self.skip_space();
                let span = self.here;
                let key = self.string()?;
                sink(Event::Scalar(key, ScalarStyle::DoubleQuoted, 0, None), span).map_err(JsonError::Refused)?;
                self.skip_space();
                self.take(b':', "`:`")?;
            }
            self.value(sink)?;
            self.skip_space();
        }
        let event = if close == b'}' { Event::MappingEnd } else { Event::SequenceEnd };
        sink(event, self.here).map_err(JsonError::Refused)?;
        self.step(1);
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.take(b'"', "a string in double quotes")?;
        let start = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let Some(c) = self.text[self.at..].chars().next() else { return Err(self.expected("`\"`")) };
            match c {
                '"' => {
                    let text = unescaped.map_or(Cow::Borrowed(&self.text[start..self.at]), Cow::Owned);
                    self.step(1);
                    return Ok(text);
                }
                '\\' => {
                    let so_far = unescaped.take().unwrap_or_else(|| self.text[start..self.at].to_owned());
                    let c = self.escape()?;
                    unescaped = Some(so_far + c.encode_utf8(&mut [0; 4]));
                }
                '\n' | '\r' => return Err(self.expected("`\"`")),
                c => {
                    self.step(c.len_utf8());
                    if let Some(text) = &mut unescaped {
                        text.push(c);
                    }
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.step(1);
        let c = match self.peek() {
            Some(b'u') => return self.unicode_escape(),
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.expected("an escape that JSON knows, like `\\n` or `\\\\`")),
        };
        self.step(1);
        Ok(c)
    }

    /// `\uXXXX`, of which two make a letter beyond the first 65 536.
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        self.step(1);
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(|| self.expected("the first half of a letter before its second"));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Err(self.expected("the second half of a letter"));
        }
        self.step(2);
        let low = self.hex4()?;
        let letter = 0x10000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00);
        char::from_u32(letter).filter(|_| (0xdc00..0xe000).contains(&low)).ok_or_else(|| self.expected("a letter"))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.step(4);
        Ok(value)
    }

    /// `true`, `false`, `null` or a number.
    fn word(&mut self) -> Result<&'a str, JsonError> {
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let word = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && is_decimal(word);
        if !is_number && !matches!(word, "true" | "false" | "null") {
            return Err(self.expected("a value"));
        }
        self.step(word.len());
        Ok(word)
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.step(1);
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes one letter of this many bytes, or as many letters of one byte as the caller knows to be there.
    fn step(&mut self, n_bytes: usize) {
        let is_ascii = self.text.as_bytes()[self.at].is_ascii();
        self.at += n_bytes;
        self.here.col += if is_ascii { n_bytes } else { 1 };
    }

    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.step(1),
                Some(b'\n') => {
                    self.at += 1;
                    self.here.line += 1;
                    self.here.col = 1;
                }
                _ => return,
            }
        }
    }

    fn expected(&self, expected: &str) -> JsonError {
        let found = match self.text[self.at..].chars().next() {
            None => "the end of the file".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(c) => format!("`{c}`"),
        };
        JsonError::Syntax(Fault { span: self.here, text: format!("not JSON: found {found}, expected {expected}") })
    }
}

#[cfg(test)]
mod tests {
    use saphyr_parser::Event;

    use super::{Json, JsonError};

    /// The scalars of the first document of `text`, or why it is none.
    fn read(text: &str) -> Result<String, String> {
        let mut scalars = Vec::new();
        let mut sink = |event: Event<'_>, span: crate::base::Span| {
            if let Event::Scalar(text, ..) = event {
                scalars.push(format!("{text}@{}:{}", span.line, span.col));
            }
            Ok(())
        };
        match Json::new(text, 0, 0).document(&mut sink) {
            Ok(true) => Ok(scalars.join(" ")),
            Ok(false) => Err("nothing".to_owned()),
            Err(JsonError::Syntax(fault) | JsonError::Refused(fault)) => {
                Err(format!("{}:{}: {}", fault.span.line, fault.span.col, fault.text))
            }
        }
    }

    #[test]
    fn strings_mean_what_json_says() {
        let cases = [
            (r#"{"a": "b"}"#, "a@1:2 b@1:7"),
            (r#"{"é": "x"}"#, "é@1:2 x@1:7"),
            (r#"["\"\\\/\b\f\n\r\t"]"#, "\"\\/\u{8}\u{c}\n\r\t@1:2"),
            (r#"["\u00e9\ud83d\ude00."]"#, "é😀.@1:2"),
            ("[\n\t-1.5e3,\r\n true]", "-1.5e3@2:2 true@3:2"),
        ];
        for (text, scalars) in cases {
            assert_eq!(read(text).as_deref(), Ok(scalars), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_says_what_was_expected() {
        let cases = [
            ("a: 1", "nothing"),
            ("", "nothing"),
            ("{", "1:2: not JSON: found the end of the file, expected a string in double quotes"),
            ("{a: 1}", "1:2: not JSON: found `a`, expected a string in double quotes"),
            ("{\"a\" 1}", "1:6: not JSON: found `1`, expected `:`"),
            ("{\"a\": 1,}", "1:9: not JSON: found `}`, expected a string in double quotes"),
            ("[1 2]", "1:4: not JSON: found `2`, expected `,` or `]`"),
            ("[é]", "1:2: not JSON: found `é`, expected a value"),
            ("[01x]", "1:2: not JSON: found `0`, expected a value"),
            ("[\"a\n\"]", "1:4: not JSON: found the end of the line, expected `\"`"),
            (r#"["\x"]"#, r#"1:4: not JSON: found `x`, expected an escape that JSON knows, like `\n` or `\\`"#),
            (r#"["\ud800x"]"#, "1:9: not JSON: found `x`, expected the second half of a letter"),
            (r#"["\u12"]"#, "1:5: not JSON: found `1`, expected four hexadecimal digits"),
            ("{} x", "1:4: not JSON: found `x`, expected the end of the document"),
        ];
        for (text, error) in cases {
            assert_eq!(read(text), Err(error.to_owned()), "{text}");
        }
    }
}
