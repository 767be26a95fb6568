//! Corefiles: text into server blocks and directives.
//!
//! Models coredns/caddy's `caddyfile` lexer and parser, without `import` of files and environment variables.

use thiserror::Error;

/// The Corefile that kubeadm writes.
pub const KUBEADM_COREFILE: &str = "\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
";

/// Why CoreDNS would not start, or what is skipped where it starts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Corefile:{line}: {directive}: {message}")]
pub struct CorefileError {
    /// The line, from 1.
    pub line: usize,
    /// The directive, or the server block's key.
    pub directive: String,
    /// What was found and what was expected.
    pub message: String,
}

/// One server block as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) keys: Vec<String>,
    pub(super) line: usize,
    pub(super) directives: Vec<Directive>,
}

/// A directive: its words, and the lines between its braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) args: Vec<String>,
    pub(super) options: Vec<(usize, Vec<String>)>,
}

impl Directive {
    pub(super) fn error(&self, line: usize, message: impl Into<String>) -> CorefileError {
        CorefileError { line, directive: self.name.clone(), message: message.into() }
    }
}

/// The words of each line with its number; `#` begins a comment, quotes keep blanks.
fn lines(text: &str) -> Result<Vec<(usize, Vec<String>)>, CorefileError> {
    let (mut lines, mut line) = (Vec::new(), 1);
    let (mut words, mut word, mut is_word) = (Vec::new(), String::new(), false);
    let (mut quote, mut is_comment) = (None, false);
    let mut chars = text.chars().chain(['\n']).peekable();
    while let Some(c) = chars.next() {
        if quote.is_some() && chars.peek().is_some() {
            match c {
                '"' => quote = None,
                '\\' if chars.peek() == Some(&'"') => word.extend(chars.next()),
                other => word.push(other),
            }
        } else if c.is_whitespace() || c == '\n' {
            if is_word {
                words.push(std::mem::take(&mut word));
                is_word = false;
            }
        } else if c == '#' && !is_word {
            is_comment = true;
        } else if !is_comment {
            if c == '"' && !is_word {
                quote = Some(line);
            } else {
                word.push(c);
            }
            is_word = true;
        }
        if c == '\n' {
            if quote.is_none() && !words.is_empty() {
                lines.push((line, std::mem::take(&mut words)));
            }
            line += 1;
            is_comment = false;
        }
    }
    match quote {
        Some(line) => {
            let message = "a quotation mark that nothing closes".to_owned();
            Err(CorefileError { line, directive: word, message })
        }
        None => Ok(lines),
    }
}

/// The server blocks of `text`, snippets put in where they are imported.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, CorefileError> {
    let lines = lines(text)?;
    let mut rest = &lines[..];
    let (mut blocks, mut snippets) = (Vec::new(), Vec::<(String, Vec<Directive>)>::new());
    let mut keys: Vec<String> = Vec::new();
    while let Some(((line, words), after)) = rest.split_first() {
        rest = after;
        let error = |directive: &str, message: &str| CorefileError {
            line: *line,
            directive: directive.to_owned(),
            message: message.to_owned(),
        };
        let is_empty = is_empty_block(words);
        let is_open = is_empty || words.last().is_some_and(|word| word == "{");
        let own = &words[..words.len() - usize::from(is_open) - usize::from(is_empty)];
        let is_more = own.last().is_some_and(|word| word.ends_with(','));
        keys.extend(own.iter().flat_map(|word| word.split(',')).filter(|key| !key.is_empty()).map(str::to_owned));
        if let Some(brace) = own.iter().find(|word| *word == "}" || *word == "{") {
            return Err(error(brace, "this brace was not expected here"));
        }
        let Some(first) = keys.first().cloned() else { return Err(error("{", "a server block without a key")) };
        if is_more && !is_open {
            continue;
        }
        // The brace may have a line of its own.
        let below = rest.split_first().filter(|((_, words), _)| !is_open && *words == ["{"]);
        let is_open = is_open || below.is_some();
        rest = below.map_or(rest, |(_, after)| after);
        let directives = match (is_open, blocks.is_empty() && snippets.is_empty()) {
            (true, _) if is_empty => Vec::new(),
            (true, _) => directives(&mut rest, *line, &first, &snippets)?,
            // A file of one server block may do without braces.
            (false, true) => {
                let mut all = Vec::new();
                while let Some(((line, words), after)) = rest.split_first() {
                    rest = after;
                    all.extend(directive(&mut rest, *line, words, &snippets)?);
                }
                all
            }
            (false, false) => return Err(error(&first, "expected { behind the keys of a server block")),
        };
        match first.strip_prefix('(').and_then(|name| name.strip_suffix(')')) {
            Some(name) => snippets.push((name.to_owned(), directives)),
            None => blocks.push(Block { keys: std::mem::take(&mut keys), line: *line, directives }),
        }
        keys.clear();
    }
    Ok(blocks)
}

/// Whether braces with nothing between them end the line.
fn is_empty_block(words: &[String]) -> bool {
    matches!(words, [.., open, close] if open == "{" && close == "}")
}

type Lines<'a> = &'a [(usize, Vec<String>)];

/// The directives up to the brace that closes the block of `key`.
fn directives(
    rest: &mut Lines<'_>,
    start: usize,
    key: &str,
    snippets: &[(String, Vec<Directive>)],
) -> Result<Vec<Directive>, CorefileError> {
    let mut all = Vec::new();
    while let Some(((line, words), after)) = rest.split_first() {
        *rest = after;
        if words[0] == "}" {
            return Ok(all);
        }
        all.extend(directive(rest, *line, words, snippets)?);
    }
    let message = "the file ends inside the block; expected }".to_owned();
    Err(CorefileError { line: start, directive: key.to_owned(), message })
}

fn directive(
    rest: &mut Lines<'_>,
    line: usize,
    words: &[String],
    snippets: &[(String, Vec<Directive>)],
) -> Result<Vec<Directive>, CorefileError> {
    let (name, args) = words.split_first().map_or(("", &[][..]), |(name, args)| (name, args));
    let mut directive = Directive { line, name: name.to_owned(), args: args.to_vec(), options: Vec::new() };
    if name == "import" {
        let found = args.first().and_then(|name| snippets.iter().find(|(snippet, _)| snippet == name));
        let message = format!("no snippet is called {}", args.join(" "));
        return found.map(|(_, directives)| directives.clone()).ok_or_else(|| directive.error(line, message));
    }
    if is_empty_block(words) {
        directive.args.truncate(args.len() - 2);
        return Ok(vec![directive]);
    }
    match directive.args.iter().position(|word| word == "{") {
        None => return Ok(vec![directive]),
        Some(at) if at + 1 < directive.args.len() => {
            return Err(directive.error(line, "expected the end of the line behind {"));
        }
        Some(at) => directive.args.truncate(at),
    }
    while let Some(((line, words), after)) = rest.split_first() {
        *rest = after;
        if words[0] == "}" {
            return Ok(vec![directive]);
        }
        directive.options.push((*line, words.clone()));
    }
    Err(directive.error(line, "the file ends inside the block; expected }"))
}
