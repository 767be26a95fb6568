//! How long files are, and what they must not name.

use crate::Finding;

/// A file this long has more than one subject.
const MAX_LINES: usize = 600;

/// Folders of what a machine wrote down, which is as long as it is.
const RECORDED: &[&str] = &["golden", "recorded"];

/// Where packages come from is everyone's own setting, and paths hold on one machine only. Each is cut in two, so that
/// this file may itself be judged.
const HOSTS: &[(&str, &str)] = &[
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("crates.io", "-index"),
    ("registry.", "npmjs.org"),
    ("registry", "+http"),
    ("sparse", "+http"),
    ("pypi", ".org"),
    ("files.python", "hosted.org"),
    ("deb.", "debian.org"),
    ("proxy.", "golang.org"),
];
const FOLDERS: &[(&str, &str)] = &[("/wo", "rk"), ("/ro", "ot"), ("/ho", "me")];

/// The one registry that Cargo.lock may name.
const CRATES_IO: &str = concat!("registry", "+https://github.com/rust-lang/crates.io", "-index");

/// No Rust or CSS file is longer than [`MAX_LINES`].
pub(crate) fn length(path: &str, text: &str) -> Vec<Finding> {
    let is_source = [".rs", ".css"].iter().any(|extension| path.ends_with(extension));
    let is_recorded = path.split('/').any(|part| RECORDED.contains(&part));
    let lines = text.lines().count();
    if is_source && !is_recorded && lines > MAX_LINES {
        return vec![Finding::new(path, MAX_LINES + 1, format!("has {lines} lines; split it ({MAX_LINES} at most)"))];
    }
    Vec::new()
}

/// No file names a package registry's host or a folder that only one machine has.
pub(crate) fn places(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if path.ends_with("Cargo.lock") {
            let source = line.strip_prefix("source = ");
            if source.is_some_and(|source| source.trim_matches('"') != CRATES_IO) {
                findings.push(Finding::new(path, number + 1, "a package is not from crates.io"));
            }
            continue;
        }
        let host = HOSTS.iter().map(|(a, b)| format!("{a}{b}")).find(|host| line.contains(host));
        if let Some(host) = host {
            findings.push(Finding::new(path, number + 1, format!("names the registry host {host}")));
        }
        let folder = FOLDERS.iter().map(|(a, b)| format!("{a}{b}")).find(|folder| names_folder(line, folder));
        if let Some(folder) = folder {
            findings.push(Finding::new(path, number + 1, format!("names {folder}, which only some machine has")));
        }
    }
    findings
}

/// Whether a line has this absolute path or one below it: not as a part of a longer path or word.
fn names_folder(line: &str, folder: &str) -> bool {
    let continues = |c: char, others: &str| c.is_alphanumeric() || others.contains(c);
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| continues(c, "_-./}")) && !after.is_some_and(|c| continues(c, "_-."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_source_file_is_found() {
        let text = "line\n".repeat(601);
        let rule = "core/src/a.rs:601: has 601 lines; split it (600 at most)";
        assert_eq!(length("core/src/a.rs", &text)[0].to_string(), rule);
        assert_eq!(length("static/a.css", &text).len(), 1);
        assert_eq!(length("core/src/a.rs", &text[5..]), []);
        assert_eq!(length("tests/linux/recorded/a.rs", &text), []);
        assert_eq!(length("examples/a.yaml", &text), []);
    }

    #[test]
    fn a_registry_host_is_found() {
        for (a, b) in HOSTS {
            assert_eq!(places(".npmrc", &format!("\nx = https://{a}{b}/x\n"))[0].line, 2, "{a}{b}");
        }
        assert_eq!(places("README.md", "https://crates.io/crates/yew"), []);
    }

    #[test]
    fn a_package_from_elsewhere_is_found_in_the_lock_file() {
        let lock = |source| format!("[[package]]\nname = \"a\"\nsource = \"{source}\"\n");
        assert_eq!(places("Cargo.lock", &lock(CRATES_IO)), []);
        assert_eq!(places("Cargo.lock", &lock("git+https://example.com/a"))[0].line, 3);
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        for (a, b) in FOLDERS {
            let folder = format!("{a}{b}");
            for line in [format!("see {folder}/x"), format!("\"{folder}\""), format!("({folder})")] {
                assert_eq!(places("a.rs", &line).len(), 1, "{line}");
            }
            for line in
                [format!("{folder}loads"), format!("net{folder}/x"), format!("./a{folder}"), format!("..{folder}")]
            {
                assert_eq!(places("a.rs", &line), [], "{line}");
            }
        }
    }
}
