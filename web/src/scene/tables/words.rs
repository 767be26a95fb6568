//! The text of a row in pieces: what was compared has the colour of its layer, what is only said is left out.

use std::net::IpAddr;

/// A piece of a row's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// The class of the layer that it was compared with.
    pub class: Option<&'static str>,
}

/// The reason of a match or a miss, for a place where what was looked up is known anyway.
#[must_use]
pub fn brief(reason: &str) -> String {
    match reason.rsplit_once(' ') {
        Some(("does not cover", last)) if last.parse::<IpAddr>().is_ok() => "does not cover it".to_owned(),
        _ => reason.trim_end_matches(" that comes here").trim_end_matches(", in one of its two directions").to_owned(),
    }
}

/// A row that did not decide.
pub(super) fn plain(text: &str) -> Vec<Word> {
    vec![Word { text: without_comment(text), class: None }]
}

/// Options of rules whose value is compared, or written, with the class of that value.
const OPTIONS: [(&str, &str); 12] = [
    ("-s", "k ly-ip"),
    ("-d", "k ly-ip"),
    ("-p", "k ly-tcp"),
    ("--dport", "k ly-tcp"),
    ("--sport", "k ly-tcp"),
    ("--to-destination", "set"),
    ("--to-source", "set"),
    ("--set-xmark", "set"),
    ("--or-mark", "set"),
    ("--reject-with", "set"),
    ("-j", "dev"),
    ("-g", "dev"),
];

/// A row that decided.
pub(super) fn words(text: &str) -> Vec<Word> {
    let text = without_comment(text);
    let is_rule = text.starts_with('-') || text.starts_with('!');
    let is_connection = text.contains(" src=");
    let is_kind = |word: &str| matches!(word, "local" | "broadcast");
    // What is looked up is an address, or the route for all: rows of other tables have no key in front.
    let is_address = |word: &str| word == "default" || word.contains(['.', ':']);
    let first = text.split(' ').enumerate().find(|(_, word)| !is_kind(word));
    let key = first.filter(|(_, word)| !is_rule && !is_connection && is_address(word)).map(|(idx, _)| idx);
    let mut words: Vec<Word> = Vec::new();
    let mut last = "";
    for (idx, word) in text.split(' ').enumerate() {
        let option = OPTIONS.iter().find(|(option, _)| *option == last).filter(|_| is_rule);
        let class = match last {
            _ if Some(idx) == key && word.contains(':') => Some("k ly-eth"),
            _ if Some(idx) == key => Some("k ly-ip"),
            _ if is_connection && (word.starts_with("src=") || word.starts_with("dst=")) => Some("k ly-ip"),
            _ if is_connection && (word.starts_with("sport=") || word.starts_with("dport=")) => Some("k ly-tcp"),
            _ if is_rule => option.map(|(_, class)| *class),
            "lladdr" => Some("k ly-eth"),
            "dst" => Some("k ly-oip"),
            "dev" => Some("dev"),
            _ => None,
        };
        // Pieces without a class stay together.
        match words.last_mut() {
            Some(before) if class.is_none() && before.class.is_none() => {
                before.text.push(' ');
                before.text.push_str(word);
            }
            Some(_) if class.is_none() => words.push(Word { text: format!(" {word}"), class }),
            Some(before) if before.class.is_none() => {
                before.text.push(' ');
                words.push(Word { text: word.to_owned(), class });
            }
            Some(_) => {
                words.push(Word { text: " ".to_owned(), class: None });
                words.push(Word { text: word.to_owned(), class });
            }
            None => words.push(Word { text: word.to_owned(), class }),
        }
        last = word;
    }
    words
}

/// A rule without what is only said of it, and without the names of matches that say no more than `-p` does.
fn without_comment(text: &str) -> String {
    const COMMENT: &str = "-m comment --comment ";
    let mut out = text.replace(" -m tcp ", " ").replace(" -m udp ", " ");
    while let Some(at) = out.find(COMMENT) {
        let rest = &out[at + COMMENT.len()..];
        let len = match rest.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map_or(rest.len(), |end| end + 2),
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        let end = at + COMMENT.len() + len;
        out = format!("{}{}", &out[..at], out[end..].trim_start());
    }
    out
}
