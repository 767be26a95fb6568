//! The build tools that cargo and npm install, at pinned versions, into `.tools/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::program::{command, find, run};
use crate::project;

/// A program from crates.io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CargoTool {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    binary: &'static str,
    extra: &'static [&'static str],
    /// How long its installation takes on two cores.
    pub(crate) secs: u32,
}

pub(crate) const TRUNK: CargoTool = CargoTool {
    package: "trunk",
    version: "0.21.14",
    binary: "trunk",
    // Its own downloads and its updater are not used, and are most of what it compiles.
    extra: &["--no-default-features"],
    secs: 150,
};

/// The version of the `wasm-bindgen` crate in Cargo.toml, which must be the same.
pub(crate) const WASM_BINDGEN: CargoTool =
    CargoTool { package: "wasm-bindgen-cli", version: "0.2.128", binary: "wasm-bindgen", extra: &[], secs: 70 };

pub(crate) const WASM_PACK: CargoTool =
    CargoTool { package: "wasm-pack", version: "0.13.1", binary: "wasm-pack", extra: &[], secs: 50 };

/// Binaryen, whose optimiser makes the page small.
pub(crate) const BINARYEN: &str = "binaryen@132.0.0";
/// Judges whether everybody can use the page; nothing of it is in the page.
pub(crate) const AXE: &str = "axe-core@4.14.1";

impl CargoTool {
    /// Whether exactly this version is there.
    pub(crate) fn is_installed(&self) -> bool {
        let record = fs::read_to_string(project::tools().join(".crates.toml")).unwrap_or_default();
        record.contains(&format!("\"{} {} ", self.package, self.version))
            && project::tools().join("bin").join(self.binary).is_file()
    }

    /// Compiles and installs it.
    pub(crate) fn install(&self) -> Result<()> {
        let package = format!("{}@{}", self.package, self.version);
        let mut install = command("cargo", ["install", "--locked", "--debug", "--root"]);
        install.arg(project::tools()).args(self.extra).arg(package);
        // Unoptimised builds take less than half the time and are fast enough; sharing a folder shares dependencies.
        install.env("CARGO_TARGET_DIR", build_folder()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        run(install)?;
        Ok(())
    }
}

/// Deletes what compiling the tools left behind.
pub(crate) fn clean_up() {
    // Nothing depends on it being gone: it is only large.
    let _ = fs::remove_dir_all(build_folder());
}

fn build_folder() -> PathBuf {
    project::tools().join("build")
}

/// Adds the compiler's WebAssembly target where it is missing.
pub(crate) fn add_wasm_target() -> Result<()> {
    if has_wasm_target()? {
        return Ok(());
    }
    run(command("rustup", ["target", "add", "wasm32-unknown-unknown"])).context("the target wasm32-unknown-unknown")?;
    Ok(())
}

fn has_wasm_target() -> Result<bool> {
    let libdir = run(rustc_libdir())?;
    Ok(fs::exists(libdir.trim())?)
}

fn rustc_libdir() -> Command {
    command("rustc", ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])
}

/// Installs a package from npm, where npm is.
pub(crate) fn install_from_npm(package: &str) -> Result<()> {
    find("node").context("node is not installed")?;
    find("npm").context("npm is not installed")?;
    let mut install = command("npm", ["install", "--no-audit", "--no-fund", "--prefix"]);
    install.arg(project::tools().join("npm")).arg(package);
    run(install)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wasm_bindgen_program_and_crate_have_the_same_version() {
        let manifest = fs::read_to_string(project::root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("\nwasm-bindgen = \"={}\"\n", WASM_BINDGEN.version)));
    }
}
