//! What documents point at.

use crate::Finding;

/// A word in backquotes that starts with one of these is a path from the project's root.
const FOLDERS: &[&str] =
    &["core/", "web/", "cli/", "tests/", "xtask/", "docs/", "static/", "examples/", ".ci/", ".cargo/"];

/// Every relative link in a markdown file, and every path in backquotes, leads to something that exists.
pub(crate) fn links(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let linked = targets(line).map(|target| join(folder, target));
        for target in linked.chain(quoted_paths(line).map(str::to_owned)) {
            if !exists(&target) {
                findings.push(Finding::new(path, number + 1, format!("points at {target}, which does not exist")));
            }
        }
    }
    findings
}

/// The relative addresses of a line's links and pictures, without their fragments.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).chain(line.split(" src=\"").skip(1)).chain(line.split(" srcset=\"").skip(1));
    links.filter_map(|rest| {
        let address = rest.split([')', ' ', '#', '"']).next()?;
        let is_relative = !address.is_empty() && !address.contains("://") && !address.starts_with("mailto:");
        is_relative.then_some(address)
    })
}

/// The paths that stand in backquotes. What has other characters than a path's is a pattern or a command.
fn quoted_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|word| {
        FOLDERS.iter().any(|folder| word.starts_with(folder))
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    })
}

/// A path relative to a folder, as one relative to the root.
fn join(folder: &str, target: &str) -> String {
    let mut parts = folder.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    for part in target.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let exists = |target: &str| ["core/src/net", "docs/FIDELITY.md", "README.md"].contains(&target);
        let found = links(path, text, exists).iter().map(Finding::to_string).collect::<Vec<_>>();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        check(
            "README.md",
            "see\n[it](docs/NONE.md#top)",
            &["README.md:2: points at docs/NONE.md, which does not exist"],
        );
        check("README.md", "<img src=\"docs/a.webp\">", &["README.md:1: points at docs/a.webp, which does not exist"]);
        check("docs/A.md", "[it](NONE.md)", &["docs/A.md:1: points at docs/NONE.md, which does not exist"]);
        check(
            "README.md",
            "look in `core/src/gone.rs`",
            &["README.md:1: points at core/src/gone.rs, which does not exist"],
        );
    }

    #[test]
    fn what_exists_or_leads_elsewhere_is_left_alone() {
        check("README.md", "[a](docs/FIDELITY.md#x) [b](https://example.com/x) [c](#here) `core/src/net`", &[]);
        check("docs/FIDELITY.md", "[back](../README.md) [same](FIDELITY.md)", &[]);
        check("README.md", "`core/src/*.rs` `dist/` `tests/x y`\n```\n`core/none`\n```", &[]);
        check("core/src/a.rs", "[it](NONE.md)", &[]);
    }
}
