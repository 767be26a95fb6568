//! The groups of checks, in the order in which they run.

use std::cell::OnceCell;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use crate::program::{command, find, run};
use crate::setup::Need;
use crate::tools::{TRUNK, WASM_BINDGEN, WASM_PACK};
use crate::{page, size};

/// Checks that are run and reported together.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Need],
    /// Returns what is worth showing although nothing is wrong.
    pub(crate) run: fn(&Shared) -> Result<String>,
}

/// What several groups use and only the first of them makes.
#[derive(Default)]
pub(crate) struct Shared {
    page: OnceCell<Result<(), String>>,
}

impl Shared {
    /// Sees that `dist/` holds the page as the sources have it now.
    fn built_page(&self) -> Result<()> {
        let built = self.page.get_or_init(|| page::build(true).map_err(|problem| format!("{problem:#}")));
        built.clone().map_err(|problem| anyhow!("the page cannot be built: {problem}"))
    }
}

/// All native commands name `--workspace`, so that cargo chooses the same features each time and compiles nothing twice;
/// they are quiet, so that a failure shows what failed and little else.
pub(crate) const GROUPS: &[Group] = &[
    Group { name: "fmt", needs: &[], run: |_| cargo("fmt --all --check") },
    Group { name: "clippy", needs: &[Need::WasmTarget], run: |_| clippy() },
    Group { name: "tidy", needs: &[], run: |_| cargo("test --quiet --workspace --test tidy") },
    Group { name: "native", needs: &[], run: |_| cargo("test --quiet --workspace --no-fail-fast") },
    Group {
        name: "tshark",
        needs: &[Need::Program("tshark")],
        run: |_| cargo("test --quiet --workspace --test tshark"),
    },
    Group {
        name: "wasm",
        needs: &[
            Need::WasmTarget,
            Need::Tool(&WASM_BINDGEN),
            Need::Tool(&WASM_PACK),
            Need::Program("chromium"),
            Need::Program("chromedriver"),
        ],
        run: |_| wasm_pack(),
    },
    Group {
        name: "e2e",
        needs: &[
            Need::WasmTarget,
            Need::Tool(&TRUNK),
            Need::Tool(&WASM_BINDGEN),
            Need::WasmOpt,
            Need::Program("chromium"),
            Need::Axe,
        ],
        run: |shared| {
            shared.built_page()?;
            cargo("test --quiet --workspace --test e2e")
        },
    },
    Group { name: "kernel", needs: KERNEL_NEEDS, run: |_| kernel(false) },
    Group {
        name: "size",
        needs: &[Need::WasmTarget, Need::Tool(&TRUNK), Need::Tool(&WASM_BINDGEN), Need::WasmOpt],
        run: |shared| {
            shared.built_page()?;
            size::measure()
        },
    },
];

/// What building networks of real kernels and listening to them takes.
pub(crate) const KERNEL_NEEDS: &[Need] = &[
    Need::Namespaces,
    Need::Program("conntrack"),
    Need::Program("ethtool"),
    Need::Program("gcc"),
    Need::Program("ip"),
    Need::Program("ipset"),
    Need::Program("iptables"),
    Need::Program("musl-gcc"),
    Need::Program("nft"),
    Need::Program("ping"),
    Need::Program("tcpdump"),
];

/// Runs the kernel arm. Without `KUBEHOP_KERNEL` its tests compare with what was recorded.
pub(crate) fn kernel(record: bool) -> Result<String> {
    let mut tests = command("cargo", ["test", "--quiet", "--workspace", "--test", "linux"]);
    tests.env("KUBEHOP_KERNEL", if record { "record" } else { "live" });
    run(tests).map(|output| tests_run(&output))
}

/// Asks clippy about everything that is built, in each of the ways in which it is built.
fn clippy() -> Result<String> {
    cargo("clippy --quiet --workspace --all-targets -- -D warnings")?;
    // --all-targets leaves out those that a plain `cargo test` does not run.
    cargo("clippy --quiet --workspace --test * -- -D warnings")?;
    let wasm = "--target wasm32-unknown-unknown -p kubehop-web -p kubehop-browser-tests --lib --bins --test *";
    cargo(&format!("clippy --quiet {wasm} -- -D warnings"))
}

fn cargo(args: &str) -> Result<String> {
    run(command("cargo", args.split_whitespace())).map(|output| tests_run(&output))
}

fn wasm_pack() -> Result<String> {
    run(wasm_pack_test(&[])?).map(|output| tests_run(&output))
}

/// How many tests ran, as cargo says it of one binary; nothing if there were none.
fn tests_run(output: &str) -> String {
    let (mut n_passed, mut n_ignored) = (0, 0);
    for result in output.lines().filter_map(|line| line.trim().strip_prefix("test result: ok. ")) {
        // `12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
        for count in result.split("; ") {
            match count.split_once(' ') {
                Some((n, "passed")) => n_passed += n.parse::<u32>().unwrap_or(0),
                Some((n, "ignored")) => n_ignored += n.parse::<u32>().unwrap_or(0),
                _ => {}
            }
        }
    }
    if n_passed == 0 {
        return String::new();
    }
    format!("test result: ok. {n_passed} passed; 0 failed; {n_ignored} ignored; 0 measured; 0 filtered out")
}

/// `wasm-pack test` on the tests that run in a browser, with further arguments.
pub(crate) fn wasm_pack_test(arguments: &[&str]) -> Result<Command> {
    let driver = find("chromedriver").context("chromedriver is not installed")?;
    let mut tests = command("wasm-pack", ["test", "--headless", "--chrome", "--mode", "no-install", "--chromedriver"]);
    tests.arg(&driver).arg("tests/browser").args(arguments).env("CHROMEDRIVER", &driver);
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_all_binaries_are_counted() {
        let output = "\nrunning 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
             test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.00s\n";
        assert_eq!(tests_run(output), "test result: ok. 42 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        assert_eq!(tests_run("Finished"), "");
    }
}
