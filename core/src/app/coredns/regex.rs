//! Regular expressions, as `rewrite` and `template` match names with them.
//!
//! Models Go's `regexp` (RE2): leftmost match, the first alternative wins, never more than linear time. It is our own
//! because a crate's would weigh more than all the rest of CoreDNS on the page. Text is bytes, as in names. Not modelled:
//! classes of Unicode (`\pL`), `\Q…\E`, the flag `U`.

mod parse;

use thiserror::Error;

use parse::{Node, Parser};

/// Go allows as many repetitions.
const MAX_REPEAT: usize = 1000;
/// Steps of the largest program, and the deepest nesting.
const MAX_STEPS: usize = 20_000;
const MAX_DEPTH: usize = 200;

/// Why a text is no regular expression; the words are Go's where it has the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum RegexError {
    #[error("missing closing )")]
    NoClose,
    #[error("unexpected )")]
    Unopened,
    #[error("missing closing ]")]
    NoBracket,
    #[error("missing argument to repetition operator: `{0}`")]
    NothingToRepeat(char),
    #[error("invalid repeat count")]
    RepeatCount,
    #[error("invalid escape sequence: `\\{0}`")]
    Escape(String),
    #[error("invalid or unsupported Perl syntax: `(?{0}`")]
    Group(char),
    #[error("invalid character class range")]
    Range,
    #[error("expression is too large")]
    TooLarge,
}

/// Bytes, one bit for each.
type Set = [u64; 4];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Byte(Set),
    /// The first is tried first.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Assert(Where),
    Match,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Start,
    End,
    Word,
    NotWord,
}

/// A regular expression, ready to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Regex {
    steps: Vec<Step>,
    /// The names of its groups; the whole match is the first.
    names: Vec<String>,
}

impl Regex {
    pub(super) fn new(text: &str) -> Result<Self, RegexError> {
        let mut parser = Parser { rest: text.as_bytes(), names: vec![String::new()], fold: false };
        let node = parser.any(0)?;
        if !parser.rest.is_empty() {
            return Err(RegexError::Unopened);
        }
        let mut regex = Self { steps: Vec::new(), names: parser.names };
        regex.compile(&Node::Group(0, Box::new(node)))?;
        regex.push(Step::Match)?;
        Ok(regex)
    }

