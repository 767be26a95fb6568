//! What must hold for the page's markup, so that it works under any path, in a sandboxed frame and under a content
//! security policy that allows nothing inline.

/// What is wrong with a document, a line for each.
pub(crate) fn problems(html: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for tag in tags(html) {
        let name = tag.text.split([' ', '\n', '>', '/']).next().unwrap_or_default();
        for (attribute, value) in attributes(tag.text) {
            let refused = match attribute {
                // In a frame with an opaque origin these make the browser refuse the page's own files.
                "integrity" | "crossorigin" => true,
                "style" => true,
                "href" | "src" => is_absolute(value),
                _ => attribute.starts_with("on"),
            };
            if refused {
                problems.push(format!("<{name}> has {attribute}=\"{value}\""));
            }
        }
        let is_inline = match name {
            "script" => !attributes(tag.text).any(|(attribute, _)| attribute == "src"),
            "style" => true,
            _ => false,
        };
        if is_inline {
            problems.push(format!("<{name}> is inline: {:.60}", tag.after.trim()));
        }
    }
    problems
}

/// Whether an address would leave the folder in which the page lies.
fn is_absolute(address: &str) -> bool {
    address.starts_with('/') || address.split('/').next().is_some_and(|first| first.contains(':'))
}

struct Tag<'a> {
    text: &'a str,
    after: &'a str,
}

/// The opening tags of a document. Trunk writes no `>` inside an attribute, and no `<` in text.
fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    html.split('<').skip(1).filter_map(|part| {
        let (text, after) = part.split_once('>')?;
        text.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(Tag { text, after })
    })
}

/// The attributes of a tag; one without a value has an empty one.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        let Some(value) = after.strip_prefix('=') else {
            rest = after;
            return Some((name, ""));
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        rest = after;
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_files_with_relative_addresses_has_no_problem() {
        let html = r#"<!doctype html><html lang="en"><head><link rel="icon" href="icon.svg"><link rel=stylesheet href=a.css>
            </head><body><main id="app"></main><script src="./boot.js" data-wasm="./a_bg.wasm"></script></body></html>"#;
        assert_eq!(problems(html), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_breaks_an_embedded_page_is_named() {
        for (html, name) in [
            (r#"<script type="module">import init from "./a.js";</script>"#, "<script> is inline: import"),
            ("<style>p { color: red }</style>", "<style> is inline"),
            (r#"<link rel="stylesheet" href="a.css" integrity="sha384-x">"#, "integrity"),
            (r#"<link rel="modulepreload" crossorigin href="a.js">"#, "crossorigin"),
            (r#"<script src="/boot.js"></script>"#, r#"src="/boot.js""#),
            (r#"<link rel="stylesheet" href="https://example.com/a.css">"#, "href"),
            (r#"<p style="color: red">"#, "style"),
            (r#"<body onload='start()'>"#, "onload"),
        ] {
            let found = problems(html).join("\n");
            assert!(found.contains(name), "{html}: {found:?}");
        }
    }
}
