//! The text of a regular expression to a tree.

use super::{MAX_DEPTH, MAX_REPEAT, RegexError, Set, Step, Where, is_word, set};

/// Which bytes are meant.
type IsIn = fn(u8) -> bool;

/// A part of an expression.
pub(super) enum Node {
    Step(Step),
    All(Vec<Node>),
    Any(Vec<Node>),
    Group(usize, Box<Node>),
    Repeat { of: Box<Node>, min: usize, max: Option<usize>, greedy: bool },
}

/// The class of a letter behind a backslash.
fn class(letter: u8) -> Option<Set> {
    let is_in: IsIn = match letter.to_ascii_lowercase() {
        b'd' => |byte| byte.is_ascii_digit(),
        b's' => |byte| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' '),
        b'w' => is_word,
        _ => return None,
    };
    Some(set(|byte| is_in(byte) != letter.is_ascii_uppercase()))
}

/// Reads an expression.
pub(super) struct Parser<'t> {
    pub(super) rest: &'t [u8],
    /// The names of the groups so far.
    pub(super) names: Vec<String>,
    /// The flag `i`.
    pub(super) fold: bool,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Alternatives, to the end or to a bracket that closes.
    pub(super) fn any(&mut self, depth: usize) -> Result<Node, RegexError> {
        if depth > MAX_DEPTH {
            return Err(RegexError::TooLarge);
        }
        let fold = self.fold;
        let mut nodes = vec![self.all(depth)?];
        while self.eat(b"|") {
            nodes.push(self.all(depth)?);
        }
        self.fold = fold;
        Ok(Node::Any(nodes))
    }

    fn all(&mut self, depth: usize) -> Result<Node, RegexError> {
        let mut nodes = Vec::new();
        while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
            let Some(node) = self.atom(depth)? else { continue };
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::All(nodes))
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, RegexError> {
        let mut n_operators = 0;
        loop {
            let (min, max) = match self.rest {
                [b'*', ..] => (0, None),
                [b'+', ..] => (1, None),
                [b'?', ..] => (0, Some(1)),
                [b'{', ..] => match self.counts() {
                    Some((min, max, rest)) => {
                        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT || max < min) {
                            return Err(RegexError::RepeatCount);
                        }
                        // One octet is taken below.
                        self.rest = &self.rest[self.rest.len() - rest - 1..];
                        (min, max)
                    }
                    None => return Ok(node),
                },
                _ => return Ok(node),
            };
            n_operators += 1;
            let operator = self.next().unwrap_or_default();
            if n_operators > 1 {
                return Err(RegexError::NothingToRepeat(operator.into()));
            }
            let greedy = !self.eat(b"?");
            node = Node::Repeat { of: Box::new(node), min, max, greedy };
        }
    }

    /// `{2}`, `{2,}`, `{2,5}`, and how much follows; anything else is text.
    fn counts(&self) -> Option<(usize, Option<usize>, usize)> {
        let end = self.rest.iter().position(|byte| *byte == b'}')?;
        let text = std::str::from_utf8(&self.rest[1..end]).ok()?;
        let (min, max) = match text.split_once(',') {
            None => (text, Some(text)),
            Some((min, "")) => (min, None),
            Some((min, max)) => (min, Some(max)),
        };
        let max = max.map_or(Some(None), |max| max.parse().ok().map(Some))?;
        Some((min.parse().ok()?, max, self.rest.len() - end - 1))
    }

    fn atom(&mut self, depth: usize) -> Result<Option<Node>, RegexError> {
        let Some(first) = self.next() else { return Ok(None) };
        let step = match first {
            b'(' => return self.group(depth),
            b'[' => Step::Byte(self.bracket()?),
            b'.' => Step::Byte(set(|byte| byte != b'\n')),
            b'^' => Step::Assert(Where::Start),
            b'$' => Step::Assert(Where::End),
            b'\\' => match self.rest.first().copied() {
                Some(b'A') => self.assert(Where::Start),
                Some(b'z') => self.assert(Where::End),
                Some(b'b') => self.assert(Where::Word),
                Some(b'B') => self.assert(Where::NotWord),
                Some(letter) if class(letter).is_some() => {
                    self.next();
                    Step::Byte(class(letter).unwrap_or_default())
                }
                _ => self.literal_step()?,
            },
            b'*' | b'+' | b'?' => return Err(RegexError::NothingToRepeat(first.into())),
            other => Step::Byte(self.one(other)),
        };
        Ok(Some(Node::Step(step)))
    }

    fn assert(&mut self, place: Where) -> Step {
        self.next();
        Step::Assert(place)
    }

    fn literal_step(&mut self) -> Result<Step, RegexError> {
        let byte = self.escaped()?;
        Ok(Step::Byte(self.one(byte)))
    }

    fn one(&self, byte: u8) -> Set {
        set(|other| other == byte || self.fold && other.eq_ignore_ascii_case(&byte))
    }

    /// The octet that stands behind a backslash.
    fn escaped(&mut self) -> Result<u8, RegexError> {
        let letter = self.next().unwrap_or_default();
        Ok(match letter {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'f' => 0x0c,
            b'v' => 0x0b,
            b'a' => 0x07,
            b'x' => {
                let digits = self.rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let byte = byte.ok_or_else(|| RegexError::Escape("x".to_owned()))?;
                self.rest = &self.rest[2..];
                byte
            }
            punctuation if punctuation.is_ascii_punctuation() => punctuation,
            other => return Err(RegexError::Escape(if other == 0 { String::new() } else { char::from(other).into() })),
        })
    }

    fn group(&mut self, depth: usize) -> Result<Option<Node>, RegexError> {
        let mut number = None;
        let fold = self.fold;
        if !self.eat(b"?") {
            number = Some(String::new());
        } else if self.eat(b"P<") || self.eat(b"<") {
            let end = self.rest.iter().position(|byte| *byte == b'>').filter(|end| *end > 0);
            let name = end.map(|end| self.rest[..end].to_vec()).filter(|name| name.iter().all(|byte| is_word(*byte)));
            let name = name.and_then(|name| String::from_utf8(name).ok()).ok_or(RegexError::Group('P'))?;
            self.rest = &self.rest[name.len() + 1..];
            number = Some(name);
        } else {
            let mut is_on = true;
            loop {
                match self.next() {
                    Some(b'i') => self.fold = is_on,
                    Some(b's' | b'm') => {}
                    Some(b'-') if is_on => is_on = false,
                    // The rest of the group that this one stands in.
                    Some(b')') => return Ok(None),
                    Some(b':') => break,
                    other => return Err(RegexError::Group(other.unwrap_or(b' ').into())),
                }
            }
        }
        let number = number.map(|name| {
            self.names.push(name);
            self.names.len() - 1
        });
        let node = self.any(depth + 1)?;
        self.fold = fold;
        if !self.eat(b")") {
            return Err(RegexError::NoClose);
        }
        Ok(Some(match number {
            Some(number) => Node::Group(number, Box::new(node)),
            None => node,
        }))
    }

    fn bracket(&mut self) -> Result<Set, RegexError> {
        let is_not = self.eat(b"^");
        let mut all: Set = [0; 4];
        let mut is_first = true;
        loop {
            let byte = match self.next().ok_or(RegexError::NoBracket)? {
                b']' if !is_first => break,
                b'[' if self.rest.starts_with(b":") => {
                    let named = POSIX.iter().find(|(name, _)| self.eat(name.as_bytes()));
                    let (_, is_in) = named.ok_or(RegexError::Range)?;
                    (0..4).for_each(|n| all[n] |= set(is_in)[n]);
                    is_first = false;
                    continue;
                }
                b'\\' => match self.rest.first().and_then(|letter| class(*letter)) {
                    Some(class) => {
                        self.next();
                        (0..4).for_each(|n| all[n] |= class[n]);
                        is_first = false;
                        continue;
                    }
                    None => self.escaped()?,
                },
                other => other,
            };
            is_first = false;
            let mut last = byte;
            if let [b'-', end, ..] = self.rest
                && *end != b']'
            {
                self.next();
                last = match self.next() {
                    Some(b'\\') => self.escaped()?,
                    other => other.unwrap_or_default(),
                };
                if last < byte {
                    return Err(RegexError::Range);
                }
            }
            (byte..=last).for_each(|byte| {
                let one = self.one(byte);
                (0..4).for_each(|n| all[n] |= one[n]);
            });
        }
        Ok(if is_not { all.map(|bits| !bits) } else { all })
    }
}

/// The classes with names that are used.
const POSIX: [(&str, IsIn); 7] = [
    (":alnum:]", |byte| byte.is_ascii_alphanumeric()),
    (":alpha:]", |byte| byte.is_ascii_alphabetic()),
    (":digit:]", |byte| byte.is_ascii_digit()),
    (":lower:]", |byte| byte.is_ascii_lowercase()),
    (":upper:]", |byte| byte.is_ascii_uppercase()),
    (":word:]", is_word),
    (":xdigit:]", |byte| byte.is_ascii_hexdigit()),
];
