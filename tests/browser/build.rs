//! Computes natively what the browser's tests compute as WebAssembly, so that both can be compared byte for byte.

use std::{env, fs, path::Path};

#[path = "runs.rs"]
mod runs;

fn main() {
    println!("cargo::rerun-if-changed=runs.rs");
    println!("cargo::rerun-if-changed=../../examples");
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("digests.txt"), runs::digests()).expect("OUT_DIR can be written to");
}
