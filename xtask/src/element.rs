//! The script of the element `<kube-hop>`: it is linked by a name that stays, and the files that it loads have names that
//! change with their content, so the build writes them into it.

use anyhow::{Context, Result};

/// How the line begins that is replaced.
const LINE: &str = "  const FILES = ";

/// `script`, with the names of the files that `index` loads.
pub(crate) fn with_names(script: &str, index: &str) -> Result<String> {
    let value = |name: &str| {
        let start = index.find(name).with_context(|| format!("dist/index.html has no {name}"))?;
        quoted(&index[start + name.len()..]).with_context(|| format!("dist/index.html has an odd {name}"))
    };
    let program = value("data-program=")?;
    let wasm = value("data-wasm=")?;
    let sheets: Vec<&str> = index.split('<').filter(|tag| tag.contains("rel=\"stylesheet\"")).collect();
    let sheets = sheets.iter().filter_map(|tag| tag.split_once("href=")).filter_map(|(_, rest)| quoted(rest));
    let sheets: Vec<String> = sheets.map(|name| format!("{name:?}")).collect();
    let files = format!("{LINE}{{ program: {program:?}, wasm: {wasm:?}, styles: [{}] }};", sheets.join(", "));
    let (before, rest) = script.split_once(LINE).context("kube-hop.js has no line for the names of files")?;
    let (_, after) = rest.split_once('\n').context("kube-hop.js ends early")?;
    Ok(format!("{before}{files}\n{after}"))
}

/// What stands in the quotation marks at the beginning of `text`.
fn quoted(text: &str) -> Option<&str> {
    Some(text.strip_prefix('"')?.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::with_names;

    #[test]
    fn the_names_of_all_files_are_written_into_the_script() {
        let index = r#"<link rel="icon" href="./i.svg"><link rel="stylesheet" href="./a-1.css"/><link rel="stylesheet" href="./b-2.css"/>
            <script src="./boot.js" data-program="./page-3.js" data-wasm="./page-3_bg.wasm"></script>"#;
        let script = "before\n  const FILES = { program: \"\" };\nafter\n";
        let expected = "before\n  const FILES = { program: \"./page-3.js\", wasm: \"./page-3_bg.wasm\", \
                        styles: [\"./a-1.css\", \"./b-2.css\"] };\nafter\n";
        assert_eq!(with_names(script, index).unwrap(), expected);
        assert!(with_names("nothing", index).is_err());
        assert!(with_names(script, "<p>").is_err());
    }
}
