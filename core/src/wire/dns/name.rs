//! Names: labels with their lengths in front, as they stand in messages without pointers.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Octets of the longest name, the root's included.
const MAX_LEN: usize = 255;
/// Octets of the longest label.
const MAX_LABEL: usize = 63;

/// A fully qualified name of at most 255 octets. The case of its letters is kept, and `==` heeds it; see
/// [`DnsName::is_same`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(Vec<u8>);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DnsNameError {
    /// Two dots in a row, or one in front.
    #[error("the name has an empty label (two dots in a row, or a dot in front)")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("a label of the name has {0} octets; at most 63 are allowed")]
    LongLabel(usize),
    /// More than 255 octets.
    #[error("the name has {0} octets on the wire; at most 255 are allowed")]
    TooLong(usize),
    /// A backslash with nothing that can be escaped behind it.
    #[error("a backslash in the name escapes nothing: expected \\X or \\DDD")]
    BadEscape,
}

impl DnsName {
    /// The root, `.`.
    #[must_use]
    pub fn root() -> Self {
        Self(vec![0])
    }

    /// The name of these labels, from the leftmost on.
    pub fn from_labels<L: AsRef<[u8]>>(labels: impl IntoIterator<Item = L>) -> Result<Self, DnsNameError> {
        let mut bytes = Vec::new();
        for label in labels {
            let label = label.as_ref();
            match label.len() {
                0 => return Err(DnsNameError::EmptyLabel),
                len @ ..=MAX_LABEL => bytes.push(len as u8),
                len => return Err(DnsNameError::LongLabel(len)),
            }
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        if bytes.len() > MAX_LEN {
            return Err(DnsNameError::TooLong(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The labels, without the root's.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// The labels with their lengths, the root's at the end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether they are the same name: letters in either case are one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Whether it is `zone` or below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        let mut rest = self.labels();
        loop {
            if rest.0.eq_ignore_ascii_case(&zone.0) {
                return true;
            }
            if rest.next().is_none() {
                return false;
            }
        }
    }

    /// The name without its leftmost label; the root has none.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let mut rest = self.labels();
        rest.next()?;
        Some(Self(rest.as_bytes().to_vec()))
    }

    /// In small letters.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        // Lengths are below 64 and no letters.
        Self(self.0.to_ascii_lowercase())
    }
}

/// The labels of a name, from the left.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Labels<'a> {
    /// What is still to come, with the lengths and the root.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*len)).filter(|(label, _)| !label.is_empty())?;
        self.0 = rest;
        Some(label)
    }
}

impl Default for DnsName {
    fn default() -> Self {
        Self::root()
    }
}

/// Reads the form that people write, `a\.b.c.` included; a missing dot at the end is as good as one.
impl FromStr for DnsName {
    type Err = DnsNameError;

    fn from_str(text: &str) -> Result<Self, DnsNameError> {
        if text == "." || text.is_empty() {
            return Ok(Self::root());
        }
        let (mut labels, mut label) = (Vec::new(), Vec::new());
        let mut bytes = text.as_bytes();
        let mut is_open = false;
        while let [byte, rest @ ..] = bytes {
            bytes = rest;
            is_open = *byte != b'.';
            match byte {
                b'.' => labels.push(std::mem::take(&mut label)),
                b'\\' => match rest {
                    [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
                        let number = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(*digit - b'0'));
                        label.push(u8::try_from(number).map_err(|_| DnsNameError::BadEscape)?);
                        bytes = rest;
                    }
                    [b'0'..=b'9', ..] | [] => return Err(DnsNameError::BadEscape),
                    [escaped, rest @ ..] => {
                        label.push(*escaped);
                        bytes = rest;
                    }
                },
                other => label.push(*other),
            }
        }
        if is_open {
            labels.push(label);
        }
        Self::from_labels(labels)
    }
}

/// With the dot at the end, and escaped as miekg/dns and dig do.
impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [0] {
            return f.write_str(".");
        }
        for label in self.labels() {
            for byte in label {
                match byte {
                    b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\' => {
                        write!(f, "\\{}", char::from(*byte))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                    other => write!(f, "\\{other:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
