//! Building the page: Trunk, then wasm-opt, then a look at what came out.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::program::{command, find, run};
use crate::setup::{Need, prepare};
use crate::tools::{TRUNK, WASM_BINDGEN};
use crate::{element, markup, own_std, project};

/// What a build of the page needs.
pub(crate) const NEEDS: &[Need] = &[Need::WasmTarget, Need::Tool(&TRUNK), Need::Tool(&WASM_BINDGEN)];

/// What rustc 1.95 writes for wasm32 and wasm-opt does not take unasked.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Small when compressed, which is how a page is sent.
const FOR_SIZE: &[&str] = &[
    // The stack stands first and grows down: nothing points into the first kilobyte, and offsets need no check for it.
    "--low-memory-unused",
    "-Oz",
    "--converge",
    // The compiler has inlined what pays; copies made after it cost more than the calls.
    "--always-inline-max-function-size=0",
    "--one-caller-inline-max-function-size=0",
    "--flexible-inline-max-function-size=0",
    "--partial-inlining-ifs=0",
    // One function for several types has nearly the same bytes each time, and its name begins alike.
    "--reorder-functions-by-name",
    "--strip-debug",
    "--strip-producers",
];

/// Leaves the release page in `dist/`.
pub fn dist() -> Result<()> {
    let needs = [NEEDS, &[Need::WasmOpt]].concat();
    let missing = prepare(needs.iter().copied().chain([Need::StdSource]));
    if let Some(reason) = missing.reason(&needs) {
        bail!("dist {reason}");
    }
    if let Some(reason) = missing.reason(&[Need::StdSource]) {
        println!("the page is larger than it could be: it {}", reason.replace('\n', " "));
    }
    let start = Instant::now();
    build(true)?;
    println!("dist/ is built ({:.1} s)", start.elapsed().as_secs_f32());
    Ok(())
}

/// Draws the page's pictures anew: those that are kept in `docs/pictures/`, and those that stand where no program runs.
pub fn pictures() -> Result<()> {
    dist()?;
    let mut tests = command("cargo", ["test", "--quiet", "--workspace", "--test", "pictures"]);
    tests.env_remove("UPDATE_EXPECT");
    run(tests)?;
    let mut tests = command("cargo", ["test", "--quiet", "--workspace", "--test", "e2e", "static_pictures"]);
    tests.env("UPDATE_EXPECT", "1");
    run(tests)?;
    Ok(())
}

/// Builds the page into `dist/`, with or without wasm-opt, and with a standard library of its own where that can be had.
pub(crate) fn build(optimised: bool) -> Result<()> {
    let mut trunk = command("trunk", ["build", "--release", "--offline", "true"]);
    // Trunk takes this variable for an option of its own, and fails on the value that others understand.
    trunk.env_remove("NO_COLOR");
    if own_std::is_there() {
        trunk.envs(own_std::BUILD);
    }
    run(trunk)?;
    if optimised {
        optimise()?;
    }
    name_files()?;
    check()
}

/// Tells kube-hop.js, whose own name stays the same, how the other files are called.
fn name_files() -> Result<()> {
    let index = fs::read_to_string(project::dist().join("index.html"))?;
    let path = project::dist().join("kube-hop.js");
    let script = fs::read_to_string(&path)?;
    fs::write(&path, element::with_names(&script, &index)?)?;
    Ok(())
}

/// Makes the wasm smaller, in place.
fn optimise() -> Result<()> {
    let program = find("wasm-opt").context("wasm-opt is not installed")?;
    let wasm = only_file("wasm")?;
    let mut wasm_opt = command(&program.to_string_lossy(), FOR_SIZE);
    wasm_opt.args(WASM_FEATURES).arg(&wasm).arg("-o").arg(&wasm);
    run(wasm_opt)?;
    Ok(())
}

/// Fails when the page would not work under any path and under its content security policy.
fn check() -> Result<()> {
    let index = fs::read_to_string(project::dist().join("index.html"))?;
    let problems = markup::problems(&index);
    if !problems.is_empty() {
        bail!("dist/index.html is not as it must be; has Trunk's output changed?\n{}", problems.join("\n"));
    }
    let wasm = only_file("wasm")?;
    let name = wasm.file_name().unwrap_or_default().to_string_lossy();
    if !index.contains(&*name) {
        bail!("dist/index.html does not name {name}");
    }
    Ok(())
}

fn only_file(extension: &str) -> Result<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(project::dist())? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => bail!("dist/ should hold one .{extension} file, and holds {}", files.len()),
    }
}