    /// The names of its groups, empty where they have none.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What its groups are in the first match in `text`; a group that takes no part is empty.
    pub(super) fn find<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let bytes = text.as_bytes();
        let mut seen = vec![false; self.steps.len() * (bytes.len() + 1)];
        let saved = (0..=bytes.len()).find_map(|start| self.run(bytes, start, &mut seen))?;
        let group = |pair: &[Option<usize>]| text.get(pair[0]?..pair[1]?);
        Some(saved.chunks(2).map(|pair| group(pair).unwrap_or_default()).collect())
    }

    /// One attempt. What has failed once at one place fails again: `seen` ends it.
    fn run(&self, text: &[u8], start: usize, seen: &mut [bool]) -> Option<Vec<Option<usize>>> {
        let mut saved = vec![None; 2 * self.names.len()];
        // What is to be tried, and what is to be put back before it.
        let mut todo = vec![(0, start, None)];
        while let Some((mut step, mut at, restore)) = todo.pop() {
            if let Some((slot, old)) = restore {
                saved[slot] = old;
                continue;
            }
            loop {
                let key = step * (text.len() + 1) + at;
                if std::mem::replace(&mut seen[key], true) {
                    break;
                }
                match &self.steps[step] {
                    Step::Match => return Some(saved),
                    Step::Byte(set) if text.get(at).is_some_and(|byte| has(set, *byte)) => at += 1,
                    Step::Assert(place) if holds(*place, text, at) => {}
                    Step::Byte(_) | Step::Assert(_) => break,
                    Step::Jump(to) => {
                        step = *to;
                        continue;
                    }
                    Step::Split(first, second) => {
                        todo.push((*second, at, None));
                        step = *first;
                        continue;
                    }
                    Step::Save(slot) => {
                        todo.push((0, 0, Some((*slot, saved[*slot]))));
                        saved[*slot] = Some(at);
                    }
                }
                step += 1;
            }
        }
        None
    }

    fn push(&mut self, step: Step) -> Result<usize, RegexError> {
        if self.steps.len() >= MAX_STEPS {
            return Err(RegexError::TooLarge);
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn compile(&mut self, node: &Node) -> Result<(), RegexError> {
        match node {
            Node::Step(step) => drop(self.push(step.clone())?),
            Node::All(nodes) => nodes.iter().try_for_each(|node| self.compile(node))?,
            Node::Group(number, node) => {
                self.push(Step::Save(2 * number))?;
                self.compile(node)?;
                self.push(Step::Save(2 * number + 1))?;
            }
            Node::Any(nodes) => {
                let mut ends = Vec::new();
                for (n, node) in nodes.iter().enumerate() {
                    let split = if n + 1 < nodes.len() { Some(self.push(Step::Match)?) } else { None };
                    self.compile(node)?;
                    if let Some(split) = split {
                        ends.push(self.push(Step::Match)?);
                        self.steps[split] = Step::Split(split + 1, self.steps.len());
                    }
                }
                let end = self.steps.len();
                ends.into_iter().for_each(|at| self.steps[at] = Step::Jump(end));
            }
            Node::Repeat { of, min, max, greedy } => {
                let split =
                    |into: usize, out: usize| if *greedy { Step::Split(into, out) } else { Step::Split(out, into) };
                for _ in 0..*min {
                    self.compile(of)?;
                }
                let mut outs = Vec::new();
                for _ in 0..max.map_or(1, |max| max.saturating_sub(*min)) {
                    let at = self.push(Step::Match)?;
                    outs.push(at);
                    self.compile(of)?;
                    if max.is_none() {
                        self.push(Step::Jump(at))?;
                    }
                }
                let end = self.steps.len();
                outs.into_iter().for_each(|at| self.steps[at] = split(at + 1, end));
            }
        }
        Ok(())
    }
}

fn has(set: &Set, byte: u8) -> bool {
    set[usize::from(byte >> 6)] & 1 << (byte & 63) != 0
}

fn set(is_in: impl Fn(u8) -> bool) -> Set {
    let mut set = [0; 4];
    (0..=255).filter(|byte| is_in(*byte)).for_each(|byte: u8| set[usize::from(byte >> 6)] |= 1 << (byte & 63));
    set
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn holds(place: Where, text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(|byte| is_word(*byte));
    let after = text.get(at).is_some_and(|byte| is_word(*byte));
    match place {
        Where::Start => at == 0,
        Where::End => at == text.len(),
        Where::Word => before != after,
        Where::NotWord => before == after,
    }
}

#[cfg(test)]
mod tests {
    use super::Regex;

    #[test]
    fn what_is_found_is_what_go_finds() {
        for (regex, text, expected) in [
            (r"(.*)\.coredns\.rocks", "ftp.coredns.rocks.", Some(&["ftp.coredns.rocks", "ftp"][..])),
            (r"^ip-(?P<a>[0-9]*)-(?P<b>\d+)[.]example[.]$", "ip-10-2.example.", Some(&["ip-10-2.example.", "10", "2"])),
            (r"a|ab", "ab", Some(&["a"])),
            (r"(a+?)(a*)", "aaa", Some(&["aaa", "a", "aa"])),
            (r"(?i)WEB[^.]", "webX", Some(&["webX"])),
            (r"(?i:w)eb", "Web", Some(&["Web"])),
            (r"x{2,3}", "xxxx", Some(&["xxx"])),
            (r"x{,3}", "x{,3}", Some(&["x{,3}"])),
            (r"\bshop\b", "my-shop.", Some(&["shop"])),
            (r"(a)|(b)", "b", Some(&["b", "", "b"])),
            (r"(a*)*$", "aaab", Some(&["", ""])),
            (r"[[:alpha:]_-]+", "1web-a.", Some(&["web-a"])),
            ("", "web", Some(&[""])),
            (r"^a$", "ab", None),
        ] {
            let found = Regex::new(regex).map(|regex| regex.find(text).map(|found| found.join("|")));
            assert_eq!(found, Ok(expected.map(|expected| expected.join("|"))), "{regex}");
        }
    }

    #[test]
    fn what_is_no_regular_expression_is_refused_in_gos_words() {
        for (regex, expected) in [
            ("(a", "missing closing )"),
            ("a)", "unexpected )"),
            ("[a", "missing closing ]"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a**", "missing argument to repetition operator: `*`"),
            ("a{1001}", "invalid repeat count"),
            (r"\y", r"invalid escape sequence: `\y`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("[b-a]", "invalid character class range"),
            ("((a{1000}){1000}){1000}", "expression is too large"),
        ] {
            assert_eq!(Regex::new(regex).map_err(|error| error.to_string()), Err(expected.to_owned()), "{regex}");
        }
    }

    #[test]
    fn a_name_against_a_nasty_expression_takes_no_time() {
        let text = "a".repeat(250);
        assert_eq!(Regex::new("^(a*)*(a*)*(a*)*b$").map(|regex| regex.find(&text)), Ok(None));
    }
}
