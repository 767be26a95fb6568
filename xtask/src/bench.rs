//! `cargo xtask bench`: the figures of docs/PERFORMANCE.md, as markdown tables.

use anyhow::{Result, bail};

use crate::program::{command, run};
use crate::setup::{Need, prepare};
use crate::tools::WASM_PACK;
use crate::{groups, page, size};

/// What the browser's figures need, besides what builds the page.
const BROWSER_NEEDS: &[Need] =
    &[Need::WasmOpt, Need::Tool(&WASM_PACK), Need::Program("chromedriver"), Need::Program("chromium")];

/// Runs the benchmarks, natively and in the browser, and prints a table of each.
pub fn bench() -> Result<()> {
    let output = run(command("cargo", ["bench", "--package", "kubehop-tests", "--bench", "trace"]))?;
    println!("{}", markdown(&output));
    let needs = [page::NEEDS, BROWSER_NEEDS].concat();
    if let Some(reason) = prepare(needs.iter().copied()).reason(&needs) {
        bail!("the browser's figures {reason}");
    }
    let core = run(groups::wasm_pack_test(&["--release", "--test", "bench", "--", "--nocapture"])?)?;
    page::build(true)?;
    let page =
        run(command("cargo", ["test", "--quiet", "--package", "kubehop-e2e", "--test", "bench", "--", "--nocapture"]))?;
    println!("| in Chromium | fastest | median |\n|---|---:|---:|");
    for figure in core.lines().chain(page.lines()).filter_map(|line| line.split_once("figure: ")) {
        println!("| {} |", figure.1.trim());
    }
    println!("\n{}", size::measure()?);
    Ok(())
}

/// Divan prints a tree with columns, of which the fastest, the median and the mean are worth keeping.
fn markdown(divan: &str) -> String {
    let mut table = String::from("| native, release | fastest | median | mean |\n|---|---:|---:|---:|\n");
    for line in divan.lines() {
        let columns = line.split('│').map(str::trim).collect::<Vec<_>>();
        let [first, _slowest, median, mean, _samples, _iterations] = columns.as_slice() else { continue };
        let first = first.trim_start_matches(['├', '╰', '─', ' ']);
        // The head of the table has the same shape, and its words where the figures should be.
        let Some((name, fastest)) = first.split_once("  ") else { continue };
        if median.starts_with(|c: char| c.is_ascii_digit()) {
            table.push_str(&format!("| {name} | {} | {median} | {mean} |\n", fastest.trim()));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_benchmark_becomes_a_row() {
        let divan = "Timer precision: 20 ns\n\
            trace          fastest       │ slowest       │ median        │ mean          │ samples │ iters\n\
            ├─ cross_node  1.2 µs        │ 9.9 µs        │ 1.3 µs        │ 1.4 µs        │ 100     │ 800\n\
            ╰─ same_node   800 ns        │ 990 ns        │ 810 ns        │ 820 ns        │ 100     │ 800\n";
        let rows = markdown(divan);
        assert!(
            rows.ends_with("| cross_node | 1.2 µs | 1.3 µs | 1.4 µs |\n| same_node | 800 ns | 810 ns | 820 ns |\n")
        );
        assert_eq!(rows.lines().count(), 4);
    }
}
