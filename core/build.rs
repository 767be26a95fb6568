//! Lists the built-in walks and their labs, so that adding a file to `walks/` is all that a new walk needs.

#![expect(clippy::disallowed_methods, reason = "this runs before there is a core, and is no part of it")]

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let walks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../walks");
    println!("cargo::rerun-if-changed={}", walks.display());
    let table = |name: &str, folder: &Path| {
        let entries: Vec<String> = files(folder).iter().map(|file| entry(file)).collect();
        format!("const {name}: [(&str, &str); {}] = [\n{}];\n", entries.len(), entries.concat())
    };
    let text = table("WALKS", &walks) + &table("LABS", &walks.join("labs"));
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("walks.rs"), text).expect("OUT_DIR can be written to");
}

/// The YAML files of `folder`, in order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("walks/ and walks/labs/ are folders");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// A row of the table: the file's name without its ending, and its text.
fn entry(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let path = file.canonicalize().expect("a file that was listed is there");
    format!("({stem:?}, include_str!({:?})),\n", path.to_string_lossy())
}
